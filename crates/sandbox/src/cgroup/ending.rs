//! Ends what is in a group and takes groups away, with a bound on every wait. These calls block:
//! a worker makes them where it may.

use super::parse;
use nix::{
    errno::Errno,
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::{Duration, Instant},
};

/// How long ended processes may take to be gone. A killed process with much memory needs some
/// hundred milliseconds.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// Processes of one group's directory; none of a directory that is gone.
pub(super) fn pids(dir: &Path) -> io::Result<Vec<i32>> {
    match fs::read_to_string(dir.join("cgroup.procs")) {
        Ok(text) => Ok(parse::pids(&text)),
        Err(error) if is_gone(&error) => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// Ends every process in `dirs` and waits until there is none. A process that forks as fast as
/// it is killed is caught by `cgroup.kill` where that exists; elsewhere by repetition, because its
/// children inherit the group and the process limit bounds them.
pub(super) fn kill_all(dirs: &[PathBuf], patience: Duration) -> io::Result<()> {
    repeat(patience, || {
        let mut left = Vec::new();
        for dir in dirs {
            left.extend(pids(dir)?);
        }
        if left.is_empty() {
            return Ok(true);
        }
        for dir in dirs {
            // Kernels before 5.14 and hierarchies of v1 do not have it.
            let _ = super::write(&dir.join("cgroup.kill"), "1");
        }
        left.sort_unstable();
        left.dedup();
        for pid in left {
            // It may have ended by itself.
            let _ = kill(Pid::from_raw(pid), Signal::SIGKILL);
        }
        Ok(false)
    })
}

/// Removes the directories in the order given. The kernel refuses while a process is still
/// ending, so this is tried again for a while.
pub(super) fn remove(dirs: &[PathBuf], patience: Duration) -> io::Result<()> {
    repeat(patience, || {
        for dir in dirs {
            match fs::remove_dir(dir) {
                Ok(()) => {}
                Err(error) if is_gone(&error) => {}
                Err(error) if error.raw_os_error() == Some(Errno::EBUSY as i32) => {
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    })
}

/// Ends and removes all groups below `parents`, which stay.
pub(super) fn sweep(parents: &[PathBuf], patience: Duration) -> io::Result<()> {
    let mut found = Vec::new();
    for parent in parents {
        below(parent, &mut found)?;
    }
    kill_all(&found, patience)?;
    remove(&found, patience)
}

/// Groups below `dir`, the deepest first.
fn below(dir: &Path, found: &mut Vec<PathBuf>) -> io::Result<()> {
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if is_gone(&error) => return Ok(()),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            below(&entry.path(), found)?;
            found.push(entry.path());
        }
    }
    Ok(())
}

/// `ENODEV` is what an open file of a removed group answers.
pub(super) fn is_gone(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(Errno::ENODEV as i32)
}

/// Tries until `step` says it is done, with growing pauses.
fn repeat(patience: Duration, mut step: impl FnMut() -> io::Result<bool>) -> io::Result<()> {
    let deadline = Instant::now() + patience;
    let mut pause = Duration::from_micros(200);
    while !step()? {
        if Instant::now() >= deadline {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "processes of the control group do not end",
            ));
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(20));
    }
    Ok(())
}
