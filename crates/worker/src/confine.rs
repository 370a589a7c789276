//! What is put around a process of jobs: a sandbox, a control group, an address, limits.
//!
//! Made before the fork and handed over as descriptors; taken away after the end. What the kernel
//! cannot do is found out at the start of the worker, which then says so and does not begin.

mod addresses;
mod slots;

use crate::{
    bucket::{self, Buckets},
    frames::ForkLimits,
    job::{Context, Share},
    view::View,
    volumes::LaidTree,
    worker::{IsolationChoice, NetworkChoice, Options},
};
use addresses::{Address, Addresses};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use picloud_bucketfs::Mounted;
use picloud_sandbox::network::{Attached, Meter, SourceAddress};
use picloud_sandbox::{
    cgroup::{Cgroup, Cgroups, GroupLimits, Version},
    layout::{Entry, HOME, Layout, Own, UID},
    namespaces::{self, Network},
    seccomp,
    user::{self, Ids},
};
use picloud_types::{
    WorkerId,
    api::workers::{Confinement, Isolation, Limits},
};
use slots::{Slot, Slots};
use std::{
    fs, io,
    os::{
        fd::OwnedFd,
        unix::fs::{PermissionsExt as _, chown},
    },
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};
use tracing::{info, warn};

/// Where a job finds what the worker keeps for it.
const INSIDE: &str = "/run/picloud";
/// Memory of a process that is not its job's: the pages of the interpreter it wrote to.
const OWN_MEMORY_BYTES: u64 = 16 << 20;
/// No process gets less disk than this, however full the disk is.
const DISK_MIN_BYTES: u64 = 64 << 20;
/// One process of jobs gets at most this part of what is free.
const DISK_SHARE: u64 = 4;

/// Workers of this process so far: their control groups have names of their own.
static STARTED: AtomicU32 = AtomicU32::new(0);

/// What the worker confines jobs by.
#[derive(Debug)]
pub(crate) struct Confine {
    isolation: Isolation,
    groups: Option<Cgroups>,
    meter: Option<Arc<Meter>>,
    slots: Arc<Slots>,
    addresses: Option<Arc<Addresses>>,
    network: Network,
    buckets: Option<Buckets>,
    state_dir: PathBuf,
    stage: PathBuf,
    disk_bytes: u64,
    processes: u32,
    open_files: u32,
    cpu_limit_cores: bool,
}

/// What one process is confined by. Dropping it undoes what can be undone without waiting; `clear`
/// does the rest.
#[derive(Debug)]
pub(crate) struct Cell {
    pub(crate) group: Option<Cgroup>,
    /// Counts what goes through the network, at this place.
    pub(crate) meter: Option<(Arc<Meter>, u32)>,
    pub(crate) view: View,
    pub(crate) share: Share,
    pub(crate) disk_limit_bytes: u64,
    /// The user its files belong to, where that is nobody else.
    pub(crate) uid: Option<u32>,
    pub(crate) in_sandbox: bool,
    pub(crate) processes: u32,
    pub(crate) open_files: u32,
    /// What it is shown stays on disk, and mounted, as long as it lives.
    _trees: Vec<Arc<LaidTree>>,
    bucket: Option<Arc<Mounted>>,
    _attached: Vec<Attached>,
    _address: Option<Address>,
    _slot: Slot,
}

/// What one sandbox shows besides the system.
struct Shown<'a> {
    scratch: &'a Path,
    code: Option<&'a Path>,
    volumes: Vec<(PathBuf, PathBuf)>,
    bucket: Option<&'a Path>,
}

