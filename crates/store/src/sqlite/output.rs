//! What jobs say.
//!
//! A stream is a row with its length and chunks by position. Of a stream that grows too long
//! the beginning and the end are kept and whole chunks between them are dropped, so what is
//! kept is up to one chunk more than the limits say.

use super::{rows, writer::Writing};
use crate::{AttemptOf, Output, OutputSlice, Result, StoreError};
use picloud_types::{
    AccountId, Jid, Stream,
    limits::{LOG_HEAD_KEEP_BYTES, LOG_TAIL_KEEP_BYTES},
};
use rusqlite::{Connection, OptionalExtension};

/// Longest chunk.
const CHUNK_BYTES: usize = 64 * 1024;

/// A stream's row: `attempt` wrote from `base` on.
struct Head {
    attempt: u32,
    base: u64,
    total: u64,
}

/// Appends those pieces whose attempt `may_speak`.
pub(super) fn append(
    w: &mut Writing<'_>,
    pieces: &[Output],
    mut may_speak: impl FnMut(&mut Writing<'_>, AttemptOf) -> Result<bool>,
) -> Result<()> {
    let mut asked: Option<(AttemptOf, bool)> = None;
    for piece in pieces {
        let allowed = match asked {
            Some((of, allowed)) if of == piece.of => allowed,
            _ => may_speak(w, piece.of)?,
        };
        asked = Some((piece.of, allowed));
        if allowed {
            append_piece(w, piece)?;
        }
    }
    Ok(())
}

fn append_piece(w: &Writing<'_>, piece: &Output) -> Result<()> {
    let (jid, stream) = (piece.of.jid.0, piece.stream as u8);
    let mut head = head(w.db, jid, stream)?.unwrap_or(Head {
        attempt: piece.of.attempt.0,
        base: 0,
        total: 0,
    });
    if head.attempt != piece.of.attempt.0 {
        head = Head {
            attempt: piece.of.attempt.0,
            base: head.total,
            total: head.total,
        };
    }
    let mut position = head.base.saturating_add(piece.offset);
    let repeated = usize::try_from(head.total.saturating_sub(position)).unwrap_or(usize::MAX);
    let fresh = piece.bytes.get(repeated..).unwrap_or(&[]);
    if fresh.is_empty() {
        return Ok(());
    }
    position += repeated as u64;
    let mut insert = w.db.prepare_cached(
        "INSERT INTO output_chunks (jid, stream, position, bytes) VALUES (?1, ?2, ?3, ?4)",
    )?;
    for chunk in fresh.chunks(CHUNK_BYTES) {
        insert.execute((jid, stream, rows::signed(position), chunk))?;
        position += chunk.len() as u64;
    }
    w.db.prepare_cached("INSERT OR REPLACE INTO output_heads (jid, stream, attempt, base, total) VALUES (?1, ?2, ?3, ?4, ?5)")?
        .execute((jid, stream, head.attempt, rows::signed(head.base), rows::signed(position)))?;
    drop_middle(w, jid, stream, position)
}

fn drop_middle(w: &Writing<'_>, jid: i64, stream: u8, total: u64) -> Result<()> {
    let Some(drop_before) = total.checked_sub(LOG_TAIL_KEEP_BYTES + CHUNK_BYTES as u64) else {
        return Ok(());
    };
    if drop_before > LOG_HEAD_KEEP_BYTES {
        // No chunk is longer than CHUNK_BYTES, so all that begin before this point end before the tail.
        w.db.prepare_cached("DELETE FROM output_chunks WHERE jid = ?1 AND stream = ?2 AND position >= ?3 AND position <= ?4")?
            .execute((jid, stream, rows::signed(LOG_HEAD_KEEP_BYTES), rows::signed(drop_before)))?;
    }
    Ok(())
}

fn head(db: &Connection, jid: i64, stream: u8) -> Result<Option<Head>> {
    let mut statement = db.prepare_cached(
        "SELECT attempt, base, total FROM output_heads WHERE jid = ?1 AND stream = ?2",
    )?;
    let head = statement.query_row((jid, stream), |row| {
        Ok(Head {
            attempt: row.get(0)?,
            base: rows::unsigned(row.get(1)?),
            total: rows::unsigned(row.get(2)?),
        })
    });
    Ok(head.optional()?)
}

/// Whether the account's job has ended; `JobUnknown` if there is none.
fn is_finished(db: &Connection, account: AccountId, jid: Jid) -> Result<bool> {
    db.prepare_cached("SELECT state >= 4 FROM jobs WHERE jid = ?1 AND account_id = ?2")?
        .query_row([jid.0, account.0], |row| row.get(0))
        .optional()?
        .ok_or(StoreError::JobUnknown(jid))
}

pub(super) fn read(
    db: &Connection,
    account: AccountId,
    jid: Jid,
    stream: Stream,
    offset: u64,
    limit: u64,
) -> Result<OutputSlice> {
    let finished = is_finished(db, account, jid)?;
    let total = head(db, jid.0, stream as u8)?.map_or(0, |head| head.total);
    let (position, bytes) = slice(db, jid.0, stream as u8, offset, limit)?;
    Ok(OutputSlice {
        offset: position.unwrap_or_else(|| offset.min(total)),
        bytes,
        total,
        finished,
    })
}

/// Bytes without a gap, from the first position at or after `offset` that there is.
fn slice(
    db: &Connection,
    jid: i64,
    stream: u8,
    offset: u64,
    limit: u64,
) -> Result<(Option<u64>, Vec<u8>)> {
    let mut statement = db.prepare_cached(
        "SELECT position, bytes FROM output_chunks WHERE jid = ?1 AND stream = ?2 AND position >= ?3 ORDER BY position",
    )?;
    // The chunk that holds `offset` may begin before it, by less than the length of a chunk.
    let mut chunks = statement.query((
        jid,
        stream,
        rows::signed(offset.saturating_sub(CHUNK_BYTES as u64)),
    ))?;
    let mut start = None;
    let mut out: Vec<u8> = Vec::new();
    while let Some(row) = chunks.next()? {
        let position = rows::unsigned(row.get(0)?);
        let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let skip = usize::try_from(offset.saturating_sub(position)).unwrap_or(usize::MAX);
        let Some(bytes) = bytes.get(skip..).filter(|bytes| !bytes.is_empty()) else {
            continue;
        };
        let at = position + skip as u64;
        let begin = *start.get_or_insert(at);
        let room = usize::try_from(limit)
            .unwrap_or(usize::MAX)
            .saturating_sub(out.len());
        if at != begin + out.len() as u64 || room == 0 {
            break;
        }
        out.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }
    Ok((start, out))
}

pub(super) fn tails(
    db: &Connection,
    account: AccountId,
    jid: Jid,
    limit: u64,
) -> Result<Vec<(Stream, Vec<u8>)>> {
    is_finished(db, account, jid)?;
    Stream::ALL
        .into_iter()
        .filter_map(|stream| tail(db, jid.0, stream, limit).transpose())
        .collect()
}

/// The end of a stream, `None` if nothing was written to it.
fn tail(
    db: &Connection,
    jid: i64,
    stream: Stream,
    limit: u64,
) -> Result<Option<(Stream, Vec<u8>)>> {
    let Some(head) = head(db, jid, stream as u8)? else {
        return Ok(None);
    };
    let mut statement = db.prepare_cached(
        "SELECT position, bytes FROM output_chunks WHERE jid = ?1 AND stream = ?2 AND position >= ?3 ORDER BY position",
    )?;
    let begin = head.total.saturating_sub(limit);
    let mut chunks = statement.query((
        jid,
        stream as u8,
        rows::signed(begin.saturating_sub(CHUNK_BYTES as u64)),
    ))?;
    let mut out = Vec::new();
    while let Some(row) = chunks.next()? {
        let bytes = row.get_ref(1)?.as_blob().map_err(rusqlite::Error::from)?;
        let skip = usize::try_from(begin.saturating_sub(rows::unsigned(row.get(0)?)))
            .unwrap_or(usize::MAX);
        out.extend_from_slice(bytes.get(skip..).unwrap_or(&[]));
    }
    Ok(Some((stream, out)))
}
