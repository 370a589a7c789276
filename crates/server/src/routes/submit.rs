//! Making jobs.

use super::{openapi::json, specs};
use crate::{
    app::{App, Shared, now},
    auth::{Caller, secret_new},
    body::{WholeBody, parse_json},
    changes::Change,
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use picloud_store::{MapPart, Submission};
use picloud_types::{
    ErrorKind, Payload,
    api::jobs::{SubmitHeader, SubmitJson, Submitted},
    frames::FrameReader,
    limits::{JOBS_PER_REQUEST, MAP_MAX},
    payload::{BadPayload, INLINE_MAX_BYTES},
};
use std::sync::atomic::Ordering;

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
    check_payloads(&app, std::iter::once(&function).chain(&args))?;
    if header.spec.queue.is_some() {
        return Err(
            Refusal::bad_request("the spec names a queue, which only handler jobs have").hint(
                "PUT /v1/queues/{queue}/attachment attaches a handler, whose jobs the server makes",
            ),
        );
    }
    let blobs = specs::check(&app, caller.account, &header.spec).await?;
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
    app.changes.note(caller.account, Change::Jobs);
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
        key: request.key.unwrap_or_else(fresh_key),
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

/// What makes a repeated request harmless must tell it from others.
pub(super) fn check_key(key: &str) -> Answer<()> {
    let is_key = (16..=64).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    if !is_key {
        return Err(Refusal::bad_request(
            "key is 16 to 64 letters, digits and -",
        ));
    }
    Ok(())
}

/// A key for a request that came without one.
pub(super) fn fresh_key() -> String {
    secret_new().replace('_', "-")
}

fn check_request(header: &SubmitHeader) -> Answer<()> {
    check_key(&header.key)?;
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

pub(super) fn check_payloads<'p>(
    app: &App,
    payloads: impl IntoIterator<Item = &'p Payload>,
) -> Answer<()> {
    let limit = app.payload_max_bytes;
    match payloads.into_iter().find(|p| p.size() > limit) {
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