/// What is handed to the fork.
#[derive(Debug)]
pub(crate) struct Entrance {
    pub(crate) groups: Vec<OwnedFd>,
    pub(crate) namespaces: Option<Vec<(&'static str, OwnedFd)>>,
    pub(crate) limits: ForkLimits,
    pub(crate) cwd: PathBuf,
    pub(crate) scratch: PathBuf,
    pub(crate) code: Option<PathBuf>,
}

/// The directories of one process, below its own.
pub(crate) const RESULTS: &str = "results";
const HOME_DIR: &str = "home";
const TMP_DIR: &str = "tmp";

impl Confine {
    /// Finds out what this machine can do. The error says in words what is missing.
    pub(crate) fn start(options: &Options, state_dir: &Path) -> Result<Self, String> {
        let isolation = match options.isolation {
            IsolationChoice::Process => Isolation::Process,
            IsolationChoice::Sandbox if user::is_rootless() => Isolation::RootlessSandbox,
            IsolationChoice::Sandbox if nix::unistd::Uid::effective().is_root() => {
                Isolation::Sandbox
            }
            IsolationChoice::Sandbox => {
                return Err("this kernel makes no user namespaces for users other than root; \
                            switch them on (sysctl kernel.unprivileged_userns_clone=1, or \
                            kernel.apparmor_restrict_unprivileged_userns=0), or run the worker as root"
                    .to_owned());
            }
        };
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let name = format!("{}-{number}", std::process::id());
        let groups = match usable_groups(&name) {
            Ok(groups) => Some(groups),
            Err(reason) => {
                warn!(%reason, "no control groups: memory is limited per process, and idle processors are not shared by weight");
                None
            }
        };
        if groups.is_none() && isolation == Isolation::Sandbox {
            // Root without control groups is a machine put together wrongly, not a choice.
            warn!("root has no control groups here: one job can take the memory of others");
        }
        let meter = match Meter::open(slots::MAX) {
            Ok(meter) if groups.is_some() => Some(Arc::new(meter)),
            Ok(_) => None,
            Err(error) => {
                info!(%error, "what jobs send and receive is not counted");
                None
            }
        };
        let addresses = match options.source_ips.is_empty() {
            true => None,
            false if meter.is_some() => Some(Arc::new(Addresses::new(options.source_ips.clone()))),
            false => {
                return Err(
                    "source addresses need root, control groups of version 2 (also beside \
                            those of version 1) and BPF; leave source_ips empty here"
                        .to_owned(),
                );
            }
        };
        let buckets = match isolation.is_sandbox() {
            true => Buckets::start(options, state_dir),
            false => Err("jobs have no sandbox".to_owned()),
        };
        if let Err(reason) = &buckets {
            info!(%reason, "jobs have no /bucket; cloud.bucket works as ever");
        }
        let stage = state_dir.join("stage");
        crate::blobs::empty_dir(&stage).map_err(|e| format!("{}: {e}", stage.display()))?;
        let confine = Self {
            isolation,
            groups,
            meter,
            slots: Arc::new(Slots::new(isolation)),
            addresses,
            network: match options.network {
                NetworkChoice::Shared => Network::Shared,
                NetworkChoice::None => Network::None,
            },
            state_dir: state_dir.to_owned(),
            buckets: buckets.ok(),
            stage,
            disk_bytes: options.job_disk_bytes,
            processes: options.job_processes,
            open_files: options.job_open_files,
            cpu_limit_cores: options.cpu_limit_cores,
        };
        if isolation == Isolation::Process {
            warn!("jobs run WITHOUT a sandbox: they can do what this worker can");
        }
        Ok(confine)
    }

    /// A life of this worker began.
    pub(crate) fn joined(&self, worker: WorkerId) {
        if let Some(buckets) = &self.buckets {
            buckets.joined(worker);
        }
    }

    /// Ends what would outlive the processes of jobs. Blocks for a few milliseconds.
    pub(crate) fn close(&self) {
        if let Some(buckets) = &self.buckets {
            buckets.close();
        }
    }

    /// The file system at `/bucket`, for a process that has one.
    fn bucket(&self, context: &Context) -> Option<Arc<Mounted>> {
        let buckets = self.buckets.as_ref().filter(|_| !context.is_trial())?;
        match buckets.of(context.account) {
            Ok(mounted) => Some(mounted),
            Err(error) => {
                warn!(account = %context.account, %error, "a process gets no /bucket");
                None
            }
        }
    }

