//! The list of jobs.

use super::openapi::json;
use crate::{
    app::{Shared, now},
    auth::Caller,
    body::InQuery,
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use picloud_store::{JobDetail, JobFilter};
use picloud_types::{
    Jid, JobState, QueueName, Timestamp,
    api::jobs::{JobList, JobRow, ListQuery},
};

const LIMIT_DEFAULT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;

/// List jobs, newest first
#[utoipa::path(get, path = "/v1/jobs", tag = "jobs", params(ListQuery),
    responses((status = 200, description = "A page of jobs", body = JobList)))]
pub(super) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    InQuery(query): InQuery<ListQuery>,
) -> Answer<Json<JobList>> {
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Refusal::bad_request(format!(
            "limit is 1 to {LIMIT_MAX}, not {limit}"
        )));
    }
    let filter = JobFilter {
        states: states(query.status.as_deref())?,
        label: query.label,
        function: query.function,
        queue: queue(query.queue.as_deref())?,
        parent: query.parent.map(Jid),
        before: query.before.map(Jid),
        ..JobFilter::default()
    };
    let page = app.store.job_list(caller.account, filter, limit).await?;
    let now = now();
    json(JobList {
        jobs: page.jobs.iter().map(|detail| row(detail, now)).collect(),
        next: page.next.map(|jid| jid.0),
    })
}

/// The inner states that people see under one name.
fn states(status: Option<&str>) -> Answer<Vec<JobState>> {
    let Some(status) = status else {
        return Ok(Vec::new());
    };
    let named: JobState = status
        .parse()
        .map_err(|e: picloud_types::state::BadState| Refusal::bad_request(e.to_string()))?;
    Ok(JobState::ALL
        .into_iter()
        .filter(|s| s.public_name() == named.public_name())
        .collect())
}

fn queue(name: Option<&str>) -> Answer<Option<QueueName>> {
    name.map(str::parse)
        .transpose()
        .map_err(|e: picloud_types::queue_name::BadQueueName| Refusal::bad_request(e.to_string()))
}

fn row(detail: &JobDetail, now: Timestamp) -> JobRow {
    let ended = |amount| detail.core_ms.is_some().then_some(amount);
    let runtime_ms = runtime_seconds(detail, now).map(|s| s * 1e3);
    let error = detail.failure.as_ref().and_then(|f| {
        // A traceback says what happened in its last line.
        f.exception
            .lines()
            .rev()
            .map(str::trim)
            .find(|l| !l.is_empty())
            .map(str::to_owned)
    });
    JobRow {
        jid: detail.jid,
        status: detail.state.public_name().to_owned(),
        function: detail.spec.function_name.clone(),
        label: detail.spec.label.clone(),
        queue: detail.spec.queue.clone(),
        core_type: detail.spec.core_type.clone(),
        cores: detail.spec.cores,
        priority: detail.spec.priority,
        attempt: detail.attempt.0,
        parent_jid: detail.parent,
        created: detail.created,
        started: detail.started,
        finished: detail.finished,
        runtime_ms,
        memory_peak_bytes: ended(detail.usage.memory_peak_bytes),
        memory_failures: ended(detail.usage.memory_failures),
        error,
    }
}

/// Time the function took, or has taken so far.
pub(super) fn runtime_seconds(detail: &JobDetail, now: Timestamp) -> Option<f64> {
    let started = detail.started?;
    match detail.finished {
        Some(_) => Some(detail.usage.runtime_us as f64 / 1e6),
        None => Some(now.since(started).as_secs_f64()),
    }
}
