//! Everything known of a job.

use crate::{
    Failure, Jid, JidSet, JobSpec, Port, Sample, Timestamp, Usage, api::workers::Confinement,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};

/// `POST /v1/jobs/info`, at most 1,000 jobs. Fields cost what they carry; ask for those needed.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InfoRequest {
    pub jids: JidSet,
    /// Groups beyond the basic ones, which are always there.
    #[serde(default)]
    pub with: Vec<InfoPart>,
}

/// A group of fields that is sent on request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum InfoPart {
    /// The last 64,000 bytes of all five streams.
    Streams,
    /// The pickled function and arguments.
    Pickles,
    /// The profile's text.
    Profile,
}

/// Reply, by job id.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct InfoReply {
    pub info: BTreeMap<Jid, JobInfo>,
}

/// One job.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct JobInfo {
    pub jid: Jid,
    pub status: String,
    pub attempt: u32,
    pub created: Timestamp,
    pub started: Option<Timestamp>,
    pub finished: Option<Timestamp>,
    /// Wall-clock time of the function in seconds; so far, while it runs.
    pub runtime: Option<f64>,
    pub cpu_user: Option<f64>,
    pub cpu_system: Option<f64>,
    /// Everything it used; of a job that runs, what the last sample says.
    pub usage: Option<Usage>,
    /// The last sample, while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub live: Option<Live>,
    /// Milliseconds of core time: those of its run time, begun ones counted whole, times its cores.
    pub core_ms: Option<u64>,
    /// What those cost, in the installation's currency.
    pub cost: Option<f64>,
    pub parent_jid: Option<Jid>,
    /// The map it is part of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub map: Option<super::jobs::MapRow>,
    /// The jobs it was to wait for.
    #[serde(default, skip_serializing_if = "JidSet::is_empty")]
    pub depends_on: JidSet,
    /// Earlier attempts that began and did not end the job, oldest first; at most the last 100.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub earlier_attempts: Vec<AttemptEnded>,
    pub worker: Option<String>,
    /// What the worker confines it by, once one has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confinement: Option<Confinement>,
    /// Why it still waits, in words; none once it runs.
    pub waiting_because: Option<String>,
    pub failure: Option<Failure>,
    /// Every attribute given when the job was made.
    pub spec: JobSpec,
    /// Tails of the streams by name, as text; bytes that are no UTF-8 are replaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<BTreeMap<String, String>>,
    /// base64 of the pickled function, when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub function_pickle: Option<String>,
    /// base64 of the pickled `(args, kwargs)`, when it was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub args_pickle: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile: Option<String>,
    /// The same as data; none of jobs from before there was any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub profile_calls: Option<ProfileCalls>,
}

/// What a profile counted. Times in seconds.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProfileCalls {
    pub functions: Vec<ProfileFunction>,
    pub edges: Vec<ProfileEdge>,
}

/// One function.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProfileFunction {
    pub file: String,
    /// 0 for what is built in.
    pub line: u32,
    pub name: String,
    pub calls: u64,
    /// Calls that were not made from within the function itself.
    pub primitive_calls: u64,
    /// Spent in the function, without what it called.
    pub own_s: f64,
    /// Spent in the function and all it called.
    pub total_s: f64,
}

/// Calls of one function by another; both are places in `functions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct ProfileEdge {
    pub caller: u32,
    pub callee: u32,
    pub calls: u64,
    pub own_s: f64,
    pub total_s: f64,
}

/// An attempt that did not end its job.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct AttemptEnded {
    pub attempt: u32,
    /// Name of the worker.
    pub worker: Option<String>,
    pub started: Option<Timestamp>,
    pub ended: Timestamp,
    /// In words, such as "its worker was lost".
    pub because: String,
}

/// A running job at the moment of its last sample.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Live {
    pub sample: Sample,
    /// Cores busy since the sample before: 1.5 is one and a half.
    pub cpu_cores: f64,
    /// The part of it in user mode, and the part in the kernel.
    #[serde(default)]
    pub cpu_user_cores: f64,
    #[serde(default)]
    pub cpu_system_cores: f64,
    /// Ports it listens on.
    pub ports: Vec<Port>,
    /// Host on which they are.
    pub address: String,
}

/// Query of `GET /v1/jobs/{jid}/series`.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct SeriesQuery {
    /// Only samples of later seconds than this: the last one of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<u32>,
    /// 1 to 10,000; 10,000 when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
}

/// `GET /v1/jobs/{jid}/series`: samples of the last attempt, oldest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Series {
    pub attempt: u32,
    pub samples: Vec<Sample>,
    /// The job has ended, so that no more will come.
    pub finished: bool,
}

/// Data of the events `status` and `end` of `GET /v1/jobs/{jid}/events`. Those of `sample` are a
/// `Sample` each, with its second as the event's id.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct StatusEvent {
    pub status: String,
    /// A new attempt begins a new series.
    pub attempt: u32,
}
