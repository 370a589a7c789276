//! Crons: jobs by the clock. What fires them is a duty; here they are made, changed, looked at and run by hand.

pub(super) mod keep;
pub(super) mod look;

use crate::{
    app::App,
    refusal::{Answer, Refusal},
};
use picloud_scheduler::{BadSchedule, Crontab};
use picloud_store::{Cron, StoreError};
use picloud_types::{AccountId, ErrorKind, Timestamp, api::crons::CronInfo};

/// Most characters of a label.
const LABEL_MAX: usize = 64;
/// Ticks that are told of each cron.
const NEXT_COUNT: usize = 5;

impl From<BadSchedule> for Refusal {
    fn from(error: BadSchedule) -> Self {
        Self::bad_request(error.to_string())
    }
}

fn check_label(label: &str) -> Answer<()> {
    let is_printable = label.bytes().all(|b| (b' '..=b'~').contains(&b));
    // In paths these mean something else, or stand for another question.
    let is_taken = matches!(label, "." | ".." | "preview");
    if (1..=LABEL_MAX).contains(&label.len()) && is_printable && !is_taken {
        return Ok(());
    }
    Err(Refusal::bad_request(format!(
        "the label of a cron has 1 to {LABEL_MAX} printable ASCII characters, and is not `preview`"
    )))
}

fn unknown(label: &str) -> Refusal {
    let label: String = label.chars().take(LABEL_MAX).collect();
    Refusal::new(ErrorKind::NotFound, format!("there is no cron {label:?}"))
        .hint("picloud cron list shows those there are")
}

/// Says which cron it is that does not exist.
fn of_label<T>(label: &str, done: Result<T, StoreError>) -> Answer<T> {
    match done {
        Err(StoreError::NotFound(_)) => Err(unknown(label)),
        done => Ok(done?),
    }
}

async fn find(app: &App, account: AccountId, label: &str) -> Answer<Cron> {
    let found = app.store.cron_find(account, label).await?;
    found.ok_or_else(|| unknown(label))
}

fn info(cron: &Cron, now: Timestamp) -> CronInfo {
    // One that was a schedule when it was stored may be in a zone that no longer is.
    let crontab = Crontab::parse(&cron.schedule, &cron.timezone).ok();
    let next = crontab.filter(|_| !cron.paused);
    CronInfo {
        label: cron.label.clone(),
        schedule: cron.schedule.clone(),
        timezone: cron.timezone.clone(),
        overlap: cron.overlap,
        paused: cron.paused,
        created: cron.created,
        creator_host: cron.creator_host.clone(),
        function: cron.spec.function_name.clone(),
        core_type: cron.spec.core_type.clone(),
        cores: cron.spec.cores,
        last_run: cron.last_run,
        last_jid: cron.last_jid,
        next: next.map_or_else(Vec::new, |crontab| crontab.ticks(now, NEXT_COUNT)),
    }
}
