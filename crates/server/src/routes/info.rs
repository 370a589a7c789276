//! Everything known of jobs.

use super::{
    list::{map_row, runtime_seconds},
    openapi::json,
    profile,
};
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
use picloud_store::{AttemptEnd, AttemptPast, JobDetail, JobLive, WorkerAbout};
use picloud_types::{
    AccountId, ErrorKind, JidSet, JobState, Payload, Sample, Usage,
    api::info::{AttemptEnded, InfoPart, InfoReply, InfoRequest, JobInfo, Live},
    limits::LOG_TAIL_BYTES,
};
use std::collections::BTreeMap;

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
    let running = details.iter().filter(|d| d.state == JobState::Processing);
    let running: JidSet = running.map(|d| d.jid).collect();
    let mut lives = if running.is_empty() {
        BTreeMap::new()
    } else {
        app.store.job_live(caller.account, running).await?
    };
    let mut info = BTreeMap::new();
    for mut detail in details {
        let jid = detail.jid;
        let profile = detail.profile.take();
        let mut about = basic(&app, &fleet, detail, lives.remove(&jid));
        if let (true, Some(profile)) = (request.with.contains(&InfoPart::Profile), profile) {
            (about.profile, about.profile_calls) = profile::split(profile);
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

fn basic(app: &App, fleet: &Fleet, detail: JobDetail, live: Option<JobLive>) -> JobInfo {
    let waiting = WaitingJob {
        state: detail.state,
        requirements: detail.spec.requirements(),
        waits_for: detail.waits_for.clone(),
    };
    let runtime = runtime_seconds(&detail, now());
    let used = if detail.finished.is_some() {
        detail.started.map(|_| detail.usage)
    } else {
        live.as_ref()
            .and_then(|live| so_far(live, runtime.unwrap_or(0.0)))
    };
    let seconds = |us: fn(&Usage) -> u64| used.as_ref().map(|used| us(used) as f64 / 1e6);
    JobInfo {
        jid: detail.jid,
        status: detail.state.public_name().to_owned(),
        attempt: detail.attempt.0,
        created: detail.created,
        started: detail.started,
        finished: detail.finished,
        runtime,
        cpu_user: seconds(|used| used.cpu_user_us),
        cpu_system: seconds(|used| used.cpu_system_us),
        usage: used,
        live: live.and_then(|live| self::live(live, detail.worker_about.as_ref())),
        core_ms: detail.core_ms,
        cost: detail.cost_pico.map(|pico| pico as f64 / 1e12),
        parent_jid: detail.parent,
        map: detail.map.as_ref().map(map_row),
        depends_on: detail.depends_on,
        earlier_attempts: detail.past_attempts.into_iter().map(attempt).collect(),
        confinement: detail.worker_about.as_ref().map(|w| w.confinement),
        worker: detail.worker_about.map(|w| w.name),
        waiting_because: why_waiting(&app.core_types, &waiting, fleet),
        failure: detail.failure,
        spec: (*detail.spec).clone(),
        streams: None,
        function_pickle: None,
        args_pickle: None,
        profile: None,
        profile_calls: None,
    }
}

fn attempt(past: AttemptPast) -> AttemptEnded {
    let because = match past.because {
        AttemptEnd::WorkerEnded => "its worker was lost or stopped",
        AttemptEnd::GivenBack => "its worker gave it back",
    };
    AttemptEnded {
        attempt: past.attempt.0,
        worker: past.worker_name,
        started: past.started,
        ended: past.ended,
        because: because.to_owned(),
    }
}

/// What a running job used, as far as its samples tell.
fn so_far(live: &JobLive, runtime: f64) -> Option<Usage> {
    let last = live.samples.last()?;
    Some(Usage {
        // A float to integer cast saturates, and takes what is no number for 0.
        runtime_us: (runtime * 1e6) as u64,
        cpu_user_us: last.cpu_user_us,
        cpu_system_us: last.cpu_system_us,
        memory_peak_bytes: live.memory_peak_bytes,
        memory_failures: 0,
        swap_peak_bytes: live.swap_peak_bytes,
        disk_peak_bytes: live.disk_peak_bytes,
        disk_read_bytes: last.disk_read_bytes,
        disk_write_bytes: last.disk_write_bytes,
        net_received_bytes: last.net_received_bytes,
        net_sent_bytes: last.net_sent_bytes,
    })
}

fn live(live: JobLive, worker: Option<&WorkerAbout>) -> Option<Live> {
    let last = *live.samples.last()?;
    // An attempt begins at second 0 with nothing used.
    let before = match live.samples.as_slice() {
        [before, _] => *before,
        _ => Sample::default(),
    };
    let seconds = f64::from(last.second.saturating_sub(before.second).max(1));
    let cores =
        |us: fn(&Sample) -> u64| us(&last).saturating_sub(us(&before)) as f64 / 1e6 / seconds;
    let (user, system) = (cores(|s| s.cpu_user_us), cores(|s| s.cpu_system_us));
    Some(Live {
        sample: last,
        cpu_cores: user + system,
        cpu_user_cores: user,
        cpu_system_cores: system,
        ports: live.ports,
        address: worker.map(|w| w.hostname.clone()).unwrap_or_default(),
    })
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
    let (_, mut content) = app.blobs.get(account, hash, picloud_blob::WHOLE).await?;
    let mut bytes = Vec::new();
    while let Some(part) = content.next().await {
        bytes.extend_from_slice(&part.map_err(BlobError::from)?);
    }
    Ok(STANDARD.encode(bytes))
}
