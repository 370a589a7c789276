//! Messages that wait, moved by people: away, elsewhere, back to where they came from.

use super::{
    super::{rows, writer::Writing},
    bodies::{self, Becomes, Into},
    line::{self, Place, Span},
    names, rates,
};
use crate::{MoveWhat, Requeue, Result, StoreError};
use picloud_types::{AccountId, QueueId, QueueName, Timestamp};
use rusqlite::OptionalExtension;
use serde::Deserialize;

/// See `QueueStore::queue_move`.
pub(in super::super) fn move_some(
    w: &mut Writing<'_>,
    account: AccountId,
    name: &QueueName,
    what: &MoveWhat,
    limit: u32,
    now: Timestamp,
) -> Result<u64> {
    let queue = names::require(w.db, account, name)?;
    let (MoveWhat::Purge { ids } | MoveWhat::Move { ids, .. } | MoveWhat::Redrive { ids, .. }) =
        what;
    let errors_only = matches!(what, MoveWhat::Redrive { .. });
    let places = match ids {
        Some(ids) => chosen(w, queue, ids, errors_only, limit)?,
        None if errors_only => errors(w, queue, limit)?,
        None => line::places(w.db, queue, Span::whole(), limit)?,
    };
    for place in &places {
        line::leave(w, queue, *place)?;
    }
    let count = places.len() as u64;
    names::count(w, queue, -rows::signed(count), 0)?;
    match what {
        MoveWhat::Purge { .. } => {
            let mut ids: Vec<i64> = places.iter().map(|place| place.id).collect();
            ids.sort_unstable();
            bodies::remove(w, account, &ids, None)?;
        }
        MoveWhat::Move { to, .. } => {
            let to = names::ensure(w, account, to, now)?;
            for place in places {
                move_one(w, account, place, to, now)?;
            }
        }
        MoveWhat::Redrive { to, .. } => {
            for place in places {
                redrive(w, account, place.id, to.as_ref(), now)?;
            }
        }
    }
    if count > 0 {
        rates::dequeued(w, queue, now, count)?;
    }
    Ok(count)
}

/// Messages that wait with these numbers.
fn chosen(
    w: &Writing<'_>,
    queue: QueueId,
    ids: &[i64],
    errors_only: bool,
    limit: u32,
) -> Result<Vec<Place>> {
    let mut places = Vec::new();
    let mut ids = ids.to_vec();
    ids.sort_unstable();
    ids.dedup();
    for id in ids {
        let Some(place) = line::place_of(w.db, queue, id)? else {
            continue;
        };
        if errors_only && error(w, id)?.is_none() {
            continue;
        }
        places.push(place);
        if places.len() >= limit as usize {
            break;
        }
    }
    Ok(places)
}

/// Error messages that wait, as they are met: an error queue is not told apart from others, and may have
/// other messages too.
fn errors(w: &Writing<'_>, queue: QueueId, limit: u32) -> Result<Vec<Place>> {
    let mut statement = w.db.prepare_cached(
        "SELECT r.at_ms, r.message_id, r.suspect FROM queue_ready AS r CROSS JOIN messages AS m ON m.id = r.message_id
          WHERE r.queue_id = ?1 AND m.error IS NOT NULL ORDER BY r.suspect, r.at_ms, r.message_id LIMIT ?2",
    )?;
    let found = statement.query_map((queue.0, limit), |row| {
        Ok(Place {
            at: row.get(0)?,
            id: row.get(1)?,
            suspect: row.get(2)?,
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}

/// What of a `MessageError` the store has to know.
#[derive(Deserialize)]
struct Source {
    source_queue: QueueName,
}

fn error(w: &Writing<'_>, id: i64) -> Result<Option<Source>> {
    let text: Option<String> =
        w.db.prepare_cached("SELECT error FROM messages WHERE id = ?1")?
            .query_row([id], |row| row.get(0))
            .optional()?
            .flatten();
    text.map(|text| rows::json("error of a message", &text))
        .transpose()
}

fn move_one(
    w: &mut Writing<'_>,
    account: AccountId,
    place: Place,
    to: QueueId,
    now: Timestamp,
) -> Result<()> {
    let row: (u32, Option<u32>, Option<String>) =
        w.db.prepare_cached("SELECT cur_retry, max_retries, error FROM messages WHERE id = ?1")?
            .query_row([place.id], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
    let (cur_retry, max_retries, error) = row;
    let into = Into {
        account,
        queue: to,
        at: Timestamp(place.at),
        now,
    };
    let becomes = Becomes {
        cur_retry,
        max_retries,
        created: None,
        error: error.as_deref(),
    };
    bodies::turn(w, place.id, into, &becomes)
}

/// The message of an error message, as it was.
const AS_BEFORE: Becomes<'_> = Becomes {
    cur_retry: 0,
    max_retries: None,
    created: None,
    error: None,
};

fn redrive(
    w: &mut Writing<'_>,
    account: AccountId,
    id: i64,
    to: Option<&QueueName>,
    now: Timestamp,
) -> Result<()> {
    let source = match to {
        Some(to) => to.clone(),
        None => error(w, id)?.ok_or_else(|| not_waiting(id))?.source_queue,
    };
    let into = Into {
        account,
        queue: names::ensure(w, account, &source, now)?,
        at: now,
        now,
    };
    bodies::turn(w, id, into, &AS_BEFORE)
}

/// See `QueueStore::queue_requeue`.
pub(in super::super) fn requeue(w: &mut Writing<'_>, requeue: &Requeue) -> Result<()> {
    let (account, now) = (requeue.account, requeue.now);
    let queue = names::require(w.db, account, &requeue.queue)?;
    let place = line::place_of(w.db, queue, requeue.id)?.ok_or_else(|| not_waiting(requeue.id))?;
    let to = match &requeue.to {
        Some(to) => to.clone(),
        None => error(w, requeue.id)?.map_or_else(|| requeue.queue.clone(), |e| e.source_queue),
    };
    let into = Into {
        account,
        queue: names::ensure(w, account, &to, now)?,
        at: requeue.visible,
        now,
    };
    line::leave(w, queue, place)?;
    names::count(w, queue, -1, 0)?;
    rates::dequeued(w, queue, now, 1)?;
    match &requeue.body {
        Some(body) => {
            bodies::put(w, into, std::iter::once(body))?;
            bodies::remove(w, account, &[requeue.id], None)
        }
        None => {
            let becomes = Becomes {
                created: Some(now),
                ..AS_BEFORE
            };
            bodies::turn(w, requeue.id, into, &becomes)
        }
    }
}

fn not_waiting(id: i64) -> StoreError {
    StoreError::NotFound(format!("a message {id} that waits"))
}
