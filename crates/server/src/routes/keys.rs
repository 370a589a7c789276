//! API keys of the caller's account.

use super::{DONE, openapi::json};
use crate::{
    app::Shared,
    auth::{Owner, key_create},
    body::{InPath, JsonBody},
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State, http::StatusCode};
use picloud_types::{
    ApiKey,
    api::accounts::{Key, KeyNew, KeySecret, Keys},
};

/// Longest note, in characters.
const NOTE_MAX: usize = 200;

/// List keys
#[utoipa::path(get, path = "/v1/keys", tag = "account", responses((status = 200, description = "Keys of the account, without their secrets", body = Keys)))]
pub(super) async fn list(State(app): State<Shared>, Owner(caller): Owner) -> Answer<Json<Keys>> {
    let found = app.store.key_list(caller.account).await?;
    let keys = found
        .into_iter()
        .map(|k| Key {
            api_key: k.key,
            active: k.active,
            note: k.note,
            created: k.created,
        })
        .collect();
    json(Keys { keys })
}

/// Make a key
#[utoipa::path(post, path = "/v1/keys", tag = "account", request_body = KeyNew, responses((status = 200, description = "The key; its secret is shown this once", body = KeySecret)))]
pub(super) async fn create(
    State(app): State<Shared>,
    Owner(caller): Owner,
    JsonBody(request): JsonBody<KeyNew>,
) -> Answer<Json<KeySecret>> {
    if request.note.chars().count() > NOTE_MAX {
        return Err(Refusal::bad_request(format!(
            "a note has at most {NOTE_MAX} characters"
        )));
    }
    json(key_create(&*app.store, caller.account, &request.note).await?)
}

/// Switch a key on
#[utoipa::path(post, path = "/v1/keys/{key}/activate", tag = "account", params(("key" = i64, Path)), responses((status = 204, description = "It is on")))]
pub(super) async fn activate(
    State(app): State<Shared>,
    caller: Owner,
    InPath(key): InPath<i64>,
) -> Answer<StatusCode> {
    switch(&app, &caller, key, true).await
}

/// Switch a key off, at once
#[utoipa::path(post, path = "/v1/keys/{key}/deactivate", tag = "account", params(("key" = i64, Path)), responses((status = 204, description = "It is off")))]
pub(super) async fn deactivate(
    State(app): State<Shared>,
    caller: Owner,
    InPath(key): InPath<i64>,
) -> Answer<StatusCode> {
    switch(&app, &caller, key, false).await
}

async fn switch(app: &Shared, Owner(caller): &Owner, key: i64, active: bool) -> Answer<StatusCode> {
    app.store
        .key_set_active(caller.account, ApiKey(key), active)
        .await?;
    app.keys.forget(ApiKey(key));
    Ok(DONE)
}
