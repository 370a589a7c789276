//! Removing finished jobs with everything that belongs to them.

use super::{openapi::json, status::check_count};
use crate::{app::Shared, auth::Caller, body::JsonBody, changes::Change, refusal::Answer};
use axum::{Json, extract::State};
use picloud_store::StoreError;
use picloud_types::{
    Jid,
    api::jobs::{Deleted, JidsRequest},
};

/// Jobs removed in one transaction.
const PART: u64 = 10_000;

/// Delete finished jobs
#[utoipa::path(post, path = "/v1/jobs/delete", tag = "jobs", request_body = JidsRequest,
    responses((status = 200, description = "They are gone", body = Deleted)))]
pub(super) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<JidsRequest>,
) -> Answer<Json<Deleted>> {
    check_count(&request.jids)?;
    // All are looked at before the first goes: either all can go or none does.
    let runs = app
        .store
        .job_statuses(caller.account, request.jids.clone())
        .await?;
    if let Some(run) = runs.iter().find(|r| !r.state.is_finished()) {
        let first = run.jids.iter().next().unwrap_or(Jid(0));
        return Err(StoreError::NotFinished(first).into());
    }
    let mut rest = request.jids;
    let mut deleted = 0;
    while !rest.is_empty() {
        deleted += app
            .store
            .job_delete(caller.account, rest.take(PART))
            .await?;
        rest = rest.skip(PART);
    }
    app.changes.note(caller.account, Change::Jobs);
    app.sweep.notify_one();
    json(Deleted { deleted })
}
