//! Adopts what jobs left behind, and ends it.
//!
//! Processes whose parents died come to us, because we are the subreaper of everything below
//! us. In a pid namespace none does; without one this is the last net.

use crate::children;
use nix::{
    sys::{
        prctl,
        signal::{Signal, kill},
        wait::{Id, WaitPidFlag, WaitStatus, waitid, waitpid},
    },
    unistd::Pid,
};
use std::time::Duration;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{debug, warn};

/// How often strays are looked for besides the moments at which a child ends.
const SWEEP_EVERY: Duration = Duration::from_secs(5);

/// Runs for ever.
pub(crate) async fn run() {
    if let Err(error) = prctl::set_child_subreaper(true) {
        warn!(%error, "could not become the subreaper: strays of jobs may live on");
        return;
    }
    let Ok(mut ended) = signal(SignalKind::child()) else {
        return;
    };
    loop {
        let _ = tokio::time::timeout(SWEEP_EVERY, ended.recv()).await;
        reap();
        sweep();
    }
}

/// Collects the ended, except our own, whose owners wait for them.
fn reap() {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    while let Ok(WaitStatus::Exited(pid, _) | WaitStatus::Signaled(pid, ..)) =
        waitid(Id::All, flags)
    {
        if children::own().contains(pid.as_raw()) {
            return;
        }
        let _ = waitpid(pid, Some(WaitPidFlag::WNOHANG));
    }
}

fn sweep() {
    let own = children::own();
    let Ok(tasks) = std::fs::read_dir("/proc/self/task") else {
        return;
    };
    for task in tasks.flatten() {
        let children = std::fs::read_to_string(task.path().join("children")).unwrap_or_default();
        for pid in children.split_whitespace().filter_map(|p| p.parse().ok()) {
            if !own.contains(pid) {
                debug!(pid, "ending a process that a job left behind");
                let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
            }
        }
    }
}
