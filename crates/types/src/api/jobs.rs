//! Making, listing, waiting for, killing and deleting jobs.

use crate::{Jid, JidSet, JobSpec, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Header of the framed `POST /v1/jobs`.
///
/// Frames that follow: one payload with the function, then one payload with the pickled
/// `(args, kwargs)` of each job. At most `JOBS_PER_REQUEST` jobs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitHeader {
    pub spec: JobSpec,
    /// How many argument frames follow.
    pub count: usize,
    /// Makes a repeated request harmless: the first one's jobs are answered again. A random
    /// text of 16 to 64 letters, digits and `-`, remembered for a day.
    pub key: String,
    /// Jobs that must have ended first.
    #[serde(default)]
    pub depends_on: JidSet,
    /// Set when the request is a part of a map.
    #[serde(default)]
    pub map: Option<MapPart>,
}

/// Which part of a map a request brings.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MapPart {
    /// Jobs of the whole map; the first part reserves that many consecutive ids.
    pub total: u64,
    /// Where this part begins within the map.
    pub offset: u64,
    /// First id of the map, as the reply to the first part said; none in the first part.
    #[serde(default)]
    pub first_jid: Option<Jid>,
}

/// The readable alternative to the framed body of `POST /v1/jobs`, `Content-Type: application/json`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SubmitJson {
    pub spec: JobSpec,
    /// As in `SubmitHeader`; one is made up where it is missing.
    #[serde(default)]
    pub key: Option<String>,
    #[serde(default)]
    pub depends_on: JidSet,
    /// The pickled function, base64.
    pub function: String,
    /// The pickled `(args, kwargs)` of each job, base64.
    pub args: Vec<String>,
}

/// Reply to a submission. All of it is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Submitted {
    /// First id of the request's jobs (of the map's, for a part of a map).
    pub first_jid: Jid,
    /// Jobs made by this request.
    pub count: u64,
}

/// Body of requests about some jobs.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JidsRequest {
    pub jids: JidSet,
}

/// Reply to `POST /v1/jobs/status`: runs of jobs with one status, in the order asked.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Statuses {
    pub statuses: Vec<StatusRun>,
}

/// Consecutive jobs of one status.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusRun {
    pub jids: JidSet,
    /// waiting, queued, processing, done, error, killed or stalled.
    pub status: String,
}

/// When a wait is over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitFor {
    /// All have ended.
    All,
    /// All have ended, or one has failed.
    #[default]
    AllOrFailure,
    /// At least one has ended.
    Any,
}

/// `POST /v1/jobs/wait`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct WaitRequest {
    pub jids: JidSet,
    #[serde(default)]
    pub until: WaitFor,
    /// At most 60,000. The reply comes when the wait is over, or then.
    #[serde(default)]
    pub timeout_ms: u64,
}

/// Reply to a wait.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct WaitReply {
    /// Jobs of the request that have not ended.
    pub unfinished: u64,
    /// Of those, how many are still queued (for dead-lock detection).
    pub queued: u64,
    /// Those that have ended, when `until` is `any`; empty otherwise.
    pub finished: JidSet,
    /// The smallest id among those that failed.
    pub first_failed: Option<Jid>,
    /// Whether what was waited for has come.
    pub ready: bool,
}

/// `POST /v1/jobs/kill`. Either `jids` or `all`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KillRequest {
    #[serde(default)]
    pub jids: JidSet,
    /// Every unfinished job of the account.
    #[serde(default)]
    pub all: bool,
}

/// Reply to a kill: from now on no attempt of these jobs starts.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Killed {
    /// Jobs that this request ended or is ending; finished ones are not counted.
    pub killed: u64,
}

/// Reply to `POST /v1/jobs/delete`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Deleted {
    pub deleted: u64,
}

/// Query of `GET /v1/jobs`. Newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct ListQuery {
    /// Only jobs with one of these statuses: names with commas between.
    #[serde(default)]
    pub status: Option<String>,
    /// Only jobs with exactly this label.
    #[serde(default)]
    pub label: Option<String>,
    /// Only jobs of functions with exactly this name.
    #[serde(default)]
    pub function: Option<String>,
    /// Only jobs that handle the messages of this queue.
    #[serde(default)]
    pub queue: Option<String>,
    /// Only jobs for cores of this type.
    #[serde(default)]
    pub core_type: Option<String>,
    /// Only jobs made by this job.
    #[serde(default)]
    pub parent: Option<i64>,
    /// Only jobs of the map that begins with this job.
    #[serde(default)]
    pub map: Option<i64>,
    /// Only jobs made then or later, and only those made before, in milliseconds since 1970.
    #[serde(default)]
    pub created_from: Option<i64>,
    #[serde(default)]
    pub created_until: Option<i64>,
    /// Only jobs with this in their function's name, their label or, from three characters on, what
    /// went wrong. Upper and lower case are the same.
    #[serde(default)]
    pub text: Option<String>,
    /// One row for each map that has such jobs, that of its newest one; jobs of no map as always.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub grouped: bool,
    /// Only jobs with smaller ids: the `next` of the page before.
    #[serde(default)]
    pub before: Option<i64>,
    /// 1 to 1,000; 100 when missing.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// One line of the job list.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct JobRow {
    pub jid: Jid,
    pub status: String,
    pub function: String,
    pub label: Option<String>,
    /// The queue whose messages it handles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<crate::QueueName>,
    pub core_type: String,
    pub cores: u32,
    pub priority: i32,
    pub attempt: u32,
    pub parent_jid: Option<Jid>,
    pub created: Timestamp,
    pub started: Option<Timestamp>,
    pub finished: Option<Timestamp>,
    pub runtime_ms: Option<f64>,
    /// Processor time in user mode and in the kernel, once it has ended.
    #[serde(default)]
    pub cpu_user_ms: Option<f64>,
    #[serde(default)]
    pub cpu_system_ms: Option<f64>,
    /// What it cost, in the installation's currency, once it has ended.
    #[serde(default)]
    pub cost: Option<f64>,
    /// The map it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<MapRow>,
    /// The most memory seen in use, and allocations that failed, once it has ended.
    #[serde(default)]
    pub memory_peak_bytes: Option<u64>,
    #[serde(default)]
    pub memory_failures: Option<u64>,
    /// First line of what went wrong.
    pub error: Option<String>,
}

/// The map a job is part of: consecutive ids.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct MapRow {
    pub first: Jid,
    /// Ids from `first` on. Some of their jobs may not be there yet, or deleted.
    pub count: u64,
    /// How many of its jobs have which status; only in grouped lists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub statuses: Option<std::collections::BTreeMap<String, u64>>,
}

/// Reply to `GET /v1/jobs`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JobList {
    pub jobs: Vec<JobRow>,
    /// `before` of the next page; none when nothing older is left to look at. A page may have fewer jobs than
    /// asked, even none, and a `next`: an answer does not take long, so a search for something rare comes in parts.
    pub next: Option<i64>,
}
