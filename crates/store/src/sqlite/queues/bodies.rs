//! Bodies of messages: written once, deleted once.

use super::{
    super::{blobs, rows, writer::Writing},
    names, rates,
};
use crate::{Result, StoreError};
use bytes::Bytes;
use picloud_types::{
    AccountId, Hash, Payload, QueueId, Timestamp,
    message::{Body, Delivered, MessageKind},
};
use rusqlite::Row;
use std::ops::RangeInclusive;

/// Takes numbers for messages, one after the other.
pub(super) fn take_ids(w: &Writing<'_>, count: u64) -> Result<i64> {
    let next: i64 =
        w.db.prepare_cached(
            "UPDATE sequences SET next = next + ?1 WHERE name = 'message' RETURNING next",
        )?
        .query_row([rows::signed(count)], |row| row.get(0))?;
    Ok(next - rows::signed(count))
}

/// Where and when messages come in.
#[derive(Clone, Copy, Debug)]
pub(super) struct Into {
    pub(super) account: AccountId,
    pub(super) queue: QueueId,
    /// From when on they can be taken.
    pub(super) at: Timestamp,
    pub(super) now: Timestamp,
}

impl Into {
    /// `count` messages came in: the queue's counts, its rates, and who waits for them.
    pub(super) fn came(self, w: &mut Writing<'_>, count: u64) -> Result<()> {
        if count == 0 {
            return Ok(());
        }
        names::count(w, self.queue, rows::signed(count), 0)?;
        rates::enqueued(w, self.queue, self.now, count)?;
        if self.at <= self.now {
            w.wake(self.queue);
        }
        Ok(())
    }
}

/// Puts new messages into a queue.
pub(super) fn put<'b>(
    w: &mut Writing<'_>,
    into: Into,
    bodies: impl ExactSizeIterator<Item = &'b Body>,
) -> Result<()> {
    let count = bodies.len() as u64;
    if count == 0 {
        return Ok(());
    }
    let first = take_ids(w, count)?;
    {
        let mut message = w.db.prepare_cached(
            "INSERT INTO messages (id, queue_id, at_ms, kind, cur_retry, created_ms, blob_hash, blob_size, bytes)
             VALUES (?1, ?2, ?3, ?4, 0, ?5, ?6, ?7, ?8)",
        )?;
        // Bindings outlive an execution, so only what differs is bound again.
        message.raw_bind_parameter(2, into.queue.0)?;
        message.raw_bind_parameter(3, into.at.0)?;
        message.raw_bind_parameter(5, into.now.0)?;
        for (id, body) in (first..).zip(bodies) {
            if let Some((hash, _)) = body.payload.blob() {
                blobs::hold(w, into.account, hash)?;
            }
            let (bytes, hash, size) = rows::payload_columns(&body.payload);
            message.raw_bind_parameter(1, id)?;
            message.raw_bind_parameter(4, body.kind as u8)?;
            message.raw_bind_parameter(6, hash)?;
            message.raw_bind_parameter(7, size)?;
            message.raw_bind_parameter(8, bytes)?;
            message.raw_execute()?;
        }
        let mut ready = w.db.prepare_cached(
            "INSERT INTO queue_ready (queue_id, suspect, at_ms, message_id, deliveries, crashes) VALUES (?1, 0, ?2, ?3, 0, 0)",
        )?;
        ready.raw_bind_parameter(1, into.queue.0)?;
        ready.raw_bind_parameter(2, into.at.0)?;
        for id in first..first + rows::signed(count) {
            ready.raw_bind_parameter(3, id)?;
            ready.raw_execute()?;
        }
    }
    into.came(w, count)
}

/// What a message that is there becomes, in another row. Its body stays as it is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Becomes<'e> {
    pub(super) cur_retry: u32,
    pub(super) max_retries: Option<u32>,
    /// The present, or none if that does not change.
    pub(super) created: Option<Timestamp>,
    pub(super) error: Option<&'e str>,
}

