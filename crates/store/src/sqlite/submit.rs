//! Making jobs.

use super::{
    batches, blobs,
    gates::{self, Weighed},
    rows,
    specs::{self, Prepared},
    writer::Writing,
};
use crate::{MapPart, Result, StoreError, Submission, Submitted};
use picloud_types::{AccountId, ClassId, Jid, JobState, Payload, SpecId, Timestamp};
use rusqlite::OptionalExtension;

pub(super) fn submit(
    w: &mut Writing<'_>,
    submission: &Submission,
    prepared: &Prepared,
) -> Result<Submitted> {
    let count = submission.args.len() as u64;
    if let Some(earlier) = answered(w, submission.account, &submission.key, count)? {
        return Ok(earlier);
    }
    let placed = place(w, submission, count)?;
    let weighed = gates::weigh(
        w,
        submission.account,
        &submission.depends_on,
        submission.spec.depends_on_errors,
    )?;
    let described = (&submission.spec, &submission.function);
    let (spec, class) = specs::intern(w, submission.account, described, prepared)?;
    finish(w, submission, &placed, weighed, (spec, class))
}

/// Makes the jobs of a submission without dependencies or map, of a spec that is there, whose key was not `answered` before.
pub(super) fn submit_known(
    w: &mut Writing<'_>,
    submission: &Submission,
    spec: SpecId,
    class: ClassId,
) -> Result<Submitted> {
    let placed = place(w, submission, submission.args.len() as u64)?;
    finish(w, submission, &placed, Weighed::Free, (spec, class))
}

fn finish(
    w: &mut Writing<'_>,
    submission: &Submission,
    placed: &Placed,
    weighed: Weighed,
    (spec, class): (SpecId, ClassId),
) -> Result<Submitted> {
    let count = submission.args.len() as u64;
    let made = insert(w, submission, placed, weighed, spec, class)?;
    // Without any, a spec just made is taken back.
    specs::change_refs(w, submission.account, spec, rows::signed(made))?;
    batches::note(w, submission, placed.answer, made)?;
    let (state, _) = start(weighed);
    w.moved(None, Some(state), made);
    if made == 0
        && let Weighed::Gate(gate) = weighed
    {
        gates::remove(w, gate)?;
    }
    let queued = state == JobState::Queued && made > 0;
    w.db.prepare_cached(
        "INSERT INTO submissions (account_id, key, first_jid, count, queued, created_ms) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
    )?
    .execute((submission.account.0, &submission.key, placed.answer.0, rows::signed(count), queued, submission.now.0))?;
    Ok(Submitted {
        first_jid: placed.answer,
        count,
        queued,
    })
}

/// The answer to the same request before. One that can have none, as it is for no jobs, is refused.
pub(super) fn answered(
    w: &Writing<'_>,
    account: AccountId,
    key: &str,
    count: u64,
) -> Result<Option<Submitted>> {
    let earlier =
        w.db.prepare_cached(
            "SELECT first_jid, count, queued FROM submissions WHERE account_id = ?1 AND key = ?2",
        )?
        .query_row((account.0, key), |row| {
            Ok(Submitted {
                first_jid: Jid(row.get(0)?),
                count: rows::unsigned(row.get(1)?),
                queued: row.get(2)?,
            })
        })
        .optional()?;
    match earlier {
        Some(earlier) if earlier.count != count => Err(StoreError::Conflict(format!(
            "submission key {key} was used for {} jobs before, now for {count}",
            earlier.count
        ))),
        None if count == 0 => Err(StoreError::Conflict(
            "a submission has at least one job".to_owned(),
        )),
        other => Ok(other),
    }
}

/// Where the ids of a submission are.
struct Placed {
    /// What the caller is told: the first id of the request, or of the whole map.
    answer: Jid,
    first: i64,
    /// Some may exist already.
    later_part: bool,
}

fn place(w: &Writing<'_>, submission: &Submission, count: u64) -> Result<Placed> {
    let Some(map) = &submission.map else {
        let first = take_ids(w, count)?;
        return Ok(Placed {
            answer: Jid(first),
            first,
            later_part: false,
        });
    };
    if map
        .offset
        .checked_add(count)
        .is_none_or(|end| end > map.total)
    {
        return Err(StoreError::Conflict(format!(
            "jobs {} to {} are outside of a map of {}",
            map.offset,
            map.offset.saturating_add(count - 1),
            map.total
        )));
    }
    let start = match map.first_jid {
        Some(first) => reserved(w, submission.account, first, map, submission.now)?,
        None => reserve(w, submission.account, map.total, submission.now)?,
    };
    Ok(Placed {
        answer: Jid(start),
        first: start + rows::signed(map.offset),
        later_part: map.first_jid.is_some(),
    })
}

fn take_ids(w: &Writing<'_>, count: u64) -> Result<i64> {
    let next: i64 = w
        .db
        .prepare_cached("UPDATE sequences SET next = next + ?1 WHERE name = 'jid' RETURNING next")?
        .query_row([rows::signed(count)], |row| row.get(0))?;
    Ok(next - rows::signed(count))
}

