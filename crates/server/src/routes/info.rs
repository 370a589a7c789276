//! Everything known of jobs.

use super::{list::runtime_seconds, openapi::json};
use crate::{
    app::{App, Shared, now},
    auth::Caller,
    body::JsonBody,
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use base64::{Engine, engine::general_purpose::STANDARD};
use futures_util::StreamExt;
use picloud_blob::BlobError;
use picloud_scheduler::{Fleet, WaitingJob, why_waiting};
use picloud_store::JobDetail;
use picloud_types::{
    AccountId, ErrorKind, Payload,
    api::info::{InfoPart, InfoReply, InfoRequest, JobInfo},
    limits::LOG_TAIL_BYTES,
};

/// Most jobs in one request.
const JOBS_MAX: u64 = 1_000;
/// Largest pickle that is answered as text.
const PICKLE_MAX_BYTES: u64 = 64 << 20;

/// Everything known of jobs
#[utoipa::path(post, path = "/v1/jobs/info", tag = "jobs", request_body = InfoRequest,
    responses((status = 200, description = "By job id", body = InfoReply)))]
pub(super) async fn info(
    State(app): State<Shared>,
    caller: Caller,
    JsonBody(request): JsonBody<InfoRequest>,
) -> Answer<Json<InfoReply>> {
    if request.jids.len() > JOBS_MAX {
        return Err(Refusal::new(
            ErrorKind::TooLarge,
            format!("info answers for {JOBS_MAX} jobs at once"),
        )
        .hint("ask in parts"));
    }
    let fleet = Fleet {
        workers: app.fleet.everybody(),
    };
    let details = app.store.job_find(caller.account, request.jids).await?;
    let mut info = std::collections::BTreeMap::new();
    for detail in details {
        let jid = detail.jid;
        let mut about = basic(&app, &fleet, detail);
        if !request.with.contains(&InfoPart::Profile) {
            about.profile = None;
        }
        if request.with.contains(&InfoPart::Streams) {
            let tails = app
                .store
                .output_tails(caller.account, jid, LOG_TAIL_BYTES as u64)
                .await?;
            let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
            about.streams = Some(
                tails
                    .into_iter()
                    .map(|(s, bytes)| (s.name().to_owned(), text(bytes)))
                    .collect(),
            );
        }
        if request.with.contains(&InfoPart::Pickles) {
            let (function, args) = app.store.job_pickles(caller.account, jid).await?;
            about.function_pickle = Some(as_text(&app, caller.account, function).await?);
            about.args_pickle = Some(as_text(&app, caller.account, args).await?);
        }
        info.insert(jid, about);
    }
    json(InfoReply { info })
}

fn basic(app: &App, fleet: &Fleet, detail: JobDetail) -> JobInfo {
    let waiting = WaitingJob {
        state: detail.state,
        requirements: detail.spec.requirements(),
        waits_for: detail.waits_for.clone(),
    };
    let used = detail.finished.is_some() && detail.started.is_some();
    let seconds = |us: u64| used.then_some(us as f64 / 1e6);
    JobInfo {
        jid: detail.jid,
        status: detail.state.public_name().to_owned(),
        attempt: detail.attempt.0,
        created: detail.created,
        started: detail.started,
        finished: detail.finished,
        runtime: runtime_seconds(&detail, now()),
        cpu_user: seconds(detail.usage.cpu_user_us),
        cpu_system: seconds(detail.usage.cpu_system_us),
        usage: used.then_some(detail.usage),
        live: None,
        core_ms: None,
        cost: None,
        parent_jid: detail.parent,
        worker: detail.worker_name,
        confinement: None,
        waiting_because: why_waiting(&app.core_types, &waiting, fleet),
        failure: detail.failure,
        spec: (*detail.spec).clone(),
        streams: None,
        function_pickle: None,
        args_pickle: None,
        profile: detail.profile,
    }
}

async fn as_text(app: &App, account: AccountId, payload: Payload) -> Answer<String> {
    let (hash, size) = match payload {
        Payload::Inline(bytes) => return Ok(STANDARD.encode(bytes)),
        Payload::Blob { hash, size } => (hash, size),
    };
    if size > PICKLE_MAX_BYTES {
        return Err(Refusal::new(
            ErrorKind::TooLarge,
            format!("a pickle of {size} bytes is too large for info"),
        )
        .hint(format!("GET /v1/blobs/{hash}")));
    }
    let (_, mut content) = app.blobs.get(account, hash, 0).await?;
    let mut bytes = Vec::new();
    while let Some(part) = content.next().await {
        bytes.extend_from_slice(&part.map_err(BlobError::from)?);
    }
    Ok(STANDARD.encode(bytes))
}
