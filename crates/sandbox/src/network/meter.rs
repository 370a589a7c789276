//! Counts the bytes that control groups receive and send.

use super::{
    Attached,
    bpf::{self, Hook},
    program::{Instruction, Program, Register::*, Width},
};
use nix::sys::mman::{MapFlags, ProtFlags, mmap, munmap};
use std::{
    io,
    num::NonZeroUsize,
    os::fd::{AsRawFd as _, OwnedFd},
    path::Path,
    ptr::NonNull,
    sync::atomic::{AtomicU64, Ordering},
};

/// Two counters of eight bytes: received, sent.
const SLOT_BYTES: u32 = 16;
/// 16 MiB of counters.
const SLOTS_MAX: u32 = 1 << 20;
/// `len` of the kernel's `__sk_buff`.
const PACKET_LENGTH: i16 = 0;

/// Counters for many groups, one slot each. The kernel adds, this process reads its own memory:
/// reading costs no system call. Counted are the bytes of IP packets, headers included, of
/// sockets that were made in the group.
///
/// Counters only grow. A slot that is used again goes on from where it was: take differences.
#[derive(Debug)]
pub struct Meter {
    /// The memory that the kernel's programs count in.
    map: OwnedFd,
    counters: NonNull<AtomicU64>,
    bytes: NonZeroUsize,
    slots: u32,
}

// SAFETY: the mapping belongs to this value and is only read, through atomics.
unsafe impl Send for Meter {}
// SAFETY: as above.
unsafe impl Sync for Meter {}

impl Meter {
    /// Room for that many groups. Needs `CAP_BPF` and `CAP_NET_ADMIN`, and Linux 5.7.
    pub fn open(slots: u32) -> io::Result<Self> {
        let bytes = slots.checked_mul(SLOT_BYTES).filter(|_| slots <= SLOTS_MAX);
        let size = bytes.and_then(|bytes| NonZeroUsize::new(bytes as usize));
        let (Some(bytes), Some(size)) = (bytes, size) else {
            return Err(no_such_slot(slots));
        };
        let map = bpf::create_map(bytes)?;
        // SAFETY: a new mapping at an address of the kernel's choice; it covers `size` bytes,
        // which the map has.
        let memory = unsafe {
            mmap(
                None,
                size,
                ProtFlags::PROT_READ,
                MapFlags::MAP_SHARED,
                &map,
                0,
            )?
        };
        Ok(Self {
            map,
            counters: memory.cast(),
            bytes: size,
            slots,
        })
    }

    /// Counts for the group whose directory of v2 is `v2_dir`, in `slot`, as long as the guard
    /// lives.
    pub fn attach(&self, v2_dir: &Path, slot: u32) -> io::Result<Attached> {
        if slot >= self.slots {
            return Err(no_such_slot(slot));
        }
        let received = slot * SLOT_BYTES;
        let programs = [
            (Hook::Ingress, self.count_into(received)),
            (Hook::Egress, self.count_into(received + 8)),
        ];
        bpf::attach(v2_dir, &programs)
    }

    /// Bytes received and sent, as of now.
    pub fn read(&self, slot: u32) -> (u64, u64) {
        if slot >= self.slots {
            return (0, 0);
        }
        let counter = |index: usize| {
            // SAFETY: the slot is inside the mapping, which lives as long as `self`; mappings
            // begin on a page, so counters are aligned. The kernel changes them atomically.
            unsafe { self.counters.add(index).as_ref() }.load(Ordering::Relaxed)
        };
        let first = slot as usize * 2;
        (counter(first), counter(first + 1))
    }

    /// Adds the length of the packet and lets it pass.
    fn count_into(&self, offset: u32) -> Vec<Instruction> {
        let mut program = Program::default();
        program
            .load(R2, R1, PACKET_LENGTH, Width::U32)
            .map_value(R3, self.map.as_raw_fd(), offset)
            .add_atomically(R3, 0, R2)
            .end(1);
        program.finish()
    }
}

impl Drop for Meter {
    fn drop(&mut self) {
        // SAFETY: mapped in `open` with this size; nothing borrows from it any more. Programs
        // that are still attached keep the memory itself alive.
        let _ = unsafe { munmap(self.counters.cast(), self.bytes.get()) };
    }
}

fn no_such_slot(slot: u32) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("{slot} is beyond the slots of this meter"),
    )
}
