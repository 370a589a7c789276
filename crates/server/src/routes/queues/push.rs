//! Messages go into a queue.

use super::{check_count, too_many_frames, visible};
use crate::{
    app::{App, Shared, now},
    auth::Caller,
    body::{InPath, WholeBody, parse_json},
    changes::Change,
    queue_ids::not_yet,
    refusal::{Answer, Refusal},
    routes::{blobs::record, openapi::json, submit},
};
use axum::{Json, extract::State};
use bytes::Bytes;
use picloud_store::Push;
use picloud_types::{
    AccountId, Payload, QueueName,
    api::queues::{PushHeader, PushJson, Pushed},
    frames::FrameReader,
    message::{Body, MessageKind},
    payload::INLINE_MAX_BYTES,
};
use std::sync::atomic::Ordering;

/// Push messages, all or none; the queue is made if it is not there
#[utoipa::path(post, path = "/v1/queues/{queue}/messages", tag = "queues", params(("queue" = String, Path)),
    request_body(description = "Framed: header `PushHeader`, then `count` bodies: kind (1 byte: 0 JSON, 1 pickle), payload. Or JSON.",
        content((Vec<u8> = "application/vnd.picloud.frames"), (PushJson = "application/json"))),
    responses((status = 200, description = "They are in the queue, on disk", body = Pushed)))]
pub(in crate::routes) async fn push(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    body: WholeBody,
) -> Answer<Json<Pushed>> {
    let (header, messages) = if body.is_json {
        read_json(&app, caller.account, &body.bytes).await?
    } else {
        read_frames(body.bytes)?
    };
    submit::check_key(&header.key)?;
    let payloads = messages.iter().map(|body| &body.payload);
    submit::check_payloads(&app, payloads)?;
    let unmade = not_yet(caller.account, &queue);
    let now = now();
    let push = Push {
        account: caller.account,
        queue,
        key: header.key,
        messages,
        visible: visible(header.delay_s, now)?,
        now,
    };
    let pushed = app.store.queue_push(push).await?;
    app.metrics
        .messages_pushed
        .fetch_add(pushed, Ordering::Relaxed);
    app.changes.note(caller.account, Change::Queues);
    // Who waits for the queue was called by the store, unless it did not exist when they came.
    app.queues.call_all(unmade);
    json(Pushed { pushed })
}

fn read_frames(body: Bytes) -> Answer<(PushHeader, Vec<Body>)> {
    let mut frames = FrameReader::new(body);
    let header: PushHeader = frames.header()?;
    check_count("messages", header.count)?;
    let mut messages = Vec::with_capacity(header.count);
    for _ in 0..header.count {
        messages.push(Body::decode(frames.expect_frame()?)?);
    }
    if frames.next_frame()?.is_some() {
        return Err(too_many_frames());
    }
    Ok((header, messages))
}

async fn read_json(app: &App, account: AccountId, body: &[u8]) -> Answer<(PushHeader, Vec<Body>)> {
    let request: PushJson = parse_json(body)?;
    check_count("messages", request.messages.len())?;
    let mut messages = Vec::with_capacity(request.messages.len());
    for value in &request.messages {
        messages.push(json_body(app, account, value).await?);
    }
    let header = PushHeader {
        count: messages.len(),
        delay_s: request.delay_s,
        key: request.key.unwrap_or_else(submit::fresh_key),
    };
    Ok((header, messages))
}

/// A JSON value as a body; a large one is stored as a blob, which who sends JSON need not know of.
pub(super) async fn json_body(
    app: &App,
    account: AccountId,
    value: &serde_json::Value,
) -> Answer<Body> {
    let text = Bytes::from(value.to_string());
    let payload = if text.len() <= INLINE_MAX_BYTES {
        Payload::Inline(text)
    } else {
        let size = text.len() as u64;
        let stored = app.blobs.put_many(account, vec![text]).await?;
        let hash = stored.into_iter().next();
        let hash = hash.ok_or_else(|| Refusal::internal(&"nothing stored"))?;
        record(app, account, vec![(hash, size)]).await?;
        Payload::Blob { hash, size }
    };
    Ok(Body {
        kind: MessageKind::Json,
        payload,
    })
}
