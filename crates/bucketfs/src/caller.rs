//! Who asks.

use std::fs;

/// Ids of one sandbox: see how slots are numbered by whoever makes them.
const IDS_OF_ONE: u32 = 65_536;
const SIGKILL_BIT: u64 = 1 << 8;

/// The sandbox that a user belongs to.
pub(crate) fn owner_of(uid: u32) -> u32 {
    uid / IDS_OF_ONE
}

/// The thread that a request comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Caller {
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    thread: u32,
}

impl Caller {
    pub(crate) fn of(request: &fuser::Request) -> Self {
        Self {
            uid: request.uid(),
            gid: request.gid(),
            thread: request.pid(),
        }
    }

    /// Its sandbox, as far as ids tell. What one writes the others see when it is an object.
    pub(crate) fn owner(&self) -> u32 {
        owner_of(self.uid)
    }

    /// The process it belongs to; none where that is not to be seen.
    pub(crate) fn process(&self) -> Option<u32> {
        self.status("Tgid:")?.parse().ok()
    }

    /// Whether it is being killed, so that what it left half-written is not what it meant to write. A
    /// process that ends for it keeps the signal pending.
    pub(crate) fn is_killed(&self) -> bool {
        ["SigPnd:", "ShdPnd:"].iter().any(|field| {
            let mask = self
                .status(field)
                .and_then(|text| u64::from_str_radix(&text, 16).ok());
            mask.is_some_and(|mask| mask & SIGKILL_BIT != 0)
        })
    }

    /// Whether it is in the middle of becoming another program, which has no code yet. Then it closes what
    /// that one is not to have, with the kernel's lock held that keeps others from looking at it.
    pub(crate) fn is_becoming(&self) -> bool {
        self.status("VmExe:").is_some_and(|size| size == "0 kB")
    }

    /// A line of its status. Never its `stat`, nor anything else that the kernel guards by the lock of
    /// programs being started: one that closes files as it starts another program holds that lock
    /// until we answer.
    fn status(&self, field: &str) -> Option<String> {
        let status = fs::read_to_string(format!("/proc/{}/status", self.thread)).ok()?;
        let line = status.lines().find(|l| l.starts_with(field))?;
        Some(line[field.len()..].trim().to_owned())
    }
}
