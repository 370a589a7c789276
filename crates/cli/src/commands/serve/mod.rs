//! `picloud serve`

mod access;
mod lock;
mod ready;
mod server;
pub(crate) mod settings;
mod storage;
mod welcome;
pub(crate) mod worker_child;

use super::{confinement, signals::stop_token};
use crate::{context::Context, failure::Failure, files::private_dir, logging};
use anyhow::{Context as _, Result};
use lock::DataDirLock;
use picloud_server::Handle;
use ready::Ready;
use settings::{Durability, Layers, Settings, Tls};
use std::{ffi::OsString, os::fd::RawFd, path::PathBuf, time::Duration};
use tokio_util::sync::CancellationToken;
use toml::{Table, Value};
use worker_child::ChildHandle;

const EXAMPLES: &str = "\
Examples:
  picloud serve                                                this machine, for this machine
  picloud serve --data-dir /srv/picloud --listen 0.0.0.0:7878 --tls self-signed
  picloud config default > picloud.toml && picloud serve --config picloud.toml
  picloud serve --no-worker                                    workers join with `picloud worker`

Ctrl-C or SIGTERM stops in order: new jobs are refused, running ones may finish, the rest goes on
at the next start. A second signal ends at once.";

/// Run a server, and a worker for this machine
///
/// The first start makes an administrator's key and writes the client profile, so that `import
/// cloud` works at once on this machine.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Settings file; `picloud config default` prints one that explains everything
    #[arg(long, value_name = "FILE", env = "PICLOUD_CONFIG")]
    config: Option<PathBuf>,
    /// Where jobs, results and keys are kept [default: ~/.local/share/picloud]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<String>,
    /// Address to listen on; port 0 lets the system choose [default: 127.0.0.1:7878]
    #[arg(long, value_name = "HOST:PORT")]
    listen: Option<String>,
    /// How to encrypt connections [default: off]
    #[arg(long, value_enum, value_name = "HOW")]
    tls: Option<Tls>,
    /// Certificate to use, in PEM, chain first
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_cert: Option<String>,
    /// Key of the certificate, in PEM
    #[arg(long, value_name = "FILE", requires = "tls_cert")]
    tls_key: Option<String>,
    /// Let other machines connect without TLS
    #[arg(long)]
    allow_insecure: bool,
    /// Do not run a worker on this machine
    #[arg(long)]
    no_worker: bool,
    /// When an acknowledged change is on disk [default: synced]
    #[arg(long, value_enum, value_name = "WHEN")]
    durability: Option<Durability>,
    /// Compute units the worker offers [default: from the number of processors]
    #[arg(long, value_name = "N")]
    worker_units: Option<f64>,
    /// Python interpreter to offer besides those found by themselves; repeat for more
    #[arg(long, value_name = "PATH")]
    python: Vec<String>,
    /// How long running jobs may go on when the server is told to stop [default: 10]
    #[arg(long, value_name = "SECS")]
    stop_grace: Option<i64>,
    #[command(flatten)]
    confinement: confinement::Flags,
    /// Do not write the client profile
    #[arg(long)]
    no_profile: bool,
    /// Write a file with address and key, as JSON, once jobs can be sent
    #[arg(long, value_name = "PATH")]
    ready_file: Option<PathBuf>,
    /// Write the same to this descriptor, and close it
    #[arg(long, value_name = "N")]
    ready_fd: Option<RawFd>,
}

impl Args {
    /// What the flags say, by the names of the settings.
    fn flags(&self) -> Table {
        let text = |value: &Option<String>| value.clone().map(Value::String);
        let named = |value: Option<&str>| value.map(|v| Value::String(v.to_owned()));
        let tls = self.tls.map(|tls| match tls {
            Tls::Off => "off",
            Tls::SelfSigned => "self-signed",
        });
        let durability = self.durability.map(|durability| match durability {
            Durability::Synced => "synced",
            Durability::Relaxed => "relaxed",
        });
        let python: Vec<Value> = self.python.iter().cloned().map(Value::String).collect();
        let given = [
            ("data_dir", text(&self.data_dir)),
            ("listen", text(&self.listen)),
            ("tls", named(tls)),
            ("tls_cert", text(&self.tls_cert)),
            ("tls_key", text(&self.tls_key)),
            (
                "allow_insecure",
                self.allow_insecure.then_some(Value::Boolean(true)),
            ),
            ("worker", self.no_worker.then_some(Value::Boolean(false))),
            ("durability", named(durability)),
            ("worker_units", self.worker_units.map(Value::Float)),
            (
                "python",
                (!python.is_empty()).then_some(Value::Array(python)),
            ),
            ("stop_grace_s", self.stop_grace.map(Value::Integer)),
        ];
        given
            .into_iter()
            .filter_map(|(name, value)| Some((name, value?)))
            .chain(self.confinement.settings())
            .map(|(name, value)| (name.to_owned(), value))
            .collect()
    }
}

