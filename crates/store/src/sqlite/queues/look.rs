//! Looking at queues.

use super::{
    super::{readers::Reader, rows},
    attach, handlers,
    line::{self, Span},
    names, rates,
};
use crate::{Attached, Peeked, Queue, QueueTotals, Result};
use picloud_types::{AccountId, QueueId, QueueName, Timestamp};
use rusqlite::{Connection, Row};
use std::{collections::BTreeMap, time::Duration};

/// Delayed messages are counted up to so many.
const DELAYED_MAX: i64 = 10_000;
/// How far back the windows go that a queue is shown with: a full minute and the window that has begun.
const RECENT: Duration = Duration::from_secs(70);
/// More versions than these in that time are left out.
const RECENT_WINDOWS: u32 = 1_000;

/// See `QueueStore::queue_list`.
pub(in super::super) fn list(
    reader: &mut Reader,
    account: AccountId,
    names: Option<&[QueueName]>,
    now: Timestamp,
) -> Result<Vec<Queue>> {
    let mut queues = match names {
        None => all(&reader.db, account)?,
        Some(names) => some(&reader.db, account, names)?,
    };
    for queue in &mut queues {
        complete(reader, queue, now)?;
    }
    Ok(queues)
}

const COLUMNS: &str = "id, name, created_ms, count, leased, paused, retention_ms";

fn all(db: &Connection, account: AccountId) -> Result<Vec<Queue>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS} FROM queues INDEXED BY queues_by_name WHERE account_id = ?1 AND deleted = 0 ORDER BY name"
    ))?;
    let mut found = statement.query([account.0])?;
    let mut queues = Vec::new();
    while let Some(row) = found.next()? {
        queues.push(queue(row)?);
    }
    Ok(queues)
}

fn some(db: &Connection, account: AccountId, names: &[QueueName]) -> Result<Vec<Queue>> {
    let mut statement =
        db.prepare_cached(&format!("SELECT {COLUMNS} FROM queues WHERE id = ?1"))?;
    let mut queues = BTreeMap::new();
    for name in names {
        if let Some(id) = names::find(db, account, name)? {
            let mut found = statement.query([id.0])?;
            if let Some(row) = found.next()? {
                queues.insert(name, queue(row)?);
            }
        }
    }
    Ok(queues.into_values().collect())
}

fn queue(row: &Row<'_>) -> Result<Queue> {
    let name: String = row.get(1)?;
    Ok(Queue {
        id: QueueId(row.get(0)?),
        name: names::stored(&name)?,
        created: Timestamp(row.get(2)?),
        count: rows::unsigned(row.get(3)?),
        in_flight: rows::unsigned(row.get(4)?),
        delayed: 0,
        oldest: None,
        paused: row.get(5)?,
        retention_ms: row.get::<_, Option<i64>>(6)?.map(rows::unsigned),
        recent: Vec::new(),
        attachment: None,
    })
}

fn complete(reader: &mut Reader, queue: &mut Queue, now: Timestamp) -> Result<()> {
    queue.delayed = delayed(&reader.db, queue.id, now)?;
    queue.oldest = line::places(&reader.db, queue.id, Span::until(now), 1)?
        .first()
        .map(|place| Timestamp(place.at));
    let since = Timestamp(now.0.saturating_sub(RECENT.as_millis() as i64));
    let mut recent: BTreeMap<Timestamp, (u64, u64)> = BTreeMap::new();
    for window in rates::since_when(&reader.db, queue.id, since, RECENT_WINDOWS)? {
        let sums = recent.entry(window.start).or_default();
        sums.0 += window.enqueued;
        sums.1 += window.dequeued;
    }
    queue.recent = recent
        .into_iter()
        .map(|(start, (enqueued, dequeued))| (start, enqueued, dequeued))
        .collect();
    queue.attachment = match attach::current(&reader.db, queue.id)? {
        Some((version, max_parallel_jobs)) => attach::numbered(reader, queue.id, version)?
            .map(|version| {
                Ok::<_, crate::StoreError>(Attached {
                    max_parallel_jobs,
                    jobs: handlers::unfinished(&reader.db, queue.id)?,
                    version,
                })
            })
            .transpose()?,
        None => None,
    };
    Ok(())
}

/// See `QueueStore::queue_totals`.
pub(in super::super) fn totals(db: &Connection) -> Result<QueueTotals> {
    let mut statement = db.prepare_cached(
        "SELECT count(*), coalesce(sum(count), 0), coalesce(sum(leased), 0) FROM queues WHERE deleted = 0",
    )?;
    Ok(statement.query_row([], |row| {
        let whole = |column| Ok::<_, rusqlite::Error>(rows::unsigned(row.get(column)?));
        Ok(QueueTotals {
            queues: whole(0)?,
            messages: whole(1)?,
            in_flight: whole(2)?,
        })
    })?)
}

fn delayed(db: &Connection, queue: QueueId, now: Timestamp) -> Result<u64> {
    // Only messages that never were with anybody are delayed, and those are no suspects.
    let mut statement = db.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM queue_ready WHERE queue_id = ?1 AND suspect = 0 AND at_ms > ?2 LIMIT ?3)",
    )?;
    Ok(rows::unsigned(
        statement.query_row([queue.0, now.0, DELAYED_MAX], |row| row.get(0))?,
    ))
}

/// See `QueueStore::queue_peek`.
pub(in super::super) fn peek(
    db: &Connection,
    account: AccountId,
    name: &QueueName,
    after: Option<i64>,
    limit: u32,
) -> Result<Vec<Peeked>> {
    let queue = names::require(db, account, name)?;
    let mut span = Span::whole();
    if let Some(id) = after {
        match line::place_of_any(db, queue, id)? {
            Some(place) => span.after = place,
            // It is gone. Most of what came later has a higher number.
            None => span.from_id = id,
        }
    }
    let mut peeked = Vec::new();
    for place in line::places(db, queue, span, limit)? {
        peeked.push(Peeked {
            message: line::message_at(db, queue, place)?,
            visible: Timestamp(place.at),
        });
    }
    Ok(peeked)
}
