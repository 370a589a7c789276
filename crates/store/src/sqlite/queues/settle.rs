//! What handlers made of messages.

use super::{
    super::writer::Writing,
    attach,
    bodies::{self, Becomes, Into},
    exchange::Handler,
    held, names, rates,
};
use crate::{Exchange, Result};
use picloud_types::{
    AccountId, QueueId, QueueName, Timestamp,
    api::queues::{AttachmentSettings, RateWindow},
    message::{Body, MessageOutcome, Settled},
};
use std::time::Duration;

/// Settles what the job holds of `exchange.settled`; returns how many messages that were. The caller keeps
/// the counts of the job and its queue.
pub(super) fn settle(w: &mut Writing<'_>, handler: &Handler, exchange: &Exchange) -> Result<u64> {
    if exchange.settled.is_empty() {
        return Ok(0);
    }
    let settled = held_of(w, exchange)?;
    let settings = attach::settings(w, handler.queue, handler.version)?;
    let mut sums = RateWindow {
        start: exchange.now,
        version: handler.version,
        dequeued: settled.len() as u64,
        ..RateWindow::default()
    };
    send_on(w, handler.account, &settings, &settled, exchange.now)?;
    let mut gone = Vec::with_capacity(settled.len());
    for one in &settled {
        sums.handled_us = sums.handled_us.saturating_add(one.handled_us);
        match &one.outcome {
            MessageOutcome::Handled => gone.push(one.id),
            MessageOutcome::Retry {
                delay_s,
                max_retries,
            } => {
                sums.retried += 1;
                retry(w, handler, one.id, (*delay_s, *max_retries), exchange.now)?;
            }
            MessageOutcome::Failed { on_error, error } => {
                sums.failed += 1;
                if !fail(
                    w,
                    handler.account,
                    &settings,
                    *on_error,
                    (one.id, error),
                    exchange.now,
                )? {
                    gone.push(one.id);
                }
            }
        }
    }
    bodies::remove(w, handler.account, &gone, Some(exchange.keep_until))?;
    if !settled.is_empty() {
        rates::add(w, handler.queue, &sums)?;
    }
    Ok(settled.len() as u64)
}

/// What the job holds of what it settled, each once, by number; it holds them no more.
fn held_of<'e>(w: &Writing<'_>, exchange: &'e Exchange) -> Result<Vec<&'e Settled>> {
    let mut settled: Vec<&Settled> = exchange.settled.iter().collect();
    // Stable, so that of two that are about one message the first one counts.
    settled.sort_by_key(|one| one.id);
    settled.dedup_by_key(|one| one.id);
    let ids: Vec<i64> = settled.iter().map(|one| one.id).collect();
    let held = held::of_these(w.db, exchange.jid, &ids)?;
    if held.len() < ids.len() {
        settled.retain(|one| held.binary_search(&one.id).is_ok());
    }
    held::let_go(w, exchange.jid, &held)?;
    Ok(settled)
}

/// Puts all outputs into every output queue.
fn send_on(
    w: &mut Writing<'_>,
    account: AccountId,
    settings: &AttachmentSettings,
    settled: &[&Settled],
    now: Timestamp,
) -> Result<()> {
    let outputs: Vec<&Body> = settled.iter().flat_map(|one| &one.outputs).collect();
    if outputs.is_empty() {
        return Ok(());
    }
    for name in &settings.output_queues {
        let into = into(w, account, name, 0, now)?;
        bodies::put(w, into, outputs.iter().copied())?;
    }
    Ok(())
}

fn into(
    w: &Writing<'_>,
    account: AccountId,
    name: &QueueName,
    delay_s: u32,
    now: Timestamp,
) -> Result<Into> {
    Ok(Into {
        account,
        queue: names::ensure(w, account, name, now)?,
        at: now.plus(Duration::from_secs(delay_s.into())),
        now,
    })
}

fn retry(
    w: &mut Writing<'_>,
    handler: &Handler,
    id: i64,
    (delay_s, max_retries): (u32, Option<u32>),
    now: Timestamp,
) -> Result<()> {
    let (cur_retry, error): (u32, Option<String>) =
        w.db.prepare_cached("SELECT cur_retry, error FROM messages WHERE id = ?1")?
            .query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let into = Into {
        account: handler.account,
        queue: handler.queue,
        at: now.plus(Duration::from_secs(delay_s.into())),
        now,
    };
    let becomes = Becomes {
        cur_retry: cur_retry.saturating_add(1),
        max_retries,
        created: None,
        // One that is handled in an error queue stays an error message.
        error: error.as_deref(),
    };
    bodies::turn(w, id, into, &becomes)
}

/// The message failed for good: it goes, with its error, to the queue of that entry of `on_error`. Returns whether there is one.
pub(super) fn fail(
    w: &mut Writing<'_>,
    account: AccountId,
    settings: &AttachmentSettings,
    on_error: Option<usize>,
    (id, error): (i64, &str),
    now: Timestamp,
) -> Result<bool> {
    let Some(entry) = on_error.and_then(|entry| settings.on_error.get(entry)) else {
        return Ok(false);
    };
    let into = into(w, account, &entry.queue, entry.delay_s, now)?;
    let becomes = Becomes {
        cur_retry: 0,
        max_retries: None,
        created: None,
        error: Some(error),
    };
    bodies::turn(w, id, into, &becomes)?;
    Ok(true)
}

/// A message of a job that ended failed for good: nothing but its row in `messages` is left of it.
pub(super) fn fail_or_drop(
    w: &mut Writing<'_>,
    (account, queue, version): (AccountId, QueueId, u32),
    (id, error): (i64, &str),
    now: Timestamp,
) -> Result<()> {
    let settings = attach::settings(w, queue, version)?;
    if !fail(w, account, &settings, settings.on_crash, (id, error), now)? {
        bodies::remove(w, account, &[id], None)?;
    }
    let what = RateWindow {
        start: now,
        version,
        dequeued: 1,
        failed: 1,
        ..RateWindow::default()
    };
    rates::add(w, queue, &what)
}
