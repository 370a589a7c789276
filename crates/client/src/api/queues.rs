//! Queues, their messages and their handlers.

use super::ApiClient;
use crate::{ClientError, Result, connection::ANSWER_TIMEOUT};
use picloud_types::{
    Payload, QueueName, Timestamp,
    api::queues::{
        AttachHeader, AttachmentInfo, ExchangeHeader, ExchangeReply, MoveRequest, Moved, PeekQuery,
        PopHeader, PopJson, PopRequest, PushHeader, PushJson, Pushed, QueueChange, QueueInfo,
        QueueList, QueuesQuery, Rates, RatesQuery, RequeueRequest, RollbackRequest, TicketsReply,
        TicketsRequest, VersionList,
    },
    frames::{FrameReader, FrameWriter},
    message::{BadMessage, Body, Delivered, Settled},
};
use reqwest::{Method, header::ACCEPT};
use std::time::Duration;

/// What touches every message of a queue takes the server longer than other things.
const ALL_WAIT: Duration = Duration::from_secs(600);

fn path(queue: &QueueName, what: &str) -> String {
    format!("/v1/queues/{queue}{what}")
}

impl ApiClient {
    /// Queues by name: all of them, or those asked for that exist.
    pub async fn queues(&self, names: Option<&[QueueName]>) -> Result<Vec<QueueInfo>> {
        let joined = |names: &[QueueName]| {
            let names: Vec<_> = names.iter().map(QueueName::as_str).collect();
            names.join(",")
        };
        let query = QueuesQuery {
            names: names.map(joined),
        };
        let request = self.connection.request(Method::GET, "/v1/queues");
        let reply: QueueList = self
            .connection
            .json(request.query(&query), ANSWER_TIMEOUT)
            .await?;
        Ok(reply.queues)
    }

    /// One queue.
    pub async fn queue(&self, queue: &QueueName) -> Result<QueueInfo> {
        self.connection.get(&path(queue, "")).await
    }

    /// Pauses a queue, or changes how long it keeps messages and how many jobs handle them.
    pub async fn queue_change(&self, queue: &QueueName, change: &QueueChange) -> Result<QueueInfo> {
        let request = self
            .connection
            .request_json(Method::PATCH, &path(queue, ""), change)?;
        self.connection.json(request, ANSWER_TIMEOUT).await
    }

    /// Deletes a queue with its messages and its attachment.
    pub async fn queue_delete(&self, queue: &QueueName) -> Result<()> {
        let request = self.connection.request(Method::DELETE, &path(queue, ""));
        self.connection
            .bytes(request, ANSWER_TIMEOUT)
            .await
            .map(drop)
    }

    /// Pushes messages, all or none. The same `key` again changes nothing.
    pub async fn queue_push(
        &self,
        queue: &QueueName,
        header: &PushHeader,
        messages: &[Body],
    ) -> Result<u64> {
        debug_assert_eq!(header.count, messages.len());
        let mut frames = FrameWriter::with_header(header);
        for message in messages {
            frames.push(&message.encode());
        }
        let request = self
            .connection
            .request_frames(&path(queue, "/messages"), frames.finish());
        let reply: Pushed = self.connection.json(request, ANSWER_TIMEOUT).await?;
        Ok(reply.pushed)
    }

    /// Pushes JSON values.
    pub async fn queue_push_json(&self, queue: &QueueName, push: &PushJson) -> Result<u64> {
        let path = path(queue, "/messages");
        let reply: Pushed = self.connection.post(&path, push, Duration::ZERO).await?;
        Ok(reply.pushed)
    }

    /// Takes messages; waits for the first one as long as the request says. Also when the
    /// deliveries end.
    pub async fn queue_pop(
        &self,
        queue: &QueueName,
        request: &PopRequest,
    ) -> Result<(Vec<Delivered>, Option<Timestamp>)> {
        let wait = Duration::from_millis(request.wait_ms);
        let request = self
            .connection
            .request_json(Method::POST, &path(queue, "/pop"), request)?;
        let body = self
            .connection
            .bytes(request, ANSWER_TIMEOUT + wait)
            .await?;
        let mut frames = FrameReader::new(body);
        let header: PopHeader = frames.header()?;
        Ok((delivered(&mut frames, header.count)?, header.deadline))
    }

    /// The same in JSON.
    pub async fn queue_pop_json(&self, queue: &QueueName, request: &PopRequest) -> Result<PopJson> {
        let wait = Duration::from_millis(request.wait_ms);
        let request = self
            .connection
            .request_json(Method::POST, &path(queue, "/pop"), request)?
            .header(ACCEPT, "application/json");
        self.connection.json(request, ANSWER_TIMEOUT + wait).await
    }

    /// Acknowledges deliveries.
    pub async fn queue_ack(&self, queue: &QueueName, tickets: Vec<String>) -> Result<TicketsReply> {
        let request = TicketsRequest {
            tickets,
            deadline_s: None,
        };
        self.connection
            .post(&path(queue, "/ack"), &request, Duration::ZERO)
            .await
    }

