//! The list of jobs.

use super::openapi::json;
use crate::{
    app::{Shared, now},
    auth::Caller,
    body::InQuery,
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use picloud_store::{JobDetail, JobFilter, JobMap};
use picloud_types::{
    Jid, JobState, QueueName, Timestamp,
    api::jobs::{JobList, JobRow, ListQuery, MapRow},
};
use std::collections::BTreeMap;

const LIMIT_DEFAULT: u32 = 100;
const LIMIT_MAX: u32 = 1_000;
/// Longest text that is searched for, in characters.
const TEXT_MAX: usize = 200;

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
    let filter = filter(query)?;
    let page = app.store.job_list(caller.account, filter, limit).await?;
    let now = now();
    json(JobList {
        jobs: page.jobs.iter().map(|detail| row(detail, now)).collect(),
        next: page.next.map(|jid| jid.0),
    })
}

fn filter(query: ListQuery) -> Answer<JobFilter> {
    // An empty text is in everything, so it is no condition.
    let text = query.text.filter(|text| !text.is_empty());
    if text.as_ref().is_some_and(|t| t.chars().count() > TEXT_MAX) {
        return Err(Refusal::bad_request(format!(
            "text has at most {TEXT_MAX} characters"
        )));
    }
    let (from, until) = (query.created_from, query.created_until);
    if let (Some(from), Some(until)) = (from, until)
        && from > until
    {
        return Err(Refusal::bad_request(format!(
            "created_from, {from}, is after created_until, {until}"
        ))
        .hint("both are milliseconds since 1970"));
    }
    Ok(JobFilter {
        states: states(query.status.as_deref())?,
        label: query.label,
        function: query.function,
        queue: queue(query.queue.as_deref())?,
        core_type: query.core_type,
        parent: query.parent.map(Jid),
        map: query.map.map(Jid),
        created_from: from.map(Timestamp),
        created_until: until.map(Timestamp),
        text,
        grouped: query.grouped,
        before: query.before.map(Jid),
    })
}

/// The inner states that people see under the names in a list.
fn states(statuses: Option<&str>) -> Answer<Vec<JobState>> {
    let Some(statuses) = statuses else {
        return Ok(Vec::new());
    };
    let named = statuses.split(',').map(|name| {
        let state = name.trim().parse::<JobState>();
        state.map(|state| state.public_name())
    });
    let named = named
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Refusal::bad_request(e.to_string()))?;
    let all = JobState::ALL.into_iter();
    Ok(all.filter(|s| named.contains(&s.public_name())).collect())
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
        cpu_user_ms: ended(detail.usage.cpu_user_us).map(|us| us as f64 / 1e3),
        cpu_system_ms: ended(detail.usage.cpu_system_us).map(|us| us as f64 / 1e3),
        cost: detail.cost_pico.map(|pico| pico as f64 / 1e12),
        map: detail.map.as_ref().map(map_row),
        memory_peak_bytes: ended(detail.usage.memory_peak_bytes),
        memory_failures: ended(detail.usage.memory_failures),
        error,
    }
}

pub(super) fn map_row(map: &JobMap) -> MapRow {
    MapRow {
        first: map.first,
        count: map.count,
        statuses: map.states.as_ref().map(|states| by_name(states)),
    }
}

/// Several inner states may have one name.
fn by_name(states: &[(JobState, u64)]) -> BTreeMap<String, u64> {
    let mut named = BTreeMap::new();
    for (state, count) in states {
        *named.entry(state.public_name().to_owned()).or_default() += count;
    }
    named
}

/// Time the function took, or has taken so far.
pub(super) fn runtime_seconds(detail: &JobDetail, now: Timestamp) -> Option<f64> {
    let started = detail.started?;
    match detail.finished {
        Some(_) => Some(detail.usage.runtime_us as f64 / 1e6),
        None => Some(now.since(started).as_secs_f64()),
    }
}
