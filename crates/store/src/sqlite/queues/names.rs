//! From names to queues.

use super::super::writer::Writing;
use crate::{Result, StoreError};
use picloud_types::{AccountId, QueueId, QueueName, Timestamp};
use rusqlite::{Connection, OptionalExtension};

/// The queue with this name, if there is one.
pub(super) fn find(
    db: &Connection,
    account: AccountId,
    name: &QueueName,
) -> Result<Option<QueueId>> {
    let mut statement = db.prepare_cached(
        "SELECT id FROM queues INDEXED BY queues_by_name WHERE account_id = ?1 AND name = ?2 AND deleted = 0",
    )?;
    Ok(statement
        .query_row((account.0, name.as_str()), |row| row.get(0))
        .optional()?
        .map(QueueId))
}

/// The queue with this name, or `NotFound`.
pub(super) fn require(db: &Connection, account: AccountId, name: &QueueName) -> Result<QueueId> {
    find(db, account, name)?.ok_or_else(|| unknown(name))
}

pub(super) fn unknown(name: &QueueName) -> StoreError {
    StoreError::NotFound(format!("queue {name}"))
}

/// The queue with this name, made if it is missing.
pub(super) fn ensure(
    w: &Writing<'_>,
    account: AccountId,
    name: &QueueName,
    now: Timestamp,
) -> Result<QueueId> {
    if let Some(queue) = find(w.db, account, name)? {
        return Ok(queue);
    }
    w.db.prepare_cached(
        "INSERT INTO queues (account_id, name, created_ms, paused, deleted, count, leased) VALUES (?1, ?2, ?3, 0, 0, 0, 0)",
    )?
    .execute((account.0, name.as_str(), now.0))?;
    Ok(QueueId(w.db.last_insert_rowid()))
}

/// See `QueueStore::queue_ensure`.
pub(in super::super) fn ensure_all(
    w: &mut Writing<'_>,
    account: AccountId,
    names: &[QueueName],
    now: Timestamp,
) -> Result<()> {
    for name in names {
        ensure(w, account, name, now)?;
    }
    Ok(())
}

/// Adds to the counts of a queue: messages in it, and those of them in flight.
pub(super) fn count(w: &Writing<'_>, queue: QueueId, messages: i64, leased: i64) -> Result<()> {
    if messages != 0 || leased != 0 {
        w.db.prepare_cached(
            "UPDATE queues SET count = count + ?2, leased = leased + ?3 WHERE id = ?1",
        )?
        .execute([queue.0, messages, leased])?;
    }
    Ok(())
}

/// A name as a row has it.
pub(super) fn stored(name: &str) -> Result<QueueName> {
    name.parse().map_err(|e| StoreError::Corrupt {
        what: "name of a queue",
        why: format!("{e}"),
    })
}
