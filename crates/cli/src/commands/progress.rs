//! How far a wait or a submission is, on one line of stderr, where a person watches.

use std::io::{IsTerminal as _, Write as _};

/// A line that replaces itself, and goes away in the end.
pub(super) struct Progress {
    watched: bool,
    shown: bool,
}

impl Progress {
    pub(super) fn new() -> Self {
        Self {
            watched: std::io::stderr().is_terminal(),
            shown: false,
        }
    }

    /// Whether anybody sees it, so that it is worth asking often.
    pub(super) fn is_watched(&self) -> bool {
        self.watched
    }

    pub(super) fn show(&mut self, text: &str) {
        if self.watched {
            self.shown = true;
            let mut stderr = std::io::stderr().lock();
            // Nothing depends on progress being seen.
            let _ = write!(stderr, "\r{text}\x1b[K").and_then(|()| stderr.flush());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.shown {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}
