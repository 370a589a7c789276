//! What jobs use while they run and afterwards, and what accounts pay for it.

use super::ApiClient;
use crate::{
    ClientError, Result,
    connection::ANSWER_TIMEOUT,
    server_events::{Decoder, ServerEvent},
};
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use picloud_types::{
    Jid, Sample,
    api::{
        info::{Series, SeriesQuery, StatusEvent},
        usage::{UsageQuery, UsageReply},
    },
};
use reqwest::{Method, header::ACCEPT};
use std::collections::VecDeque;
use tokio::time::timeout;

/// What becomes of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobEvent {
    /// Where it is now. A new attempt begins a new series.
    Status(StatusEvent),
    /// What it used up to now.
    Sample(Sample),
    /// It has ended; nothing follows.
    End(StatusEvent),
}

/// Events of a job until its end, or until an error: a connection that broke may be made again,
/// with the second of the last sample.
pub type JobEvents = BoxStream<'static, Result<JobEvent>>;

impl ApiClient {
    /// Samples of a job's last attempt, oldest first.
    pub async fn series(&self, jid: Jid, query: &SeriesQuery) -> Result<Series> {
        let request = self
            .connection
            .request(Method::GET, &format!("/v1/jobs/{jid}/series"))
            .query(query);
        self.connection.json(request, ANSWER_TIMEOUT).await
    }

    /// What becomes of a job, as it happens; samples only of seconds after `after`.
    pub async fn events(&self, jid: Jid, after: Option<u32>) -> Result<JobEvents> {
        let mut request = self
            .connection
            .request(Method::GET, &format!("/v1/jobs/{jid}/events"))
            .header(ACCEPT, "text/event-stream");
        if let Some(after) = after {
            request = request.header("last-event-id", after);
        }
        let server = self.server().to_owned();
        let response = timeout(ANSWER_TIMEOUT, self.connection.send(request))
            .await
            .map_err(|_| broke_off(&server, "did not answer in time"))??;
        let reading = Reading {
            parts: response.bytes_stream().boxed(),
            decoder: Decoder::default(),
            events: VecDeque::new(),
            is_over: false,
            server,
        };
        let next = |mut reading: Reading| async {
            let event = reading.next().await?;
            Some((event, reading))
        };
        Ok(stream::unfold(reading, next).boxed())
    }

    /// What was used between two days, and what it costs.
    pub async fn usage(&self, query: &UsageQuery) -> Result<UsageReply> {
        let request = self
            .connection
            .request(Method::GET, "/v1/usage")
            .query(query);
        self.connection.json(request, ANSWER_TIMEOUT).await
    }
}

fn broke_off(server: &str, what: &str) -> ClientError {
    ClientError::Unreachable {
        reason: format!("the server at {server} {what}"),
        hint: "connect again".to_owned(),
    }
}

/// A stream of events that is being read.
struct Reading {
    parts: BoxStream<'static, reqwest::Result<bytes::Bytes>>,
    decoder: Decoder,
    events: VecDeque<ServerEvent>,
    is_over: bool,
    server: String,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<JobEvent>> {
        while !self.is_over {
            let event = match self.events.pop_front() {
                Some(event) => job_event(&event),
                None => match self.receive().await {
                    Ok(()) => continue,
                    Err(error) => Err(error),
                },
            };
            self.is_over = matches!(event, Err(_) | Ok(Some(JobEvent::End(_))));
            // Events of a later version are passed over.
            if let Some(event) = event.transpose() {
                return Some(event);
            }
        }
        None
    }

    async fn receive(&mut self) -> Result<()> {
        // The server sends a comment now and then, so silence means that nobody is there.
        let part = match timeout(ANSWER_TIMEOUT, self.parts.next()).await {
            Ok(Some(Ok(part))) => part,
            Ok(Some(Err(_))) => return Err(broke_off(&self.server, "broke off the events")),
            Ok(None) => {
                return Err(broke_off(
                    &self.server,
                    "ended the events before the job did",
                ));
            }
            Err(_) => return Err(broke_off(&self.server, "is silent")),
        };
        self.events.extend(self.decoder.feed(&part)?);
        Ok(())
    }
}

fn job_event(event: &ServerEvent) -> Result<Option<JobEvent>> {
    let bad = |e: serde_json::Error| {
        ClientError::Protocol(format!("an event of the server does not read: {e}"))
    };
    let status = || serde_json::from_str(&event.data).map_err(bad);
    Ok(match event.name.as_str() {
        "status" => Some(JobEvent::Status(status()?)),
        "end" => Some(JobEvent::End(status()?)),
        "sample" => Some(JobEvent::Sample(
            serde_json::from_str(&event.data).map_err(bad)?,
        )),
        _ => None,
    })
}
