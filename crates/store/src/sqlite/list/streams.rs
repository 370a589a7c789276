//! Where jobs of a list come from: each stream is an index read from new to old, a chunk at a time.

use super::super::{error_texts::Search, rows};
use crate::Result;
use picloud_types::{AccountId, JobState};
use rusqlite::{Connection, Row};
use std::collections::{BinaryHeap, VecDeque};

/// The parts of a job's row that filters are about.
#[derive(Clone, Copy, Debug)]
pub(super) struct Job {
    pub(super) jid: i64,
    pub(super) state: JobState,
    pub(super) spec: i64,
    pub(super) class: i64,
    pub(super) parent: Option<i64>,
    pub(super) created_ms: i64,
}

/// One step of a walk.
#[derive(Clone, Copy, Debug)]
pub(super) enum Entry {
    Job(Job),
    /// From this id on there was nothing.
    Passed(i64),
}

impl Entry {
    /// Where the walk is after it; of two at one id the job comes first.
    fn place(&self) -> (i64, bool) {
        match self {
            Self::Job(job) => (job.jid, true),
            Self::Passed(jid) => (*jid, false),
        }
    }
}

/// Which jobs a stream has.
#[derive(Clone, Debug)]
pub(super) enum Source {
    /// All of the account.
    Account,
    Parent(i64),
    Spec(i64),
    Failed,
    Unfinished,
    /// Claimed or processing: as many as run at once.
    Running,
    /// Perhaps with a text in what went wrong.
    Errors(Search),
}

const ROW: &str = "jid, state, spec_id, class_id, parent_jid, created_ms";

impl Source {
    /// Of all, parameters are the account, the lowest id, the id below which, the most rows, and the one of the source.
    fn sql(&self) -> String {
        let (index, condition) = match self {
            Self::Account => ("jobs_by_account", "account_id = ?1 AND ?5 = 0"),
            Self::Parent(_) => ("jobs_by_parent", "account_id = ?1 AND parent_jid = ?5"),
            Self::Spec(_) => ("jobs_by_spec", "account_id = ?1 AND spec_id = ?5"),
            Self::Failed => ("jobs_failed", "account_id = ?1 AND state > 4 AND ?5 = 0"),
            Self::Unfinished => (
                "jobs_unfinished",
                "account_id = ?1 AND finished_ms IS NULL AND ?5 = 0",
            ),
            Self::Running => (
                "jobs_running",
                "account_id = ?1 AND state IN (2, 3) AND ?5 = 0",
            ),
            Self::Errors(_) => {
                return format!(
                    "SELECT {ROW} FROM jobs NOT INDEXED WHERE jid = ?1 AND account_id = ?2"
                );
            }
        };
        format!(
            "SELECT {ROW} FROM jobs INDEXED BY {index} WHERE {condition} AND jid >= ?2 AND jid < ?3 ORDER BY jid DESC LIMIT ?4"
        )
    }

    fn parameter(&self) -> i64 {
        match self {
            Self::Parent(id) | Self::Spec(id) => *id,
            _ => 0,
        }
    }
}

fn job(row: &Row<'_>) -> Result<Job> {
    Ok(Job {
        jid: row.get(0)?,
        state: rows::state(row, 1)?,
        spec: row.get(2)?,
        class: row.get(3)?,
        parent: row.get(4)?,
        created_ms: row.get(5)?,
    })
}

/// The first chunk, and the largest. They grow, since most pages are full soon.
const CHUNK_MIN: usize = 16;
const CHUNK_MAX: usize = 1024;

struct Stream {
    account: AccountId,
    source: Source,
    sql: String,
    floor: i64,
    /// All from here on has been read.
    below: i64,
    read: VecDeque<Entry>,
    chunk: usize,
}

impl Stream {
    /// The next entry below an id, which stays.
    fn head(&mut self, db: &Connection, below: i64) -> Result<Option<Entry>> {
        loop {
            while let Some(entry) = self.read.front() {
                if entry.place().0 < below {
                    return Ok(Some(*entry));
                }
                self.read.pop_front();
            }
            self.below = self.below.min(below);
            if self.below <= self.floor {
                return Ok(None);
            }
            self.fill(db)?;
        }
    }

    fn fill(&mut self, db: &Connection) -> Result<()> {
        let chunk = self.chunk;
        self.chunk = (chunk * 2).min(CHUNK_MAX);
        let bounds = (self.floor, self.below);
        let mut statement = db.prepare_cached(&self.sql)?;
        if let Source::Errors(search) = &self.source {
            let Some((jids, down_to)) = search.page(db, bounds, chunk)? else {
                self.below = self.floor;
                return Ok(());
            };
            for jid in jids {
                let mut found = statement.query([jid, self.account.0])?;
                if let Some(row) = found.next()? {
                    self.read.push_back(Entry::Job(job(row)?));
                }
            }
            self.read.push_back(Entry::Passed(down_to));
            self.below = down_to;
            return Ok(());
        }
        let parameters = (
            self.account.0,
            bounds.0,
            bounds.1,
            rows::signed(chunk as u64),
            self.source.parameter(),
        );
        let mut found = statement.query(parameters)?;
        let mut count = 0;
        while let Some(row) = found.next()? {
            let job = job(row)?;
            self.below = job.jid;
            self.read.push_back(Entry::Job(job));
            count += 1;
        }
        if count < chunk {
            self.below = self.floor;
        }
        Ok(())
    }
}

/// Several streams as one.
pub(super) struct Merged {
    streams: Vec<Stream>,
    /// For each stream a place that none of its entries is before: that of its head, once it was looked at.
    heads: BinaryHeap<((i64, bool), usize)>,
}

impl Merged {
    /// Streams of jobs from `floor` on, and below `below`.
    pub(super) fn new(
        account: AccountId,
        sources: Vec<Source>,
        (floor, below): (i64, i64),
    ) -> Self {
        let stream = |source: Source| Stream {
            account,
            sql: source.sql(),
            source,
            floor,
            below,
            read: VecDeque::new(),
            chunk: CHUNK_MIN,
        };
        let streams: Vec<_> = sources.into_iter().map(stream).collect();
        let heads = (0..streams.len()).map(|number| ((i64::MAX, true), number));
        Self {
            heads: heads.collect(),
            streams,
        }
    }

    /// The next entry below an id, which is no higher than any before.
    pub(super) fn next(&mut self, db: &Connection, below: i64) -> Result<Option<Entry>> {
        while let Some((place, number)) = self.heads.pop() {
            match self.streams[number].head(db, below)? {
                None => {}
                Some(entry) if entry.place() == place => {
                    // What follows is not read before somebody asks for it.
                    let (jid, is_job) = place;
                    let following = if is_job {
                        (jid, false)
                    } else {
                        (jid - 1, true)
                    };
                    self.heads.push((following, number));
                    self.streams[number].read.pop_front();
                    return Ok(Some(entry));
                }
                Some(entry) => self.heads.push((entry.place(), number)),
            }
        }
        Ok(None)
    }
}
