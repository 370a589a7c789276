//! What running jobs use, second by second.
//!
//! The older a job, the fewer of its samples are kept: of every `grain` seconds the first one,
//! but of the last few seconds all, for those who watch. At the end of a job the same holds for
//! all of it. What an attempt said goes when a later one says something, or when the job ends.

use super::{rows, writer::Writing};
use crate::{AttemptOf, JobLive, Result, Series, StoreError};
use picloud_types::{AccountId, Attempt, Jid, JidSet, Port, Sample, usage::grain};
use rusqlite::{Connection, OptionalExtension, Row};
use std::collections::{BTreeMap, HashSet};

/// Seconds at the end of a running job's series that are not thinned.
const WATCHED_SECONDS: u32 = 10;
/// Ports of one job that are kept.
const PORTS_MAX: usize = 256;

/// A row of `job_live`.
struct Live {
    attempt: u32,
    second: Option<u32>,
    memory_peak_bytes: u64,
    swap_peak_bytes: u64,
    disk_peak_bytes: u64,
    ports: String,
}

impl Live {
    fn new(attempt: Attempt) -> Self {
        Self {
            attempt: attempt.0,
            second: None,
            memory_peak_bytes: 0,
            swap_peak_bytes: 0,
            disk_peak_bytes: 0,
            ports: "[]".to_owned(),
        }
    }

    fn add(&mut self, sample: &Sample) {
        self.second = Some(sample.second);
        self.memory_peak_bytes = self.memory_peak_bytes.max(sample.memory_bytes);
        self.swap_peak_bytes = self.swap_peak_bytes.max(sample.swap_bytes);
        self.disk_peak_bytes = self.disk_peak_bytes.max(sample.disk_bytes);
    }

    fn put(&self, w: &mut Writing<'_>, jid: Jid) -> Result<()> {
        lives(w)?.insert(jid.0);
        w.db.prepare_cached(
            "INSERT OR REPLACE INTO job_live (jid, attempt, second, memory_peak_bytes, swap_peak_bytes, disk_peak_bytes, ports)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute((
            jid.0,
            self.attempt,
            self.second,
            rows::signed(self.memory_peak_bytes),
            rows::signed(self.swap_peak_bytes),
            rows::signed(self.disk_peak_bytes),
            &self.ports,
        ))?;
        Ok(())
    }
}

/// What is known of the attempt. What an earlier one left goes.
fn live(w: &Writing<'_>, of: AttemptOf) -> Result<Live> {
    let mut statement = w.db.prepare_cached(
        "SELECT attempt, second, memory_peak_bytes, swap_peak_bytes, disk_peak_bytes, ports FROM job_live WHERE jid = ?1",
    )?;
    let known = statement.query_row([of.jid.0], |row| {
        Ok(Live {
            attempt: row.get(0)?,
            second: row.get(1)?,
            memory_peak_bytes: rows::unsigned(row.get(2)?),
            swap_peak_bytes: rows::unsigned(row.get(3)?),
            disk_peak_bytes: rows::unsigned(row.get(4)?),
            ports: row.get(5)?,
        })
    });
    match known.optional()? {
        Some(live) if live.attempt == of.attempt.0 => Ok(live),
        Some(_) => {
            forget_before(w, of.jid.0, of.attempt.0)?;
            Ok(Live::new(of.attempt))
        }
        None => Ok(Live::new(of.attempt)),
    }
}

fn forget_before(w: &Writing<'_>, jid: i64, attempt: u32) -> Result<()> {
    w.db.prepare_cached("DELETE FROM job_samples WHERE jid = ?1 AND attempt < ?2")?
        .execute((jid, attempt))?;
    Ok(())
}

