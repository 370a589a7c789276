//! What to run and under which conditions: the part of a job that a whole map shares.

use crate::{Hash, limits, result_form::ResultForm};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// What kind of program a job is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// A pickled Python function.
    #[default]
    Python,
}

/// What a failed dependency does to a job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum DependencyErrors {
    /// The job is stalled: it will never run.
    #[default]
    Abort,
    /// The failure counts as an end like any other.
    Ignore,
}

/// Everything about a job but its arguments, its dependencies and its parent.
///
/// Jobs with equal specs and equal functions share one row of the store.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct JobSpec {
    #[serde(default)]
    pub language: Language,
    /// Python minor version the function was pickled with, such as `3.11`.
    pub python: String,
    /// How the function is called in lists.
    #[serde(default)]
    pub function_name: String,
    /// Content hash of the manifest of shipped modules; none when nothing was shipped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code_version: Option<Hash>,
    /// Name of the core type.
    #[serde(default = "default_core_type")]
    pub core_type: String,
    /// Cores of that type.
    #[serde(default = "one")]
    pub cores: u32,
    /// A tag for filtering.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// The queue whose messages the job handles; set by the server for handler jobs only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<crate::QueueName>,
    /// How its result is written down.
    #[serde(default, skip_serializing_if = "ResultForm::is_default")]
    pub result: ResultForm,
    /// Lower runs earlier; at least 1.
    #[serde(default = "default_priority")]
    pub priority: i32,
    /// The job is killed after running this long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_runtime_ms: Option<u64>,
    /// Whether it may be started again after the worker that ran it was lost.
    #[serde(default = "yes")]
    pub restartable: bool,
    #[serde(default)]
    pub profile: bool,
    #[serde(default)]
    pub depends_on_errors: DependencyErrors,
    /// Whether the interpreter is thrown away after the job.
    #[serde(default)]
    pub kill_process: bool,
    /// 0, 1 or 2; see the guide on calls.
    #[serde(default)]
    pub fast_serialization: u8,
    /// Names of volumes that are mounted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub volumes: Vec<String>,
    /// Environment variables set before the function is loaded.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub os_env_vars: BTreeMap<String, String>,
    /// Host, process and versions the job came from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process_id: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cloudpickle_version: Option<String>,
}

fn default_core_type() -> String {
    "c1".to_owned()
}
fn one() -> u32 {
    1
}
fn default_priority() -> i32 {
    limits::PRIORITY_DEFAULT
}
fn yes() -> bool {
    true
}

/// What a worker must have to run a job: jobs that agree in this are one scheduling class.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Requirements {
    pub python: String,
    pub core_type: String,
    pub cores: u32,
    /// A job that must not start twice is never handed out ahead of a free core.
    pub restartable: bool,
}

impl JobSpec {
    /// The scheduling class of jobs with this spec.
    pub fn requirements(&self) -> Requirements {
        Requirements {
            python: self.python.clone(),
            core_type: self.core_type.clone(),
            cores: self.cores,
            restartable: self.restartable,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_spec_gets_the_defaults() {
        let spec: JobSpec = serde_json::from_str(r#"{"python": "3.11"}"#).expect("valid");
        assert_eq!(
            (
                spec.core_type.as_str(),
                spec.cores,
                spec.priority,
                spec.restartable
            ),
            ("c1", 1, 5, true)
        );
    }

    #[test]
    fn an_unknown_field_is_refused_by_name() {
        let error = serde_json::from_str::<JobSpec>(r#"{"python": "3.11", "labl": "x"}"#)
            .expect_err("unknown");
        assert!(error.to_string().contains("labl"), "{error}");
    }
}
