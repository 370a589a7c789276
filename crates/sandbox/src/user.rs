//! User namespaces: made once, joined by many processes one after another.

use nix::{
    fcntl::OFlag,
    sched::{CloneFlags, unshare},
    sys::{signal::Signal, wait::waitpid},
    unistd::{ForkResult, Gid, Pid, Uid, fork, getgid, getuid, pipe2},
};
use std::{fs, io, io::Read as _, os::fd::OwnedFd, path::Path};

/// First id of the first slot: above what distributions give to users and engines to containers.
const BASE: u32 = 0x7000_0000;
/// Ids of one slot.
const RANGE: u32 = 65_536;
/// Slots there are: the last ids stay below 2^31, beyond which programs see negative numbers.
pub const SLOTS: u32 = 4_095;

/// How ids inside are ids outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ids {
    /// 0 to 65,535 inside are a range of this slot's own outside.
    Range { slot: u32 },
    /// One id inside is the id of whoever makes it.
    Single { inside: u32 },
}

impl Ids {
    fn map(self, own: u32) -> String {
        match self {
            Self::Range { .. } => format!("0 {} {RANGE}\n", self.outside(0, own)),
            Self::Single { inside } => format!("{inside} {own} 1\n"),
        }
    }

    /// What an id inside is outside; `own` is that of the maker.
    pub fn outside(self, inside: u32, own: u32) -> u32 {
        match self {
            Self::Range { slot } => BASE + slot * RANGE + inside,
            Self::Single { .. } => own,
        }
    }
}

/// Makes a user namespace and returns its descriptor.
pub fn make(ids: Ids) -> io::Result<OwnedFd> {
    let (ready, is_ready) = pipe2(OFlag::O_CLOEXEC)?;
    let (done, is_done) = pipe2(OFlag::O_CLOEXEC)?;
    // SAFETY: the child calls only what is safe after a fork of a process with threads: `unshare`,
    // `write`, `read` and `_exit`; it allocates nothing.
    match unsafe { fork()? } {
        ForkResult::Child => {
            let worked = unshare(CloneFlags::CLONE_NEWUSER).is_ok();
            let _ = nix::unistd::write(&is_ready, &[u8::from(worked)]);
            drop(is_done);
            // Until the parent has what it needs, or is gone.
            let _ = nix::unistd::read(&done, &mut [0]);
            // SAFETY: ends this process without running anything of the parent's.
            unsafe { nix::libc::_exit(0) }
        }
        ForkResult::Parent { child } => {
            drop(is_ready);
            let made = finish(child, ready, ids);
            let _ = nix::sys::signal::kill(child, Signal::SIGKILL);
            let _ = waitpid(child, None);
            drop(is_done);
            made
        }
    }
}

fn finish(child: Pid, ready: OwnedFd, ids: Ids) -> io::Result<OwnedFd> {
    let mut worked = [0];
    fs::File::from(ready).read_exact(&mut worked)?;
    if worked != [1] {
        return Err(io::Error::other("the kernel makes no user namespaces"));
    }
    let proc = Path::new("/proc").join(child.to_string());
    let (uid, gid) = (getuid().as_raw(), getgid().as_raw());
    if matches!(ids, Ids::Single { .. }) {
        // Without this the kernel takes no map of groups from somebody without privileges.
        let _ = fs::write(proc.join("setgroups"), "deny");
    }
    fs::write(proc.join("uid_map"), ids.map(uid))?;
    fs::write(proc.join("gid_map"), ids.map(gid))?;
    Ok(fs::File::open(proc.join("ns/user"))?.into())
}

/// Makes this process root of a user and a mount namespace of its own, so that it can make
/// sandboxes without being root of the machine. To be called before there are threads.
pub fn become_rootless() -> io::Result<()> {
    let (uid, gid) = (Uid::current(), Gid::current());
    unshare(CloneFlags::CLONE_NEWUSER | CloneFlags::CLONE_NEWNS)?;
    let _ = fs::write("/proc/self/setgroups", "deny");
    fs::write("/proc/self/uid_map", format!("0 {uid} 1\n"))?;
    fs::write("/proc/self/gid_map", format!("0 {gid} 1\n"))
}

/// Whether this process is root of a user namespace that is not the machine's.
pub fn is_rootless() -> bool {
    // The machine's own maps every id to itself.
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| {
        map.split_whitespace()
            .nth(2)
            .is_some_and(|count| count == "1")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_slots_share_an_id_and_none_is_negative() {
        let last = |slot| Ids::Range { slot }.outside(RANGE - 1, 0);
        assert_eq!(last(0) + 1, Ids::Range { slot: 1 }.outside(0, 0));
        assert!(last(SLOTS - 1) < 0x7fff_ffff);
    }

    #[test]
    fn a_namespace_made_maps_what_was_asked() {
        let made = make(Ids::Range { slot: 7 });
        if !Uid::effective().is_root() {
            return;
        }
        assert!(made.is_ok(), "{made:?}");
    }
}
