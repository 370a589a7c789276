//! A page of jobs, newest first, in bounded time.
//!
//! A page is a walk: jobs that may be wanted come one by one from where most of the others are left out (`walk`
//! chooses, `streams` reads), each is compared with the whole filter (`wanted`), until the page is full, nothing is left,
//! or patience is at an end. Then it says where to go on. Whatever is chosen is a matter of speed only.

mod specs;
mod streams;
mod times;
mod walk;
mod wanted;

use super::{
    batches::{self, Batch},
    look,
    readers::Reader,
};
use crate::{JobFilter, JobMap, JobPage, Result};
use picloud_types::{AccountId, Jid};
use std::time::{Duration, Instant};
use streams::Entry;
use wanted::Wanted;

/// How long a page may look for jobs. It ends a bit later: what was found has still to be read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Patience {
    pub(super) time: Duration,
    /// Jobs to look at.
    pub(super) jobs: u64,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            time: Duration::from_millis(80),
            jobs: u64::MAX,
        }
    }
}

/// How many jobs of maps a page of grouped rows may count. A map of more gets a page of its own ...
const COUNTED: batches::Room = 300_000;
/// ... and one of more than that is not counted.
const COUNTED_ALONE: batches::Room = 2_000_000;

pub(super) fn list(
    reader: &mut Reader,
    account: AccountId,
    filter: &JobFilter,
    limit: u32,
) -> Result<JobPage> {
    let begun = Instant::now();
    let patience = reader.patience;
    let db = &reader.db;
    let Some(mut wanted) = Wanted::new(db, account, filter)? else {
        return Ok(JobPage::default());
    };
    let mut walk = walk::choose(db, &wanted)?;
    let mut page = Found {
        account,
        grouped: filter.grouped,
        room: COUNTED,
        rows: Vec::new(),
    };
    let mut below = wanted.below;
    let mut looked_at = 0;
    // A range of errors was searched, or the jobs of a map were counted.
    let mut took_a_while = false;
    let next = loop {
        if page.rows.len() >= limit as usize {
            break Some(Jid(below));
        }
        let is_over = looked_at >= patience.jobs
            || ((took_a_while || looked_at % 64 == 63) && begun.elapsed() > patience.time);
        if is_over {
            break Some(Jid(below));
        }
        took_a_while = false;
        match walk.next(db, below)? {
            None => break None,
            Some(Entry::Passed(jid)) => {
                below = jid;
                took_a_while = true;
            }
            Some(Entry::Job(job)) => {
                looked_at += 1;
                if !wanted.has(db, &job)? {
                    below = job.jid;
                } else if let Some(lowest) = page.add(db, job.jid)? {
                    below = lowest;
                    took_a_while = filter.grouped;
                } else {
                    break Some(Jid(job.jid + 1));
                }
            }
        }
    };
    let jobs = details(reader, page.rows)?;
    Ok(JobPage { jobs, next })
}

/// The rows of a page so far.
struct Found {
    account: AccountId,
    grouped: bool,
    room: batches::Room,
    rows: Vec<(i64, Option<JobMap>)>,
}

impl Found {
    /// Adds a job; returns the lowest id that it stands for. None if it has to wait for the next page.
    fn add(&mut self, db: &rusqlite::Connection, jid: i64) -> Result<Option<i64>> {
        let batch = Batch::of(db, Jid(jid))?;
        let mut map = batch.as_ref().and_then(Batch::map);
        let mut lowest = jid;
        if let (true, Some(map), Some(batch)) = (self.grouped, &mut map, &batch) {
            let alone = self.rows.is_empty();
            let room = if alone { COUNTED_ALONE } else { self.room };
            match batches::states(db, self.account, batch, room)? {
                Some(counted) => {
                    map.states = Some(counted.states);
                    self.room = self.room.saturating_sub(room - counted.left);
                }
                None if alone => self.room = 0,
                None => return Ok(None),
            }
            lowest = batch.first;
        }
        self.rows.push((jid, map));
        Ok(Some(lowest))
    }
}

fn details(reader: &mut Reader, rows: Vec<(i64, Option<JobMap>)>) -> Result<Vec<crate::JobDetail>> {
    let mut details = Vec::with_capacity(rows.len());
    {
        let mut one = reader.db.prepare_cached(&look::listed())?;
        for (jid, _) in &rows {
            let mut found = one.query([jid])?;
            if let Some(row) = found.next()? {
                details.push(look::detail(row)?);
            }
        }
    }
    let mut jobs = look::complete(reader, details)?;
    for (job, (_, map)) in jobs.iter_mut().zip(rows) {
        job.map = map;
    }
    Ok(jobs)
}
