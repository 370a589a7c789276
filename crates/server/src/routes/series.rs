//! What a job used, second by second.

use super::openapi::json;
use crate::{
    app::Shared,
    auth::Caller,
    body::{InPath, InQuery},
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use picloud_types::{
    Jid,
    api::info::{Series, SeriesQuery},
};

const LIMIT_MAX: u32 = 10_000;

/// What a job used, second by second
#[utoipa::path(get, path = "/v1/jobs/{jid}/series", tag = "jobs", params(("jid" = i64, Path), SeriesQuery),
    responses((status = 200, description = "Samples of the last attempt, oldest first; fewer the older they are", body = Series)))]
pub(super) async fn series(
    State(app): State<Shared>,
    caller: Caller,
    InPath(jid): InPath<i64>,
    InQuery(query): InQuery<SeriesQuery>,
) -> Answer<Json<Series>> {
    let limit = query.limit.unwrap_or(LIMIT_MAX);
    if limit == 0 || limit > LIMIT_MAX {
        return Err(Refusal::bad_request(format!(
            "limit is 1 to {LIMIT_MAX}, not {limit}"
        )));
    }
    let read = app
        .store
        .series_read(caller.account, Jid(jid), query.since, limit);
    let read = read.await?;
    json(Series {
        attempt: read.attempt.0,
        samples: read.samples,
        finished: read.state.is_finished(),
    })
}
