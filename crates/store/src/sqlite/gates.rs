//! Dependencies.
//!
//! A submission with open dependencies gets one gate: the dependencies are its members, the
//! submission's jobs wait for it. When the last member has ended the jobs are queued; when one
//! failed and failures count, they are stalled, which is the failure of a member of other
//! gates. Chains of any length are followed with a list, not by recursion.

use super::{rows, samples, writer::Writing};
use crate::Result;
use picloud_types::{
    AccountId, DependencyErrors, Failure, Jid, JidSet, JobState, Timestamp, Verdict,
};
use rusqlite::OptionalExtension;

/// A job that ended in this transaction.
#[derive(Clone, Copy, Debug)]
pub(super) struct End {
    pub(super) account: AccountId,
    pub(super) jid: Jid,
    pub(super) failed: bool,
}

/// Jobs that ended, as the model names them.
pub(super) fn named(ends: &[End]) -> Vec<(AccountId, Jid)> {
    ends.iter().map(|end| (end.account, end.jid)).collect()
}

/// What dependencies mean for a job that is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weighed {
    /// None is open.
    Free,
    /// This one failed, and that matters.
    Failed(Jid),
    /// Open ones, behind this gate.
    Gate(i64),
}

/// Looks at dependencies, which must exist, and makes a gate if some are open.
pub(super) fn weigh(
    w: &mut Writing<'_>,
    account: AccountId,
    on: &JidSet,
    errors: DependencyErrors,
) -> Result<Weighed> {
    if on.is_empty() {
        return Ok(Weighed::Free);
    }
    rows::require_all(w.db, account, on)?;
    let ranges = rows::merged(on);
    if errors == DependencyErrors::Abort {
        let mut failed = w.db.prepare_cached(
            "SELECT jid FROM jobs INDEXED BY jobs_failed
              WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3 AND state > 4 ORDER BY jid LIMIT 1",
        )?;
        for range in &ranges {
            let first = failed
                .query_row([account.0, *range.start(), *range.end()], |row| row.get(0))
                .optional()?;
            if let Some(jid) = first {
                return Ok(Weighed::Failed(Jid(jid)));
            }
        }
    }
    w.db.prepare_cached("INSERT INTO gates (open_count, ignore_errors) VALUES (0, ?1)")?
        .execute([errors == DependencyErrors::Ignore])?;
    let gate = w.db.last_insert_rowid();
    let mut join = w.db.prepare_cached(
        "INSERT INTO gate_members (jid, gate_id)
         SELECT jid, ?4 FROM jobs INDEXED BY jobs_unfinished
          WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3 AND finished_ms IS NULL",
    )?;
    let mut open = 0;
    for range in &ranges {
        open += join.execute([account.0, *range.start(), *range.end(), gate])?;
    }
    if open == 0 {
        w.db.prepare_cached("DELETE FROM gates WHERE id = ?1")?
            .execute([gate])?;
        return Ok(Weighed::Free);
    }
    w.db.prepare_cached("UPDATE gates SET open_count = ?2 WHERE id = ?1")?
        .execute((gate, rows::signed(open as u64)))?;
    Ok(Weighed::Gate(gate))
}

/// Why a job is stalled that depends on `jid`.
pub(super) fn stalled_by(jid: Jid) -> Failure {
    Failure {
        verdict: Verdict::DependencyFailed { jid: jid.0 },
        exception: "Could not start due to dependency erroring".to_owned(),
        exception_type: None,
        hint: None,
    }
}

/// Opens and breaks the gates of the jobs in `ends`, and adds those that end by it.
pub(super) fn resolve(w: &mut Writing<'_>, ends: &mut Vec<End>, now: Timestamp) -> Result<()> {
    let mut next = 0;
    while let Some(end) = ends.get(next).copied() {
        next += 1;
        for gate in gates_of(w, end.jid)? {
            member_ended(w, gate, end, ends, now)?;
        }
    }
    Ok(())
}

