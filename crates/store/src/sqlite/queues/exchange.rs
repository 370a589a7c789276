//! The exchange of a handler job: what it settled, what it gives back, and what it gets.

use super::{
    super::{rows, writer::Writing},
    attach, handlers, held,
    line::{self, Room},
    names, release, settle,
};
use crate::{Exchange, Exchanged, Result, StoreError};
use picloud_types::{AccountId, QueueId, Timestamp, api::queues::Finish};

/// How long suspects are passed over by jobs that hold something.
const PATIENCE_MS: i64 = 10_000;

/// A handler job and its queue, as its exchange finds them.
pub(super) struct Handler {
    pub(super) account: AccountId,
    pub(super) queue: QueueId,
    pub(super) version: u32,
    attempt: u32,
    seq: i64,
    holds: u32,
    /// The queue was deleted, or is paused.
    deleted: bool,
    paused: bool,
}

/// See `QueueStore::handler_exchange`.
pub(in super::super) fn exchange(w: &mut Writing<'_>, exchange: &Exchange) -> Result<Exchanged> {
    let mut handler = find(w, exchange)?;
    if handler.attempt != exchange.attempt.0 {
        begin_attempt(w, exchange, &mut handler)?;
    }
    if handler.deleted {
        return Ok(Exchanged {
            messages: Vec::new(),
            finish: Some(Finish::Replaced),
            holds: handler.holds,
        });
    }
    let seq = rows::signed(exchange.seq);
    if seq < handler.seq {
        return Ok(Exchanged {
            holds: handler.holds,
            ..Exchanged::default()
        });
    }
    // Messages in the queue that change by this, and those of them in flight.
    let (mut gone, mut back, mut leased) = (0, 0, 0);
    if seq > handler.seq {
        gone = settle::settle(w, &handler, exchange)?;
        back = give_back(w, exchange)?;
        handler.holds -= (gone + back) as u32;
        if back > 0 {
            w.wake(handler.queue);
        }
    }
    let finish = finish(w, exchange, &handler)?;
    let mut messages = Vec::new();
    if seq == handler.seq {
        messages = held::leased_by(w.db, exchange.jid, exchange.seq)?;
    }
    if messages.is_empty() && finish.is_none() && exchange.lease > 0 {
        messages = lease(w, exchange, &handler)?;
        leased = messages.len() as u64;
        handler.holds += leased as u32;
    }
    let settled = rows::signed(gone);
    let in_flight = rows::signed(leased) - settled - rows::signed(back);
    names::count(w, handler.queue, -settled, in_flight)?;
    if seq > handler.seq || leased > 0 {
        w.db.prepare_cached("UPDATE handler_jobs SET seq = ?2, holds = ?3 WHERE jid = ?1")?
            .execute((exchange.jid.0, seq, handler.holds))?;
    }
    Ok(Exchanged {
        messages,
        finish,
        holds: handler.holds,
    })
}

/// The handler, if exactly this attempt lives and is not to be killed.
fn find(w: &Writing<'_>, exchange: &Exchange) -> Result<Handler> {
    let mut statement = w.db.prepare_cached(
        "SELECT h.queue_id, h.version, h.attempt, h.seq, h.holds, q.paused, q.deleted, q.name
           FROM jobs AS j NOT INDEXED LEFT JOIN handler_jobs AS h ON h.jid = j.jid LEFT JOIN queues AS q ON q.id = h.queue_id
          WHERE j.jid = ?1 AND j.account_id = ?2 AND j.attempt = ?3 AND j.state IN (2, 3) AND j.kill = 0",
    )?;
    let mut found = statement.query((exchange.jid.0, exchange.account.0, exchange.attempt.0))?;
    let row = found.next()?.ok_or(StoreError::AttemptOver)?;
    let name: Option<String> = row.get(7)?;
    let another = name.is_some_and(|name| name != exchange.queue.as_str());
    let Some(queue) = row
        .get::<_, Option<i64>>(0)?
        .map(QueueId)
        .filter(|_| !another)
    else {
        return Err(StoreError::NotFound(format!(
            "a handler of queue {} in job {}",
            exchange.queue, exchange.jid
        )));
    };
    Ok(Handler {
        account: exchange.account,
        queue,
        version: row.get(1)?,
        attempt: row.get(2)?,
        seq: row.get(3)?,
        holds: row.get(4)?,
        // What is left of a deleted queue goes without its jobs.
        paused: row.get::<_, Option<bool>>(5)?.unwrap_or(false),
        deleted: row.get::<_, Option<bool>>(6)?.unwrap_or(true),
    })
}

