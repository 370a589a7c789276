//! What this server is and what it can run.

use crate::{
    app::{App, Shared},
    auth::Caller,
    body::InQuery,
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use picloud_types::{
    ErrorKind,
    api::service::{Packages, ServiceInfo},
    limits::JOBS_PER_REQUEST,
    payload::INLINE_MAX_BYTES,
};
use serde::Deserialize;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};
use utoipa::IntoParams;

/// Who asks, and what there is
#[utoipa::path(get, path = "/v1/service", tag = "service", responses((status = 200, description = "About this server", body = ServiceInfo)))]
pub(super) async fn service(State(app): State<Shared>, caller: Caller) -> Json<ServiceInfo> {
    Json(ServiceInfo {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        account: caller.account,
        account_name: caller.account_name.to_string(),
        api_key: caller.key,
        pythons: app.fleet.pythons(),
        payload_max_bytes: app.payload_max_bytes,
        inline_max_bytes: INLINE_MAX_BYTES as u64,
        jobs_per_request: JOBS_PER_REQUEST as u64,
        core_types: app.core_types.all().to_vec(),
        unconfined_workers: u32::try_from(app.fleet.unconfined()).unwrap_or(u32::MAX),
    })
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct PackagesQuery {
    /// Python minor version, such as `3.11`.
    python: String,
}

/// A worker lists what is installed only after it has joined; this long is waited for that.
const PACKAGES_PATIENCE: Duration = Duration::from_secs(10);

/// What jobs of a Python version find installed
#[utoipa::path(get, path = "/v1/packages", tag = "service", params(PackagesQuery), responses((status = 200, description = "Installed distributions", body = Packages)))]
pub(super) async fn packages(
    State(app): State<Shared>,
    _caller: Caller,
    InQuery(query): InQuery<PackagesQuery>,
) -> Answer<Json<Packages>> {
    let deadline = Instant::now() + PACKAGES_PATIENCE;
    loop {
        // Armed before looking, so that no word is missed in between.
        let told = app.packages.notified();
        let Some(python) = app.fleet.python(&query.python) else {
            return Err(python_missing(&app, &query.python));
        };
        let known = !python.packages.is_empty();
        if known || app.stopping.is_cancelled() || timeout_at(deadline, told).await.is_err() {
            return Ok(Json(Packages {
                python: query.python,
                packages: python.packages,
            }));
        }
    }
}

/// The refusal of work that nobody could do.
pub(super) fn python_missing(app: &App, asked: &str) -> Refusal {
    let there = app.fleet.pythons().join(", ");
    let there = if there.is_empty() {
        "none"
    } else {
        there.as_str()
    };
    let msg = format!("no connected worker has Python {asked}; there is: {there}");
    Refusal::new(ErrorKind::PythonMissing, msg).hint(format!(
        "install Python {asked} on a worker's machine and start the worker with --python PATH, or call from one of the versions there are"
    ))
}