    /// What the server is told.
    pub(crate) fn about(&self) -> Confinement {
        Confinement {
            isolation: self.isolation,
            limits: match self.groups.as_ref().map(Cgroups::version) {
                Some(Version::V2) => Limits::Cgroup2,
                Some(Version::V1) => Limits::Cgroup1,
                None => Limits::Process,
            },
        }
    }

    /// Addresses that are free, and all there are; none without a pool.
    pub(crate) fn source_ips(&self) -> Option<(u32, u32)> {
        self.addresses.as_ref().map(|a| (a.free(), a.total()))
    }

    /// Builds what a process of `context` will be in. Blocks for a few milliseconds.
    pub(crate) fn build(
        &self,
        context: &Context,
        layout: &Layout,
        scratch: &Path,
        code: Option<&Path>,
        trees: Vec<Arc<LaidTree>>,
    ) -> Result<(Cell, Entrance), String> {
        let slot = self.slots.take()?;
        let share = context.share;
        let volumes = mounted(context, layout, &trees)?;
        let file = |what: &str, error: io::Error| format!("{what}: {error}");
        for name in [HOME_DIR, TMP_DIR, RESULTS] {
            let dir = scratch.join(name);
            fs::create_dir(&dir).map_err(|e| file("a directory could not be made", e))?;
            if let Some(uid) = slot.outside(UID) {
                chown(&dir, Some(uid), Some(uid))
                    .map_err(|e| file("a directory could not be given away", e))?;
            }
        }
        homes(&scratch.join(HOME_DIR), &volumes, slot.outside(UID))
            .map_err(|e| file("a directory for a volume could not be made", e))?;
        // Programs of one job may have several users inside.
        let open = fs::Permissions::from_mode(0o1777);
        fs::set_permissions(scratch.join(TMP_DIR), open)
            .map_err(|e| file("/tmp could not be opened", e))?;
        let disk_limit_bytes = self.disk_limit(scratch);
        let group = match context.is_trial() {
            // Entered already, and entering takes the kernel longer than all the rest.
            true => None,
            false => self.group(&slot, share)?,
        };
        let v2 = group.as_ref().and_then(Cgroup::v2_dir);
        let mut attached = Vec::new();
        let mut meter = None;
        if let (Some(counts), Some(dir)) = (&self.meter, v2) {
            match counts.attach(dir, slot.number()) {
                Ok(programs) => {
                    attached.push(programs);
                    meter = Some((Arc::clone(counts), slot.number()));
                }
                Err(error) => warn!(%error, "what a process sends and receives is not counted"),
            }
        }
        let mut address = None;
        if let (true, Some(pool), Some(dir)) = (share.own_ip, &self.addresses, v2) {
            let taken = pool.take().ok_or("no source address is free")?;
            let programs = SourceAddress::attach(dir, taken.ip())
                .map_err(|e| file("a source address could not be given", e))?;
            attached.push(programs);
            address = Some(taken);
        }
        let view = match self.isolation.is_sandbox() {
            true => View::new(self.state_dir.clone(), INSIDE.into()),
            false => View::default(),
        };
        let bucket = self.bucket(context);
        let namespaces = match self.isolation.is_sandbox() {
            true => {
                let bucket = bucket.as_deref().map(Mounted::dir);
                let shown = Shown {
                    scratch,
                    code,
                    volumes,
                    bucket,
                };
                Some(self.namespaces(context, layout, &slot, shown)?)
            }
            false => None,
        };
        let in_sandbox = namespaces.is_some();
        let home = match in_sandbox {
            true => HOME.into(),
            false => scratch.join(HOME_DIR),
        };
        let groups = group.as_ref().map_or(Ok(Vec::new()), Cgroup::entrances);
        let entrance = Entrance {
            groups: groups.map_err(|e| file("a control group could not be opened", e))?,
            namespaces,
            limits: ForkLimits {
                open_files: Some(self.open_files),
                file_bytes: Some(disk_limit_bytes),
                data_bytes: Some(share.memory_bytes).filter(|b| *b > 0),
            },
            cwd: home,
            scratch: view.inside(&scratch.join(RESULTS)),
            code: code.map(|code| view.inside(code)),
        };
        let cell = Cell {
            group,
            meter,
            view,
            share,
            disk_limit_bytes,
            uid: slot.outside(UID),
            in_sandbox,
            processes: self.processes,
            open_files: self.open_files,
            _trees: trees,
            bucket,
            _attached: attached,
            _address: address,
            _slot: slot,
        };
        Ok((cell, entrance))
    }