pub(super) fn run(context: &Context, args: &Args) -> Result<()> {
    // First of all, before anything here opens a descriptor that could be taken for the one meant.
    let ready = Ready::new(args.ready_file.clone(), args.ready_fd)?;
    let layers = Layers {
        file: args.config.clone(),
        flags: args.flags(),
    };
    let settings = Settings::load(layers, |name| std::env::var(name).ok())?;
    logging::start(
        &settings.log_level,
        context.globals.verbose,
        settings.log_format,
    );
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve(settings, ready, !args.no_profile))
}

async fn serve(settings: Settings, ready: Ready, publish: bool) -> Result<()> {
    let child = ChildHandle::default();
    let stop = stop_token({
        let child = child.clone();
        move || child.kill()
    })?;
    private_dir(&settings.data_dir)?;
    let mut lock = DataDirLock::take(&settings.data_dir)?;
    let handle = server::start(&settings).await?;
    lock.announce(handle.url())?;

    let (worker_stop, cannot_work) = (CancellationToken::new(), CancellationToken::new());
    let worker = settings.worker.then(|| {
        let options = worker_options(&settings, &handle, cannot_work.clone());
        tokio::spawn(worker_child::run(options, child, worker_stop.clone()))
    });
    let began = tokio::select! {
        began = begin(&settings, &handle, ready, publish) => began,
        () = stop.cancelled() => Ok(()),
        () = cannot_work.cancelled() => Err(worker_cannot_work()),
    };
    if began.is_ok() {
        stop.cancelled().await;
    }

    // In order: nothing new, then what runs, then what must reach the disk.
    tracing::info!("stopping: running jobs may finish, a second signal ends at once");
    handle.stop_intake();
    worker_stop.cancel();
    if let Some(worker) = worker {
        worker
            .await
            .context("the task that watches the worker failed")?;
    }
    handle.stop().await;
    began
}

/// Makes the way in known once jobs can be sent.
async fn begin(settings: &Settings, handle: &Handle, ready: Ready, publish: bool) -> Result<()> {
    let access = server::administrator(handle, &settings.data_dir)?;
    if let (true, Some(access)) = (settings.worker, &access) {
        server::wait_for_worker(access).await?;
    }
    let written = access
        .as_ref()
        .filter(|_| publish)
        .map(access::publish)
        .transpose()?;
    let link = handle.administrator_link().await;
    let link = link.context("could not make a link for the administrator")?;
    let link = link.map(|made| format!("{}{}", handle.url(), made.path));
    ready.announce(handle.url(), access.as_ref(), link.as_deref())?;
    let welcome = welcome::Welcome {
        url: handle.url(),
        data_dir: &settings.data_dir,
        dashboard_link: link.as_deref(),
        profile: written.as_ref(),
        key_is_known: access.is_some(),
        worker: settings.worker,
    };
    eprint!("{}", welcome.text());
    Ok(())
}

fn worker_cannot_work() -> anyhow::Error {
    Failure::usage(
        "the worker of this machine cannot work; it says why above",
        "start picloud from the Python environment that has the package `cloud`, or use --no-worker",
    )
    .into()
}

fn worker_options(
    settings: &Settings,
    handle: &Handle,
    cannot_work: CancellationToken,
) -> worker_child::Options {
    let mut arguments: Vec<OsString> = vec!["--server".into(), handle.url().into()];
    let mut add = |flag: &str, value: OsString| arguments.extend([flag.into(), value]);
    add("--state-dir", settings.data_dir.join("worker").into());
    add("--stop-grace", settings.stop_grace_s.to_string().into());
    add("--log-level", settings.log_level.clone().into());
    add("--log-format", settings.log_format.name().into());
    if let Some(file) = handle.ca_file() {
        add("--ca-file", file.into());
    }
    if settings.worker_units > 0.0 {
        add("--units", settings.worker_units.to_string().into());
    }
    if settings.worker_memory_bytes > 0 {
        add("--memory", settings.worker_memory_bytes.to_string().into());
    }
    for python in &settings.python {
        add("--python", python.into());
    }
    arguments.extend(settings.confinement().arguments());
    worker_child::Options {
        arguments,
        token: handle.worker_token().to_owned(),
        grace: Duration::from_secs(settings.stop_grace_s),
        cannot_work,
    }
}
