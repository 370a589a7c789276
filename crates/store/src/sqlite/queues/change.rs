//! Settings of a queue.

use super::{
    super::{rows, writer::Writing},
    names,
};
use crate::{Result, StoreError};
use picloud_types::{AccountId, QueueName, api::queues::QueueChange};

/// See `QueueStore::queue_change`.
pub(in super::super) fn change(
    w: &mut Writing<'_>,
    account: AccountId,
    name: &QueueName,
    change: &QueueChange,
) -> Result<()> {
    let queue = names::require(w.db, account, name)?;
    if let Some(jobs) = change.max_parallel_jobs {
        let changed =
            w.db.prepare_cached(
                "UPDATE attachments SET max_parallel_jobs = ?2 WHERE queue_id = ?1 AND active = 1",
            )?
            .execute((queue.0, jobs))?;
        if changed == 0 {
            return Err(nothing_attached(name));
        }
    }
    let retention_ms = change
        .retention_s
        .map(|seconds| rows::signed(seconds.saturating_mul(1000)));
    w.db.prepare_cached(
        "UPDATE queues SET paused = coalesce(?2, paused), retention_ms = coalesce(?3, retention_ms) WHERE id = ?1",
    )?
    .execute((queue.0, change.paused, retention_ms))?;
    // Whoever waits for messages, or starts jobs for them, is to look.
    w.wake(queue);
    Ok(())
}

/// The queue has no attachment.
pub(super) fn nothing_attached(name: &QueueName) -> StoreError {
    StoreError::NotFound(format!("an attachment of queue {name}"))
}
