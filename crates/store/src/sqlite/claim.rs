//! Handing jobs out.

use super::{readers::Reader, rows, specs, workers, writer::Writing};
use crate::{Backlog, Claimed, ClaimedJob, Pick, Result};
use picloud_types::{AccountId, Attempt, ClassId, Jid, JobState, SpecId, WorkerId};
use rusqlite::OptionalExtension;
use std::collections::HashMap;

/// Steps from group to group through the index of queued jobs, so that it costs as much as
/// there are groups, not jobs.
pub(super) fn backlog(reader: &mut Reader, count_cap: u32) -> Result<Vec<Backlog>> {
    let mut groups = Vec::new();
    let mut at = (i64::MIN, i64::MIN, i64::MIN);
    {
        // `>` would look right, but SQLite steps over the whole group that is equal; it only seeks with `>=`.
        let mut next = reader.db.prepare_cached(
            "SELECT account_id, class_id, priority, jid FROM jobs INDEXED BY jobs_queued
              WHERE state = 1 AND (account_id, class_id, priority) >= (?1, ?2, ?3 + 1)
              ORDER BY account_id, class_id, priority, jid LIMIT 1",
        )?;
        let mut count = reader.db.prepare_cached(
            "SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY jobs_queued
              WHERE state = 1 AND account_id = ?1 AND class_id = ?2 AND priority = ?3 LIMIT ?4)",
        )?;
        while let Some((account, class, priority, oldest)) = next
            .query_row([at.0, at.1, at.2], |row| {
                Ok((
                    row.get::<_, i64>(0)?,
                    row.get::<_, i64>(1)?,
                    row.get::<_, i32>(2)?,
                    row.get::<_, i64>(3)?,
                ))
            })
            .optional()?
        {
            at = (account, class, i64::from(priority));
            let queued: u32 =
                count.query_row([at.0, at.1, at.2, i64::from(count_cap)], |row| row.get(0))?;
            groups.push((account, class, priority, queued, oldest));
        }
    }
    let running = running(reader)?;
    groups
        .into_iter()
        .map(|(account, class, priority, count, oldest)| {
            Ok(Backlog {
                account: AccountId(account),
                class: ClassId(class),
                requirements: reader.requirements(ClassId(class))?,
                priority,
                count,
                oldest: Jid(oldest),
                running: running.get(&account).copied().unwrap_or(0),
            })
        })
        .collect()
}

/// Jobs with workers, per account. As many rows as the fleet runs at once.
fn running(reader: &Reader) -> Result<HashMap<i64, u64>> {
    let mut statement = reader.db.prepare_cached(
        "SELECT account_id, count(*) FROM jobs INDEXED BY jobs_running WHERE state IN (2, 3) GROUP BY account_id",
    )?;
    let counts = statement.query_map([], |row| Ok((row.get(0)?, rows::unsigned(row.get(1)?))))?;
    Ok(counts.collect::<rusqlite::Result<_>>()?)
}

pub(super) fn claim(w: &mut Writing<'_>, worker: WorkerId, picks: &[Pick]) -> Result<Claimed> {
    workers::require_alive(w, worker)?;
    let mut claimed = Claimed::default();
    let mut seen: Vec<SpecId> = Vec::new();
    for pick in picks {
        take(w, worker, pick, &mut claimed.jobs, &mut seen)?;
    }
    for spec in seen {
        claimed.specs.push(specs::row(w, spec)?);
    }
    Ok(claimed)
}

fn take(
    w: &mut Writing<'_>,
    worker: WorkerId,
    pick: &Pick,
    jobs: &mut Vec<ClaimedJob>,
    seen: &mut Vec<SpecId>,
) -> Result<()> {
    let first = jobs.len();
    let mut oldest = w.db.prepare_cached(
        "SELECT q.jid, j.attempt + 1, j.spec_id, a.bytes, a.blob_hash, a.blob_size
           FROM (SELECT jid FROM jobs INDEXED BY jobs_queued
                  WHERE state = 1 AND account_id = ?1 AND class_id = ?2 AND priority = ?3 ORDER BY jid LIMIT ?4) AS q
          CROSS JOIN jobs AS j ON j.jid = q.jid
           LEFT JOIN job_args AS a ON a.jid = q.jid",
    )?;
    let mut found = oldest.query((
        pick.account.0,
        pick.class.0,
        pick.priority,
        i64::from(pick.limit),
    ))?;
    while let Some(row) = found.next()? {
        let spec = SpecId(row.get(2)?);
        if !seen.contains(&spec) {
            seen.push(spec);
        }
        jobs.push(ClaimedJob {
            jid: Jid(row.get(0)?),
            attempt: Attempt(row.get(1)?),
            account: pick.account,
            spec,
            args: rows::payload(row, 3)?,
        });
    }
    drop(found);
    let mut hand_out = w
        .db
        .prepare_cached("UPDATE jobs SET state = 2, attempt = attempt + 1, worker_id = ?2 WHERE jid = ?1 AND state = 1")?;
    for job in &jobs[first..] {
        hand_out.execute([job.jid.0, worker.0])?;
    }
    let taken = (jobs.len() - first) as u64;
    w.moved(Some(JobState::Queued), Some(JobState::Claimed), taken);
    Ok(())
}
