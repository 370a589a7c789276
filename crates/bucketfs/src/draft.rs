//! What is being written: a file without a name on the worker's disk, until it becomes an object.

use crate::{errors::Answer, files::Limits};
use fuser::Errno;
use nix::sys::statvfs::statvfs;
use picloud_types::ObjectKey;
use std::{
    collections::HashMap,
    fs::{File, OpenOptions},
    io,
    os::{
        fd::AsRawFd as _,
        unix::fs::{FileExt as _, OpenOptionsExt as _},
    },
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    time::SystemTime,
};

/// The last of a disk is not for files that are on their way elsewhere.
const KEPT_FREE_BYTES: u64 = 64 << 20;

/// Drafts of all file systems of this process: each is a descriptor, of which a process has only so many.
static OF_ALL: AtomicUsize = AtomicUsize::new(0);

/// Where drafts lie, and what each sandbox has there.
#[derive(Debug)]
pub(crate) struct Desk {
    dir: PathBuf,
    limits: Limits,
    used: Mutex<HashMap<u32, Used>>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Used {
    bytes: u64,
    drafts: usize,
}

impl Desk {
    pub(crate) fn new(dir: &Path, limits: Limits) -> Self {
        Self {
            dir: dir.to_owned(),
            limits,
            used: Mutex::default(),
        }
    }

    fn used(&self) -> MutexGuard<'_, HashMap<u32, Used>> {
        self.used.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more draft.
    fn take(&self, owner: u32) -> Answer<()> {
        let mut used = self.used();
        let own = used.entry(owner).or_default();
        if own.drafts >= self.limits.drafts {
            return Err(Errno::EMFILE);
        }
        if OF_ALL.fetch_add(1, Ordering::Relaxed) >= self.limits.drafts_of_all {
            OF_ALL.fetch_sub(1, Ordering::Relaxed);
            return Err(Errno::ENFILE);
        }
        own.drafts += 1;
        Ok(())
    }

    fn grow(&self, owner: u32, bytes: u64) -> Answer<()> {
        let mut used = self.used();
        let own = used.entry(owner).or_default();
        let sum = own.bytes.checked_add(bytes).ok_or(Errno::EFBIG)?;
        if sum > self.limits.draft_bytes {
            return Err(Errno::ENOSPC);
        }
        own.bytes = sum;
        Ok(())
    }

    fn shrink(&self, owner: u32, bytes: u64) {
        if let Some(own) = self.used().get_mut(&owner) {
            own.bytes = own.bytes.saturating_sub(bytes);
        }
    }

    /// A draft of so many bytes is no more.
    fn give_back(&self, owner: u32, bytes: u64) {
        OF_ALL.fetch_sub(1, Ordering::Relaxed);
        let mut used = self.used();
        if let Some(own) = used.get_mut(&owner) {
            own.bytes = own.bytes.saturating_sub(bytes);
            own.drafts = own.drafts.saturating_sub(1);
            if *own == Used::default() {
                used.remove(&owner);
            }
        }
    }

    fn has_room(&self, bytes: u64) -> bool {
        statvfs(&self.dir).is_ok_and(|about| {
            let free = about.blocks_available() * about.fragment_size();
            free >= bytes + KEPT_FREE_BYTES
        })
    }
}

#[derive(Debug)]
pub(crate) struct Draft {
    pub(crate) id: u64,
    /// What its writers know it by.
    node: AtomicU64,
    pub(crate) owner: u32,
    file: File,
    desk: Arc<Desk>,
    state: Mutex<State>,
    /// Held while it becomes an object, is renamed or removed: one after the other.
    pub(crate) publishing: tokio::sync::Mutex<()>,
}

/// See `Draft`.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// None: it will not become an object.
    pub(crate) key: Option<ObjectKey>,
    pub(crate) size: u64,
    pub(crate) modified: SystemTime,
    /// Raised with every change.
    pub(crate) generation: u64,
    /// The generation that is an object, or that could not become one.
    pub(crate) settled: Option<u64>,
    /// There was an object under this key.
    pub(crate) replaces: bool,
    pub(crate) handles: u32,
}

