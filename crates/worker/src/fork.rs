//! From a context to a process for it: code laid out, descriptors made, forked from a zygote.

use crate::{
    code::{CodeCache, CodeVersion},
    confine::{Cell, Confine},
    executor::{Ends, Executor, ExecutorId, Order, Process, Shared},
    job::Context,
    pythons::Pythons,
    zygote::{ForkPlan, Zygote},
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
    pub(crate) confine: Arc<Confine>,
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
    let mut pause = Duration::from_millis(50);
    for attempt in 1.. {
        match fork_once(fork, context, code.clone()).await {
            Ok(process) => {
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
    code: Option<Arc<CodeVersion>>,
) -> Result<Process, String> {
    let zygote = fork.pythons.zygote(&context.python).await?;
    let confined = confine(fork, context, &zygote, code.as_deref()).await?;
    let Confined {
        scratch,
        cell,
        entrance,
    } = confined;
    let (ends, theirs) = ends().map_err(|e| format!("no descriptors could be made: {e}"))?;
    let text = |path: PathBuf| path.to_string_lossy().into_owned();
    let mut env = context.os_env_vars.clone();
    let cwd = text(entrance.cwd);
    env.entry("HOME".to_owned()).or_insert_with(|| cwd.clone());
    if cell.in_sandbox {
        for name in ["USER", "LOGNAME"] {
            let user = || "picloud".to_owned();
            env.entry(name.to_owned()).or_insert_with(user);
        }
    }
    let plan = ForkPlan {
        env,
        cwd,
        code_path: entrance.code.map(text),
        scratch: text(entrance.scratch),
        limits: entrance.limits,
        cores: context.share.cores,
        socket: theirs.0,
        stdout: theirs.1,
        stderr: theirs.2,
        groups: entrance.groups,
        namespaces: entrance.namespaces,
    };
    match zygote.fork(plan).await {
        Ok(forked) => Ok(Process {
            account: context.account,
            forked,
            ends,
            scratch,
            cell,
            code,
        }),
        Err(error) => {
            let _ = tokio::task::spawn_blocking(move || cell.clear()).await;
            Err(error.to_string())
        }
    }
}

/// A place for a process, ready to be entered.
#[derive(Debug)]
struct Confined {
    scratch: tempfile::TempDir,
    cell: Cell,
    entrance: crate::confine::Entrance,
}

/// Builds what a process of `context` will be in. On a thread of its own: it waits for the kernel.
async fn confine(
    fork: &ForkContext,
    context: &Context,
    zygote: &Arc<Zygote>,
    code: Option<&CodeVersion>,
) -> Result<Confined, String> {
    let (confine, zygote) = (Arc::clone(&fork.confine), Arc::clone(zygote));
    let (context, parent) = (context.clone(), fork.scratch.clone());
    let code = code.map(|c| c.dir().to_owned());
    let built = tokio::task::spawn_blocking(move || {
        let scratch = tempfile::TempDir::new_in(&parent)
            .map_err(|e| format!("no working directory could be made: {e}"))?;
        // Nothing in it but directories with owners of their own: others may pass.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(scratch.path(), open).map_err(|e| e.to_string())?;
        let software = &zygote.about.software;
        let layout = zygote.layout.get_or_init(|| confine.layout(software));
        let (cell, entrance) = confine.build(&context, layout, scratch.path(), code.as_deref())?;
        Ok(Confined {
            scratch,
            cell,
            entrance,
        })
    });
    built.await.map_err(|e| e.to_string())?
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
