//! How much a process of jobs keeps in its files.

use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

/// More files than this are too many, whatever their size: a disk also runs out of them.
pub(crate) const FILES_MAX: u64 = 200_000;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) bytes: u64,
    /// Files and directories; counting ends just beyond the limit.
    pub(crate) files: u64,
}

/// Adds up what lies below `root`. Links are not followed, so nothing outside is counted.
pub(crate) fn measure(root: &Path) -> Stored {
    let mut stored = Stored::default();
    let mut open: Vec<PathBuf> = vec![root.to_owned()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            stored.files += 1;
            if stored.files > FILES_MAX {
                return stored;
            }
            // Of the entry itself, not of what a link leads to.
            let Ok(about) = entry.metadata() else {
                continue;
            };
            // A second name of a file is no second file.
            stored.bytes += about.blocks() * 512 / about.nlink().max(1);
            if about.is_dir() {
                open.push(entry.path());
            }
        }
    }
    stored
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_stored_is_counted_and_what_is_linked_is_not() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("sub")).expect("a directory");
        fs::write(dir.path().join("sub/file"), vec![1; 1 << 20]).expect("written");
        std::os::unix::fs::symlink("/usr", dir.path().join("link")).expect("linked");
        let stored = measure(dir.path());
        assert_eq!(stored.files, 3);
        assert!((1 << 20..2 << 20).contains(&stored.bytes), "{stored:?}");
    }
}