/// Makes another message of one. The small row of the old one is the caller's; counts of `into` are
/// raised here. Nothing changes for blobs: the new row needs what the old one needed.
pub(super) fn turn(w: &mut Writing<'_>, id: i64, into: Into, becomes: &Becomes<'_>) -> Result<()> {
    let new = take_ids(w, 1)?;
    w.db.prepare_cached(
        "INSERT INTO messages (id, queue_id, at_ms, kind, cur_retry, max_retries, created_ms, blob_hash, blob_size, error, bytes)
         SELECT ?2, ?3, ?4, kind, ?5, ?6, coalesce(?7, created_ms), blob_hash, blob_size, ?8, bytes FROM messages WHERE id = ?1",
    )?
    .execute((
        id,
        new,
        into.queue.0,
        into.at.0,
        becomes.cur_retry,
        becomes.max_retries,
        becomes.created.map(|at| at.0),
        becomes.error,
    ))?;
    forget(w, id)?;
    w.db.prepare_cached(
        "INSERT INTO queue_ready (queue_id, suspect, at_ms, message_id, deliveries, crashes) VALUES (?1, 0, ?2, ?3, 0, 0)",
    )?
    .execute([into.queue.0, into.at.0, new])?;
    into.came(w, 1)
}

/// Deletes a row whose blob another row needs from now on.
pub(super) fn forget(w: &Writing<'_>, id: i64) -> Result<()> {
    w.db.prepare_cached("DELETE FROM messages WHERE id = ?1")?
        .execute([id])?;
    Ok(())
}

/// Removes messages, whose small rows are the caller's. Blobs that they no longer need are kept until `keep_until` at least.
pub(super) fn remove(
    w: &Writing<'_>,
    account: AccountId,
    ids: &[i64],
    keep_until: Option<Timestamp>,
) -> Result<()> {
    let mut with_blobs = w.db.prepare_cached(
        "SELECT blob_hash FROM messages INDEXED BY messages_with_blobs WHERE id BETWEEN ?1 AND ?2 AND blob_hash IS NOT NULL",
    )?;
    let mut delete =
        w.db.prepare_cached("DELETE FROM messages WHERE id BETWEEN ?1 AND ?2")?;
    for run in runs(ids) {
        let bounds = [*run.start(), *run.end()];
        let hashes: Vec<Hash> = with_blobs
            .query_map(bounds, |row| Ok(Hash(row.get(0)?)))?
            .collect::<rusqlite::Result<_>>()?;
        for hash in hashes {
            match keep_until {
                Some(keep_until) => blobs::release_later(w, account, hash, keep_until)?,
                None => blobs::release(w, account, hash)?,
            }
        }
        delete.execute(bounds)?;
    }
    Ok(())
}

/// Ascending numbers as runs without a gap.
pub(super) fn runs(ids: &[i64]) -> impl Iterator<Item = RangeInclusive<i64>> + '_ {
    debug_assert!(ids.is_sorted());
    ids.chunk_by(|a, b| *b <= a + 1)
        .map(|run| run[0]..=run[run.len() - 1])
}

/// Columns of `messages` that `delivered` reads.
pub(super) const COLUMNS: &str = "m.id, m.kind, m.cur_retry, m.max_retries, m.created_ms, m.error, m.bytes, m.blob_hash, m.blob_size";
/// Where the columns of other tables begin behind those.
pub(super) const BESIDE: usize = 9;

/// Reads a message. Its deliveries are in a column of another table.
pub(super) fn delivered(row: &Row<'_>, deliveries: u32) -> Result<Delivered> {
    let kind: u8 = row.get(1)?;
    let kind = MessageKind::from_u8(kind).ok_or_else(|| StoreError::Corrupt {
        what: "message",
        why: format!("there is no kind {kind}"),
    })?;
    Ok(Delivered {
        id: row.get(0)?,
        deliveries,
        cur_retry: row.get(2)?,
        max_retries: row.get(3)?,
        created: Timestamp(row.get(4)?),
        error: row.get(5)?,
        body: Body {
            kind,
            payload: rows::payload(row, 6)?,
        },
    })
}

/// Bytes of the payload that are in the message itself.
pub(super) fn inline_bytes(message: &Delivered) -> u64 {
    match &message.body.payload {
        Payload::Inline(bytes) => Bytes::len(bytes) as u64,
        Payload::Blob { .. } => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_cover_every_number_once() {
        let found = |ids: &[i64]| runs(ids).collect::<Vec<_>>();
        assert_eq!(found(&[]), []);
        assert_eq!(found(&[3]), [3..=3]);
        assert_eq!(found(&[1, 2, 3, 7, 8, 10]), [1..=3, 7..=8, 10..=10]);
        assert_eq!(found(&[1, 1, 2]), [1..=2]);
    }
}
