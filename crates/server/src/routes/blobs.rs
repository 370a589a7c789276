//! Uploads and downloads of an account.

use super::openapi::json;
use crate::{
    app::{App, Shared, now},
    auth::Caller,
    body::{Frames, InPath, JsonBody, as_stream},
    refusal::{Answer, Refusal},
    routes::ranges::Part,
};
use axum::{
    Json,
    body::Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use picloud_types::{
    AccountId, ApiError, ErrorKind, Hash,
    api::blobs::{BlobsMissing, BlobsMissingRequest, BlobsPut, BlobsStored},
};

/// Most hashes or blobs in one request.
const MANY_MAX: usize = 10_000;

fn too_many() -> Refusal {
    Refusal::new(
        ErrorKind::TooLarge,
        format!("more than {MANY_MAX} blobs in one request"),
    )
}

/// Which of these must be uploaded?
#[utoipa::path(post, path = "/v1/blobs/missing", tag = "blobs", request_body = BlobsMissingRequest,
    responses((status = 200, description = "Those the server lacks; the others are kept for an hour at least", body = BlobsMissing)))]
pub(super) async fn missing(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<BlobsMissingRequest>,
) -> Answer<Json<BlobsMissing>> {
    if request.hashes.len() > MANY_MAX {
        return Err(too_many());
    }
    let missing = app
        .store
        .blob_missing(caller.account, request.hashes, now().plus(app.upload_keep))
        .await?;
    json(BlobsMissing { missing })
}

/// Upload many small blobs
#[utoipa::path(post, path = "/v1/blobs", tag = "blobs",
    request_body(content = Vec<u8>, content_type = "application/vnd.picloud.frames", description = "Header `BlobsPut`, then one frame per blob"),
    responses((status = 200, description = "Their hashes, in order", body = BlobsStored)))]
pub(super) async fn put_many(
    State(app): State<Shared>,
    caller: Caller,
    Frames(mut frames): Frames,
) -> Answer<Json<BlobsStored>> {
    let header: BlobsPut = frames.header()?;
    if header.count > MANY_MAX {
        return Err(too_many());
    }
    let mut contents: Vec<Bytes> = Vec::with_capacity(header.count);
    for _ in 0..header.count {
        contents.push(frames.expect_frame()?);
    }
    if frames.next_frame()?.is_some() {
        return Err(Refusal::bad_request(
            "the body has more frames than its header says",
        ));
    }
    let sizes: Vec<_> = contents
        .iter()
        .map(|content| content.len() as u64)
        .collect();
    let stored = app.blobs.put_many(caller.account, contents).await?;
    let sized = stored.iter().copied().zip(sizes).collect();
    record(&app, caller.account, sized).await?;
    json(BlobsStored { stored })
}

/// Upload one blob of any size
#[utoipa::path(put, path = "/v1/blobs/{hash}", tag = "blobs", params(("hash" = Hash, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The content, which must have this hash"),
    responses((status = 200, description = "It is on disk", body = BlobsStored)))]
pub(super) async fn put(
    State(app): State<Shared>,
    caller: Caller,
    InPath(hash): InPath<Hash>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<BlobsStored>> {
    store(&app, caller.account, hash, &headers, body).await
}

/// Download a blob
#[utoipa::path(get, path = "/v1/blobs/{hash}", tag = "blobs",
    params(("hash" = Hash, Path), ("Range" = Option<String>, Header, description = "One range of bytes, such as `bytes=100-`")),
    responses(
        (status = 200, description = "The content", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part asked for", body = Vec<u8>, content_type = "application/octet-stream"),
    ))]
pub(super) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    InPath(hash): InPath<Hash>,
    headers: HeaderMap,
) -> Answer<Response> {
    load(&app, caller.account, hash, &headers).await
}

/// Takes one content in.
pub(super) async fn store(
    app: &App,
    account: AccountId,
    hash: Hash,
    headers: &HeaderMap,
    body: Body,
) -> Answer<Json<BlobsStored>> {
    let limit = app.payload_max_bytes;
    let announced = headers
        .get(header::CONTENT_LENGTH)
        .and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|size| size > limit) {
        return Err(picloud_blob::BlobError::TooLarge { limit }.into());
    }
    let size = app
        .blobs
        .put(account, hash, as_stream(body, app.body_timeout), limit)
        .await?;
    record(app, account, vec![(hash, size)]).await?;
    json(BlobsStored { stored: vec![hash] })
}

/// Notes down blobs whose files are there.
pub(super) async fn record(app: &App, account: AccountId, blobs: Vec<(Hash, u64)>) -> Answer<()> {
    let _gate = app.blob_gate.read().await;
    still_there(app, account, blobs.iter().map(|(hash, _)| *hash)).await?;
    app.store
        .blob_add(account, blobs, now().plus(app.upload_keep))
        .await?;
    Ok(())
}

/// To be asked with the gate held: the sweep may have removed a file that was found to be there when
/// the upload began.
pub(super) async fn still_there(
    app: &App,
    account: AccountId,
    hashes: impl Iterator<Item = Hash>,
) -> Answer<()> {
    for hash in hashes {
        if app.blobs.size(account, hash).await?.is_none() {
            let gone = ApiError::new(
                ErrorKind::Unavailable,
                format!("blob {hash} was removed while it was uploaded"),
            );
            return Err(gone.hint("send it again").into());
        }
    }
    Ok(())
}

/// Gives one content out.
pub(super) async fn load(
    app: &App,
    account: AccountId,
    hash: Hash,
    headers: &HeaderMap,
) -> Answer<Response> {
    let Some(size) = app.store.blob_size(account, hash).await? else {
        return Err(Refusal::new(
            ErrorKind::NotFound,
            format!("blob {hash} does not exist"),
        ));
    };
    let part = Part::asked(headers, size)?;
    let range = part.map_or(picloud_blob::WHOLE, Part::range);
    let (_, content) = app.blobs.get(account, hash, range).await?;
    let length = part.map_or(size, Part::length);
    let status = if part.is_some() {
        StatusCode::PARTIAL_CONTENT
    } else {
        StatusCode::OK
    };
    let head = [
        (header::CONTENT_TYPE, "application/octet-stream".to_owned()),
        (header::CONTENT_LENGTH, length.to_string()),
        (header::ACCEPT_RANGES, "bytes".to_owned()),
        // What a browser is shown must not run as a page of ours.
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff".to_owned()),
    ];
    let mut response = (status, head, Body::from_stream(content)).into_response();
    if let Some(part) = part {
        response
            .headers_mut()
            .insert(header::CONTENT_RANGE, part.content_range(size)?);
    }
    Ok(response)
}
