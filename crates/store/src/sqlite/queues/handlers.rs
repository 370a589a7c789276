//! Jobs that handle messages: how many are needed, and making them.

use super::{
    super::{specs, submit, writer::Writing},
    attach,
};
use crate::{HandlerNeed, Result, StoreError, Submission};
use picloud_types::{AccountId, Jid, JidSet, QueueId, Timestamp};
use rusqlite::{Connection, OptionalExtension};

/// See `QueueStore::handlers_needed`.
pub(in super::super) fn needed(
    db: &Connection,
    now: Timestamp,
    ready_cap: u32,
) -> Result<Vec<HandlerNeed>> {
    let mut needs = Vec::new();
    {
        let mut ready = db.prepare_cached(
            "SELECT a.queue_id, q.account_id, a.max_parallel_jobs,
                    (SELECT count(*) FROM (SELECT 1 FROM queue_ready WHERE queue_id = a.queue_id AND suspect = 0 AND at_ms <= ?1 LIMIT ?2)) +
                    (SELECT count(*) FROM (SELECT 1 FROM queue_ready WHERE queue_id = a.queue_id AND suspect = 1 AND at_ms <= ?1 LIMIT ?2))
               FROM attachments AS a CROSS JOIN queues AS q ON q.id = a.queue_id
              WHERE a.active = 1 AND a.max_parallel_jobs > 0 AND a.start_after_ms <= ?1 AND q.paused = 0 AND q.count > q.leased",
        )?;
        let mut found = ready.query((now.0, ready_cap))?;
        while let Some(row) = found.next()? {
            let ready: u32 = row.get(3)?;
            if ready == 0 {
                continue;
            }
            needs.push(HandlerNeed {
                queue: QueueId(row.get(0)?),
                account: AccountId(row.get(1)?),
                max_parallel_jobs: row.get(2)?,
                ready: ready.min(ready_cap),
                jobs: 0,
                fresh: 0,
            });
        }
    }
    for need in &mut needs {
        need.jobs = unfinished(db, need.queue)?;
        need.fresh = fresh(db, need.queue)?;
    }
    Ok(needs)
}

/// Handler jobs of all versions that have not ended. As many rows are looked at as jobs run at once.
pub(super) fn unfinished(db: &Connection, queue: QueueId) -> Result<u32> {
    Ok(db
        .prepare_cached(
            "SELECT count(*) FROM handler_jobs AS h INDEXED BY handler_jobs_by_queue CROSS JOIN jobs AS j NOT INDEXED ON j.jid = h.jid
              WHERE h.queue_id = ?1 AND j.finished_ms IS NULL",
        )?
        .query_row([queue.0], |row| row.get(0))?)
}

/// Those of them that made no exchange yet.
fn fresh(db: &Connection, queue: QueueId) -> Result<u32> {
    Ok(db
        .prepare_cached(
            "SELECT count(*) FROM handler_jobs AS h INDEXED BY handler_jobs_by_queue CROSS JOIN jobs AS j NOT INDEXED ON j.jid = h.jid
              WHERE h.queue_id = ?1 AND h.seq < 0 AND j.finished_ms IS NULL",
        )?
        .query_row([queue.0], |row| row.get(0))?)
}

/// Those of them that are older than a job.
pub(super) fn unfinished_before(db: &Connection, queue: QueueId, jid: Jid) -> Result<u32> {
    Ok(db
        .prepare_cached(
            "SELECT count(*) FROM handler_jobs AS h INDEXED BY handler_jobs_by_queue CROSS JOIN jobs AS j NOT INDEXED ON j.jid = h.jid
              WHERE h.queue_id = ?1 AND h.jid < ?2 AND j.finished_ms IS NULL",
        )?
        .query_row([queue.0, jid.0], |row| row.get(0))?)
}

/// See `QueueStore::handlers_start`.
pub(in super::super) fn start(
    w: &mut Writing<'_>,
    queue: QueueId,
    count: u32,
    now: Timestamp,
) -> Result<Vec<Jid>> {
    let account: Option<i64> =
        w.db.prepare_cached(
            "SELECT account_id FROM queues WHERE id = ?1 AND deleted = 0 AND paused = 0",
        )?
        .query_row([queue.0], |row| row.get(0))
        .optional()?;
    let (Some(account), Some((version, most))) = (account, attach::current(w.db, queue)?) else {
        return Ok(Vec::new());
    };
    let room = most.saturating_sub(unfinished(w.db, queue)?);
    let count = count.min(room);
    if count == 0 {
        return Ok(Vec::new());
    }
    let row = attach::row(w.db, queue, version)?.ok_or_else(|| StoreError::Corrupt {
        what: "attachment",
        why: format!("version {version} of queue {queue} does not exist"),
    })?;
    let spec = specs::row(w, row.spec)?;
    let submission = Submission {
        account: AccountId(account),
        key: String::new(),
        spec: spec.spec,
        function: spec.function,
        args: vec![row.args; count as usize],
        depends_on: JidSet::default(),
        parent: None,
        map: None,
        blobs: Vec::new(),
        now,
    };
    let first = submit::start_now(w, &submission, row.spec, spec.class)?;
    let jids: Vec<Jid> = (first.0..).take(count as usize).map(Jid).collect();
    let mut note = w.db.prepare_cached(
        "INSERT INTO handler_jobs (jid, queue_id, version, attempt, seq, holds) VALUES (?1, ?2, ?3, 0, -1, 0)",
    )?;
    for jid in &jids {
        note.execute((jid.0, queue.0, version))?;
    }
    Ok(jids)
}
