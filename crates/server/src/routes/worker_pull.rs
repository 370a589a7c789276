//! Workers fetch work: a request that hangs until there is some.

use super::{openapi::framed, volumes, workers::contact};
use crate::{
    app::{App, Shared},
    auth::Agent,
    body::{InPath, JsonBody},
    fleet::Reply,
    refusal::{Answer, Refusal},
};
use axum::{extract::State, response::Response};
use picloud_store::{Claimed, StoreError};
use picloud_types::{
    WorkerId,
    api::workers::{AttemptRef, PullHeader, PullRequest, PulledJob, PulledSpec},
    frames::FrameWriter,
    limits::WAIT_MAX_MS,
};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::{
    select,
    sync::oneshot,
    time::{Instant, sleep_until},
};

/// Fetch work; hangs while there is none
#[utoipa::path(post, path = "/v1/workers/{worker}/pull", tag = "workers", params(("worker" = i64, Path)), request_body = PullRequest,
    responses((status = 200, description = "Header `PullHeader`, then the function payload of each spec, then the argument payload of each job", body = Vec<u8>, content_type = "application/vnd.picloud.frames")))]
pub(super) async fn pull(
    State(app): State<Shared>,
    _agent: Agent,
    InPath(worker): InPath<WorkerId>,
    JsonBody(request): JsonBody<PullRequest>,
) -> Answer<Response> {
    contact(&app, worker).await?;
    if !request.free_units.is_finite() {
        return Err(Refusal::bad_request("free_units is no number"));
    }
    // A hanging pull is no contact, so it must end while the lease lasts.
    let wait = Duration::from_millis(request.wait_ms.min(WAIT_MAX_MS)).min(app.lease / 3);
    let deadline = Instant::now() + wait;
    let kills = kills(&app, worker).await?;
    if !kills.is_empty() {
        return answer(&app, &Claimed::default(), kills).await;
    }
    let Some((number, reply)) = app.fleet.pull_begin(worker, &request) else {
        return Err(StoreError::WorkerUnknown(worker).into());
    };
    app.dispatch.notify_one();
    let hanging = Hanging {
        app: &app,
        worker,
        number,
    };
    match hanging.wait(reply, deadline).await {
        Some(Reply::Work(delivery)) => {
            let claimed = delivery.take();
            let accounts = claimed.specs.iter().map(|spec| spec.account);
            app.fleet.given(worker, accounts);
            app.metrics
                .jobs_claimed
                .fetch_add(claimed.jobs.len() as u64, Ordering::Relaxed);
            answer(&app, &claimed, Vec::new()).await
        }
        Some(Reply::Look) => {
            let kills = self::kills(&app, worker).await?;
            answer(&app, &Claimed::default(), kills).await
        }
        None => answer(&app, &Claimed::default(), Vec::new()).await,
    }
}

/// A pull that waits. When its client goes away, the offer goes with it.
struct Hanging<'a> {
    app: &'a App,
    worker: WorkerId,
    number: u64,
}

impl Hanging<'_> {
    async fn wait(
        self,
        mut reply: oneshot::Receiver<Reply>,
        mut deadline: Instant,
    ) -> Option<Reply> {
        loop {
            select! {
                answer = &mut reply => return answer.ok(),
                () = sleep_until(deadline) => {}
                () = self.app.stopping.cancelled() => {}
            }
            if self.app.fleet.pull_end(self.worker, self.number) {
                return None;
            }
            // Jobs are being claimed for this pull right now: wait for them, and look again in
            // case nothing was there to claim.
            deadline = Instant::now() + Duration::from_millis(50);
            if let Ok(answer) = tokio::time::timeout_at(deadline, &mut reply).await {
                return answer.ok();
            }
        }
    }
}

impl Drop for Hanging<'_> {
    fn drop(&mut self) {
        self.app.fleet.pull_end(self.worker, self.number);
    }
}

/// Kills the worker has not acknowledged, if there may be some.
async fn kills(app: &App, worker: WorkerId) -> Answer<Vec<AttemptRef>> {
    if !app.fleet.take_news(worker) {
        return Ok(Vec::new());
    }
    let open = match app.store.worker_kills(worker).await {
        Ok(open) => open,
        Err(error) => {
            app.fleet.news([worker]);
            return Err(error.into());
        }
    };
    if !open.is_empty() {
        // Repeated until acknowledged, then one look that finds none.
        app.fleet.repeat_news(worker);
    }
    Ok(open
        .into_iter()
        .map(|a| AttemptRef {
            jid: a.jid,
            attempt: a.attempt,
        })
        .collect())
}

async fn answer(app: &App, claimed: &Claimed, kills: Vec<AttemptRef>) -> Answer<Response> {
    let mut header = PullHeader {
        kills,
        ..PullHeader::default()
    };
    for row in &claimed.specs {
        // A core type that is no longer configured is not handed out at all.
        let needs = app.core_types.needs(&row.spec.requirements());
        header.specs.push(PulledSpec {
            id: row.id,
            account: row.account,
            spec: row.spec.clone(),
            compute_units: needs.map_or(1.0, |n| n.units),
            memory_bytes: needs.map_or(0, |n| n.memory_bytes),
            own_ip: needs.is_some_and(|n| n.own_ip),
            mounts: volumes::mounts(app, row.account, &row.spec).await?,
        });
    }
    header.jobs.reserve(claimed.jobs.len());
    for job in &claimed.jobs {
        let token = app.job_tokens.token(job.account, job.jid, job.attempt);
        header.jobs.push(PulledJob {
            jid: job.jid,
            attempt: job.attempt,
            spec: job.spec,
            token,
        });
    }
    let mut frames = FrameWriter::with_header(&header);
    for row in &claimed.specs {
        frames.push(&row.function.encode());
    }
    for job in &claimed.jobs {
        frames.push(&job.args.encode());
    }
    Ok(framed(frames.finish()))
}
