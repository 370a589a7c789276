//! Messages that wait are removed, moved, sent back to where they failed, or changed.

use super::{check_count, of_queue, push::json_body, visible};
use crate::{
    app::{App, Shared, now},
    auth::Caller,
    body::{InPath, JsonBody},
    changes::Change,
    queue_ids::not_yet,
    refusal::{Answer, Refusal},
    routes::{DONE, openapi::json},
};
use axum::{Json, extract::State, http::StatusCode};
use picloud_store::{MoveWhat, Requeue, StoreError};
use picloud_types::{
    AccountId, ErrorKind, QueueName,
    api::queues::{MoveRequest, Moved, RequeueRequest},
};

/// Messages in one transaction, so that others need not wait.
const PART: u32 = 1_000;

/// Remove messages that wait
#[utoipa::path(post, path = "/v1/queues/{queue}/purge", tag = "queues", params(("queue" = String, Path)), request_body = MoveRequest,
    responses((status = 200, description = "They are gone", body = Moved)))]
pub(in crate::routes) async fn purge(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    JsonBody(request): JsonBody<MoveRequest>,
) -> Answer<Json<Moved>> {
    if request.to.is_some() {
        return Err(Refusal::bad_request("a purge has no `to`")
            .hint("…/move moves messages to another queue"));
    }
    let ids = request.ids;
    let moved = in_parts(&app, caller.account, &queue, MoveWhat::Purge { ids }).await?;
    app.sweep.notify_one();
    json(moved)
}

/// Move messages that wait to another queue
#[utoipa::path(post, path = "/v1/queues/{queue}/move", tag = "queues", params(("queue" = String, Path)), request_body = MoveRequest,
    responses((status = 200, description = "They wait there", body = Moved)))]
pub(in crate::routes) async fn move_to(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    JsonBody(request): JsonBody<MoveRequest>,
) -> Answer<Json<Moved>> {
    let Some(to) = request.to else {
        return Err(Refusal::bad_request(
            "`to` is missing: the queue they go to",
        ));
    };
    if to == queue {
        return Err(Refusal::bad_request(format!(
            "the messages are in {queue} already"
        )));
    }
    let ids = request.ids;
    json(in_parts(&app, caller.account, &queue, MoveWhat::Move { ids, to }).await?)
}

/// Send error messages back to the queue whose handler failed, as they were
#[utoipa::path(post, path = "/v1/queues/{queue}/redrive", tag = "queues", params(("queue" = String, Path)), request_body = MoveRequest,
    responses((status = 200, description = "They wait there, with no retry counted; messages without an error stay", body = Moved)))]
pub(in crate::routes) async fn redrive(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    JsonBody(request): JsonBody<MoveRequest>,
) -> Answer<Json<Moved>> {
    let MoveRequest { to, ids } = request;
    let what = MoveWhat::Redrive { ids, to };
    json(in_parts(&app, caller.account, &queue, what).await?)
}

/// All there are, but no more than there were at first: who pushes meanwhile cannot keep this going.
async fn in_parts(
    app: &App,
    account: AccountId,
    queue: &QueueName,
    what: MoveWhat,
) -> Answer<Moved> {
    let (MoveWhat::Purge { ids } | MoveWhat::Move { ids, .. } | MoveWhat::Redrive { ids, .. }) =
        &what;
    check_count("ids", ids.as_ref().map_or(0, Vec::len))?;
    let most = super::find(app, account, queue).await?.count;
    let mut moved = 0;
    while moved < most {
        let limit = PART.min(u32::try_from(most - moved).unwrap_or(PART));
        let part = app
            .store
            .queue_move(account, queue, what.clone(), limit, now())
            .await;
        let part = of_queue(queue, part)?;
        moved += part;
        if part < u64::from(limit) || app.stopping.is_cancelled() {
            break;
        }
    }
    if let MoveWhat::Move { to, .. } | MoveWhat::Redrive { to: Some(to), .. } = &what {
        app.queues.call_all(not_yet(account, to));
    }
    app.changes.note(account, Change::Queues);
    Ok(Moved { moved })
}

/// Put a message that waits back as a new one, changed or as it is
#[utoipa::path(post, path = "/v1/queues/{queue}/messages/{id}/requeue", tag = "queues", params(("queue" = String, Path), ("id" = i64, Path)), request_body = RequeueRequest,
    responses((status = 204, description = "It waits, with no retry counted")))]
pub(in crate::routes) async fn requeue(
    State(app): State<Shared>,
    caller: Caller,
    InPath((queue, id)): InPath<(QueueName, i64)>,
    JsonBody(request): JsonBody<RequeueRequest>,
) -> Answer<StatusCode> {
    let now = now();
    let visible = visible(request.delay_s, now)?;
    let body = match &request.message {
        Some(value) => Some(json_body(&app, caller.account, value).await?),
        None => None,
    };
    let unmade = request.to.as_ref().map(|to| not_yet(caller.account, to));
    let requeue = Requeue {
        account: caller.account,
        queue: queue.clone(),
        id,
        body,
        to: request.to,
        visible,
        now,
    };
    match app.store.queue_requeue(requeue).await {
        Err(StoreError::NotFound(_)) => {
            super::find(&app, caller.account, &queue).await?;
            Err(Refusal::new(
                ErrorKind::NotFound,
                format!("message {id} does not wait in queue {queue}"),
            )
            .hint(
                "it was taken or removed since it was looked at; one in flight cannot be changed",
            ))
        }
        done => {
            done?;
            app.changes.note(caller.account, Change::Queues);
            if let Some(unmade) = unmade {
                app.queues.call_all(unmade);
            }
            Ok(DONE)
        }
    }
}
