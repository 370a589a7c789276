//! Queues are changed and deleted.

use super::{changed, find, look::info_of, of_queue};
use crate::{
    app::{Shared, now},
    auth::Caller,
    body::{InPath, JsonBody},
    changes::Change,
    refusal::{Answer, Refusal},
    routes::{DONE, openapi::json},
};
use axum::{Json, extract::State, http::StatusCode};
use picloud_store::StoreError;
use picloud_types::{
    ErrorKind, QueueName,
    api::queues::{QueueChange, QueueInfo},
    limits::{RETENTION_MAX_S, RETENTION_MIN_S},
};

/// Messages removed in one transaction, so that others need not wait.
const PART: u32 = 2_000;

/// Pause a queue, or change how long it keeps messages and how many jobs handle them
#[utoipa::path(patch, path = "/v1/queues/{queue}", tag = "queues", params(("queue" = String, Path)), request_body = QueueChange,
    responses((status = 200, description = "It is so from now on", body = QueueInfo)))]
pub(in crate::routes) async fn change(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    JsonBody(change): JsonBody<QueueChange>,
) -> Answer<Json<QueueInfo>> {
    if let Some(retention_s) = change.retention_s
        && !(RETENTION_MIN_S..=RETENTION_MAX_S).contains(&retention_s)
    {
        return Err(Refusal::bad_request(format!(
            "retention_s is {RETENTION_MIN_S} to {RETENTION_MAX_S}, not {retention_s}"
        )));
    }
    let of_attachment = change.max_parallel_jobs.is_some();
    match app
        .store
        .queue_change(caller.account, &queue, change, now())
        .await
    {
        Err(StoreError::NotFound(_)) if of_attachment => {
            find(&app, caller.account, &queue).await?;
            return Err(nothing_attached(&queue));
        }
        done => of_queue(&queue, done)?,
    }
    changed(&app, caller.account, &queue).await?;
    let found = find(&app, caller.account, &queue).await?;
    json(info_of(&app, found, now()))
}

pub(super) fn nothing_attached(queue: &QueueName) -> Refusal {
    Refusal::new(
        ErrorKind::NotFound,
        format!("nothing is attached to queue {queue}"),
    )
    .hint("cloud.queue.get(name).attach(handler) attaches a handler")
}

/// Delete a queue with its messages and its attachment
#[utoipa::path(delete, path = "/v1/queues/{queue}", tag = "queues", params(("queue" = String, Path)),
    responses((status = 204, description = "It is gone; its handler jobs end")))]
pub(in crate::routes) async fn delete(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
) -> Answer<StatusCode> {
    let id = find(&app, caller.account, &queue).await?.id;
    // From the first part on the name is free, and whatever has it next is another queue: the other
    // parts are the duty's.
    let part = app
        .store
        .queue_delete(caller.account, &queue, PART, now())
        .await;
    app.queue_ids.forget(caller.account, &queue);
    of_queue(&queue, part)?;
    app.queues.call_all(id);
    app.changes.note(caller.account, Change::Queues);
    app.sweep.notify_one();
    Ok(DONE)
}
