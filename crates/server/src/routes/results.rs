//! Results, in the order asked, as they come.

use super::{openapi::framed, status::check_count};
use crate::{
    app::{App, LOOK_AGAIN, Shared},
    auth::Caller,
    body::JsonBody,
    refusal::Answer,
    waiters::Waiter,
};
use axum::{extract::State, response::Response};
use picloud_store::JobResult;
use picloud_types::{
    AccountId, JidSet,
    api::results::{ResultFrame, ResultsHeader, ResultsRequest},
    frames::FrameWriter,
    limits::WAIT_MAX_MS,
};
use std::time::Duration;
use tokio::{
    select,
    time::{Instant, sleep_until},
};

/// Most results in one answer.
const COUNT_MAX: u64 = 4_000;
/// About as many bytes of inline results go into one answer.
const BYTES_MAX: u64 = 16 << 20;
/// While it lingers an answer grows at most this often.
const LINGER_PAUSE: Duration = Duration::from_millis(4);
/// Longest linger.
const LINGER_MAX_MS: u64 = 1_000;

/// Results from the start of the list up to the first unfinished job
#[utoipa::path(post, path = "/v1/jobs/results", tag = "jobs", request_body = ResultsRequest,
    responses((status = 200, description = "Header `ResultsHeader`, then `count` result frames: job id (8 bytes, big-endian), state number (1), length of the failure's JSON (4), that JSON, and the payload", body = Vec<u8>, content_type = "application/vnd.picloud.frames")))]
pub(super) async fn results(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<ResultsRequest>,
) -> Answer<Response> {
    check_count(&request.jids)?;
    let wanted = request
        .max_count
        .unwrap_or(COUNT_MAX)
        .clamp(1, COUNT_MAX)
        .min(request.jids.len());
    let mut reading = Reading {
        app: &app,
        account: caller.account,
        waiter: app.ends.register(caller.account, &request.jids),
        rest: request.jids,
        wanted,
        found: Vec::new(),
        bytes: 0,
    };
    let deadline = Instant::now() + Duration::from_millis(request.timeout_ms.min(WAIT_MAX_MS));
    while !reading.read().await? && reading.found.is_empty() && reading.wait(deadline).await {}
    let deadline = Instant::now() + Duration::from_millis(request.linger_ms.min(LINGER_MAX_MS));
    while !reading.is_full() && reading.wait(deadline).await {
        // Ends come by the hundred in such times; one look serves many of them.
        sleep_until(deadline.min(Instant::now() + LINGER_PAUSE)).await;
        reading.read().await?;
    }
    Ok(framed(encode(&reading.found)))
}

/// One answer as it grows. Each look asks only for what is still missing.
struct Reading<'a> {
    app: &'a App,
    account: AccountId,
    waiter: Waiter<AccountId>,
    rest: JidSet,
    wanted: u64,
    found: Vec<JobResult>,
    bytes: u64,
}

impl Reading<'_> {
    fn is_full(&self) -> bool {
        self.found.len() as u64 >= self.wanted || self.bytes >= BYTES_MAX
    }

    /// Takes what has come; whether the answer is full.
    async fn read(&mut self) -> Answer<bool> {
        let left = self.wanted - self.found.len() as u64;
        if left == 0 {
            return Ok(true);
        }
        let room = BYTES_MAX.saturating_sub(self.bytes);
        let come = self
            .app
            .store
            .job_results(self.account, self.rest.clone(), left, room)
            .await?;
        self.rest = self.rest.skip(come.len() as u64);
        self.bytes += come
            .iter()
            .filter(|r| r.payload.blob().is_none())
            .map(|r| r.payload.size())
            .sum::<u64>();
        if self.found.is_empty() {
            self.found = come;
        } else {
            self.found.extend(come);
        }
        Ok(self.is_full())
    }

    /// Waits for something to happen; whether there is time left to look.
    async fn wait(&self, deadline: Instant) -> bool {
        let now = Instant::now();
        if now >= deadline || self.app.stopping.is_cancelled() {
            return false;
        }
        select! {
            () = self.waiter.woken() => {}
            () = sleep_until(deadline.min(now + LOOK_AGAIN)) => {}
            () = self.app.stopping.cancelled() => return false,
        }
        true
    }
}

fn encode(results: &[JobResult]) -> bytes::Bytes {
    let mut frames = FrameWriter::with_header(&ResultsHeader {
        count: results.len(),
    });
    for result in results {
        let frame = ResultFrame {
            jid: result.jid,
            state: result.state,
            failure: result.failure.clone(),
            payload: result.payload.clone(),
        };
        frames.push(&frame.encode());
    }
    frames.finish()
}