fn reserve(w: &Writing<'_>, account: AccountId, total: u64, now: Timestamp) -> Result<i64> {
    let first = take_ids(w, total)?;
    w.db.prepare_cached(
        "INSERT INTO maps (first_jid, account_id, total, touched_ms) VALUES (?1, ?2, ?3, ?4)",
    )?
    .execute([first, account.0, rows::signed(total), now.0])?;
    Ok(first)
}

fn reserved(
    w: &Writing<'_>,
    account: AccountId,
    first: Jid,
    map: &MapPart,
    now: Timestamp,
) -> Result<i64> {
    let touched = w
        .db
        .prepare_cached("UPDATE maps SET touched_ms = max(touched_ms, ?4) WHERE first_jid = ?1 AND account_id = ?2 AND total = ?3")?
        .execute([first.0, account.0, rows::signed(map.total), now.0])?;
    if touched == 0 {
        return Err(StoreError::Conflict(format!(
            "no map of {} jobs was begun at job {first}",
            map.total
        )));
    }
    Ok(first.0)
}

/// The state jobs begin in, and their gate.
fn start(weighed: Weighed) -> (JobState, Option<i64>) {
    match weighed {
        Weighed::Free => (JobState::Queued, None),
        Weighed::Failed(_) => (JobState::Stalled, None),
        Weighed::Gate(gate) => (JobState::Waiting, Some(gate)),
    }
}

/// Makes the jobs of a submission without a key, dependencies or map, of a spec that is there, queued.
/// Returns the first.
pub(super) fn start_now(
    w: &mut Writing<'_>,
    submission: &Submission,
    spec: SpecId,
    class: ClassId,
) -> Result<Jid> {
    start_weighed(w, submission, Weighed::Free, spec, class)
}

/// The same, for jobs whose dependencies are weighed already.
pub(super) fn start_weighed(
    w: &mut Writing<'_>,
    submission: &Submission,
    weighed: Weighed,
    spec: SpecId,
    class: ClassId,
) -> Result<Jid> {
    let count = submission.args.len() as u64;
    let placed = place(w, submission, count)?;
    let made = insert(w, submission, &placed, weighed, spec, class)?;
    specs::change_refs(w, submission.account, spec, rows::signed(made))?;
    let (state, _) = start(weighed);
    w.moved(None, Some(state), made);
    Ok(placed.answer)
}

/// Returns how many jobs are new.
fn insert(
    w: &mut Writing<'_>,
    submission: &Submission,
    placed: &Placed,
    weighed: Weighed,
    spec: SpecId,
    class: ClassId,
) -> Result<u64> {
    let (state, gate) = start(weighed);
    let failure = match weighed {
        Weighed::Failed(by) => Some(rows::to_json(&gates::stalled_by(by))),
        _ => None,
    };
    let mut job = w.db.prepare_cached(
        "INSERT OR IGNORE INTO jobs (jid, account_id, spec_id, class_id, state, priority, gate_id, parent_jid, created_ms,
             finished_ms, attempt, kill, runtime_us, cpu_user_us, cpu_system_us)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, 0, 0, 0, 0, 0)",
    )?;
    // Bindings outlive an execution, so only the id changes from job to job.
    job.raw_bind_parameter(2, submission.account.0)?;
    job.raw_bind_parameter(3, spec.0)?;
    job.raw_bind_parameter(4, class.0)?;
    job.raw_bind_parameter(5, state as u8)?;
    job.raw_bind_parameter(6, submission.spec.priority)?;
    job.raw_bind_parameter(7, gate)?;
    job.raw_bind_parameter(8, submission.parent.map(|parent| parent.0))?;
    job.raw_bind_parameter(9, submission.now.0)?;
    job.raw_bind_parameter(10, failure.as_ref().map(|_| submission.now.0))?;
    let mut args = w.db.prepare_cached(
        "INSERT INTO job_args (jid, bytes, blob_hash, blob_size) VALUES (?1, ?2, ?3, ?4)",
    )?;
    let mut outcome =
        w.db.prepare_cached("INSERT INTO job_outcomes (jid, bytes, failure) VALUES (?1, x'', ?2)")?;
    let mut made = 0;
    for (jid, payload) in (placed.first..).zip(&submission.args) {
        job.raw_bind_parameter(1, jid)?;
        let is_new = job.raw_execute()? > 0;
        if !is_new {
            if placed.later_part {
                continue;
            }
            return Err(StoreError::Corrupt {
                what: "sequence",
                why: format!("job {jid} exists already"),
            });
        }
        made += 1;
        hold_payload(w, submission.account, payload)?;
        let (bytes, hash, size) = rows::payload_columns(payload);
        args.execute((jid, bytes, hash, size))?;
        if let Some(failure) = &failure {
            outcome.execute((jid, failure))?;
        }
    }
    Ok(made)
}

/// A row that holds the payload is about to be made.
pub(super) fn hold_payload(w: &Writing<'_>, account: AccountId, payload: &Payload) -> Result<()> {
    match payload.blob() {
        Some((hash, _)) => blobs::hold(w, account, hash),
        None => Ok(()),
    }
}
