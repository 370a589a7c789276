//! Statuses of jobs.

use super::openapi::json;
use crate::{
    app::Shared,
    auth::Caller,
    body::JsonBody,
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use picloud_types::{
    ErrorKind, JidSet,
    api::jobs::{JidsRequest, StatusRun, Statuses},
    limits::MAP_MAX,
};

/// What a question about more jobs than can exist in one map gets.
pub(super) fn check_count(jids: &JidSet) -> Answer<()> {
    if jids.len() > MAP_MAX {
        return Err(Refusal::new(
            ErrorKind::TooLarge,
            format!("{} jobs in one request are more than {MAP_MAX}", jids.len()),
        ));
    }
    Ok(())
}

/// Statuses, in the order asked
#[utoipa::path(post, path = "/v1/jobs/status", tag = "jobs", request_body = JidsRequest,
    responses((status = 200, description = "Runs of jobs with one status", body = Statuses)))]
pub(super) async fn status(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<JidsRequest>,
) -> Answer<Json<Statuses>> {
    check_count(&request.jids)?;
    let runs = app.store.job_statuses(caller.account, request.jids).await?;
    let mut statuses: Vec<StatusRun> = Vec::with_capacity(runs.len());
    for run in runs {
        let status = run.state.public_name();
        match statuses.last_mut() {
            // Inner states that people see as one make one run.
            Some(last) if last.status == status => last.jids.append(&run.jids),
            _ => statuses.push(StatusRun {
                jids: run.jids,
                status: status.to_owned(),
            }),
        }
    }
    json(Statuses { statuses })
}
