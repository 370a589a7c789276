//! One data directory, one server: a lock that the kernel releases when the process ends.

use crate::failure::Failure;
use anyhow::{Context as _, Result, bail};
use nix::fcntl::{Flock, FlockArg};
use std::{
    fs::{File, OpenOptions},
    io::{Read as _, Seek as _, Write as _},
    os::unix::fs::OpenOptionsExt as _,
    path::Path,
};

/// Held while a server uses a data directory.
#[derive(Debug)]
pub(super) struct DataDirLock {
    file: Flock<File>,
}

impl DataDirLock {
    /// Takes the directory, or says who has it.
    pub(super) fn take(data_dir: &Path) -> Result<Self> {
        let path = data_dir.join("serve.lock");
        // Not truncated: until the lock is ours, the content is another server's.
        let opened = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(&path);
        let mut file = opened.with_context(|| format!("could not open {}", path.display()))?;
        let mut holder = String::new();
        file.read_to_string(&mut holder)
            .with_context(|| format!("could not read {}", path.display()))?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(Self { file }),
            Err((_, nix::errno::Errno::EWOULDBLOCK)) => bail!(Failure::usage(
                format!(
                    "another server uses {} already: {}",
                    data_dir.display(),
                    holder.trim()
                ),
                "use that one, stop it first, or give this one its own --data-dir",
            )),
            Err((_, error)) => {
                Err(error).with_context(|| format!("could not lock {}", path.display()))
            }
        }
    }

    /// Leaves word of who holds it, for whoever tries next.
    pub(super) fn announce(&mut self, url: &str) -> Result<()> {
        let write = |file: &mut File| {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "process {}, {url}", std::process::id())
        };
        write(&mut self.file).context("could not write to serve.lock")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_server_is_told_who_has_the_directory() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let mut first = DataDirLock::take(dir.path()).expect("free");
        first.announce("http://127.0.0.1:1").expect("written");
        let refused = DataDirLock::take(dir.path())
            .expect_err("taken")
            .to_string();
        assert!(
            refused.contains("http://127.0.0.1:1")
                && refused.contains(&std::process::id().to_string()),
            "{refused}"
        );
        drop(first);
        DataDirLock::take(dir.path()).expect("free again");
    }
}
