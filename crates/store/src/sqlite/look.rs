//! Looking at jobs by id.

use super::{
    attempts,
    batches::Batch,
    readers::{self, Reader},
    rows,
};
use crate::{JobDetail, JobResult, Progress, Result, SpecRow, StatusRun, StoreError, WorkerAbout};
use picloud_types::{
    AccountId, Attempt, Jid, JidSet, JobState, Payload, SpecId, Timestamp, Usage, WorkerId,
};
use rusqlite::{Connection, OptionalExtension, Row};
use std::ops::{ControlFlow, RangeInclusive};

/// Most jobs of one `job_find`.
const FIND_MAX: u64 = 1_000;

/// Calls `each` for the account's jobs of a range, in order, until it breaks. The first column
/// of `sql` is the jid; a hole in the range is `JobUnknown`.
fn for_each_job<B>(
    db: &Connection,
    sql: &str,
    account: AccountId,
    range: &RangeInclusive<i64>,
    mut each: impl FnMut(Jid, &Row<'_>) -> Result<ControlFlow<B>>,
) -> Result<ControlFlow<B>> {
    let mut statement = db.prepare_cached(sql)?;
    let mut found = statement.query([account.0, *range.start(), *range.end()])?;
    let mut expected = *range.start();
    while let Some(row) = found.next()? {
        if row.get::<_, i64>(0)? != expected {
            break;
        }
        if let ControlFlow::Break(value) = each(Jid(expected), row)? {
            return Ok(ControlFlow::Break(value));
        }
        if expected == *range.end() {
            return Ok(ControlFlow::Continue(()));
        }
        expected += 1;
    }
    Err(StoreError::JobUnknown(Jid(expected)))
}

pub(super) fn statuses(
    db: &Connection,
    account: AccountId,
    jids: &JidSet,
) -> Result<Vec<StatusRun>> {
    let mut runs: Vec<StatusRun> = Vec::new();
    for range in jids.ranges() {
        let sql = "SELECT jid, state FROM jobs NOT INDEXED WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3 ORDER BY jid";
        let _: ControlFlow<()> = for_each_job(db, sql, account, range, |jid, row| {
            let state = rows::state(row, 1)?;
            match runs.last_mut() {
                Some(run) if run.state == state => run.jids.push(jid),
                _ => runs.push(StatusRun {
                    jids: JidSet::from_iter([jid]),
                    state,
                }),
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    Ok(runs)
}

pub(super) fn progress(db: &Connection, account: AccountId, jids: &JidSet) -> Result<Progress> {
    rows::require_all(db, account, jids)?;
    let mut unfinished = db.prepare_cached(
        "SELECT count(*) FROM jobs INDEXED BY jobs_unfinished
          WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3 AND finished_ms IS NULL",
    )?;
    let mut failed = db.prepare_cached(
        "SELECT jid FROM jobs INDEXED BY jobs_failed
          WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3 AND state > 4 ORDER BY jid LIMIT 1",
    )?;
    let mut progress = Progress::default();
    for range in rows::merged(jids) {
        let bounds = [account.0, *range.start(), *range.end()];
        let open = rows::unsigned(unfinished.query_row(bounds, |row| row.get(0))?);
        progress.unfinished += open;
        if open > 0 {
            progress.queued += open - not_queued(db, bounds)?;
        }
        if progress.first_failed.is_none() {
            progress.first_failed = failed
                .query_row(bounds, |row| row.get(0))
                .optional()?
                .map(Jid);
        }
    }
    Ok(progress)
}

/// Unfinished jobs of a range that are neither queued nor claimed. Counted instead of the queued
/// ones because there are at most as many as run at once, and those that wait.
fn not_queued(db: &Connection, bounds: [i64; 3]) -> Result<u64> {
    let mut processing = db.prepare_cached(
        "SELECT count(*) FROM jobs INDEXED BY jobs_running
          WHERE state IN (2, 3) AND account_id = ?1 AND jid BETWEEN ?2 AND ?3 AND state = 3",
    )?;
    let mut count = rows::unsigned(processing.query_row(bounds, |row| row.get(0))?);
    if db
        .prepare_cached("SELECT 1 FROM gates LIMIT 1")?
        .exists([])?
    {
        let mut waiting = db.prepare_cached(
            "SELECT count(*) FROM jobs INDEXED BY jobs_unfinished
              WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3 AND finished_ms IS NULL AND state = 0",
        )?;
        count += rows::unsigned(waiting.query_row(bounds, |row| row.get(0))?);
    }
    Ok(count)
}

pub(super) fn finished(
    db: &Connection,
    account: AccountId,
    jids: &JidSet,
    limit: u64,
) -> Result<JidSet> {
    rows::require_all(db, account, jids)?;
    let mut statement = db.prepare_cached(
        "SELECT jid FROM jobs NOT INDEXED WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3 AND state >= 4 ORDER BY jid LIMIT ?4",
    )?;
    let mut ended = JidSet::default();
    let mut room = limit;
    for range in jids.ranges() {
        let mut found =
            statement.query([account.0, *range.start(), *range.end(), rows::signed(room)])?;
        while let Some(row) = found.next()? {
            ended.push(Jid(row.get(0)?));
            room -= 1;
        }
        if room == 0 {
            break;
        }
    }
    Ok(ended)
}

pub(super) fn results(
    db: &Connection,
    account: AccountId,
    jids: &JidSet,
    max_count: u64,
    max_bytes: u64,
) -> Result<Vec<JobResult>> {
    let mut results: Vec<JobResult> = Vec::new();
    let mut bytes = 0;
    if max_count == 0 {
        return Ok(results);
    }
    for range in jids.ranges() {
        let sql = "SELECT j.jid, j.state, o.bytes, o.blob_hash, o.blob_size, o.failure
                     FROM jobs AS j NOT INDEXED LEFT JOIN job_outcomes AS o ON o.jid = j.jid
                    WHERE j.account_id = ?1 AND j.jid BETWEEN ?2 AND ?3 ORDER BY j.jid";
        let flow = for_each_job(db, sql, account, range, |jid, row| {
            let state = rows::state(row, 1)?;
            if !state.is_finished() {
                return Ok(ControlFlow::Break(()));
            }
            let payload = rows::payload(row, 2)?;
            if let Payload::Inline(inline) = &payload {
                bytes += inline.len() as u64;
            }
            results.push(JobResult {
                jid,
                state,
                failure: rows::failure(row, 5)?,
                payload,
            });
            let full = results.len() as u64 >= max_count || bytes >= max_bytes;
            Ok(if full {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(())
            })
        })?;
        if flow.is_break() {
            break;
        }
    }
    Ok(results)
}

/// Columns that `detail` reads. The query goes on with FROM `jobs AS j`, then `BESIDE`.
const DETAIL: &str =
    "j.jid, j.state, j.attempt, j.spec_id, j.created_ms, j.started_ms, j.finished_ms, j.runtime_us,
        j.cpu_user_us, j.cpu_system_us, j.parent_jid, j.worker_id, j.kill, j.gate_id,
        k.name, k.hostname, k.confinement, o.failure, o.profile, o.core_ms, o.cost_pico,
        o.memory_peak_bytes, o.memory_failures, o.swap_peak_bytes, o.disk_peak_bytes,
        o.disk_read_bytes, o.disk_write_bytes, o.net_received_bytes, o.net_sent_bytes";
/// The other tables of `DETAIL`.
const BESIDE: &str =
    "LEFT JOIN workers AS k ON k.id = j.worker_id LEFT JOIN job_outcomes AS o ON o.jid = j.jid";

/// `DETAIL` of one job, but for the profile, which is long and nobody wants a hundred of.
pub(super) fn listed() -> String {
    let columns = DETAIL.replace("o.profile", "NULL");
    format!("SELECT {columns} FROM jobs AS j NOT INDEXED {BESIDE} WHERE j.jid = ?1")
}

/// A job's row before its spec and its open dependencies are looked up.
pub(super) struct Detail {
    job: JobDetail,
    spec: SpecId,
    gate: Option<i64>,
}

pub(super) fn detail(row: &Row<'_>) -> Result<Detail> {
    let time = |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(Timestamp));
    let micros = |column| Ok::<_, rusqlite::Error>(rows::unsigned(row.get(column)?));
    let perhaps =
        |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(rows::unsigned));
    // A job without an outcome has none of it.
    let amount = |column| Ok::<_, rusqlite::Error>(perhaps(column)?.unwrap_or(0));
    let job = JobDetail {
        jid: Jid(row.get(0)?),
        state: rows::state(row, 1)?,
        attempt: Attempt(row.get(2)?),
        spec: std::sync::Arc::default(),
        created: Timestamp(row.get(4)?),
        started: time(5)?,
        finished: time(6)?,
        usage: Usage {
            runtime_us: micros(7)?,
            cpu_user_us: micros(8)?,
            cpu_system_us: micros(9)?,
            memory_peak_bytes: amount(21)?,
            memory_failures: amount(22)?,
            swap_peak_bytes: amount(23)?,
            disk_peak_bytes: amount(24)?,
            disk_read_bytes: amount(25)?,
            disk_write_bytes: amount(26)?,
            net_received_bytes: perhaps(27)?,
            net_sent_bytes: perhaps(28)?,
        },
        core_ms: perhaps(19)?,
        cost_pico: perhaps(20)?,
        parent: row.get::<_, Option<i64>>(10)?.map(Jid),
        map: None,
        depends_on: JidSet::default(),
        past_attempts: Vec::new(),
        worker: row.get::<_, Option<i64>>(11)?.map(WorkerId),
        kill_requested: row.get::<_, i64>(12)? > 0,
        worker_about: worker(row)?,
        failure: rows::failure(row, 17)?,
        profile: row.get(18)?,
        waits_for: Vec::new(),
    };
    Ok(Detail {
        job,
        spec: SpecId(row.get(3)?),
        gate: row.get(13)?,
    })
}

fn worker(row: &Row<'_>) -> Result<Option<WorkerAbout>> {
    let Some(name) = row.get(14)? else {
        return Ok(None);
    };
    let confinement: String = row.get(16)?;
    Ok(Some(WorkerAbout {
        name,
        hostname: row.get(15)?,
        confinement: rows::json("confinement", &confinement)?,
    }))
}

/// Completes rows.
pub(super) fn complete(reader: &mut Reader, details: Vec<Detail>) -> Result<Vec<JobDetail>> {
    details
        .into_iter()
        .map(
            |Detail {
                 mut job,
                 spec,
                 gate,
             }| {
                job.spec = reader.spec_of_job(spec)?;
                if let Some(gate) = gate {
                    job.waits_for = open_members(&reader.db, gate)?;
                }
                Ok(job)
            },
        )
        .collect()
}

fn open_members(db: &Connection, gate: i64) -> Result<Vec<Jid>> {
    let mut statement =
        db.prepare_cached("SELECT jid FROM gate_members WHERE gate_id = ?1 ORDER BY jid LIMIT 10")?;
    Ok(statement
        .query_map([gate], |row| Ok(Jid(row.get(0)?)))?
        .collect::<rusqlite::Result<_>>()?)
}

pub(super) fn find(
    reader: &mut Reader,
    account: AccountId,
    jids: &JidSet,
) -> Result<Vec<JobDetail>> {
    if jids.len() > FIND_MAX {
        return Err(StoreError::Conflict(format!(
            "at most {FIND_MAX} jobs can be looked up at once, not {}",
            jids.len()
        )));
    }
    let sql = format!(
        "SELECT {DETAIL} FROM jobs AS j NOT INDEXED {BESIDE} WHERE j.account_id = ?1 AND j.jid BETWEEN ?2 AND ?3 ORDER BY j.jid"
    );
    let mut details = Vec::new();
    for range in jids.ranges() {
        let _: ControlFlow<()> = for_each_job(&reader.db, &sql, account, range, |_, row| {
            details.push(detail(row)?);
            Ok(ControlFlow::Continue(()))
        })?;
    }
    let mut jobs = complete(reader, details)?;
    // Neighbours are often of one map.
    let mut nearest: Option<Batch> = None;
    for job in &mut jobs {
        if !nearest.as_ref().is_some_and(|batch| batch.has(job.jid)) {
            nearest = Batch::of(&reader.db, job.jid)?;
        }
        if let Some(batch) = &nearest {
            job.map = batch.map();
            job.depends_on = batch.depends_on()?;
        }
        job.past_attempts = attempts::of(&reader.db, job.jid)?;
    }
    Ok(jobs)
}

pub(super) fn pickles(db: &Connection, account: AccountId, jid: Jid) -> Result<(Payload, Payload)> {
    let mut statement = db.prepare_cached(
        "SELECT s.function_bytes, s.function_hash, s.function_size, a.bytes, a.blob_hash, a.blob_size
           FROM jobs AS j NOT INDEXED JOIN specs AS s ON s.id = j.spec_id LEFT JOIN job_args AS a ON a.jid = j.jid
          WHERE j.jid = ?1 AND j.account_id = ?2",
    )?;
    let mut found = statement.query([jid.0, account.0])?;
    let row = found.next()?.ok_or(StoreError::JobUnknown(jid))?;
    Ok((rows::payload(row, 0)?, rows::payload(row, 3)?))
}

pub(super) fn counts(db: &Connection) -> Result<Vec<(JobState, u64)>> {
    let mut statement = db.prepare_cached("SELECT state, count FROM job_counts ORDER BY state")?;
    let mut found = statement.query([])?;
    let mut counts = Vec::new();
    while let Some(row) = found.next()? {
        counts.push((rows::state(row, 0)?, rows::unsigned(row.get(1)?)));
    }
    Ok(counts)
}

pub(super) fn attempt_alive(
    db: &Connection,
    jid: Jid,
    attempt: Attempt,
) -> Result<Option<AccountId>> {
    let mut statement = db.prepare_cached(
        "SELECT account_id FROM jobs WHERE jid = ?1 AND attempt = ?2 AND state IN (2, 3)",
    )?;
    Ok(statement
        .query_row((jid.0, attempt.0), |row| row.get(0))
        .optional()?
        .map(AccountId))
}

pub(super) fn specs(db: &Connection, ids: &[SpecId]) -> Result<Vec<SpecRow>> {
    ids.iter()
        .filter_map(|id| readers::spec(db, *id).transpose())
        .collect()
}
