//! From a context to a process for it: code laid out, descriptors made, forked from a zygote.

use crate::{
    code::{CodeCache, CodeVersion},
    executor::{Ends, Executor, ExecutorId, Order, Process, Shared},
    job::Context,
    pythons::Pythons,
    zygote::{ForkPlan, Forked},
};
use nix::{fcntl::OFlag, unistd::pipe2};
use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{UnixStream, unix::pipe},
    sync::mpsc,
};
use tracing::debug;

/// A fork fails when processes or memory are short for a moment. Longer is no accident.
const ATTEMPTS: u32 = 4;

/// What forking needs.
#[derive(Debug)]
pub(crate) struct ForkContext {
    pub(crate) shared: Arc<Shared>,
    pub(crate) pythons: Arc<Pythons>,
    pub(crate) code: Arc<CodeCache>,
    pub(crate) scratch: PathBuf,
}

/// Starts a process for jobs of `context`, or says in words why there is none.
pub(crate) async fn fork(
    fork: &ForkContext,
    id: ExecutorId,
    context: &Context,
    orders: mpsc::UnboundedReceiver<Order>,
) -> Result<Executor, String> {
    let code = match context.code_version {
        None => None,
        Some(version) => {
            let code = fork
                .code
                .get(&fork.shared.line, context.account, version)
                .await;
            Some(code.map_err(|e| e.to_string())?)
        }
    };
    let scratch = tempfile::TempDir::new_in(&fork.scratch)
        .map_err(|e| format!("no working directory could be made: {e}"))?;
    let mut pause = Duration::from_millis(50);
    for attempt in 1.. {
        match fork_once(fork, context, code.as_deref(), &scratch).await {
            Ok((forked, ends)) => {
                let process = Process {
                    account: context.account,
                    forked,
                    ends,
                    scratch,
                    code,
                };
                let shared = Arc::clone(&fork.shared);
                return Ok(Executor::new(id, shared, orders, process));
            }
            Err(error) if attempt == ATTEMPTS => return Err(error),
            Err(error) => {
                debug!(%error, "a fork failed, trying again");
                tokio::time::sleep(crate::jittered(pause)).await;
                pause *= 4;
            }
        }
    }
    unreachable!("the loop ends by returning")
}

async fn fork_once(
    fork: &ForkContext,
    context: &Context,
    code: Option<&CodeVersion>,
    scratch: &tempfile::TempDir,
) -> Result<(Forked, Ends), String> {
    let zygote = fork.pythons.zygote(&context.python).await?;
    let (ends, theirs) = ends().map_err(|e| format!("no descriptors could be made: {e}"))?;
    let dir = scratch.path().to_string_lossy().into_owned();
    let mut env = context.os_env_vars.clone();
    env.entry("HOME".to_owned()).or_insert_with(|| dir.clone());
    let plan = ForkPlan {
        env,
        cwd: dir.clone(),
        code_path: code.map(|c| c.dir().to_string_lossy().into_owned()),
        scratch: dir,
        socket: theirs.0,
        stdout: theirs.1,
        stderr: theirs.2,
    };
    let forked = zygote.fork(plan).await.map_err(|e| e.to_string())?;
    Ok((forked, ends))
}

/// A socket and two pipes: our ends and theirs.
fn ends() -> io::Result<(Ends, (OwnedFd, OwnedFd, OwnedFd))> {
    let (socket, their_socket) = StdStream::pair()?;
    socket.set_nonblocking(true)?;
    let (stdout, their_stdout) = pipe2(OFlag::O_CLOEXEC)?;
    let (stderr, their_stderr) = pipe2(OFlag::O_CLOEXEC)?;
    let ends = Ends {
        socket: UnixStream::from_std(socket)?,
        stdout: pipe::Receiver::from_owned_fd(stdout)?,
        stderr: pipe::Receiver::from_owned_fd(stderr)?,
    };
    Ok((ends, (their_socket.into(), their_stdout, their_stderr)))
}
