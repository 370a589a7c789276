//! From times to ids. Ids are given out in the order of time, so that a time is found as a word is in a dictionary.

use super::super::batches::Batch;
use crate::Result;
use picloud_types::{AccountId, Jid, Timestamp};
use rusqlite::Connection;

/// A clock may have been set back; by more than this it is not made up for.
const SLACK_MS: i64 = 300_000;

/// No job with a smaller id was made at `from` or later.
pub(super) fn first_since(db: &Connection, account: AccountId, from: Timestamp) -> Result<i64> {
    let floor = given_out(db, account, from.0.saturating_sub(SLACK_MS))?;
    // Later parts of maps have ids that were given out before.
    let mut late = db.prepare_cached(
        "SELECT min(first_jid) FROM batches INDEXED BY batches_in_parts
          WHERE account_id = ?1 AND last_ms > created_ms AND last_ms >= ?2",
    )?;
    let late: Option<i64> = late.query_row([account.0, from.0], |row| row.get(0))?;
    Ok(late.map_or(floor, |late| late.min(floor)))
}

/// No job with this id or a larger one was made before `until`.
pub(super) fn end_before(db: &Connection, account: AccountId, until: Timestamp) -> Result<i64> {
    given_out(db, account, until.0.saturating_add(SLACK_MS))
}

/// An id of which those below were given out before a time, and the others not, as far as the account's jobs tell.
fn given_out(db: &Connection, account: AccountId, time_ms: i64) -> Result<i64> {
    let mut last = db.prepare_cached(
        "SELECT coalesce(max(jid), 0) FROM jobs INDEXED BY jobs_by_account WHERE account_id = ?1",
    )?;
    let last: i64 = last.query_row([account.0], |row| row.get(0))?;
    let mut nearest = db.prepare_cached(
        "SELECT jid, created_ms FROM jobs INDEXED BY jobs_by_account
          WHERE account_id = ?1 AND jid >= ?2 AND jid < ?3 ORDER BY jid LIMIT 1",
    )?;
    // Below `first` is before the time, from `end` on is not.
    let (mut first, mut end) = (1, last.saturating_add(1));
    while first < end {
        let middle = first + (end - first) / 2;
        let mut found = nearest.query([account.0, middle, end])?;
        let Some(row) = found.next()? else {
            end = middle;
            continue;
        };
        let (jid, created): (i64, i64) = (row.get(0)?, row.get(1)?);
        let given_out = match Batch::of(db, Jid(jid))? {
            Some(batch) => batch.created.0.min(created),
            None => created,
        };
        if given_out < time_ms {
            first = jid + 1;
        } else {
            end = middle;
        }
    }
    Ok(first)
}
