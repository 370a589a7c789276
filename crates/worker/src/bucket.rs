//! The objects of accounts as files in sandboxes, at `/bucket`.
//!
//! One file system per account, mounted when the first process for that account is built. They have
//! threads and connections that nothing else uses: the worker looks at processes of jobs, and such a
//! look may have to wait until a file system has answered that process.

mod remote;

use crate::worker::Options;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use picloud_bucketfs::{Limits, Mounted};
use picloud_client::WorkerClient;
use picloud_types::{AccountId, WorkerId};
use remote::Remote;
use std::{
    collections::HashMap,
    fmt, fs, io,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicI64, Ordering},
    },
};
use tokio::runtime::Runtime;
use tracing::warn;

/// Where jobs find it.
pub(crate) const INSIDE: &str = "/bucket";
/// Of the worker's memory, for what was read of one account's objects.
const CACHE_BYTES: u64 = 32 << 20;
/// File systems that are kept though no process has them, for the next one.
const IDLE_MAX: usize = 32;
/// Descriptors the worker would like to be allowed, and the part of them that files on their way into
/// buckets may take: of all sandboxes, and of one.
const DESCRIPTORS: u64 = 65_536;
const DRAFTS_PART: u64 = 2;
const DRAFTS_PART_OF_ONE: u64 = 16;
const THREADS: usize = 2;

/// Whether this process has a mount namespace of its own.
static OWN_MOUNTS: AtomicBool = AtomicBool::new(false);

/// Makes this process see mounts of its own besides the machine's. They go with the process, however it
/// ends. To be called before there are threads.
pub(crate) fn claim_mounts() -> io::Result<()> {
    use nix::{
        mount::{MsFlags, mount},
        sched::{CloneFlags, unshare},
    };
    unshare(CloneFlags::CLONE_NEWNS)?;
    // What the machine mounts from now on is seen here too; never the other way round.
    let slave = MsFlags::MS_REC | MsFlags::MS_SLAVE;
    mount(None::<&str>, "/", None::<&str>, slave, None::<&str>)?;
    OWN_MOUNTS.store(true, Ordering::Relaxed);
    Ok(())
}

/// The mounts of namespaces that were claimed another way are this process's own too.
pub(crate) fn has_own_mounts() {
    OWN_MOUNTS.store(true, Ordering::Relaxed);
}

/// All file systems of a worker.
pub(crate) struct Buckets {
    client: WorkerClient,
    /// The number of its present life, changed when it joins anew.
    worker: Arc<AtomicI64>,
    dir: PathBuf,
    limits: Limits,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    runtime: Option<Runtime>,
    mounted: HashMap<AccountId, Arc<Mounted>>,
}

impl Buckets {
    /// Finds out whether there can be any. The error says what is missing.
    pub(crate) fn start(options: &Options, state_dir: &Path) -> Result<Self, String> {
        if !OWN_MOUNTS.load(Ordering::Relaxed) {
            return Err("this process has no mounts of its own".to_owned());
        }
        picloud_bucketfs::is_possible()?;
        // Its connections belong to the threads that use them.
        let client = crate::worker::client(options).map_err(|e| e.to_string())?;
        let dir = state_dir.join("bucket");
        let drafts = dir.join(DRAFTS);
        fs::create_dir_all(&drafts).map_err(|e| format!("{}: {e}", drafts.display()))?;
        let descriptors = descriptors();
        let part = |part: u64| usize::try_from(descriptors / part).unwrap_or(usize::MAX);
        Ok(Self {
            client,
            worker: Arc::new(AtomicI64::new(0)),
            dir,
            limits: Limits {
                cache_bytes: CACHE_BYTES,
                draft_bytes: options.job_disk_bytes,
                drafts: part(DRAFTS_PART_OF_ONE),
                drafts_of_all: part(DRAFTS_PART),
            },
            state: Mutex::default(),
        })
    }

    /// A life of the worker began.
    pub(crate) fn joined(&self, worker: WorkerId) {
        self.worker.store(worker.0, Ordering::Relaxed);
    }

    /// The file system of an account. Blocks for a few milliseconds.
    pub(crate) fn of(&self, account: AccountId) -> io::Result<Arc<Mounted>> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(mounted) = state.mounted.get(&account) {
            return Ok(Arc::clone(mounted));
        }
        state.forget_idle();
        let State { runtime, mounted } = &mut *state;
        let runtime = match runtime {
            Some(runtime) => runtime,
            none => none.insert(threads()?),
        };
        let dir = self.dir.join(account.to_string());
        match fs::create_dir(&dir) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
            _ => {}
        }
        let objects = Remote::new(self.client.clone(), Arc::clone(&self.worker), account);
        let (drafts, objects) = (self.dir.join(DRAFTS), Arc::new(objects));
        let made = picloud_bucketfs::mount(objects, &dir, &drafts, self.limits, runtime.handle())?;
        let made = Arc::new(made);
        mounted.insert(account, Arc::clone(&made));
        Ok(made)
    }

    /// Ends all file systems. Never removes what is below a directory, only directories that are empty:
    /// if a mount should still be there, its files are objects.
    pub(crate) fn close(&self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.mounted.clear();
        if let Some(runtime) = state.runtime.take() {
            runtime.shutdown_background();
        }
        for entry in fs::read_dir(&self.dir).into_iter().flatten().flatten() {
            let _ = fs::remove_dir(entry.path());
        }
        let _ = fs::remove_dir(&self.dir);
    }
}

impl State {
    /// Makes room if too many are kept that no process has.
    fn forget_idle(&mut self) {
        let is_idle = |mounted: &Arc<Mounted>| Arc::strong_count(mounted) == 1;
        if self.mounted.values().filter(|m| is_idle(m)).count() >= IDLE_MAX {
            self.mounted.retain(|_, mounted| !is_idle(mounted));
        }
    }
}

/// Files that are being written are in it, without names.
const DRAFTS: &str = "drafts";

fn threads() -> io::Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .thread_name("bucket")
        .enable_all()
        .build()
}

/// Descriptors this process may have, after asking for more.
fn descriptors() -> u64 {
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).unwrap_or((1_024, 1_024));
    let wanted = soft.max(hard.min(DESCRIPTORS));
    match setrlimit(Resource::RLIMIT_NOFILE, wanted, hard) {
        Ok(()) => wanted,
        Err(error) => {
            warn!(%error, "this process is not allowed more descriptors");
            soft
        }
    }
}

impl fmt::Debug for Buckets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buckets")
            .field("dir", &self.dir)
            .finish_non_exhaustive()
    }
}
