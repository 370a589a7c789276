//! Making jobs.

use super::{openapi::json, service::python_missing, volumes};
use crate::{
    app::{App, Shared, now},
    auth::{Caller, secret_new},
    body::{WholeBody, parse_json},
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use picloud_store::{MapPart, Submission};
use picloud_types::{
    ErrorKind, JobSpec, Payload,
    api::jobs::{SubmitHeader, SubmitJson, Submitted},
    frames::FrameReader,
    limits::{JOBS_PER_REQUEST, LABEL_MAX, MAP_MAX},
    payload::{BadPayload, INLINE_MAX_BYTES},
};
use std::sync::atomic::Ordering;

/// Longest function name and other texts of a spec, in bytes; a bound on what lists carry.
const TEXT_MAX_BYTES: usize = 1_000;
/// Bytes of all environment variables together; a process cannot take many more.
const ENV_MAX_BYTES: usize = 128 * 1024;

/// Make jobs
#[utoipa::path(post, path = "/v1/jobs", tag = "jobs",
    request_body(description = "Framed: header `SubmitHeader`, then the payload of the function, then the payload of each job's `(args, kwargs)`. Or JSON.",
        content((Vec<u8> = "application/vnd.picloud.frames"), (SubmitJson = "application/json"))),
    responses((status = 200, description = "The jobs exist, on disk", body = Submitted)))]
pub(super) async fn submit(
    State(app): State<Shared>,
    caller: Caller,
    body: WholeBody,
) -> Answer<Json<Submitted>> {
    if app.intake_closed.is_cancelled() {
        return Err(Refusal::stopping());
    }
    let (header, function, args) = if body.is_json {
        read_json(&body.bytes)?
    } else {
        read_frames(body.bytes)?
    };
    check_request(&header)?;
    check_spec(&app, &header.spec)?;
    check_payloads(&app, &function, &args)?;
    volumes::check_spec(&app, caller.account, &header.spec).await?;
    if app.fleet.count() > 0 && !app.fleet.has_python(&header.spec.python) {
        return Err(python_missing(&app, &header.spec.python));
    }
    let blobs = match header.spec.code_version {
        Some(version) => app
            .manifests
            .needed(&app, caller.account, version)
            .await?
            .to_vec(),
        None => Vec::new(),
    };
    let map = header.map.map(|part| MapPart {
        total: part.total,
        offset: part.offset,
        first_jid: part.first_jid,
    });
    let submission = Submission {
        account: caller.account,
        key: header.key,
        spec: header.spec,
        function,
        args,
        depends_on: header.depends_on,
        parent: caller.job,
        map,
        blobs,
        now: now(),
    };
    let made = app.store.job_submit(submission).await?;
    app.metrics
        .jobs_submitted
        .fetch_add(made.count, Ordering::Relaxed);
    // The store woke the scheduler already, before this was on disk.
    json(Submitted {
        first_jid: made.first_jid,
        count: made.count,
    })
}

type Read = (SubmitHeader, Payload, Vec<Payload>);

fn read_frames(body: Bytes) -> Answer<Read> {
    let mut frames = FrameReader::new(body);
    let header: SubmitHeader = frames.header()?;
    if header.count > JOBS_PER_REQUEST {
        return Err(too_many_jobs());
    }
    let function = Payload::decode(frames.expect_frame()?)?;
    let mut args = Vec::with_capacity(header.count);
    for _ in 0..header.count {
        args.push(Payload::decode(frames.expect_frame()?)?);
    }
    if frames.next_frame()?.is_some() {
        return Err(Refusal::bad_request(
            "the body has more frames than its header says",
        ));
    }
    Ok((header, function, args))
}

fn read_json(body: &[u8]) -> Answer<Read> {
    let request: SubmitJson = parse_json(body)?;
    if request.args.len() > JOBS_PER_REQUEST {
        return Err(too_many_jobs());
    }
    let payload = |what: &str, text: &str| {
        let bytes = STANDARD
            .decode(text)
            .map_err(|e| Refusal::bad_request(format!("{what} is not base64: {e}")))?;
        if bytes.len() > INLINE_MAX_BYTES {
            return Err(BadPayload::TooBig(bytes.len()).into());
        }
        Ok(Payload::Inline(bytes.into()))
    };
    let function = payload("function", &request.function)?;
    let args = request
        .args
        .iter()
        .map(|text| payload("an element of args", text))
        .collect::<Answer<Vec<_>>>()?;
    let header = SubmitHeader {
        spec: request.spec,
        count: args.len(),
        key: request
            .key
            .unwrap_or_else(|| secret_new().replace('_', "-")),
        depends_on: request.depends_on,
        map: None,
    };
    Ok((header, function, args))
}

