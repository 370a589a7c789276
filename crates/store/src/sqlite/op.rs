//! Closures on their way through the writer, and the way back to their callers.

use super::{sync::broken, writer::Writing};
use crate::{Result, StoreError};
use tokio::sync::oneshot;

/// How a transaction ended, for those whose closures ran in it.
#[derive(Clone, Copy, Debug)]
pub(super) enum Fate {
    Committed,
    /// Rolled back because there was no room.
    DiskFull,
    /// Rolled back for another reason, which the log has.
    RolledBack,
    /// Committed, but the disk would not take it.
    Unsynced,
}

impl Fate {
    fn error(self) -> Option<StoreError> {
        match self {
            Self::Committed => None,
            Self::DiskFull => Some(StoreError::DiskFull),
            Self::RolledBack => {
                Some(std::io::Error::other("the transaction was rolled back").into())
            }
            Self::Unsynced => Some(broken()),
        }
    }
}

/// A closure on its way through the writer, and the way back to its caller.
pub(super) trait Op: Send {
    /// Runs the closure; whether what it wrote is to be kept.
    fn run(&mut self, writing: &mut Writing<'_>) -> bool;
    /// Whether the caller wants to hear only when it is on disk.
    fn is_durable(&self) -> bool;
    /// Whether the closure failed for want of space.
    fn is_disk_full(&self) -> bool;
    /// Tells the caller.
    fn answer(self: Box<Self>, fate: Fate);
}

struct Work<T, F> {
    closure: Option<F>,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Result<T>>,
    durable: bool,
}

impl<T: Send, F: FnOnce(&mut Writing<'_>) -> Result<T> + Send> Op for Work<T, F> {
    fn run(&mut self, writing: &mut Writing<'_>) -> bool {
        let closure = self.closure.take().expect("an op runs once");
        let result = closure(writing).map_err(said_plainly);
        let keep = result.is_ok();
        self.result = Some(result);
        keep
    }

    fn is_durable(&self) -> bool {
        self.durable
    }

    fn is_disk_full(&self) -> bool {
        matches!(self.result, Some(Err(StoreError::DiskFull)))
    }

    fn answer(self: Box<Self>, fate: Fate) {
        let result = match (self.result, fate.error()) {
            (Some(Err(own)), _) => Err(own),
            (_, Some(problem)) => Err(problem),
            (Some(ok), None) => ok,
            (None, None) => Err(StoreError::Closed),
        };
        // A caller that went away does not want to know.
        let _ = self.reply.send(result);
    }
}

/// A closure ready to be sent to the writer, and where its answer will be.
pub(super) fn op<T, F>(durable: bool, closure: F) -> (Box<dyn Op>, oneshot::Receiver<Result<T>>)
where
    T: Send + 'static,
    F: FnOnce(&mut Writing<'_>) -> Result<T> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    (
        Box::new(Work {
            closure: Some(closure),
            result: None,
            reply,
            durable,
        }),
        answer,
    )
}

/// No room is a state of the world, not a fault: callers must be able to tell.
pub(super) fn said_plainly(error: StoreError) -> StoreError {
    match error {
        StoreError::Sqlite(inner) if is_disk_full(&inner) => StoreError::DiskFull,
        StoreError::Io(inner) if inner.kind() == std::io::ErrorKind::StorageFull => {
            StoreError::DiskFull
        }
        other => other,
    }
}

fn is_disk_full(error: &rusqlite::Error) -> bool {
    // SQLite says FULL for ENOSPC on the log and the database, and IOERR_SHMSIZE when its index
    // of the log cannot grow.
    error.sqlite_error().is_some_and(|e| {
        e.code == rusqlite::ErrorCode::DiskFull
            || e.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE
    })
}

/// The error of a transaction that is gone though nobody rolled it back.
pub(super) fn lost() -> StoreError {
    std::io::Error::other("SQLite gave the transaction up").into()
}
