//! The worker: pulls work from a server, runs it in warm Python processes, reports back.
//!
//! It dials the server and is an API client like any other, so it works behind NAT. Nothing it
//! keeps on disk outlives it: the truth is the server's. What it refuses to do: to run a job
//! whose lease may be over, and to wait for a job that does not end.

mod agent;
mod blobs;
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

/// Without root, makes this process root of namespaces of its own, which it needs to put jobs into
/// sandboxes. To be called before there are threads. Where the kernel refuses, the worker says so
/// when it starts.
pub fn claim_namespaces(options: &Options) {
    let root = nix::unistd::Uid::effective().is_root();
    if options.isolation == IsolationChoice::Sandbox
        && !root
        && let Err(error) = picloud_sandbox::user::become_rootless()
    {
        tracing::debug!(%error, "no namespaces without root");
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
