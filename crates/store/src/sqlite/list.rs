//! A page of jobs, newest first.

use super::{
    batches::Batch,
    look::{self, BESIDE, DETAIL},
    readers::Reader,
    rows,
};
use crate::{JobFilter, JobPage, Result};
use picloud_types::{AccountId, JobState, QueueName};
use rusqlite::{Connection, named_params};

/// When the specs of a label or function have at most this many jobs, their jobs are looked up
/// and sorted; with more of them it is quicker to walk the account's newest jobs.
const FEW: u64 = 10_000;

/// The order in which the jobs are visited.
#[derive(Clone, Copy)]
enum Walk {
    Account,
    Parent,
    Spec,
    Failed,
    Unfinished,
}

pub(super) fn list(
    reader: &mut Reader,
    account: AccountId,
    filter: &JobFilter,
    limit: u32,
) -> Result<JobPage> {
    let sql = query(filter, walk(&reader.db, account, filter)?);
    let mut details = Vec::new();
    {
        let mut statement = reader.db.prepare_cached(&sql)?;
        let mut found = statement.query(named_params! {
            ":account": account.0,
            ":before": filter.before.map_or(i64::MAX, |jid| jid.0),
            ":states": mask(&filter.states),
            ":label": filter.label,
            ":function": filter.function,
            ":queue": filter.queue.as_ref().map(QueueName::as_str),
            ":parent": filter.parent.map(|jid| jid.0),
            ":limit": limit,
        })?;
        while let Some(row) = found.next()? {
            details.push(look::detail(row)?);
        }
    }
    let mut jobs = look::complete(reader, details)?;
    for job in &mut jobs {
        job.map = Batch::of(&reader.db, job.jid)?.and_then(|batch| batch.map());
    }
    let full = jobs.len() >= limit as usize;
    let next = jobs.last().filter(|_| full).map(|last| last.jid);
    Ok(JobPage { jobs, next })
}

/// A bit per state; none is all.
fn mask(states: &[JobState]) -> i64 {
    if states.is_empty() {
        !0
    } else {
        states
            .iter()
            .fold(0, |mask, state| mask | 1 << *state as u8)
    }
}

fn walk(db: &Connection, account: AccountId, filter: &JobFilter) -> Result<Walk> {
    if filter.parent.is_some() {
        return Ok(Walk::Parent);
    }
    if !filter.states.is_empty() && filter.states.iter().all(|state| state.is_failed()) {
        return Ok(Walk::Failed);
    }
    if !filter.states.is_empty() && filter.states.iter().all(|state| !state.is_finished()) {
        return Ok(Walk::Unfinished);
    }
    if !names_specs(filter) {
        return Ok(Walk::Account);
    }
    let mut jobs = db.prepare_cached(&format!(
        "SELECT coalesce(sum(refs), 0) FROM ({})",
        specs(filter)
    ))?;
    let jobs: i64 = jobs.query_row(
        named_params! {
            ":account": account.0,
            ":label": filter.label,
            ":function": filter.function,
            ":queue": filter.queue.as_ref().map(QueueName::as_str),
        },
        |row| row.get(0),
    )?;
    Ok(if rows::unsigned(jobs) <= FEW {
        Walk::Spec
    } else {
        Walk::Account
    })
}

fn names_specs(filter: &JobFilter) -> bool {
    filter.label.is_some() || filter.function.is_some() || filter.queue.is_some()
}

/// Specs with the queue, the label and the function asked for. All parameters are named in every
/// form, so that one list of bindings fits.
fn specs(filter: &JobFilter) -> &'static str {
    if filter.queue.is_some() {
        "SELECT id, refs FROM specs INDEXED BY specs_by_queue WHERE account_id = :account AND queue = :queue
            AND (:label IS NULL OR label = :label) AND (:function IS NULL OR function_name = :function)"
    } else if filter.label.is_some() {
        "SELECT id, refs FROM specs INDEXED BY specs_by_label WHERE account_id = :account AND label = :label
            AND (:function IS NULL OR function_name = :function) AND :queue IS NULL"
    } else {
        "SELECT id, refs FROM specs INDEXED BY specs_by_function WHERE account_id = :account AND function_name = :function
            AND :label IS NULL AND :queue IS NULL"
    }
}

fn query(filter: &JobFilter, walk: Walk) -> String {
    let (index, condition) = match walk {
        Walk::Account => ("jobs_by_account", ""),
        Walk::Parent => ("jobs_by_parent", " AND j.parent_jid = :parent"),
        Walk::Spec => ("jobs_by_spec", ""),
        Walk::Failed => ("jobs_failed", " AND j.state > 4"),
        Walk::Unfinished => ("jobs_unfinished", " AND j.finished_ms IS NULL"),
    };
    let of_spec = if names_specs(filter) {
        format!(" AND j.spec_id IN (SELECT id FROM ({}))", specs(filter))
    } else {
        String::new()
    };
    format!(
        "SELECT {DETAIL} FROM jobs AS j INDEXED BY {index} {BESIDE}
          WHERE j.account_id = :account AND j.jid < :before{condition}{of_spec}
            AND (1 << j.state) & :states AND (:parent IS NULL OR j.parent_jid = :parent)
            AND (:label IS NULL OR TRUE) AND (:function IS NULL OR TRUE) AND (:queue IS NULL OR TRUE)
          ORDER BY j.jid DESC LIMIT :limit"
    )
}
