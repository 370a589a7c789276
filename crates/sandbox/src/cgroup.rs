//! Control groups: how much of the machine a job gets, and what it used.
//!
//! Reads and writes the kernel's files directly, of v2 and of v1. A machine with v1 often has an
//! empty hierarchy of v2 beside ("hybrid"); groups are made in that too, because programs that
//! count bytes can be attached only there and `cgroup.kill` ends a group at once.
//!
//! All groups of a worker are below one parent, `picloud-<name>`, which is below the worker's own
//! group: a limit that somebody set around the worker still holds. Nothing here knows of jobs.

mod delegate;
mod ending;
mod group;
mod limits;
mod mounts;
mod parent;
mod parse;
mod reading;
#[cfg(test)]
pub(crate) mod tests;

pub use group::Cgroup;
pub use limits::GroupLimits;
pub use reading::Reading;

use mounts::{Mounts, UNIFIED};
use nix::fcntl::Flock;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write as _},
    path::{Path, PathBuf},
    thread,
};

/// Which interface of the kernel limits memory, processors and processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    V1,
    V2,
}

/// Where one group is, in every hierarchy. Under v2 they are all the same.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Dirs {
    version: Version,
    memory: PathBuf,
    cpu: PathBuf,
    cpuacct: PathBuf,
    pids: PathBuf,
    blkio: Option<PathBuf>,
    unified: Option<PathBuf>,
}

impl Dirs {
    fn v2(dir: &Path) -> Self {
        Self {
            version: Version::V2,
            memory: dir.to_owned(),
            cpu: dir.to_owned(),
            cpuacct: dir.to_owned(),
            pids: dir.to_owned(),
            blkio: Some(dir.to_owned()),
            unified: Some(dir.to_owned()),
        }
    }

    /// The group of that name below this one.
    fn child(&self, name: &str) -> Self {
        let join = |dir: &PathBuf| dir.join(name);
        Self {
            version: self.version,
            memory: join(&self.memory),
            cpu: join(&self.cpu),
            cpuacct: join(&self.cpuacct),
            pids: join(&self.pids),
            blkio: self.blkio.as_ref().map(join),
            unified: self.unified.as_ref().map(join),
        }
    }

    /// Every directory once: controllers are often mounted together. Memory comes last: where it
    /// is gone, the others are.
    fn all(&self) -> Vec<PathBuf> {
        let some = [&self.unified, &self.blkio].into_iter().flatten();
        let mut all: Vec<PathBuf> = Vec::new();
        for dir in some.chain([&self.pids, &self.cpuacct, &self.cpu, &self.memory]) {
            if !all.contains(dir) {
                all.push(dir.clone());
            }
        }
        all
    }
}

/// The groups of one worker. Dropping it removes the parent, if its groups are gone.
#[derive(Debug)]
pub struct Cgroups {
    parent: Dirs,
    /// Held as long as this lives: another worker would sweep our groups away.
    _lock: Flock<File>,
}

impl Cgroups {
    /// Finds out how this machine limits groups and makes the parent of ours, below `root` (`/`,
    /// except in tests). What workers left behind that are no more is ended and removed.
    ///
    /// The error is one sentence for the operator: what is missing, and what to do.
    pub fn discover(root: &Path, name: &str) -> Result<Self, String> {
        if !is_name(name) {
            return Err(format!(
                "{name:?} cannot name control groups: use letters, digits, '-', '_' and '.'"
            ));
        }
        let mounts = Mounts::read(root)?;
        let base = match delegate::base_v2(&mounts)? {
            Some(base) => Dirs::v2(&base),
            None => dirs_v1(&mounts)?,
        };
        parent::sweep_abandoned(&base);
        let (parent, lock) = parent::make(base.child(&format!("{}{name}", parent::PREFIX)))?;
        if parent.version == Version::V2 {
            delegate::enable(&parent.memory)?;
        }
        ending::sweep(&parent.all(), ending::PATIENCE).map_err(|error| {
            format!(
                "control groups that an earlier worker left in {} cannot be removed: {error}; end the processes in them",
                parent.memory.display()
            )
        })?;
        // By itself the parent would have the weight of a single process, however many jobs are
        // in it. One such weight per core is what they would get without groups.
        let cores = thread::available_parallelism().map_or(1, usize::from);
        if let Err(error) = limits::set_weight(&parent, cores as f64) {
            tracing::warn!(%error, "jobs together have the weight of one process");
        }
        Ok(Self {
            parent,
            _lock: lock,
        })
    }

    /// Which interface is in use.
    pub fn version(&self) -> Version {
        self.parent.version
    }

    /// A new group; `id` is its name among ours.
    pub fn create(&self, id: &str, limits: &GroupLimits) -> io::Result<Cgroup> {
        if !is_name(id) {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                format!("{id:?} cannot name a control group"),
            ));
        }
        Cgroup::create(self.parent.child(id), limits)
    }

    /// Removes the parent, and ends and removes what is still in it. Blocks, up to some seconds.
    pub fn close(self) -> io::Result<()> {
        let all = self.parent.all();
        ending::sweep(&all, ending::PATIENCE)?;
        ending::remove(&all, ending::PATIENCE)
    }
}

impl Drop for Cgroups {
    fn drop(&mut self) {
        // Refused while groups are in it, and then the lock's directory must be the last to go. The
        // next worker sweeps.
        let _ = self.parent.all().iter().try_for_each(fs::remove_dir);
    }
}

/// The places of v1, or a sentence about what is missing.
fn dirs_v1(mounts: &Mounts) -> Result<Dirs, String> {
    let own = |controller| mounts.own(controller).ok_or(controller);
    let found = || {
        Ok(Dirs {
            version: Version::V1,
            memory: own("memory")?,
            cpu: own("cpu")?,
            cpuacct: own("cpuacct")?,
            pids: own("pids")?,
            blkio: mounts.own("blkio"),
            unified: mounts.own(UNIFIED),
        })
    };
    found().map_err(|missing: &str| match mounts.top(UNIFIED) {
        Some(top) if mounts.own("memory").is_none() => format!(
            "control groups v2 at {} do not offer memory, cpu and pids to this process: run the worker as root, or \
             delegate them to it (with systemd: Delegate=yes in its unit)",
            top.display()
        ),
        _ => format!(
            "the {missing} controller of control groups is not mounted: mount control groups (`mount -t cgroup2 none \
             /sys/fs/cgroup`) or boot with it enabled"
        ),
    })
}

/// One component of a path, and not a hidden one.
fn is_name(name: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !name.is_empty() && name.len() <= 128 && !name.starts_with('.') && name.bytes().all(fine)
}

fn make_dir(dir: &Path) -> io::Result<()> {
    match fs::create_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        other => other,
    }
}

/// Tells the kernel something. The file must exist: which ones do is how kernels differ.
fn write(path: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).truncate(true).open(path)?;
    file.write_all(text.as_bytes())
}
