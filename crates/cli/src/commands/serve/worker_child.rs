//! The worker of this machine: a child process that speaks to the server like any other.

use crate::failure::USAGE;
use anyhow::{Context as _, Result};
use nix::{
    sys::{prctl, signal},
    unistd::{Pid, getppid},
};
use std::{
    ffi::OsString,
    process::{ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicI32, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::process::{Child, Command};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

/// Pauses before a new start double from the first to the second.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// One that lived this long was well: the next start does not pause for long.
const WELL_AFTER: Duration = Duration::from_secs(30);
/// Time beyond the grace of jobs for saying goodbye.
const GOODBYE: Duration = Duration::from_secs(5);

/// The environment variable that carries the token: arguments are seen by all users.
pub(crate) const TOKEN_VARIABLE: &str = "PICLOUD_WORKER_TOKEN";

/// How to start it.
#[derive(Debug)]
pub(super) struct Options {
    /// After `picloud worker`.
    pub(super) arguments: Vec<OsString>,
    pub(super) token: String,
    /// How long its jobs may go on once it is told to stop.
    pub(super) grace: Duration,
    /// Cancelled when a worker says that it cannot work here. It is tried again all the same,
    /// for what it lacks may come.
    pub(super) cannot_work: CancellationToken,
}

/// Lets others end the running child at once.
#[derive(Clone, Debug, Default)]
pub(super) struct ChildHandle {
    pid: Arc<AtomicI32>,
}

impl ChildHandle {
    /// Ends the child without further ado.
    pub(super) fn kill(&self) {
        let pid = self.pid.load(Ordering::SeqCst);
        if pid > 0 {
            let _ = signal::kill(Pid::from_raw(pid), signal::Signal::SIGKILL);
        }
    }
}

/// Keeps a worker running until `stop`, then lets it finish what runs.
pub(super) async fn run(options: Options, handle: ChildHandle, stop: CancellationToken) {
    let mut pause = PAUSE_MIN;
    while !stop.is_cancelled() {
        let started = Instant::now();
        match life(&options, &handle, &stop).await {
            Ok(_) if stop.is_cancelled() => return,
            Ok(status) => {
                if status.code() == Some(i32::from(USAGE)) {
                    options.cannot_work.cancel();
                }
                warn!(%status, pause_ms = pause.as_millis(), "the worker ended, starting it again");
            }
            Err(error) => warn!(
                error = format!("{error:#}"),
                pause_ms = pause.as_millis(),
                "could not run the worker, trying again"
            ),
        }
        pause = if started.elapsed() > WELL_AFTER {
            PAUSE_MIN
        } else {
            (pause * 2).min(PAUSE_MAX)
        };
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

/// One process, from its start to its end.
async fn life(
    options: &Options,
    handle: &ChildHandle,
    stop: &CancellationToken,
) -> Result<ExitStatus> {
    let mut child = spawn(options)?;
    let pid = child
        .id()
        .and_then(|id| i32::try_from(id).ok())
        .context("a new process has an id")?;
    handle.pid.store(pid, Ordering::SeqCst);
    let ended = tokio::select! {
        status = child.wait() => status,
        () = stop.cancelled() => drain(&mut child, pid, options.grace).await,
    };
    // Forgotten at once: the number may soon be another's.
    handle.pid.store(0, Ordering::SeqCst);
    ended.context("could not wait for the worker")
}

async fn drain(child: &mut Child, pid: i32, grace: Duration) -> std::io::Result<ExitStatus> {
    let _ = signal::kill(Pid::from_raw(pid), signal::Signal::SIGTERM);
    if let Ok(status) = tokio::time::timeout(grace + GOODBYE, child.wait()).await {
        info!("the worker has finished");
        return status;
    }
    warn!("the worker did not end in time, ending it by force");
    child.start_kill()?;
    child.wait().await
}

fn spawn(options: &Options) -> Result<Child> {
    let parent = Pid::this();
    // Not the path we were started from: a new version may lie there by now.
    let mut command = Command::new("/proc/self/exe");
    command
        .arg0("picloud")
        .arg("worker")
        .args(&options.arguments)
        .env(TOKEN_VARIABLE, &options.token)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        // Its own group: Ctrl-C is for the server, which then stops the worker in order.
        .process_group(0)
        .kill_on_drop(true);
    // SAFETY: between fork and exec only two system calls are made, both async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            prctl::set_pdeathsig(signal::Signal::SIGKILL)?;
            // The parent may have ended before the line above.
            if getppid() == parent {
                Ok(())
            } else {
                Err(std::io::ErrorKind::NotConnected.into())
            }
        });
    }
    command
        .spawn()
        .context("could not start the worker process")
}
