//! Jobs that one request made together: maps, and what their jobs waited for.

use super::{rows, writer::Writing};
use crate::{JobMap, Result, StoreError, Submission};
use picloud_types::{Jid, JidSet};
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
    pub(super) first: i64,
    pub(super) count: u64,
    depends_on: Option<String>,
}

impl Batch {
    /// Those that a job is one of.
    pub(super) fn of(db: &Connection, jid: Jid) -> Result<Option<Self>> {
        let mut statement = db.prepare_cached(
            "SELECT first_jid, count, depends_on FROM batches
              WHERE first_jid <= ?1 ORDER BY first_jid DESC LIMIT 1",
        )?;
        let nearest = statement.query_row([jid.0], |row| {
            Ok(Self {
                first: row.get(0)?,
                count: rows::unsigned(row.get(1)?),
                depends_on: row.get(2)?,
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
