//! The truth: jobs, accounts, keys, workers, output, in a database.
//!
//! `Store` is a list of domain verbs. One method is one transaction, in batches where volume
//! matters. A method that returns has its effect on disk (synced), unless its documentation
//! says that it need not survive a loss of power. Nothing here decides what should happen
//! next; that is the scheduler's. Nothing here looks into a payload.
//!
//! Times are passed in, so that tests need no clock.

pub mod contract;
mod crons;
mod error;
mod model;
mod objects;
mod published;
mod queues;
mod sessions;
pub mod sqlite;
mod usage;
mod volumes;

pub use crons::*;
pub use error::StoreError;
pub use model::*;
pub use objects::*;
pub use published::*;
pub use queues::*;
pub use sessions::*;
pub use usage::*;
pub use volumes::*;

use async_trait::async_trait;
use picloud_types::{
    AccountId, ApiKey, Hash, Jid, JidSet, ObjectKey, SpecId, Stream, Timestamp, WorkerId,
    api::volumes::Volume,
};
use std::collections::BTreeMap;

/// Result of every verb.
pub type Result<T> = std::result::Result<T, StoreError>;

/// See the module's documentation. Every verb that names an account sees only that account's
/// things; another's are as absent as those that never were.
#[async_trait]
pub trait Store: QueueStore + SessionStore + PublishedStore + CronStore {
    // Settings of the installation.

    /// The value under `name`, after storing `value` there if there was none. Used for secrets
    /// made once, such as the key that signs job tokens.
    async fn setting_get_or_insert(&self, name: &str, value: &str) -> Result<String>;

    // Accounts and keys.

    /// Makes an account. A name in use is `Conflict`.
    async fn account_create(&self, name: &str, admin: bool, now: Timestamp) -> Result<Account>;
    /// All accounts, by id.
    async fn account_list(&self) -> Result<Vec<Account>>;
    /// One account.
    async fn account_find(&self, account: AccountId) -> Result<Option<Account>>;
    /// Makes a key whose secret has this SHA-256. (Secrets are 256 random bits: a slow hash adds nothing.)
    async fn key_create(
        &self,
        account: AccountId,
        secret_hash: Hash,
        note: &str,
        now: Timestamp,
    ) -> Result<Key>;
    /// The key with this number, active or not.
    async fn key_find(&self, key: ApiKey) -> Result<Option<Key>>;
    /// Keys of an account, oldest first.
    async fn key_list(&self, account: AccountId) -> Result<Vec<Key>>;
    /// Switches a key on or off; `NotFound` if the account has no such key.
    async fn key_set_active(&self, account: AccountId, key: ApiKey, active: bool) -> Result<()>;

    // Making jobs.

    /// Makes the jobs of one request, all or none, and everything they need: the spec (shared
    /// with equal ones of the account), the gate of their dependencies, references to blobs.
    ///
    /// - A `key` seen before answers what the first request answered and changes nothing. The
    ///   same key with another number of jobs is `Conflict`.
    /// - The first part of a map reserves `total` consecutive ids; a later part must lie in a
    ///   reservation of the same account, and ids that exist already are left as they are.
    /// - A blob that a payload names and the account lacks is `BlobMissing`; nothing is made.
    /// - Dependencies that are unknown are `JobUnknown`. Those finished are weighed at once:
    ///   without open ones the jobs start `queued`, or `stalled` where one failed under `Abort`.
    async fn job_submit(&self, submission: Submission) -> Result<Submitted>;

    // Handing jobs out.

    /// What is queued: per account, class and priority, the number of jobs (counted up to
    /// `count_cap`) and the oldest one. Empty groups are not listed.
    async fn backlog(&self, count_cap: u32) -> Result<Vec<Backlog>>;
    /// Takes queued jobs for a worker, oldest first, up to each pick's `limit`: they become
    /// `claimed`, their attempt grows by one. Guarded by the state: of two claims of one job one gets it.
    /// A worker that is not alive gets `WorkerUnknown`. Need not survive a loss of power:
    /// a restart voids it.
    async fn job_claim(
        &self,
        worker: WorkerId,
        picks: Vec<Pick>,
        now: Timestamp,
    ) -> Result<Claimed>;
    /// Applies a worker's report in one transaction; what each part does is said at `Report`.
    /// Attempts that do not match (another attempt, another worker, ended) are refused and
    /// change nothing. A report whose results name missing blobs is `BlobMissing`.
    /// An end resolves dependents in the same transaction, through any number of generations.
    async fn job_report(
        &self,
        worker: WorkerId,
        report: Report,
        now: Timestamp,
    ) -> Result<Reported>;

