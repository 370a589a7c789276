//! `picloud worker`

use super::{confinement, serve::worker_child::TOKEN_VARIABLE, signals::stop_token};
use crate::{
    context::Context,
    failure::Failure,
    logging::{self, LogFormat},
};
use anyhow::{Context as _, Result, bail};
use picloud_worker::{Options, Worker};
use std::{path::PathBuf, time::Duration};

const EXAMPLES: &str = "\
Examples:
  PICLOUD_WORKER_TOKEN=... picloud worker --server https://pi.example:7878 --ca-file ca.pem
  picloud worker --units 4 --python /opt/python3.12/bin/python3
  picloud worker --network none --source-ip 192.0.2.7 --source-ip 192.0.2.8

The token is in the file worker.token of the server's data directory.";

/// Run jobs on this machine for a server elsewhere
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The server's worker token; better in the environment, where other users do not see it
    #[arg(long, env = TOKEN_VARIABLE, hide_env_values = true)]
    token: Option<String>,
    /// Name of this worker, unique among the server's [default: from the host's name]
    #[arg(long)]
    name: Option<String>,
    /// Compute units to offer [default: from the number of processors]
    #[arg(long, value_name = "N")]
    units: Option<f64>,
    /// Memory to offer to jobs, in bytes [default: from the machine]
    #[arg(long, value_name = "BYTES")]
    memory: Option<u64>,
    /// Python interpreter to offer besides those found by themselves; repeat for more
    #[arg(long, value_name = "PATH")]
    python: Vec<PathBuf>,
    /// Where code and large results are kept meanwhile [default: a directory below the cache of the user]
    #[arg(long, value_name = "DIR")]
    state_dir: Option<PathBuf>,
    /// How long running jobs may go on when the worker is told to stop
    #[arg(long, value_name = "SECS", default_value_t = 10)]
    stop_grace: u64,
    /// error, warn, info, debug or trace
    #[arg(long, value_name = "LEVEL", default_value = "info")]
    log_level: String,
    /// How log lines look
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    log_format: LogFormat,
    #[command(flatten)]
    confinement: confinement::Flags,
}

pub(super) fn run(context: &Context, args: Args) -> Result<()> {
    logging::start(&args.log_level, context.globals.verbose, args.log_format);
    let flags = &context.globals;
    let server = flags
        .server
        .clone()
        .or_else(|| std::env::var("PICLOUD_SERVER").ok());
    let Some(server) = server.filter(|s| !s.is_empty()) else {
        bail!(Failure::usage(
            "it is not said which server to work for",
            "give it with --server URL"
        ));
    };
    let Some(token) = args.token.filter(|t| !t.is_empty()) else {
        bail!(Failure::usage(
            "the server's worker token is not given",
            format!(
                "it is in the file worker.token of the server's data directory; give it with {TOKEN_VARIABLE}"
            ),
        ));
    };
    let state_dir = args.state_dir.map_or_else(default_state_dir, Ok)?;
    let mut options = Options::new(server, token.trim(), state_dir);
    options.ca_file = flags
        .ca_file
        .clone()
        .or_else(|| std::env::var_os("PICLOUD_CA_FILE").map(PathBuf::from));
    args.confinement.apply(&mut options);
    options.pythons = args.python;
    options.stop_grace = Duration::from_secs(args.stop_grace);
    // This process is the worker and nothing else, so every stray child is one of its jobs'.
    options.adopt_strays = true;
    options.name = args.name.unwrap_or(options.name);
    options.compute_units = args.units.unwrap_or(options.compute_units);
    options.memory_bytes = args.memory.unwrap_or(options.memory_bytes);
    // Whatever starts from here must not find it.
    // SAFETY: no other thread runs yet.
    unsafe { std::env::remove_var(TOKEN_VARIABLE) };
    picloud_worker::claim_namespaces(&options);

    // One thread: the worker passes small things on, and waking another thread for each costs a
    // round trip more than it gains. Hashing and files have threads of their own.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let stop = stop_token(|| ())?;
        Worker::run(options, stop).await.context("the worker ended")
    })
}

/// One per server would be nicer to the caches, but the worker refuses to share it anyway.
fn default_state_dir() -> Result<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .filter(|d| !d.is_empty())
        .map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let cache = cache
        .context("there is no place for the worker's files: HOME is not set (use --state-dir)")?;
    Ok(cache.join("picloud/worker"))
}
