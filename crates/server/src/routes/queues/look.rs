//! What queues there are, and what is in them.

use super::{find, json_form::message_json, of_queue};
use crate::{
    app::{App, Shared, now},
    auth::Caller,
    body::{InPath, InQuery},
    refusal::{Answer, Refusal},
    routes::openapi::json,
};
use axum::{Json, extract::State};
use picloud_store::{Attached, Queue};
use picloud_types::{
    QueueName, Timestamp,
    api::queues::{
        AttachmentInfo, PeekQuery, PopJson, QueueInfo, QueueList, QueuesQuery, Rates, RatesQuery,
    },
    limits::RATE_WINDOW_S,
};
use std::time::Duration;

/// Most names of one request.
const NAMES_MAX: usize = 1_000;
const PEEK_DEFAULT: u32 = 10;
const PEEK_MAX: u32 = 1_000;
const RATES_DEFAULT: u32 = 1_000;
const RATES_MAX: u32 = 10_000;
/// Rates are said of so many full windows: a minute.
const RECENT_WINDOWS: i64 = 6;
const WINDOW_MS: i64 = RATE_WINDOW_S as i64 * 1_000;

/// List queues
#[utoipa::path(get, path = "/v1/queues", tag = "queues", params(QueuesQuery),
    responses((status = 200, description = "In the order of names", body = QueueList)))]
pub(in crate::routes) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    InQuery(query): InQuery<QueuesQuery>,
) -> Answer<Json<QueueList>> {
    let names = query.names.as_deref().map(names).transpose()?;
    let now = now();
    let found = app.store.queue_list(caller.account, names, now).await?;
    let queues = found.into_iter().map(|queue| info_of(&app, queue, now));
    json(QueueList {
        queues: queues.collect(),
    })
}

fn names(text: &str) -> Answer<Vec<QueueName>> {
    let names = text.split(',').filter(|name| !name.is_empty());
    let names = names
        .map(|name| name.parse::<QueueName>())
        .collect::<Result<Vec<_>, _>>()
        .map_err(|e| Refusal::bad_request(e.to_string()))?;
    if names.len() > NAMES_MAX {
        return Err(Refusal::bad_request(format!(
            "a request names at most {NAMES_MAX} queues, not {}",
            names.len()
        )));
    }
    Ok(names)
}

/// One queue
#[utoipa::path(get, path = "/v1/queues/{queue}", tag = "queues", params(("queue" = String, Path)),
    responses((status = 200, description = "The queue", body = QueueInfo)))]
pub(in crate::routes) async fn info(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
) -> Answer<Json<QueueInfo>> {
    let found = find(&app, caller.account, &queue).await?;
    json(info_of(&app, found, now()))
}

/// Look at messages that wait, without taking them
#[utoipa::path(get, path = "/v1/queues/{queue}/messages", tag = "queues", params(("queue" = String, Path), PeekQuery),
    responses((status = 200, description = "Those that wait longest first", body = PopJson)))]
pub(in crate::routes) async fn peek(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    InQuery(query): InQuery<PeekQuery>,
) -> Answer<Json<PopJson>> {
    let limit = limit(query.limit, PEEK_DEFAULT, PEEK_MAX)?;
    let peeked = app
        .store
        .queue_peek(caller.account, &queue, query.after, limit)
        .await;
    let now = now();
    let messages = of_queue(&queue, peeked)?.into_iter().map(|peeked| {
        let later = Some(peeked.visible).filter(|visible| *visible > now);
        message_json(peeked.message, false, later)
    });
    json(PopJson {
        messages: messages.collect(),
        deadline: None,
    })
}

/// How much came and went, in windows of ten seconds
#[utoipa::path(get, path = "/v1/queues/{queue}/rates", tag = "queues", params(("queue" = String, Path), RatesQuery),
    responses((status = 200, description = "Oldest first, empty windows left out", body = Rates)))]
pub(in crate::routes) async fn rates(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    InQuery(query): InQuery<RatesQuery>,
) -> Answer<Json<Rates>> {
    let limit = limit(query.limit, RATES_DEFAULT, RATES_MAX)?;
    let since = Timestamp(query.since.unwrap_or(now().0 - 3_600_000));
    let windows = app
        .store
        .queue_rates(caller.account, &queue, since, limit)
        .await;
    json(Rates {
        window_s: RATE_WINDOW_S,
        windows: of_queue(&queue, windows)?,
    })
}

fn limit(asked: Option<u32>, default: u32, max: u32) -> Answer<u32> {
    let limit = asked.unwrap_or(default);
    if !(1..=max).contains(&limit) {
        return Err(Refusal::bad_request(format!(
            "limit is 1 to {max}, not {limit}"
        )));
    }
    Ok(limit)
}

pub(super) fn info_of(app: &App, queue: Queue, now: Timestamp) -> QueueInfo {
    let (enqueued_per_s, dequeued_per_s) = rates_of(&queue.recent, now);
    QueueInfo {
        name: queue.name,
        created: queue.created,
        count: queue.count,
        in_flight: queue.in_flight,
        delayed: queue.delayed,
        oldest_age_ms: queue.oldest.map(|at| whole_ms(now.since(at))),
        paused: queue.paused,
        retention_s: queue
            .retention_ms
            .map_or(app.queue_retention.as_secs(), |ms| ms / 1_000),
        enqueued_per_s,
        dequeued_per_s,
        time_to_drain_s: time_to_drain(queue.count, dequeued_per_s - enqueued_per_s),
        attachment: queue.attachment.map(attachment_of),
    }
}

pub(super) fn attachment_of(attached: Attached) -> AttachmentInfo {
    AttachmentInfo {
        version: attached.version.version,
        max_parallel_jobs: attached.max_parallel_jobs,
        jobs: attached.jobs,
        of: attached.version.of,
    }
}

fn whole_ms(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// Messages a second, in and out, over the last minute of full windows.
fn rates_of(recent: &[(Timestamp, u64, u64)], now: Timestamp) -> (f64, f64) {
    let end = now.0.div_euclid(WINDOW_MS) * WINDOW_MS;
    let full = (end - RECENT_WINDOWS * WINDOW_MS)..end;
    let (enqueued, dequeued) = recent
        .iter()
        .filter(|(start, _, _)| full.contains(&start.0))
        .fold((0, 0), |sum, window| (sum.0 + window.1, sum.1 + window.2));
    let seconds = (RECENT_WINDOWS * WINDOW_MS) as f64 / 1e3;
    (enqueued as f64 / seconds, dequeued as f64 / seconds)
}

fn time_to_drain(count: u64, net_per_s: f64) -> Option<f64> {
    match count {
        0 => Some(0.0),
        _ if net_per_s > 0.0 => Some(count as f64 / net_per_s),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_of_the_last_minute_of_full_windows() {
        let window = |start_s: i64, count| (Timestamp(start_s * 1_000), count, count / 2);
        let recent = [
            window(30, 1_000),
            window(40, 600),
            window(90, 600),
            window(100, 5_000),
        ];
        // At 105 s the window from 100 s on is not full, and the one from 30 s on is over.
        assert_eq!(rates_of(&recent, Timestamp(105_000)), (20.0, 10.0));
        assert_eq!(rates_of(&[], Timestamp(105_000)), (0.0, 0.0));
    }

    #[test]
    fn a_queue_that_grows_is_never_empty() {
        assert_eq!(time_to_drain(0, -5.0), Some(0.0));
        assert_eq!(time_to_drain(100, 20.0), Some(5.0));
        assert_eq!(time_to_drain(100, 0.0), None);
        assert_eq!(time_to_drain(100, -1.0), None);
    }
}
