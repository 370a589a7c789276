//! Keeps the write-ahead log short.
//!
//! Moving pages from the log into the database costs reads, writes and two syncs, so a thread
//! of its own does it while the writer goes on. That cannot reset the log while the writer
//! appends; when the log has grown all the same, the writer itself finishes the job, which is
//! short because most pages are moved already. Where the disk is too slow for the thread, the writer waits
//! for it: a log that grows faster than it is moved has no other bound.

use rusqlite::{Connection, hooks::Wal};
use std::{
    sync::{
        Arc, Condvar, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::Duration,
};
use tracing::{debug, warn};

/// Pages are 4 KiB. Above this the thread works ...
const PASSIVE_PAGES: u64 = 16 * 256;
/// ... and above this the writer.
const TRUNCATE_PAGES: u64 = 128 * 256;
/// Longest the writer waits for the thread; then a longer log is the lesser evil.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// One checkpoint at a time.
#[derive(Debug, Default)]
struct Turn {
    taken: Mutex<bool>,
    free: Condvar,
}

impl Turn {
    /// Whether it was got; waits for it up to `patience`.
    fn take(&self, patience: Duration) -> bool {
        let taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let waited = self
            .free
            .wait_timeout_while(taken, patience, |taken| *taken)
            .unwrap_or_else(PoisonError::into_inner);
        let mut taken = waited.0;
        !std::mem::replace(&mut *taken, true)
    }

    fn give_back(&self) {
        *self.taken.lock().unwrap_or_else(PoisonError::into_inner) = false;
        self.free.notify_one();
    }
}

/// The writer's side.
#[derive(Debug)]
pub(super) struct Checkpointer {
    pages: Arc<AtomicU64>,
    turn: Arc<Turn>,
    wake: Option<mpsc::SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Checkpointer {
    /// Begins to watch the log of `writer`; `connection` is for the thread.
    pub(super) fn start(writer: &mut Connection, connection: Connection) -> crate::Result<Self> {
        let pages = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&pages);
        writer.wal_hook(Some(move |_: &mut Wal, in_log: std::ffi::c_int| {
            seen.store(u64::try_from(in_log).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        let turn = Arc::new(Turn::default());
        let (wake, woken) = mpsc::sync_channel(1);
        let working = Arc::clone(&turn);
        let thread = std::thread::Builder::new()
            .name("store-checkpoint".to_owned())
            .spawn(move || {
                while woken.recv().is_ok() {
                    checkpoint(&connection, "PASSIVE");
                    working.give_back();
                }
            })?;
        Ok(Self {
            pages,
            turn,
            wake: Some(wake),
            thread: Some(thread),
        })
    }

    /// Called by the writer between transactions.
    pub(super) fn after_commit(&self, writer: &Connection) {
        let pages = self.pages.load(Ordering::Relaxed);
        let is_long = pages > TRUNCATE_PAGES;
        let patience = if is_long { WAIT_MAX } else { Duration::ZERO };
        if pages < PASSIVE_PAGES || !self.turn.take(patience) {
            return;
        }
        if is_long {
            // Without waiting for readers: if one is in the way, the next commit tries again.
            let _ = writer.busy_timeout(Duration::ZERO);
            if checkpoint(writer, "TRUNCATE") {
                self.pages.store(0, Ordering::Relaxed);
            }
            let _ = writer.busy_timeout(super::BUSY_TIMEOUT);
            self.turn.give_back();
        } else if self
            .wake
            .as_ref()
            .is_none_or(|wake| wake.try_send(()).is_err())
        {
            self.turn.give_back();
        }
    }

    /// Ends the thread and closes its connection.
    pub(super) fn stop(&mut self) {
        self.wake = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Whether the whole log is now in the database.
fn checkpoint(connection: &Connection, mode: &str) -> bool {
    let counts = connection.query_row(&format!("PRAGMA wal_checkpoint({mode})"), [], |row| {
        Ok((
            row.get::<_, i64>(0)?,
            row.get::<_, i64>(1)?,
            row.get::<_, i64>(2)?,
        ))
    });
    match counts {
        Ok((busy, in_log, moved)) => {
            debug!(mode, busy, in_log, moved, "checkpoint");
            busy == 0 && in_log == moved
        }
        Err(problem) => {
            warn!(%problem, mode, "the log could not be moved into the database; tried again later");
            false
        }
    }
}
