//! A worker from start to stop: its settings, its directories, its sessions.

use crate::{
    agent::{Agent, Equipment},
    blobs::BlobCache,
    code::CodeCache,
    confine::{self, Confine},
    fork::{self, Nursery},
    machine,
    pool::Limits,
    pythons::Pythons,
    reaper,
    session::{self, Line, SessionEnd},
    volumes::VolumeCache,
    zygote::ZygoteError,
};
use nix::fcntl::{Flock, FlockArg};
use picloud_client::{ClientError, WorkerClient};
use picloud_types::api::workers::{Hello, PythonsUpdate, Welcome};
use std::{
    fs::File,
    io,
    net::IpAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tracing::{debug, info, warn};

/// An answer to hello that takes longer will not come.
const HELLO_TIMEOUT: Duration = Duration::from_secs(5);

/// Looking at other interpreters starts each of them. Even with time nobody else wants that slows
/// what runs beside it, so the first seconds belong to the jobs that waited for the start.
const OTHERS_AFTER: Duration = Duration::from_secs(2);

/// Settings of a worker. `Options::new` has defaults for all but where the server is.
#[derive(Clone, Debug)]
pub struct Options {
    /// `http://HOST:PORT` or `https://HOST:PORT`.
    pub server: String,
    /// The server's worker token.
    pub token: String,
    /// PEM certificates to trust besides the system's.
    pub ca_file: Option<PathBuf>,
    /// Unique among the workers of a server; a second one ends the first one's life.
    pub name: String,
    /// For code, large values and what runs. Belongs to this worker alone; nothing in it needs
    /// to survive.
    pub state_dir: PathBuf,
    /// Compute units offered; c1 is one.
    pub compute_units: f64,
    /// Memory offered to jobs.
    pub memory_bytes: u64,
    /// The interpreter jobs get for its version; found if not given.
    pub default_python: Option<PathBuf>,
    /// Interpreters to offer besides those found.
    pub pythons: Vec<PathBuf>,
    /// Whether to look for interpreters besides the default one.
    pub discover: bool,
    /// The runner's `__main__.py`; beside the default interpreter's `cloud` package if not given.
    pub runner: Option<PathBuf>,
    /// Most bytes of functions and arguments kept on disk.
    pub blob_cache_bytes: u64,
    /// Most bytes of shipped modules kept on disk.
    pub code_cache_bytes: u64,
    /// Most bytes of volumes kept on disk.
    pub volume_cache_bytes: u64,
    /// Between the interrupt and the end of a job that does not heed it.
    pub kill_grace: Duration,
    /// How long running jobs may go on when the worker is told to stop.
    pub stop_grace: Duration,
    /// Whether to adopt and end processes that jobs leave behind. Only for a process that has no
    /// children but the worker's.
    pub adopt_strays: bool,
    /// Whether to end when the process that started this one does.
    pub die_with_parent: bool,
    /// What stands between a job and the machine.
    pub isolation: IsolationChoice,
    /// Which network jobs see.
    pub network: NetworkChoice,
    /// Addresses of this machine for jobs that are to have one of their own.
    pub source_ips: Vec<IpAddr>,
    /// Most bytes in the files of one process of jobs.
    pub job_disk_bytes: u64,
    /// Most processes and threads of one process of jobs.
    pub job_processes: u32,
    /// Most descriptors one process of a job may have open.
    pub job_open_files: u32,
    /// Whether a job is held to the cores it asked for; otherwise it may use idle ones.
    pub cpu_limit_cores: bool,
}

/// See `Options::isolation`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum IsolationChoice {
    /// Namespaces; a worker that cannot make them does not start.
    #[default]
    Sandbox,
    /// None: a job can do what the worker can.
    Process,
}

/// See `Options::network`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum NetworkChoice {
    /// The machine's.
    #[default]
    Shared,
    /// None: a loopback of its own. Such jobs cannot call the server either.
    None,
}

impl Options {
    /// A worker of this machine for that server.
    pub fn new(server: impl Into<String>, token: impl Into<String>, state_dir: PathBuf) -> Self {
        Self {
            server: server.into(),
            token: token.into(),
            ca_file: None,
            name: machine::hostname(),
            state_dir,
            compute_units: machine::compute_units(),
            memory_bytes: machine::memory_bytes(),
            default_python: None,
            pythons: Vec::new(),
            discover: true,
            runner: None,
            blob_cache_bytes: 2 << 30,
            code_cache_bytes: 1 << 30,
            volume_cache_bytes: 16 << 30,
            kill_grace: Duration::from_secs(2),
            stop_grace: Duration::from_secs(10),
            adopt_strays: false,
            die_with_parent: false,
            isolation: IsolationChoice::default(),
            network: NetworkChoice::default(),
            source_ips: Vec::new(),
            job_disk_bytes: 10 << 30,
            job_processes: 1_024,
            job_open_files: 4_096,
            cpu_limit_cores: false,
        }
    }
}

