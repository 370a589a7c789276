//! One group: what runs in it, its limits, what it used.

use super::{Dirs, GroupLimits, Reading, ending, limits, reading::Sources};
use nix::{
    fcntl::OFlag,
    sys::wait::waitpid,
    unistd::{ForkResult, fork, pipe2, write},
};
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read as _},
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

/// One control group. Taken away by [`Cgroup::remove`]; dropping it tries once, without waiting.
#[derive(Debug)]
pub struct Cgroup {
    pub(super) dirs: Dirs,
    /// The same, each once.
    all: Vec<PathBuf>,
    sources: Sources,
}

impl Cgroup {
    /// Makes the directories and sets the limits; leaves nothing behind if that fails.
    pub(super) fn create(dirs: Dirs, limits: &GroupLimits) -> io::Result<Self> {
        let mut made = Vec::new();
        let result = dirs.all().into_iter().try_for_each(|dir| {
            fs::create_dir(&dir)?;
            made.push(dir);
            Ok(())
        });
        let result = result.and_then(|()| limits::set(&dirs, limits));
        if let Err(error) = result {
            for dir in made {
                let _ = fs::remove_dir(dir);
            }
            return Err(error);
        }
        Ok(Self::open(dirs))
    }

    /// A group whose directories exist.
    pub(super) fn open(dirs: Dirs) -> Self {
        Self {
            all: dirs.all(),
            sources: Sources::new(&dirs),
            dirs,
        }
    }

    /// Open files through which a process enters: it writes `0` to each of them. They work for a
    /// process that could not open them itself.
    pub fn entrances(&self) -> io::Result<Vec<OwnedFd>> {
        self.all
            .iter()
            .map(|dir| {
                let file = OpenOptions::new()
                    .write(true)
                    .open(dir.join("cgroup.procs"))?;
                Ok(file.into())
            })
            .collect()
    }

    /// Has a process enter and end. That a group could be made does not say that it can be entered.
    pub fn try_out(&self) -> io::Result<()> {
        let entrances = self.entrances()?;
        let (heard, told) = pipe2(OFlag::O_CLOEXEC)?;
        // SAFETY: the child calls only `write` and `_exit`, which are safe after a fork of a process
        // with threads; it allocates nothing.
        match unsafe { fork()? } {
            ForkResult::Child => {
                let refused = entrances.iter().find_map(|fd| write(fd, b"0").err());
                let code = refused.map_or(0, |errno| errno as i32);
                let _ = write(&told, &code.to_ne_bytes());
                // SAFETY: ends this process without running anything of the parent's.
                unsafe { nix::libc::_exit(0) }
            }
            ForkResult::Parent { child } => {
                drop(told);
                let mut code = [0; 4];
                let answer = File::from(heard).read_exact(&mut code);
                // Somebody else may have reaped it; it is gone either way.
                let _ = waitpid(child, None);
                answer?;
                match i32::from_ne_bytes(code) {
                    0 => Ok(()),
                    code => Err(io::Error::from_raw_os_error(code)),
                }
            }
        }
    }

    /// Changes the limits of what runs. Under v1 less memory than is in use is refused
    /// (`EBUSY`); under v2 it ends the job.
    pub fn set_limits(&self, limits: &GroupLimits) -> io::Result<()> {
        limits::set(&self.dirs, limits)
    }

    /// All that was used so far.
    pub fn read(&self) -> io::Result<Reading> {
        self.sources.read()
    }

    /// Processor time alone.
    pub fn cpu_us(&self) -> io::Result<u64> {
        self.sources.cpu_us()
    }

    /// Processes that the kernel ended for want of memory.
    pub fn oom_kills(&self) -> io::Result<u64> {
        self.sources.oom_kills()
    }

    /// Forks that were refused.
    pub fn process_limit_hits(&self) -> io::Result<u64> {
        self.sources.process_limit_hits()
    }

    /// What runs in it, including a process that has entered only some of the hierarchies.
    pub fn pids(&self) -> io::Result<Vec<i32>> {
        let mut pids = Vec::new();
        for dir in &self.all {
            pids.extend(ending::pids(dir)?);
        }
        pids.sort_unstable();
        pids.dedup();
        Ok(pids)
    }

    /// Ends every process in it and returns when they are gone. Blocks, up to five seconds.
    pub fn kill_all(&self) -> io::Result<()> {
        ending::kill_all(&self.all, ending::PATIENCE)
    }

    /// Takes it away. Waits for processes that are just ending, up to five seconds; does not end
    /// any.
    pub fn remove(mut self) -> io::Result<()> {
        let all = std::mem::take(&mut self.all);
        ending::remove(&all, ending::PATIENCE)
    }

    /// How the kernel's log names it: the end of its path, which no other group shares.
    pub fn name(&self) -> String {
        let parts: Vec<_> = self.dirs.memory.iter().rev().take(2).collect();
        let parts = parts.iter().rev().map(|part| part.to_string_lossy());
        parts.map(|part| format!("/{part}")).collect()
    }

    /// Its directory in the hierarchy of v2, where programs can be attached; a machine with v1
    /// often has one beside.
    pub fn v2_dir(&self) -> Option<&Path> {
        self.dirs.unified.as_deref()
    }
}

impl Drop for Cgroup {
    fn drop(&mut self) {
        for dir in &self.all {
            // Refused while something runs in it; the next start of the worker sweeps it then.
            let _ = fs::remove_dir(dir);
        }
    }
}
