//! Removing queues, in parts.

use super::{
    super::{SqliteStore, rows, writer::Writing},
    attach, bodies,
    line::{self, Span},
    names,
};
use crate::Result;
use picloud_types::{AccountId, QueueId, QueueName};
use rusqlite::OptionalExtension;

/// See `QueueStore::queue_delete`.
pub(in super::super) async fn delete(
    store: &SqliteStore,
    account: AccountId,
    name: QueueName,
    limit: u32,
) -> Result<bool> {
    let queue = store.write(true, move |w| begin(w, account, &name)).await?;
    // Ends, because nothing is added to a queue that was deleted.
    while !store
        .write(true, move |w| part(w, account, queue, limit))
        .await?
    {}
    Ok(true)
}

/// Frees the name and removes what nobody is to use any more.
fn begin(w: &mut Writing<'_>, account: AccountId, name: &QueueName) -> Result<QueueId> {
    let queue = names::require(w.db, account, name)?;
    w.db.prepare_cached("UPDATE queues SET deleted = 1 WHERE id = ?1")?
        .execute([queue.0])?;
    attach::forget_all(w, account, queue)?;
    // Who waits for its messages is to hear that there will be none.
    w.wake(queue);
    Ok(queue)
}

/// Removes up to `limit` messages of a queue that was deleted, wherever they are, and the queue itself after
/// the last one. Returns whether that is done.
pub(super) fn part(
    w: &mut Writing<'_>,
    account: AccountId,
    queue: QueueId,
    limit: u32,
) -> Result<bool> {
    let mut ids = Vec::new();
    for place in line::places(w.db, queue, Span::whole(), limit)? {
        line::leave(w, queue, place)?;
        ids.push(place.id);
    }
    ids.extend(delivered(w, queue, limit - ids.len() as u32)?);
    ids.extend(held(w, queue, limit - ids.len() as u32)?);
    ids.sort_unstable();
    bodies::remove(w, account, &ids, None)?;
    if ids.len() >= limit as usize {
        names::count(w, queue, -rows::signed(ids.len() as u64), 0)?;
        return Ok(false);
    }
    w.db.prepare_cached("DELETE FROM queue_rates WHERE queue_id = ?1")?
        .execute([queue.0])?;
    w.db.prepare_cached("DELETE FROM queues WHERE id = ?1")?
        .execute([queue.0])?;
    Ok(true)
}

fn delivered(w: &Writing<'_>, queue: QueueId, limit: u32) -> Result<Vec<i64>> {
    let mut some = w.db.prepare_cached(
        "SELECT message_id FROM queue_delivered INDEXED BY queue_delivered_until WHERE queue_id = ?1 LIMIT ?2",
    )?;
    let ids: Vec<i64> = some
        .query_map((queue.0, limit), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    let mut end =
        w.db.prepare_cached("DELETE FROM queue_delivered WHERE message_id = ?1")?;
    for id in &ids {
        end.execute([*id])?;
    }
    Ok(ids)
}

/// What handler jobs hold. They learn that their queue is gone, and their rows go when they end.
fn held(w: &Writing<'_>, queue: QueueId, limit: u32) -> Result<Vec<i64>> {
    let mut some = w.db.prepare_cached(
        "SELECT k.jid, k.message_id FROM handler_jobs AS j INDEXED BY handler_jobs_by_queue CROSS JOIN queue_held AS k ON k.jid = j.jid
          WHERE j.queue_id = ?1 LIMIT ?2",
    )?;
    let found: Vec<(i64, i64)> = some
        .query_map((queue.0, limit), |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    let mut end =
        w.db.prepare_cached("DELETE FROM queue_held WHERE jid = ?1 AND message_id = ?2")?;
    let mut fewer =
        w.db.prepare_cached("UPDATE handler_jobs SET holds = holds - 1 WHERE jid = ?1")?;
    for (jid, id) in &found {
        end.execute([*jid, *id])?;
        fewer.execute([*jid])?;
    }
    Ok(found.into_iter().map(|(_, id)| id).collect())
}

/// A queue that was deleted and is not gone yet.
pub(super) fn unfinished(db: &rusqlite::Connection) -> Result<Option<(AccountId, QueueId)>> {
    let mut statement = db.prepare_cached(
        "SELECT account_id, id FROM queues INDEXED BY queues_deleted WHERE deleted = 1 ORDER BY id LIMIT 1",
    )?;
    Ok(statement
        .query_row([], |row| Ok((AccountId(row.get(0)?), QueueId(row.get(1)?))))
        .optional()?)
}
