//! What goes into the store's verbs and what comes out.

use crate::Prices;
use picloud_types::{
    AccountId, ApiKey, Attempt, ClassId, Failure, Hash, Jid, JidSet, JobSpec, JobState, Outcome,
    Payload, Port, QueueId, QueueName, Sample, SpecId, Stream, Timestamp, Usage, WorkerId,
    api::workers::{Confinement, WorkerPython},
    spec::Requirements,
};
use std::sync::Arc;

/// What a transaction did that others should know of at once, before it is on disk: a job may
/// start while its submission is being synced, since a crash only re-runs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Jobs became queued, so that the scheduler should look.
    pub queued: bool,
    /// Queues that got messages which can be taken, each once.
    pub queues: Vec<QueueId>,
}

/// Called by a store right after such a transaction, on its own thread: it must not block.
pub type OnCommit = Arc<dyn Fn(Committed) + Send + Sync>;

/// An owner of jobs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    pub id: AccountId,
    pub name: String,
    pub admin: bool,
    pub created: Timestamp,
}

/// An API key. Only the hash of its secret is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    pub key: ApiKey,
    pub account: AccountId,
    pub secret_hash: Hash,
    pub active: bool,
    pub note: String,
    pub created: Timestamp,
}

/// One submission request.
#[derive(Clone, Debug)]
pub struct Submission {
    pub account: AccountId,
    pub key: String,
    pub spec: JobSpec,
    pub function: Payload,
    /// Arguments, one per job.
    pub args: Vec<Payload>,
    pub depends_on: JidSet,
    pub parent: Option<Jid>,
    /// First id as in `MapPart`, when the request is part of a map.
    pub map: Option<MapPart>,
    /// Further blobs of the account that the spec needs: the code manifest and its files.
    pub blobs: Vec<Hash>,
    pub now: Timestamp,
}

/// Which part of a map a submission is.
#[derive(Clone, Debug)]
pub struct MapPart {
    pub total: u64,
    pub offset: u64,
    pub first_jid: Option<Jid>,
}

/// What a submission made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// First id of the request's jobs, or of the whole map.
    pub first_jid: Jid,
    pub count: u64,
    /// Whether some of them are queued, so that the scheduler should look.
    pub queued: bool,
}

/// Queued jobs that are alike to the scheduler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Backlog {
    pub account: AccountId,
    pub class: ClassId,
    pub requirements: Requirements,
    pub priority: i32,
    /// At most the cap that was asked for.
    pub count: u32,
    pub oldest: Jid,
    /// Jobs of the account now claimed or processing, in whatever class: for fair shares.
    pub running: u64,
}

/// "Take up to `limit` of these."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pick {
    pub account: AccountId,
    pub class: ClassId,
    pub priority: i32,
    pub limit: u32,
}

/// Jobs taken, with the specs they refer to.
#[derive(Clone, Debug, Default)]
pub struct Claimed {
    pub jobs: Vec<ClaimedJob>,
    pub specs: Vec<SpecRow>,
}

/// One job taken.
#[derive(Clone, Debug)]
pub struct ClaimedJob {
    pub jid: Jid,
    pub attempt: Attempt,
    pub account: AccountId,
    pub spec: SpecId,
    pub args: Payload,
}

/// A stored spec.
#[derive(Clone, Debug)]
pub struct SpecRow {
    pub id: SpecId,
    pub account: AccountId,
    pub class: ClassId,
    pub spec: JobSpec,
    pub function: Payload,
}

/// What a worker says happened, applied in the order of the fields.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// `claimed` becomes `processing`.
    pub started: Vec<Started>,
    /// Appended to the job's streams. The middle of a stream that grows beyond its limit is dropped.
    pub output: Vec<Output>,
    /// Added to the attempt's series, which is thinned as it grows: of every `usage::grain` seconds
    /// one sample stays. One that is not later than the last one adds nothing.
    pub samples: Vec<(AttemptOf, Sample)>,
    /// Replace what the attempt listened on.
    pub ports: Vec<(AttemptOf, Vec<Port>)>,
    /// `claimed` or `processing` becomes the outcome's state; what the job costs is kept with
    /// it and added to the ledger.
    pub finished: Vec<Finished>,
    /// `claimed` or `processing` becomes `queued` again, or `killed` if a kill was requested. (A worker
    /// infers starts from time; that it takes one back is the better knowledge.)
    pub returned: Vec<AttemptOf>,
    /// The kill request is acknowledged: `worker_kills` no longer lists it.
    pub kills_seen: Vec<AttemptOf>,
    /// What core time costs now.
    pub prices: Arc<Prices>,
}

/// One attempt of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct AttemptOf {
    pub jid: Jid,
    pub attempt: Attempt,
}

/// A job began.
#[derive(Clone, Copy, Debug)]
pub struct Started {
    pub of: AttemptOf,
    pub at: Timestamp,
}

/// A piece of output.
#[derive(Clone, Debug)]
pub struct Output {
    pub of: AttemptOf,
    pub stream: Stream,
    /// Position within what this attempt wrote; bytes already stored are skipped.
    pub offset: u64,
    pub bytes: bytes::Bytes,
}

/// A job ended.
#[derive(Clone, Debug)]
pub struct Finished {
    pub of: AttemptOf,
    pub outcome: Outcome,
    pub started: Timestamp,
    pub finished: Timestamp,
    pub usage: Usage,
    pub profile: Option<String>,
}

/// What a report changed.
#[derive(Clone, Debug, Default)]
pub struct Reported {
    pub refused: Vec<AttemptOf>,
    /// Jobs that ended, with those stalled or killed as a consequence: whom waiters wait for.
    pub ended: Vec<(AccountId, Jid)>,
    /// Whether some job became queued.
    pub queued: bool,
    /// Milliseconds of core time that were added to the ledger.
    pub core_ms: u64,
    /// Samples that were new.
    pub samples: u64,
}

