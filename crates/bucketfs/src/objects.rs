//! The remote side: where objects are.

use bytes::Bytes;
use picloud_types::{
    ObjectKey,
    api::bucket::{BucketInfo, ListQuery, ListReply, ObjectInfo},
};
use std::{fs::File, ops::Range};

/// The objects of one account.
#[async_trait::async_trait]
pub trait Objects: Send + Sync + 'static {
    /// A page of them.
    async fn list(&self, query: ListQuery) -> Result<ListReply, Fault>;
    /// One of them.
    async fn info(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, Fault>;
    /// A part of the content that `of` tells of, whatever has happened to its key since.
    async fn read(&self, of: &ObjectInfo, range: Range<u64>) -> Result<Bytes, Fault>;
    /// Makes or replaces one: the first `size` bytes of `content`.
    async fn put(&self, key: &ObjectKey, content: File, size: u64) -> Result<ObjectInfo, Fault>;
    async fn remove(&self, key: &ObjectKey) -> Result<(), Fault>;
    /// One object, or with `prefix` all whose keys begin with `from`; those in the way are replaced.
    async fn rename(&self, from: &str, to: &str, prefix: bool) -> Result<u64, Fault>;
    /// All of them together.
    async fn usage(&self) -> Result<BucketInfo, Fault>;
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Fault {
    #[error("no such object")]
    Missing,
    #[error("that is no key")]
    Invalid,
    #[error("larger than an object may be")]
    TooLarge,
    #[error("the account's quota is used up")]
    OverQuota,
    #[error("the server's disk is full")]
    DiskFull,
    #[error("not allowed")]
    Denied,
    /// May be answered later.
    #[error("the server does not answer")]
    Unreachable,
    #[error("the server failed")]
    Failed,
}
