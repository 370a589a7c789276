//! Renews the leases of workers that were heard of, and ends the lives of those that were not.

use crate::{
    app::{App, Shared, now},
    duties::ended,
};
use picloud_store::StoreError;
use std::time::{Duration, Instant};
use tracing::{info, warn};

/// How often leases are looked at.
pub(crate) const EVERY: Duration = Duration::from_secs(1);

/// Workers heard of within the last two rounds are renewed; then whoever is late is late.
pub(crate) async fn run_once(app: Shared) -> Result<(), StoreError> {
    let since = Instant::now()
        .checked_sub(every(&app) * 2)
        .unwrap_or_else(Instant::now);
    let heard = app.fleet.seen_since(since);
    if !heard.is_empty() {
        let gone = app.store.worker_renew(heard, now().plus(app.lease)).await?;
        app.fleet.leave(&gone);
    }
    let over = app.store.worker_expire(now()).await?;
    if !over.workers.is_empty() {
        warn!(
            workers = over.workers.len(),
            requeued = over.requeued.len(),
            "workers were lost"
        );
        ended(&app, &over);
    }
    Ok(())
}

/// Short leases, as in tests, are looked at more often.
pub(crate) fn every(app: &App) -> Duration {
    EVERY.min(app.lease / 4).max(Duration::from_millis(10))
}

/// At the start of a server: workers that were alive could not report while it was down, so all
/// of them get one lease from now on.
pub(crate) async fn grace(app: &App) -> Result<(), StoreError> {
    let alive: Vec<_> = app.store.worker_list(now()).await?;
    let alive: Vec<_> = alive
        .into_iter()
        .filter(|w| w.ended.is_none())
        .map(|w| w.id)
        .collect();
    if !alive.is_empty() {
        info!(
            workers = alive.len(),
            "waiting for workers of before the restart"
        );
        app.store.worker_renew(alive, now().plus(app.lease)).await?;
    }
    Ok(())
}
