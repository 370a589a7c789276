//! Messages are taken from a queue by hand.

use super::{BYTES_MAX, json_form::message_json, place::Place};
use crate::{
    app::{App, Shared, now},
    auth::Caller,
    body::{InPath, JsonBody},
    changes::Change,
    queue_waiters::Who,
    refusal::{Answer, Refusal},
    routes::openapi::framed,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, header},
    response::{IntoResponse, Response},
};
use picloud_store::{Pop, StoreError};
use picloud_types::{
    AccountId, QueueName, Timestamp,
    api::queues::{PopHeader, PopJson, PopRequest},
    frames::FrameWriter,
    limits::{DEADLINE_MAX_S, DEADLINE_MIN_S, MESSAGES_PER_REQUEST},
    message::Delivered,
};
use std::{sync::atomic::Ordering, time::Duration};

/// Take messages, waiting for the first one
#[utoipa::path(post, path = "/v1/queues/{queue}/pop", tag = "queues", params(("queue" = String, Path)), request_body = PopRequest,
    responses((status = 200, description = "Header `PopHeader`, then `count` frames: id (8 bytes, big-endian), deliveries (4), retries so far (4), retries allowed (4, all ones: none), created (8, milliseconds), length of the error (4), the error as JSON (`MessageError`), kind of the body (1: 0 JSON, 1 pickle), payload. The ticket of a delivery is `ID-DELIVERIES`. Or `PopJson`, if the request accepts `application/json`. None of a queue that does not exist",
        content((Vec<u8> = "application/vnd.picloud.frames"), (PopJson = "application/json")))))]
pub(in crate::routes) async fn pop(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<PopRequest>,
) -> Answer<Response> {
    let popped = take(&app, &caller, &queue, &request).await?;
    Ok(if wants_json(&headers) {
        Json(popped.json()).into_response()
    } else {
        framed(popped.frames())
    })
}

async fn take(
    app: &App,
    caller: &Caller,
    queue: &QueueName,
    request: &PopRequest,
) -> Answer<Popped> {
    if request.max_count == 0 {
        return Err(Refusal::bad_request("max_count is at least 1"));
    }
    let lasts = request.deadline_s.map(lasts).transpose()?;
    let popped = popped(app, caller.account, queue, request, lasts).await?;
    app.metrics
        .messages_popped
        .fetch_add(popped.messages.len() as u64, Ordering::Relaxed);
    if !popped.messages.is_empty() {
        app.changes.note(caller.account, Change::Queues);
    }
    Ok(popped)
}

/// Takes messages for those who speak JSON.
pub(in crate::routes) async fn pop_json(
    app: &App,
    caller: &Caller,
    queue: &QueueName,
    request: &PopRequest,
) -> Answer<PopJson> {
    Ok(take(app, caller, queue, request).await?.json())
}

/// For how long a delivery is good.
pub(super) fn lasts(deadline_s: u32) -> Answer<Duration> {
    if !(DEADLINE_MIN_S..=DEADLINE_MAX_S).contains(&deadline_s) {
        return Err(Refusal::bad_request(format!(
            "deadline_s is {DEADLINE_MIN_S} to {DEADLINE_MAX_S}, not {deadline_s}"
        )));
    }
    Ok(Duration::from_secs(deadline_s.into()))
}

fn wants_json(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT).map(|v| v.as_bytes());
    accepted.is_some_and(|a| a.starts_with(b"application/json"))
}

#[derive(Default)]
struct Popped {
    messages: Vec<Delivered>,
    deadline: Option<Timestamp>,
}

async fn popped(
    app: &App,
    account: AccountId,
    queue: &QueueName,
    request: &PopRequest,
    lasts: Option<Duration>,
) -> Answer<Popped> {
    let limit = request.max_count.min(MESSAGES_PER_REQUEST as u32);
    let mut place = Place::take(app, account, queue, Who::Person, request.wait_ms).await?;
    loop {
        let now = now();
        let deadline = lasts.map(|lasts| now.plus(lasts));
        let pop = Pop {
            account,
            queue: queue.clone(),
            limit,
            max_bytes: BYTES_MAX,
            deadline,
            keep_until: now.plus(app.upload_keep),
            now,
        };
        let exists = match app.store.queue_pop(pop).await {
            Ok(messages) if !messages.is_empty() => {
                place.took(&messages, limit);
                return Ok(Popped { messages, deadline });
            }
            Ok(_) => true,
            Err(StoreError::NotFound(_)) => false,
            Err(error) => return Err(error.into()),
        };
        if !place.found(exists).await? && !place.wait(None).await {
            return Ok(Popped::default());
        }
    }
}

impl Popped {
    fn json(self) -> PopJson {
        let with_tickets = self.deadline.is_some();
        PopJson {
            messages: self
                .messages
                .into_iter()
                .map(|message| message_json(message, with_tickets, None))
                .collect(),
            deadline: self.deadline,
        }
    }

    fn frames(self) -> bytes::Bytes {
        let mut frames = FrameWriter::with_header(&PopHeader {
            count: self.messages.len(),
            deadline: self.deadline,
        });
        for message in &self.messages {
            frames.push(&message.encode());
        }
        frames.finish()
    }
}
