//! Reading one object.

use super::{
    KeyInPath,
    headers::{about, add_served, etag, is_known, is_of_another},
    unknown,
};
use crate::{
    app::{App, Shared},
    auth::Caller,
    md5s,
    refusal::{Answer, Refusal},
    routes::ranges::Part,
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use picloud_blob::WHOLE;
use picloud_store::Object;
use picloud_types::{AccountId, ErrorKind, ObjectKey};
use std::sync::atomic::Ordering::Relaxed;

/// Read an object
///
/// `HEAD` gives the headers alone, and computes the MD5 of a large object if nobody asked for it before.
#[utoipa::path(get, path = "/v1/bucket/objects/{*key}", tag = "bucket",
    params(
        ("key" = String, Path, description = "Percent-encoded; slashes may stand as they are"),
        ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=100-`"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` that is known"),
        ("If-Range" = Option<String>, Header, description = "The `ETag` that the range is of"),
    ),
    responses(
        (status = 200, description = "The content; `ETag` is its SHA-256 in quotes, `Content-MD5`, where it is known, its MD5 in base64", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part asked for", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "It is the content that is known"),
    ))]
pub(crate) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    KeyInPath(key): KeyInPath,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    if method == Method::HEAD {
        md5s::know(&app, caller.account, std::slice::from_ref(&key)).await?;
    }
    let wanted = Wanted {
        method,
        headers,
        public: false,
    };
    read(&app, caller.account, &key, &wanted).await
}

/// What a reader asks for.
pub(super) struct Wanted {
    pub(super) method: Method,
    pub(super) headers: HeaderMap,
    /// Whether only public objects are there for it.
    pub(super) public: bool,
}

/// Answers with an object, or as much of it as is wanted.
pub(super) async fn read(
    app: &App,
    account: AccountId,
    key: &ObjectKey,
    wanted: &Wanted,
) -> Answer<Response> {
    let object = find(app, account, key, wanted).await?;
    match answer(app, account, &object, wanted).await {
        // It was replaced, and its old content swept, since it was looked up.
        Err(gone) if gone.0.kind == ErrorKind::NotFound => {
            let object = find(app, account, key, wanted).await?;
            answer(app, account, &object, wanted).await
        }
        answered => answered,
    }
}

async fn find(app: &App, account: AccountId, key: &ObjectKey, wanted: &Wanted) -> Answer<Object> {
    let found = app.store.object_find(account, vec![key.clone()]).await?;
    let found = found.into_iter().flatten().next();
    // A private object is as absent for strangers as one that never was.
    found
        .filter(|object| object.public || !wanted.public)
        .ok_or_else(|| unknown(key))
}

async fn answer(
    app: &App,
    account: AccountId,
    object: &Object,
    wanted: &Wanted,
) -> Answer<Response> {
    let mut headers = about(object);
    if wanted.public {
        add_served(&mut headers, object);
    }
    let etag = etag(object.hash);
    if is_known(&wanted.headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, headers).into_response());
    }
    let part = if is_of_another(&wanted.headers, &etag) {
        None
    } else {
        match Part::asked(&wanted.headers, object.size) {
            Ok(part) => part,
            Err(refusal) => return Ok(unsatisfiable(refusal, object.size)),
        }
    };
    let length = part.map_or(object.size, Part::length);
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    let mut status = StatusCode::OK;
    if let Some(part) = part {
        status = StatusCode::PARTIAL_CONTENT;
        headers.insert(header::CONTENT_RANGE, part.content_range(object.size)?);
    }
    let body = if wanted.method == Method::HEAD {
        Body::empty()
    } else {
        let range = part.map_or(WHOLE, Part::range);
        let (size, content) = app.blobs.get(account, object.hash, range).await?;
        if size != object.size {
            let cause = format!("blob {} has {size} bytes, not {}", object.hash, object.size);
            return Err(Refusal::internal(&cause));
        }
        app.metrics.object_bytes_sent.fetch_add(length, Relaxed);
        Body::from_stream(content)
    };
    Ok((status, headers, body).into_response())
}

fn unsatisfiable(refusal: Refusal, size: u64) -> Response {
    let mut response = refusal.into_response();
    if let Ok(whole) = HeaderValue::from_str(&format!("bytes */{size}")) {
        response.headers_mut().insert(header::CONTENT_RANGE, whole);
    }
    response
}
