//! What happens to messages by time alone: deadlines, retention, and parts of queues that were deleted.

use crate::{
    app::{Shared, now},
    changes::Change,
};
use picloud_store::StoreError;
use picloud_types::Timestamp;
use std::time::Duration;

/// A deadline is noticed so late at most, where nobody polls.
pub(crate) const EVERY: Duration = Duration::from_millis(500);
/// Messages in one transaction, so that others need not wait.
const PART: u32 = 2_000;
/// Transactions in one round; the rest is the next one's.
const PARTS_MAX: u32 = 50;
/// How long rates are kept.
const RATES_KEPT: Duration = Duration::from_secs(7 * 24 * 3600);

pub(crate) async fn run_once(app: Shared) -> Result<(), StoreError> {
    for _ in 0..PARTS_MAX {
        let now = now();
        let kept = i64::try_from(RATES_KEPT.as_millis()).unwrap_or(i64::MAX);
        let rates_before = Timestamp(now.0 - kept);
        // The store calls those who wait for what came back.
        let upkept = app
            .store
            .queue_upkeep(now, app.queue_retention, rates_before, PART)
            .await?;
        if !upkept.queues.is_empty() {
            // Whose they are is not said.
            app.changes.note_all(Change::Queues);
        }
        if !upkept.more || app.stopping.is_cancelled() {
            break;
        }
    }
    Ok(())
}
