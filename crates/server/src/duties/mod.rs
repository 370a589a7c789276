//! What keeps the world moving without being asked. Each duty has a `run_once` that reads the
//! truth anew, so that it is right on ticks alone; a wake only makes it prompt.

pub(crate) mod crons;
pub(crate) mod dispatch;
pub(crate) mod handlers;
pub(crate) mod leases;
pub(crate) mod orphans;
pub(crate) mod queues;
pub(crate) mod sweep;

use crate::{
    app::{App, Shared},
    changes::Change,
};
use picloud_types::Jid;
use std::{future::Future, time::Duration};
use tokio::{
    select,
    sync::Notify,
    time::{MissedTickBehavior, interval},
};
use tokio_util::sync::CancellationToken;
use tracing::warn;

/// Runs `once` at every tick and wake until `stop`.
pub(crate) async fn keep<F, Fut>(
    name: &'static str,
    every: Duration,
    wake: &Notify,
    stop: &CancellationToken,
    mut once: F,
) where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<(), picloud_store::StoreError>>,
{
    let mut tick = interval(every);
    tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        select! {
            () = stop.cancelled() => return,
            () = wake.notified() => {}
            _ = tick.tick() => {}
        }
        if let Err(error) = once().await {
            warn!(duty = name, %error, "duty failed, next tick tries again");
        }
    }
}

/// Tells everybody concerned that workers' lives ended.
pub(crate) fn ended(app: &Shared, ended: &picloud_store::Ended) {
    app.fleet.leave(&ended.workers);
    app.ends.wake(ended.ended.iter().copied());
    let ended_jids = ended.ended.iter().map(|(_, jid)| jid);
    app.watchers
        .wake(ended_jids.chain(&ended.requeued).map(|jid| ((), *jid)));
    app.kills.notify_waiters();
    app.changes.note_all(Change::Workers);
    let accounts = ended.ended.iter().map(|(account, _)| *account);
    app.changes.note_each(accounts, Change::Jobs);
    handlers_ended(app, ended.ended.iter().map(|(_, jid)| *jid));
    if !ended.requeued.is_empty() {
        // Whose they are is not said.
        app.changes.note_all(Change::Jobs);
        app.dispatch.notify_one();
    }
}

/// Jobs ended; has what handler jobs among them held taken back at once.
pub(crate) fn handlers_ended(app: &App, jids: impl IntoIterator<Item = Jid>) {
    if app.handlers.ended(jids) {
        app.handlers_ended.notify_one();
    }
}
