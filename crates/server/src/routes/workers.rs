//! How workers come and go.

use super::{DONE, openapi::json};
use crate::{
    app::{App, Shared, now},
    auth::{Admin, Agent},
    body::{InPath, JsonBody},
    duties::ended,
    fleet::Reply,
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State, http::StatusCode};
use picloud_store::{StoreError, WorkerNew};
use picloud_types::{
    Timestamp, WorkerId,
    api::workers::{
        AttemptRef, Held, Hello, PythonsUpdate, Welcome, WorkerPython, WorkerRow, Workers,
    },
};
use std::time::Duration;
use tracing::info;

/// Workers that ended are listed this long.
const ENDED_SHOWN: Duration = Duration::from_secs(3600);

/// List workers
#[utoipa::path(get, path = "/v1/workers", tag = "service", responses((status = 200, description = "Workers, and those that ended within the hour", body = Workers)))]
pub(super) async fn list(State(app): State<Shared>, _admin: Admin) -> Answer<Json<Workers>> {
    let since = Timestamp(now().0 - i64::try_from(ENDED_SHOWN.as_millis()).unwrap_or(i64::MAX));
    let found = app.store.worker_list(since).await?;
    let now = now();
    let workers = found
        .into_iter()
        .map(|worker| row(&app, worker, now))
        .collect();
    json(Workers { workers })
}

fn row(app: &App, worker: picloud_store::Worker, now: Timestamp) -> WorkerRow {
    let connected = worker.ended.is_none() && app.fleet.is_connected(worker.id);
    let versions = |pythons: &[WorkerPython]| pythons.iter().map(|p| p.version.clone()).collect();
    let pythons = match app.fleet.pythons_of(worker.id) {
        Some(newest) => versions(&newest),
        None => versions(&worker.about.pythons),
    };
    // A lease is renewed from the moment of a contact on.
    let lease = i64::try_from(app.lease.as_millis()).unwrap_or(0);
    let last_seen = worker
        .ended
        .unwrap_or(Timestamp(worker.lease_until.0 - lease))
        .min(now);
    WorkerRow {
        worker: worker.id,
        name: worker.about.name,
        hostname: worker.about.hostname,
        version: worker.about.version,
        cpus: worker.about.cpus,
        compute_units: worker.about.compute_units,
        memory_bytes: worker.about.memory_bytes,
        pythons,
        confinement: worker.about.confinement,
        source_ips: worker.about.source_ips,
        running: worker.running,
        last_seen,
        connected,
    }
}

/// Begin a worker's life
#[utoipa::path(post, path = "/v1/workers/hello", tag = "workers", request_body = Hello, responses((status = 200, description = "Its id and the rules", body = Welcome)))]
pub(super) async fn hello(
    State(app): State<Shared>,
    _agent: Agent,
    JsonBody(request): JsonBody<Hello>,
) -> Answer<Json<Welcome>> {
    if request.name.is_empty() || !request.compute_units.is_finite() || request.compute_units < 0.0
    {
        return Err(Refusal::bad_request(
            "a worker has a name and compute units of 0 or more",
        ));
    }
    let about = WorkerNew {
        name: request.name,
        hostname: request.hostname,
        version: request.version,
        cpus: request.cpus,
        compute_units: request.compute_units,
        memory_bytes: request.memory_bytes,
        pythons: request.pythons,
        confinement: request.confinement,
        source_ips: request.source_ips,
    };
    let now = now();
    let registered = app
        .store
        .worker_register(about.clone(), now.plus(app.lease), now)
        .await?;
    ended(&app, &registered.ended);
    app.fleet.join(registered.worker, &about);
    info!(worker = %registered.worker, name = about.name, "worker joined");
    json(Welcome {
        worker: registered.worker,
        lease_ms: u64::try_from(app.lease.as_millis()).unwrap_or(u64::MAX),
        payload_max_bytes: app.payload_max_bytes,
    })
}

/// Replace the list of a worker's interpreters
#[utoipa::path(put, path = "/v1/workers/{worker}/pythons", tag = "workers", params(("worker" = i64, Path)), request_body = PythonsUpdate, responses((status = 204, description = "Noted")))]
pub(super) async fn pythons(
    State(app): State<Shared>,
    _agent: Agent,
    InPath(worker): InPath<WorkerId>,
    JsonBody(request): JsonBody<PythonsUpdate>,
) -> Answer<StatusCode> {
    contact(&app, worker).await?;
    app.fleet.set_pythons(worker, request.pythons);
    app.packages.notify_waiters();
    app.dispatch.notify_one();
    Ok(DONE)
}

/// What the server thinks a worker holds
#[utoipa::path(get, path = "/v1/workers/{worker}/jobs", tag = "workers", params(("worker" = i64, Path)), responses((status = 200, description = "Its attempts", body = Held)))]
pub(super) async fn held(
    State(app): State<Shared>,
    _agent: Agent,
    InPath(worker): InPath<WorkerId>,
) -> Answer<Json<Held>> {
    contact(&app, worker).await?;
    // A pull whose client is gone may not have been noticed yet; nothing may be claimed for it
    // once the list is read.
    if let Some(taken) = app.fleet.take(worker) {
        taken.answer(Reply::Look);
    }
    let _none_on_its_way = app.handing_out.lock().await;
    let found = app.store.worker_holds(worker).await?;
    let attempts = found.into_iter().map(|a| AttemptRef {
        jid: a.jid,
        attempt: a.attempt,
    });
    json(Held {
        attempts: attempts.collect(),
    })
}

/// End a worker's life: what it holds goes to others
#[utoipa::path(post, path = "/v1/workers/{worker}/bye", tag = "workers", params(("worker" = i64, Path)), responses((status = 204, description = "It is over")))]
pub(super) async fn bye(
    State(app): State<Shared>,
    _agent: Agent,
    InPath(worker): InPath<WorkerId>,
) -> Answer<StatusCode> {
    let over = app.store.worker_end(worker, now()).await?;
    app.fleet.leave(&[worker]);
    ended(&app, &over);
    info!(%worker, "worker left");
    Ok(DONE)
}

/// Notes that a worker was heard of. One that this process does not know may have lived before
/// it was restarted; the store knows.
pub(super) async fn contact(app: &App, worker: WorkerId) -> Answer<()> {
    if app.fleet.seen(worker) {
        return Ok(());
    }
    let alive = app
        .store
        .worker_list(now())
        .await?
        .into_iter()
        .find(|w| w.id == worker && w.ended.is_none());
    match alive {
        Some(alive) => {
            app.fleet.join(worker, &alive.about);
            Ok(())
        }
        None => Err(StoreError::WorkerUnknown(worker).into()),
    }
}