fn too_many_jobs() -> Refusal {
    Refusal::new(
        ErrorKind::TooLarge,
        format!("more than {JOBS_PER_REQUEST} jobs in one request"),
    )
    .hint("send a large map in parts")
}

fn check_request(header: &SubmitHeader) -> Answer<()> {
    let key = &header.key;
    let is_key = (16..=64).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_key {
        return Err(Refusal::bad_request(
            "key is 16 to 64 letters, digits and -",
        ));
    }
    if header.count == 0 {
        return Err(Refusal::bad_request("a request makes at least one job"));
    }
    if let Some(map) = &header.map {
        let end = map.offset.checked_add(header.count as u64);
        if map.total > MAP_MAX || end.is_none_or(|end| end > map.total) {
            return Err(Refusal::bad_request(format!(
                "{} jobs from {} on do not fit a map of {}, which may have up to {MAP_MAX}",
                header.count, map.offset, map.total
            )));
        }
        if (map.offset == 0) != map.first_jid.is_none() {
            return Err(Refusal::bad_request(
                "first_jid goes with all parts of a map but the first",
            ));
        }
    }
    Ok(())
}

fn check_spec(app: &App, spec: &JobSpec) -> Answer<()> {
    app.core_types
        .validate(&spec.core_type, spec.cores)
        .map_err(Refusal::bad_request)?;
    let minor = spec.python.strip_prefix("3.").unwrap_or_default();
    if minor.is_empty() || minor.len() > 3 || !minor.bytes().all(|b| b.is_ascii_digit()) {
        return Err(Refusal::bad_request(format!(
            "python is a minor version such as 3.11, not {:?}",
            spec.python
        )));
    }
    if spec.priority < 1 {
        return Err(Refusal::bad_request(format!(
            "priority is at least 1, not {}",
            spec.priority
        )));
    }
    if spec.max_runtime_ms == Some(0) {
        return Err(Refusal::bad_request("max_runtime_ms is more than 0"));
    }
    if spec.fast_serialization > 2 {
        return Err(Refusal::bad_request("fast_serialization is 0, 1 or 2"));
    }
    if let Some(label) = &spec.label {
        let length = label.chars().count();
        if length == 0 || length > LABEL_MAX || label.chars().any(char::is_control) {
            return Err(Refusal::bad_request(format!(
                "a label has 1 to {LABEL_MAX} printable characters"
            )));
        }
    }
    let texts = [
        Some(&spec.function_name),
        spec.hostname.as_ref(),
        spec.client_version.as_ref(),
        spec.cloudpickle_version.as_ref(),
    ];
    if texts
        .into_iter()
        .flatten()
        .any(|t| t.len() > TEXT_MAX_BYTES || t.contains('\0'))
    {
        return Err(Refusal::bad_request(format!(
            "a text of the spec is longer than {TEXT_MAX_BYTES} bytes or contains a zero byte"
        )));
    }
    check_environment(spec)
}

fn check_environment(spec: &JobSpec) -> Answer<()> {
    let total: usize = spec
        .os_env_vars
        .iter()
        .map(|(name, value)| name.len() + value.len() + 2)
        .sum();
    if total > ENV_MAX_BYTES {
        return Err(Refusal::bad_request(format!(
            "os_env_vars have {total} bytes, more than {ENV_MAX_BYTES}"
        )));
    }
    let is_bad = |(name, value): (&String, &String)| {
        name.is_empty() || name.contains(['=', '\0']) || value.contains('\0')
    };
    if spec.os_env_vars.iter().any(is_bad) {
        return Err(Refusal::bad_request(
            "os_env_vars: a name is not empty and has no =, and neither it nor a value has a zero byte",
        ));
    }
    Ok(())
}

fn check_payloads(app: &App, function: &Payload, args: &[Payload]) -> Answer<()> {
    let limit = app.payload_max_bytes;
    match std::iter::once(function)
        .chain(args)
        .find(|p| p.size() > limit)
    {
        Some(large) => Err(Refusal::new(
            ErrorKind::TooLarge,
            format!(
                "a pickle of {} bytes is larger than the {limit} this server takes",
                large.size()
            ),
        )),
        None => Ok(()),
    }
}
