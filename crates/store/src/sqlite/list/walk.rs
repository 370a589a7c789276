//! Which jobs a list looks at: of the ways that lead to all that may be wanted, the shortest.

use super::{
    super::{error_texts::Search, rows},
    specs,
    streams::{Merged, Source},
    wanted::Wanted,
};
use crate::Result;
use picloud_types::JobState;
use rusqlite::Connection;

/// As far as jobs are counted to compare ways.
const COUNTED: i64 = 20_000;

pub(super) fn choose(db: &Connection, wanted: &Wanted<'_>) -> Result<Merged> {
    let sources = shortest(db, wanted)?;
    Ok(Merged::new(
        wanted.account,
        sources,
        (wanted.floor, wanted.below),
    ))
}

fn shortest(db: &Connection, wanted: &Wanted<'_>) -> Result<Vec<Source>> {
    if let Some(parent) = wanted.filter.parent {
        return Ok(vec![Source::Parent(parent.0)]);
    }
    if wanted.only(|state| matches!(state, JobState::Claimed | JobState::Processing)) {
        return Ok(vec![Source::Running]);
    }
    let ids = wanted.below.saturating_sub(wanted.floor);
    let mut best = (u64::try_from(ids).unwrap_or(0), vec![Source::Account]);
    let mut consider = |jobs: u64, sources: Vec<Source>| {
        if jobs < best.0 {
            best = (jobs, sources);
        }
    };
    if let Some(known) = &wanted.specs {
        let sources = known.refs.keys().map(|spec| Source::Spec(*spec));
        consider(known.jobs(), sources.collect());
    }
    if wanted.only(JobState::is_failed) {
        consider(count(db, wanted, FAILED)?, vec![Source::Failed]);
    }
    if wanted.only(|state| !state.is_finished()) {
        consider(count(db, wanted, UNFINISHED)?, vec![Source::Unfinished]);
    }
    if let Some(text) = &wanted.text
        && let Some(specs) = specs::with_text(db, wanted.account, text)?
    {
        let mut jobs = 0;
        for spec in &specs {
            let mut refs = db.prepare_cached("SELECT refs FROM specs WHERE id = ?1")?;
            jobs += rows::unsigned(refs.query_row([spec], |row| row.get(0))?);
        }
        let mut sources: Vec<_> = specs.into_iter().map(Source::Spec).collect();
        if let Some(search) = Search::new(wanted.account, text) {
            sources.push(Source::Errors(search));
            // It may be in all of them.
            jobs += count(db, wanted, FAILED)?;
        }
        consider(jobs, sources);
    }
    Ok(best.1)
}

const FAILED: &str = "SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY jobs_failed
    WHERE account_id = ?1 AND state > 4 AND jid >= ?2 AND jid < ?3 LIMIT ?4)";
const UNFINISHED: &str = "SELECT count(*) FROM (SELECT 1 FROM jobs INDEXED BY jobs_unfinished
    WHERE account_id = ?1 AND finished_ms IS NULL AND jid >= ?2 AND jid < ?3 LIMIT ?4)";

/// Jobs between the bounds, up to a number of them.
fn count(db: &Connection, wanted: &Wanted<'_>, sql: &str) -> Result<u64> {
    let parameters = [wanted.account.0, wanted.floor, wanted.below, COUNTED];
    let mut statement = db.prepare_cached(sql)?;
    Ok(rows::unsigned(
        statement.query_row(parameters, |row| row.get(0))?,
    ))
}
