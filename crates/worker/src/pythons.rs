//! The interpreters of this worker, each with a zygote once somebody needs it.

use crate::{
    discover,
    launch::ZygotePlan,
    support,
    zygote::{Zygote, ZygoteError},
};
use picloud_types::api::{service::Package, workers::WorkerPython};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Mutex as AsyncMutex;
use tracing::{debug, info};

/// A zygote that ended sooner than this after its start is not started again at once.
const STEADY: Duration = Duration::from_secs(10);

/// One interpreter.
#[derive(Debug)]
struct Interpreter {
    plan: ZygotePlan,
    /// `packages` is empty where they are listed later.
    about: WorkerPython,
    listed: OnceLock<Vec<Package>>,
    zygote: AsyncMutex<Keeper>,
}

#[derive(Debug, Default)]
struct Keeper {
    zygote: Option<Arc<Zygote>>,
    started: Option<Instant>,
    failures: u32,
}

/// All of them. `filters` go to every zygote: programs for `seccomp`, in base64.
#[derive(Debug)]
pub(crate) struct Pythons {
    filters: Arc<Vec<String>>,
    runner: Option<PathBuf>,
    default: PathBuf,
    configured: Vec<PathBuf>,
    support: PathBuf,
    cwd: PathBuf,
    known: Mutex<BTreeMap<String, Arc<Interpreter>>>,
}

impl Pythons {
    /// `state_dir` is where the packages for bare interpreters are linked.
    pub(crate) fn new(
        filters: Arc<Vec<String>>,
        runner: Option<PathBuf>,
        default: Option<PathBuf>,
        configured: Vec<PathBuf>,
        state_dir: &Path,
    ) -> std::io::Result<Self> {
        let support = state_dir.join("support");
        crate::blobs::empty_dir(&support)?;
        Ok(Self {
            filters,
            runner,
            default: default.unwrap_or_else(discover::default_interpreter),
            configured,
            support,
            cwd: state_dir.to_owned(),
            known: Mutex::default(),
        })
    }

    fn known(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Interpreter>>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the server is told.
    pub(crate) fn list(&self) -> Vec<WorkerPython> {
        let known = self.known();
        let about = known.values().map(|interpreter| {
            let mut about = interpreter.about.clone();
            if let Some(listed) = interpreter.listed.get() {
                about.packages.clone_from(listed);
            }
            about
        });
        about.collect()
    }

    /// Asks the default interpreter what it has installed.
    pub(crate) async fn list_packages(&self) -> Result<(), ZygoteError> {
        let unlisted: Vec<_> = self
            .known()
            .values()
            .filter(|i| i.about.packages.is_empty() && i.listed.get().is_none())
            .cloned()
            .collect();
        for interpreter in unlisted {
            let Ok(zygote) = self.zygote(&interpreter.about.version).await else {
                continue;
            };
            let _ = interpreter.listed.set(zygote.packages().await?);
        }
        Ok(())
    }

    fn plan(&self, executable: &Path, runner: Option<PathBuf>, background: bool) -> ZygotePlan {
        ZygotePlan {
            executable: executable.to_owned(),
            runner,
            support: Some(self.support.clone()),
            cwd: self.cwd.clone(),
            background,
        }
    }

    /// Starts the default interpreter. Its first start is also its discovery: one start fewer
    /// before the first job.
    pub(crate) async fn start_default(&self) -> Result<(), ZygoteError> {
        let plan = self.plan(&self.default, self.runner.clone(), false);
        let zygote = Zygote::start(&self.filters, &plan).await?;
        self.add(plan, Some(zygote)).await
    }

    async fn add(&self, plan: ZygotePlan, zygote: Option<Zygote>) -> Result<(), ZygoteError> {
        let zygote = match zygote {
            Some(zygote) => zygote,
            None => Zygote::start(&self.filters, &plan).await?,
        };
        // Of the default interpreter they are listed later: listing takes longer than starting it.
        let packages = match plan.background {
            true => zygote.packages().await?,
            false => Vec::new(),
        };
        let about = WorkerPython {
            version: zygote.about.version.clone(),
            full_version: zygote.about.full_version.clone(),
            executable: zygote.about.executable.clone(),
            packages,
        };
        if !discover::is_supported(&about.version) {
            debug!(version = %about.full_version, "an interpreter is of no supported version");
            return Ok(());
        }
        info!(version = %about.full_version, executable = %about.executable, "found a Python");
        // One that was only looked at is started anew when a job needs it.
        let keep = !plan.background;
        let keeper = Keeper {
            zygote: keep.then(|| Arc::new(zygote)),
            started: keep.then(Instant::now),
            failures: 0,
        };
        let interpreter = Interpreter {
            plan: ZygotePlan {
                background: false,
                ..plan
            },
            zygote: AsyncMutex::new(keeper),
            about,
            listed: OnceLock::new(),
        };
        let version = interpreter.about.version.clone();
        self.known()
            .entry(version)
            .or_insert_with(|| Arc::new(interpreter));
        Ok(())
    }

    /// Links what bare interpreters need, then looks at every other interpreter of the machine.
    pub(crate) async fn discover(&self) {
        let (dir, default, runner) = (
            self.support.clone(),
            self.default.clone(),
            self.runner.clone(),
        );
        let filled =
            tokio::task::spawn_blocking(move || support::fill(&dir, &default, runner.as_deref()));
        let runner = match filled.await {
            Ok(Ok(Some(runner))) => runner,
            other => {
                debug!(
                    ?other,
                    "no other interpreter is offered: the runner was not found"
                );
                return;
            }
        };
        for candidate in discover::candidates(&self.configured) {
            let has = |version: &String| self.known().contains_key(version);
            if candidate.version.as_ref().is_some_and(has) {
                continue;
            }
            let plan = self.plan(&candidate.executable, Some(runner.clone()), true);
            if let Err(error) = self.add(plan, None).await {
                debug!(%error, "an interpreter cannot run jobs");
            }
        }
    }

    /// The zygote of a version, started if need be.
    pub(crate) async fn zygote(&self, version: &str) -> Result<Arc<Zygote>, String> {
        let interpreter = self.known().get(version).cloned();
        let Some(interpreter) = interpreter else {
            return Err(format!("this worker has no Python {version}"));
        };
        let mut keeper = interpreter.zygote.lock().await;
        if let Some(zygote) = &keeper.zygote
            && !zygote.is_gone()
        {
            return Ok(Arc::clone(zygote));
        }
        keeper.zygote = None;
        match keeper.started {
            Some(started) if started.elapsed() < STEADY => {
                keeper.failures += 1;
                let pause = Duration::from_millis(20 << keeper.failures.min(7));
                tokio::time::sleep(crate::jittered(pause)).await;
            }
            _ => keeper.failures = 0,
        }
        keeper.started = Some(Instant::now());
        let zygote = Zygote::start(&self.filters, &interpreter.plan).await;
        let zygote = Arc::new(zygote.map_err(|e| e.to_string())?);
        keeper.zygote = Some(Arc::clone(&zygote));
        Ok(zygote)
    }
}