    // Workers and leases.

    /// Begins a worker's life, leased until `lease_until`. Lives with the same name are ended first, as by `worker_end`.
    async fn worker_register(
        &self,
        worker: WorkerNew,
        lease_until: Timestamp,
        now: Timestamp,
    ) -> Result<WorkerRegistered>;
    /// Extends leases; returns those of `workers` that are not alive any more. Need not survive a loss of power.
    async fn worker_renew(
        &self,
        workers: Vec<WorkerId>,
        lease_until: Timestamp,
    ) -> Result<Vec<WorkerId>>;
    /// Ends one life. Its jobs go back to the queue; those that are to be killed become `killed`,
    /// those that are claimed or processing and not restartable become `error` (`WorkerLost`).
    async fn worker_end(&self, worker: WorkerId, now: Timestamp) -> Result<Ended>;
    /// Ends every life whose lease ran out before `now`.
    async fn worker_expire(&self, now: Timestamp) -> Result<Ended>;
    /// Workers alive, and those that ended after `since`.
    async fn worker_list(&self, since: Timestamp) -> Result<Vec<Worker>>;
    /// Kills a worker has not acknowledged: jobs claimed or processing on it with a kill request.
    async fn worker_kills(&self, worker: WorkerId) -> Result<Vec<AttemptOf>>;

    /// Jobs claimed or processing on a worker: what it should hold.
    async fn worker_holds(&self, worker: WorkerId) -> Result<Vec<AttemptOf>>;

    /// Whether any of those is the account's.
    async fn worker_serves(&self, worker: WorkerId, account: AccountId) -> Result<bool>;

    // Ending and removing jobs.

    /// Kills unfinished jobs (`None`: all of the account). Waiting and queued ones become
    /// `killed` here and now, with their dependents resolved. Claimed and processing ones get a
    /// kill request and are returned, so that the caller can wait for their workers: they can
    /// never be queued again. Unknown ids are `JobUnknown` and nothing changes. Very many jobs may
    /// take several transactions, so that others need not wait for all of them.
    async fn job_kill(
        &self,
        account: AccountId,
        jids: Option<JidSet>,
        now: Timestamp,
    ) -> Result<Kill>;
    /// Removes finished jobs and everything that belongs to them: results, output, samples, references
    /// to blobs and, after the last job, specs. What they cost stays in the ledger. One that is unfinished is `NotFinished`, an unknown one
    /// `JobUnknown`; then nothing changes. At most 10,000 a call; the caller splits.
    async fn job_delete(&self, account: AccountId, jids: JidSet) -> Result<u64>;

    // Looking at jobs.

    /// Statuses in the order asked, equal neighbours joined. Unknown ids are `JobUnknown` with the first one.
    async fn job_statuses(&self, account: AccountId, jids: JidSet) -> Result<Vec<StatusRun>>;
    /// How many have not ended, how many of those are queued, which failed first. `JobUnknown` as above.
    async fn job_progress(&self, account: AccountId, jids: JidSet) -> Result<Progress>;
    /// Those of `jids` that have ended, in the order asked, at most `limit`.
    async fn job_finished(&self, account: AccountId, jids: JidSet, limit: u64) -> Result<JidSet>;
    /// Results from the start of the list up to the first unfinished job, at most `max_count`
    /// of them and about `max_bytes` of inline payloads. What it returns is on disk.
    async fn job_results(
        &self,
        account: AccountId,
        jids: JidSet,
        max_count: u64,
        max_bytes: u64,
    ) -> Result<Vec<JobResult>>;
    /// Rows with specs, at most 1,000 jobs, `JobUnknown` for a missing one. `outcome` is filled for finished jobs.
    async fn job_find(&self, account: AccountId, jids: JidSet) -> Result<Vec<JobDetail>>;
    /// The function and argument payloads of one job.
    async fn job_pickles(
        &self,
        account: AccountId,
        jid: Jid,
    ) -> Result<(picloud_types::Payload, picloud_types::Payload)>;
    /// A page of jobs, newest first, at most `limit`. It comes in bounded time however many jobs there are: where
    /// those asked for are rare it may have fewer, even none, and say where to go on.
    async fn job_list(&self, account: AccountId, filter: JobFilter, limit: u32) -> Result<JobPage>;
    /// Jobs per state over all accounts, for metrics.
    async fn job_counts(&self) -> Result<Vec<(picloud_types::JobState, u64)>>;
    /// The attempt's account, if the job is claimed or processing in exactly this attempt: what makes a job token good.
    async fn attempt_alive(
        &self,
        jid: Jid,
        attempt: picloud_types::Attempt,
    ) -> Result<Option<AccountId>>;
    /// Specs by id, for workers.
    async fn spec_get(&self, specs: Vec<SpecId>) -> Result<Vec<SpecRow>>;

