//! A job as the worker holds it: everything needed to run it is at hand, nothing is to be fetched.

use crate::blobs::CachedBlob;
use bytes::Bytes;
use picloud_types::{
    AccountId, Hash, JobSpec, SpecId,
    api::workers::{AttemptRef, Mount, PulledSpec},
};
use std::{collections::BTreeMap, sync::Arc};

/// What jobs must agree in to be run by the same process, one after another.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Context {
    pub(crate) account: AccountId,
    pub(crate) python: String,
    pub(crate) code_version: Option<Hash>,
    pub(crate) os_env_vars: BTreeMap<String, String>,
    pub(crate) share: Share,
    /// Volumes with the trees they are, in the order of paths.
    pub(crate) mounts: Vec<Mount>,
    /// Volumes that were deleted since the job was made.
    pub(crate) lost_volumes: Vec<String>,
}

impl Context {
    /// Whether it is no job's, but the one with which a worker finds out what it can do.
    pub(crate) fn is_trial(&self) -> bool {
        // Accounts are numbered from one.
        self.account == AccountId(0)
    }
}

/// How much of the machine a job gets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(crate) struct Share {
    pub(crate) cores: u32,
    pub(crate) memory_bytes: u64,
    /// Thousandths of a compute unit, so that shares can be compared.
    pub(crate) milliunits: u64,
    /// Whether it has a source address of its own.
    pub(crate) own_ip: bool,
}

impl Context {
    pub(crate) fn of(about: &PulledSpec) -> Self {
        let spec = &about.spec;
        let is_lost = |name: &&String| !about.mounts.iter().any(|m| m.volume == **name);
        Self {
            account: about.account,
            python: spec.python.clone(),
            code_version: spec.code_version,
            os_env_vars: spec.os_env_vars.clone(),
            share: Share {
                cores: spec.cores,
                memory_bytes: about.memory_bytes,
                milliunits: (about.compute_units * 1_000.0).round() as u64,
                own_ip: about.own_ip,
            },
            mounts: about.mounts.clone(),
            lost_volumes: spec.volumes.iter().filter(is_lost).cloned().collect(),
        }
    }
}

/// A pickle that is here: in memory, or in a file that stays as long as this value lives.
#[derive(Clone, Debug)]
pub(crate) enum Pickle {
    Bytes(Bytes),
    File(Arc<CachedBlob>),
}

/// What the jobs of one submission share.
#[derive(Debug)]
pub(crate) struct Spec {
    pub(crate) id: SpecId,
    pub(crate) context: Arc<Context>,
    pub(crate) spec: JobSpec,
    pub(crate) function: Pickle,
    /// What one running job of it holds.
    pub(crate) compute_units: f64,
    pub(crate) memory_bytes: u64,
}

/// One attempt of one job.
#[derive(Clone, Debug)]
pub(crate) struct Job {
    pub(crate) of: AttemptRef,
    pub(crate) spec: Arc<Spec>,
    pub(crate) token: String,
    pub(crate) args: Pickle,
}

impl Job {
    /// Whether it may be sent to a process ahead of its turn. One that must not start twice may
    /// not: were the process to die, nobody could say whether it had begun.
    pub(crate) fn may_queue_behind_another(&self) -> bool {
        self.spec.spec.restartable && !self.spec.spec.kill_process
    }
}
