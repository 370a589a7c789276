//! Looking at crons and at what became of their ticks.

use super::{find, info, of_label};
use crate::{
    app::{Shared, now},
    auth::Caller,
    body::{InPath, InQuery, JsonBody},
    refusal::{Answer, Refusal},
    routes::openapi::json,
};
use axum::{Json, extract::State};
use picloud_scheduler::Crontab;
use picloud_types::api::crons::{
    CronInfo, CronList, Firings, FiringsQuery, Preview, PreviewRequest,
};

const FIRINGS_DEFAULT: u32 = 100;
const FIRINGS_MAX: u32 = 1_000;
const TICKS_DEFAULT: u32 = 5;
const TICKS_MAX: u32 = 1_000;

/// List crons
#[utoipa::path(get, path = "/v1/crons", tag = "crons",
    responses((status = 200, description = "By label", body = CronList)))]
pub(in crate::routes) async fn list(
    State(app): State<Shared>,
    caller: Caller,
) -> Answer<Json<CronList>> {
    let crons = app.store.cron_list(caller.account).await?;
    let now = now();
    json(CronList {
        crons: crons.iter().map(|cron| info(cron, now)).collect(),
    })
}

/// About a cron
#[utoipa::path(get, path = "/v1/crons/{label}", tag = "crons", params(("label" = String, Path)),
    responses((status = 200, description = "With its next ticks", body = CronInfo)))]
pub(in crate::routes) async fn get(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
) -> Answer<Json<CronInfo>> {
    json(info(&find(&app, caller.account, &label).await?, now()))
}

/// When would a schedule fire?
#[utoipa::path(post, path = "/v1/crons/preview", tag = "crons", request_body = PreviewRequest,
    responses((status = 200, description = "It is one, and these are its next ticks", body = Preview)))]
pub(in crate::routes) async fn preview(
    _caller: Caller,
    JsonBody(request): JsonBody<PreviewRequest>,
) -> Answer<Json<Preview>> {
    let count = request.count.unwrap_or(TICKS_DEFAULT);
    if !(1..=TICKS_MAX).contains(&count) {
        return Err(Refusal::bad_request(format!(
            "count is 1 to {TICKS_MAX}, not {count}"
        )));
    }
    let crontab = Crontab::parse(&request.schedule, &request.timezone.unwrap_or_default())?;
    let after = request.after.unwrap_or_else(now);
    json(Preview {
        next: crontab.ticks(after, count as usize),
    })
}

/// What became of a cron's ticks
#[utoipa::path(get, path = "/v1/crons/{label}/firings", tag = "crons", params(("label" = String, Path), FiringsQuery),
    responses((status = 200, description = "Newest first", body = Firings)))]
pub(in crate::routes) async fn firings(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
    InQuery(query): InQuery<FiringsQuery>,
) -> Answer<Json<Firings>> {
    let limit = query.limit.unwrap_or(FIRINGS_DEFAULT);
    if !(1..=FIRINGS_MAX).contains(&limit) {
        return Err(Refusal::bad_request(format!(
            "limit is 1 to {FIRINGS_MAX}, not {limit}"
        )));
    }
    find(&app, caller.account, &label).await?;
    let firings = app
        .store
        .cron_firings(caller.account, &label, query.before, limit);
    json(Firings {
        firings: of_label(&label, firings.await)?,
    })
}
