//! How a worker talks to the server. Workers dial in and authenticate with the worker token
//! (`Authorization: Bearer`), so they work behind NAT; there is no other protocol.
//!
//! `hello`, then two loops: `pull` hangs until there is work or news, `report` brings back
//! what happened. Every contact renews the lease. A worker that gets `worker_unknown` has lost
//! its lease: it ends what it runs and says `hello` again.

use crate::{
    AccountId, Attempt, Failure, Hash, Jid, JobSpec, JobState, Port, Sample, SpecId, Stream,
    Timestamp, Usage, WorkerId, api::service::Package,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/workers/hello`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Hello {
    /// Stable name of the machine's worker. An earlier life with the same name is over at once.
    pub name: String,
    pub hostname: String,
    pub version: String,
    /// Hardware threads.
    pub cpus: u32,
    /// Compute units offered.
    pub compute_units: f64,
    pub memory_bytes: u64,
    pub pythons: Vec<WorkerPython>,
    /// How it keeps jobs apart.
    #[serde(default)]
    pub confinement: Confinement,
    /// Source addresses it can give to jobs of a core type that asks for one of its own; none
    /// where it has no pool, so that such jobs share its own address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ips: Option<u32>,
}

/// What stands between a job and the machine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Confinement {
    #[serde(default)]
    pub isolation: Isolation,
    #[serde(default)]
    pub limits: Limits,
}

/// What a job can see and touch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// Namespaces of its own and a user that owns nothing.
    Sandbox,
    /// The same, made without being root: on disk it is the worker's user.
    RootlessSandbox,
    /// A plain process of the worker's user: it can do what the worker can.
    #[default]
    Process,
}

impl Isolation {
    /// Whether a stranger's job would be safe there.
    pub fn is_sandbox(self) -> bool {
        self != Self::Process
    }
}

/// What holds a job to its share.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Limits {
    Cgroup2,
    Cgroup1,
    /// Limits of single processes only: the processes of one job together may use more memory
    /// than granted, and processor time is shared evenly.
    #[default]
    Process,
}

/// One interpreter of a worker.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct WorkerPython {
    /// Minor version, `3.11`.
    pub version: String,
    /// Full version, `3.11.7`.
    pub full_version: String,
    pub executable: String,
    /// Empty while they are not known yet; every interpreter that runs jobs has some.
    #[serde(default)]
    pub packages: Vec<Package>,
}

/// Reply to `hello`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Welcome {
    pub worker: WorkerId,
    /// Without contact for this long, the worker's jobs are given to others.
    pub lease_ms: u64,
    /// Most bytes of one result.
    pub payload_max_bytes: u64,
}

/// `PUT /v1/workers/{id}/pythons`: found after `hello`; replaces the list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PythonsUpdate {
    pub pythons: Vec<WorkerPython>,
}

/// `POST /v1/workers/{id}/pull`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PullRequest {
    /// Compute units not in use.
    pub free_units: f64,
    /// Memory not promised to a job.
    pub free_memory_bytes: u64,
    /// Short restartable jobs it takes beyond what runs at once.
    #[serde(default)]
    pub prefetch: u32,
    /// Source addresses not in use, where it has a pool.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub free_source_ips: Option<u32>,
    /// Hang this long when there is nothing, at most 60,000.
    #[serde(default)]
    pub wait_ms: u64,
}

/// Header of the reply to `pull`. Frames that follow: the function payload of each of `specs`,
/// then the argument payload of each of `jobs`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct PullHeader {
    pub specs: Vec<PulledSpec>,
    pub jobs: Vec<PulledJob>,
    /// Jobs of this worker that must not start, or be interrupted if they run. Acknowledge each
    /// with `kills_seen`; repeated until then.
    pub kills: Vec<AttemptRef>,
}

/// A spec that jobs of this reply refer to.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PulledSpec {
    pub id: SpecId,
    pub account: AccountId,
    pub spec: JobSpec,
    /// Compute units one such job holds.
    pub compute_units: f64,
    /// Memory one such job holds.
    pub memory_bytes: u64,
    /// Whether it is to have a source address of its own.
    #[serde(default)]
    pub own_ip: bool,
    /// What to show of its volumes, as they are at this moment.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub mounts: Vec<Mount>,
}

/// A volume shown to a job, read-only.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Mount {
    pub volume: String,
    pub mount_path: String,
    /// Its manifest; none while it is empty.
    pub tree: Option<Hash>,
}

/// A job to run.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PulledJob {
    pub jid: Jid,
    pub attempt: Attempt,
    pub spec: SpecId,
    /// Password with which the job itself may call the API, good while this attempt lives. The
    /// user name is `job-ACCOUNT-JID-ATTEMPT`.
    pub token: String,
}

/// One attempt of one job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
pub struct AttemptRef {
    pub jid: Jid,
    pub attempt: Attempt,
}

/// Header of the framed `POST /v1/workers/{id}/report`. Frames that follow: the payload of each
/// of `finished`, then the bytes of each of `output`. Applied in one transaction, in this order:
/// started, output, samples, ports, finished, returned. Repeating a report is harmless.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReportHeader {
    #[serde(default)]
    pub started: Vec<StartedReport>,
    #[serde(default)]
    pub finished: Vec<FinishedReport>,
    /// Never started here; give them to somebody else.
    #[serde(default)]
    pub returned: Vec<AttemptRef>,
    #[serde(default)]
    pub output: Vec<OutputReport>,
    /// What jobs that run longer than a second use, about one sample a second.
    #[serde(default)]
    pub samples: Vec<SampleReport>,
    /// Ports, of jobs for which they changed.
    #[serde(default)]
    pub ports: Vec<PortsReport>,
    /// Kills received: the job will not start here, or is being interrupted.
    #[serde(default)]
    pub kills_seen: Vec<AttemptRef>,
}

/// A job began.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct StartedReport {
    pub jid: Jid,
    pub attempt: Attempt,
    pub at: Timestamp,
}

/// A job ended.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct FinishedReport {
    pub jid: Jid,
    pub attempt: Attempt,
    /// Done, Error or Killed.
    pub state: JobState,
    pub started: Timestamp,
    pub finished: Timestamp,
    #[serde(default)]
    pub usage: Usage,
    #[serde(default)]
    pub failure: Option<Failure>,
    #[serde(default)]
    pub profile: Option<String>,
}

/// Something a job said.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct OutputReport {
    pub jid: Jid,
    pub attempt: Attempt,
    pub stream: Stream,
    /// Position of the first byte in the attempt's stream, so that a repeated report adds nothing twice.
    pub offset: u64,
}

/// What a job used so far.
#[derive(Clone, Copy, Debug, Serialize, Deserialize, ToSchema)]
pub struct SampleReport {
    pub jid: Jid,
    pub attempt: Attempt,
    #[serde(flatten)]
    pub sample: Sample,
}

/// The ports a job listens on now, instead of those said before.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PortsReport {
    pub jid: Jid,
    pub attempt: Attempt,
    pub ports: Vec<Port>,
}

/// Reply to a report.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct ReportReply {
    /// Attempts whose lease is over: what they say is no longer wanted. End them.
    pub refused: Vec<AttemptRef>,
}

/// `GET /v1/workers/{id}/jobs`: what the server thinks the worker holds. A worker asks after a
/// pull of which it does not know how it ended, with none under way: attempts it never heard of
/// were lost with the answer, and it returns them with its next report.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Held {
    pub attempts: Vec<AttemptRef>,
}

/// `GET /v1/workers` (administrators).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Workers {
    pub workers: Vec<WorkerRow>,
}

/// One worker.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WorkerRow {
    pub worker: WorkerId,
    pub name: String,
    pub hostname: String,
    pub version: String,
    pub cpus: u32,
    pub compute_units: f64,
    pub memory_bytes: u64,
    pub pythons: Vec<String>,
    pub confinement: Confinement,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source_ips: Option<u32>,
    pub running: u64,
    pub last_seen: Timestamp,
    pub connected: bool,
}