impl State {
    /// Whether it is not what the server has.
    pub(crate) fn is_dirty(&self) -> bool {
        self.key.is_some() && self.settled != Some(self.generation)
    }
}

impl Draft {
    /// An empty one, with one handle.
    pub(crate) fn new(
        desk: &Arc<Desk>,
        id: u64,
        owner: u32,
        key: ObjectKey,
        replaces: bool,
    ) -> Answer<Self> {
        if !desk.has_room(0) {
            return Err(Errno::ENOSPC);
        }
        desk.take(owner)?;
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .mode(0o600)
            .custom_flags(nix::libc::O_TMPFILE | nix::libc::O_CLOEXEC)
            .open(&desk.dir)
            .map_err(|e| {
                desk.give_back(owner, 0);
                local(&e)
            })?;
        let state = State {
            key: Some(key),
            size: 0,
            modified: SystemTime::now(),
            generation: 0,
            settled: None,
            replaces,
            handles: 1,
        };
        Ok(Self {
            id,
            node: AtomicU64::new(0),
            owner,
            file,
            desk: Arc::clone(desk),
            state: Mutex::new(state),
            publishing: tokio::sync::Mutex::default(),
        })
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn node(&self) -> u64 {
        self.node.load(Ordering::Relaxed)
    }

    pub(crate) fn set_node(&self, node: u64) {
        self.node.store(node, Ordering::Relaxed);
    }

    /// Writes at `offset`, or at the end.
    pub(crate) fn write(&self, offset: Option<u64>, data: &[u8]) -> Answer<()> {
        let mut state = self.state();
        let offset = offset.unwrap_or(state.size);
        let end = offset.checked_add(data.len() as u64).ok_or(Errno::EFBIG)?;
        let more = end.saturating_sub(state.size);
        if more > 0 {
            if !self.desk.has_room(data.len() as u64) {
                return Err(Errno::ENOSPC);
            }
            self.desk.grow(self.owner, more)?;
        }
        let written = self.file.write_all_at(data, offset);
        state.size = state.size.max(end);
        state.generation += 1;
        state.modified = SystemTime::now();
        written.map_err(|e| local(&e))
    }

    pub(crate) fn truncate(&self, size: u64) -> Answer<()> {
        let mut state = self.state();
        if size > state.size {
            self.desk.grow(self.owner, size - state.size)?;
        }
        let cut = self.file.set_len(size);
        if cut.is_ok() && size < state.size {
            self.desk.shrink(self.owner, state.size - size);
        }
        cut.map_err(|e| local(&e))?;
        state.size = size;
        state.generation += 1;
        state.modified = SystemTime::now();
        Ok(())
    }

    pub(crate) fn read(&self, offset: u64, size: usize) -> Answer<Vec<u8>> {
        let mut bytes = vec![0; size];
        let mut filled = 0;
        while filled < size {
            match self
                .file
                .read_at(&mut bytes[filled..], offset + filled as u64)
            {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(local(&error)),
            }
        }
        bytes.truncate(filled);
        Ok(bytes)
    }

    /// The same content with a position of its own.
    pub(crate) fn reopen(&self) -> Answer<File> {
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        File::open(path).map_err(|e| local(&e))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        let size = self.state().size;
        self.desk.give_back(self.owner, size);
    }
}

/// An error of the worker's own disk.
fn local(error: &io::Error) -> Errno {
    match error.raw_os_error() {
        Some(nix::libc::ENOSPC) => Errno::ENOSPC,
        Some(nix::libc::EFBIG) => Errno::EFBIG,
        Some(nix::libc::EMFILE | nix::libc::ENFILE) => Errno::ENFILE,
        _ => Errno::EIO,
    }
}
