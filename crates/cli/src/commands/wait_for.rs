//! `picloud wait-for`

use super::patience::{Deadline, Patience, parse_seconds};
use crate::{context::Context, failure::Failure};
use anyhow::{Result, bail};
use clap::ValueEnum;
use picloud_client::ApiClient;
use picloud_types::{
    Jid, JidSet, JobState,
    api::{
        info::JobInfo,
        jobs::{WaitFor, WaitRequest},
    },
};
use serde_json::json;
use std::time::Duration;

const EXAMPLES: &str = "\
Examples:
  picloud wait-for status 7 processing              until job 7 runs
  picloud wait-for status -t 60 7 done
  picloud wait-for port 7 8888                      until job 7 listens there; prints ADDRESS:PORT
  curl \"http://$(picloud wait-for port 7 8000)/\"";

/// Nobody is woken when a job begins or listens, so it is asked this often.
const POLL: Duration = Duration::from_millis(100);

/// Wait until a job has a status, or listens on a port
///
/// Ends with code 3 when that can no longer come, and with code 1 when the time is over.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Args {
    #[command(subcommand)]
    action: Action,
}

#[derive(clap::Subcommand, Debug)]
enum Action {
    /// Wait until a job listens on a port; print where it is to be reached
    #[command(
        after_help = "Examples:\n  picloud wait-for port 7 8888\n  picloud wait-for port -p udp -t 60 7 5353"
    )]
    Port {
        #[command(flatten)]
        time: Time,
        /// Kind of port
        #[arg(short, long, value_enum, default_value = "tcp")]
        protocol: Protocol,
        #[command(flatten)]
        job: Job,
        /// Number of the port that the job opens
        #[arg(value_parser = clap::value_parser!(u16).range(1..))]
        port: u16,
    },
    /// Wait until a job has a status
    #[command(
        after_help = "Examples:\n  picloud wait-for status 7 processing\n  picloud wait-for status -t 60 7 done"
    )]
    Status {
        #[command(flatten)]
        time: Time,
        #[command(flatten)]
        job: Job,
        /// waiting, queued, processing, done, error, killed or stalled
        #[arg(value_parser = parse_state)]
        status: JobState,
    },
}

#[derive(clap::Args, Clone, Copy, Debug)]
struct Time {
    /// Stop waiting after this many seconds (code 1)
    #[arg(short, long, value_name = "SECS", value_parser = parse_seconds)]
    timeout: Option<f64>,
}

#[derive(clap::Args, Clone, Copy, Debug)]
struct Job {
    /// Job id
    #[arg(value_name = "JID", value_parser = clap::value_parser!(i64).range(1..))]
    jid: i64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    fn name(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

impl From<Protocol> for picloud_types::usage::Protocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
        }
    }
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let client = context.client()?;
    match &args.action {
        Action::Status { time, job, status } => {
            let found = status_of(
                &client,
                Jid(job.jid),
                *status,
                Deadline::after(time.timeout),
            )
            .await?;
            let text = found.public_name();
            Ok(context
                .out
                .line(text, &json!({"jid": job.jid, "status": text}))?)
        }
        Action::Port {
            time,
            protocol,
            job,
            port,
        } => {
            let deadline = Deadline::after(time.timeout);
            let address = address_of(&client, Jid(job.jid), *port, *protocol, deadline).await?;
            let text = if address.contains(':') {
                format!("[{address}]:{port}")
            } else {
                format!("{address}:{port}")
            };
            Ok(context
                .out
                .line(&text, &json!({"address": address, "port": port}))?)
        }
    }
}

async fn status_of(
    client: &ApiClient,
    jid: Jid,
    wanted: JobState,
    deadline: Deadline,
) -> Result<JobState> {
    let mut patience = Patience::default();
    loop {
        let Some(found) = state(client, jid, &mut patience).await? else {
            continue;
        };
        if found == wanted {
            return Ok(found);
        }
        if !may_become(found, wanted) {
            bail!(
                Failure::unmet(format!(
                    "job {jid} is {} and cannot become {} any more",
                    found.public_name(),
                    wanted.public_name()
                ))
                .hint(format!(
                    "`picloud info -f all {jid}` shows everything about it"
                ))
            );
        }
        if deadline.is_over() {
            bail!(Failure::usage(
                format!(
                    "job {jid} is {}, not {}, and the time is over",
                    found.public_name(),
                    wanted.public_name()
                ),
                format!("`picloud info -f waiting_because {jid}` says why a job still waits"),
            ));
        }
        if wanted.is_finished() {
            let timeout_ms = u64::try_from(deadline.poll().as_millis()).unwrap_or(u64::MAX);
            let request = WaitRequest {
                jids: JidSet::range(jid, 1),
                until: WaitFor::All,
                timeout_ms,
            };
            patience.judge(client.wait(&request).await).await?;
        } else {
            tokio::time::sleep(POLL.min(deadline.poll())).await;
        }
    }
}