    // Output.

    /// Bytes of a stream from `offset` on, at most `limit`. Where the middle was dropped the
    /// answer begins later than asked and says so.
    async fn output_read(
        &self,
        account: AccountId,
        jid: Jid,
        stream: Stream,
        offset: u64,
        limit: u64,
    ) -> Result<OutputSlice>;
    /// The last `limit` bytes of every stream.
    async fn output_tails(
        &self,
        account: AccountId,
        jid: Jid,
        limit: u64,
    ) -> Result<Vec<(Stream, Vec<u8>)>>;

    // What jobs use and cost.

    /// Samples of the last attempt, oldest first: those of seconds after `after`, at most `limit`.
    async fn series_read(
        &self,
        account: AccountId,
        jid: Jid,
        after: Option<u32>,
        limit: u32,
    ) -> Result<Series>;
    /// Those of `jids` that run now and of which samples or ports came; others are left out.
    async fn job_live(&self, account: AccountId, jids: JidSet) -> Result<BTreeMap<Jid, JobLive>>;
    /// Sums over the ledger, by day where days are kept apart, then largest cost first. With
    /// nothing kept apart that is one row.
    async fn usage_read(&self, filter: UsageFilter) -> Result<Vec<UsageSums>>;

    // Blobs: what is stored where is the blob crate's; here is who owns and who needs it.

    /// Those of `hashes` the account lacks. The others are kept until `keep_until` at least.
    async fn blob_missing(
        &self,
        account: AccountId,
        hashes: Vec<Hash>,
        keep_until: Timestamp,
    ) -> Result<Vec<Hash>>;
    /// Records blobs that are now in the blob store, kept until `keep_until` at least.
    async fn blob_add(
        &self,
        account: AccountId,
        blobs: Vec<(Hash, u64)>,
        keep_until: Timestamp,
    ) -> Result<()>;
    /// Size of the account's blob.
    async fn blob_size(&self, account: AccountId, hash: Hash) -> Result<Option<u64>>;
    /// Those of `hashes` that are no blobs of the account.
    async fn blob_unknown(&self, account: AccountId, hashes: Vec<Hash>) -> Result<Vec<Hash>>;
    /// Forgets up to `limit` blobs that nothing refers to and whose time is over, and returns
    /// them so that the caller removes the files.
    async fn blob_sweep(&self, now: Timestamp, limit: u32) -> Result<Vec<(AccountId, Hash)>>;

    // Objects: names for blobs. Those of an account are its bucket.

