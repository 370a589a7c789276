//! The bucket as a whole, and what is in it.

use super::at_most;
use crate::{
    app::{App, Shared},
    auth::Caller,
    body::{InQuery, JsonBody},
    md5s,
    refusal::{Answer, Refusal},
    routes::openapi::json,
};
use axum::{Json, extract::State};
use picloud_store::{ObjectEntry, ObjectFilter};
use picloud_types::{
    AccountId,
    api::bucket::{BucketInfo, InfoRequest, Keys, ListEntry, ListQuery, ListReply, ObjectInfos},
    limits::KEYS_PER_REQUEST,
};

/// How much there is, and what is allowed
#[utoipa::path(get, path = "/v1/bucket", tag = "bucket", responses((status = 200, description = "About the account's objects", body = BucketInfo)))]
pub(crate) async fn bucket(State(app): State<Shared>, caller: Caller) -> Answer<Json<BucketInfo>> {
    whole(&app, caller.account).await
}

/// About all of an account's objects together.
pub(in crate::routes) async fn whole(app: &App, account: AccountId) -> Answer<Json<BucketInfo>> {
    let sums = app.store.bucket_sums(account).await?;
    let folder = app.buckets.folder(app, account).await?;
    json(BucketInfo {
        objects: sums.objects,
        bytes: sums.bytes,
        volume_bytes: sums.volume_bytes,
        quota_bytes: app.buckets.quota_bytes,
        object_max_bytes: app.buckets.object_max_bytes,
        public_url_folder: app.buckets.url(&format!("/public/{folder}/")),
        direct: app.blobs.is_direct(),
    })
}

/// List objects
#[utoipa::path(get, path = "/v1/bucket/list", tag = "bucket", params(ListQuery), responses((status = 200, description = "A page", body = ListReply)))]
pub(crate) async fn list(
    State(app): State<Shared>,
    caller: Caller,
    InQuery(query): InQuery<ListQuery>,
) -> Answer<Json<ListReply>> {
    page(&app, caller.account, query).await
}

/// A page of an account's objects.
pub(in crate::routes) async fn page(
    app: &App,
    account: AccountId,
    query: ListQuery,
) -> Answer<Json<ListReply>> {
    let most = KEYS_PER_REQUEST as u32;
    let limit = query.limit.unwrap_or(most);
    if !(1..=most).contains(&limit) {
        return Err(Refusal::bad_request(format!(
            "limit is {limit}, and a page has 1 to {most} entries"
        )));
    }
    let filter = ObjectFilter {
        prefix: query.prefix,
        folders: query.folders,
        marker: query.marker,
    };
    let page = app.store.object_list(account, filter, limit).await?;
    let mut entries = Vec::with_capacity(page.entries.len());
    for entry in page.entries {
        entries.push(match entry {
            ObjectEntry::Object(object) => {
                ListEntry::Object(app.buckets.info(app, account, object).await?)
            }
            ObjectEntry::Folder(folder) => ListEntry::Folder { folder },
        });
    }
    json(ListReply {
        entries,
        truncated: page.truncated,
    })
}

/// About single objects
///
/// The MD5 of a large object is null until somebody asks for it here, by `md5`, or by a `HEAD`.
#[utoipa::path(post, path = "/v1/bucket/info", tag = "bucket", request_body = InfoRequest,
    responses((status = 200, description = "In the order asked, null for those that are not there", body = ObjectInfos)))]
pub(crate) async fn info(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<InfoRequest>,
) -> Answer<Json<ObjectInfos>> {
    let InfoRequest { keys, md5 } = request;
    at_most(keys.len())?;
    if md5 {
        md5s::know(&app, caller.account, &keys).await?;
    }
    about(&app, caller.account, Keys { keys }).await
}

/// About single objects of an account.
pub(in crate::routes) async fn about(
    app: &App,
    account: AccountId,
    request: Keys,
) -> Answer<Json<ObjectInfos>> {
    at_most(request.keys.len())?;
    let found = app.store.object_find(account, request.keys).await?;
    let mut objects = Vec::with_capacity(found.len());
    for object in found {
        objects.push(match object {
            Some(object) => Some(app.buckets.info(app, account, object).await?),
            None => None,
        });
    }
    json(ObjectInfos { objects })
}
