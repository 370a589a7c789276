//! Messages in.

use super::{
    super::{rows, writer::Writing},
    bodies::{self, Into},
    names,
};
use crate::{Push, Result, StoreError};
use rusqlite::OptionalExtension;

/// See `QueueStore::queue_push`.
pub(in super::super) fn push(w: &mut Writing<'_>, push: &Push) -> Result<u64> {
    let count = push.messages.len() as u64;
    if let Some(earlier) = answered(w, push)? {
        if earlier != count {
            return Err(StoreError::Conflict(format!(
                "push key {} was used for {earlier} messages before, now for {count}",
                push.key
            )));
        }
        return Ok(earlier);
    }
    let queue = names::ensure(w, push.account, &push.queue, push.now)?;
    let into = Into {
        account: push.account,
        queue,
        at: push.visible,
        now: push.now,
    };
    bodies::put(w, into, push.messages.iter())?;
    w.db.prepare_cached(
        "INSERT INTO queue_pushes (account_id, key, count, created_ms) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute((push.account.0, &push.key, rows::signed(count), push.now.0))?;
    Ok(count)
}

/// The answer to the same request before.
fn answered(w: &Writing<'_>, push: &Push) -> Result<Option<u64>> {
    let mut statement =
        w.db.prepare_cached("SELECT count FROM queue_pushes WHERE account_id = ?1 AND key = ?2")?;
    let count = statement.query_row((push.account.0, &push.key), |row| row.get(0));
    Ok(count.optional()?.map(rows::unsigned))
}
