//! From a context to a process for it: code laid out, descriptors made, forked from a zygote.

use crate::{
    code::{CodeCache, CodeVersion},
    confine::{Cell, Confine},
    executor::{Ends, Executor, ExecutorId, Order, Process, Shared},
    job::Context,
    pythons::Pythons,
    volumes::{LaidTree, VolumeCache},
    zygote::{ForkPlan, Zygote},
};
use nix::{fcntl::OFlag, unistd::pipe2};
use picloud_types::{AccountId, JobSpec, SpecId, api::workers::PulledSpec};
use std::{
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdStream},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::AsyncReadExt as _,
    net::{UnixStream, unix::pipe},
    sync::mpsc,
    time::timeout,
};
use tracing::warn;

/// A process that is only tried out has time and memory for it.
const TRIAL: Duration = Duration::from_secs(10);
const TRIAL_MEMORY_BYTES: u64 = 300_000_000;
/// A fork fails when processes or memory are short for a moment. Longer is no accident.
const ATTEMPTS: u32 = 4;

/// What forking needs.
#[derive(Debug)]
pub(crate) struct ForkContext {
    pub(crate) shared: Arc<Shared>,
    pub(crate) code: Arc<CodeCache>,
    pub(crate) volumes: Arc<VolumeCache>,
    pub(crate) nursery: Nursery,
}

/// Where processes come from.
#[derive(Clone, Debug)]
pub(crate) struct Nursery {
    pub(crate) pythons: Arc<Pythons>,
    pub(crate) confine: Arc<Confine>,
    /// Working directories are made in it.
    pub(crate) scratch: PathBuf,
}

/// Forks a process and has it end at once: whether this machine can do what sandboxes need is
/// better known before the first job.
pub(crate) async fn try_out(nursery: &Nursery) -> Result<(), String> {
    let Some(python) = nursery.pythons.list().into_iter().next() else {
        return Err("there is no interpreter".to_owned());
    };
    let about = PulledSpec {
        id: SpecId(0),
        account: AccountId(0),
        spec: JobSpec {
            python: python.version,
            cores: 1,
            ..JobSpec::default()
        },
        compute_units: 1.0,
        memory_bytes: TRIAL_MEMORY_BYTES,
        own_ip: false,
        mounts: Vec::new(),
    };
    let process = fork_once(nursery, &Context::of(&about), None, Vec::new()).await?;
    let Process {
        mut ends,
        forked,
        cell,
        scratch,
        ..
    } = process;
    // It says that it is ready, and ends when its socket closes.
    let mut word = [0; 8];
    let heard = timeout(TRIAL, ends.socket.read(&mut word)).await;
    drop(ends);
    let clear = || {
        drop(scratch);
        cell.clear();
    };
    if let Ok(Ok(1..)) = heard {
        // Nobody has to wait until it is gone.
        tokio::spawn(async move {
            let _ = timeout(TRIAL, forked.end).await;
            let _ = tokio::task::spawn_blocking(clear).await;
        });
        return Ok(());
    }
    let end = timeout(TRIAL, forked.end).await;
    let _ = tokio::task::spawn_blocking(clear).await;
    match end {
        Ok(Ok(end)) => Err(match end.unborn {
            Some(reason) => reason,
            None => format!("a process in one ended with {:?} {}", end.exit, end.syslog),
        }),
        _ => Err("a process in one does not answer".to_owned()),
    }
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
    let trees = trees(fork, context).await?;
    let mut pause = Duration::from_millis(50);
    for attempt in 1.. {
        match fork_once(&fork.nursery, context, code.clone(), trees.clone()).await {
            Ok(process) => {
                let shared = Arc::clone(&fork.shared);
                return Ok(Executor::new(id, shared, orders, process));
            }
            Err(error) if attempt == ATTEMPTS => return Err(error),
            Err(error) => {
                warn!(%error, "a fork failed, trying again");
                tokio::time::sleep(crate::jittered(pause)).await;
                pause *= 4;
            }
        }
    }
    unreachable!("the loop ends by returning")
}

/// The volumes of a context, laid out.
async fn trees(fork: &ForkContext, context: &Context) -> Result<Vec<Arc<LaidTree>>, String> {
    if let Some(name) = context.lost_volumes.first() {
        return Err(format!("volume {name} was deleted after the job was made"));
    }
    if !context.mounts.is_empty() && !fork.nursery.confine.about().isolation.is_sandbox() {
        return Err(
            "volumes need a sandbox, and this worker runs jobs as plain processes".to_owned(),
        );
    }
    let mut trees = Vec::with_capacity(context.mounts.len());
    for mount in &context.mounts {
        let line = &fork.shared.line;
        let tree = fork.volumes.get(line, context.account, mount.tree).await;
        trees.push(tree.map_err(|e| format!("volume {} is not at hand: {e}", mount.volume))?);
    }
    Ok(trees)
}

async fn fork_once(
    nursery: &Nursery,
    context: &Context,
    code: Option<Arc<CodeVersion>>,
    trees: Vec<Arc<LaidTree>>,
) -> Result<Process, String> {
    let zygote = nursery.pythons.zygote(&context.python).await?;
    let confined = confine(nursery, context, &zygote, code.as_deref(), trees).await?;
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
            env,
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
    nursery: &Nursery,
    context: &Context,
    zygote: &Arc<Zygote>,
    code: Option<&CodeVersion>,
    trees: Vec<Arc<LaidTree>>,
) -> Result<Confined, String> {
    let (confine, zygote) = (Arc::clone(&nursery.confine), Arc::clone(zygote));
    let (context, parent) = (context.clone(), nursery.scratch.clone());
    let code = code.map(|c| c.dir().to_owned());
    let built = tokio::task::spawn_blocking(move || {
        let scratch = tempfile::TempDir::new_in(&parent)
            .map_err(|e| format!("no working directory could be made: {e}"))?;
        // Nothing in it but directories with owners of their own: others may pass.
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
        std::fs::set_permissions(scratch.path(), open).map_err(|e| e.to_string())?;
        let software = &zygote.about.software;
        let layout = zygote.layout.get_or_init(|| confine.layout(software));
        let (cell, entrance) =
            confine.build(&context, layout, scratch.path(), code.as_deref(), trees)?;
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
