//! Taking back what handler jobs hold whose attempt is over.

use super::{
    super::{SqliteStore, readers::Size, rows, writer::Writing},
    attach, bodies, held, names, settle,
};
use crate::{Released, Result};
use picloud_types::{
    AccountId, Failure, Jid, QueueId, Timestamp, Verdict, api::queues::MessageError,
};
use rusqlite::{Connection, OptionalExtension};

/// Most jobs that are seen to in one transaction.
const JOBS_AT_ONCE: u32 = 100;

/// See `QueueStore::handlers_release`.
pub(in super::super) async fn release(store: &SqliteStore, now: Timestamp) -> Result<Released> {
    let mut released = Released::default();
    loop {
        // Most of the time there is nothing to write.
        let over = store.read(Size::Few, |r| over(&r.db)).await?;
        if over.is_empty() {
            break;
        }
        let all = over.len() < JOBS_AT_ONCE as usize;
        let part = store.write(true, move |w| release_some(w, now)).await?;
        released.queues.extend(part.queues);
        released.failed += part.failed;
        if all {
            break;
        }
    }
    released.queues.sort_unstable();
    released.queues.dedup();
    Ok(released)
}

/// Handler jobs whose attempt is over: ended, or queued again though they exchanged.
fn over(db: &Connection) -> Result<Vec<Jid>> {
    let mut statement = db.prepare_cached(
        "SELECT h.jid FROM handler_jobs AS h LEFT JOIN jobs AS j ON j.jid = h.jid
          WHERE j.jid IS NULL OR j.finished_ms IS NOT NULL OR (h.holds > 0 AND (j.state = 1 OR j.attempt <> h.attempt))
          ORDER BY h.jid LIMIT ?1",
    )?;
    Ok(statement
        .query_map([JOBS_AT_ONCE], |row| row.get(0).map(Jid))?
        .collect::<rusqlite::Result<_>>()?)
}

fn release_some(w: &mut Writing<'_>, now: Timestamp) -> Result<Released> {
    let mut released = Released::default();
    for jid in over(w.db)? {
        release_one(w, jid, Some(now), &mut released)?;
    }
    Ok(released)
}

/// Takes back what ended jobs of a range hold, before they are removed.
pub(in super::super) fn release_deleted(w: &mut Writing<'_>, bounds: (i64, i64)) -> Result<()> {
    let jids: Vec<Jid> =
        w.db.prepare_cached("SELECT jid FROM handler_jobs WHERE jid BETWEEN ?1 AND ?2")?
            .query_map(bounds, |row| row.get(0).map(Jid))?
            .collect::<rusqlite::Result<_>>()?;
    let mut released = Released::default();
    for jid in jids {
        release_one(w, jid, None, &mut released)?;
    }
    Ok(())
}

/// A job whose attempt is over.
struct Over {
    jid: Jid,
    account: AccountId,
    queue: QueueId,
    version: u32,
    deleted: bool,
    holds: u32,
    /// It never asked for a message.
    is_fresh: bool,
    /// None if the job was queued again.
    finished: Option<Timestamp>,
    failure: Option<Failure>,
}

fn find(w: &Writing<'_>, jid: Jid) -> Result<Option<Over>> {
    let mut statement = w.db.prepare_cached(
        "SELECT h.queue_id, h.version, h.holds, q.account_id, q.deleted, j.finished_ms, o.failure, h.seq
           FROM handler_jobs AS h LEFT JOIN queues AS q ON q.id = h.queue_id LEFT JOIN jobs AS j ON j.jid = h.jid
           LEFT JOIN job_outcomes AS o ON o.jid = h.jid WHERE h.jid = ?1",
    )?;
    let mut found = statement.query([jid.0])?;
    let Some(row) = found.next()? else {
        return Ok(None);
    };
    Ok(Some(Over {
        jid,
        queue: QueueId(row.get(0)?),
        version: row.get(1)?,
        holds: row.get(2)?,
        account: AccountId(row.get::<_, Option<i64>>(3)?.unwrap_or(0)),
        deleted: row.get::<_, Option<bool>>(4)?.unwrap_or(true),
        finished: row.get::<_, Option<i64>>(5)?.map(Timestamp),
        failure: rows::failure(row, 6)?,
        is_fresh: row.get::<_, i64>(7)? < 0,
    }))
}

