//! The store on one SQLite file.
//!
//! **Writing.** One thread owns the writing connection (`writer`). It runs whatever waits in one
//! transaction and commits it with `synchronous=NORMAL`, which in WAL mode writes the log
//! but does not sync it. A second thread (`sync`) then syncs the log and lets the callers
//! know. In WAL mode `synchronous=FULL` is exactly that: one sync of the log after each commit;
//! checkpoints sync what they need in either mode. So a verb that answers has its effect on
//! disk just as with FULL, but the next transaction is written while the disk is still busy
//! with this one, and one sync serves all that were committed meanwhile. A log is valid up to its last
//! whole transaction, so what is lost with the power is always the newest, never something earlier.
//!
//! **Reading.** A few read-only connections (`readers`) see committed states, which may not be
//! on disk yet. Verbs that tell what became of jobs wait, after the read, until the last transaction that
//! had begun to commit by then is on disk: nobody is told something that a loss of power undoes. When no
//! write is under way that costs one load of an atomic.
//!
//! **Locking.** An advisory lock on `picloud.lock` beside the file keeps other processes out, and
//! there is one writer, so "database is locked" cannot happen.
//!
//! **Trouble.** A full disk rolls back the transaction, everyone in it gets `DiskFull`, and the store
//! works again once there is room. After a failed sync nobody knows what is on disk, so
//! everything is refused until the file is opened anew.

mod accounts;
mod attempts;
mod batches;
mod blobs;
mod cache;
mod checkpoint;
mod claim;
#[cfg(test)]
mod cron_scale;
mod cron_verbs;
mod crons;
mod delete;
mod error_texts;
mod gates;
mod housekeeping;
mod kill;
mod ledger;
mod list;
mod look;
mod migrations;
mod object_rows;
mod objects;
mod op;
mod output;
mod published;
#[cfg(test)]
mod published_scale;
mod published_verbs;
#[cfg(test)]
mod queue_scale;
mod queue_verbs;
mod queues;
mod readers;
mod report;
mod rows;
mod samples;
#[cfg(test)]
mod scale;
mod session_verbs;
mod sessions;
mod specs;
mod submit;
mod sync;
#[cfg(test)]
mod trouble;
mod verbs;
mod volumes;
mod workers;
mod writer;

use crate::{OnCommit, Result, StoreError};
use checkpoint::Checkpointer;
use op::Op;
use readers::{Reader, Readers, Size};
use rusqlite::{Connection, OpenFlags, config::DbConfig};
use std::{
    fs::{File, OpenOptions, TryLockError},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, mpsc},
    thread::JoinHandle,
    time::Duration,
};
use sync::{Log, Progress};
use tokio::sync::mpsc as channel;
use writer::{QUEUE_MAX, Writer, Writing};

/// Nothing should ever wait for a lock; if something does, it is not to fail at once.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);
/// Page caches, in KiB: the whole system has to be content with 60 MiB when idle.
const WRITER_CACHE_KIB: u32 = 16_000;
/// A reader's cache is void after each commit, so a large one would be of no use.
const READER_CACHE_KIB: u32 = 2_000;

/// What a finished verb promises.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Durability {
    /// Its effect survives a loss of power.
    #[default]
    Synced,
    /// Its effect survives the end of the process, however sudden, but perhaps not a loss of power.
    Relaxed,
}

/// How to open a store.
#[derive(Clone)]
pub struct Options {
    /// The database file; made if it is not there. Its directory must exist.
    pub path: PathBuf,
    pub durability: Durability,
    /// Told about transactions before they are synced.
    pub on_commit: Option<OnCommit>,
    /// How many jobs a page of the list looks at before it says where to go on. Without it only time counts.
    pub list_looks_at: Option<u64>,
}

impl Options {
    /// The safe choices.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            durability: Durability::default(),
            on_commit: None,
            list_looks_at: None,
        }
    }
}

impl std::fmt::Debug for Options {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("path", &self.path)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}