fn gates_of(w: &Writing<'_>, jid: Jid) -> Result<Vec<i64>> {
    let mut of =
        w.db.prepare_cached("SELECT gate_id FROM gate_members WHERE jid = ?1")?;
    let gates: Vec<i64> = of
        .query_map([jid.0], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    if !gates.is_empty() {
        w.db.prepare_cached("DELETE FROM gate_members WHERE jid = ?1")?
            .execute([jid.0])?;
    }
    Ok(gates)
}

fn member_ended(
    w: &mut Writing<'_>,
    gate: i64,
    end: End,
    ends: &mut Vec<End>,
    now: Timestamp,
) -> Result<()> {
    let (open, ignore): (i64, bool) = w
        .db
        .prepare_cached("UPDATE gates SET open_count = open_count - 1 WHERE id = ?1 RETURNING open_count, ignore_errors")?
        .query_row([gate], |row| Ok((row.get(0)?, row.get(1)?)))?;
    if end.failed && !ignore {
        stall(w, gate, end.jid, ends, now)?;
        remove(w, gate)?;
    } else if open == 0 {
        let queued = w
            .db
            .prepare_cached("UPDATE jobs INDEXED BY jobs_waiting SET state = 1, gate_id = NULL WHERE gate_id = ?1 AND state = 0")?
            .execute([gate])?;
        w.moved(
            Some(JobState::Waiting),
            Some(JobState::Queued),
            queued as u64,
        );
        remove(w, gate)?;
    }
    Ok(())
}

fn stall(
    w: &mut Writing<'_>,
    gate: i64,
    failed: Jid,
    ends: &mut Vec<End>,
    now: Timestamp,
) -> Result<()> {
    let mut waiting = w
        .db
        .prepare_cached("SELECT jid, account_id FROM jobs INDEXED BY jobs_waiting WHERE gate_id = ?1 AND state = 0 ORDER BY jid")?;
    let stalled: Vec<End> = waiting
        .query_map([gate], |row| {
            Ok(End {
                jid: Jid(row.get(0)?),
                account: AccountId(row.get(1)?),
                failed: true,
            })
        })?
        .collect::<rusqlite::Result<_>>()?;
    let failure = stalled_by(failed);
    end_unstarted(
        w,
        &stalled,
        JobState::Waiting,
        JobState::Stalled,
        &failure,
        now,
    )?;
    ends.extend(stalled);
    Ok(())
}

/// Ends jobs that no worker has.
pub(super) fn end_unstarted(
    w: &mut Writing<'_>,
    jobs: &[End],
    from: JobState,
    to: JobState,
    failure: &Failure,
    now: Timestamp,
) -> Result<()> {
    if to == JobState::Error {
        for job in jobs {
            w.failed(job.account, job.jid, failure);
        }
    }
    let failure = rows::to_json(failure);
    let mut end = w.db.prepare_cached(
        "UPDATE jobs SET state = ?2, gate_id = NULL, finished_ms = ?3 WHERE jid = ?1",
    )?;
    let mut outcome =
        w.db.prepare_cached("INSERT INTO job_outcomes (jid, bytes, failure) VALUES (?1, x'', ?2)")?;
    for job in jobs {
        end.execute((job.jid.0, to as u8, now.0))?;
        outcome.execute((job.jid.0, &failure))?;
        samples::end(w, job.jid)?;
    }
    w.moved(Some(from), Some(to), jobs.len() as u64);
    Ok(())
}

/// Removes a gate nobody waits for any more.
pub(super) fn remove(w: &Writing<'_>, gate: i64) -> Result<()> {
    w.db.prepare_cached("DELETE FROM gate_members WHERE gate_id = ?1")?
        .execute([gate])?;
    w.db.prepare_cached("DELETE FROM gates WHERE id = ?1")?
        .execute([gate])?;
    Ok(())
}

/// Removes a gate if nobody waits for it any more.
pub(super) fn remove_if_idle(w: &Writing<'_>, gate: i64) -> Result<()> {
    let waits =
        w.db.prepare_cached(
            "SELECT 1 FROM jobs INDEXED BY jobs_waiting WHERE gate_id = ?1 AND state = 0 LIMIT 1",
        )?
        .exists([gate])?;
    if waits { Ok(()) } else { remove(w, gate) }
}