    /// Gives deliveries another deadline, in seconds from now.
    pub async fn queue_deadline(
        &self,
        queue: &QueueName,
        tickets: Vec<String>,
        deadline_s: u32,
    ) -> Result<TicketsReply> {
        let request = TicketsRequest {
            tickets,
            deadline_s: Some(deadline_s),
        };
        self.connection
            .post(&path(queue, "/deadline"), &request, Duration::ZERO)
            .await
    }

    /// Messages that wait, longest waiting first.
    pub async fn queue_peek(&self, queue: &QueueName, query: &PeekQuery) -> Result<PopJson> {
        let request = self
            .connection
            .request(Method::GET, &path(queue, "/messages"));
        self.connection
            .json(request.query(query), ANSWER_TIMEOUT)
            .await
    }

    /// Puts a message that waits back as a new one.
    pub async fn queue_requeue(
        &self,
        queue: &QueueName,
        id: i64,
        request: &RequeueRequest,
    ) -> Result<()> {
        let path = path(queue, &format!("/messages/{id}/requeue"));
        let request = self.connection.request_json(Method::POST, &path, request)?;
        self.connection
            .bytes(request, ANSWER_TIMEOUT)
            .await
            .map(drop)
    }

    /// Removes messages that wait; returns how many.
    pub async fn queue_purge(&self, queue: &QueueName, request: &MoveRequest) -> Result<u64> {
        self.queue_move_by(queue, "/purge", request).await
    }

    /// Moves messages that wait to another queue; returns how many.
    pub async fn queue_move(&self, queue: &QueueName, request: &MoveRequest) -> Result<u64> {
        self.queue_move_by(queue, "/move", request).await
    }

    /// Sends error messages back to where they failed; returns how many.
    pub async fn queue_redrive(&self, queue: &QueueName, request: &MoveRequest) -> Result<u64> {
        self.queue_move_by(queue, "/redrive", request).await
    }

    async fn queue_move_by(
        &self,
        queue: &QueueName,
        what: &str,
        request: &MoveRequest,
    ) -> Result<u64> {
        let reply: Moved = self
            .connection
            .post(&path(queue, what), request, ALL_WAIT)
            .await?;
        Ok(reply.moved)
    }

    /// How much came and went, in windows of ten seconds.
    pub async fn queue_rates(&self, queue: &QueueName, query: &RatesQuery) -> Result<Rates> {
        let request = self.connection.request(Method::GET, &path(queue, "/rates"));
        self.connection
            .json(request.query(query), ANSWER_TIMEOUT)
            .await
    }

    /// Attaches a handler, or another version of it.
    pub async fn attach(
        &self,
        queue: &QueueName,
        header: &AttachHeader,
        function: &Payload,
        args: &Payload,
    ) -> Result<AttachmentInfo> {
        let mut frames = FrameWriter::with_header(header);
        frames.push(&function.encode());
        frames.push(&args.encode());
        let request = self.connection.request_frames_by(
            Method::PUT,
            &path(queue, "/attachment"),
            frames.finish(),
        );
        self.connection.json(request, ANSWER_TIMEOUT).await
    }

    /// Detaches the handler.
    pub async fn detach(&self, queue: &QueueName) -> Result<()> {
        let request = self
            .connection
            .request(Method::DELETE, &path(queue, "/attachment"));
        self.connection
            .bytes(request, ANSWER_TIMEOUT)
            .await
            .map(drop)
    }

    /// All versions of the attachment.
    pub async fn attachment_versions(&self, queue: &QueueName) -> Result<VersionList> {
        self.connection
            .get(&path(queue, "/attachment/versions"))
            .await
    }

    /// Lets an earlier version handle the messages: that one, or the one before the current one.
    pub async fn attachment_rollback(
        &self,
        queue: &QueueName,
        version: Option<u32>,
    ) -> Result<AttachmentInfo> {
        let path = path(queue, "/attachment/rollback");
        let request = RollbackRequest { version };
        self.connection.post(&path, &request, Duration::ZERO).await
    }

    /// What a handler job says: what became of messages, and how many more it takes. Needs the
    /// credentials of the job.
    pub async fn exchange(
        &self,
        queue: &QueueName,
        header: &ExchangeHeader,
        settled: &[Settled],
    ) -> Result<(ExchangeReply, Vec<Delivered>)> {
        debug_assert_eq!(header.settled, settled.len());
        let mut frames = FrameWriter::with_header(header);
        for one in settled {
            frames.push(&one.encode());
            for output in &one.outputs {
                frames.push(&output.encode());
            }
        }
        let wait = Duration::from_millis(header.wait_ms);
        let request = self
            .connection
            .request_frames(&path(queue, "/exchange"), frames.finish());
        let body = self
            .connection
            .bytes(request, ANSWER_TIMEOUT + wait)
            .await?;
        let mut frames = FrameReader::new(body);
        let reply: ExchangeReply = frames.header()?;
        let messages = delivered(&mut frames, reply.count)?;
        Ok((reply, messages))
    }
}

fn delivered(frames: &mut FrameReader, count: usize) -> Result<Vec<Delivered>> {
    let bad =
        |e: BadMessage| ClientError::Protocol(format!("the server's answer does not read: {e}"));
    (0..count)
        .map(|_| Delivered::decode(frames.expect_frame()?).map_err(bad))
        .collect()
}
