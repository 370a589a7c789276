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
    /// The worker was lost and the job is not restartable.
    WorkerLost,
    /// A job it depends on failed.
    DependencyFailed { jid: i64 },
    /// The interpreter or the code could not be made ready.
    CouldNotStart { reason: String },
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

/// What a job used. Times in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Wall-clock time of the function itself.
    #[serde(default)]
    pub runtime_us: u64,
    /// Processor time in user mode.
    #[serde(default)]
    pub cpu_user_us: u64,
    /// Processor time in the kernel.
    #[serde(default)]
    pub cpu_system_us: u64,
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
