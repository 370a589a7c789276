//! Published functions, as the store keeps them.

use crate::{Result, Submitted};
use async_trait::async_trait;
use picloud_types::{
    AccountId, Hash, Jid, JobSpec, Payload, SpecId, Timestamp,
    api::published::{Access, PublishedVersions, Signature},
};
use std::sync::Arc;

/// The verbs about published functions; see `Store` for what holds of all verbs.
#[async_trait]
pub trait PublishedStore: Send + Sync + std::fmt::Debug + 'static {
    /// Publishes another version under the label, which becomes the current one; returns its number. Access, token and limit
    /// of a label that is in use stay. The last 200 versions are kept; jobs made by earlier ones keep what they need. `BlobMissing`
    /// as in `job_submit`.
    async fn published_put(&self, new: PublishedNew) -> Result<u32>;
    /// Published functions of an account in their current versions, by label.
    async fn published_list(&self, account: AccountId) -> Result<Vec<Published>>;
    /// One of them.
    async fn published_find(&self, account: AccountId, label: &str) -> Result<Option<Published>>;
    /// Changes what is given; `NotFound` without it.
    async fn published_change(
        &self,
        account: AccountId,
        label: &str,
        change: PublishedSet,
    ) -> Result<()>;
    /// Ends the publication with all its versions; jobs made by it stay. `NotFound` without it.
    async fn published_remove(&self, account: AccountId, label: &str) -> Result<()>;
    /// All versions, newest first.
    async fn published_versions(
        &self,
        account: AccountId,
        label: &str,
    ) -> Result<PublishedVersions>;
    /// Makes a version the current one: that number, or the one before the current one. `NotFound` without it. Returns its number.
    async fn published_rollback(
        &self,
        account: AccountId,
        label: &str,
        version: Option<u32>,
    ) -> Result<u32>;
    /// Makes one job for each of `args`, with the spec and function of that version, queued. `NotFound` if the version is
    /// not there any more. As in `job_submit` a `key` seen before answers what the first request answered, also if the version went
    /// since, or is `Conflict` with another number of jobs; so is a call without `args`. `BlobMissing` as there.
    async fn published_call(&self, call: PublishedCall) -> Result<Submitted>;
}

/// A function to be published.
#[derive(Clone, Debug)]
pub struct PublishedNew {
    pub account: AccountId,
    pub label: String,
    pub spec: JobSpec,
    pub function: Payload,
    /// As in `Submission`.
    pub blobs: Vec<Hash>,
    pub description: String,
    pub signature: Signature,
    pub now: Timestamp,
}

/// A published function in its current version.
#[derive(Clone, Debug)]
pub struct Published {
    pub label: String,
    pub account: AccountId,
    pub access: Access,
    /// SHA-256 of the token, if it has one.
    pub token_hash: Option<Hash>,
    /// 0 for no limit.
    pub calls_per_minute: u32,
    pub created: Timestamp,
    pub version: u32,
    pub published: Timestamp,
    pub spec_id: SpecId,
    pub spec: Arc<JobSpec>,
    pub description: String,
    pub signature: Arc<Signature>,
}

/// See `published_change`.
#[derive(Clone, Debug, Default)]
pub struct PublishedSet {
    pub access: Option<Access>,
    pub token_hash: Option<Hash>,
    pub calls_per_minute: Option<u32>,
}

/// Calls of a published function.
#[derive(Clone, Debug)]
pub struct PublishedCall {
    pub account: AccountId,
    pub label: String,
    pub version: u32,
    pub args: Vec<Payload>,
    pub key: String,
    pub parent: Option<Jid>,
    pub now: Timestamp,
}
