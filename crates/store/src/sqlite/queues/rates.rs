//! How much happened, in windows of ten seconds.

use super::{super::writer::Writing, names};
use crate::Result;
use picloud_types::{
    AccountId, QueueId, QueueName, Timestamp, api::queues::RateWindow, limits::RATE_WINDOW_S,
};
use rusqlite::Connection;

use super::super::rows;

const WINDOW_MS: i64 = RATE_WINDOW_S as i64 * 1000;

/// When the window of a moment began.
pub(super) fn window(now: Timestamp) -> i64 {
    now.0 - now.0.rem_euclid(WINDOW_MS)
}

/// Adds to a window; `start` of what is added is any moment of it.
pub(super) fn add(w: &Writing<'_>, queue: QueueId, what: &RateWindow) -> Result<()> {
    w.db.prepare_cached(
        "INSERT INTO queue_rates (queue_id, window_ms, version, enqueued, dequeued, retried, failed, handled_us)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)
         ON CONFLICT DO UPDATE SET enqueued = enqueued + excluded.enqueued, dequeued = dequeued + excluded.dequeued,
             retried = retried + excluded.retried, failed = failed + excluded.failed,
             handled_us = handled_us + excluded.handled_us",
    )?
    .execute([
        queue.0,
        window(what.start),
        i64::from(what.version),
        rows::signed(what.enqueued),
        rows::signed(what.dequeued),
        rows::signed(what.retried),
        rows::signed(what.failed),
        rows::signed(what.handled_us),
    ])?;
    Ok(())
}

/// So many messages came in.
pub(super) fn enqueued(w: &Writing<'_>, queue: QueueId, now: Timestamp, count: u64) -> Result<()> {
    let what = RateWindow {
        start: now,
        enqueued: count,
        ..RateWindow::default()
    };
    add(w, queue, &what)
}

/// So many messages were taken out by people.
pub(super) fn dequeued(w: &Writing<'_>, queue: QueueId, now: Timestamp, count: u64) -> Result<()> {
    let what = RateWindow {
        start: now,
        dequeued: count,
        ..RateWindow::default()
    };
    add(w, queue, &what)
}

/// See `QueueStore::queue_rates`.
pub(in super::super) fn read(
    db: &Connection,
    account: AccountId,
    name: &QueueName,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<RateWindow>> {
    let queue = names::require(db, account, name)?;
    since_when(db, queue, since, limit)
}

/// Windows that were not over at `since`, and later ones.
pub(super) fn since_when(
    db: &Connection,
    queue: QueueId,
    since: Timestamp,
    limit: u32,
) -> Result<Vec<RateWindow>> {
    let mut statement = db.prepare_cached(
        "SELECT window_ms, version, enqueued, dequeued, retried, failed, handled_us FROM queue_rates
          WHERE queue_id = ?1 AND window_ms >= ?2 ORDER BY window_ms, version LIMIT ?3",
    )?;
    let found = statement.query_map((queue.0, window(since), limit), |row| {
        let amount = |column| Ok::<_, rusqlite::Error>(rows::unsigned(row.get(column)?));
        Ok(RateWindow {
            start: Timestamp(row.get(0)?),
            version: row.get(1)?,
            enqueued: amount(2)?,
            dequeued: amount(3)?,
            retried: amount(4)?,
            failed: amount(5)?,
            handled_us: amount(6)?,
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
