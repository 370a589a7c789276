//! Fires crons. Each tick is one transaction, guarded by the tick that was next, so that of two servers, or of two lives of
//! one, one fires it. Whoever comes late by more than a moment fires nothing, and says how many ticks went by.

use crate::{
    app::{App, LOOK_AGAIN, Shared, now},
    changes::Change,
};
use futures_util::future::join_all;
use picloud_scheduler::Crontab;
use picloud_store::{Cron, CronFire, CronFired, CronSet, StoreError};
use picloud_types::Timestamp;
use std::{sync::atomic::Ordering, time::Duration};
use tokio::{select, time::sleep};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// The store is read this often at least: another server may have changed something, or the clock was set.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// A tick that is later than this is missed.
const LATE: Duration = Duration::from_secs(90);
/// Crons read at one time.
const PART: u32 = 100;
/// Missed ticks that are counted one by one: a cron of every minute misses as many in two months.
const MISSED_MAX: u64 = 100_000;

/// Sleeps from tick to tick until `stop`.
pub(crate) async fn run(app: Shared, stop: CancellationToken) {
    loop {
        let nap = match run_once(&app).await {
            Ok(nap) => nap,
            Err(error) => {
                warn!(duty = "crons", %error, "duty failed, next tick tries again");
                LOOK_AGAIN
            }
        };
        select! {
            () = stop.cancelled() => return,
            // Whoever takes no jobs any more leaves ticks to the next server.
            () = app.intake_closed.cancelled() => return,
            () = app.crons.notified() => {}
            () = sleep(nap) => {}
        }
    }
}

/// Fires what is due; how long it is to what comes next.
async fn run_once(app: &App) -> Result<Duration, StoreError> {
    while !app.intake_closed.is_cancelled() {
        let due = app.store.cron_due(now(), PART).await?;
        // At once, so that the store writes them together: thousands of one account must not make those of others late.
        let fired = join_all(due.iter().map(|cron| fire(app, cron))).await;
        fired.into_iter().collect::<Result<(), _>>()?;
        if due.is_empty() {
            break;
        }
    }
    let next = app.store.cron_next().await?;
    let nap = next.map_or(LOOK_EVERY, |next| next.since(now()));
    Ok(nap.min(LOOK_EVERY))
}

async fn fire(app: &App, cron: &Cron) -> Result<(), StoreError> {
    let Some(tick) = cron.next else { return Ok(()) };
    let crontab = match Crontab::parse(&cron.schedule, &cron.timezone) {
        Ok(crontab) => crontab,
        Err(error) => {
            // It was one when it was stored; a zone may have gone with a newer version of this program.
            warn!(account = %cron.account, cron = cron.label, %error, "a cron fires no more");
            let set = CronSet {
                next: Some(None),
                ..CronSet::default()
            };
            return match app.store.cron_change(cron.account, &cron.label, set).await {
                Err(StoreError::NotFound(_)) => Ok(()),
                done => done,
            };
        }
    };
    let now = now();
    let (missed, next) = missed(&crontab, tick, now);
    let fire = CronFire {
        id: cron.id,
        tick,
        next,
        missed,
        now,
    };
    match app.store.cron_fire(fire).await? {
        CronFired::Recorded(kind, jid) => {
            debug!(account = %cron.account, cron = cron.label, ?kind, ?jid, "a cron ticked");
            if jid.is_some() {
                // The store woke the scheduler already.
                app.metrics.jobs_submitted.fetch_add(1, Ordering::Relaxed);
            }
            app.changes.note(cron.account, Change::Jobs);
        }
        // Another server was there first, or the cron is another by now.
        CronFired::NotDue => {}
    }
    Ok(())
}

/// How many ticks from `tick` on are too late at `now`, if this one is, and which comes after what is fired or recorded.
fn missed(crontab: &Crontab, tick: Timestamp, now: Timestamp) -> (Option<u64>, Option<Timestamp>) {
    let is_late = |tick: Timestamp| now.since(tick) > LATE;
    let mut count = 0;
    let mut next = Some(tick);
    while let Some(tick) = next.filter(|tick| is_late(*tick)) {
        count += 1;
        if count == MISSED_MAX {
            let late = i64::try_from(LATE.as_millis()).unwrap_or(0);
            return (Some(count), crontab.next(Timestamp(now.0 - late)));
        }
        next = crontab.next(tick);
    }
    match count {
        0 => (None, crontab.next(tick)),
        count => (Some(count), next),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE_MS: i64 = 60_000;

    fn check(now_ms: i64, expected_missed: Option<u64>, expected_next_ms: i64) {
        let crontab = Crontab::parse("* * * * *", "").expect("a schedule");
        let found = missed(&crontab, Timestamp(0), Timestamp(now_ms));
        assert_eq!(
            found,
            (expected_missed, Some(Timestamp(expected_next_ms))),
            "at {now_ms}"
        );
    }

    #[test]
    fn a_tick_is_fired_up_to_90_seconds_late_and_missed_from_then_on() {
        check(0, None, MINUTE_MS);
        check(90_000, None, MINUTE_MS);
        check(90_001, Some(1), MINUTE_MS);
        check(150_000, Some(1), MINUTE_MS);
        check(150_001, Some(2), 2 * MINUTE_MS);
        check(600 * MINUTE_MS, Some(599), 599 * MINUTE_MS);
        // A clock that was set back makes nothing late.
        check(-600 * MINUTE_MS, None, MINUTE_MS);
    }

    #[test]
    fn ticks_of_years_are_passed_over_without_counting_each() {
        let ten_years = 10 * 365 * 1440 * MINUTE_MS;
        check(ten_years, Some(MISSED_MAX), ten_years - MINUTE_MS);
    }
}