    /// What one process may fill: what was configured, but never all that is free.
    fn disk_limit(&self, scratch: &Path) -> u64 {
        let free = nix::sys::statvfs::statvfs(scratch).map_or(u64::MAX, |about| {
            about
                .blocks_available()
                .saturating_mul(about.fragment_size())
        });
        self.disk_bytes.min((free / DISK_SHARE).max(DISK_MIN_BYTES))
    }

    fn group(&self, slot: &Slot, share: Share) -> Result<Option<Cgroup>, String> {
        let Some(groups) = &self.groups else {
            return Ok(None);
        };
        let limits = GroupLimits {
            memory_bytes: Some(share.memory_bytes)
                .filter(|bytes| *bytes > 0)
                .map(|bytes| bytes + OWN_MEMORY_BYTES),
            cpu_units: share.milliunits as f64 / 1_000.0,
            cpu_max_cores: self.cpu_limit_cores.then(|| f64::from(share.cores)),
            processes: Some(self.processes),
        };
        let group = groups.create(&slot.name(), &limits);
        group
            .map(Some)
            .map_err(|e| format!("a control group could not be made: {e}"))
    }

    fn namespaces(
        &self,
        context: &Context,
        layout: &Layout,
        slot: &Slot,
        shown: Shown<'_>,
    ) -> Result<Vec<(&'static str, OwnedFd)>, String> {
        let Shown {
            scratch,
            code,
            volumes,
            bucket,
        } = shown;
        let share = context.share;
        let view = View::new(self.state_dir.clone(), INSIDE.into());
        let blobs = self
            .state_dir
            .join("blobs")
            .join(context.account.to_string());
        fs::create_dir_all(&blobs).map_err(|e| format!("{}: {e}", blobs.display()))?;
        let shown = [Some(blobs.as_path()), code].into_iter().flatten();
        let own = Own {
            cores: share.cores,
            memory_bytes: share.memory_bytes,
            read_only: shown
                .map(|p| (p.to_owned(), view.inside(p)))
                .chain(volumes)
                .collect(),
            writable: [
                (scratch.join(TMP_DIR), "/tmp".into()),
                (scratch.join(HOME_DIR), HOME.into()),
                (scratch.join(RESULTS), view.inside(&scratch.join(RESULTS))),
            ]
            .into_iter()
            .chain(bucket.map(|dir| (dir.to_owned(), bucket::INSIDE.into())))
            .collect(),
        };
        let made = namespaces::build(&layout.with(&own), self.network, &self.stage)
            .map_err(|e| format!("a sandbox could not be made: {e}"))?;
        let user = slot
            .user_namespace()
            .map_err(|e| format!("a user namespace could not be made: {e}"))?;
        let mut named = vec![("mnt", made.mount), ("ipc", made.ipc), ("uts", made.uts)];
        named.extend(made.network.map(|fd| ("net", fd)));
        named.push(("user", user));
        Ok(named)
    }

    /// What sandboxes show of the system and of an interpreter.
    pub(crate) fn layout(&self, software: &[PathBuf]) -> Layout {
        match self.isolation.is_sandbox() {
            true => Layout::of_host(software, std::slice::from_ref(&self.state_dir)),
            false => Layout::default(),
        }
    }
}

impl Cell {
    /// What its processes have not closed in `/bucket` becomes nothing. Without users of their own
    /// sandboxes cannot be told apart there.
    pub(crate) fn abandon_files(&self) {
        if let (Some(bucket), Some(uid)) = (&self.bucket, self.uid) {
            bucket.abandon(uid);
        }
    }