/// Why a worker could not start, or had to end.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    #[error("could not prepare the worker's directory {path}: {error}")]
    StateDir { path: PathBuf, error: io::Error },
    #[error("the worker's directory {0} is in use by another worker")]
    StateDirInUse(PathBuf),
    #[error(
        "jobs cannot be put into sandboxes here: {0} (--isolation=process runs them unprotected)"
    )]
    Confinement(String),
    #[error("the default Python cannot run jobs: {0}")]
    Python(String),
    #[error(transparent)]
    Server(#[from] ClientError),
}

/// See `run`.
#[derive(Clone, Copy, Debug)]
pub struct Worker;

impl Worker {
    /// Works for the server until `stop`. Comes back through any failure of the network or the
    /// server; ends by itself only if it cannot work at all or the server refuses it.
    pub async fn run(options: Options, stop: CancellationToken) -> Result<(), WorkerError> {
        if options.die_with_parent {
            let _ = nix::sys::prctl::set_pdeathsig(Some(nix::sys::signal::Signal::SIGTERM));
        }
        // What jobs are to read they read as users of their own; what they must not see lies in
        // directories that are not shown to them.
        nix::sys::stat::umask(nix::sys::stat::Mode::from_bits_truncate(0o022));
        let _lock = claim(&options.state_dir)?;
        let reaping = options.adopt_strays.then(|| tokio::spawn(reaper::run()));
        let ended = work(&options, &stop).await;
        if let Some(reaping) = reaping {
            reaping.abort();
        }
        for part in [
            "scratch", "results", "blobs", "code", "volumes", "support", "stage",
        ] {
            let _ = crate::disk::remove(&options.state_dir.join(part));
        }
        ended
    }
}

/// A line to the server that shares no connections with others.
pub(crate) fn client(options: &Options) -> Result<WorkerClient, ClientError> {
    let to = picloud_client::Options {
        server: options.server.clone(),
        ca_file: options.ca_file.clone(),
        ca_pem: None,
    };
    WorkerClient::new(&to, &options.token)
}

/// One worker per directory: two would empty each other's caches.
fn claim(dir: &Path) -> Result<Flock<File>, WorkerError> {
    let fault = |error| WorkerError::StateDir {
        path: dir.to_owned(),
        error,
    };
    std::fs::create_dir_all(dir).map_err(fault)?;
    let file = File::create(dir.join("lock")).map_err(fault)?;
    Flock::lock(file, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        nix::errno::Errno::EWOULDBLOCK => WorkerError::StateDirInUse(dir.to_owned()),
        other => fault(other.into()),
    })
}

