//! Starts the warm interpreters. They run no code of users, so they are plain processes; what is
//! forked from them walks into a sandbox.

use std::{
    ffi::OsString,
    io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::{net::UnixStream, process::CommandExt as _},
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

/// What is to be started.
#[derive(Clone, Debug)]
pub(crate) struct ZygotePlan {
    /// The interpreter.
    pub(crate) executable: PathBuf,
    /// The runner's `__main__.py`; none where the interpreter is to find its own `cloud` package.
    pub(crate) runner: Option<PathBuf>,
    /// A directory that goes last on the module path.
    pub(crate) support: Option<PathBuf>,
    /// Where it starts; jobs have directories of their own.
    pub(crate) cwd: PathBuf,
    /// Whether it gives way to everything else, as when an interpreter is only looked at.
    pub(crate) background: bool,
}

/// A started zygote.
#[derive(Debug)]
pub(crate) struct Launched {
    pub(crate) child: Child,
    /// Our end of the control socket.
    pub(crate) control: UnixStream,
}

/// Finds the runner beside the `cloud` package that the interpreter would import, without
/// importing it, and runs it. Saves starting the interpreter once only to ask.
const BOOTSTRAP: &str = "
import importlib.util, os, runpy, sys
spec = importlib.util.find_spec('cloud')
if spec is None or not spec.origin:
    sys.exit('this interpreter has no package named cloud: install picloud into it')
runner = os.path.join(os.path.dirname(spec.origin), '_runner', '__main__.py')
sys.argv[0] = runner
runpy.run_path(runner, run_name='__main__')
";

/// What jobs may see of the worker's environment. Everything else could be a secret.
fn is_passed_on(name: &str) -> bool {
    matches!(name, "PATH" | "LANG" | "TZ" | "LD_LIBRARY_PATH") || name.starts_with("LC_")
}

/// Starts a zygote.
pub(crate) fn launch(plan: &ZygotePlan) -> io::Result<Launched> {
    let (control, theirs) = UnixStream::pair()?;
    let theirs = OwnedFd::from(theirs);
    let mut command = Command::new(&plan.executable);
    command.arg("-I").args(arguments(plan)).env_clear();
    let passed = std::env::vars().filter(|(name, _)| is_passed_on(name));
    command
        .envs(passed)
        .env("PYTHONUNBUFFERED", "1")
        .current_dir(&plan.cwd)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    let (fd, background) = (theirs.as_raw_fd(), plan.background);
    // SAFETY: between fork and exec only system calls that are async-signal-safe are made,
    // nothing is allocated, and the descriptor stays open in the parent until after `spawn`.
    unsafe {
        command.pre_exec(move || {
            if fd == 3 {
                // dup2 onto itself would leave close-on-exec set.
                if nix::libc::fcntl(3, nix::libc::F_SETFD, 0) < 0 {
                    return Err(io::Error::last_os_error());
                }
            } else if nix::libc::dup2(fd, 3) < 0 {
                return Err(io::Error::last_os_error());
            }
            if background {
                run_when_idle();
            }
            Ok(())
        });
    }
    let child = command.spawn()?;
    Ok(Launched { child, control })
}

/// Gives this process only time that nobody else wants. Being nice is not enough: a nice process
/// keeps its core for milliseconds after a job could have used it.
pub(crate) fn run_when_idle() {
    // SAFETY: the call reads the structure and changes nothing but the scheduling of this process;
    // it is safe between fork and exec.
    unsafe {
        let none = nix::libc::sched_param { sched_priority: 0 };
        nix::libc::sched_setscheduler(0, nix::libc::SCHED_IDLE, &raw const none);
    }
}

fn arguments(plan: &ZygotePlan) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = match &plan.runner {
        Some(runner) => vec![runner.into()],
        None => vec!["-c".into(), BOOTSTRAP.into()],
    };
    arguments.push("zygote".into());
    if let Some(support) = &plan.support {
        arguments.push("--support".into());
        arguments.push(support.into());
    }
    arguments
}

/// The directory of the package `cloud` that a runner belongs to.
pub(crate) fn package_of(runner: &Path) -> Option<&Path> {
    runner.parent()?.parent()
}