    /// Ends every process in it. Blocks until they are gone, but not for ever.
    pub(crate) fn end(&self) {
        if let Some(Err(error)) = self.group.as_ref().map(Cgroup::kill_all) {
            warn!(%error, "processes of a control group do not end");
        }
    }

    /// Removes the control group. Blocks while processes in it are still ending.
    pub(crate) fn clear(mut self) {
        if let Some(group) = self.group.take()
            && let Err(error) = group.kill_all().and_then(|()| group.remove())
        {
            warn!(%error, "a control group could not be removed");
        }
    }

    /// Bytes received and sent so far.
    pub(crate) fn traffic(&self) -> Option<(u64, u64)> {
        let (meter, slot) = self.meter.as_ref()?;
        Some(meter.read(*slot))
    }
}

/// Where the trees of a context are and where they are to be seen. Never within what is shown of the
/// host, where making a place to mount them would change the host.
fn mounted(
    context: &Context,
    layout: &Layout,
    trees: &[Arc<LaidTree>],
) -> Result<Vec<(PathBuf, PathBuf)>, String> {
    let mut mounted = Vec::with_capacity(trees.len());
    for (mount, tree) in context.mounts.iter().zip(trees) {
        let target = PathBuf::from(&mount.mount_path);
        let clash = |e: &&Entry| {
            let at = e.target();
            let is_place = matches!(e, Entry::Dir { .. });
            (!is_place && target.starts_with(at)) || (at != target && at.starts_with(&target))
        };
        if let Some(entry) = layout.entries.iter().find(clash) {
            return Err(format!(
                "volume {} cannot be seen at {}: {} belongs to the system of this worker",
                mount.volume,
                mount.mount_path,
                entry.target().display()
            ));
        }
        mounted.push((tree.dir().to_owned(), target));
    }
    Ok(mounted)
}

/// Makes the directories that lead to what is mounted in a job's home: they are the job's own.
fn homes(home: &Path, volumes: &[(PathBuf, PathBuf)], uid: Option<u32>) -> io::Result<()> {
    for (_, target) in volumes {
        let Ok(below) = target.strip_prefix(HOME) else {
            continue;
        };
        let mut at = home.to_owned();
        for part in below {
            at.push(part);
            match fs::create_dir(&at) {
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => continue,
                made => made?,
            }
            if let Some(uid) = uid {
                chown(&at, Some(uid), Some(uid))?;
            }
        }
    }
    Ok(())
}

/// Programs for `seccomp`, in base64: what zygotes are told to install in sandboxes.
pub(crate) fn filters(isolation: IsolationChoice) -> Result<Arc<Vec<String>>, String> {
    let filters = match isolation {
        IsolationChoice::Process => Vec::new(),
        IsolationChoice::Sandbox => {
            let programs = seccomp::programs()
                .map_err(|e| format!("no filter of system calls can be made: {e}"))?;
            programs.iter().map(|p| STANDARD.encode(p)).collect()
        }
    };
    Ok(Arc::new(filters))
}

/// Control groups that were entered once.
fn usable_groups(name: &str) -> Result<Cgroups, String> {
    let groups = Cgroups::discover(Path::new("/"), name)?;
    let limits = GroupLimits {
        memory_bytes: None,
        cpu_units: 1.0,
        cpu_max_cores: None,
        processes: None,
    };
    let tried = groups.create("trial", &limits).and_then(|group| {
        group.try_out()?;
        group.remove()
    });
    match tried {
        Ok(()) => Ok(groups),
        Err(error) => Err(format!(
            "a control group could be made but not entered: {error}"
        )),
    }
}

/// How ids of sandboxes are made under an isolation.
fn ids(isolation: Isolation, slot: u32) -> Option<Ids> {
    match isolation {
        Isolation::Sandbox => Some(Ids::Range { slot }),
        Isolation::RootlessSandbox => Some(Ids::Single { inside: UID }),
        Isolation::Process => None,
    }
}
