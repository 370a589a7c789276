//! Between jobs a process does nothing. One that does was left something by a job: a process that hid
//! from the runner, or a job that answered for itself and goes on. Nobody would pay for it, nor for
//! files that fill the disk as long as the process waits for another job.

use super::{Event, Executor};
use nix::sys::signal::Signal;
use std::time::{Duration, Instant};
use tracing::debug;

/// From the end of a job, and between two looks.
const FIRST: Duration = Duration::from_secs(1);
const EVERY: Duration = Duration::from_secs(2);
/// Processor time between two looks that is no idling.
const BUSY_US: u64 = 200_000;
/// Init and the executor.
pub(super) const OWN_PROCESSES: u32 = 2;

/// When to look, and what was seen.
#[derive(Debug)]
pub(super) struct Idle {
    due: Instant,
    cpu_us: Option<u64>,
}

impl Idle {
    pub(super) fn new() -> Self {
        Self {
            due: Instant::now() + FIRST,
            cpu_us: None,
        }
    }
}

impl Executor {
    /// When to look at a process that has no job.
    pub(super) fn idle_due(&self) -> Option<Instant> {
        let idles = self.ready && self.window.is_empty() && !self.closing;
        (idles && self.cell.group.is_some()).then_some(self.idle.due)
    }

    /// Ends a process that is busy without a job, or that was left much.
    pub(super) fn look_at_idle(&mut self, now: Instant) {
        if self.idle_due().is_none_or(|due| due > now) {
            return;
        }
        let Some(Ok(reading)) = self.cell.group.as_ref().map(|group| group.read()) else {
            return;
        };
        self.look_at_files();
        let before = self.idle.cpu_us.unwrap_or(reading.cpu_us);
        let busy = reading.cpu_us.saturating_sub(before) > BUSY_US;
        if busy || reading.processes > OWN_PROCESSES || self.is_littered() {
            debug!(executor = self.id.0, ?reading, "jobs left it something");
            self.closing = true;
            self.events.push(Event::Closing);
            self.signal(Signal::SIGKILL);
        }
        self.idle = Idle {
            due: now + EVERY,
            cpu_us: Some(reading.cpu_us),
        };
    }
}
