//! Lives of workers, and what becomes of their jobs when they end.

use super::{
    attempts,
    gates::{self, End},
    rows, specs,
    writer::Writing,
};
use crate::{
    AttemptEnd, AttemptOf, Ended, Result, StoreError, Worker, WorkerNew, WorkerRegistered,
};
use picloud_types::{
    AccountId, Attempt, ClassId, Failure, Jid, JobState, Timestamp, Verdict, WorkerId,
};
use rusqlite::Connection;

/// `WorkerUnknown` if the life is over or never was.
pub(super) fn require_alive(w: &Writing<'_>, worker: WorkerId) -> Result<()> {
    if alive(w, worker)? {
        Ok(())
    } else {
        Err(StoreError::WorkerUnknown(worker))
    }
}

fn alive(w: &Writing<'_>, worker: WorkerId) -> Result<bool> {
    Ok(w.db
        .prepare_cached("SELECT 1 FROM workers WHERE id = ?1 AND ended_ms IS NULL")?
        .exists([worker.0])?)
}

pub(super) fn register(
    w: &mut Writing<'_>,
    worker: &WorkerNew,
    lease_until: Timestamp,
    now: Timestamp,
) -> Result<WorkerRegistered> {
    let mut named = w.db.prepare_cached(
        "SELECT id FROM workers WHERE name = ?1 AND ended_ms IS NULL ORDER BY id",
    )?;
    let earlier = ids(named.query_map([&worker.name], |row| row.get(0))?)?;
    let ended = end_all(w, earlier, now)?;
    w.db.prepare_cached(
        "INSERT INTO workers (name, hostname, version, cpus, compute_units, memory_bytes, pythons, lease_until_ms, started_ms, confinement, source_ips)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)",
    )?
    .execute((
        &worker.name,
        &worker.hostname,
        &worker.version,
        worker.cpus,
        worker.compute_units,
        rows::signed(worker.memory_bytes),
        rows::to_json(&worker.pythons),
        lease_until.0,
        now.0,
        rows::to_json(&worker.confinement),
        worker.source_ips,
    ))?;
    Ok(WorkerRegistered {
        worker: WorkerId(w.db.last_insert_rowid()),
        ended,
    })
}

pub(super) fn renew(
    w: &mut Writing<'_>,
    workers: Vec<WorkerId>,
    lease_until: Timestamp,
) -> Result<Vec<WorkerId>> {
    let mut extend =
        w.db.prepare_cached("UPDATE workers SET lease_until_ms = max(lease_until_ms, ?2) WHERE id = ?1 AND ended_ms IS NULL")?;
    let mut gone = Vec::new();
    for worker in workers {
        if extend.execute([worker.0, lease_until.0])? == 0 {
            gone.push(worker);
        }
    }
    Ok(gone)
}

pub(super) fn end(w: &mut Writing<'_>, worker: WorkerId, now: Timestamp) -> Result<Ended> {
    let alive = alive(w, worker)?;
    end_all(w, if alive { vec![worker] } else { Vec::new() }, now)
}

pub(super) fn expire(w: &mut Writing<'_>, now: Timestamp) -> Result<Ended> {
    let mut late = w.db.prepare_cached(
        "SELECT id FROM workers INDEXED BY workers_alive WHERE ended_ms IS NULL AND lease_until_ms < ?1 ORDER BY id",
    )?;
    let late = ids(late.query_map([now.0], |row| row.get(0))?)?;
    end_all(w, late, now)
}

fn ids<F: FnMut(&rusqlite::Row<'_>) -> rusqlite::Result<i64>>(
    rows: rusqlite::MappedRows<'_, F>,
) -> Result<Vec<WorkerId>> {
    Ok(rows
        .map(|id| id.map(WorkerId))
        .collect::<rusqlite::Result<_>>()?)
}

/// A job that a worker had when its life ended.
struct Left {
    jid: i64,
    account: AccountId,
    class: ClassId,
    state: JobState,
    kill: bool,
}

/// Ends lives that are not over.
fn end_all(w: &mut Writing<'_>, workers: Vec<WorkerId>, now: Timestamp) -> Result<Ended> {
    let mut ended = Ended::default();
    let mut ends = Vec::new();
    for worker in &workers {
        w.db.prepare_cached("UPDATE workers SET ended_ms = ?2 WHERE id = ?1")?
            .execute([worker.0, now.0])?;
        for job in left_by(w, *worker)? {
            give_back(w, &job, &mut ended.requeued, &mut ends, now)?;
        }
    }
    gates::resolve(w, &mut ends, now)?;
    ended.workers = workers;
    ended.ended = gates::named(&ends);
    Ok(ended)
}

fn left_by(w: &Writing<'_>, worker: WorkerId) -> Result<Vec<Left>> {
    let mut statement = w.db.prepare_cached(
        "SELECT jid, account_id, class_id, state, kill FROM jobs INDEXED BY jobs_running
          WHERE worker_id = ?1 AND state IN (2, 3) ORDER BY jid",
    )?;
    let mut found = statement.query([worker.0])?;
    let mut left = Vec::new();
    while let Some(row) = found.next()? {
        left.push(Left {
            jid: row.get(0)?,
            account: AccountId(row.get(1)?),
            class: ClassId(row.get(2)?),
            state: rows::state(row, 3)?,
            kill: row.get::<_, i64>(4)? > 0,
        });
    }
    Ok(left)
}

