//! Objects that anybody may read.

use super::{
    get::{Wanted, read},
    headers::served,
};
use crate::{
    app::Shared,
    auth::Caller,
    body::{InPath, JsonBody},
    refusal::{Answer, Refusal},
    routes::openapi::json,
};
use axum::{
    Json,
    extract::State,
    http::{HeaderMap, Method},
    response::Response,
};
use picloud_types::{
    ErrorKind,
    api::bucket::{MakePrivate, MakePublic, ObjectInfo},
};

/// Let anybody read an object
#[utoipa::path(post, path = "/v1/bucket/public", tag = "bucket", request_body = MakePublic,
    responses((status = 200, description = "It can be read at its `public_url`", body = ObjectInfo)))]
pub(crate) async fn make_public(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<MakePublic>,
) -> Answer<Json<ObjectInfo>> {
    let (content_type, headers) = served(request.headers)?;
    let object = app
        .store
        .object_publish(
            caller.account,
            request.key,
            content_type,
            headers,
            request.reset_headers,
        )
        .await?;
    json(app.buckets.info(&app, caller.account, object).await?)
}

/// Let only the account read an object
#[utoipa::path(post, path = "/v1/bucket/private", tag = "bucket", request_body = MakePrivate,
    responses((status = 200, description = "Nobody else can read it from now on", body = ObjectInfo)))]
pub(crate) async fn make_private(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<MakePrivate>,
) -> Answer<Json<ObjectInfo>> {
    let object = app
        .store
        .object_unpublish(caller.account, request.key)
        .await?;
    json(app.buckets.info(&app, caller.account, object).await?)
}

/// Read a public object
///
/// `HEAD` gives the headers alone. No credentials.
#[utoipa::path(get, path = "/public/{folder}/{*key}", tag = "bucket",
    params(
        ("folder" = String, Path, description = "As `public_url` has it"),
        ("key" = String, Path, description = "Percent-encoded; slashes may stand as they are"),
        ("Range" = Option<String>, Header, description = "One range of bytes"),
        ("If-None-Match" = Option<String>, Header, description = "An `ETag` that is known"),
    ),
    responses(
        (status = 200, description = "The content", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The part asked for", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "It is the content that is known"),
        (status = 404, description = "There is no such object, or it is not public", body = picloud_types::ErrorBody),
    ))]
pub(crate) async fn get(
    State(app): State<Shared>,
    InPath((folder, key)): InPath<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Answer<Response> {
    // What is no key is not there either; strangers need not learn the rules.
    let found = match key.parse() {
        Ok(key) => app.store.bucket_by_folder(&folder).await?.zip(Some(key)),
        Err(_) => None,
    };
    let Some((account, key)) = found else {
        return Err(Refusal::new(
            ErrorKind::NotFound,
            "there is no public object at this address",
        ));
    };
    let wanted = Wanted {
        method,
        headers,
        public: true,
    };
    read(&app, account, &key, &wanted).await
}
