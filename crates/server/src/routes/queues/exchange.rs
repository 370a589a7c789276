//! Handler jobs bring what became of messages and take more, in one request.

use super::{BYTES_MAX, check_count, place::Place, too_many_frames, visible};
use crate::{
    app::{App, Shared, now},
    auth::HandlerJob,
    body::{Frames, InPath},
    changes::Change,
    handlers::{Crowd, Turn, turn},
    queue_waiters::Who,
    refusal::{Answer, Refusal},
    routes::{openapi::framed, submit},
};
use axum::{extract::State, response::Response};
use base64::{Engine, engine::general_purpose::STANDARD};
use picloud_store::{Exchange, Exchanged, StoreError};
use picloud_types::{
    ErrorKind, QueueName,
    api::queues::{ExchangeHeader, ExchangeReply, Finish, MessageError},
    frames::{FrameReader, FrameWriter},
    limits::{EXCEPTION_MAX_BYTES, MESSAGES_PER_REQUEST},
    message::{Body, MessageOutcome, Settled},
};
use std::sync::atomic::Ordering;
use tokio::{select, sync::watch, time::Instant};

/// Longest text of an exception and longest traceback, in bytes.
const TEXT_MAX_BYTES: usize = 256 * 1024;

/// Bring what became of messages, and take more
#[utoipa::path(post, path = "/v1/queues/{queue}/exchange", tag = "queues", params(("queue" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/vnd.picloud.frames", description = "For handler jobs of that queue only. Header `ExchangeHeader`, then for each settled message a frame and its outputs: id (8 bytes, big-endian), outcome (1: 0 handled, 1 retry, 2 failed), handling time (8, microseconds), number of outputs (4), then for a retry delay (4, seconds) and retries allowed (4, all ones: as the attachment says), for a failure the number of the `on_error` entry (4, all ones: none) and the JSON of a `MessageError`. Each output is a frame: kind (1 byte: 0 JSON, 1 pickle), payload"),
    responses((status = 200, description = "What was settled is so, on disk. Header `ExchangeReply`, then `count` messages as in the answer to a pop", body = Vec<u8>, content_type = "application/vnd.picloud.frames")))]
pub(in crate::routes) async fn exchange(
    State(app): State<Shared>,
    job: HandlerJob,
    InPath(queue): InPath<QueueName>,
    Frames(mut frames): Frames,
) -> Answer<Response> {
    let mut header: ExchangeHeader = frames.header()?;
    let settled = read(&app, &header, &mut frames)?;
    let done = Done {
        sums: Sums::of(&settled),
        settled,
        give_back: std::mem::take(&mut header.give_back),
    };
    let turn = turn(&app, job.account, job.jid, job.attempt, now()).await?;
    let exchanging = Exchanging {
        app: &app,
        job: &job,
        queue: &queue,
        header: &header,
        turn,
    };
    let reply = exchanging.run(done).await?;
    Ok(framed(encode(&reply)))
}

fn read(app: &App, header: &ExchangeHeader, frames: &mut FrameReader) -> Answer<Vec<Settled>> {
    check_count("settled messages", header.settled)?;
    check_count("messages to give back", header.give_back.len())?;
    let mut all = Vec::with_capacity(header.settled);
    for _ in 0..header.settled {
        let (mut settled, outputs) = Settled::decode(frames.expect_frame()?)?;
        for _ in 0..outputs {
            let body = Body::decode(frames.expect_frame()?)?;
            settled.outputs.push(body);
        }
        submit::check_payloads(app, settled.outputs.iter().map(|body| &body.payload))?;
        check_outcome(&settled.outcome)?;
        all.push(settled);
    }
    if frames.next_frame()?.is_some() {
        return Err(too_many_frames());
    }
    Ok(all)
}

fn check_outcome(outcome: &MessageOutcome) -> Answer<()> {
    match outcome {
        MessageOutcome::Handled => Ok(()),
        MessageOutcome::Retry { delay_s, .. } => visible(*delay_s, now()).map(drop),
        MessageOutcome::Failed { error, .. } => {
            let error: MessageError = serde_json::from_str(error).map_err(|e| {
                Refusal::bad_request(format!("the error of a message does not read: {e}"))
            })?;
            let texts = [
                &error.exception_type,
                &error.exception_text,
                &error.traceback,
            ];
            let pickle = error.exception_pickle.unwrap_or_default();
            // Base64 takes four characters for three bytes.
            if pickle.len() > EXCEPTION_MAX_BYTES.div_ceil(3) * 4 {
                return Err(Refusal::bad_request(format!(
                    "a pickled exception has at most {EXCEPTION_MAX_BYTES} bytes"
                )));
            }
            if texts.into_iter().any(|text| text.len() > TEXT_MAX_BYTES) {
                return Err(Refusal::bad_request(format!(
                    "a text of an error has at most {TEXT_MAX_BYTES} bytes"
                )));
            }
            STANDARD
                .decode(&pickle)
                .map(drop)
                .map_err(|e| Refusal::bad_request(format!("exception_pickle is not base64: {e}")))
        }
    }
}

