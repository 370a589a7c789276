//! The thread that waits for the disk, so that the writer need not.
//!
//! It takes transactions that are committed but perhaps not on disk, syncs the write-ahead log
//! once for all that are waiting, and only then lets their callers know.

use super::op::{Fate, Op};
use std::{
    fs::{File, OpenOptions},
    os::unix::fs::MetadataExt,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
        mpsc,
    },
};
use tokio::sync::watch;
use tracing::error;

/// A committed transaction whose callers wait for the disk.
pub(super) struct Unsynced {
    pub(super) number: u64,
    pub(super) ops: Vec<Box<dyn Op>>,
}

/// How far transactions are: shared by the writer, the sync thread and readers.
#[derive(Debug)]
pub(super) struct Progress {
    /// Number of the last durable transaction that began to commit. Raised *before* the commit,
    /// so a reader that saw a transaction's effect finds its number here.
    committing: AtomicU64,
    /// Number of the last one on disk.
    synced: watch::Sender<u64>,
    /// A sync failed: what the disk holds is not known any more.
    broken: AtomicBool,
}

impl Progress {
    pub(super) fn new() -> Arc<Self> {
        let (synced, _) = watch::channel(0);
        Arc::new(Self {
            committing: AtomicU64::new(0),
            synced,
            broken: AtomicBool::new(false),
        })
    }

    /// Number for the transaction that is about to commit. Only the writer calls this.
    pub(super) fn begin_commit(&self) -> u64 {
        self.committing.fetch_add(1, Ordering::SeqCst) + 1
    }

    /// Everything up to `number` is on disk, or was rolled back.
    pub(super) fn settled(&self, number: u64) {
        self.synced.send_if_modified(|synced| {
            let later = number > *synced;
            *synced = number.max(*synced);
            later
        });
    }

    /// Waits until everything that was visible when this was called is on disk.
    pub(super) async fn everything_synced(&self) -> crate::Result<()> {
        let number = self.committing.load(Ordering::SeqCst);
        // Cannot fail: the sender is a field of self.
        let _ = self
            .synced
            .subscribe()
            .wait_for(|synced| *synced >= number)
            .await;
        if self.is_broken() {
            Err(broken())
        } else {
            Ok(())
        }
    }

    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Ordering::SeqCst)
    }

    pub(super) fn set_broken(&self) {
        self.broken.store(true, Ordering::SeqCst);
    }
}

/// What callers get after a failed sync. The kernel may have dropped the pages it could not
/// write and a second sync would report success for them, so there is no way on but to read
/// the file again.
pub(super) fn broken() -> crate::StoreError {
    std::io::Error::other(
        "the disk failed to sync the database; restart the server once the disk works",
    )
    .into()
}

/// The write-ahead log, opened beside SQLite. (Closing another descriptor of the *database* file would
/// drop SQLite's POSIX locks; it holds none on the log.)
pub(super) struct Log {
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    pub(super) fn new(path: PathBuf) -> Self {
        Self { path, file: None }
    }

    /// Makes the log's present content durable.
    fn sync(&mut self) -> std::io::Result<()> {
        // SQLite removes the log only with the last connection; looking at the inode costs nothing
        // and syncing an unlinked file would be a silent lie.
        let inode = std::fs::metadata(&self.path)?.ino();
        let open = match self.file.take() {
            Some(file) if file.metadata()?.ino() == inode => file,
            _ => OpenOptions::new().read(true).write(true).open(&self.path)?,
        };
        open.sync_data()?;
        self.file = Some(open);
        Ok(())
    }
}

/// Runs until the writer is gone and everything it committed is synced.
pub(super) fn run(mut log: Log, work: &mpsc::Receiver<Unsynced>, progress: &Progress) {
    while let Ok(first) = work.recv() {
        let batch: Vec<Unsynced> = std::iter::once(first).chain(work.try_iter()).collect();
        let last = batch.last().expect("it has a first").number;
        if !progress.is_broken()
            && let Err(problem) = log.sync()
        {
            error!(%problem, "the database's log could not be synced; nothing more is accepted");
            progress.set_broken();
        }
        progress.settled(last);
        let fate = if progress.is_broken() {
            Fate::Unsynced
        } else {
            Fate::Committed
        };
        for op in batch.into_iter().flat_map(|unsynced| unsynced.ops) {
            op.answer(fate);
        }
    }
}
