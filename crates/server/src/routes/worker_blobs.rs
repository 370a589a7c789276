//! Blobs of accounts, for the workers that run their jobs.

use super::{
    blobs::{load, store},
    workers::contact,
};
use crate::{app::Shared, auth::Agent, body::InPath, refusal::Answer};
use axum::{Json, body::Body, extract::State, http::HeaderMap, response::Response};
use picloud_types::{AccountId, Hash, WorkerId, api::blobs::BlobsStored};

/// Download a blob of an account
#[utoipa::path(get, path = "/v1/workers/{worker}/accounts/{account}/blobs/{hash}", tag = "workers",
    params(("worker" = i64, Path), ("account" = i64, Path), ("hash" = Hash, Path), ("Range" = Option<String>, Header, description = "One range of bytes")),
    responses(
        (status = 200, description = "The content", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part asked for", body = Vec<u8>, content_type = "application/octet-stream"),
    ))]
pub(super) async fn get(
    State(app): State<Shared>,
    _agent: Agent,
    InPath((worker, account, hash)): InPath<(WorkerId, AccountId, Hash)>,
    headers: HeaderMap,
) -> Answer<Response> {
    contact(&app, worker).await?;
    load(&app, account, hash, &headers).await
}

/// Upload a blob for an account, such as a large result
#[utoipa::path(put, path = "/v1/workers/{worker}/accounts/{account}/blobs/{hash}", tag = "workers",
    params(("worker" = i64, Path), ("account" = i64, Path), ("hash" = Hash, Path)),
    request_body(content = Vec<u8>, content_type = "application/octet-stream", description = "The content, which must have this hash"),
    responses((status = 200, description = "It is on disk", body = BlobsStored)))]
pub(super) async fn put(
    State(app): State<Shared>,
    _agent: Agent,
    InPath((worker, account, hash)): InPath<(WorkerId, AccountId, Hash)>,
    headers: HeaderMap,
    body: Body,
) -> Answer<Json<BlobsStored>> {
    contact(&app, worker).await?;
    store(&app, account, hash, &headers, body).await
}
