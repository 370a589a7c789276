//! What jobs say, whole or as it comes.

use crate::{
    app::{LOOK_AGAIN, Shared},
    auth::Caller,
    body::{InPath, InQuery},
    refusal::{Answer, Refusal},
};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use picloud_types::{ErrorKind, Jid, JidSet, Stream, limits::WAIT_MAX_MS, stream::BadStream};
use serde::Deserialize;
use std::time::Duration;
use tokio::{
    select,
    time::{Instant, sleep_until},
};
use utoipa::IntoParams;

const LIMIT_DEFAULT: u64 = 1 << 20;
const LIMIT_MAX: u64 = 16 << 20;

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(super) struct OutputQuery {
    /// Where to begin; 0 when missing.
    #[serde(default)]
    offset: u64,
    /// Most bytes, up to 16 MiB; 1 MiB when missing.
    #[serde(default)]
    limit: Option<u64>,
    /// Wait this long for more when there is nothing yet, at most 60,000.
    #[serde(default)]
    follow_ms: u64,
}

/// Bytes of one stream of a job
#[utoipa::path(get, path = "/v1/jobs/{jid}/output/{stream}", tag = "jobs",
    params(("jid" = i64, Path), ("stream" = Stream, Path), OutputQuery),
    responses((status = 200, description = "Bytes of the stream", body = Vec<u8>, content_type = "application/octet-stream",
        headers(
            ("X-Picloud-Offset" = u64, description = "Position of the first byte; later than asked where the middle was dropped"),
            ("X-Picloud-Total" = u64, description = "Length of the whole stream so far"),
            ("X-Picloud-Finished" = bool, description = "Whether the job has ended, so that no more comes"),
        ))))]
pub(super) async fn output(
    State(app): State<Shared>,
    caller: Caller,
    InPath((jid, stream)): InPath<(i64, String)>,
    InQuery(query): InQuery<OutputQuery>,
) -> Answer<Response> {
    let stream: Stream = stream
        .parse()
        .map_err(|e: BadStream| Refusal::new(ErrorKind::NotFound, e.to_string()))?;
    let jid = Jid(jid);
    let limit = query.limit.unwrap_or(LIMIT_DEFAULT).min(LIMIT_MAX);
    let deadline = Instant::now() + Duration::from_millis(query.follow_ms.min(WAIT_MAX_MS));
    let waiter = app.watchers.register((), &JidSet::range(jid, 1));
    loop {
        let slice = app
            .store
            .output_read(caller.account, jid, stream, query.offset, limit)
            .await?;
        let over = Instant::now() >= deadline || app.stopping.is_cancelled();
        if !slice.bytes.is_empty() || slice.finished || over {
            let head = [
                (
                    header::CONTENT_TYPE.as_str(),
                    "application/octet-stream".to_owned(),
                ),
                (
                    header::X_CONTENT_TYPE_OPTIONS.as_str(),
                    "nosniff".to_owned(),
                ),
                ("x-picloud-offset", slice.offset.to_string()),
                ("x-picloud-total", slice.total.to_string()),
                ("x-picloud-finished", slice.finished.to_string()),
            ];
            return Ok((head, slice.bytes).into_response());
        }
        select! {
            () = waiter.woken() => {}
            () = sleep_until(deadline.min(Instant::now() + LOOK_AGAIN)) => {}
            () = app.stopping.cancelled() => {}
        }
    }
}
