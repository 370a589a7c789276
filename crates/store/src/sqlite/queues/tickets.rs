//! Deliveries until a deadline.

use super::{
    super::{rows, writer::Writing},
    bodies, names, rates,
};
use crate::{Result, Ticket};
use picloud_types::{AccountId, QueueId, QueueName, Timestamp};
use rusqlite::Connection;

/// See `QueueStore::queue_ack`.
pub(in super::super) fn ack(
    w: &mut Writing<'_>,
    account: AccountId,
    name: &QueueName,
    mut tickets: Vec<Ticket>,
    now: Timestamp,
) -> Result<Vec<Ticket>> {
    let queue = names::require(w.db, account, name)?;
    // One that is given twice is not lost.
    tickets.sort_unstable();
    tickets.dedup();
    let lives = living(w, queue, &tickets, now)?;
    let (done, lost): (Vec<Ticket>, Vec<Ticket>) = tickets
        .into_iter()
        .partition(|ticket| lives.binary_search(ticket).is_ok());
    let done: Vec<i64> = done.into_iter().map(|ticket| ticket.id).collect();
    {
        let mut end =
            w.db.prepare_cached("DELETE FROM queue_delivered WHERE message_id BETWEEN ?1 AND ?2")?;
        for run in bodies::runs(&done) {
            end.execute([*run.start(), *run.end()])?;
        }
    }
    if !done.is_empty() {
        bodies::remove(w, account, &done, None)?;
        let count = rows::signed(done.len() as u64);
        names::count(w, queue, -count, -count)?;
        rates::dequeued(w, queue, now, done.len() as u64)?;
    }
    Ok(lost)
}

/// Deliveries of a queue's messages that are not over, of those messages that the tickets, which ascend, are about.
fn living(
    w: &Writing<'_>,
    queue: QueueId,
    tickets: &[Ticket],
    now: Timestamp,
) -> Result<Vec<Ticket>> {
    let ids: Vec<i64> = tickets.iter().map(|ticket| ticket.id).collect();
    let mut lives = Vec::with_capacity(ids.len());
    let mut found = w.db.prepare_cached(
        "SELECT message_id, deliveries FROM queue_delivered NOT INDEXED
          WHERE message_id BETWEEN ?1 AND ?2 AND queue_id = ?3 AND until_ms > ?4 ORDER BY message_id",
    )?;
    for run in bodies::runs(&ids) {
        let mut found = found.query((run.start(), run.end(), queue.0, now.0))?;
        while let Some(row) = found.next()? {
            lives.push(Ticket {
                id: row.get(0)?,
                delivery: row.get(1)?,
            });
        }
    }
    Ok(lives)
}

/// See `QueueStore::queue_deadline`.
pub(in super::super) fn deadline(
    w: &mut Writing<'_>,
    account: AccountId,
    name: &QueueName,
    tickets: Vec<Ticket>,
    deadline: Timestamp,
    now: Timestamp,
) -> Result<Vec<Ticket>> {
    let queue = names::require(w.db, account, name)?;
    let mut lost = Vec::new();
    let mut change = w.db.prepare_cached(
        "UPDATE queue_delivered SET until_ms = ?5 WHERE message_id = ?1 AND queue_id = ?2 AND deliveries = ?3 AND until_ms > ?4",
    )?;
    for ticket in tickets {
        if change.execute((ticket.id, queue.0, ticket.delivery, now.0, deadline.0))? == 0 {
            lost.push(ticket);
        }
    }
    Ok(lost)
}

/// Whether some deadline is over.
pub(super) fn any_over(db: &Connection, queue: QueueId, now: Timestamp) -> Result<bool> {
    Ok(db
        .prepare_cached(
            "SELECT 1 FROM queue_delivered INDEXED BY queue_delivered_until WHERE queue_id = ?1 AND until_ms <= ?2 LIMIT 1",
        )?
        .exists([queue.0, now.0])?)
}

/// Puts messages whose deadline is over back in line, at their old places; returns how many there were.
pub(super) fn bring_back(
    w: &mut Writing<'_>,
    queue: QueueId,
    now: Timestamp,
    limit: u32,
) -> Result<u64> {
    let ids: Vec<i64> = {
        let mut over = w.db.prepare_cached(
            "SELECT message_id FROM queue_delivered INDEXED BY queue_delivered_until
              WHERE queue_id = ?1 AND until_ms <= ?2 ORDER BY until_ms LIMIT ?3",
        )?;
        over.query_map((queue.0, now.0, limit), |row| row.get(0))?
            .collect::<rusqlite::Result<_>>()?
    };
    if ids.is_empty() {
        return Ok(0);
    }
    {
        let mut back = w.db.prepare_cached(
            "INSERT INTO queue_ready (queue_id, suspect, at_ms, message_id, deliveries, crashes)
             SELECT d.queue_id, d.suspect, m.at_ms, m.id, d.deliveries, d.crashes
               FROM queue_delivered AS d CROSS JOIN messages AS m ON m.id = d.message_id WHERE d.message_id = ?1",
        )?;
        let mut end =
            w.db.prepare_cached("DELETE FROM queue_delivered WHERE message_id = ?1")?;
        for id in &ids {
            back.execute([*id])?;
            end.execute([*id])?;
        }
    }
    names::count(w, queue, 0, -rows::signed(ids.len() as u64))?;
    w.wake(queue);
    Ok(ids.len() as u64)
}
