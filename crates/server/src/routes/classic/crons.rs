//! Crons under the old paths.

use super::{given::Given, moments};
use crate::{
    app::Shared,
    auth::Caller,
    body::InPath,
    refusal::Answer,
    routes::{
        crons::{keep, look},
        openapi::json,
    },
};
use axum::{Json, extract::State};
use serde_json::{Value, json};

/// Labels of crons
#[utoipa::path(method(get, post), path = "/cron/list/", tag = "classic",
    responses((status = 200, description = "`{\"labels\": [\"heartbeat\"]}`", body = Object)))]
pub(in crate::routes) async fn list(
    State(app): State<Shared>,
    caller: Caller,
) -> Answer<Json<Value>> {
    let crons = app.store.cron_list(caller.account).await?;
    let labels: Vec<_> = crons.into_iter().map(|cron| cron.label).collect();
    json(json!({ "labels": labels }))
}

/// About a cron
#[utoipa::path(method(get, post), path = "/cron/info/", tag = "classic",
    params(("label" = Option<String>, Query, description = "Which; may stand in a form as well")),
    responses((status = 200, description = "What it is, and when it ran and will run", body = Object)))]
pub(in crate::routes) async fn info(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let label = InPath(given.need("label")?.to_owned());
    let Json(cron) = look::get(State(app), caller, label).await?;
    let next: Vec<_> = cron.next.into_iter().map(moments::text).collect();
    json(json!({
        "label": cron.label,
        "schedule": cron.schedule,
        "timezone": cron.timezone,
        "overlap": cron.overlap,
        "paused": cron.paused,
        "created": moments::text(cron.created),
        "creator_host": cron.creator_host,
        "func_name": cron.function,
        "core_type": cron.core_type,
        "last_run": cron.last_run.map(moments::text),
        "last_jid": cron.last_jid,
        "next": next,
    }))
}

/// End a cron
#[utoipa::path(post, path = "/cron/deregister/", tag = "classic",
    params(("label" = Option<String>, Query, description = "Which; may stand in a form as well")),
    responses((status = 200, description = "It fires no more", body = Object)))]
pub(in crate::routes) async fn deregister(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let label = InPath(given.need("label")?.to_owned());
    keep::remove(State(app), caller, label).await?;
    json(json!({}))
}

/// Run a cron now
#[utoipa::path(post, path = "/cron/run/", tag = "classic",
    params(("label" = Option<String>, Query, description = "Which; may stand in a form as well")),
    responses((status = 200, description = "`{\"jid\": 7}`", body = Object)))]
pub(in crate::routes) async fn run(
    State(app): State<Shared>,
    caller: Caller,
    given: Given,
) -> Answer<Json<Value>> {
    let label = InPath(given.need("label")?.to_owned());
    let Json(run) = keep::run(State(app), caller, label).await?;
    json(json!({ "jid": run.jid }))
}
