//! A terminal to the shell of a job: two requests that last, joined here. What one sends in its body comes out of the
//! answer to the other.

use crate::{
    app::Shared,
    auth::{Caller, HandlerJob, Owner},
    body::InPath,
    event_streams::Place,
    refusal::{Answer, Refusal},
    terminals::{End, Mouth},
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderName, HeaderValue, header},
    response::{IntoResponse as _, Response},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use picloud_store::StoreError;
use picloud_types::{
    ErrorKind, Jid, JidSet,
    terminal::{Decoder, Frame, MEDIA_TYPE},
};
use std::{convert::Infallible, time::Duration};
use tokio::{
    select,
    time::{Interval, interval, timeout},
};
use tokio_util::sync::{CancellationToken, DropGuard};
use tracing::debug;

/// Something is sent this often, so that both ends notice when the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Whoever says nothing for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// Open a terminal to the shell of a job
///
/// For jobs of `picloud exec-shell`, one terminal at a time. Takes a key; a session of a browser may not.
#[utoipa::path(post, path = "/v1/jobs/{jid}/terminal", tag = "jobs", params(("jid" = i64, Path)),
    request_body(content = Vec<u8>, content_type = "application/vnd.picloud.terminal", description = "Frames for as long as the terminal is open, at least one a minute: kind (1 byte), length of the rest (4, big-endian, at most 65,536), the rest. `d`: what was typed, nothing for the end of it; `w`: columns and rows (2 each); `k`: nothing"),
    responses((status = 200, description = "Begins at once and lasts as long as the shell or the request. Frames: `d`: what the shell wrote; `x`: its exit status (4), last; `k`: nothing, every 15 s. Ends without `x` when the job was killed or lost", body = Vec<u8>, content_type = "application/vnd.picloud.terminal"),
        (status = 409, description = "The job has ended, has no shell yet (`retry` is true then), or another terminal is open to it")))]
pub(super) async fn person(
    State(app): State<Shared>,
    Owner(caller): Owner,
    InPath(jid): InPath<i64>,
    body: Body,
) -> Answer<Response> {
    if caller.session.is_some() {
        return Err(
            Refusal::new(ErrorKind::Forbidden, "a browser may not open terminals")
                .hint("`picloud exec-shell` does, with an API key"),
        );
    }
    let jid = Jid(jid);
    let only = JidSet::range(jid, 1);
    let runs = app.store.job_statuses(caller.account, only).await?;
    if runs.iter().any(|run| run.state.is_finished()) {
        let msg = format!("job {jid} has ended");
        return Err(
            Refusal::new(ErrorKind::Conflict, msg).hint("its status and its exception say how")
        );
    }
    let place = app.event_streams.enter(caller.account)?;
    let end = app.terminals.open(jid)?;
    Ok(joined(app, end, body, None, Some(place)))
}

/// Offer a shell to a terminal
///
/// For running jobs, each for itself, with the credentials of its attempt.
#[utoipa::path(post, path = "/v1/jobs/{jid}/terminal/job", tag = "jobs", params(("jid" = i64, Path)),
    request_body(content = Vec<u8>, content_type = "application/vnd.picloud.terminal", description = "What a terminal gets to hear, in its frames"),
    responses((status = 200, description = "Begins at once and lasts as long as the attempt. What a terminal says, in its frames, and `o` when one was opened, `c` when it was closed", body = Vec<u8>, content_type = "application/vnd.picloud.terminal")))]
pub(super) async fn job(
    State(app): State<Shared>,
    _alive: Caller,
    job: Result<HandlerJob, Refusal>,
    InPath(jid): InPath<i64>,
    body: Body,
) -> Answer<Response> {
    let Ok(job) = job else {
        return Err(Refusal::new(
            ErrorKind::Forbidden,
            "only jobs offer shells, each its own",
        ));
    };
    if job.jid != Jid(jid) {
        return Err(StoreError::JobUnknown(Jid(jid)).into());
    }
    let end = app.terminals.offer(job.jid, job.attempt)?;
    Ok(joined(app, end, body, Some(job), None))
}