async fn work(options: &Options, stop: &CancellationToken) -> Result<(), WorkerError> {
    let dir = &options.state_dir;
    let fault = |error| WorkerError::StateDir {
        path: dir.clone(),
        error,
    };
    let client = client(options)?;
    let dir = std::fs::canonicalize(dir).map_err(fault)?;
    let filters = confine::filters(options.isolation).map_err(WorkerError::Confinement)?;
    // Beside the start of the interpreter, which takes longer.
    let confining = {
        let (options, dir) = (options.clone(), dir.clone());
        tokio::task::spawn_blocking(move || Confine::start(&options, &dir))
    };
    let pythons = Arc::new(
        Pythons::new(
            filters,
            options.runner.clone(),
            options.default_python.clone(),
            options.pythons.clone(),
            &dir,
        )
        .map_err(fault)?,
    );
    let blobs = BlobCache::new(dir.join("blobs"), options.blob_cache_bytes).map_err(fault)?;
    let code = CodeCache::new(dir.join("code"), options.code_cache_bytes).map_err(fault)?;
    let (blobs, code) = (Arc::new(blobs), Arc::new(code));
    let volumes = VolumeCache::new(dir.join("volumes"), options.volume_cache_bytes);
    let volumes = Arc::new(volumes.map_err(fault)?);
    tokio::select! {
        started = pythons.start_default() => started.map_err(|e: ZygoteError| WorkerError::Python(e.to_string()))?,
        () = stop.cancelled() => return Ok(()),
    }
    let confine = confining
        .await
        .map_err(|e| WorkerError::Confinement(e.to_string()))?
        .map_err(WorkerError::Confinement)?;
    let confine = Arc::new(confine);
    let nursery = Nursery {
        pythons: Arc::clone(&pythons),
        confine: Arc::clone(&confine),
        scratch: dir.join("scratch"),
    };
    crate::blobs::empty_dir(&nursery.scratch).map_err(fault)?;
    if options.isolation == IsolationChoice::Sandbox {
        let tried = fork::try_out(&nursery).await;
        tried.map_err(WorkerError::Confinement)?;
    }
    let mut discovery = None;
    while !stop.is_cancelled() {
        let Some((welcome, sent)) = hello(options, &client, &pythons, &confine, stop).await? else {
            break;
        };
        info!(worker = %welcome.worker, server = client.server(), "joined");
        confine.joined(welcome.worker);
        let line = Arc::new(Line::new(client.clone(), &welcome, sent));
        crate::blobs::empty_dir(&nursery.scratch).map_err(fault)?;
        let equipment = Equipment {
            limits: limits(options, &confine),
            code: Arc::clone(&code),
            volumes: Arc::clone(&volumes),
            blobs: Arc::clone(&blobs),
            results: dir.join("results"),
            grace: options.kill_grace,
            nursery: nursery.clone(),
        };
        let agent = Agent::new(Arc::clone(&line), equipment).map_err(fault)?;
        if discovery.is_none() {
            let found = discover(Arc::clone(&pythons), Arc::clone(&line), options.discover);
            discovery = Some(tokio::spawn(found));
        }
        match session::run(line, agent, stop.clone(), options.stop_grace).await {
            SessionEnd::Stopped => break,
            SessionEnd::LeaseOver => warn!("the lease is over: all jobs were ended, joining anew"),
        }
    }
    if let Some(discovery) = discovery {
        discovery.abort();
    }
    confine.close();
    Ok(())
}

fn limits(options: &Options, confine: &Confine) -> Limits {
    let threads = machine::threads();
    Limits {
        units: options.compute_units,
        memory: options.memory_bytes,
        threads,
        source_ips: confine.source_ips().map(|(_, total)| total),
        idle_max: 2 * threads + 2,
        idle_for: Duration::from_secs(60),
        idle_keep: threads,
    }
}

/// Introduces the worker, however long the server takes to be there. None when told to stop.
async fn hello(
    options: &Options,
    client: &WorkerClient,
    pythons: &Pythons,
    confine: &Confine,
    stop: &CancellationToken,
) -> Result<Option<(Welcome, Instant)>, WorkerError> {
    let hello = Hello {
        name: options.name.clone(),
        hostname: machine::hostname(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        cpus: u32::try_from(machine::threads()).unwrap_or(1),
        compute_units: options.compute_units,
        memory_bytes: options.memory_bytes,
        pythons: pythons.list(),
        confinement: confine.about(),
        source_ips: confine.source_ips().map(|(_, total)| total),
    };
    let mut pause = Duration::from_millis(20);
    loop {
        let sent = Instant::now();
        let answer = tokio::select! {
            answer = timeout(HELLO_TIMEOUT, client.hello(&hello)) => answer,
            () = stop.cancelled() => return Ok(None),
        };
        // A connection may have died without a word; a new one may not.
        let Ok(answer) = answer else { continue };
        match answer {
            Ok(welcome) => return Ok(Some((welcome, sent))),
            Err(error) if error.may_retry() => {
                debug!(%error, "could not join yet");
                tokio::select! {
                    () = tokio::time::sleep(crate::jittered(pause)) => {}
                    () = stop.cancelled() => return Ok(None),
                }
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Finds out what is installed, then, if `others`, which interpreters there are besides, and tells
/// the server. A later session says all of it in its hello.
async fn discover(pythons: Arc<Pythons>, line: Arc<Line>, others: bool) {
    if let Err(error) = pythons.list_packages().await {
        warn!(%error, "what the default Python has installed is not known");
    }
    announce(&pythons, &line).await;
    if others {
        tokio::time::sleep(OTHERS_AFTER).await;
        let before = pythons.list().len();
        pythons.discover().await;
        if pythons.list().len() > before {
            announce(&pythons, &line).await;
        }
    }
}

async fn announce(pythons: &Pythons, line: &Line) {
    let pythons = pythons.list();
    if let Err(error) = line
        .client
        .pythons(line.worker, &PythonsUpdate { pythons })
        .await
    {
        warn!(%error, "the server does not know of all interpreters");
    }
}
