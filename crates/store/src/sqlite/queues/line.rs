//! Messages in line.

use super::{
    super::writer::Writing,
    bodies::{self, BESIDE, COLUMNS},
};
use crate::Result;
use picloud_types::{QueueId, Timestamp, message::Delivered};
use rusqlite::{Connection, OptionalExtension};

/// A place in line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) at: i64,
    pub(super) id: i64,
    pub(super) suspect: bool,
}

/// What was picked, the longest waiting first.
#[derive(Debug, Default)]
pub(super) struct Picked {
    pub(super) places: Vec<Place>,
    /// As they are delivered now: this delivery counts.
    pub(super) messages: Vec<Delivered>,
    /// Whether it is the beginning of the line of those that are no suspects.
    front: bool,
}

/// The first one in line that can be taken.
pub(super) fn first(
    db: &Connection,
    queue: QueueId,
    suspect: bool,
    now: Timestamp,
) -> Result<Option<Place>> {
    let mut statement = db.prepare_cached(
        "SELECT at_ms, message_id FROM queue_ready WHERE queue_id = ?1 AND suspect = ?2 AND at_ms <= ?3
          ORDER BY at_ms, message_id LIMIT 1",
    )?;
    let place = statement.query_row((queue.0, suspect, now.0), |row| {
        Ok(Place {
            at: row.get(0)?,
            id: row.get(1)?,
            suspect,
        })
    });
    Ok(place.optional()?)
}

/// Which part of the line to look at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    /// Behind this time and number ...
    pub(super) after: (i64, i64),
    /// ... until this time, itself included ...
    pub(super) until: Timestamp,
    /// ... and of those only numbers from this one on.
    pub(super) from_id: i64,
}

impl Span {
    /// Everything in line until a time.
    pub(super) fn until(until: Timestamp) -> Self {
        Self {
            after: (i64::MIN, i64::MIN),
            until,
            from_id: i64::MIN,
        }
    }

    /// Everything in line.
    pub(super) fn whole() -> Self {
        Self::until(Timestamp(i64::MAX))
    }
}

/// Places of up to `limit` messages, suspects and others in one line.
pub(super) fn places(
    db: &Connection,
    queue: QueueId,
    span: Span,
    limit: u32,
) -> Result<Vec<Place>> {
    let mut found = Vec::new();
    let mut statement = db.prepare_cached(
        "SELECT at_ms, message_id FROM queue_ready
          WHERE queue_id = ?1 AND suspect = ?2 AND (at_ms, message_id) > (?3, ?4) AND at_ms <= ?5 AND message_id >= ?6
          ORDER BY at_ms, message_id LIMIT ?7",
    )?;
    for suspect in [false, true] {
        let bounds = (
            queue.0,
            suspect,
            span.after.0,
            span.after.1,
            span.until.0,
            span.from_id,
            limit,
        );
        let some = statement.query_map(bounds, |row| {
            Ok(Place {
                at: row.get(0)?,
                id: row.get(1)?,
                suspect,
            })
        })?;
        for place in some {
            found.push(place?);
        }
    }
    found.sort_unstable();
    found.truncate(limit as usize);
    Ok(found)
}

/// The place of one message that waits.
pub(super) fn place_of(db: &Connection, queue: QueueId, id: i64) -> Result<Option<Place>> {
    let mut statement = db.prepare_cached(
        "SELECT r.at_ms, r.suspect FROM messages AS m
          CROSS JOIN queue_ready AS r ON r.queue_id = m.queue_id AND r.suspect IN (0, 1) AND r.at_ms = m.at_ms AND r.message_id = m.id
          WHERE m.id = ?1 AND m.queue_id = ?2",
    )?;
    let place = statement.query_row([id, queue.0], |row| {
        Ok(Place {
            at: row.get(0)?,
            suspect: row.get(1)?,
            id,
        })
    });
    Ok(place.optional()?)
}

/// The message at a place, and how often it was delivered so far.
pub(super) fn message_at(db: &Connection, queue: QueueId, place: Place) -> Result<Delivered> {
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, r.deliveries FROM queue_ready AS r CROSS JOIN messages AS m ON m.id = r.message_id
          WHERE r.queue_id = ?1 AND r.suspect = ?2 AND r.at_ms = ?3 AND r.message_id = ?4"
    ))?;
    let mut found = statement.query((queue.0, place.suspect, place.at, place.id))?;
    let row = found.next()?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    bodies::delivered(row, row.get(BESIDE)?)
}

/// How much may be picked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) limit: u32,
    /// Of inline bodies, except that one message always fits.
    pub(super) max_bytes: u64,
}

