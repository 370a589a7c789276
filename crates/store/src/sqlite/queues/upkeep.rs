//! What time does to queues.

use super::{
    super::{SqliteStore, readers::Size, rows, writer::Writing},
    bodies, delete,
    line::{self, Span},
    names, rates, tickets,
};
use crate::{Result, Upkept};
use picloud_types::{AccountId, QueueId, Timestamp};
use rusqlite::{Connection, OptionalExtension};
use std::time::Duration;

/// What `queue_upkeep` was asked for.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Upkeep {
    pub(in super::super) now: Timestamp,
    pub(in super::super) retention: Duration,
    pub(in super::super) rates_before: Timestamp,
    pub(in super::super) limit: u32,
}

/// Queues that need something.
#[derive(Debug, Default)]
pub(in super::super) struct Due {
    deadlines: Vec<QueueId>,
    retention: Vec<QueueId>,
    rates: Vec<QueueId>,
    deleted: Option<(AccountId, QueueId)>,
}

/// See `QueueStore::queue_upkeep`.
pub(in super::super) async fn upkeep(store: &SqliteStore, what: Upkeep) -> Result<Upkept> {
    // Most of the time there is nothing to write.
    let due = store.read(Size::Many, move |r| due(&r.db, what)).await?;
    if due.is_empty() {
        return Ok(Upkept::default());
    }
    store.write(true, move |w| see_to(w, what, &due)).await
}

impl Due {
    fn is_empty(&self) -> bool {
        self.deadlines.is_empty()
            && self.retention.is_empty()
            && self.rates.is_empty()
            && self.deleted.is_none()
    }
}

pub(in super::super) fn due(db: &Connection, what: Upkeep) -> Result<Due> {
    let mut due = Due {
        deleted: delete::unfinished(db)?,
        ..Due::default()
    };
    each_queue(
        db,
        "SELECT queue_id FROM queue_delivered INDEXED BY queue_delivered_until WHERE queue_id >= ?1 ORDER BY queue_id LIMIT 1",
        |queue| {
            if tickets::any_over(db, queue, what.now)? {
                due.deadlines.push(queue);
            }
            Ok(())
        },
    )?;
    each_queue(
        db,
        "SELECT queue_id FROM queue_ready WHERE queue_id >= ?1 ORDER BY queue_id LIMIT 1",
        |queue| {
            if let Some((_, before)) = retained(db, queue, what)?
                && !line::places(db, queue, Span::until(before), 1)?.is_empty()
            {
                due.retention.push(queue);
            }
            Ok(())
        },
    )?;
    each_queue(
        db,
        "SELECT queue_id FROM queue_rates WHERE queue_id >= ?1 ORDER BY queue_id LIMIT 1",
        |queue| {
            let old = db
                .prepare_cached(
                    "SELECT 1 FROM queue_rates WHERE queue_id = ?1 AND window_ms < ?2 LIMIT 1",
                )?
                .exists([queue.0, rates::window(what.rates_before)])?;
            if old {
                due.rates.push(queue);
            }
            Ok(())
        },
    )?;
    Ok(due)
}

/// Steps from queue to queue through an index, so that it costs as much as there are queues in it, not messages.
fn each_queue(
    db: &Connection,
    next: &str,
    mut each: impl FnMut(QueueId) -> Result<()>,
) -> Result<()> {
    let mut next = db.prepare_cached(next)?;
    let mut at = 0_i64;
    while let Some(queue) = next
        .query_row([at], |row| row.get::<_, i64>(0))
        .optional()?
    {
        each(QueueId(queue))?;
        at = queue + 1;
    }
    Ok(())
}

/// The account of a queue that was not deleted, and until when what came into line has waited too long.
fn retained(
    db: &Connection,
    queue: QueueId,
    what: Upkeep,
) -> Result<Option<(AccountId, Timestamp)>> {
    let row: Option<(i64, Option<i64>)> = db
        .prepare_cached(
            "SELECT account_id, retention_ms FROM queues WHERE id = ?1 AND deleted = 0",
        )?
        .query_row([queue.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?;
    Ok(row.map(|(account, retention)| {
        let retention = match retention {
            Some(own_ms) => own_ms,
            None => i64::try_from(what.retention.as_millis()).unwrap_or(i64::MAX),
        };
        let before = what.now.0.saturating_sub(retention).saturating_sub(1);
        (AccountId(account), Timestamp(before))
    }))
}

fn see_to(w: &mut Writing<'_>, what: Upkeep, due: &Due) -> Result<Upkept> {
    let mut upkept = Upkept::default();
    let mut room = what.limit;
    for queue in &due.deadlines {
        let back = tickets::bring_back(w, *queue, what.now, room)?;
        if back > 0 {
            upkept.queues.push(*queue);
        }
        room -= back as u32;
    }
    upkept.more |= room == 0;
    room = what.limit;
    for queue in &due.retention {
        room -= drop_old(w, *queue, what, room)?;
    }
    upkept.more |= room == 0;
    for queue in &due.rates {
        w.db.prepare_cached("DELETE FROM queue_rates WHERE queue_id = ?1 AND window_ms < ?2")?
            .execute([queue.0, rates::window(what.rates_before)])?;
    }
    if let Some((account, queue)) = due.deleted {
        // Where one was deleted there may be others.
        upkept.more |=
            !delete::part(w, account, queue, what.limit)? || delete::unfinished(w.db)?.is_some();
    }
    Ok(upkept)
}

fn drop_old(w: &mut Writing<'_>, queue: QueueId, what: Upkeep, limit: u32) -> Result<u32> {
    let Some((account, before)) = retained(w.db, queue, what)? else {
        return Ok(0);
    };
    let places = line::places(w.db, queue, Span::until(before), limit)?;
    let mut ids = Vec::with_capacity(places.len());
    for place in places {
        line::leave(w, queue, place)?;
        ids.push(place.id);
    }
    ids.sort_unstable();
    bodies::remove(w, account, &ids, None)?;
    names::count(w, queue, -rows::signed(ids.len() as u64), 0)?;
    Ok(ids.len() as u32)
}
