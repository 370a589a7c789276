//! Removing jobs with everything that belongs to them.

use super::{batches, blobs, queues, rows, specs, writer::Writing};
use crate::{Result, StoreError};
use picloud_types::{AccountId, Jid, JidSet, JobState, SpecId};
use std::{collections::BTreeMap, ops::RangeInclusive};

/// Most jobs of one call.
const MAX: u64 = 10_000;

pub(super) fn delete(w: &mut Writing<'_>, account: AccountId, jids: &JidSet) -> Result<u64> {
    let ranges = rows::merged(jids);
    let count = ranges
        .iter()
        .map(|range| range.end().abs_diff(*range.start()).saturating_add(1))
        .fold(0, u64::saturating_add);
    if count > MAX {
        return Err(StoreError::Conflict(format!(
            "at most {MAX} jobs can be deleted at once, not {count}"
        )));
    }
    rows::require_all(w.db, account, jids)?;
    require_finished(w, account, &ranges)?;
    for range in &ranges {
        let bounds = (*range.start(), *range.end());
        // While it is known how they ended.
        queues::release_deleted(w, bounds)?;
        forget_uses(w, account, bounds)?;
        batches::forget(w, bounds)?;
        for table in [
            "job_args",
            "job_outcomes",
            "output_heads",
            "output_chunks",
            "job_samples",
            "job_live",
            "job_attempts",
            "jobs",
        ] {
            w.db.prepare_cached(&format!("DELETE FROM {table} WHERE jid BETWEEN ?1 AND ?2"))?
                .execute(bounds)?;
        }
    }
    Ok(count)
}

fn require_finished(
    w: &Writing<'_>,
    account: AccountId,
    ranges: &[RangeInclusive<i64>],
) -> Result<()> {
    let mut unfinished = w.db.prepare_cached(
        "SELECT jid FROM jobs INDEXED BY jobs_unfinished
          WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3 AND finished_ms IS NULL ORDER BY jid LIMIT 1",
    )?;
    for range in ranges {
        let mut found = unfinished.query([account.0, *range.start(), *range.end()])?;
        if let Some(row) = found.next()? {
            return Err(StoreError::NotFinished(Jid(row.get(0)?)));
        }
    }
    Ok(())
}

/// References to specs and blobs, and the counts per state.
fn forget_uses(w: &mut Writing<'_>, account: AccountId, bounds: (i64, i64)) -> Result<()> {
    let mut blob_uses = Vec::new();
    for table in ["job_args", "job_outcomes"] {
        let mut used = w.db.prepare_cached(&format!(
            "SELECT blob_hash FROM {table} WHERE jid BETWEEN ?1 AND ?2 AND blob_hash IS NOT NULL"
        ))?;
        let found = used.query_map(bounds, |row| rows::hash(row, 0))?;
        blob_uses.extend(
            found
                .collect::<rusqlite::Result<Vec<_>>>()?
                .into_iter()
                .flatten(),
        );
    }
    for hash in blob_uses {
        blobs::release(w, account, hash)?;
    }
    let mut spec_uses: BTreeMap<SpecId, u64> = BTreeMap::new();
    let mut states: BTreeMap<JobState, u64> = BTreeMap::new();
    {
        let mut kinds = w
            .db
            .prepare_cached("SELECT spec_id, state, jid FROM jobs WHERE jid BETWEEN ?1 AND ?2")?;
        let mut found = kinds.query(bounds)?;
        while let Some(row) = found.next()? {
            *spec_uses.entry(SpecId(row.get(0)?)).or_default() += 1;
            let state = rows::state(row, 1)?;
            *states.entry(state).or_default() += 1;
            if state == JobState::Error {
                w.failed_is_removed(Jid(row.get(2)?));
            }
        }
    }
    for (state, count) in states {
        w.moved(Some(state), None, count);
    }
    for (spec, count) in spec_uses {
        specs::change_refs(w, account, spec, -rows::signed(count))?;
    }
    Ok(())
}