/// The beginning of the line of messages that are no suspects.
pub(super) fn pick_front(
    db: &Connection,
    queue: QueueId,
    room: Room,
    now: Timestamp,
) -> Result<Picked> {
    let mut picked = Picked {
        front: true,
        ..Picked::default()
    };
    let mut bytes = 0;
    let mut statement = db.prepare_cached(&format!(
        "SELECT {COLUMNS}, r.deliveries, r.at_ms FROM queue_ready AS r CROSS JOIN messages AS m ON m.id = r.message_id
          WHERE r.queue_id = ?1 AND r.suspect = 0 AND r.at_ms <= ?2 ORDER BY r.at_ms, r.message_id LIMIT ?3"
    ))?;
    let mut found = statement.query((queue.0, now.0, room.limit))?;
    while let Some(row) = found.next()? {
        let deliveries: u32 = row.get(BESIDE)?;
        let message = bodies::delivered(row, deliveries.saturating_add(1))?;
        bytes += bodies::inline_bytes(&message);
        if bytes > room.max_bytes && !picked.messages.is_empty() {
            break;
        }
        picked.places.push(Place {
            at: row.get(BESIDE + 1)?,
            id: message.id,
            suspect: false,
        });
        picked.messages.push(message);
    }
    Ok(picked)
}

/// The beginning of the line, suspects among the others.
pub(super) fn pick_any(
    db: &Connection,
    queue: QueueId,
    room: Room,
    now: Timestamp,
) -> Result<Picked> {
    if first(db, queue, true, now)?.is_none() {
        return pick_front(db, queue, room, now);
    }
    let mut picked = Picked::default();
    let mut bytes = 0;
    for place in places(db, queue, Span::until(now), room.limit)? {
        let mut message = message_at(db, queue, place)?;
        message.deliveries = message.deliveries.saturating_add(1);
        bytes += bodies::inline_bytes(&message);
        if bytes > room.max_bytes && !picked.messages.is_empty() {
            break;
        }
        picked.places.push(place);
        picked.messages.push(message);
    }
    Ok(picked)
}

/// One place.
pub(super) fn pick_one(db: &Connection, queue: QueueId, place: Place) -> Result<Picked> {
    let mut message = message_at(db, queue, place)?;
    message.deliveries = message.deliveries.saturating_add(1);
    Ok(Picked {
        places: vec![place],
        messages: vec![message],
        front: false,
    })
}

impl Picked {
    /// The numbers, ascending.
    pub(super) fn ids(&self) -> Vec<i64> {
        let mut ids: Vec<i64> = self.places.iter().map(|place| place.id).collect();
        ids.sort_unstable();
        ids
    }

    /// Calls `each` for ranges of the line that are exactly what was picked, each as a suspect or not, its
    /// first and its last place.
    pub(super) fn ranges(
        &self,
        mut each: impl FnMut(bool, (i64, i64), (i64, i64)) -> Result<()>,
    ) -> Result<()> {
        if self.front {
            let (Some(first), Some(last)) = (self.places.first(), self.places.last()) else {
                return Ok(());
            };
            return each(false, (first.at, first.id), (last.at, last.id));
        }
        self.places.iter().try_for_each(|place| {
            let at = (place.at, place.id);
            each(place.suspect, at, at)
        })
    }

    /// Takes what was picked out of the line.
    pub(super) fn leave(&self, w: &Writing<'_>, queue: QueueId) -> Result<()> {
        self.ranges(|suspect, first, last| leave_range(w, queue, suspect, first, last))
    }
}

fn leave_range(
    w: &Writing<'_>,
    queue: QueueId,
    suspect: bool,
    first: (i64, i64),
    last: (i64, i64),
) -> Result<()> {
    w.db.prepare_cached(
        "DELETE FROM queue_ready WHERE queue_id = ?1 AND suspect = ?2
            AND (at_ms, message_id) >= (?3, ?4) AND (at_ms, message_id) <= (?5, ?6)",
    )?
    .execute((queue.0, suspect, first.0, first.1, last.0, last.1))?;
    Ok(())
}

/// Takes one message out of the line.
pub(super) fn leave(w: &Writing<'_>, queue: QueueId, place: Place) -> Result<()> {
    let at = (place.at, place.id);
    leave_range(w, queue, place.suspect, at, at)
}

/// Where a message of the queue is in line, or would be if it came back.
pub(super) fn place_of_any(db: &Connection, queue: QueueId, id: i64) -> Result<Option<(i64, i64)>> {
    let mut statement =
        db.prepare_cached("SELECT at_ms, id FROM messages WHERE id = ?1 AND queue_id = ?2")?;
    Ok(statement
        .query_row([id, queue.0], |row| Ok((row.get(0)?, row.get(1)?)))
        .optional()?)
}
