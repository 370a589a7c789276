//! Attempts that began and did not end their job.

use super::writer::Writing;
use crate::{AttemptEnd, AttemptPast, Result};
use picloud_types::{Attempt, Jid, Timestamp};
use rusqlite::Connection;

/// Most attempts that are kept of a job.
const KEPT: u32 = 100;

/// The present attempt of a processing job ends, and the job does not. To be called before its row changes.
pub(super) fn note(w: &Writing<'_>, jid: Jid, because: AttemptEnd, now: Timestamp) -> Result<()> {
    w.db.prepare_cached(
        "INSERT OR REPLACE INTO job_attempts (jid, attempt, worker_name, started_ms, ended_ms, because)
         SELECT j.jid, j.attempt, k.name, j.started_ms, ?2, ?3
           FROM jobs AS j LEFT JOIN workers AS k ON k.id = j.worker_id WHERE j.jid = ?1 AND j.state = 3",
    )?
    .execute((jid.0, now.0, number(because)))?;
    w.db.prepare_cached(
        "DELETE FROM job_attempts WHERE jid = ?1 AND attempt <=
            (SELECT attempt FROM job_attempts WHERE jid = ?1 ORDER BY attempt DESC LIMIT 1 OFFSET ?2)",
    )?
    .execute((jid.0, KEPT))?;
    Ok(())
}

fn number(because: AttemptEnd) -> u8 {
    match because {
        AttemptEnd::WorkerEnded => 0,
        AttemptEnd::GivenBack => 1,
    }
}

/// Those that are kept, oldest first.
pub(super) fn of(db: &Connection, jid: Jid) -> Result<Vec<AttemptPast>> {
    let mut statement = db.prepare_cached(
        "SELECT attempt, worker_name, started_ms, ended_ms, because FROM job_attempts WHERE jid = ?1 ORDER BY attempt",
    )?;
    let past = statement.query_map([jid.0], |row| {
        Ok(AttemptPast {
            attempt: Attempt(row.get(0)?),
            worker_name: row.get(1)?,
            started: row.get::<_, Option<i64>>(2)?.map(Timestamp),
            ended: Timestamp(row.get(3)?),
            because: if row.get::<_, u8>(4)? == number(AttemptEnd::WorkerEnded) {
                AttemptEnd::WorkerEnded
            } else {
                AttemptEnd::GivenBack
            },
        })
    })?;
    Ok(past.collect::<rusqlite::Result<_>>()?)
}
