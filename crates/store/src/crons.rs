//! Crons, as the store keeps them.

use crate::Result;
use async_trait::async_trait;
use picloud_types::{
    AccountId, Hash, Jid, JobSpec, Payload, Timestamp,
    api::crons::{Firing, FiringKind, Overlap},
};
use std::sync::Arc;

/// The verbs about crons; see `Store` for what holds of all verbs. The store knows when the next tick is and not how ticks
/// are reckoned: `next` always comes from the caller.
#[async_trait]
pub trait CronStore: Send + Sync + std::fmt::Debug + 'static {
    /// Makes a cron, or replaces the one with its label, which keeps its firings and is not paused any more. `BlobMissing` as in
    /// `job_submit`.
    async fn cron_put(&self, new: CronNew) -> Result<CronId>;
    /// Crons of an account, by label.
    async fn cron_list(&self, account: AccountId) -> Result<Vec<Cron>>;
    /// One of them.
    async fn cron_find(&self, account: AccountId, label: &str) -> Result<Option<Cron>>;
    /// Changes what is given; `NotFound` without it.
    async fn cron_change(&self, account: AccountId, label: &str, change: CronSet) -> Result<()>;
    /// Removes it with its firings; its jobs stay. `NotFound` without it.
    async fn cron_remove(&self, account: AccountId, label: &str) -> Result<()>;
    /// Crons of all accounts whose next tick is at `now` or before and that are not paused, most overdue first, at most `limit`.
    async fn cron_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Cron>>;
    /// When the next tick of any cron that is not paused is.
    async fn cron_next(&self) -> Result<Option<Timestamp>>;
    /// One tick: makes its job, records it and sets the next tick, in one transaction, guarded by the tick that was next
    /// (`tick`) and by the version of the cron: of two servers that fire one tick, one gets `Recorded`, the other `NotDue`. A tick
    /// that has a record is never fired again, whatever the next tick was changed to.
    ///
    /// - `Overlap::Skip` with an unfinished last job: no job, recorded as `Overlapped`.
    /// - `Overlap::Queue` with an unfinished last job: the new one depends on it, however it ends.
    /// - `missed`: no job; recorded as `Missed` for so many ticks.
    async fn cron_fire(&self, fire: CronFire) -> Result<CronFired>;
    /// Makes a job now, whatever the schedule says, and records it as `Manual`. `NotFound` without it.
    async fn cron_run(&self, account: AccountId, label: &str, now: Timestamp) -> Result<Jid>;
    /// Firings of a cron, newest first, those before `before`, at most `limit`. The last 1,000 of each are kept.
    async fn cron_firings(
        &self,
        account: AccountId,
        label: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Firing>>;
}

/// A cron to be made.
#[derive(Clone, Debug)]
pub struct CronNew {
    pub account: AccountId,
    pub label: String,
    pub spec: JobSpec,
    pub function: Payload,
    pub args: Payload,
    /// As in `Submission`.
    pub blobs: Vec<Hash>,
    pub schedule: String,
    /// Name of the zone, `UTC` among them.
    pub timezone: String,
    pub overlap: Overlap,
    pub creator_host: Option<String>,
    /// Its first tick; none if there is none in sight.
    pub next: Option<Timestamp>,
    pub now: Timestamp,
}

/// A cron as it was when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CronId {
    pub number: i64,
    /// Grows whenever the cron is replaced or changed.
    pub version: i64,
}

/// A cron.
#[derive(Clone, Debug)]
pub struct Cron {
    pub id: CronId,
    pub account: AccountId,
    pub label: String,
    pub spec: Arc<JobSpec>,
    pub schedule: String,
    pub timezone: String,
    pub overlap: Overlap,
    pub paused: bool,
    pub creator_host: Option<String>,
    pub created: Timestamp,
    pub next: Option<Timestamp>,
    pub last_run: Option<Timestamp>,
    pub last_jid: Option<Jid>,
}

/// See `cron_change`.
#[derive(Clone, Debug, Default)]
pub struct CronSet {
    pub paused: Option<bool>,
    pub schedule: Option<String>,
    pub timezone: Option<String>,
    pub overlap: Option<Overlap>,
    /// The next tick under what is new.
    pub next: Option<Option<Timestamp>>,
}

/// See `cron_fire`.
#[derive(Clone, Debug)]
pub struct CronFire {
    pub id: CronId,
    /// What was its next tick.
    pub tick: Timestamp,
    /// What is next.
    pub next: Option<Timestamp>,
    /// Ticks that nobody was there for, this one included: no job is made.
    pub missed: Option<u64>,
    pub now: Timestamp,
}

/// What became of a tick.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CronFired {
    /// Recorded so, with its job if there is one.
    Recorded(FiringKind, Option<Jid>),
    /// Somebody else fired it, or the cron was changed or removed.
    NotDue,
}