async fn state(client: &ApiClient, jid: Jid, patience: &mut Patience) -> Result<Option<JobState>> {
    let Some(runs) = patience
        .judge(client.statuses(JidSet::range(jid, 1)).await)
        .await?
    else {
        return Ok(None);
    };
    match runs.first() {
        Some(run) => Ok(Some(run.status.parse()?)),
        None => bail!("the server knows no status of job {jid}"),
    }
}

/// Whether a job that is `found` may still be `wanted`. One whose worker was lost is queued again.
fn may_become(found: JobState, wanted: JobState) -> bool {
    match (found.public_name(), wanted.public_name()) {
        ("waiting", wanted) => wanted != "waiting",
        ("queued", wanted) => !matches!(wanted, "waiting" | "stalled"),
        ("processing", wanted) => !matches!(wanted, "waiting" | "stalled"),
        _ => false,
    }
}

async fn address_of(
    client: &ApiClient,
    jid: Jid,
    port: u16,
    protocol: Protocol,
    deadline: Deadline,
) -> Result<String> {
    let mut patience = Patience::default();
    loop {
        let answer = client.info(JidSet::range(jid, 1), Vec::new()).await;
        let Some(mut infos) = patience.judge(answer).await? else {
            continue;
        };
        let Some(info) = infos.remove(&jid) else {
            bail!(Failure::unmet(format!("job {jid} does not exist")));
        };
        if info.status.parse::<JobState>()?.is_finished() {
            bail!(Failure::unmet(format!(
                "job {jid} is {} and listens on no port any more",
                info.status
            )));
        }
        if let Some(address) = listening(&info, port, protocol) {
            // The worker of a local server is this machine, whatever its name resolves to.
            return Ok(if is_local(client.server()) {
                "127.0.0.1".to_owned()
            } else {
                address
            });
        }
        if deadline.is_over() {
            bail!(Failure::usage(
                format!(
                    "job {jid} is {} and does not listen on {} port {port}, and the time is over",
                    info.status,
                    protocol.name()
                ),
                format!("`picloud logs {jid}` shows what it says"),
            ));
        }
        tokio::time::sleep(POLL.min(deadline.poll())).await;
    }
}

fn listening(info: &JobInfo, port: u16, protocol: Protocol) -> Option<String> {
    let live = info.live.as_ref()?;
    let found = live
        .ports
        .iter()
        .any(|p| p.port == port && p.protocol == protocol.into());
    found.then(|| live.address.clone())
}

/// Whether the server is on this machine.
fn is_local(server: &str) -> bool {
    let rest = server.split_once("://").map_or(server, |(_, rest)| rest);
    ["127.", "localhost", "[::1]"]
        .iter()
        .any(|start| rest.starts_with(start))
}

fn parse_state(text: &str) -> Result<JobState, String> {
    text.parse().map_err(|_| {
        format!("{text:?} is no status: waiting, queued, processing, done, error, killed, stalled")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_come_any_more_is_not_waited_for() {
        use JobState::{Done, Error, Killed, Processing, Queued, Stalled, Waiting};
        for (found, wanted, may) in [
            (Waiting, Stalled, true),
            (Queued, Stalled, false),
            (Queued, Waiting, false),
            (Queued, Done, true),
            (Processing, Queued, true),
            (Processing, Error, true),
            (Done, Processing, false),
            (Killed, Done, false),
        ] {
            assert_eq!(may_become(found, wanted), may, "{found} {wanted}");
        }
    }

    #[test]
    fn a_server_of_this_machine_is_known_by_its_address() {
        for local in [
            "http://127.0.0.1:8080",
            "https://localhost:1",
            "http://[::1]:2",
        ] {
            assert!(is_local(local), "{local}");
        }
        assert!(!is_local("https://cloud.example.org") && !is_local("http://10.127.0.1:80"));
    }
}
