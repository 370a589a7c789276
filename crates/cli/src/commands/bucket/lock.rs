//! One process at a time, of those of one machine that want the same file.

use crate::failure::Failure;
use anyhow::{Context as _, Result};
use nix::fcntl::{Flock, FlockArg};
use std::{
    fs::{File, OpenOptions},
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// The kernel can wait for a lock, but not for a time.
const POLL: Duration = Duration::from_millis(20);

/// The lock of a file that need not be there: a file beside it, gone with the lock. The same one that
/// `cloud.bucket.mpsafe_get` takes.
pub(super) struct FileLock {
    path: PathBuf,
    _held: Flock<File>,
}

impl FileLock {
    /// Waits for it, as long as `patience` says.
    pub(super) async fn take(path: &Path, patience: Option<Duration>) -> Result<Self> {
        let until = patience.map(|patience| Instant::now() + patience);
        let folder = path.parent().unwrap_or(Path::new(""));
        let name: String = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .chars()
            .take(200)
            .collect();
        let beside = folder.join(format!(".{name}.picloud-lock"));
        std::fs::create_dir_all(folder)
            .with_context(|| format!("could not make the directory {}", folder.display()))?;
        loop {
            let mut file = open(&beside)?;
            let held = loop {
                match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
                    Ok(held) => break held,
                    Err((back, nix::errno::Errno::EWOULDBLOCK)) => file = back,
                    Err((_, error)) => {
                        return Err(error)
                            .with_context(|| format!("could not lock {}", beside.display()));
                    }
                }
                if until.is_some_and(|until| Instant::now() >= until) {
                    return Err(Failure::usage(
                        format!("another process is still downloading {}", path.display()),
                        "wait longer with --timeout",
                    )
                    .into());
                }
                tokio::time::sleep(POLL).await;
            };
            // Who had it before has removed it: what is locked then is nobody's name any more.
            if is(&held, &beside) {
                return Ok(Self {
                    path: beside,
                    _held: held,
                });
            }
        }
    }
}

impl Drop for FileLock {
    fn drop(&mut self) {
        // Still locked, so that nobody else removes it; gone already is as it should be.
        let _ = std::fs::remove_file(&self.path);
    }
}

fn open(path: &Path) -> Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(path)
        .with_context(|| format!("could not write {}", path.display()))
}

fn is(held: &File, path: &Path) -> bool {
    match (held.metadata(), path.metadata()) {
        (Ok(one), Ok(other)) => (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}