/// Adds those samples whose attempt `may_speak`; returns how many are new. One that is not later
/// than the last one has been here before.
pub(super) fn append(
    w: &mut Writing<'_>,
    samples: &[(AttemptOf, Sample)],
    mut may_speak: impl FnMut(&mut Writing<'_>, AttemptOf) -> Result<bool>,
) -> Result<u64> {
    let mut added = 0;
    for run in samples.chunk_by(|a, b| a.0 == b.0) {
        let of = run[0].0;
        if may_speak(w, of)? {
            added += append_run(w, of, run)?;
        }
    }
    Ok(added)
}

fn append_run(w: &mut Writing<'_>, of: AttemptOf, run: &[(AttemptOf, Sample)]) -> Result<u64> {
    let mut live = live(w, of)?;
    let before = live.second;
    let mut insert = w.db.prepare_cached(
        "INSERT INTO job_samples (jid, attempt, second, cpu_user_us, cpu_system_us, memory_bytes, swap_bytes, disk_bytes,
             disk_read_bytes, disk_write_bytes, net_received_bytes, net_sent_bytes, processes)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13)",
    )?;
    let mut added = 0;
    for (_, sample) in run {
        if live.second.is_some_and(|last| sample.second <= last) {
            continue;
        }
        insert.execute((
            of.jid.0,
            of.attempt.0,
            sample.second,
            rows::signed(sample.cpu_user_us),
            rows::signed(sample.cpu_system_us),
            rows::signed(sample.memory_bytes),
            rows::signed(sample.swap_bytes),
            rows::signed(sample.disk_bytes),
            rows::signed(sample.disk_read_bytes),
            rows::signed(sample.disk_write_bytes),
            sample.net_received_bytes.map(rows::signed),
            sample.net_sent_bytes.map(rows::signed),
            sample.processes,
        ))?;
        live.add(sample);
        added += 1;
    }
    if added > 0 {
        live.put(w, of.jid)?;
        thin_running(w, of, before.unwrap_or(0), live.second.unwrap_or(0))?;
    }
    Ok(added)
}

/// After the last second went from `before` to `last`.
fn thin_running(w: &Writing<'_>, of: AttemptOf, before: u32, last: u32) -> Result<()> {
    let grain_now = grain(last);
    if grain_now == 1 {
        return Ok(());
    }
    // What was thinned at this grain before needs no second look.
    let from = if grain(before) == grain_now {
        watched_from(before)
    } else {
        0
    };
    thin(
        w,
        of.jid.0,
        of.attempt.0,
        grain_now,
        from..watched_from(last),
    )
}

/// The first second that is not thinned yet, of a series that ends with `last`.
fn watched_from(last: u32) -> u32 {
    last.saturating_add(1).saturating_sub(WATCHED_SECONDS)
}

/// Of every `grain` seconds only the first sample stays, among those of `seconds`.
fn thin(
    w: &Writing<'_>,
    jid: i64,
    attempt: u32,
    grain: u32,
    seconds: std::ops::Range<u32>,
) -> Result<()> {
    w.db.prepare_cached(
        "DELETE FROM job_samples
          WHERE jid = ?1 AND attempt = ?2 AND second >= ?4 AND second < ?5 AND EXISTS (
                SELECT 1 FROM job_samples AS earlier
                 WHERE earlier.jid = ?1 AND earlier.attempt = ?2
                   AND earlier.second >= job_samples.second - job_samples.second % ?3
                   AND earlier.second < job_samples.second)",
    )?
    .execute((jid, attempt, grain, seconds.start, seconds.end))?;
    Ok(())
}

/// The ports an attempt listens on now, if it may speak.
pub(super) fn ports(w: &mut Writing<'_>, of: AttemptOf, ports: &[Port]) -> Result<()> {
    let mut live = live(w, of)?;
    live.ports = rows::to_json(&ports.iter().take(PORTS_MAX).collect::<Vec<_>>());
    live.put(w, of.jid)
}

/// Jobs with a row in `job_live`. Remembered, because each of twenty thousand jobs that end in
/// a second wants to know, and hardly one of them has one.
fn lives<'w>(w: &'w mut Writing<'_>) -> Result<&'w mut HashSet<i64>> {
    let known = match w.memory.live.take() {
        Some(known) => known,
        None => {
            let mut statement = w.db.prepare_cached("SELECT jid FROM job_live")?;
            let jids = statement.query_map([], |row| row.get(0))?;
            jids.collect::<rusqlite::Result<_>>()?
        }
    };
    Ok(w.memory.live.insert(known))
}

