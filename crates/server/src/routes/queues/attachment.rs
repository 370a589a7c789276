//! Handlers are attached to queues, in versions.

use super::{change::nothing_attached, changed, find, look::attachment_of, too_many_frames};
use crate::{
    app::{App, Shared, now},
    auth::Caller,
    body::{Frames, InPath, JsonBody},
    refusal::{Answer, Refusal},
    routes::{DONE, openapi::json, specs, submit},
};
use axum::{Json, extract::State, http::StatusCode};
use picloud_store::{AttachmentNew, StoreError};
use picloud_types::{
    AccountId, ErrorKind, Payload, QueueName,
    api::queues::{AttachHeader, AttachmentInfo, AttachmentSettings, RollbackRequest, VersionList},
    limits::{DELAY_MAX_S, OUTPUT_QUEUES_MAX, READERS_MAX},
};

/// Most entries of `on_error`, and of `retry_on`.
const CLASSES_MAX: usize = 50;
/// Longest name of a class, in bytes.
const CLASS_MAX_BYTES: usize = 1_000;

/// Attach a handler, or another version of it
#[utoipa::path(put, path = "/v1/queues/{queue}/attachment", tag = "queues", params(("queue" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/vnd.picloud.frames", description = "Header `AttachHeader`, then two payloads: the function that handler jobs run, and its pickled `(args, kwargs)`"),
    responses((status = 200, description = "New jobs use this version; running ones of others end after what they hold. The queue and those it sends to are there", body = AttachmentInfo)))]
pub(in crate::routes) async fn attach(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    Frames(mut frames): Frames,
) -> Answer<Json<AttachmentInfo>> {
    let AttachHeader {
        mut spec,
        settings,
        max_parallel_jobs,
    } = frames.header()?;
    let function = Payload::decode(frames.expect_frame()?)?;
    let args = Payload::decode(frames.expect_frame()?)?;
    if frames.next_frame()?.is_some() {
        return Err(too_many_frames());
    }
    submit::check_payloads(&app, [&function, &args])?;
    check_settings(&settings)?;
    if spec.queue.as_ref().is_some_and(|named| *named != queue) {
        return Err(Refusal::bad_request("the spec names another queue")
            .hint("leave it out: the server sets it"));
    }
    spec.queue = Some(queue.clone());
    // A lost job is not started again: what it held comes back, and the next job is a new one.
    spec.restartable = false;
    let blobs = specs::check(&app, caller.account, &spec).await?;
    let new = AttachmentNew {
        account: caller.account,
        queue: queue.clone(),
        spec,
        function,
        args,
        blobs,
        settings,
        max_parallel_jobs,
        now: now(),
    };
    app.store.attachment_put(new).await?;
    changed(&app, caller.account, &queue).await?;
    json(attachment(&app, caller.account, &queue).await?)
}

async fn attachment(app: &App, account: AccountId, queue: &QueueName) -> Answer<AttachmentInfo> {
    let found = find(app, account, queue).await?.attachment;
    let attached = found.ok_or_else(|| nothing_attached(queue))?;
    Ok(attachment_of(attached))
}

fn check_settings(settings: &AttachmentSettings) -> Answer<()> {
    let bad = |msg: String| Err(Refusal::bad_request(msg));
    let outputs = settings.output_queues.len();
    if outputs > OUTPUT_QUEUES_MAX {
        return bad(format!(
            "a handler sends to at most {OUTPUT_QUEUES_MAX} queues, not {outputs}"
        ));
    }
    if !(1..=READERS_MAX).contains(&settings.readers_per_job) {
        return bad(format!(
            "readers_per_job is 1 to {READERS_MAX}, not {}",
            settings.readers_per_job
        ));
    }
    let delays = settings.on_error.iter().map(|entry| entry.delay_s);
    if let Some(delay_s) = delays
        .chain(settings.retry_delay_s)
        .find(|delay_s| *delay_s > DELAY_MAX_S)
    {
        return bad(format!(
            "a delay is 0 to {DELAY_MAX_S} seconds, not {delay_s}"
        ));
    }
    if settings.on_error.len() > CLASSES_MAX || settings.retry_on.len() > CLASSES_MAX {
        return bad(format!(
            "on_error and retry_on name at most {CLASSES_MAX} classes each"
        ));
    }
    let classes = settings.on_error.iter().map(|entry| &entry.exception);
    if classes
        .chain(&settings.retry_on)
        .any(|name| name.is_empty() || name.len() > CLASS_MAX_BYTES)
    {
        return bad(format!(
            "the name of a class has 1 to {CLASS_MAX_BYTES} bytes"
        ));
    }
    match settings.on_crash {
        Some(entry) if entry >= settings.on_error.len() => bad(format!(
            "on_crash is {entry}, and on_error has no such entry"
        )),
        _ => Ok(()),
    }
}

/// Detach the handler; its versions are kept
#[utoipa::path(delete, path = "/v1/queues/{queue}/attachment", tag = "queues", params(("queue" = String, Path)),
    responses((status = 204, description = "Jobs end after what they hold")))]
pub(in crate::routes) async fn detach(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
) -> Answer<StatusCode> {
    find(&app, caller.account, &queue).await?;
    match app.store.attachment_end(caller.account, &queue).await {
        Err(StoreError::NotFound(_)) => return Err(nothing_attached(&queue)),
        done => done?,
    }
    changed(&app, caller.account, &queue).await?;
    Ok(DONE)
}

/// All versions of the attachment
#[utoipa::path(get, path = "/v1/queues/{queue}/attachment/versions", tag = "queues", params(("queue" = String, Path)),
    responses((status = 200, description = "Newest first", body = VersionList)))]
pub(in crate::routes) async fn versions(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
) -> Answer<Json<VersionList>> {
    let versions = app.store.attachment_versions(caller.account, &queue).await;
    json(super::of_queue(&queue, versions)?)
}

/// Let an earlier version handle the messages
#[utoipa::path(post, path = "/v1/queues/{queue}/attachment/rollback", tag = "queues", params(("queue" = String, Path)), request_body = RollbackRequest,
    responses((status = 200, description = "New jobs use that version; running ones of others end after what they hold", body = AttachmentInfo)))]
pub(in crate::routes) async fn rollback(
    State(app): State<Shared>,
    caller: Caller,
    InPath(queue): InPath<QueueName>,
    JsonBody(request): JsonBody<RollbackRequest>,
) -> Answer<Json<AttachmentInfo>> {
    find(&app, caller.account, &queue).await?;
    let back = app
        .store
        .attachment_rollback(caller.account, &queue, request.version)
        .await;
    match back {
        Err(StoreError::NotFound(_)) => {
            let what = request.version.map_or_else(
                || "version before the current one".to_owned(),
                |version| format!("version {version}"),
            );
            return Err(
                Refusal::new(ErrorKind::NotFound, format!("queue {queue} has no {what}"))
                    .hint("picloud queue versions shows those there are"),
            );
        }
        done => done?,
    };
    changed(&app, caller.account, &queue).await?;
    json(attachment(&app, caller.account, &queue).await?)
}
