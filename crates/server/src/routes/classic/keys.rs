//! API keys under the old paths.

use super::given::Given;
use crate::{
    app::Shared,
    auth::Owner,
    body::{InPath, JsonBody},
    refusal::{Answer, Refusal},
    routes::{keys as new_keys, openapi::json},
};
use axum::{Json, extract::State};
use picloud_types::{
    ApiKey, ErrorKind,
    api::accounts::{KeyNew, KeySecret},
};
use serde_json::{Value, json};

/// Keys of the account, without their secrets
#[utoipa::path(method(get, post), path = "/key/list/", tag = "classic",
    params(("active_only" = Option<bool>, Query, description = "Leave out those that are switched off")),
    responses((status = 200, description = "`{\"api_keys\": [{\"api_key\": 1, \"active\": true}]}`", body = Object)))]
pub(in crate::routes) async fn list(
    State(app): State<Shared>,
    owner: Owner,
    given: Given,
) -> Answer<Json<Value>> {
    let active_only = match given.one("active_only")? {
        None | Some("false" | "False" | "0" | "") => false,
        Some("true" | "True" | "1") => true,
        Some(_) => return Err(Refusal::bad_request("active_only is true or false")),
    };
    let Json(found) = new_keys::list(State(app), owner).await?;
    let keys = found
        .keys
        .into_iter()
        .filter(|key| key.active || !active_only);
    json(json!({ "api_keys": keys.collect::<Vec<_>>() }))
}

/// One key, without its secret
#[utoipa::path(get, path = "/key/{key}/", tag = "classic", params(("key" = i64, Path)),
    responses((status = 200, description = "`{\"key\": {\"api_key\": 1, \"active\": true}}`", body = Object)))]
pub(in crate::routes) async fn info(
    State(app): State<Shared>,
    owner: Owner,
    InPath(key): InPath<i64>,
) -> Answer<Json<Value>> {
    let Json(found) = new_keys::list(State(app), owner).await?;
    let found = found.keys.into_iter().find(|k| k.api_key == ApiKey(key));
    let found =
        found.ok_or_else(|| Refusal::new(ErrorKind::NotFound, format!("there is no key {key}")))?;
    json(json!({ "key": found }))
}

/// Make a key
#[utoipa::path(post, path = "/key/", tag = "classic",
    params(("note" = Option<String>, Query, description = "What it is for; may stand in a form as well")),
    responses((status = 200, description = "The key; its secret is shown this once", body = KeySecret)))]
pub(in crate::routes) async fn create(
    State(app): State<Shared>,
    owner: Owner,
    given: Given,
) -> Answer<Json<KeySecret>> {
    let note = given.one("note")?.unwrap_or_default().to_owned();
    new_keys::create(State(app), owner, JsonBody(KeyNew { note })).await
}

/// Switch a key on
#[utoipa::path(post, path = "/key/{key}/activate/", tag = "classic", params(("key" = i64, Path)),
    responses((status = 200, description = "It is on", body = Object)))]
pub(in crate::routes) async fn activate(
    app: State<Shared>,
    owner: Owner,
    key: InPath<i64>,
) -> Answer<Json<Value>> {
    new_keys::activate(app, owner, key).await?;
    json(json!({}))
}

/// Switch a key off, at once
#[utoipa::path(post, path = "/key/{key}/deactivate/", tag = "classic", params(("key" = i64, Path)),
    responses((status = 200, description = "It is off", body = Object)))]
pub(in crate::routes) async fn deactivate(
    app: State<Shared>,
    owner: Owner,
    key: InPath<i64>,
) -> Answer<Json<Value>> {
    new_keys::deactivate(app, owner, key).await?;
    json(json!({}))
}
