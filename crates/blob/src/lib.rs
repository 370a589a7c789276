//! Bytes under their content hash, each account its own.
//!
//! Only whole, verified contents ever appear: a name is visible once its bytes are synced.
//! Who needs a blob and when it may go is the store's to know.

mod local;

pub use local::LocalBlobs;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use picloud_types::{AccountId, Hash};

/// A stream of parts of a content.
pub type ByteStream = BoxStream<'static, std::io::Result<Bytes>>;

/// Why a blob could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("blob {0} does not exist")]
    NotFound(Hash),
    #[error("the content has hash {found}, not {announced} as announced")]
    HashMismatch { announced: Hash, found: Hash },
    #[error("the content is larger than {limit} bytes")]
    TooLarge { limit: u64 },
    #[error("no space left for blobs")]
    DiskFull,
    #[error("blob store: {0}")]
    Io(std::io::Error),
}

impl From<std::io::Error> for BlobError {
    fn from(error: std::io::Error) -> Self {
        use std::io::ErrorKind;
        match error.kind() {
            ErrorKind::StorageFull | ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Io(error),
        }
    }
}

/// Where contents are kept.
#[async_trait]
pub trait Blobs: Send + Sync + std::fmt::Debug + 'static {
    /// Stores a content in constant memory and checks it against `hash`; returns its size.
    /// When it returns, the content is on disk. Storing one that is there is harmless.
    async fn put(
        &self,
        account: AccountId,
        hash: Hash,
        content: ByteStream,
        limit: u64,
    ) -> Result<u64, BlobError>;
    /// Stores many small contents with as few syncs as possible; returns their hashes, in order.
    async fn put_many(
        &self,
        account: AccountId,
        contents: Vec<Bytes>,
    ) -> Result<Vec<Hash>, BlobError>;
    /// Size of a content, if it is there.
    async fn size(&self, account: AccountId, hash: Hash) -> Result<Option<u64>, BlobError>;
    /// Size of the whole content, and its bytes from `offset` on.
    async fn get(
        &self,
        account: AccountId,
        hash: Hash,
        offset: u64,
    ) -> Result<(u64, ByteStream), BlobError>;
    /// Removes a content; one that is not there is fine.
    async fn remove(&self, account: AccountId, hash: Hash) -> Result<(), BlobError>;
    /// Removes unfinished uploads of an earlier life; called at start.
    async fn clean(&self) -> Result<(), BlobError>;
}
