//! The directory above a worker's groups: made, locked, and swept once its worker is no more.
//!
//! The lock is on the directory of memory, which is made first and removed last. The kernel lets go
//! of it when a worker ends in whatever way, so a directory that can be locked was abandoned.

use super::{Dirs, Version, ending, make_dir};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::MetadataExt as _,
    path::Path,
    thread,
    time::{Duration, Instant},
};

/// What names of parents begin with.
pub(super) const PREFIX: &str = "picloud-";

/// How long a lock is waited for: somebody may be sweeping what was left under this name.
const PATIENCE: Duration = Duration::from_millis(500);

/// Makes the directories and locks them. Says which there are: under v1, bytes of disks and the
/// hierarchy of v2 are done without where they cannot be had.
pub(super) fn make(mut parent: Dirs) -> Result<(Dirs, Flock<File>), String> {
    let deadline = Instant::now() + PATIENCE;
    let lock = loop {
        match try_make(&parent.memory) {
            Ok(Some(lock)) => break lock,
            Ok(None) if Instant::now() < deadline => thread::sleep(Duration::from_millis(5)),
            Ok(None) => {
                return Err(format!(
                    "the control group {} belongs to a worker that runs; give this one another name",
                    parent.memory.display()
                ));
            }
            Err(error) => return Err(cannot_make(&parent.memory, &error)),
        }
    };
    if parent.version == Version::V1 {
        parent.blkio = parent.blkio.filter(|dir| can_make(dir));
        parent.unified = parent.unified.filter(|dir| can_make(dir));
    }
    for dir in parent.all() {
        make_dir(&dir).map_err(|error| cannot_make(&dir, &error))?;
    }
    Ok((parent, lock))
}

fn can_make(dir: &Path) -> bool {
    let made = make_dir(dir);
    if let Err(error) = &made {
        tracing::warn!(dir = %dir.display(), %error, "a control group cannot be made; going on without");
    }
    made.is_ok()
}

/// None where somebody else has it, or has just removed it.
fn try_make(dir: &Path) -> io::Result<Option<Flock<File>>> {
    make_dir(dir)?;
    let Some(lock) = try_lock(dir)? else {
        return Ok(None);
    };
    let same = fs::metadata(dir).is_ok_and(|now| {
        lock.metadata()
            .is_ok_and(|ours| (ours.dev(), ours.ino()) == (now.dev(), now.ino()))
    });
    Ok(same.then_some(lock))
}

fn try_lock(dir: &Path) -> io::Result<Option<Flock<File>>> {
    let file = match File::open(dir) {
        Ok(file) => file,
        Err(error) if ending::is_gone(&error) => return Ok(None),
        Err(error) => return Err(error),
    };
    match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
        Ok(lock) => Ok(Some(lock)),
        Err((_, Errno::EWOULDBLOCK)) => Ok(None),
        Err((_, error)) => Err(error.into()),
    }
}

/// Ends and removes what workers left below `base` that are no more, under whatever name. What
/// cannot be removed, such as another user's, is left to others.
pub(super) fn sweep_abandoned(base: &Dirs) {
    let Ok(entries) = fs::read_dir(&base.memory) else {
        return;
    };
    let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    for name in names.filter(|name| name.starts_with(PREFIX)) {
        let parent = base.child(&name);
        let Ok(Some(_lock)) = try_lock(&parent.memory) else {
            continue;
        };
        let all = parent.all();
        let swept = ending::sweep(&all, ending::PATIENCE)
            .and_then(|()| ending::remove(&all, ending::PATIENCE));
        match swept {
            Ok(()) => tracing::info!(%name, "control groups of an earlier worker are removed"),
            Err(error) => tracing::warn!(%name, %error, "control groups of an earlier worker stay"),
        }
    }
}

fn cannot_make(dir: &Path, error: &io::Error) -> String {
    format!(
        "cannot make the control group {}: {error}; run the worker as root or delegate the group above it to this user",
        dir.display()
    )
}