/// See the module's documentation. Without `close` the threads end on their own some time
/// after the last handle is gone.
#[derive(Debug)]
pub struct SqliteStore {
    /// `None` once the store is closed.
    queue: Mutex<Option<channel::Sender<Box<dyn Op>>>>,
    readers: Arc<Readers>,
    progress: Arc<Progress>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens or makes the file and brings it to the present format.
    pub fn open(options: &Options) -> Result<Self> {
        let path = options.path.as_path();
        let lock = lock(path)?;
        let mut db = open_writing(path, WRITER_CACHE_KIB)?;
        migrations::run(&mut db)?;
        // The directory's entries for new files are only durable once it is synced itself.
        File::open(directory(path))?.sync_all()?;
        let patience = list::Patience {
            jobs: options.list_looks_at.unwrap_or(u64::MAX),
            ..list::Patience::default()
        };
        let readers = (0..readers::CONNECTIONS)
            .map(|_| Ok(Reader::new(open_reading(path)?, patience)))
            .collect::<Result<Vec<_>>>()?;
        let progress = Progress::new();
        let (sync, syncer) = match options.durability {
            Durability::Synced => {
                let (sync, syncer) = start_sync(path, &progress)?;
                (Some(sync), Some(syncer))
            }
            Durability::Relaxed => (None, None),
        };
        let checkpointer = Checkpointer::start(&mut db, open_writing(path, READER_CACHE_KIB)?)?;
        let writer = Writer {
            db,
            progress: Arc::clone(&progress),
            sync,
            checkpointer,
            on_commit: options.on_commit.clone(),
        };
        let (queue, work) = channel::channel(QUEUE_MAX);
        let writer = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || write_until_closed(writer, work, syncer, lock))?;
        Ok(Self {
            queue: Mutex::new(Some(queue)),
            readers: Readers::new(readers),
            progress,
            writer: Mutex::new(Some(writer)),
        })
    }

    /// Runs a closure in the writer. `durable` callers hear of it when it is on disk.
    async fn write<T, F>(&self, durable: bool, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Writing<'_>) -> Result<T> + Send + 'static,
    {
        let queue = self
            .queue
            .lock()
            .expect("nothing panics while it holds the sender")
            .clone();
        let (op, answer) = op::op(durable, closure);
        queue
            .ok_or(StoreError::Closed)?
            .send(op)
            .await
            .map_err(|_| StoreError::Closed)?;
        answer.await.map_err(|_| StoreError::Closed)?
    }

    async fn read<T, F>(&self, size: Size, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Reader) -> Result<T> + Send + 'static,
    {
        self.readers.read(size, read).await
    }

    /// A read whose answer is on disk.
    async fn read_synced<T, F>(&self, size: Size, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Reader) -> Result<T> + Send + 'static,
    {
        let answer = self.readers.read(size, read).await?;
        self.progress.everything_synced().await?;
        Ok(answer)
    }

    async fn shut(&self) {
        // Readers first: only a last connection that may write moves the log into the database.
        self.readers.close().await;
        self.queue
            .lock()
            .expect("nothing panics while it holds the sender")
            .take();
        let writer = self
            .writer
            .lock()
            .expect("nothing panics while it holds the handle")
            .take();
        if let Some(writer) = writer {
            // A writer that panicked has closed its files all the same.
            let _ = tokio::task::spawn_blocking(move || writer.join()).await;
        }
    }
}

/// The writer's thread, which also ends the others, in order: what was committed is synced, then
/// the last connection moves the log into the database, then another process may have the file.
fn write_until_closed(
    mut writer: Writer,
    mut work: channel::Receiver<Box<dyn Op>>,
    syncer: Option<JoinHandle<()>>,
    lock: File,
) {
    writer.run(&mut work);
    writer.sync = None;
    if let Some(syncer) = syncer {
        let _ = syncer.join();
    }
    writer.checkpointer.stop();
    drop(writer);
    drop(lock);
}

fn start_sync(
    path: &Path,
    progress: &Arc<Progress>,
) -> Result<(mpsc::Sender<sync::Unsynced>, JoinHandle<()>)> {
    let (sync, unsynced) = mpsc::channel();
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    let (log, progress) = (Log::new(log.into()), Arc::clone(progress));
    let thread = std::thread::Builder::new()
        .name("store-sync".to_owned())
        .spawn(move || sync::run(log, &unsynced, &progress))?;
    Ok((sync, thread))
}

fn directory(path: &Path) -> &Path {
    path.parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

/// Keeps other processes out for as long as the file lives. The kernel lets go of it when the
/// process ends in whatever way.
fn lock(path: &Path) -> Result<File> {
    let lock_path = directory(path).join("picloud.lock");
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Conflict(format!(
            "{} is in use by another server (lock file {})",
            path.display(),
            lock_path.display()
        ))),
        Err(TryLockError::Error(problem)) => Err(problem.into()),
    }
}

fn open_writing(path: &Path, cache_kib: u32) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    db.pragma_update(None, "journal_mode", "WAL")?;
    db.pragma_update(None, "synchronous", "NORMAL")?;
    db.pragma_update(None, "wal_autocheckpoint", 0)?;
    // Deleted is gone: without it the words of a deleted job stay in the pages it used.
    db.pragma_update(None, "secure_delete", true)?;
    configure(&mut db, cache_kib)?;
    Ok(db)
}

fn open_reading(path: &Path) -> Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut db = Connection::open_with_flags(path, flags)?;
    configure(&mut db, READER_CACHE_KIB)?;
    Ok(db)
}

fn configure(db: &mut Connection, cache_kib: u32) -> Result<()> {
    #[cfg(test)]
    scale::count_steps(db)?;
    db.busy_timeout(BUSY_TIMEOUT)?;
    db.pragma_update(None, "cache_size", -i64::from(cache_kib))?;
    db.pragma_update(None, "temp_store", "MEMORY")?;
    db.pragma_update(None, "mmap_size", 0)?;
    db.pragma_update(None, "foreign_keys", false)?;
    // Without it SQLite prepares a statement anew when a bound value might change its plan, which
    // for our plans it never does: a tenth of the processor time of a round trip.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    // More than there are statements in this crate, so that each is prepared once.
    db.set_prepared_statement_cache_capacity(256);
    Ok(())
}
