//! That something changed, as it happens: server-sent events.

use crate::{
    app::Shared,
    auth::Caller,
    changes::{Change, Listener},
    event_streams::Place,
    refusal::Answer,
};
use axum::{
    extract::State,
    http::{HeaderValue, header},
    response::{
        IntoResponse, Response,
        sse::{Event, Sse},
    },
};
use futures_util::stream;
use std::{collections::VecDeque, convert::Infallible, time::Duration};
use tokio::{
    select,
    time::{Instant, sleep_until},
};

/// All kinds are told this often anyway: what another server on the same store did, no one here hears of; and
/// both ends notice when the other is gone.
const ANYWAY: Duration = Duration::from_secs(15);
/// Between two events of one kind.
const PAUSE: Duration = Duration::from_millis(250);

/// That something of the account changed, as it happens
///
/// Events `jobs`, `queues` and `workers` say of what kind it was, not more: ask again for what you show. One of each
/// comes at the beginning and every 15 seconds, and none more often than four times a second.
#[utoipa::path(get, path = "/v1/changes", tag = "service",
    responses((status = 200, description = "Server-sent events, each with `{}` for data", body = String, content_type = "text/event-stream")))]
pub(super) async fn changes(State(app): State<Shared>, caller: Caller) -> Answer<Response> {
    let place = app.event_streams.enter(caller.account)?;
    let watching = Watching {
        listener: app.changes.listen(caller.account),
        caller,
        events: Change::ALL.into(),
        told: Instant::now(),
        app,
        _place: place,
    };
    let events = stream::unfold(watching, |mut watching| async {
        let change = watching.next().await?;
        let event = Event::default().event(change.name()).data("{}");
        Some((Ok::<_, Infallible>(event), watching))
    });
    let head = [(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))];
    Ok((head, Sse::new(events)).into_response())
}

/// One stream.
struct Watching {
    app: Shared,
    listener: Listener,
    caller: Caller,
    events: VecDeque<Change>,
    /// When the events before these were gathered.
    told: Instant,
    _place: Place,
}

impl Watching {
    /// The next event, or none when the stream is over.
    async fn next(&mut self) -> Option<Change> {
        while self.events.is_empty() {
            let anyway = self.told + ANYWAY;
            let heard = select! {
                () = self.listener.changed() => true,
                () = sleep_until(anyway) => false,
                () = self.app.stopping.cancelled() => return None,
            };
            if heard {
                select! {
                    () = sleep_until(self.told + PAUSE) => {}
                    () = self.app.stopping.cancelled() => return None,
                }
            }
            if !self.caller.is_still_in(&self.app).await {
                return None;
            }
            let changes = self.listener.take();
            self.events = if heard {
                changes.into()
            } else {
                Change::ALL.into()
            };
            self.told = Instant::now();
        }
        self.events.pop_front()
    }
}