/// The job ended, in whatever way.
pub(super) fn end(w: &mut Writing<'_>, jid: Jid) -> Result<()> {
    if !lives(w)?.remove(&jid.0) {
        return Ok(());
    }
    let (attempt, last): (u32, Option<u32>) =
        w.db.prepare_cached("DELETE FROM job_live WHERE jid = ?1 RETURNING attempt, second")?
            .query_row([jid.0], |row| Ok((row.get(0)?, row.get(1)?)))?;
    let newest: u32 =
        w.db.prepare_cached("SELECT attempt FROM jobs WHERE jid = ?1")?
            .query_row([jid.0], |row| row.get(0))?;
    forget_before(w, jid.0, newest)?;
    match last {
        Some(last) if attempt == newest => {
            thin(w, jid.0, newest, grain(last), 0..last.saturating_add(1))
        }
        _ => Ok(()),
    }
}

const SAMPLE: &str =
    "second, cpu_user_us, cpu_system_us, memory_bytes, swap_bytes, disk_bytes, disk_read_bytes, disk_write_bytes,
        net_received_bytes, net_sent_bytes, processes";

fn sample(row: &Row<'_>) -> rusqlite::Result<Sample> {
    let count = |column| Ok::<_, rusqlite::Error>(rows::unsigned(row.get(column)?));
    let perhaps =
        |column| Ok::<_, rusqlite::Error>(row.get::<_, Option<i64>>(column)?.map(rows::unsigned));
    Ok(Sample {
        second: row.get(0)?,
        cpu_user_us: count(1)?,
        cpu_system_us: count(2)?,
        memory_bytes: count(3)?,
        swap_bytes: count(4)?,
        disk_bytes: count(5)?,
        disk_read_bytes: count(6)?,
        disk_write_bytes: count(7)?,
        net_received_bytes: perhaps(8)?,
        net_sent_bytes: perhaps(9)?,
        processes: row.get(10)?,
    })
}

pub(super) fn series(
    db: &Connection,
    account: AccountId,
    jid: Jid,
    after: Option<u32>,
    limit: u32,
) -> Result<Series> {
    let mut job =
        db.prepare_cached("SELECT attempt, state FROM jobs WHERE jid = ?1 AND account_id = ?2")?;
    let mut found = job.query([jid.0, account.0])?;
    let row = found.next()?.ok_or(StoreError::JobUnknown(jid))?;
    let (attempt, state) = (row.get(0)?, rows::state(row, 1)?);
    let mut statement = db.prepare_cached(&format!(
        "SELECT {SAMPLE} FROM job_samples WHERE jid = ?1 AND attempt = ?2 AND second > ?3 ORDER BY second LIMIT ?4"
    ))?;
    let samples =
        statement.query_map((jid.0, attempt, after.map_or(-1, i64::from), limit), sample)?;
    Ok(Series {
        attempt: Attempt(attempt),
        state,
        samples: samples.collect::<rusqlite::Result<_>>()?,
    })
}

/// Those of `jids` that run and were heard of.
pub(super) fn running(
    db: &Connection,
    account: AccountId,
    jids: &JidSet,
) -> Result<BTreeMap<Jid, JobLive>> {
    let mut lives = BTreeMap::new();
    let mut known = db.prepare_cached(
        "SELECT l.jid, l.attempt, l.memory_peak_bytes, l.swap_peak_bytes, l.disk_peak_bytes, l.ports
           FROM job_live AS l CROSS JOIN jobs AS j ON j.jid = l.jid
          WHERE l.jid BETWEEN ?2 AND ?3 AND j.account_id = ?1 AND j.state = 3 AND j.attempt = l.attempt",
    )?;
    let mut last_two = db.prepare_cached(&format!(
        "SELECT {SAMPLE} FROM job_samples WHERE jid = ?1 AND attempt = ?2 ORDER BY second DESC LIMIT 2"
    ))?;
    for range in jids.ranges() {
        let mut found = known.query([account.0, *range.start(), *range.end()])?;
        while let Some(row) = found.next()? {
            let (jid, attempt): (i64, u32) = (row.get(0)?, row.get(1)?);
            let mut samples: Vec<Sample> = last_two
                .query_map((jid, attempt), sample)?
                .collect::<rusqlite::Result<_>>()?;
            samples.reverse();
            let ports: String = row.get(5)?;
            let live = JobLive {
                samples,
                memory_peak_bytes: rows::unsigned(row.get(2)?),
                swap_peak_bytes: rows::unsigned(row.get(3)?),
                disk_peak_bytes: rows::unsigned(row.get(4)?),
                ports: rows::json("ports", &ports)?,
            };
            lives.insert(Jid(jid), live);
        }
    }
    Ok(lives)
}
