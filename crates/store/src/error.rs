//! What a store can say no with.

use picloud_types::{Hash, Jid, WorkerId};

/// Refusals and faults of a store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("job {0} does not exist")]
    JobUnknown(Jid),
    #[error("job {0} has not finished")]
    NotFinished(Jid),
    #[error("{0} does not exist")]
    NotFound(String),
    #[error("{0}")]
    Conflict(String),
    #[error("blob {0} was not uploaded")]
    BlobMissing(Hash),
    #[error("the account would hold {bytes} bytes, and its quota is {quota_bytes}")]
    QuotaExceeded { bytes: u64, quota_bytes: u64 },
    #[error("worker {0} is not alive")]
    WorkerUnknown(WorkerId),
    #[error("this attempt of the job is over")]
    AttemptOver,
    #[error("no space left for the database")]
    DiskFull,
    #[error("the store is closed")]
    Closed,
    #[error(
        "the database file was written by a newer picloud (format {found}, this one knows {known})"
    )]
    TooNew { found: u32, known: u32 },
    #[error("database: {0}")]
    Sqlite(#[from] rusqlite::Error),
    #[error("file of the store: {0}")]
    Io(#[from] std::io::Error),
    #[error("a stored {what} does not read: {why}")]
    Corrupt { what: &'static str, why: String },
}
