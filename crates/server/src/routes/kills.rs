//! Killing jobs, and being sure of it.

use super::{openapi::json, status::check_count};
use crate::{
    app::{App, LOOK_AGAIN, Shared, now},
    auth::Caller,
    body::JsonBody,
    changes::Change,
    duties::handlers_ended,
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use picloud_store::AttemptOf;
use picloud_types::{
    AccountId, ErrorKind, Jid, JidSet, WorkerId,
    api::jobs::{KillRequest, Killed},
};
use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};
use tokio::time::{Instant, timeout};

/// A worker that does not acknowledge has lost its lease by then.
const BEYOND_LEASE: Duration = Duration::from_secs(5);
/// Time for interrupted jobs to end before the answer comes; they are ending in any case.
const END_PATIENCE: Duration = Duration::from_secs(10);

/// Kill jobs: when this returns, no attempt of them starts
#[utoipa::path(post, path = "/v1/jobs/kill", tag = "jobs", request_body = KillRequest,
    responses((status = 200, description = "They have ended or are ending", body = Killed)))]
pub(super) async fn kill(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<KillRequest>,
) -> Answer<Json<Killed>> {
    if request.all != request.jids.is_empty() {
        return Err(Refusal::bad_request("give either jids or all"));
    }
    check_count(&request.jids)?;
    let jids = (!request.all).then_some(request.jids);
    let kill = app.store.job_kill(caller.account, jids, now()).await?;
    app.metrics.jobs_finished.fetch_add(
        kill.ended.len() as u64,
        std::sync::atomic::Ordering::Relaxed,
    );
    handlers_ended(&app, kill.ended.iter().map(|(_, jid)| *jid));
    app.ends.wake(kill.ended.iter().copied());
    app.watchers
        .wake(kill.ended.iter().map(|(_, jid)| ((), *jid)));
    if kill.killed > 0 {
        app.changes.note(caller.account, Change::Jobs);
    }
    if kill.queued {
        app.dispatch.notify_one();
    }
    if !kill.running.is_empty() {
        acknowledged(&app, &kill.running).await?;
        ended(&app, caller.account, &kill.running).await?;
    }
    json(Killed {
        killed: kill.killed,
    })
}

/// Waits until every worker has said that it heard, or is gone.
async fn acknowledged(app: &App, running: &[(AttemptOf, WorkerId)]) -> Answer<()> {
    let workers: BTreeSet<_> = running.iter().map(|(_, worker)| *worker).collect();
    let asked: HashSet<_> = running.iter().map(|(attempt, _)| *attempt).collect();
    let deadline = Instant::now() + app.lease + BEYOND_LEASE;
    loop {
        let heard = app.kills.notified();
        tokio::pin!(heard);
        // From here on a wake counts, also one that comes before the wait below.
        heard.as_mut().enable();
        app.fleet.news(workers.iter().copied());
        if !is_pending(app, &workers, &asked).await? {
            return Ok(());
        }
        if Instant::now() >= deadline {
            return Err(Refusal::new(ErrorKind::Unavailable, "a worker did not confirm the kill in time")
                .hint("the jobs will not be started again; send the kill again to be sure that none of them runs"));
        }
        // A look now and then is enough: the wake is only late if it is lost.
        let _ = timeout(LOOK_AGAIN, heard).await;
    }
}

async fn is_pending(
    app: &App,
    workers: &BTreeSet<WorkerId>,
    asked: &HashSet<AttemptOf>,
) -> Answer<bool> {
    for worker in workers {
        let open = app.store.worker_kills(*worker).await?;
        if open.iter().any(|attempt| asked.contains(attempt)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Waits a while for the final state of the jobs that ran.
async fn ended(app: &App, account: AccountId, running: &[(AttemptOf, WorkerId)]) -> Answer<()> {
    let mut jids: Vec<Jid> = running.iter().map(|(attempt, _)| attempt.jid).collect();
    jids.sort_unstable();
    let jids: JidSet = jids.into_iter().collect();
    let deadline = Instant::now() + END_PATIENCE;
    let waiter = app.ends.register(account, &jids);
    while app
        .store
        .job_progress(account, jids.clone())
        .await?
        .unfinished
        > 0
    {
        if Instant::now() >= deadline || app.stopping.is_cancelled() {
            return Ok(());
        }
        let _ = timeout(LOOK_AGAIN, waiter.woken()).await;
    }
    Ok(())
}
