//! Files without a name that processes still hold: open, or mapped into memory.

use nix::libc;
use std::{
    collections::HashSet,
    ffi::CString,
    fs,
    os::unix::{ffi::OsStrExt as _, fs::MetadataExt as _},
    path::Path,
};

/// Most descriptors and mappings one look goes through. The next look begins at another process.
const LOOKS_MAX: usize = 50_000;
const BLOCK_BYTES: u64 = 512;

/// What was found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Held {
    /// In files without a name on the file system that was asked about.
    pub(super) bytes: u64,
    /// Descriptors on their way through sockets of these processes.
    pub(super) in_flight: u64,
}

/// Looks at `pids`, beginning with the one at `first`, for files on the file system of `place`.
/// Processes that end meanwhile, or that we may not look into, hold nothing.
pub(super) fn held(pids: &[i32], first: usize, place: &Path) -> Held {
    let Ok(place) = fs::metadata(place) else {
        return Held::default();
    };
    let mut look = Look {
        device: place.dev(),
        seen: HashSet::new(),
        left: LOOKS_MAX,
        found: Held::default(),
    };
    let start = first % pids.len().max(1);
    for pid in pids[start..].iter().chain(&pids[..start]) {
        let proc = Path::new("/proc").join(pid.to_string());
        look.descriptors(&proc);
        look.mappings(&proc);
        if look.left == 0 {
            break;
        }
    }
    look.found
}

struct Look {
    device: u64,
    /// Files by their numbers: many may hold the same one.
    seen: HashSet<u64>,
    left: usize,
    found: Held,
}

impl Look {
    fn descriptors(&mut self, proc: &Path) {
        for entry in fs::read_dir(proc.join("fd"))
            .into_iter()
            .flatten()
            .flatten()
        {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            // Of what is open, which no name leads to any more.
            let Some(about) = about(&entry.path()) else {
                continue;
            };
            if about.kind == libc::S_IFSOCK {
                let info = proc.join("fdinfo").join(entry.file_name());
                self.found.in_flight += in_flight(&fs::read_to_string(info).unwrap_or_default());
            } else {
                self.count(&about);
            }
        }
    }

    fn mappings(&mut self, proc: &Path) {
        let maps = fs::read_to_string(proc.join("maps")).unwrap_or_default();
        for range in maps.lines().filter_map(unnamed) {
            if self.left == 0 {
                return;
            }
            self.left -= 1;
            if let Some(about) = about(&proc.join("map_files").join(range)) {
                self.count(&about);
            }
        }
    }

    fn count(&mut self, about: &About) {
        let nameless = about.kind == libc::S_IFREG && about.links == 0;
        if nameless && about.device == self.device && self.seen.insert(about.number) {
            self.found.bytes += about.blocks * BLOCK_BYTES;
        }
    }
}

/// What the kernel knows of a file.
struct About {
    kind: libc::mode_t,
    links: u32,
    device: u64,
    number: u64,
    blocks: u64,
}

/// Never asks the file system: one that waits for a server must not be waited for here.
fn about(path: &Path) -> Option<About> {
    let path = CString::new(path.as_os_str().as_bytes()).ok()?;
    // SAFETY: all bytes zero is a valid `statx`, which holds nothing but numbers.
    let mut found: libc::statx = unsafe { std::mem::zeroed() };
    // SAFETY: the path is a C string and the structure is large enough; both live long enough.
    let outcome = unsafe {
        libc::statx(
            libc::AT_FDCWD,
            path.as_ptr(),
            libc::AT_STATX_DONT_SYNC,
            libc::STATX_BASIC_STATS,
            &raw mut found,
        )
    };
    (outcome == 0).then(|| About {
        kind: libc::mode_t::from(found.stx_mode) & libc::S_IFMT,
        links: found.stx_nlink,
        device: libc::makedev(found.stx_dev_major, found.stx_dev_minor),
        number: found.stx_ino,
        blocks: found.stx_blocks,
    })
}

/// Descriptors that wait in a socket, from what the kernel says of it.
fn in_flight(info: &str) -> u64 {
    let counts = info.lines().filter_map(|l| l.strip_prefix("scm_fds:"));
    counts.filter_map(|n| n.trim().parse::<u64>().ok()).sum()
}

/// The range of a mapping of a file that was removed.
fn unnamed(line: &str) -> Option<&str> {
    let on_disk = line.ends_with(" (deleted)") && !line.contains(" /memfd:");
    on_disk.then(|| line.split(' ').next())?
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::File, io::Write as _, os::fd::AsRawFd as _};

    fn me() -> [i32; 1] {
        [i32::try_from(std::process::id()).expect("a process")]
    }

    #[test]
    fn a_removed_file_counts_once_as_long_as_it_is_open() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("file");
        let before = held(&me(), 0, dir.path()).bytes;
        let mut file = File::create(&path).expect("a file");
        file.write_all(&vec![1; 3 << 20]).expect("written");
        let other = file.try_clone().expect("a descriptor");
        assert_eq!(held(&me(), 7, dir.path()).bytes, before, "it has a name");
        fs::remove_file(&path).expect("removed");
        let with = held(&me(), 7, dir.path()).bytes - before;
        assert!((3 << 20..4 << 20).contains(&with), "{with}");
        drop((file, other));
        assert_eq!(held(&me(), 0, dir.path()).bytes, before);
    }

    #[test]
    fn descriptors_on_their_way_are_noticed() {
        use nix::sys::socket::{
            AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, sendmsg, socketpair,
        };
        let (ours, _theirs) = socketpair(
            AddressFamily::Unix,
            SockType::Stream,
            None,
            SockFlag::empty(),
        )
        .expect("sockets");
        let before = held(&me(), 0, Path::new("/")).in_flight;
        let file = File::open("/").expect("a descriptor");
        let fds = [file.as_raw_fd()];
        let rights = [ControlMessage::ScmRights(&fds)];
        let part = [std::io::IoSlice::new(b"x")];
        sendmsg::<()>(ours.as_raw_fd(), &part, &rights, MsgFlags::empty(), None).expect("sent");
        assert!(held(&me(), 0, Path::new("/")).in_flight > before);
    }

    #[test]
    fn mappings_of_removed_files_are_told_from_others() {
        let line = "7f00-7f10 rw-s 00000000 fe:00 12 /tmp/x (deleted)";
        assert_eq!(unnamed(line), Some("7f00-7f10"));
        assert_eq!(unnamed("7f00-7f10 rw-s 00000000 fe:00 12 /tmp/x"), None);
        let memory = "7f00-7f10 rw-s 00000000 00:01 12 /memfd:x (deleted)";
        assert_eq!(unnamed(memory), None);
    }
}