/// A worker that introduces itself.
#[derive(Clone, Debug)]
pub struct WorkerNew {
    pub name: String,
    pub hostname: String,
    pub version: String,
    pub cpus: u32,
    pub compute_units: f64,
    pub memory_bytes: u64,
    pub pythons: Vec<WorkerPython>,
    pub confinement: Confinement,
    /// Size of its pool of source addresses; none without one.
    pub source_ips: Option<u32>,
}

/// The new life, and what ending earlier ones did.
#[derive(Clone, Debug)]
pub struct WorkerRegistered {
    pub worker: WorkerId,
    pub ended: Ended,
}

/// What the end of workers did to their jobs.
#[derive(Clone, Debug, Default)]
pub struct Ended {
    pub workers: Vec<WorkerId>,
    pub requeued: Vec<Jid>,
    /// Jobs that ended by it, with consequences.
    pub ended: Vec<(AccountId, Jid)>,
}

/// One life of a worker. (Interpreters found later are kept by the server while the worker is connected.)
#[derive(Clone, Debug)]
pub struct Worker {
    pub id: WorkerId,
    pub about: WorkerNew,
    pub lease_until: Timestamp,
    pub started: Timestamp,
    pub ended: Option<Timestamp>,
    /// Jobs claimed or processing.
    pub running: u64,
}

/// What a kill did.
#[derive(Clone, Debug, Default)]
pub struct Kill {
    /// Ended here and now, with consequences.
    pub ended: Vec<(AccountId, Jid)>,
    /// Jobs the request killed directly, ended or running.
    pub killed: u64,
    /// Still with a worker.
    pub running: Vec<(AttemptOf, WorkerId)>,
    pub queued: bool,
}

/// Consecutive jobs of one state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusRun {
    pub jids: JidSet,
    pub state: JobState,
}

/// How far a set of jobs is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub unfinished: u64,
    /// Of those, queued or claimed.
    pub queued: u64,
    pub first_failed: Option<Jid>,
}

/// The end of one job, as a waiter wants it.
#[derive(Clone, Debug)]
pub struct JobResult {
    pub jid: Jid,
    pub state: JobState,
    pub failure: Option<Failure>,
    pub payload: Payload,
}

/// Everything about a job but its pickles and its output.
#[derive(Clone, Debug)]
pub struct JobDetail {
    pub jid: Jid,
    pub state: JobState,
    pub attempt: Attempt,
    pub spec: Arc<JobSpec>,
    pub created: Timestamp,
    pub started: Option<Timestamp>,
    pub finished: Option<Timestamp>,
    pub usage: Usage,
    /// Core time and what it cost; none for a job that has not ended, or ended without having run.
    pub core_ms: Option<u64>,
    pub cost_pico: Option<u64>,
    pub parent: Option<Jid>,
    pub map: Option<JobMap>,
    /// What it was to wait for when it was made. Filled by `job_find` only.
    pub depends_on: JidSet,
    /// The last 100 earlier attempts, oldest first. Filled by `job_find` only.
    pub past_attempts: Vec<AttemptPast>,
    pub worker: Option<WorkerId>,
    /// None once the worker is forgotten.
    pub worker_about: Option<WorkerAbout>,
    pub kill_requested: bool,
    pub failure: Option<Failure>,
    pub profile: Option<String>,
    /// The open dependencies, at most ten of them, while it waits.
    pub waits_for: Vec<Jid>,
}

/// What a reader of a job is told about its worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerAbout {
    pub name: String,
    pub hostname: String,
    pub confinement: Confinement,
}

/// Which jobs to list.
#[derive(Clone, Debug, Default)]
pub struct JobFilter {
    /// States that count; empty for all.
    pub states: Vec<JobState>,
    pub label: Option<String>,
    pub function: Option<String>,
    /// Whose messages they handle.
    pub queue: Option<QueueName>,
    pub core_type: Option<String>,
    pub parent: Option<Jid>,
    /// First job of a map.
    pub map: Option<Jid>,
    /// Made then or later.
    pub created_from: Option<Timestamp>,
    /// Made before.
    pub created_until: Option<Timestamp>,
    /// Is in the function's name, the label or the error.
    pub text: Option<String>,
    /// One row a map, with its statuses.
    pub grouped: bool,
    pub before: Option<Jid>,
}

/// A page of jobs.
#[derive(Clone, Debug, Default)]
pub struct JobPage {
    pub jobs: Vec<JobDetail>,
    /// Where to go on; none when all has been looked at.
    pub next: Option<Jid>,
}

/// The map a job is part of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobMap {
    pub first: Jid,
    pub count: u64,
    /// Jobs by state, in grouped lists only.
    pub states: Option<Vec<(JobState, u64)>>,
}

/// An attempt that began and did not end its job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptPast {
    pub attempt: Attempt,
    pub worker_name: Option<String>,
    pub started: Option<Timestamp>,
    pub ended: Timestamp,
    /// Why: the worker was lost (or stopped), or gave it back.
    pub because: AttemptEnd,
}

/// Why an attempt ended without its job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttemptEnd {
    /// The worker's life ended, or its lease ran out.
    WorkerEnded,
    /// The worker gave it back.
    GivenBack,
}

/// A part of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct OutputSlice {
    /// Position of the first byte; later than asked where bytes were dropped.
    pub offset: u64,
    pub bytes: Vec<u8>,
    /// Length of the whole stream, dropped bytes included.
    pub total: u64,
    /// The job has ended, so that no more will come.
    pub finished: bool,
}
