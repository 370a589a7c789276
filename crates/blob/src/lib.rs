//! Bytes under their content hash, each account its own.
//!
//! Only whole, verified contents ever appear: a name is visible once its bytes are synced.
//! Who needs a blob and when it may go is the store's to know.

mod checksum;
pub mod contract;
mod local;
mod s3;

pub use checksum::{Arrived, Expected, MD5_AT_ONCE_BYTES, Stored, md5};
pub use local::LocalBlobs;
pub use s3::{S3Blobs, S3Options};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use picloud_types::{AccountId, Hash};
use std::{
    ops::Range,
    time::{Duration, SystemTime},
};

/// The range that is a whole content.
pub const WHOLE: Range<u64> = 0..u64::MAX;

/// A stream of parts of a content.
pub type ByteStream = BoxStream<'static, std::io::Result<Bytes>>;

/// Contents as they are found.
pub type Found = BoxStream<'static, Result<(AccountId, Hash), BlobError>>;

/// Why a blob could not be stored or read.
#[derive(Debug, thiserror::Error)]
pub enum BlobError {
    #[error("blob {0} does not exist")]
    NotFound(Hash),
    #[error("the content has hash {found}, not {announced} as announced")]
    HashMismatch { announced: Hash, found: Hash },
    #[error("the content has MD5 {found}, not {announced} as announced")]
    Md5Mismatch { announced: String, found: String },
    #[error("the content has {found} bytes, not {announced} as announced")]
    SizeMismatch { announced: u64, found: u64 },
    #[error("nothing was uploaded to the signed address of upload {0}")]
    UploadMissing(String),
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

/// Where one content can be uploaded to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedUpload {
    pub url: String,
    /// By what `settle_upload` finds it.
    pub upload: String,
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
    /// Stores a content of which the hash is not known yet, in constant memory, and checks it
    /// against what it was announced to be. When it returns, the content is on disk; when it fails or
    /// is dropped, nothing is left of it. An MD5 that was announced is checked and told, and that of a
    /// small content is told too.
    async fn put_new(
        &self,
        account: AccountId,
        content: ByteStream,
        limit: u64,
        expected: Expected,
    ) -> Result<Arrived, BlobError>;
    /// Stores many small contents with as few syncs as possible; returns their hashes, in order.
    async fn put_many(
        &self,
        account: AccountId,
        contents: Vec<Bytes>,
    ) -> Result<Vec<Hash>, BlobError>;
    /// Size of a content, if it is there.
    async fn size(&self, account: AccountId, hash: Hash) -> Result<Option<u64>, BlobError>;
    /// Size of the whole content, and its bytes in `range`, as far as there are any.
    async fn get(
        &self,
        account: AccountId,
        hash: Hash,
        range: Range<u64>,
    ) -> Result<(u64, ByteStream), BlobError>;
    /// Whether big contents should travel by signed addresses, straight from and to where they are kept.
    fn is_direct(&self) -> bool {
        false
    }
    /// An address at which anybody gets a content for some time; none where there is no such thing.
    async fn signed_get(
        &self,
        _account: AccountId,
        _hash: Hash,
        _expires: Duration,
    ) -> Result<Option<String>, BlobError> {
        Ok(None)
    }
    /// An address to which anybody may upload one content for some time; none where there is no such thing.
    async fn signed_put(
        &self,
        _account: AccountId,
        _expires: Duration,
    ) -> Result<Option<SignedUpload>, BlobError> {
        Ok(None)
    }
    /// Makes a blob of what was uploaded to a signed address, if it is `announced`.
    async fn settle_upload(
        &self,
        _account: AccountId,
        upload: &str,
        _announced: Stored,
    ) -> Result<(), BlobError> {
        Err(BlobError::UploadMissing(upload.to_owned()))
    }
    /// Removes a content; one that is not there is fine.
    async fn remove(&self, account: AccountId, hash: Hash) -> Result<(), BlobError>;
    /// Removes unfinished uploads of an earlier life; called at start.
    async fn clean(&self) -> Result<(), BlobError>;
    /// All contents that were stored before a moment, to look for some that nobody knows of.
    async fn all_before(&self, moment: SystemTime) -> Result<Found, BlobError>;
}
