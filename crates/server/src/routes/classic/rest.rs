//! Published functions under the old paths.

use super::given::Given;
use crate::{
    app::Shared,
    auth::Caller,
    body::{InPath, InQuery, WholeBody},
    refusal::Answer,
    routes::{
        openapi::json,
        published::{call, describe::described, manage},
    },
};
use axum::{Json, extract::State, http::HeaderMap, response::Response};
use picloud_types::api::published::{CallQuery, CalledMany, Described};
use serde_json::{Value, json};

/// Labels of published functions
#[utoipa::path(method(get, post), path = "/rest/list/", tag = "classic",
    responses((status = 200, description = "`{\"labels\": [\"addition\"]}`", body = Object)))]
pub(in crate::routes) async fn list(
    State(app): State<Shared>,
    caller: Caller,
) -> Answer<Json<Value>> {
    let published = app.store.published_list(caller.account).await?;
    let labels: Vec<_> = published.into_iter().map(|p| p.label).collect();
    json(json!({ "labels": labels }))
}

/// About a published function
#[utoipa::path(method(get, post), path = "/rest/info/", tag = "classic",
    params(("label" = Option<String>, Query, description = "Which; may stand in a form as well")),
    responses((status = 200, description = "What it is", body = Described)))]
pub(in crate::routes) async fn info(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Described>> {
    let found = manage::find(&app, caller.account, given.need("label")?).await?;
    json(described(&app, &found))
}

/// End a publication
#[utoipa::path(post, path = "/rest/deregister/", tag = "classic",
    params(("label" = Option<String>, Query, description = "Which; may stand in a form as well")),
    responses((status = 200, description = "Nothing is at its address any more", body = Object)))]
pub(in crate::routes) async fn deregister(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let label = InPath(given.need("label")?.to_owned());
    manage::remove(State(app), caller, label).await?;
    json(json!({}))
}

/// Call a published function of the account
#[utoipa::path(post, path = "/rest/invoke/{label}/", tag = "classic",
    params(("label" = String, Path), CallQuery),
    request_body(content((std::collections::BTreeMap<String, serde_json::Value> = "application/json"), (std::collections::BTreeMap<String, String> = "application/x-www-form-urlencoded"), (std::collections::BTreeMap<String, String> = "multipart/form-data"))),
    responses(
        (status = 200, description = "The job; or, when it was waited for, the result", content((call::CallAnswer = "application/json"), (Vec<u8> = "application/octet-stream"))),
        (status = 202, description = "The result was waited for and is not there yet", body = picloud_types::api::published::Called),
    ))]
pub(in crate::routes) async fn invoke(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
    InQuery(query): InQuery<CallQuery>,
    headers: HeaderMap,
    body: WholeBody,
) -> Answer<Response> {
    let published = manage::find(&app, caller.account, &label).await?;
    call::made(
        &app,
        &call::own(published, caller),
        &query,
        &headers,
        body.bytes,
    )
    .await
}

/// Call a published function of the account many times
#[utoipa::path(post, path = "/rest/invoke/{label}/map/", tag = "classic",
    params(("label" = String, Path)),
    request_body(content((std::collections::BTreeMap<String, Vec<serde_json::Value>> = "application/json"), (std::collections::BTreeMap<String, String> = "application/x-www-form-urlencoded"), (std::collections::BTreeMap<String, String> = "multipart/form-data"))),
    responses((status = 200, description = "The jobs, at most 500", body = CalledMany)))]
pub(in crate::routes) async fn invoke_map(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
    headers: HeaderMap,
    body: WholeBody,
) -> Answer<Json<CalledMany>> {
    let published = manage::find(&app, caller.account, &label).await?;
    call::made_many(&app, &call::own(published, caller), &headers, body).await
}
