//! `picloud exec-shell`

mod raw_mode;
mod session;

use super::{
    patience::parse_seconds,
    shell::{Needs, newest_python, payload},
    signals::stop_token,
};
use crate::{
    context::Context,
    failure::{Exit, Failure},
};
use anyhow::{Result, bail};
use picloud_client::{ApiClient, ClientError, Terminal};
use picloud_types::{
    Jid, JidSet, JobSpec,
    api::jobs::{KillRequest, SubmitHeader},
    pickle::{self, Value as Plain},
};
use session::{End, Session};
use std::{
    io::{IsTerminal as _, stdin},
    time::{Duration, Instant},
};
use tokio::{select, time::sleep};

const EXAMPLES: &str = "\
Examples:
  picloud exec-shell                          a shell in a job
  picloud exec-shell -t m1 -c 2 -v data       with more cores and a volume
  picloud exec-shell -k -m 120                the job stays when the shell is left, two hours at most
  picloud exec-shell --job 7                  a terminal to the shell of such a job
  picloud exec-shell < script.sh              commands from a file; ends with their exit status

The exit status is that of the shell. It is 3 as well when the job was killed or lost, and 1 when the
time of --timeout is over.";

const LABEL: &str = "exec-shell";
/// Sooner than others: somebody waits for it.
const PRIORITY: i32 = 1;
/// Nobody is woken when a shell is there, so it is asked for this often.
const POLL_FIRST: Duration = Duration::from_millis(20);
const POLL_MAX: Duration = Duration::from_millis(500);
const INTERRUPTED: u8 = 130;

/// Open a shell in a job
///
/// The job has the label exec-shell and priority 1, and is not started again when its worker is lost. It ends with its
/// shell, or when the terminal is closed.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Give up, and kill the job, when its shell is not there after this many seconds
    #[arg(long, value_name = "SECONDS", value_parser = parse_seconds)]
    timeout: Option<f64>,
    /// Keep the job, and what runs in it, when the terminal is closed; it has a new shell when this one exits
    #[arg(short, long)]
    keep_alive: bool,
    /// Open a terminal to this job, which was kept alive
    #[arg(long, value_name = "JID", conflicts_with_all = ["keep_alive", "core_type", "cores", "env", "vol", "max_runtime"])]
    job: Option<i64>,
    #[command(flatten)]
    needs: Needs,
    /// Secret of the API key
    // The same as the global option, but without its `-k`, which keeps the job here.
    #[arg(
        id = "api_secretkey",
        long = "api-secretkey",
        global = true,
        value_name = "SECRET",
        allow_hyphen_values = true,
        help_heading = "Global options"
    )]
    _secret: Option<String>,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let client = context.client()?;
    let (jid, is_new) = match args.job {
        Some(number) => (Jid(number), false),
        None => (make(&client, args).await?, true),
    };
    let terminal = match wait(&client, jid, args.timeout).await {
        Ok(terminal) => terminal,
        Err(error) => {
            if is_new {
                kill(&client, jid).await;
            }
            return Err(error);
        }
    };
    let end = Session::begin(terminal)?.run().await?;
    if args.keep_alive && stdin().is_terminal() {
        eprintln!(
            "job {jid} is there until `picloud kill {jid}`; `picloud exec-shell --job {jid}` opens a terminal to it"
        );
    }
    match end {
        End::Exited(0) => Ok(()),
        End::Exited(status) => bail!(Exit(u8::try_from(status).unwrap_or(u8::MAX))),
        End::Signal(status) => bail!(Exit(status)),
        End::Lost => bail!(
            Failure::unmet(format!("the shell of job {jid} is gone"))
                .hint(format!("`picloud info {jid}` says what became of the job"))
        ),
    }
}

/// Makes the job.
async fn make(client: &ApiClient, args: &Args) -> Result<Jid> {
    let service = client.service().await?;
    let spec = JobSpec {
        label: Some(LABEL.to_owned()),
        priority: PRIORITY,
        restartable: false,
        ..args.needs.spec("bash", newest_python(&service)?)?
    };
    let header = SubmitHeader {
        spec,
        count: 1,
        key: format!("{:032x}", rand::random::<u128>()),
        depends_on: JidSet::default(),
        map: None,
    };
    let (columns, rows) = raw_mode::window().unwrap_or((80, 24));
    let settings = [
        ("pty", Plain::Bool(stdin().is_terminal())),
        ("keep_alive", Plain::Bool(args.keep_alive)),
        (
            "term",
            Plain::Text(std::env::var("TERM").unwrap_or_default()),
        ),
        ("columns", Plain::Json(columns.into())),
        ("rows", Plain::Json(rows.into())),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let function = pickle::function("cloud._shell_terminal", "run");
    let function = payload(client, &service, function).await?;
    let arguments = payload(client, &service, pickle::arguments(&settings)).await?;
    let made = client.submit(&header, &function, &[arguments]).await?;
    Ok(made.first_jid)
}

/// Opens the terminal as soon as the job has a shell.
async fn wait(client: &ApiClient, jid: Jid, timeout: Option<f64>) -> Result<Terminal> {
    let stop = stop_token(|| ())?;
    let limit = timeout.and_then(|s| Duration::try_from_secs_f64(s).ok());
    let end = limit.and_then(|d| Instant::now().checked_add(d));
    let mut pause = POLL_FIRST;
    loop {
        match client.terminal(jid).await {
            Ok(terminal) => return Ok(terminal),
            Err(ClientError::Refused(refusal)) if refusal.retry => {}
            Err(error) => return Err(error.into()),
        }
        if end.is_some_and(|end| Instant::now() >= end) {
            bail!(Failure::usage(
                format!("job {jid} had no shell in time"),
                format!("`picloud info -f all {jid}` says what it waited for")
            ));
        }
        select! {
            () = sleep(pause) => {}
            () = stop.cancelled() => bail!(Exit(INTERRUPTED)),
        }
        pause = (pause * 2).min(POLL_MAX);
    }
}

/// Nobody would ever use it.
async fn kill(client: &ApiClient, jid: Jid) {
    let request = KillRequest {
        jids: JidSet::range(jid, 1),
        all: false,
    };
    // It may have ended, which is why there is no shell.
    if let Err(error) = client.kill(&request).await {
        eprintln!("could not kill job {jid}: {error}");
    }
}