/// What settled messages come to, for metrics.
#[derive(Clone, Copy, Default)]
struct Sums {
    handled: u64,
    retried: u64,
    failed: u64,
    outputs: u64,
}

impl Sums {
    fn of(settled: &[Settled]) -> Self {
        let mut sums = Self::default();
        for one in settled {
            sums.outputs += one.outputs.len() as u64;
            match one.outcome {
                MessageOutcome::Handled => sums.handled += 1,
                MessageOutcome::Retry { .. } => sums.retried += 1,
                MessageOutcome::Failed { .. } => sums.failed += 1,
            }
        }
        sums
    }

    fn count(self, app: &App) {
        let metrics = &app.metrics;
        for (counter, count) in [
            (&metrics.messages_handled, self.handled),
            (&metrics.messages_retried, self.retried),
            (&metrics.messages_failed, self.failed),
            (&metrics.messages_pushed, self.outputs),
        ] {
            counter.fetch_add(count, Ordering::Relaxed);
        }
    }
}

/// What the job is done with.
#[derive(Default)]
struct Done {
    settled: Vec<Settled>,
    give_back: Vec<i64>,
    sums: Sums,
}

struct Exchanging<'a> {
    app: &'a App,
    job: &'a HandlerJob,
    queue: &'a QueueName,
    header: &'a ExchangeHeader,
    turn: Turn,
}

impl Exchanging<'_> {
    async fn run(&self, mut done: Done) -> Answer<Exchanged> {
        let mut crowd = self.app.handlers.watch_crowd();
        let (account, who) = (self.job.account, Who::Handler);
        let wait_ms = self.header.wait_ms;
        let mut place = Place::take(self.app, account, self.queue, who, wait_ms).await?;
        loop {
            let found = *crowd.borrow_and_update();
            // Looked again, nothing is settled again: it is the same exchange.
            let mut reply = self.look(std::mem::take(&mut done), found).await?;
            let is_idle = reply.messages.is_empty() && reply.holds == 0;
            reply.finish = reply.finish.or_else(|| self.finish(found, is_idle));
            if !reply.messages.is_empty() || reply.finish.is_some() || self.header.lease == 0 {
                place.took(&reply.messages, self.lease());
                return Ok(reply);
            }
            if !place.found(true).await? && !self.wait(&place, &mut crowd, is_idle).await {
                return Ok(reply);
            }
        }
    }

    fn lease(&self) -> u32 {
        self.header.lease.min(MESSAGES_PER_REQUEST as u32)
    }

    /// Why the job is to end, as far as the store cannot know.
    fn finish(&self, crowd: Option<Crowd>, is_idle: bool) -> Option<Finish> {
        if self.app.intake_closed.is_cancelled() {
            return Some(Finish::Stopping);
        }
        self.turn.finish(crowd, is_idle)
    }

    async fn look(&self, done: Done, crowd: Option<Crowd>) -> Answer<Exchanged> {
        // What it holds is known only afterwards: here it may have had its turn, no more.
        let finish = self.finish(crowd, false);
        let brings = !done.settled.is_empty() || !done.give_back.is_empty();
        let now = now();
        let exchange = Exchange {
            account: self.job.account,
            queue: self.queue.clone(),
            jid: self.job.jid,
            attempt: self.job.attempt,
            seq: self.header.seq,
            settled: done.settled,
            give_back: done.give_back,
            lease: if finish.is_some() { 0 } else { self.lease() },
            max_bytes: BYTES_MAX,
            keep_until: now.plus(self.app.upload_keep),
            now,
        };
        match self.app.store.handler_exchange(exchange).await {
            Ok(mut reply) => {
                done.sums.count(self.app);
                if brings || !reply.messages.is_empty() {
                    self.app.changes.note(self.job.account, Change::Queues);
                }
                reply.finish = reply.finish.or(finish);
                Ok(reply)
            }
            Err(StoreError::NotFound(_)) => Err(Refusal::new(
                ErrorKind::Forbidden,
                format!("job {} does not handle queue {}", self.job.jid, self.queue),
            )),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits for messages, or for a reason to end; whether there is time left to look.
    async fn wait(
        &self,
        place: &Place<'_>,
        crowd: &mut watch::Receiver<Option<Crowd>>,
        is_idle: bool,
    ) -> bool {
        // Nobody is in the way who holds messages.
        let due = crowd.borrow_and_update().filter(|_| is_idle);
        let due = due.map(|crowd| Instant::from_std(crowd.due()));
        select! {
            in_time = place.wait(due.filter(|due| *due > Instant::now())) => in_time,
            _ = crowd.changed(), if is_idle => true,
            () = self.app.intake_closed.cancelled() => true,
        }
    }
}

fn encode(reply: &Exchanged) -> bytes::Bytes {
    let mut frames = FrameWriter::with_header(&ExchangeReply {
        count: reply.messages.len(),
        holds: reply.holds,
        finish: reply.finish,
    });
    for message in &reply.messages {
        frames.push(&message.encode());
    }
    frames.finish()
}
