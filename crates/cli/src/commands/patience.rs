//! Waiting across a server's restart: a wait that has begun does not end because the line broke.

use picloud_client::ClientError;
use std::time::{Duration, Instant};
use tracing::warn;

/// How long a server may be away in the middle of a wait.
const AWAY_MAX: Duration = Duration::from_secs(60);
const PAUSE: Duration = Duration::from_millis(500);

/// Decides whether to ask again.
#[derive(Debug, Default)]
pub(crate) struct Patience {
    last_answer: Option<Instant>,
}

impl Patience {
    /// Notes an answer; after an error that may pass, pauses and answers nothing, so that the
    /// caller asks again. A server that never answered is not waited for.
    pub(crate) async fn judge<T>(
        &mut self,
        answer: Result<T, ClientError>,
    ) -> Result<Option<T>, ClientError> {
        match answer {
            Ok(value) => {
                self.last_answer = Some(Instant::now());
                Ok(Some(value))
            }
            Err(error)
                if error.may_retry()
                    && self.last_answer.is_some_and(|at| at.elapsed() < AWAY_MAX) =>
            {
                warn!(%error, "the server is away, asking again");
                tokio::time::sleep(PAUSE).await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// When a wait with `-t` is over, and how long the next request may hang.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Deadline {
    end: Option<Instant>,
}

/// Requests hang for less than this, so that a line cut silently is noticed.
const POLL_MAX: Duration = Duration::from_secs(30);

impl Deadline {
    /// After `seconds`, or never.
    pub(crate) fn after(seconds: Option<f64>) -> Self {
        let end = seconds
            .and_then(|s| Duration::try_from_secs_f64(s).ok())
            .and_then(|d| Instant::now().checked_add(d));
        Self { end }
    }

    /// How long the next request may hang; zero once the time is over.
    pub(crate) fn poll(self) -> Duration {
        self.end.map_or(POLL_MAX, |end| {
            end.saturating_duration_since(Instant::now()).min(POLL_MAX)
        })
    }

    /// Whether the time is over.
    pub(crate) fn is_over(self) -> bool {
        self.end.is_some_and(|end| Instant::now() >= end)
    }
}

/// Reads the seconds of `-t`.
pub(crate) fn parse_seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if seconds >= 0.0 && seconds.is_finite() => Ok(seconds),
        _ => Err(format!("{text:?} is no number of seconds")),
    }
}
