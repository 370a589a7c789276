//! Hands queued jobs to workers that asked for some.

use crate::{
    app::{App, Shared, now},
    changes::Change,
    duties::handlers_ended,
    fleet::{Delivery, Reply, Taken},
};
use futures_util::future::join_all;
use picloud_scheduler::{Assignment, Fleet, Group, WorkerOffer, handlers::left_over, plan};
use picloud_store::{AttemptOf, Backlog, Claimed, Pick, Report, StoreError};
use picloud_types::WorkerId;
use std::{collections::BTreeMap, sync::Arc};
use tracing::warn;

/// Queued jobs of one group that are counted at most: more than any plan hands out.
const COUNT_CAP: u32 = 4096;

/// One round: what is queued, who has room, who gets what.
pub(crate) async fn run_once(app: Shared) -> Result<(), StoreError> {
    if app.intake_closed.is_cancelled() {
        return Ok(());
    }
    let offers = app.fleet.offers();
    // Without room there is nothing to hand out, but handler jobs want to know who waits.
    if offers.is_empty() && app.handlers.is_empty() {
        app.handlers.crowded_by(None);
        return Ok(());
    }
    let _handing_out = app.handing_out.lock().await;
    let cap = count_cap(&offers);
    let groups: Vec<_> = app
        .store
        .backlog(cap)
        .await?
        .into_iter()
        .map(group)
        .collect();
    let assignments = plan(&app.core_types, &Fleet { workers: offers }, &groups);
    if !app.handlers.is_empty() {
        let workers = app.fleet.everybody();
        let left = left_over(&app.core_types, &Fleet { workers }, &groups, &assignments);
        app.handlers.crowded_by(left);
    }
    let mut picks: BTreeMap<WorkerId, Vec<Pick>> = BTreeMap::new();
    for assignment in assignments {
        picks
            .entry(assignment.worker)
            .or_default()
            .push(pick(&assignment));
    }
    let claims = picks.into_iter().filter_map(|(worker, picks)| {
        // Taken before the claim: a pull that ends meanwhile waits for what was claimed for it.
        let taken = app.fleet.take(worker)?;
        Some(claim(&app, worker, taken, picks))
    });
    for outcome in join_all(claims).await {
        outcome?;
    }
    Ok(())
}

/// No more of a group is needed than all offers together could take.
fn count_cap(offers: &[WorkerOffer]) -> u32 {
    // A job of the smallest core type there might be; a float to integer cast saturates.
    let takes = |o: &WorkerOffer| (o.free_units * 4.0).ceil() as u32 + o.prefetch;
    offers
        .iter()
        .fold(1, |sum: u32, o| sum.saturating_add(takes(o)))
        .min(COUNT_CAP)
}

fn group(backlog: Backlog) -> Group {
    Group {
        account: backlog.account,
        class: backlog.class,
        requirements: backlog.requirements,
        priority: backlog.priority,
        count: backlog.count,
        oldest: backlog.oldest,
        running: backlog.running,
    }
}

fn pick(assignment: &Assignment) -> Pick {
    Pick {
        account: assignment.account,
        class: assignment.class,
        priority: assignment.priority,
        limit: assignment.count,
    }
}

async fn claim(
    app: &Shared,
    worker: WorkerId,
    taken: Taken,
    picks: Vec<Pick>,
) -> Result<(), StoreError> {
    match app.store.job_claim(worker, picks, now()).await {
        Ok(claimed) if claimed.jobs.is_empty() => {
            app.fleet.put_back(taken);
            Ok(())
        }
        Ok(claimed) => {
            let lost_app = Arc::clone(app);
            let lost = move |claimed: Claimed| give_back(&lost_app, worker, &claimed);
            taken.answer(Reply::Work(Delivery::new(claimed, lost)));
            Ok(())
        }
        Err(StoreError::WorkerUnknown(_)) => {
            app.fleet.leave(&[worker]);
            taken.answer(Reply::Look);
            Ok(())
        }
        Err(error) => {
            app.fleet.put_back(taken);
            Err(error)
        }
    }
}

/// Returns jobs to the queue that were claimed for a worker and did not get there.
pub(crate) fn give_back(app: &Shared, worker: WorkerId, claimed: &Claimed) {
    let returned: Vec<_> = claimed
        .jobs
        .iter()
        .map(|job| AttemptOf {
            jid: job.jid,
            attempt: job.attempt,
        })
        .collect();
    let app = Arc::clone(app);
    tokio::spawn(async move { give_back_attempts(&app, worker, returned).await });
}

/// See `give_back`. If it fails, the jobs stay with the worker until its lease ends.
pub(crate) async fn give_back_attempts(app: &App, worker: WorkerId, returned: Vec<AttemptOf>) {
    let report = Report {
        returned,
        ..Report::default()
    };
    match app.store.job_report(worker, report, now()).await {
        Ok(reported) => {
            handlers_ended(app, reported.ended.iter().map(|(_, jid)| *jid));
            let ended = reported.ended.iter().map(|(_, jid)| ((), *jid));
            app.watchers.wake(ended);
            let accounts = reported.ended.iter().map(|(account, _)| *account);
            app.changes.note_each(accounts, Change::Jobs);
            app.ends.wake(reported.ended);
            app.kills.notify_waiters();
            app.dispatch.notify_one();
        }
        Err(error) => warn!(%worker, %error, "could not give back jobs that did not arrive"),
    }
}
