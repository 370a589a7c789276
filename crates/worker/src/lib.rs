//! The worker: pulls work from a server, runs it in warm Python processes, reports back.
//!
//! It dials the server and is an API client like any other, so it works behind NAT. Nothing it
//! keeps on disk outlives it: the truth is the server's. What it refuses to do: to run a job
//! whose lease may be over, and to wait for a job that does not end.

mod agent;
mod blobs;
mod bucket;
mod children;
mod code;
mod confine;
mod discover;
mod disk;
mod executor;
mod fork;
mod frames;
mod job;
mod kernel_log;
mod launch;
mod machine;
mod outcome;
mod output;
mod pool;
mod ports;
mod prepare;
mod processes;
mod pythons;
mod reaper;
mod report;
mod results;
mod session;
mod support;
mod survey;
mod verdict;
mod view;
mod volumes;
mod worker;
mod zygote;

pub use survey::{Tried, survey};
pub use worker::{IsolationChoice, NetworkChoice, Options, Worker, WorkerError};

/// Makes namespaces for this process, before there are threads. Root gets mounts of its own, which end
/// with it; anybody else becomes root of namespaces of its own, without which there are no sandboxes.
/// Where the kernel refuses, the worker says so when it starts.
pub fn claim_namespaces(options: &Options) {
    if options.isolation != IsolationChoice::Sandbox {
        return;
    }
    let claimed = match nix::unistd::Uid::effective().is_root() {
        true => bucket::claim_mounts(),
        false => picloud_sandbox::user::become_rootless().map(|()| bucket::has_own_mounts()),
    };
    if let Err(error) = claimed {
        tracing::debug!(%error, "no namespaces of its own");
    }
}

use std::{
    hash::{BuildHasher as _, RandomState},
    time::Duration,
};

/// Half to one and a half of `pause`, so that many who wait for one thing do not wait in step.
fn jittered(pause: Duration) -> Duration {
    let random = RandomState::new().hash_one(0) % 1_000;
    pause / 2 + pause.mul_f64(random as f64 / 1_000.0)
}
