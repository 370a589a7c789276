//! Jobs that one request made together: maps, and what their jobs waited for.

use super::{rows, writer::Writing};
use crate::{JobMap, Result, StoreError, Submission};
use picloud_types::{AccountId, Jid, JidSet, JobState, Timestamp};
use rusqlite::{Connection, OptionalExtension};

/// Notes that a submission made `made` jobs. `first` is that of the whole map.
pub(super) fn note(w: &Writing<'_>, submission: &Submission, first: Jid, made: u64) -> Result<()> {
    let count = match &submission.map {
        Some(map) => map.total,
        None => submission.args.len() as u64,
    };
    let depends_on = &submission.depends_on;
    if made == 0 || (count == 1 && depends_on.is_empty()) {
        return Ok(());
    }
    // The row may be there from an earlier part, or have gone with all jobs of earlier parts.
    w.db.prepare_cached(
        "INSERT INTO batches (first_jid, account_id, count, jobs, created_ms, last_ms, depends_on) VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6)
         ON CONFLICT (first_jid) DO UPDATE SET jobs = jobs + excluded.jobs, last_ms = max(last_ms, excluded.last_ms)",
    )?
    .execute((
        first.0,
        submission.account.0,
        rows::signed(count),
        rows::signed(made),
        submission.now.0,
        (!depends_on.is_empty()).then(|| depends_on.to_string()),
    ))?;
    Ok(())
}

/// The jobs of a range, all of which were there, are being removed.
pub(super) fn forget(w: &Writing<'_>, (first, last): (i64, i64)) -> Result<()> {
    let mut touched = w.db.prepare_cached(
        "UPDATE batches SET jobs = jobs - (min(first_jid + count - 1, ?2) - max(first_jid, ?1) + 1)
          WHERE first_jid BETWEEN coalesce((SELECT max(first_jid) FROM batches WHERE first_jid <= ?1), ?1) AND ?2
            AND first_jid + count > ?1 RETURNING first_jid, jobs",
    )?;
    let touched: Vec<(i64, i64)> = touched
        .query_map([first, last], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<rusqlite::Result<_>>()?;
    for (batch, _) in touched.into_iter().filter(|(_, jobs)| *jobs <= 0) {
        w.db.prepare_cached("DELETE FROM batches WHERE first_jid = ?1")?
            .execute([batch])?;
    }
    Ok(())
}

/// What is noted of the jobs that were made together with one.
#[derive(Clone, Debug)]
pub(super) struct Batch {
    /// When the first id was given out.
    pub(super) created: Timestamp,
    /// How many of them there are now.
    jobs: u64,
    pub(super) first: i64,
    pub(super) count: u64,
    depends_on: Option<String>,
}

impl Batch {
    /// Those that a job is one of.
    pub(super) fn of(db: &Connection, jid: Jid) -> Result<Option<Self>> {
        let mut statement = db.prepare_cached(
            "SELECT first_jid, count, created_ms, depends_on, jobs FROM batches
              WHERE first_jid <= ?1 ORDER BY first_jid DESC LIMIT 1",
        )?;
        let nearest = statement.query_row([jid.0], |row| {
            Ok(Self {
                first: row.get(0)?,
                count: rows::unsigned(row.get(1)?),
                created: Timestamp(row.get(2)?),
                jobs: rows::unsigned(row.get(4)?),
                depends_on: row.get(3)?,
            })
        });
        Ok(nearest.optional()?.filter(|batch| batch.has(jid)))
    }

    pub(super) fn has(&self, jid: Jid) -> bool {
        (self.first..=self.last()).contains(&jid.0)
    }

    pub(super) fn last(&self) -> i64 {
        self.first.saturating_add(rows::signed(self.count)) - 1
    }

    /// A single job that waited for others is no map.
    pub(super) fn map(&self) -> Option<JobMap> {
        (self.count > 1).then_some(JobMap {
            first: Jid(self.first),
            count: self.count,
            states: None,
        })
    }

    pub(super) fn depends_on(&self) -> Result<JidSet> {
        let text = self.depends_on.as_deref().unwrap_or_default();
        if text.is_empty() {
            return Ok(JidSet::default());
        }
        text.parse().map_err(|_| StoreError::Corrupt {
            what: "dependencies",
            why: text.to_owned(),
        })
    }
}

/// How many jobs of a map may be looked at to count them.
pub(super) type Room = u64;

/// Jobs by state, and the room that is left.
pub(super) struct Counted {
    pub(super) states: Vec<(JobState, u64)>,
    pub(super) left: Room,
}

/// Jobs of a map by state, those there are; None if there was too little room. Jobs that are done,
/// most of the time the most, are what the others leave.
pub(super) fn states(
    db: &Connection,
    account: AccountId,
    batch: &Batch,
    room: Room,
) -> Result<Option<Counted>> {
    let bounds = (
        account.0,
        batch.first,
        batch.last(),
        rows::signed(room).saturating_add(1),
    );
    let mut unfinished = db.prepare_cached(
        "SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY jobs_unfinished
          WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3 AND finished_ms IS NULL LIMIT ?4)",
    )?;
    let unfinished = rows::unsigned(unfinished.query_row(bounds, |row| row.get(0))?);
    let mut failed = db.prepare_cached(
        "SELECT total(state = 5), total(state = 6), total(state = 7) FROM (SELECT state FROM jobs INDEXED BY jobs_failed
          WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3 AND state > 4 LIMIT ?4)",
    )?;
    let failed: [u64; 3] = failed.query_row(bounds, |row| {
        let count = |column| row.get(column).map(|count: f64| count as u64);
        Ok([count(0)?, count(1)?, count(2)?])
    })?;
    let looked_at = unfinished + failed.iter().sum::<u64>();
    let Some(left) = room.checked_sub(looked_at) else {
        return Ok(None);
    };
    let mut counts = [0; JobState::ALL.len()];
    if unfinished > 0 {
        let bounds = [account.0, batch.first, batch.last()];
        counts = open(db, bounds, batch.depends_on.is_some())?;
        let apart: u64 = counts.iter().sum();
        counts[JobState::Queued as usize] = unfinished.saturating_sub(apart);
    }
    counts[JobState::Done as usize] = batch.jobs.saturating_sub(looked_at);
    counts[JobState::Error as usize..].copy_from_slice(&failed);
    let counts = JobState::ALL.into_iter().zip(counts);
    Ok(Some(Counted {
        states: counts.filter(|(_, n)| *n > 0).collect(),
        left,
    }))
}

/// Unfinished jobs of a range that are not queued: those handed out, and those that wait.
fn open(db: &Connection, bounds: [i64; 3], wait: bool) -> Result<[u64; JobState::ALL.len()]> {
    let mut counts = [0; JobState::ALL.len()];
    let mut running = db.prepare_cached(
        "SELECT state, count(*) FROM jobs INDEXED BY jobs_running
          WHERE state IN (2, 3) AND account_id = ?1 AND jid BETWEEN ?2 AND ?3 GROUP BY state",
    )?;
    let mut found = running.query(bounds)?;
    while let Some(row) = found.next()? {
        counts[rows::state(row, 0)? as usize] = rows::unsigned(row.get(1)?);
    }
    if wait {
        let mut waiting = db.prepare_cached(
            "SELECT count(*) FROM jobs INDEXED BY jobs_unfinished
              WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3 AND finished_ms IS NULL AND state = 0",
        )?;
        counts[JobState::Waiting as usize] =
            rows::unsigned(waiting.query_row(bounds, |row| row.get(0))?);
    }
    Ok(counts)
}
