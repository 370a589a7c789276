//! Starts handler jobs where messages wait, and takes back what ended ones held.

use crate::{
    app::{Shared, now},
    changes::Change,
};
use picloud_scheduler::handlers::{Need, jobs_to_start};
use picloud_store::{HandlerNeed, StoreError};
use std::{sync::atomic::Ordering, time::Duration};
use tokio::time::sleep;

/// Messages of one queue that are counted at most, and so jobs that are started in one round.
const READY_CAP: u32 = 256;
/// Between two rounds: a burst of pushes is seen to together.
const PAUSE: Duration = Duration::from_millis(10);

/// One round of starting: who needs jobs gets them.
pub(crate) async fn start(app: Shared) -> Result<(), StoreError> {
    if app.intake_closed.is_cancelled() {
        return Ok(());
    }
    for need in app.store.handlers_needed(now(), READY_CAP).await? {
        let count = jobs_to_start(&with_idle(&app, &need));
        if count > 0 {
            let started = app.store.handlers_start(need.queue, count, now()).await?;
            let count = started.len() as u64;
            app.metrics
                .jobs_submitted
                .fetch_add(count, Ordering::Relaxed);
            app.dispatch.notify_one();
            app.changes.note(need.account, Change::Jobs);
        }
    }
    sleep(PAUSE).await;
    Ok(())
}

fn with_idle(app: &Shared, need: &HandlerNeed) -> Need {
    Need {
        ready: need.ready,
        jobs: need.jobs,
        fresh: need.fresh,
        idle: app.queues.idle_handlers(need.queue),
        max_parallel_jobs: need.max_parallel_jobs,
    }
}

/// One round of taking back. Queues that got messages are called by the store.
pub(crate) async fn release(app: Shared) -> Result<(), StoreError> {
    let released = app.store.handlers_release(now()).await?;
    app.metrics
        .messages_failed
        .fetch_add(released.failed, Ordering::Relaxed);
    if !released.queues.is_empty() || released.failed > 0 {
        // Whose they are is not said.
        app.changes.note_all(Change::Queues);
    }
    // A job that ended leaves room for another of its queue, whether it held messages or not.
    app.messages.notify_one();
    Ok(())
}
