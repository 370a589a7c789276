//! How a job ended, and why.

use crate::{JobState, Payload};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Why a job did not end with a result: the cause in a form programs can act on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Verdict {
    /// The function raised.
    Raised,
    /// The function or its arguments could not be loaded; `module` is what was missing, if that is known.
    NotLoaded { module: Option<String> },
    /// The result could not be pickled; `path` leads to the part that resists.
    ResultNotPickled { path: Option<String> },
    /// The result is larger than allowed.
    ResultTooBig { size_bytes: u64, limit_bytes: u64 },
    /// The process ended by itself with this code, as after `os._exit`.
    Exited { code: i32 },
    /// A signal ended the process.
    Signalled { signal: i32, name: String },
    /// The process closed its line to the worker.
    Disconnected,
    /// Its owner killed it.
    Killed,
    /// It ran longer than `_max_runtime`.
    TimeLimit { limit_ms: u64 },
    /// More memory than granted: the kernel ended the job, or an allocation in it was refused.
    OutOfMemory {
        /// What the job may use: memory of its core type times cores.
        limit_bytes: u64,
        /// The most that was seen in use.
        peak_bytes: u64,
        /// Allocations that failed, and processes that the kernel ended for want of memory.
        failures: u64,
        /// The cheapest core type and count of cores that would have had more than the peak.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fits: Option<CoresOf>,
    },
    /// Another limit of its sandbox: the job was ended for it, or failed at it.
    LimitReached {
        limit: ResourceLimit,
        /// The limit, in bytes or as a count.
        value: u64,
        /// What was in use when it was noticed, where that is known.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        used: Option<u64>,
    },
    /// The worker was lost and the job is not restartable.
    WorkerLost,
    /// A job it depends on failed.
    DependencyFailed { jid: i64 },
    /// The interpreter or the code could not be made ready.
    CouldNotStart { reason: String },
}

/// So many cores of a type.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CoresOf {
    pub core_type: String,
    pub cores: u32,
}

/// What a sandbox limits besides memory and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ResourceLimit {
    /// Processes and threads of one sandbox.
    Processes,
    /// Descriptors of one process.
    OpenFiles,
    /// Bytes in the files of a job: working directory, home and `/tmp`.
    Disk,
    /// Files and directories in those.
    Files,
}

/// What is known of a job that ended without a result.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Failure {
    pub verdict: Verdict,
    /// Traceback, or one sentence where there is none. What `info` calls `exception`.
    pub exception: String,
    /// Class of the exception, as `module.Name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception_type: Option<String>,
    /// What the user can do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

/// The end of a job. Recorded once and never changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The pickled result.
    Done { result: Payload },
    /// `state` is `Error`, `Killed` or `Stalled`; `exception` is the pickled exception, empty where there is none.
    Failed {
        state: JobState,
        failure: Failure,
        exception: Payload,
    },
}

impl Outcome {
    /// The state this outcome puts the job into.
    pub fn state(&self) -> JobState {
        match self {
            Self::Done { .. } => JobState::Done,
            Self::Failed { state, .. } => *state,
        }
    }

    /// The value or exception that goes with it.
    pub fn payload(&self) -> &Payload {
        match self {
            Self::Done { result } => result,
            Self::Failed { exception, .. } => exception,
        }
    }
}