    /// Stores objects whose contents are in the blob store, all or none. One that is there is
    /// replaced: it keeps when it was made, whether it is public, and its headers, and with the same
    /// content its MD5, if none is given. If objects and
    /// volumes together grow beyond `quota_bytes`, that is `QuotaExceeded` and nothing changes.
    async fn object_put(
        &self,
        account: AccountId,
        objects: Vec<ObjectNew>,
        quota_bytes: Option<u64>,
        now: Timestamp,
    ) -> Result<Vec<Object>>;
    /// Notes down the MD5 of a content for all objects of the account that have it and lack theirs.
    async fn object_md5_put(&self, account: AccountId, hash: Hash, md5: [u8; 16]) -> Result<()>;
    /// The objects with these keys, in the order asked; none for a key without one. What it returns is on disk.
    async fn object_find(
        &self,
        account: AccountId,
        keys: Vec<ObjectKey>,
    ) -> Result<Vec<Option<Object>>>;
    /// A page of objects and folders, in the order of the bytes of their names, at most `limit`.
    async fn object_list(
        &self,
        account: AccountId,
        filter: ObjectFilter,
        limit: u32,
    ) -> Result<ObjectPage>;
    /// Removes objects; returns how many there were.
    async fn object_remove(&self, account: AccountId, keys: Vec<ObjectKey>) -> Result<u64>;
    /// Removes the first objects whose keys begin with `prefix`, at most `limit`, so that others
    /// need not wait for all of them; returns how many there were.
    async fn object_remove_prefix(
        &self,
        account: AccountId,
        prefix: &str,
        limit: u32,
    ) -> Result<u64>;
    /// Gives one object another key; whatever has that key is replaced. `NotFound` without the object.
    async fn object_rename(&self, account: AccountId, from: ObjectKey, to: ObjectKey)
    -> Result<()>;
    /// Replaces `from` by `to` at the beginning of all keys that begin so, all or none; whatever
    /// has one of the new keys is replaced. More than 100,000 objects, or what would be no
    /// key, is `Conflict`. Returns how many there were.
    async fn object_rename_prefix(&self, account: AccountId, from: &str, to: &str) -> Result<u64>;
    /// Lets anybody read an object. `headers` are added to those it has, or with `reset_headers` replace them.
    async fn object_publish(
        &self,
        account: AccountId,
        key: ObjectKey,
        content_type: Option<String>,
        headers: BTreeMap<String, String>,
        reset_headers: bool,
    ) -> Result<Object>;
    /// Only the account may read it from now on.
    async fn object_unpublish(&self, account: AccountId, key: ObjectKey) -> Result<Object>;
    /// How many objects there are, and their bytes and those in volumes.
    async fn bucket_sums(&self, account: AccountId) -> Result<BucketSums>;
    /// The name of the folder of the account's public objects: `folder`, if it had none so far.
    async fn bucket_folder(&self, account: AccountId, folder: &str) -> Result<String>;
    /// The account whose folder has this name.
    async fn bucket_by_folder(&self, folder: &str) -> Result<Option<AccountId>>;

    // Volumes: names for trees of files.

    /// Makes an empty volume. A name in use is `Conflict`.
    async fn volume_create(
        &self,
        account: AccountId,
        new: VolumeNew,
        now: Timestamp,
    ) -> Result<Volume>;
    /// Volumes of an account, in the order of the bytes of their names.
    async fn volume_list(&self, account: AccountId) -> Result<Vec<Volume>>;
    /// The volumes with these names, in the order asked; none for a name without one.
    async fn volume_find(
        &self,
        account: AccountId,
        names: Vec<String>,
    ) -> Result<Vec<Option<Volume>>>;
    /// Removes a volume, which no longer needs its blobs. `NotFound` without it.
    async fn volume_delete(&self, account: AccountId, name: &str) -> Result<()>;
    /// The volume is another tree from now on, and needs its blobs; those of the old one are kept
    /// until `keep_until` at least. One that is that tree already stays as it is.
    ///
    /// - A volume that is not `base`, or no longer, is `Conflict`; one that does not exist is `NotFound`.
    /// - A blob that the account lacks, or has in another size, is `BlobMissing`; nothing changes.
    /// - If objects and volumes together grow beyond the quota, that is `QuotaExceeded`; nothing changes.
    async fn volume_tree_put(&self, new: TreeNew) -> Result<Volume>;

    // Housekeeping.

    /// Forgets submission keys older than `before`, maps that got no part since (a later one is
    /// `Conflict`), and workers ended before then.
    async fn housekeep(&self, before: Timestamp) -> Result<()>;
    /// Answers once everything committed so far is on disk, having proved that a write goes through.
    async fn ping(&self) -> Result<()>;
    /// Finishes what is under way and closes the files. Later calls are `Closed`.
    async fn close(&self);
}
