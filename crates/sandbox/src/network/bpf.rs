//! The system call `bpf`: the three of its commands that are needed.

use super::program::Instruction;
use nix::libc;
use std::{
    ffi::{CStr, c_long},
    fs::File,
    io,
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
    path::Path,
};

const MAP_CREATE: c_long = 0;
const PROGRAM_LOAD: c_long = 5;
const LINK_CREATE: c_long = 28;

const MAP_TYPE_ARRAY: u32 = 2;
const MAP_MAY_BE_MAPPED: u32 = 1 << 10;

/// None of the functions we call asks for more.
const LICENCE: &CStr = c"Apache-2.0";

/// What a program decides about, and where it is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hook {
    Ingress,
    Egress,
    SocketCreate,
    Bind4,
    Bind6,
    Connect4,
    Connect6,
    SendMessage4,
    SendMessage6,
}

impl Hook {
    /// The kernel's numbers for the type of program and the type of attachment.
    fn numbers(self) -> (u32, u32) {
        const PACKET: u32 = 8;
        const SOCKET: u32 = 9;
        const ADDRESS: u32 = 18;
        match self {
            Self::Ingress => (PACKET, 0),
            Self::Egress => (PACKET, 1),
            Self::SocketCreate => (SOCKET, 2),
            Self::Bind4 => (ADDRESS, 8),
            Self::Bind6 => (ADDRESS, 9),
            Self::Connect4 => (ADDRESS, 10),
            Self::Connect6 => (ADDRESS, 11),
            Self::SendMessage4 => (ADDRESS, 14),
            Self::SendMessage6 => (ADDRESS, 15),
        }
    }
}

/// Programs that run for a control group. They stop doing so when this is dropped, or when the
/// group is removed.
#[derive(Debug)]
#[must_use = "programs are detached when this is dropped"]
pub struct Attached {
    _links: Vec<OwnedFd>,
}

/// Loads the programs and attaches them to the group at `dir`: all or none.
pub(super) fn attach(dir: &Path, programs: &[(Hook, Vec<Instruction>)]) -> io::Result<Attached> {
    let group = File::open(dir)?;
    let link = |(hook, code): &(Hook, Vec<Instruction>)| {
        let program = load(*hook, code)?;
        // The link holds the program, so its own descriptor can go.
        create_link(&program, &group, *hook)
    };
    let links = programs.iter().map(link).collect::<io::Result<_>>()?;
    Ok(Attached { _links: links })
}

/// An array of one value of `size` bytes, which user space can map into its memory.
pub(super) fn create_map(size: u32) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        map_type: u32,
        key_size: u32,
        value_size: u32,
        max_entries: u32,
        map_flags: u32,
    }
    let attributes = Attributes {
        map_type: MAP_TYPE_ARRAY,
        key_size: 4,
        value_size: size,
        max_entries: 1,
        map_flags: MAP_MAY_BE_MAPPED,
    };
    // SAFETY: the attributes of this command, of which a prefix is enough; they hold no pointers.
    unsafe { bpf(MAP_CREATE, &attributes) }
}

fn load(hook: Hook, code: &[Instruction]) -> io::Result<OwnedFd> {
    let error = match load_with(hook, code, &mut []) {
        Ok(program) => return Ok(program),
        Err(error) => error,
    };
    // Once more, to hear what the kernel does not like.
    let mut log = vec![0; 65_536];
    let _ = load_with(hook, code, &mut log);
    let log = String::from_utf8_lossy(&log);
    let log = log.trim_end_matches('\0').trim();
    let text = format!("the kernel refuses a program for {hook:?}: {error}\n{log}");
    Err(io::Error::new(error.kind(), text))
}

fn load_with(hook: Hook, code: &[Instruction], log: &mut [u8]) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        program_type: u32,
        instruction_count: u32,
        instructions: u64,
        licence: u64,
        log_level: u32,
        log_size: u32,
        log: u64,
        kernel_version: u32,
        flags: u32,
        name: [u8; 16],
        interface: u32,
        attach_type: u32,
    }
    let (program_type, attach_type) = hook.numbers();
    let wants_log = !log.is_empty();
    let attributes = Attributes {
        program_type,
        instruction_count: u32::try_from(code.len()).map_err(io::Error::other)?,
        instructions: code.as_ptr().addr() as u64,
        licence: LICENCE.as_ptr().addr() as u64,
        log_level: wants_log.into(),
        log_size: u32::try_from(log.len()).map_err(io::Error::other)?,
        log: if wants_log {
            log.as_mut_ptr().addr() as u64
        } else {
            0
        },
        kernel_version: 0,
        flags: 0,
        name: *b"picloud\0\0\0\0\0\0\0\0\0",
        interface: 0,
        attach_type,
    };
    // SAFETY: the attributes of this command. Code, licence and log outlive the call and are as
    // long as is said; the kernel checks the code before it runs it.
    unsafe { bpf(PROGRAM_LOAD, &attributes) }
}

fn create_link(program: &OwnedFd, group: &File, hook: Hook) -> io::Result<OwnedFd> {
    #[repr(C)]
    struct Attributes {
        program: i32,
        target: i32,
        attach_type: u32,
        flags: u32,
    }
    let attributes = Attributes {
        program: program.as_raw_fd(),
        target: group.as_raw_fd(),
        attach_type: hook.numbers().1,
        flags: 0,
    };
    // SAFETY: the attributes of this command; both descriptors are open.
    unsafe { bpf(LINK_CREATE, &attributes) }
}

/// One command that answers with a descriptor.
///
/// # Safety
///
/// `attributes` must be what the command expects, and addresses in it must be valid.
unsafe fn bpf<T>(command: c_long, attributes: &T) -> io::Result<OwnedFd> {
    // SAFETY: the kernel reads as many bytes as `attributes` has; the rest is the caller's promise.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            std::ptr::from_ref(attributes),
            size_of::<T>(),
        )
    };
    match i32::try_from(answer) {
        // SAFETY: a new descriptor, which nothing else owns. The kernel makes it close-on-exec.
        Ok(descriptor) if descriptor >= 0 => Ok(unsafe { OwnedFd::from_raw_fd(descriptor) }),
        _ => Err(io::Error::last_os_error()),
    }
}
