//! Takes a stranger's directory away, however it is nested.
//!
//! A recursion holds a descriptor, or a piece of stack, for every level, and strangers make as many
//! levels as they like. So directories are moved up to the top first and emptied there, one by one.

use std::{fs, io, path::Path};

/// A directory that is not empty after so many goes has somebody who fills it.
const GOES_MAX: u32 = 16;

/// Removes `root` with all that is in it. Nobody but us may be able to write to `root` itself; below
/// it anything may happen meanwhile.
pub(crate) fn remove(root: &Path) -> io::Result<()> {
    let mut moved = 0;
    empty(root, root, &mut moved)?;
    let mut next = 0;
    while next < moved {
        let dir = root.join(name(next));
        next += 1;
        take_away(root, &dir, &mut moved)?;
    }
    gone(fs::remove_dir(root))
}

/// What is moved up is called by a number.
fn name(number: u64) -> String {
    format!(".moved-{number}")
}

fn take_away(root: &Path, dir: &Path, moved: &mut u64) -> io::Result<()> {
    for go in 1.. {
        empty(root, dir, moved)?;
        match gone(fs::remove_dir(dir)) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && go < GOES_MAX => {}
            done => return done,
        }
    }
    unreachable!("the loop ends by returning")
}

/// Removes the files in `dir` and moves its directories up to `root`.
fn empty(root: &Path, dir: &Path, moved: &mut u64) -> io::Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        let path = entry.path();
        if dir == root && entry.file_name().as_encoded_bytes().starts_with(b".moved-") {
            continue;
        }
        // Not followed: a link is removed, not what it leads to.
        match entry.file_type()?.is_dir() {
            false => gone(fs::remove_file(&path))?,
            true => {
                let place = root.join(name(*moved));
                fs::rename(&path, &place)?;
                if fs::symlink_metadata(&place)?.is_dir() {
                    *moved += 1;
                } else {
                    fs::remove_file(&place)?;
                }
            }
        }
    }
    Ok(())
}

fn gone(outcome: io::Result<()>) -> io::Result<()> {
    match outcome {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use nix::{
        fcntl::{AT_FDCWD, OFlag, openat},
        sys::stat::{Mode, mkdirat},
    };

    /// Directories in each other, and a file in the last one.
    pub(in super::super) fn nest(root: &Path, levels: u32, name: &str) {
        let flags = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut at = openat(AT_FDCWD, root, flags, Mode::empty()).expect("opened");
        for _ in 0..levels {
            mkdirat(&at, name, Mode::S_IRWXU).expect("a directory");
            at = openat(&at, name, flags, Mode::empty()).expect("opened");
        }
        let create = OFlag::O_CREAT | OFlag::O_WRONLY | OFlag::O_CLOEXEC;
        openat(&at, "file", create, Mode::S_IRWXU).expect("a file");
    }

    #[test]
    fn all_of_it_goes_and_nothing_else() {
        let dir = tempfile::tempdir().expect("a directory");
        let (root, kept) = (dir.path().join("root"), dir.path().join("kept"));
        for path in [&root, &kept, &root.join("a"), &root.join("a/b")] {
            fs::create_dir(path).expect("a directory");
        }
        fs::write(kept.join("file"), "kept").expect("written");
        fs::hard_link(kept.join("file"), root.join("a/hard")).expect("linked");
        for place in ["link", "a/link", "a/b/link"] {
            std::os::unix::fs::symlink(&kept, root.join(place)).expect("linked");
        }
        // More levels than a thread has stack for, or a process descriptors.
        nest(&root.join("a"), 3_000, "d");
        remove(&root).expect("removed");
        assert!(!root.exists());
        let text = fs::read_to_string(kept.join("file")).expect("still there");
        assert_eq!(text, "kept");
    }

    #[test]
    fn what_is_not_there_is_not_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let missing = remove(&dir.path().join("missing")).expect_err("it is not there");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }
}
