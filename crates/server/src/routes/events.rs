//! What becomes of a job, as it happens: server-sent events.

use crate::{
    app::{LOOK_AGAIN, Shared},
    auth::Caller,
    body::InPath,
    event_streams::Place,
    refusal::Answer,
    waiters::Waiter,
};
use axum::{
    extract::State,
    http::HeaderMap,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::stream;
use picloud_store::{Series, StoreError};
use picloud_types::{Attempt, Jid, JidSet, api::info::StatusEvent};
use std::{collections::VecDeque, convert::Infallible, time::Duration};
use tokio::{
    select,
    time::{Instant, sleep_until},
};
use tracing::warn;

/// A comment is sent this often, so that both ends notice when the other is gone.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// Samples of one look.
const BATCH: u32 = 1_000;

/// What becomes of a job, as it happens
///
/// Events: `status` at the beginning and at every change, `sample` for each second of a job that
/// runs longer than one, and `end` last, with the final status; then the stream is over. The id of a `sample` is its second:
/// with `Last-Event-ID` a stream goes on after it.
#[utoipa::path(get, path = "/v1/jobs/{jid}/events", tag = "jobs",
    params(("jid" = i64, Path), ("Last-Event-ID" = Option<u32>, Header, description = "The last second that came")),
    responses((status = 200, description = "Server-sent events: `status` and `end` with a `StatusEvent` each, `sample` with a `Sample`", body = StatusEvent, content_type = "text/event-stream")))]
pub(super) async fn events(
    State(app): State<Shared>,
    caller: Caller,
    InPath(jid): InPath<i64>,
    headers: HeaderMap,
) -> Answer<Response> {
    let place = app.event_streams.enter(caller.account)?;
    let jid = Jid(jid);
    let mut watching = Watching {
        waiter: app.watchers.register((), &JidSet::range(jid, 1)),
        caller,
        jid,
        after: None,
        told: None,
        events: VecDeque::new(),
        next_look: Next::Wait,
        app,
        _place: place,
    };
    // Looked at before the answer begins, so that an unknown job is refused like everywhere.
    watching.resume(&headers).await?;
    watching.look().await?;
    let events = stream::unfold(watching, |mut watching| async {
        let event = watching.next().await?;
        Some((Ok::<_, Infallible>(event), watching))
    });
    let sse = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    Ok(sse.into_response())
}

/// When to read the store again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// After a wake or a while.
    Wait,
    /// There is more than one look took.
    Now,
    Never,
}

/// One stream.
struct Watching {
    app: Shared,
    waiter: Waiter<()>,
    caller: Caller,
    jid: Jid,
    /// Second of the last sample sent.
    after: Option<u32>,
    /// The status sent last.
    told: Option<(Attempt, &'static str)>,
    events: VecDeque<Event>,
    next_look: Next,
    _place: Place,
}

impl Watching {
    async fn read(&self) -> Result<Series, StoreError> {
        self.app
            .store
            .series_read(self.caller.account, self.jid, self.after, BATCH)
            .await
    }

    /// Goes on where an earlier stream ended. A second that the series has not reached was one of an earlier
    /// attempt: then all is sent.
    async fn resume(&mut self, headers: &HeaderMap) -> Result<(), StoreError> {
        let last = headers.get("last-event-id").and_then(|v| v.to_str().ok());
        let Some(last) = last.and_then(|text| text.trim().parse::<u32>().ok()) else {
            return Ok(());
        };
        self.after = last.checked_sub(1);
        let is_reached = !self.read().await?.samples.is_empty();
        self.after = is_reached.then_some(last);
        Ok(())
    }

    /// The next event, or none when the stream is over.
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.events.pop_front() {
                return Some(event);
            }
            match self.next_look {
                Next::Never => return None,
                Next::Now => {}
                Next::Wait => select! {
                    () = self.waiter.woken() => {}
                    () = sleep_until(Instant::now() + LOOK_AGAIN) => {}
                    () = self.app.stopping.cancelled() => return None,
                },
            }
            if !self.caller.is_still_in(&self.app).await {
                return None;
            }
            match self.look().await {
                Ok(()) => {}
                // Deleted while it was watched, or the store is closed: nothing more will come.
                Err(StoreError::JobUnknown(_) | StoreError::Closed) => return None,
                Err(error) => {
                    warn!(jid = %self.jid, %error, "a stream of events ends early");
                    return None;
                }
            }
        }
    }

    /// Turns what is new into events.
    async fn look(&mut self) -> Result<(), StoreError> {
        let mut series = self.read().await?;
        let told = self.told;
        if told.is_some_and(|(attempt, _)| attempt != series.attempt) && self.after.is_some() {
            self.after = None;
            series = self.read().await?;
        }
        let is_all = series.samples.len() < BATCH as usize;
        let is_over = series.state.is_finished() && is_all;
        let status = (series.attempt, series.state.public_name());
        // A final status comes after the last sample, every other one before those that follow it.
        let is_news = told != Some(status) && (is_over || !series.state.is_finished());
        if is_news && !is_over {
            self.push_status("status", status);
        }
        for sample in &series.samples {
            self.after = Some(sample.second);
            let event = Event::default()
                .event("sample")
                .id(sample.second.to_string());
            self.push(event, sample);
        }
        if is_over {
            if is_news {
                self.push_status("status", status);
            }
            self.push_status("end", status);
        }
        self.next_look = match (is_over, is_all) {
            (true, _) => Next::Never,
            (false, true) => Next::Wait,
            (false, false) => Next::Now,
        };
        Ok(())
    }

    fn push_status(&mut self, name: &str, status: (Attempt, &'static str)) {
        self.told = Some(status);
        let (attempt, status) = status;
        let data = StatusEvent {
            status: status.to_owned(),
            attempt: attempt.0,
        };
        self.push(Event::default().event(name), &data);
    }

    fn push<T: serde::Serialize>(&mut self, event: Event, data: &T) {
        let event = event.json_data(data).expect("plain data has a JSON form");
        self.events.push_back(event);
    }
}