fn joined(
    app: Shared,
    end: End,
    body: Body,
    job: Option<HandlerJob>,
    place: Option<Place>,
) -> Response {
    let gone = CancellationToken::new();
    tokio::spawn(listen(body, end.mouth(), job.is_some(), gone.clone()));
    let line = Line {
        app,
        end,
        job,
        tick: interval(KEEP_ALIVE),
        _guard: gone.clone().drop_guard(),
        gone,
        _place: place,
    };
    let parts = stream::unfold(line, |mut line| async {
        let frame = line.next().await?;
        Some((Ok::<Bytes, Infallible>(frame.encode()), line))
    });
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Known to some proxies, which would wait for more before they pass it on.
        (
            HeaderName::from_static("x-accel-buffering"),
            HeaderValue::from_static("no"),
        ),
    ];
    (headers, Body::from_stream(parts)).into_response()
}

/// Passes on what one end says, until it stops or its answer is over.
async fn listen(body: Body, mouth: Mouth, is_job: bool, gone: CancellationToken) {
    // Also when this task panics: the other half must not wait for nothing.
    let _guard = gone.clone().drop_guard();
    select! {
        () = gone.cancelled() => {}
        () = pass_on(body, mouth, is_job) => {}
    }
}

async fn pass_on(body: Body, mouth: Mouth, is_job: bool) {
    let mut parts = body.into_data_stream();
    let mut decoder = Decoder::default();
    while let Ok(Some(Ok(part))) = timeout(SILENCE_MAX, parts.next()).await {
        decoder.feed(&part);
        loop {
            match decoder.next_frame() {
                Ok(None) => break,
                Ok(Some(Frame::KeepAlive)) => {}
                Ok(Some(frame)) if is_allowed(&frame, is_job) => {
                    if !mouth.say(frame).await {
                        return;
                    }
                }
                Ok(Some(_)) => return,
                Err(error) => {
                    debug!(%error, "a terminal ends");
                    return;
                }
            }
        }
    }
}

fn is_allowed(frame: &Frame, is_job: bool) -> bool {
    match frame {
        Frame::Data(_) | Frame::KeepAlive => true,
        Frame::Exit(_) => is_job,
        Frame::Window { .. } => !is_job,
        Frame::Opened | Frame::Closed => false,
    }
}

/// The answer to one end.
struct Line {
    app: Shared,
    end: End,
    /// The attempt, if it is the job's.
    job: Option<HandlerJob>,
    tick: Interval,
    /// Whoever this is has stopped talking.
    gone: CancellationToken,
    _guard: DropGuard,
    _place: Option<Place>,
}

impl Line {
    /// What this end hears next, or none when it is over.
    async fn next(&mut self) -> Option<Frame> {
        let is_job = self.job.is_some();
        let over = self.end.over.clone();
        select! {
            // In this order: a terminal is open before anything was typed in it.
            biased;
            () = self.gone.cancelled() => None,
            () = self.app.stopping.cancelled() => None,
            // A person still gets what was written before.
            () = over.cancelled(), if is_job => None,
            Ok(()) = self.end.is_open.changed(), if is_job => {
                let is_open = *self.end.is_open.borrow_and_update();
                Some(if is_open { Frame::Opened } else { Frame::Closed })
            }
            frame = self.end.heard.recv() => frame,
            _ = self.tick.tick() => self.is_alive().await.then_some(Frame::KeepAlive),
        }
    }

    /// Whether the attempt goes on, as far as can be said.
    async fn is_alive(&self) -> bool {
        let Some(job) = &self.job else { return true };
        let alive = self.app.store.attempt_alive(job.jid, job.attempt).await;
        !matches!(alive, Ok(None) | Err(StoreError::Closed))
    }
}
