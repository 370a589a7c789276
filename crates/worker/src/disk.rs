//! How much a process of jobs keeps in its files, and taking those away.
//!
//! The files are a stranger's, who may change them while they are looked at: nothing here follows a
//! link, and nothing here needs more memory or descriptors than there are bounds for.
//!
//! What no look can see is a file without a name whose only descriptor is on its way through a
//! socket. That there is one can be seen, and then what is missing of the free space is laid to it.

mod held;
mod removing;

pub(crate) use removing::remove;

use held::held;

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
};
use std::{
    fs, io,
    os::{
        fd::{AsRawFd as _, OwnedFd},
        unix::fs::MetadataExt as _,
    },
    path::{Path, PathBuf},
};

/// More files than this are too many, whatever their size: a disk also runs out of them, and to look
/// at them takes time.
const FILES_MAX: u64 = 200_000;
/// Who gets little disk gets few files: one for so many bytes, which is what file systems reckon with.
const BYTES_PER_FILE: u64 = 4_096;
/// Most bytes of names of directories that are yet to be looked into.
const NAMES_MAX_BYTES: usize = 16 << 20;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) bytes: u64,
    /// Files and directories; counting ends just beyond the limit.
    pub(crate) files: u64,
}

/// The files of one process of jobs.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    root: PathBuf,
    limit_bytes: u64,
    /// Most files and directories.
    pub(crate) files_max: u64,
    /// Free on the file system before the process began.
    free_bytes: u64,
}

impl Place {
    pub(crate) fn new(root: &Path, limit_bytes: u64) -> Self {
        Self {
            root: root.to_owned(),
            limit_bytes,
            files_max: (limit_bytes / BYTES_PER_FILE).min(FILES_MAX),
            free_bytes: free(root).unwrap_or(0),
        }
    }

    /// Everything that `pids` keep there, with a name or without; `round` differs from look to look.
    pub(crate) fn look(&self, pids: &[i32], round: usize) -> Stored {
        let mut stored = measure(&self.root, self.files_max);
        let held = held(pids, round, &self.root);
        stored.bytes += held.bytes;
        let gone = || {
            self.free_bytes
                .saturating_sub(free(&self.root).unwrap_or(u64::MAX))
        };
        if held.in_flight > 0 {
            let gone = gone();
            // Others use the disk too: a small difference proves nothing.
            if gone > stored.bytes + self.limit_bytes {
                stored.bytes = gone;
            }
        }
        stored
    }
}

fn free(place: &Path) -> Option<u64> {
    let about = nix::sys::statvfs::statvfs(place).ok()?;
    Some(
        about
            .blocks_available()
            .saturating_mul(about.fragment_size()),
    )
}

/// Adds up what lies below `root`. Directories nested deeper than a path can name count as too
/// many: whatever is in them could be neither measured nor used by a path.
fn measure(root: &Path, files_max: u64) -> Stored {
    let mut stored = Stored::default();
    let Ok(top) = fs::File::open(root) else {
        return stored;
    };
    let top = OwnedFd::from(top);
    let mut open = vec![PathBuf::new()];
    let mut names_bytes = 0;
    while let Some(dir) = open.pop() {
        names_bytes -= dir.as_os_str().len();
        let entries = match list(&top, &dir) {
            Ok(entries) => entries,
            Err(error) if error.raw_os_error() == Some(Errno::ENAMETOOLONG as i32) => {
                stored.files = files_max + 1;
                return stored;
            }
            // Gone, or something else since it was listed.
            Err(_) => continue,
        };
        for entry in entries.flatten() {
            stored.files += 1;
            // Of the entry itself, not of what a link leads to.
            let Ok(about) = entry.metadata() else {
                continue;
            };
            // A second name of a file is no second file.
            stored.bytes += about.blocks() * 512 / about.nlink().max(1);
            if about.is_dir() {
                let below = dir.join(entry.file_name());
                names_bytes += below.as_os_str().len();
                open.push(below);
            }
            if stored.files > files_max || names_bytes > NAMES_MAX_BYTES {
                stored.files = files_max + 1;
                return stored;
            }
        }
    }
    stored
}

/// What is in a directory below `top`, without passing through a link on the way.
fn list(top: &OwnedFd, dir: &Path) -> io::Result<fs::ReadDir> {
    let way = match dir.as_os_str().is_empty() {
        true => Path::new("."),
        false => dir,
    };
    let how = OpenHow::new()
        .flags(OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_BENEATH | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let opened = openat2(top, way, how)?;
    // Entries are then looked at by this directory, whatever its name means by now.
    fs::read_dir(format!("/proc/self/fd/{}", opened.as_raw_fd()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::symlink;

    #[test]
    fn what_is_stored_is_counted_and_what_is_linked_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("sub")).expect("a directory");
        fs::write(dir.path().join("sub/file"), vec![1; 1 << 20]).expect("written");
        symlink("/usr", dir.path().join("link")).expect("linked");
        let stored = measure(dir.path(), 10);
        assert_eq!(stored.files, 3);
        assert!((1 << 20..2 << 20).contains(&stored.bytes), "{stored:?}");
        assert_eq!(
            measure(dir.path(), 1).files,
            2,
            "counting ends beyond the limit"
        );
    }

    #[test]
    fn a_link_in_place_of_a_directory_is_not_looked_through() {
        let dir = tempfile::tempdir().expect("a directory");
        symlink("/usr", dir.path().join("link")).expect("linked");
        let top = OwnedFd::from(fs::File::open(dir.path()).expect("opened"));
        assert!(list(&top, Path::new("link")).is_err());
        assert!(list(&top, Path::new("link/bin")).is_err());
        assert!(list(&top, Path::new("..")).is_err());
    }

    #[test]
    fn nothing_hides_below_the_longest_path_and_it_can_be_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("root");
        fs::create_dir(&root).expect("a directory");
        removing::tests::nest(&root, 40, &"d".repeat(200));
        assert!(measure(&root, FILES_MAX).files > FILES_MAX);
        remove(&root).expect("removed");
        assert!(!root.exists());
    }
}
