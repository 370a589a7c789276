//! `picloud join`

use super::{
    patience::{Deadline, Patience, parse_seconds},
    progress::Progress,
};
use crate::{context::Context, failure::Failure, jids::Jids};
use anyhow::{Result, bail};
use picloud_client::ApiClient;
use picloud_types::{
    Jid, JidSet,
    api::jobs::{WaitFor, WaitRequest},
};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  picloud join 1-100              wait for all; ends at the first failure with code 3
  picloud join -t 60 7            wait a minute at most
  picloud join -i 1-100           wait for all, whatever becomes of them";

/// Wait until jobs have ended
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    jids: Jids,
    /// Stop waiting after this many seconds (code 1)
    #[arg(short, long, value_name = "SECS", value_parser = parse_seconds)]
    timeout: Option<f64>,
    /// Wait for all jobs, also when some fail, and end with code 0
    #[arg(short, long)]
    ignore_errors: bool,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let client = context.client()?;
    let jids = args.jids.set();
    let until = if args.ignore_errors {
        WaitFor::All
    } else {
        WaitFor::AllOrFailure
    };
    let failed = wait(&client, &jids, until, Deadline::after(args.timeout)).await?;
    if let Some(jid) = failed.filter(|_| !args.ignore_errors) {
        bail!(failure_of(&client, jid).await?);
    }
    let text = format!("{} of {} jobs have ended", jids.len(), jids.len());
    Ok(context.out.line(
        &text,
        &json!({"finished": jids.len(), "first_failed": failed}),
    )?)
}

/// Waits, with progress where a person watches; answers the first job that failed, if one did.
async fn wait(
    client: &ApiClient,
    jids: &JidSet,
    until: WaitFor,
    deadline: Deadline,
) -> Result<Option<Jid>> {
    let total = jids.len();
    let mut progress = Progress::new();
    let mut patience = Patience::default();
    loop {
        let poll = if progress.is_watched() {
            deadline.poll().min(std::time::Duration::from_secs(1))
        } else {
            deadline.poll()
        };
        let timeout_ms = u64::try_from(poll.as_millis()).unwrap_or(u64::MAX);
        let request = WaitRequest {
            jids: jids.clone(),
            until,
            timeout_ms,
        };
        let Some(reply) = patience.judge(client.wait(&request).await).await? else {
            continue;
        };
        if reply.ready {
            return Ok(reply.first_failed);
        }
        progress.show(&format!(
            "waiting: {} of {total} jobs left, {} queued",
            reply.unfinished, reply.queued
        ));
        if deadline.is_over() {
            drop(progress);
            bail!(Failure::usage(
                format!(
                    "{} of {total} jobs have not ended in time",
                    reply.unfinished
                ),
                "`picloud info -f waiting_because` says why a job still waits",
            ));
        }
    }
}

/// What became of a failed job, as an error.
pub(super) async fn failure_of(client: &ApiClient, jid: Jid) -> Result<Failure> {
    let info = client.info(JidSet::range(jid, 1), Vec::new()).await?;
    let Some(info) = info.get(&jid) else {
        return Ok(Failure::unmet(format!("job {jid} failed")));
    };
    let what = info
        .failure
        .as_ref()
        .map_or("no reason is known", |f| f.exception.trim_end());
    let failure = Failure::unmet(format!(
        "job {jid} ended with status {}: {what}",
        info.status
    ));
    let hint = info.failure.as_ref().and_then(|f| f.hint.clone());
    Ok(failure.hint(
        hint.unwrap_or_else(|| format!("`picloud info -f all {jid}` shows everything about it")),
    ))
}
