//! Making crons, changing them, running them by hand.

use super::{check_label, find, info, of_label};
use crate::{
    app::{Shared, now},
    auth::Caller,
    body::{Frames, InPath, JsonBody},
    changes::Change,
    refusal::{Answer, Refusal},
    routes::{DONE, openapi::json, specs, submit},
};
use axum::{Json, extract::State, http::StatusCode};
use picloud_scheduler::Crontab;
use picloud_store::{CronNew, CronSet};
use picloud_types::{
    Payload,
    api::crons::{CronChange, CronHeader, CronInfo, CronRun},
};
use std::sync::atomic::Ordering;

/// Longest name of a machine, in bytes.
const HOST_MAX_BYTES: usize = 1_000;

/// Run a function by the clock
#[utoipa::path(put, path = "/v1/crons/{label}", tag = "crons", params(("label" = String, Path)),
    request_body(content = Vec<u8>, content_type = "application/vnd.picloud.frames", description = "Header `CronHeader`, then two payloads: the function, and its pickled `(args, kwargs)`"),
    responses((status = 200, description = "It fires from its next tick on", body = CronInfo)))]
pub(in crate::routes) async fn put(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
    Frames(mut frames): Frames,
) -> Answer<Json<CronInfo>> {
    let header: CronHeader = frames.header()?;
    let function = Payload::decode(frames.expect_frame()?)?;
    let args = Payload::decode(frames.expect_frame()?)?;
    if frames.next_frame()?.is_some() {
        return Err(Refusal::bad_request(
            "the body has more frames than its header says",
        ));
    }
    check_label(&label)?;
    submit::check_payloads(&app, [&function, &args])?;
    if header.spec.queue.is_some() {
        return Err(Refusal::bad_request(
            "the spec names a queue, which only handler jobs have",
        ));
    }
    let host = header.creator_host.as_ref();
    if host.is_some_and(|host| host.len() > HOST_MAX_BYTES || host.contains('\0')) {
        return Err(Refusal::bad_request(format!(
            "creator_host has at most {HOST_MAX_BYTES} bytes, none of them zero"
        )));
    }
    let timezone = header.timezone.unwrap_or_default();
    let crontab = Crontab::parse(&header.schedule, &timezone)?;
    let blobs = specs::check(&app, caller.account, &header.spec).await?;
    let now = now();
    let new = CronNew {
        account: caller.account,
        label: label.clone(),
        spec: header.spec,
        function,
        args,
        blobs,
        schedule: tidied(&header.schedule),
        timezone: crontab.timezone().to_owned(),
        overlap: header.overlap,
        creator_host: header.creator_host,
        next: crontab.next(now),
        now,
    };
    app.store.cron_put(new).await?;
    app.crons.notify_one();
    json(info(&find(&app, caller.account, &label).await?, now))
}

/// One space between fields.
fn tidied(schedule: &str) -> String {
    let fields: Vec<_> = schedule.split_ascii_whitespace().collect();
    fields.join(" ")
}

/// Change when a cron fires, or pause it
#[utoipa::path(patch, path = "/v1/crons/{label}", tag = "crons", params(("label" = String, Path)), request_body = CronChange,
    responses((status = 200, description = "It fires from its next tick on; ticks that passed are not made up for", body = CronInfo)))]
pub(in crate::routes) async fn change(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
    JsonBody(change): JsonBody<CronChange>,
) -> Answer<Json<CronInfo>> {
    let before = find(&app, caller.account, &label).await?;
    let schedule = change.schedule.as_ref().unwrap_or(&before.schedule);
    let timezone = change.timezone.as_ref().unwrap_or(&before.timezone);
    let crontab = Crontab::parse(schedule, timezone)?;
    let now = now();
    // A tick that is due this moment stays due unless when it fires was changed.
    let begins_anew = change.schedule.is_some()
        || change.timezone.is_some()
        || (before.paused && change.paused == Some(false));
    let set = CronSet {
        paused: change.paused,
        schedule: change.schedule.as_deref().map(tidied),
        timezone: change
            .timezone
            .is_some()
            .then(|| crontab.timezone().to_owned()),
        overlap: change.overlap,
        next: begins_anew.then(|| crontab.next(now)),
    };
    let done = app.store.cron_change(caller.account, &label, set).await;
    of_label(&label, done)?;
    app.crons.notify_one();
    json(info(&find(&app, caller.account, &label).await?, now))
}

/// End a cron; jobs that it made stay
#[utoipa::path(delete, path = "/v1/crons/{label}", tag = "crons", params(("label" = String, Path)),
    responses((status = 204, description = "It fires no more, and its history is gone")))]
pub(in crate::routes) async fn remove(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
) -> Answer<StatusCode> {
    let done = app.store.cron_remove(caller.account, &label).await;
    of_label(&label, done)?;
    app.crons.notify_one();
    Ok(DONE)
}

/// Run a cron now
#[utoipa::path(post, path = "/v1/crons/{label}/run", tag = "crons", params(("label" = String, Path)),
    responses((status = 200, description = "Its job, made whatever the schedule says", body = CronRun)))]
pub(in crate::routes) async fn run(
    State(app): State<Shared>,
    caller: Caller,
    InPath(label): InPath<String>,
) -> Answer<Json<CronRun>> {
    if app.intake_closed.is_cancelled() {
        return Err(Refusal::stopping());
    }
    let made = app.store.cron_run(caller.account, &label, now()).await;
    let jid = of_label(&label, made)?;
    app.metrics.jobs_submitted.fetch_add(1, Ordering::Relaxed);
    app.changes.note(caller.account, Change::Jobs);
    json(CronRun { jid })
}
