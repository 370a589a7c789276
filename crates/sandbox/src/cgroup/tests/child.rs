//! Processes for tests: forked, put into a group, and gone when the test ends.

use crate::cgroup::{Cgroup, Cgroups, GroupLimits, mounts::Mounts};
use nix::{
    errno::Errno,
    libc,
    sys::{
        mman::{MapFlags, ProtFlags, mmap_anonymous},
        signal::{Signal, kill},
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, Pid, Uid, fork, pause, pipe, read, write},
};
use std::{
    num::NonZeroUsize,
    os::fd::{AsFd as _, OwnedFd},
    path::Path,
    time::{Duration, Instant},
};

/// Groups of a test, or none and a reason where there cannot be any.
pub(crate) fn groups(test: &str) -> Option<Cgroups> {
    if !Uid::effective().is_root() {
        println!("skipped: only root makes control groups");
        return None;
    }
    let mounts = Mounts::read(Path::new("/")).expect("/proc is mounted");
    if mounts.own("memory").is_none() && mounts.top("").is_none() {
        println!("skipped: no control groups are mounted");
        return None;
    }
    let name = format!("test-{}-{test}", std::process::id());
    Some(Cgroups::discover(Path::new("/"), &name).expect("root makes groups"))
}

pub(crate) fn limits() -> GroupLimits {
    GroupLimits {
        memory_bytes: Some(64 << 20),
        cpu_units: 1.0,
        cpu_max_cores: None,
        processes: Some(20),
    }
}

/// A child of the test. Its end is seen by `wait`.
pub(crate) struct Child {
    pub(crate) pid: Pid,
    said: OwnedFd,
    waited: bool,
}

/// What a child does to tell the test that it is where it should be.
pub(crate) struct Ready(OwnedFd);

impl Ready {
    pub(crate) fn say(&self) {
        let _ = write(&self.0, b"!");
    }
}

impl Child {
    /// Runs `work` in a fork that entered `group` first. The work may only do what is safe in a
    /// fork of a process with threads: no locks. glibc keeps its allocator usable.
    pub(crate) fn start(group: &Cgroup, work: impl FnOnce(&Ready) -> i32) -> Self {
        let entrances = group.entrances().expect("open files");
        let (said, ready) = pipe().expect("a pipe");
        // SAFETY: the child takes no lock until it exits; `work` promises that.
        match unsafe { fork() }.expect("a fork") {
            ForkResult::Parent { child } => Self {
                pid: child,
                said,
                waited: false,
            },
            ForkResult::Child => {
                let entered = entrances.iter().all(|file| write(file, b"0").is_ok());
                let code = if entered { work(&Ready(ready)) } else { 99 };
                // SAFETY: ends the fork without running what the test registered for its exit.
                unsafe { libc::_exit(code) }
            }
        }
    }

    /// Waits until the child says it is ready, or has ended without.
    pub(crate) fn ready(&self) {
        let mut buffer = [0];
        assert_eq!(
            read(self.said.as_fd(), &mut buffer),
            Ok(1),
            "the child ended early"
        );
    }

    pub(crate) fn wait(&mut self) -> WaitStatus {
        self.waited = true;
        waitpid(self.pid, None).expect("a child of ours")
    }

    /// Its end and the processor time it used, by `getrusage`.
    pub(crate) fn wait_with_usage(&mut self) -> (i32, u64) {
        self.waited = true;
        let (mut status, mut usage) = (0, std::mem::MaybeUninit::<libc::rusage>::uninit());
        // SAFETY: both are places of the right type that live until the call returns.
        let pid = unsafe { libc::wait4(self.pid.as_raw(), &raw mut status, 0, usage.as_mut_ptr()) };
        assert_eq!(pid, self.pid.as_raw());
        // SAFETY: the call succeeded, so the kernel filled it.
        let usage = unsafe { usage.assume_init() };
        let us = |time: libc::timeval| (time.tv_sec * 1_000_000 + time.tv_usec) as u64;
        (status, us(usage.ru_utime) + us(usage.ru_stime))
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if !self.waited {
            let _ = kill(self.pid, Signal::SIGKILL);
            let _ = waitpid(self.pid, None);
        }
    }
}

/// Takes that much memory and uses all of it.
pub(crate) fn touch(bytes: usize) {
    let size = NonZeroUsize::new(bytes).unwrap_or(NonZeroUsize::MIN);
    let access = ProtFlags::PROT_READ | ProtFlags::PROT_WRITE;
    // SAFETY: a new anonymous mapping; nothing else knows its address.
    let Ok(memory) = (unsafe { mmap_anonymous(None, size, access, MapFlags::MAP_PRIVATE) }) else {
        return;
    };
    for at in (0..bytes).step_by(4096) {
        // SAFETY: inside the mapping, which is writable and ours. Volatile, so that it happens.
        unsafe { memory.cast::<u8>().add(at).write_volatile(1) };
    }
}

/// Forks; the child sleeps for ever.
pub(crate) fn fork_sleeper() -> Result<(), Errno> {
    // SAFETY: the child only sleeps.
    match unsafe { fork() }? {
        ForkResult::Parent { .. } => Ok(()),
        ForkResult::Child => sleep(),
    }
}

pub(crate) fn sleep() -> ! {
    loop {
        pause();
    }
}

/// Polls until `done`, and fails after ten seconds.
pub(crate) fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < deadline, "not in ten seconds: {what}");
        std::thread::sleep(Duration::from_millis(2));
    }
}