/// Without `now` the end of the job is the present.
fn release_one(
    w: &mut Writing<'_>,
    jid: Jid,
    now: Option<Timestamp>,
    released: &mut Released,
) -> Result<()> {
    let Some(over) = find(w, jid)? else {
        return Ok(());
    };
    if over.deleted {
        // Nothing goes back, and nobody else would find what is held.
        let ids = held::all(w.db, jid)?;
        held::let_go(w, jid, &ids)?;
        bodies::remove(w, over.account, &ids, None)?;
    } else if over.holds > 0 {
        let now = now.or(over.finished).unwrap_or_default();
        if over.take_back(w, now, released)? {
            w.wake(over.queue);
            released.queues.push(over.queue);
        }
    }
    let own_fault = over.failure.as_ref().is_some_and(is_own_fault);
    if let Some(now) = now
        && over.is_fresh
        && own_fault
    {
        attach::started_in_vain(w, over.queue, over.version, now)?;
    }
    if over.finished.is_some() {
        w.db.prepare_cached("DELETE FROM handler_jobs WHERE jid = ?1")?
            .execute([jid.0])?;
    } else {
        w.db.prepare_cached("UPDATE handler_jobs SET seq = -1, holds = 0 WHERE jid = ?1")?
            .execute([jid.0])?;
    }
    Ok(())
}

impl Over {
    /// Returns whether some messages are in line again.
    fn take_back(
        &self,
        w: &mut Writing<'_>,
        now: Timestamp,
        released: &mut Released,
    ) -> Result<bool> {
        let own_fault = self.failure.as_ref().is_some_and(is_own_fault);
        let lost = matches!(
            self.failure,
            Some(Failure {
                verdict: Verdict::WorkerLost,
                ..
            })
        );
        if !own_fault && !lost {
            give_back_all(w, self.queue, self.jid)?;
            return Ok(true);
        }
        let most = attach::settings(w, self.queue, self.version)?.max_crashes;
        let ids = held::all(w.db, self.jid)?;
        if most == 0 {
            for id in ids {
                self.fail(w, id, now)?;
                released.failed += 1;
            }
            return Ok(false);
        }
        if let [id] = ids[..]
            && own_fault
        {
            if crashes(w, self.jid, id)? >= most {
                self.fail(w, id, now)?;
                released.failed += 1;
                return Ok(false);
            }
            crashed_alone(w, self.jid, id, now)?;
        }
        for id in &ids {
            held::back(w, self.jid, *id, own_fault)?;
        }
        names::count(w, self.queue, 0, -rows::signed(ids.len() as u64))?;
        Ok(true)
    }

    fn fail(&self, w: &mut Writing<'_>, id: i64, now: Timestamp) -> Result<()> {
        let error = rows::to_json(&self.error(w, id)?);
        held::let_go(w, self.jid, &[id])?;
        let of = (self.account, self.queue, self.version);
        settle::fail_or_drop(w, of, (id, &error), now)?;
        names::count(w, self.queue, -1, -1)
    }

    fn error(&self, w: &Writing<'_>, id: i64) -> Result<MessageError> {
        let name: String =
            w.db.prepare_cached("SELECT name FROM queues WHERE id = ?1")?
                .query_row([self.queue.0], |row| row.get(0))?;
        let cur_retry =
            w.db.prepare_cached("SELECT cur_retry FROM messages WHERE id = ?1")?
                .query_row([id], |row| row.get(0))?;
        let said = self.failure.as_ref().map_or("", |f| &f.exception);
        Ok(MessageError {
            source_queue: names::stored(&name)?,
            exception_type: "cloud.queue.HandlerCrashed".to_owned(),
            // The last line of a traceback is the exception; where there is no traceback it is all.
            exception_text: said.trim_end().lines().last().unwrap_or("").to_owned(),
            traceback: said.to_owned(),
            exception_pickle: None,
            cur_retry,
            jid: self.jid,
            verdict: self.failure.as_ref().map(|f| f.verdict.clone()),
        })
    }
}

/// Whether a job that ended so may have been ended by what it held.
fn is_own_fault(failure: &Failure) -> bool {
    !matches!(failure.verdict, Verdict::WorkerLost | Verdict::Killed)
}

fn crashes(w: &Writing<'_>, jid: Jid, id: i64) -> Result<u32> {
    Ok(w.db
        .prepare_cached("SELECT crashes FROM queue_held WHERE jid = ?1 AND message_id = ?2")?
        .query_row([jid.0, id], |row| row.get(0))
        .optional()?
        .unwrap_or(0))
}

/// Counts the crash, and sends the message to the end of the line, so that its neighbours come first.
fn crashed_alone(w: &Writing<'_>, jid: Jid, id: i64, now: Timestamp) -> Result<()> {
    w.db.prepare_cached(
        "UPDATE queue_held SET crashes = crashes + 1 WHERE jid = ?1 AND message_id = ?2",
    )?
    .execute([jid.0, id])?;
    w.db.prepare_cached("UPDATE messages SET at_ms = ?2 WHERE id = ?1")?
        .execute([id, now.0])?;
    Ok(())
}

/// Puts everything a job holds back in line.
pub(super) fn give_back_all(w: &mut Writing<'_>, queue: QueueId, jid: Jid) -> Result<()> {
    let ids = held::all(w.db, jid)?;
    for id in &ids {
        held::back(w, jid, *id, false)?;
    }
    names::count(w, queue, 0, -rows::signed(ids.len() as u64))?;
    w.wake(queue);
    Ok(())
}
