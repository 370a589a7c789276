//! Messages out, to people.

use super::{
    super::{
        SqliteStore,
        readers::{Reader, Size},
        rows,
        writer::Writing,
    },
    bodies,
    line::{self, Picked, Room},
    names, rates, tickets,
};
use crate::{Pop, Result};
use picloud_types::{AccountId, QueueId, QueueName, Timestamp, message::Delivered};
use rusqlite::Connection;

/// Most messages that come back in one pop: of more, upkeep brings the rest.
const BACK_MAX: u32 = 10_000;

/// See `QueueStore::queue_pop`. Who waits for messages asks often in vain, which is to cost no write.
pub(in super::super) async fn pop(store: &SqliteStore, pop: Pop) -> Result<Vec<Delivered>> {
    let (account, name, now) = (pop.account, pop.queue.clone(), pop.now);
    let worthwhile = move |r: &mut Reader| is_worthwhile(&r.db, account, &name, now);
    if !store.read(Size::Few, worthwhile).await? {
        return Ok(Vec::new());
    }
    store.write(true, move |w| take(w, &pop)).await
}

/// Whether there may be something to take.
fn is_worthwhile(
    db: &Connection,
    account: AccountId,
    name: &QueueName,
    now: Timestamp,
) -> Result<bool> {
    let queue = names::require(db, account, name)?;
    if paused(db, queue)? {
        return Ok(false);
    }
    for suspect in [false, true] {
        if line::first(db, queue, suspect, now)?.is_some() {
            return Ok(true);
        }
    }
    tickets::any_over(db, queue, now)
}

/// Takes messages out of the line.
pub(in super::super) fn take(w: &mut Writing<'_>, pop: &Pop) -> Result<Vec<Delivered>> {
    let queue = names::require(w.db, pop.account, &pop.queue)?;
    tickets::bring_back(w, queue, pop.now, BACK_MAX)?;
    if paused(w.db, queue)? {
        return Ok(Vec::new());
    }
    let room = Room {
        limit: pop.limit,
        max_bytes: pop.max_bytes,
    };
    let picked = line::pick_any(w.db, queue, room, pop.now)?;
    let count = picked.messages.len() as u64;
    if count == 0 {
        return Ok(Vec::new());
    }
    match pop.deadline {
        Some(deadline) => {
            deliver(w, queue, &picked, deadline)?;
            picked.leave(w, queue)?;
            names::count(w, queue, 0, rows::signed(count))?;
        }
        None => {
            picked.leave(w, queue)?;
            bodies::remove(w, pop.account, &picked.ids(), Some(pop.keep_until))?;
            names::count(w, queue, -rows::signed(count), 0)?;
            rates::dequeued(w, queue, pop.now, count)?;
        }
    }
    Ok(picked.messages)
}

fn paused(db: &Connection, queue: QueueId) -> Result<bool> {
    Ok(db
        .prepare_cached("SELECT paused FROM queues WHERE id = ?1")?
        .query_row([queue.0], |row| row.get(0))?)
}

fn deliver(w: &Writing<'_>, queue: QueueId, picked: &Picked, deadline: Timestamp) -> Result<()> {
    let mut deliver = w.db.prepare_cached(
        "INSERT INTO queue_delivered (message_id, queue_id, until_ms, suspect, deliveries, crashes)
         SELECT message_id, queue_id, ?7, suspect, deliveries + 1, crashes FROM queue_ready
          WHERE queue_id = ?1 AND suspect = ?2 AND (at_ms, message_id) >= (?3, ?4) AND (at_ms, message_id) <= (?5, ?6)",
    )?;
    picked.ranges(|suspect, first, last| {
        deliver.execute((
            queue.0, suspect, first.0, first.1, last.0, last.1, deadline.0,
        ))?;
        Ok(())
    })
}
