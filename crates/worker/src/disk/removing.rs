//! Takes a stranger's directory away, however it is nested.
//!
//! A recursion holds a descriptor, or a piece of stack, for every level, and strangers make as many
//! levels as they like. So directories are moved up to the top first and emptied there, one by one.

use nix::errno::Errno;
use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// A directory that is not empty after so many goes has somebody who fills it.
const GOES_MAX: u32 = 16;
/// After the first go, and more after each further one: who fills it may be about to end.
const PAUSE: Duration = Duration::from_millis(1);
/// What is moved up begins with this.
const MOVED: &str = ".moved-";

/// Removals of this process so far.
static REMOVALS: AtomicU64 = AtomicU64::new(0);

/// Removes `root` with all that is in it. Nobody but us may be able to write to `root` itself; below
/// it anything may happen meanwhile. What an earlier removal left there half done, or what another one
/// takes away at the same time, is no hindrance. A mount is: what is in it is somebody else's, and neither
/// the root nor, because mounts cannot be moved up, anything below it is ever emptied.
pub(crate) fn remove(root: &Path) -> io::Result<()> {
    let about = fs::symlink_metadata(root)?;
    let above = fs::metadata(root.parent().unwrap_or(root))?;
    if about.dev() != above.dev() {
        return Err(io::Error::from_raw_os_error(Errno::EBUSY as i32));
    }
    for go in 1.. {
        let mut moving = Moving::new(root);
        moving.empty(root)?;
        while let Some(dir) = moving.next() {
            moving.take_away(&dir)?;
        }
        match gone(fs::remove_dir(root)) {
            Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && go < GOES_MAX => {
                std::thread::sleep(PAUSE * go);
            }
            done => return done,
        }
    }
    unreachable!("the loop ends by returning")
}

/// The directories that one removal has moved up and not yet emptied.
struct Moving<'a> {
    root: &'a Path,
    /// Of no other removal, of this process or of one that ended before it was done.
    prefix: String,
    moved: u64,
    done: u64,
}

impl<'a> Moving<'a> {
    fn new(root: &'a Path) -> Self {
        let removal = REMOVALS.fetch_add(1, Ordering::Relaxed);
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        let now = now.unwrap_or_default().as_nanos();
        Self {
            root,
            prefix: format!("{MOVED}{}-{removal}-{now}-", std::process::id()),
            moved: 0,
            done: 0,
        }
    }

    fn place(&self, number: u64) -> PathBuf {
        self.root.join(format!("{}{number}", self.prefix))
    }

    fn next(&mut self) -> Option<PathBuf> {
        let next = (self.done < self.moved).then(|| self.place(self.done));
        self.done += 1;
        next
    }

    fn take_away(&mut self, dir: &Path) -> io::Result<()> {
        for go in 1.. {
            self.empty(dir)?;
            match gone(fs::remove_dir(dir)) {
                Err(error) if error.kind() == io::ErrorKind::DirectoryNotEmpty && go < GOES_MAX => {
                    std::thread::sleep(PAUSE * go);
                }
                done => return done,
            }
        }
        unreachable!("the loop ends by returning")
    }

    /// Removes the files in `dir` and moves its directories up to `root`.
    fn empty(&mut self, dir: &Path) -> io::Result<()> {
        let Some(entries) = found(fs::read_dir(dir))? else {
            return Ok(());
        };
        for entry in entries {
            let entry = entry?;
            let path = entry.path();
            let own = self.prefix.as_bytes();
            if dir == self.root && entry.file_name().as_encoded_bytes().starts_with(own) {
                continue;
            }
            // Not followed: a link is removed, not what it leads to.
            match found(entry.file_type())? {
                None => {}
                Some(kind) if kind.is_dir() => self.move_up(&path)?,
                Some(_) => gone(fs::remove_file(&path))?,
            }
        }
        Ok(())
    }

    fn move_up(&mut self, path: &Path) -> io::Result<()> {
        let place = self.place(self.moved);
        if found(fs::rename(path, &place))?.is_none() {
            return Ok(());
        }
        // It may have become something else since it was looked at.
        match found(fs::symlink_metadata(&place))? {
            Some(about) if about.is_dir() => self.moved += 1,
            Some(_) => gone(fs::remove_file(&place))?,
            None => {}
        }
        Ok(())
    }
}

/// Somebody else may have taken away what was there a moment ago.
fn found<T>(outcome: io::Result<T>) -> io::Result<Option<T>> {
    match outcome {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn gone(outcome: io::Result<()>) -> io::Result<()> {
    found(outcome).map(|_| ())
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
    fn what_is_in_a_mount_is_never_removed() {
        use nix::{
            mount::{MsFlags, mount},
            sched::{CloneFlags, unshare},
        };
        if !nix::unistd::Uid::effective().is_root() {
            eprintln!("skipped: needs root");
            return;
        }
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("root");
        fs::create_dir_all(root.join("a/mounted")).expect("directories");
        let removals = || {
            unshare(CloneFlags::CLONE_NEWNS).expect("a namespace");
            let none = None::<&str>;
            let private = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
            mount(none, "/", none, private, none).expect("private");
            let at = root.join("a/mounted");
            mount(Some("tmpfs"), &at, Some("tmpfs"), MsFlags::empty(), none).expect("mounted");
            let file = fs::File::create(at.join("file")).expect("a file");
            let outcomes = [remove(&at), remove(&root.join("a")), remove(&root)];
            // What leads to it may have been moved; its name must be left.
            let names = file.metadata().expect("known").nlink();
            (outcomes.map(|o| o.is_err()), names)
        };
        // A namespace belongs to a thread.
        let seen = std::thread::scope(|s| s.spawn(removals).join()).expect("no panic");
        assert_eq!(seen, ([true; 3], 1));
    }

    #[test]
    fn what_is_not_there_is_not_removed() {
        let dir = tempfile::tempdir().expect("a directory");
        let missing = remove(&dir.path().join("missing")).expect_err("it is not there");
        assert_eq!(missing.kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn what_an_earlier_removal_left_half_done_goes_too() {
        let dir = tempfile::tempdir().expect("a directory");
        let root = dir.path().join("root");
        for path in [".moved-0/below", ".moved-1", "a"] {
            fs::create_dir_all(root.join(path)).expect("directories");
        }
        remove(&root).expect("removed");
        assert!(!root.exists());
    }

    #[test]
    fn two_may_remove_the_same_at_once() {
        let dir = tempfile::tempdir().expect("a directory");
        for round in 0..20 {
            let root = dir.path().join(format!("root-{round}"));
            for number in 0..50 {
                fs::create_dir_all(root.join(format!("{number}/a/b"))).expect("directories");
            }
            std::thread::scope(|scope| {
                let goes = [root.clone(), root.join("7"), root.clone()];
                let goes: Vec<_> = goes.map(|root| scope.spawn(move || remove(&root))).into();
                for go in goes {
                    // Nothing left of it by the time it was looked for is as good.
                    match go.join().expect("no panic") {
                        Err(error) if error.kind() != io::ErrorKind::NotFound => panic!("{error}"),
                        _ => {}
                    }
                }
            });
            assert!(!root.exists());
        }
    }
}
