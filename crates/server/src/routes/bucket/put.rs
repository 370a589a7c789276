//! Storing one object.

use super::{KeyInPath, headers};
use crate::{
    app::{App, Shared, now},
    auth::Caller,
    body::as_stream,
    refusal::{Answer, Refusal},
    routes::{blobs::still_there, openapi::json},
};
use axum::{Json, body::Body, extract::State, http::HeaderMap};
use picloud_blob::{BlobError, Expected, Stored};
use picloud_store::{Object, ObjectNew, StoreError};
use picloud_types::{AccountId, ErrorKind, ObjectKey, api::bucket::ObjectInfo};
use std::sync::atomic::Ordering::Relaxed;

/// Store an object
///
/// Atomic: readers see the old content or the new one. A body that breaks off or is not what was
/// announced changes nothing.
#[utoipa::path(put, path = "/v1/bucket/objects/{*key}", tag = "bucket",
    params(
        ("key" = String, Path, description = "Percent-encoded; slashes may stand as they are"),
        ("Content-MD5" = Option<String>, Header, description = "Base64; checked"),
        ("X-Picloud-Sha256" = Option<String>, Header, description = "Hex; checked"),
        ("Content-Type" = Option<String>, Header, description = "Guessed from the key without it"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The content"),
    responses((status = 200, description = "It is on disk", body = ObjectInfo)))]
pub(crate) async fn put(
    State(app): State<Shared>,
    caller: Caller,
    KeyInPath(key): KeyInPath,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<ObjectInfo>> {
    take_in(&app, caller.account, key, &headers, body).await
}

/// Stores one object of an account, as its headers announce it.
pub(in crate::routes) async fn take_in(
    app: &App,
    account: AccountId,
    key: ObjectKey,
    headers: &HeaderMap,
    body: Body,
) -> Answer<Json<ObjectInfo>> {
    let expected = headers::expected(headers)?;
    let said = headers.get(axum::http::header::CONTENT_TYPE);
    let said = said.map(|value| value.to_str().unwrap_or(""));
    let content_type = headers::content_type(said, &key)?;
    let object = store(app, account, key, content_type, expected, body).await?;
    json(app.buckets.info(app, account, object).await?)
}

/// Takes one content in and gives it its key.
pub(super) async fn store(
    app: &App,
    account: AccountId,
    key: ObjectKey,
    content_type: String,
    expected: Expected,
    body: Body,
) -> Answer<Object> {
    may_come(app, account, &key, expected.size).await?;
    let limit = app.buckets.object_max_bytes;
    let content = as_stream(body, app.body_timeout);
    let stored = app.blobs.put_new(account, content, limit, expected);
    let stored = stored.await.map_err(refused)?;
    let object = ObjectNew {
        key,
        hash: stored.hash,
        size: stored.size,
        md5: stored.md5,
        content_type,
    };
    let mut objects = name(app, account, vec![object]).await?;
    objects
        .pop()
        .ok_or_else(|| Refusal::internal(&"the store named no object"))
}

/// A content that is sure to be refused need not travel first.
async fn may_come(app: &App, account: AccountId, key: &ObjectKey, size: Option<u64>) -> Answer<()> {
    let Some(size) = size else { return Ok(()) };
    let limit = app.buckets.object_max_bytes;
    if size > limit {
        return Err(refused(BlobError::TooLarge { limit }));
    }
    if let Some(quota_bytes) = app.buckets.quota_bytes {
        let old = app.store.object_find(account, vec![key.clone()]).await?;
        let old = old.into_iter().flatten().map(|o| o.size).sum::<u64>();
        let now = app.store.bucket_sums(account).await?.total_bytes();
        let bytes = now.saturating_sub(old).saturating_add(size);
        if size > old && bytes > quota_bytes {
            return Err(StoreError::QuotaExceeded { bytes, quota_bytes }.into());
        }
    }
    Ok(())
}

fn refused(error: BlobError) -> Refusal {
    match error {
        BlobError::TooLarge { limit } => Refusal::new(
            ErrorKind::TooLarge,
            format!("an object has at most {limit} bytes"),
        )
        .hint("split it, or have `object_max_bytes` of the server raised"),
        other => other.into(),
    }
}

/// Makes objects of contents that were taken in.
pub(super) async fn name(
    app: &App,
    account: AccountId,
    new: Vec<ObjectNew>,
) -> Answer<Vec<Object>> {
    let _gate = app.blob_gate.read().await;
    still_there(app, account, new.iter().map(|object| object.hash)).await?;
    let blobs: Vec<_> = new.iter().map(|o| (o.hash, o.size)).collect();
    let bytes: u64 = new.iter().map(|o| o.size).sum();
    match app
        .store
        .object_put(account, new, app.buckets.quota_bytes, now())
        .await
    {
        Ok(objects) => {
            let count = objects.len() as u64;
            app.metrics.objects_stored.fetch_add(count, Relaxed);
            app.metrics.object_bytes_received.fetch_add(bytes, Relaxed);
            Ok(objects)
        }
        Err(error) => {
            // Noted down as needed by nobody, so that the sweep finds them.
            app.store.blob_add(account, blobs, now()).await?;
            Err(error.into())
        }
    }
}

/// What a content at hand is, checked on a thread that may take its time.
pub(super) async fn checksums(contents: Vec<(bytes::Bytes, Expected)>) -> Answer<Vec<Stored>> {
    let check = move || {
        let checked = contents.iter().map(|(content, expected)| {
            let stored = Stored::of(content);
            expected.check(&stored.into()).map(|()| stored)
        });
        checked.collect::<Result<Vec<_>, _>>()
    };
    let checked = tokio::task::spawn_blocking(check).await;
    Ok(checked.map_err(|e| Refusal::internal(&e))??)
}
