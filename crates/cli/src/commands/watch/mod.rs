//! `picloud watch`

mod table;

use super::{join::failure_of, patience::Patience, verdict};
use crate::{context::Context, failure::Failure, output};
use anyhow::{Result, bail};
use futures_util::StreamExt as _;
use picloud_client::{ApiClient, JobEvent};
use picloud_types::{
    Jid, JidSet, JobState, Sample,
    api::info::{JobInfo, StatusEvent},
};
use serde_json::{Value, json};
use std::io;
use table::Table;

const EXAMPLES: &str = "\
Examples:
  picloud watch 7                       a line a second until job 7 ends
  picloud --json watch 7 | jq .memory_bytes
  picloud watch 7 && picloud result 7";

/// Show what a job uses, second by second, until it ends
///
/// Begins with the seconds there have been. Waits for a job that has not begun, and goes on across
/// a restart of the server. Ends with the verdict; the code is 3 if the job failed. With --json
/// each line is an object: of a sample, of a status, and at last of the job as it ended.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Job id
    #[arg(value_name = "JID", value_parser = clap::value_parser!(i64).range(1..))]
    jid: i64,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let client = context.client()?;
    let jid = Jid(args.jid);
    let mut watcher = Watcher {
        json: context.json(),
        table: Table::default(),
        attempt: None,
        last_second: None,
    };
    let mut patience = Patience::default();
    while !watcher.listen(&client, jid, &mut patience).await? {}
    finish(context, &client, jid).await
}

/// What was heard so far, across lines that break.
struct Watcher {
    json: bool,
    table: Table,
    attempt: Option<u32>,
    last_second: Option<u32>,
}

impl Watcher {
    /// Hears one line to its end; whether that was the end of the job, too.
    async fn listen(
        &mut self,
        client: &ApiClient,
        jid: Jid,
        patience: &mut Patience,
    ) -> Result<bool> {
        let answer = client.events(jid, self.last_second).await;
        let Some(mut events) = patience.judge(answer).await? else {
            return Ok(false);
        };
        while let Some(event) = events.next().await {
            match patience.judge(event).await? {
                Some(JobEvent::Sample(sample)) => self.sample(sample)?,
                Some(JobEvent::Status(event)) => self.status(&event)?,
                Some(JobEvent::End(_)) => return Ok(true),
                None => break,
            }
        }
        Ok(false)
    }

    fn sample(&mut self, sample: Sample) -> io::Result<()> {
        if self.table.has(&sample) {
            return Ok(());
        }
        self.last_second = Some(sample.second);
        let (cores, line) = self.table.take(sample);
        if !self.json {
            return output::write(line.as_bytes());
        }
        let mut value = json!(sample);
        value["cpu_cores"] = json!(cores);
        print(&value)
    }

    fn status(&mut self, event: &StatusEvent) -> io::Result<()> {
        if self.attempt.is_some_and(|before| before != event.attempt) {
            self.table.restart();
            self.last_second = None;
        }
        self.attempt = Some(event.attempt);
        if self.json {
            return print(&json!(event));
        }
        if matches!(event.status.as_str(), "waiting" | "queued") {
            eprintln!("the job is {}", event.status);
        }
        Ok(())
    }
}

/// How the job ended, and what it used in all.
async fn finish(context: &Context, client: &ApiClient, jid: Jid) -> Result<()> {
    let infos = client.info(JidSet::range(jid, 1), Vec::new()).await?;
    let Some(info) = infos.get(&jid) else {
        bail!(Failure::unmet(format!("job {jid} was deleted")));
    };
    let value = json!({
        "jid": jid,
        "status": info.status,
        "runtime": info.runtime,
        "usage": info.usage,
        "core_ms": info.core_ms,
        "cost": info.cost,
        "failure": info.failure,
    });
    context.out.line(&summary(info), &value)?;
    let failed = info
        .status
        .parse::<JobState>()
        .is_ok_and(JobState::is_failed);
    if failed {
        bail!(failure_of(client, jid).await?);
    }
    Ok(())
}

fn summary(info: &JobInfo) -> String {
    let mut text = format!("job {} is {}", info.jid, info.status);
    let mut add = |part: String| {
        text.push_str(", ");
        text.push_str(&part);
    };
    if let Some(seconds) = info.runtime {
        add(format!("ran {}", output::duration(Some(seconds * 1e3))));
    }
    if let Some(usage) = &info.usage {
        #[expect(clippy::cast_precision_loss, reason = "two units are shown")]
        let cpu_ms = (usage.cpu_user_us + usage.cpu_system_us) as f64 / 1e3;
        add(format!(
            "{} of processor time",
            output::duration(Some(cpu_ms))
        ));
        if usage.memory_peak_bytes > 0 {
            add(format!("peak {}", output::bytes(usage.memory_peak_bytes)));
        }
    }
    if let Some(cost) = info.cost {
        add(format!("cost {cost:.8}"));
    }
    if let Some(failure) = &info.failure {
        add(verdict::line(&failure.verdict));
    }
    text
}

fn print(value: &Value) -> io::Result<()> {
    output::write(format!("{value}\n").as_bytes())
}
