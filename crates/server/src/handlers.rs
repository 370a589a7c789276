//! Handler jobs that were heard of, and whether other jobs wait for the room that they take. All of
//! it hints: a job that is not known here is asked about in the store.

use crate::app::App;
use picloud_scheduler::handlers::{HandlerJob, ROOM_PATIENCE, Waiting, crowded};
use picloud_store::StoreError;
use picloud_types::{AccountId, Attempt, Jid, JidSet, Timestamp, api::queues::Finish};
use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// A job that was not heard of for so long has ended without our knowing.
const FORGOTTEN: Duration = Duration::from_secs(300);
/// More than that are looked through for ones to forget.
const MANY: usize = 1_000;

#[derive(Debug)]
pub(crate) struct Handlers {
    jobs: Mutex<HashMap<Jid, Seen>>,
    crowd: watch::Sender<Option<Crowd>>,
}

/// One attempt that made an exchange.
#[derive(Clone, Copy, Debug)]
struct Seen {
    attempt: Attempt,
    began: Instant,
    priority: i32,
    heard: Instant,
}

/// Jobs that wait for room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Crowd {
    /// There have been some since then, if not always the same.
    since: Instant,
    priority: i32,
}

impl Crowd {
    /// When handler jobs are to make room, if this crowd is there still.
    pub(crate) fn due(&self) -> Instant {
        self.since + ROOM_PATIENCE
    }
}

/// What an exchange must know of its job.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    began: Instant,
    priority: i32,
}

impl Default for Handlers {
    fn default() -> Self {
        Self {
            jobs: Mutex::default(),
            crowd: watch::Sender::new(None),
        }
    }
}

impl Handlers {
    fn lock(&self) -> MutexGuard<'_, HashMap<Jid, Seen>> {
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether there is none: then nobody can make room.
    pub(crate) fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Jobs ended; whether some of them were handler jobs.
    pub(crate) fn ended(&self, jids: impl IntoIterator<Item = Jid>) -> bool {
        let mut jobs = self.lock();
        if jobs.is_empty() {
            return false;
        }
        let before = jobs.len();
        for jid in jids {
            jobs.remove(&jid);
        }
        jobs.len() < before
    }

    /// The scheduler looked, and left jobs of this priority for want of room, or none.
    pub(crate) fn crowded_by(&self, left: Option<i32>) {
        self.crowd.send_if_modified(|crowd| {
            let found = left.map(|priority| Crowd {
                since: crowd.map_or_else(Instant::now, |before| before.since),
                priority,
            });
            std::mem::replace(crowd, found) != found
        });
    }

    /// Follows who waits for room.
    pub(crate) fn watch_crowd(&self) -> watch::Receiver<Option<Crowd>> {
        self.crowd.subscribe()
    }

    fn heard(&self, jid: Jid, attempt: Attempt) -> Option<Turn> {
        let mut jobs = self.lock();
        let seen = jobs.get_mut(&jid).filter(|seen| seen.attempt == attempt)?;
        seen.heard = Instant::now();
        Some(Turn {
            began: seen.began,
            priority: seen.priority,
        })
    }

    fn add(&self, jid: Jid, seen: Seen) {
        let mut jobs = self.lock();
        if jobs.len() >= MANY {
            jobs.retain(|_, seen| seen.heard.elapsed() < FORGOTTEN);
        }
        jobs.insert(jid, seen);
    }
}

/// What is known of the job that makes an exchange.
pub(crate) async fn turn(
    app: &App,
    account: AccountId,
    jid: Jid,
    attempt: Attempt,
    now: Timestamp,
) -> Result<Turn, StoreError> {
    if let Some(known) = app.handlers.heard(jid, attempt) {
        return Ok(known);
    }
    let found = match app.store.job_find(account, JidSet::range(jid, 1)).await {
        Err(StoreError::JobUnknown(_)) => Vec::new(),
        found => found?,
    };
    let job = found.first().ok_or(StoreError::AttemptOver)?;
    let heard = Instant::now();
    let ran = job.started.map_or(Duration::ZERO, |at| now.since(at));
    let turn = Turn {
        began: heard.checked_sub(ran).unwrap_or(heard),
        priority: job.spec.priority,
    };
    app.handlers.add(
        jid,
        Seen {
            attempt,
            began: turn.began,
            priority: turn.priority,
            heard,
        },
    );
    Ok(turn)
}

impl Turn {
    /// Whether the job is to end, because of those who wait.
    pub(crate) fn finish(&self, crowd: Option<Crowd>, idle: bool) -> Option<Finish> {
        let job = HandlerJob {
            idle,
            ran: self.began.elapsed(),
            priority: self.priority,
        };
        let waiting = crowd.map(|crowd| Waiting {
            long: crowd.since.elapsed(),
            priority: crowd.priority,
        });
        crowded(&job, waiting.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_as_old_as_its_beginning_and_gone_with_its_last() {
        let handlers = Handlers::default();
        let mut crowd = handlers.watch_crowd();
        handlers.crowded_by(None);
        assert!(!crowd.has_changed().expect("open"), "nobody, as before");
        handlers.crowded_by(Some(5));
        let first = (*crowd.borrow_and_update()).expect("some");
        handlers.crowded_by(Some(5));
        assert!(!crowd.has_changed().expect("open"));
        handlers.crowded_by(Some(3));
        let second = (*crowd.borrow_and_update()).expect("some");
        assert_eq!((second.due(), second.priority), (first.due(), 3));
        handlers.crowded_by(None);
        assert_eq!(*crowd.borrow_and_update(), None);
    }

    #[test]
    fn only_ends_of_handler_jobs_count() {
        let handlers = Handlers::default();
        let now = Instant::now();
        let seen = Seen {
            attempt: Attempt(2),
            began: now,
            priority: 5,
            heard: now,
        };
        assert!(!handlers.ended([Jid(7)]));
        handlers.add(Jid(7), seen);
        assert!(handlers.heard(Jid(7), Attempt(2)).is_some());
        assert!(
            handlers.heard(Jid(7), Attempt(3)).is_none(),
            "another attempt"
        );
        assert!(!handlers.ended([Jid(6), Jid(8)]));
        assert!(handlers.ended([Jid(6), Jid(7)]));
        assert!(handlers.is_empty());
    }
}
