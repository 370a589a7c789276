//! How far a transfer is, on one line of stderr, when a person watches.

use crate::output;
use std::{
    io::{self, IsTerminal as _, Write as _},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What is over sooner needs no line.
const DELAY: Duration = Duration::from_millis(700);
const BETWEEN: Duration = Duration::from_millis(100);

/// Clones count together.
#[derive(Clone)]
pub(super) struct Progress {
    state: Option<Arc<Mutex<State>>>,
}

struct State {
    total: u64,
    done: u64,
    start: Instant,
    last: Option<Instant>,
}

impl Progress {
    /// Of so many bytes. Shows nothing where nobody watches, or a program reads.
    pub(super) fn new(total: u64, json: bool) -> Self {
        let shown = !json && io::stderr().is_terminal();
        let state = State {
            total,
            done: 0,
            start: Instant::now(),
            last: None,
        };
        Self {
            state: shown.then(|| Arc::new(Mutex::new(state))),
        }
    }

    /// So many more have travelled.
    pub(super) fn add(&self, bytes: u64) {
        let Some(state) = &self.state else { return };
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        state.done += bytes;
        let due = match state.last {
            Some(last) => last.elapsed() >= BETWEEN,
            None => state.start.elapsed() >= DELAY,
        };
        if due {
            state.last = Some(Instant::now());
            // A terminal that went away is no reason to stop.
            let _ = write!(io::stderr(), "\r\x1b[K{}", state.line());
        }
    }
}

impl State {
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    fn line(&self) -> String {
        let rate = self.done as f64 / self.start.elapsed().as_secs_f64().max(0.001);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rate is positive and far below 2^64"
        )]
        let rate = output::bytes(rate as u64);
        format!(
            "{} of {}, {rate}/s",
            output::bytes(self.done),
            output::bytes(self.total)
        )
    }
}

impl Drop for State {
    fn drop(&mut self) {
        if self.last.is_some() {
            let _ = write!(io::stderr(), "\r\x1b[K");
        }
    }
}
