//! What handler jobs hold.

use super::{
    super::{rows, writer::Writing},
    bodies::{self, BESIDE, COLUMNS},
    line::Picked,
};
use crate::Result;
use picloud_types::{Jid, QueueId, message::Delivered};
use rusqlite::Connection;

/// Gives what was picked to a job.
pub(super) fn take(
    w: &Writing<'_>,
    queue: QueueId,
    jid: Jid,
    seq: u64,
    picked: &Picked,
) -> Result<()> {
    let mut hold = w.db.prepare_cached(
        "INSERT INTO queue_held (jid, message_id, seq, suspect, deliveries, crashes)
         SELECT ?7, message_id, ?8, suspect, deliveries + 1, crashes FROM queue_ready
          WHERE queue_id = ?1 AND suspect = ?2 AND (at_ms, message_id) >= (?3, ?4) AND (at_ms, message_id) <= (?5, ?6)",
    )?;
    picked.ranges(|suspect, first, last| {
        let bounds = (queue.0, suspect, first.0, first.1, last.0, last.1);
        let (queue, suspect, at, id, last_at, last_id) = bounds;
        hold.execute((
            queue,
            suspect,
            at,
            id,
            last_at,
            last_id,
            jid.0,
            rows::signed(seq),
        ))?;
        Ok(())
    })?;
    picked.leave(w, queue)
}

/// Those of `ids`, which ascend, that the job holds.
pub(super) fn of_these(db: &Connection, jid: Jid, ids: &[i64]) -> Result<Vec<i64>> {
    let mut statement = db.prepare_cached(
        "SELECT message_id FROM queue_held WHERE jid = ?1 AND message_id BETWEEN ?2 AND ?3 ORDER BY message_id",
    )?;
    let mut held = Vec::with_capacity(ids.len());
    for run in bodies::runs(ids) {
        let found = statement.query_map([jid.0, *run.start(), *run.end()], |row| row.get(0))?;
        for id in found {
            held.push(id?);
        }
    }
    Ok(held)
}

/// The job no longer holds those, which ascend.
pub(super) fn let_go(w: &Writing<'_>, jid: Jid, ids: &[i64]) -> Result<()> {
    let mut end = w
        .db
        .prepare_cached("DELETE FROM queue_held WHERE jid = ?1 AND message_id BETWEEN ?2 AND ?3")?;
    for run in bodies::runs(ids) {
        end.execute([jid.0, *run.start(), *run.end()])?;
    }
    Ok(())
}

/// Puts one back in line, at its old place; as a suspect if it is one or becomes one.
pub(super) fn back(w: &Writing<'_>, jid: Jid, id: i64, suspect: bool) -> Result<()> {
    w.db.prepare_cached(
        "INSERT INTO queue_ready (queue_id, suspect, at_ms, message_id, deliveries, crashes)
         SELECT m.queue_id, max(h.suspect, ?3), m.at_ms, m.id, h.deliveries, h.crashes
           FROM queue_held AS h CROSS JOIN messages AS m ON m.id = h.message_id WHERE h.jid = ?1 AND h.message_id = ?2",
    )?
    .execute((jid.0, id, suspect))?;
    let_go(w, jid, &[id])
}

/// What the job holds, ascending.
pub(super) fn all(db: &Connection, jid: Jid) -> Result<Vec<i64>> {
    let mut statement =
        db.prepare_cached("SELECT message_id FROM queue_held WHERE jid = ?1 ORDER BY message_id")?;
    Ok(statement
        .query_map([jid.0], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?)
}

/// Whether the job holds a suspect.
pub(super) fn a_suspect(db: &Connection, jid: Jid) -> Result<bool> {
    Ok(db
        .prepare_cached("SELECT 1 FROM queue_held WHERE jid = ?1 AND suspect = 1 LIMIT 1")?
        .exists([jid.0])?)
}

/// What an exchange leased and the job still holds.
pub(super) fn leased_by(db: &Connection, jid: Jid, seq: u64) -> Result<Vec<Delivered>> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, h.deliveries FROM queue_held AS h CROSS JOIN messages AS m ON m.id = h.message_id
          WHERE h.jid = ?1 AND h.seq = ?2 ORDER BY h.message_id"
    ))?;
    let mut found = statement.query([jid.0, rows::signed(seq)])?;
    let mut messages = Vec::new();
    while let Some(row) = found.next()? {
        messages.push(bodies::delivered(row, row.get(BESIDE)?)?);
    }
    Ok(messages)
}
