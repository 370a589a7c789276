//! Waiting for jobs.

use super::{openapi::json, status::check_count};
use crate::{
    app::{App, LOOK_AGAIN, Shared},
    auth::Caller,
    body::JsonBody,
    refusal::Answer,
};
use axum::{Json, extract::State};
use picloud_types::{
    AccountId, JidSet,
    api::jobs::{WaitFor, WaitReply, WaitRequest},
    limits::WAIT_MAX_MS,
};
use std::time::Duration;
use tokio::{
    select,
    time::{Instant, sleep_until},
};

/// Ended jobs that one answer lists at most.
const FINISHED_MAX: u64 = 10_000;

/// Wait until jobs have ended
#[utoipa::path(post, path = "/v1/jobs/wait", tag = "jobs", request_body = WaitRequest,
    responses((status = 200, description = "The wait is over, or the time is", body = WaitReply)))]
pub(super) async fn wait(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<WaitRequest>,
) -> Answer<Json<WaitReply>> {
    check_count(&request.jids)?;
    let deadline = Instant::now() + Duration::from_millis(request.timeout_ms.min(WAIT_MAX_MS));
    let waiter = app.ends.register(caller.account, &request.jids);
    loop {
        let reply = look(&app, caller.account, &request.jids, request.until).await?;
        if reply.ready || Instant::now() >= deadline || app.stopping.is_cancelled() {
            return json(reply);
        }
        select! {
            () = waiter.woken() => {}
            () = sleep_until(deadline.min(Instant::now() + LOOK_AGAIN)) => {}
            () = app.stopping.cancelled() => {}
        }
    }
}

async fn look(app: &App, account: AccountId, jids: &JidSet, until: WaitFor) -> Answer<WaitReply> {
    let progress = app.store.job_progress(account, jids.clone()).await?;
    let finished = match until {
        WaitFor::Any => {
            app.store
                .job_finished(account, jids.clone(), FINISHED_MAX)
                .await?
        }
        WaitFor::All | WaitFor::AllOrFailure => JidSet::default(),
    };
    let ready = match until {
        WaitFor::All => progress.unfinished == 0,
        WaitFor::AllOrFailure => progress.unfinished == 0 || progress.first_failed.is_some(),
        WaitFor::Any => progress.unfinished == 0 || !finished.is_empty(),
    };
    Ok(WaitReply {
        unfinished: progress.unfinished,
        queued: progress.queued,
        finished,
        first_failed: progress.first_failed,
        ready,
    })
}