/// The first exchange of another attempt: what an earlier one held goes back first.
fn begin_attempt(w: &mut Writing<'_>, exchange: &Exchange, handler: &mut Handler) -> Result<()> {
    if handler.holds > 0 {
        release::give_back_all(w, handler.queue, exchange.jid)?;
    }
    attach::started_well(w, handler.queue)?;
    (handler.attempt, handler.seq, handler.holds) = (exchange.attempt.0, -1, 0);
    w.db.prepare_cached(
        "UPDATE handler_jobs SET attempt = ?2, seq = -1, holds = 0 WHERE jid = ?1",
    )?
    .execute((exchange.jid.0, exchange.attempt.0))?;
    Ok(())
}

fn give_back(w: &Writing<'_>, exchange: &Exchange) -> Result<u64> {
    let mut ids = exchange.give_back.clone();
    ids.sort_unstable();
    ids.dedup();
    let ids = held::of_these(w.db, exchange.jid, &ids)?;
    for id in &ids {
        held::back(w, exchange.jid, *id, false)?;
    }
    Ok(ids.len() as u64)
}

/// Why the job is to end, if it is.
fn finish(w: &Writing<'_>, exchange: &Exchange, handler: &Handler) -> Result<Option<Finish>> {
    let Some((version, most)) = attach::current(w.db, handler.queue)? else {
        return Ok(Some(Finish::Replaced));
    };
    if version != handler.version {
        return Ok(Some(Finish::Replaced));
    }
    if handler.paused {
        return Ok(Some(Finish::Paused));
    }
    // The youngest ones are too many.
    let older = handlers::unfinished_before(w.db, handler.queue, exchange.jid)?;
    Ok((older >= most).then_some(Finish::TooMany))
}

fn lease(
    w: &mut Writing<'_>,
    exchange: &Exchange,
    handler: &Handler,
) -> Result<Vec<picloud_types::message::Delivered>> {
    let (queue, now) = (handler.queue, exchange.now);
    let room = Room {
        limit: exchange.lease,
        max_bytes: exchange.max_bytes,
    };
    let picked = match line::first(w.db, queue, true, now)? {
        None => {
            if alone(w, exchange, handler)? {
                return Ok(Vec::new());
            }
            line::pick_front(w.db, queue, room, now)?
        }
        Some(suspect) => {
            let next = line::first(w.db, queue, false, now)?;
            let is_next = next.is_none_or(|other| suspect < other);
            if handler.holds == 0 && is_next {
                line::pick_one(w.db, queue, suspect)?
            } else if alone(w, exchange, handler)? || is_next && has_waited(suspect, now) {
                return Ok(Vec::new());
            } else {
                line::pick_front(w.db, queue, room, now)?
            }
        }
    };
    if !picked.messages.is_empty() {
        held::take(w, queue, exchange.jid, exchange.seq, &picked)?;
    }
    Ok(picked.messages)
}

fn has_waited(place: line::Place, now: Timestamp) -> bool {
    now.0.saturating_sub(place.at) >= PATIENCE_MS
}

/// Whether the job holds a suspect, and nothing else therefore.
fn alone(w: &Writing<'_>, exchange: &Exchange, handler: &Handler) -> Result<bool> {
    Ok(handler.holds == 1 && held::a_suspect(w.db, exchange.jid)?)
}
