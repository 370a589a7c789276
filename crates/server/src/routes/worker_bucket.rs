//! Objects of accounts, for the workers that show them to jobs as files. Contents are read as blobs.

use super::{
    bucket::{change, list, put},
    workers::contact,
};
use crate::{
    app::{App, Shared},
    auth::Agent,
    body::{InPath, InQuery, JsonBody},
    refusal::{Answer, Refusal},
};
use axum::{Json, body::Body, extract::State, http::HeaderMap};
use picloud_types::{
    AccountId, ErrorKind, ObjectKey, WorkerId,
    api::bucket::{
        BucketInfo, Keys, ListQuery, ListReply, ObjectInfo, ObjectInfos, Removed, Rename, Renamed,
    },
};
use std::time::Duration;

/// A process outlives its job, and closes files that the job left open.
const AFTER_THE_LAST_JOB: Duration = Duration::from_secs(120);

/// Refuses accounts that this worker has no job of. With a blob one must know its hash; keys can be
/// listed, so the token of a worker must not be enough.
async fn admit(app: &App, worker: WorkerId, account: AccountId) -> Answer<()> {
    contact(app, worker).await?;
    let ago = app.fleet.served_ago(worker, account);
    if ago.is_some_and(|ago| ago < AFTER_THE_LAST_JOB / 2) {
        return Ok(());
    }
    if app.store.worker_serves(worker, account).await? {
        app.fleet.serves(worker, account, AFTER_THE_LAST_JOB);
        return Ok(());
    }
    if ago.is_some_and(|ago| ago < AFTER_THE_LAST_JOB) {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorKind::Forbidden,
        format!("worker {worker} has no job of account {account}"),
    ))
}

/// How much an account has, and what it is allowed
#[utoipa::path(get, path = "/v1/workers/{worker}/accounts/{account}/bucket", tag = "workers",
    params(("worker" = i64, Path), ("account" = i64, Path)),
    responses((status = 200, description = "About the account's objects", body = BucketInfo)))]
pub(super) async fn bucket(
    State(app): State<Shared>,
    _agent: Agent,
    InPath((worker, account)): InPath<(WorkerId, AccountId)>,
) -> Answer<Json<BucketInfo>> {
    admit(&app, worker, account).await?;
    list::whole(&app, account).await
}

/// List objects of an account
#[utoipa::path(get, path = "/v1/workers/{worker}/accounts/{account}/bucket/list", tag = "workers",
    params(("worker" = i64, Path), ("account" = i64, Path), ListQuery),
    responses((status = 200, description = "A page", body = ListReply)))]
pub(super) async fn list(
    State(app): State<Shared>,
    _agent: Agent,
    InPath((worker, account)): InPath<(WorkerId, AccountId)>,
    InQuery(query): InQuery<ListQuery>,
) -> Answer<Json<ListReply>> {
    admit(&app, worker, account).await?;
    list::page(&app, account, query).await
}

/// About single objects of an account
#[utoipa::path(post, path = "/v1/workers/{worker}/accounts/{account}/bucket/info", tag = "workers", request_body = Keys,
    params(("worker" = i64, Path), ("account" = i64, Path)),
    responses((status = 200, description = "In the order asked, null for those that are not there", body = ObjectInfos)))]
pub(super) async fn info(
    State(app): State<Shared>,
    _agent: Agent,
    InPath((worker, account)): InPath<(WorkerId, AccountId)>,
    JsonBody(request): JsonBody<Keys>,
) -> Answer<Json<ObjectInfos>> {
    admit(&app, worker, account).await?;
    list::about(&app, account, request).await
}

/// Store an object of an account
#[utoipa::path(put, path = "/v1/workers/{worker}/accounts/{account}/bucket/objects/{*key}", tag = "workers",
    params(
        ("worker" = i64, Path), ("account" = i64, Path),
        ("key" = String, Path, description = "Percent-encoded; slashes may stand as they are"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The content, announced as for the account itself"),
    responses((status = 200, description = "It is on disk", body = ObjectInfo)))]
pub(super) async fn put(
    State(app): State<Shared>,
    _agent: Agent,
    InPath((worker, account, key)): InPath<(WorkerId, AccountId, String)>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<ObjectInfo>> {
    let key: ObjectKey = key.parse()?;
    admit(&app, worker, account).await?;
    put::take_in(&app, account, key, &headers, body).await
}

/// Remove objects of an account
#[utoipa::path(post, path = "/v1/workers/{worker}/accounts/{account}/bucket/remove", tag = "workers", request_body = Keys,
    params(("worker" = i64, Path), ("account" = i64, Path)),
    responses((status = 200, description = "How many there were; those that are not there are fine", body = Removed)))]
pub(super) async fn remove(
    State(app): State<Shared>,
    _agent: Agent,
    InPath((worker, account)): InPath<(WorkerId, AccountId)>,
    JsonBody(request): JsonBody<Keys>,
) -> Answer<Json<Removed>> {
    admit(&app, worker, account).await?;
    change::take_away(&app, account, request).await
}

/// Rename one object of an account, or all whose keys begin with something
#[utoipa::path(post, path = "/v1/workers/{worker}/accounts/{account}/bucket/rename", tag = "workers", request_body = Rename,
    params(("worker" = i64, Path), ("account" = i64, Path)),
    responses((status = 200, description = "All of them have their new keys", body = Renamed)))]
pub(super) async fn rename(
    State(app): State<Shared>,
    _agent: Agent,
    InPath((worker, account)): InPath<(WorkerId, AccountId)>,
    JsonBody(request): JsonBody<Rename>,
) -> Answer<Json<Renamed>> {
    admit(&app, worker, account).await?;
    change::give_key(&app, account, request).await
}