fn give_back(
    w: &mut Writing<'_>,
    job: &Left,
    requeued: &mut Vec<Jid>,
    ends: &mut Vec<End>,
    now: Timestamp,
) -> Result<()> {
    let (state, failure) = if job.kill {
        (JobState::Killed, killed())
    } else if specs::restartable(w, job.class)? {
        attempts::note(w, Jid(job.jid), AttemptEnd::WorkerEnded, now)?;
        // The attempt keeps its number: the next claim raises it, which shuts the door on late reports.
        w.db.prepare_cached(
            "UPDATE jobs SET state = 1, worker_id = NULL, started_ms = NULL WHERE jid = ?1",
        )?
        .execute([job.jid])?;
        w.moved(Some(job.state), Some(JobState::Queued), 1);
        requeued.push(Jid(job.jid));
        return Ok(());
    } else {
        (JobState::Error, lost())
    };
    let end = End {
        account: job.account,
        jid: Jid(job.jid),
        failed: true,
    };
    gates::end_unstarted(w, &[end], job.state, state, &failure, now)?;
    ends.push(end);
    Ok(())
}

/// The failure of a job its owner ended.
pub(super) fn killed() -> Failure {
    Failure {
        verdict: Verdict::Killed,
        exception: "Killed".to_owned(),
        exception_type: None,
        hint: None,
    }
}

fn lost() -> Failure {
    Failure {
        verdict: Verdict::WorkerLost,
        exception: "The worker that had this job was lost, and the job may not be started twice (_restartable=False)"
            .to_owned(),
        exception_type: None,
        hint: Some("find out how far it came before you submit it again".to_owned()),
    }
}

pub(super) fn list(db: &Connection, since: Timestamp) -> Result<Vec<Worker>> {
    let mut statement = db.prepare_cached(
        "SELECT id, name, hostname, version, cpus, compute_units, memory_bytes, pythons, lease_until_ms, started_ms, ended_ms,
                confinement, source_ips, (SELECT count(*) FROM jobs INDEXED BY jobs_running WHERE worker_id = workers.id AND state IN (2, 3))
           FROM workers WHERE ended_ms IS NULL OR ended_ms > ?1 ORDER BY id",
    )?;
    let mut found = statement.query([since.0])?;
    let mut workers = Vec::new();
    while let Some(row) = found.next()? {
        let (pythons, confinement): (String, String) = (row.get(7)?, row.get(11)?);
        workers.push(Worker {
            id: WorkerId(row.get(0)?),
            about: WorkerNew {
                name: row.get(1)?,
                hostname: row.get(2)?,
                version: row.get(3)?,
                cpus: row.get(4)?,
                compute_units: row.get(5)?,
                memory_bytes: rows::unsigned(row.get(6)?),
                pythons: rows::json("interpreter list", &pythons)?,
                confinement: rows::json("confinement", &confinement)?,
                source_ips: row.get(12)?,
            },
            lease_until: Timestamp(row.get(8)?),
            started: Timestamp(row.get(9)?),
            ended: row.get::<_, Option<i64>>(10)?.map(Timestamp),
            running: rows::unsigned(row.get(13)?),
        });
    }
    Ok(workers)
}

pub(super) fn kills(db: &Connection, worker: WorkerId) -> Result<Vec<AttemptOf>> {
    attempts(
        db,
        worker,
        "SELECT jid, attempt FROM jobs INDEXED BY jobs_running
          WHERE worker_id = ?1 AND state IN (2, 3) AND kill = 1 ORDER BY jid",
    )
}

pub(super) fn holds(db: &Connection, worker: WorkerId) -> Result<Vec<AttemptOf>> {
    attempts(
        db,
        worker,
        "SELECT jid, attempt FROM jobs INDEXED BY jobs_running
          WHERE worker_id = ?1 AND state IN (2, 3) ORDER BY jid",
    )
}

pub(super) fn serves(db: &Connection, worker: WorkerId, account: AccountId) -> Result<bool> {
    let mut statement = db.prepare_cached(
        "SELECT EXISTS (SELECT 1 FROM jobs INDEXED BY jobs_running
                         WHERE worker_id = ?1 AND account_id = ?2 AND state IN (2, 3))",
    )?;
    Ok(statement.query_row((worker.0, account.0), |row| row.get(0))?)
}

fn attempts(db: &Connection, worker: WorkerId, sql: &str) -> Result<Vec<AttemptOf>> {
    let mut statement = db.prepare_cached(sql)?;
    let found = statement.query_map([worker.0], |row| {
        Ok(AttemptOf {
            jid: Jid(row.get(0)?),
            attempt: Attempt(row.get(1)?),
        })
    })?;
    Ok(found.collect::<rusqlite::Result<_>>()?)
}
