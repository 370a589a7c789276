//! The one thread that writes.
//!
//! Callers send closures. The thread takes all that wait, up to a bound, runs them in one
//! transaction, each in a savepoint of its own, and commits. So "database is locked" cannot
//! happen, and a crowd of callers shares the cost of a commit and a sync.

use super::{
    cache::Cache,
    checkpoint::Checkpointer,
    error_texts,
    ledger::Meter,
    op::{Fate, Op, lost, said_plainly},
    rows,
    sync::{Progress, Unsynced},
};
use crate::{Committed, OnCommit, Result, SpecRow, StoreError};
use picloud_types::{
    ClassId, Hash, JobState, QueueId, SpecId, api::queues::AttachmentSettings, spec::Requirements,
};
use rusqlite::Connection;
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, mpsc},
    time::{Duration, Instant},
};
use tokio::sync::mpsc as channel;
use tracing::error;

/// Most closures in one transaction.
const GROUP_MAX: usize = 512;
/// A transaction takes no more closures after this long, so that the first caller is not kept waiting.
const GROUP_TIME: Duration = Duration::from_millis(4);
/// Closures that may wait before callers do.
pub(super) const QUEUE_MAX: usize = 4096;

/// What a closure works with: the open transaction and what the writer remembers.
pub(super) struct Writing<'w> {
    pub(super) db: &'w Connection,
    pub(super) memory: &'w mut Memory,
    effects: Effects,
    /// Queues that got messages which can be taken, perhaps more than once each.
    woken: Vec<QueueId>,
    /// What is to be done to the index of error texts, in order.
    pub(super) errors: Vec<error_texts::Change>,
}

/// What the closures of a transaction did, beyond rows.
#[derive(Clone, Copy, Debug, Default)]
struct Effects {
    /// Change of the number of jobs per state.
    moved: [i64; JobState::ALL.len()],
    /// Jobs that became queued, whether they still are or not.
    queued: i64,
}

impl Writing<'_> {
    /// `count` jobs went from one state to another; `None` is "did not exist" and "is removed".
    pub(super) fn moved(&mut self, from: Option<JobState>, to: Option<JobState>, count: u64) {
        let count = rows::signed(count);
        if let Some(from) = from {
            self.effects.moved[from as usize] -= count;
        }
        if let Some(to) = to {
            self.effects.moved[to as usize] += count;
            if to == JobState::Queued {
                self.effects.queued += count;
            }
        }
    }

    /// Messages of the queue can be taken.
    pub(super) fn wake(&mut self, queue: QueueId) {
        if self.woken.last() != Some(&queue) {
            self.woken.push(queue);
        }
    }

    /// Jobs that became queued so far in this transaction.
    pub(super) fn newly_queued(&self) -> i64 {
        self.effects.queued
    }
}

/// Rows that never change, kept between transactions, and which jobs are live.
#[derive(Debug)]
pub(super) struct Memory {
    pub(super) specs_by_hash: Cache<(i64, Hash), (SpecId, ClassId)>,
    pub(super) specs: Cache<SpecId, SpecRow>,
    pub(super) classes: HashMap<String, ClassId>,
    pub(super) requirements: HashMap<ClassId, Requirements>,
    pub(super) meters: Cache<SpecId, Arc<Meter>>,
    /// By queue and version.
    pub(super) settings: Cache<(QueueId, u32), Arc<AttachmentSettings>>,
    /// The jobs of `job_live`, once somebody asked.
    pub(super) live: Option<HashSet<i64>>,
}

impl Memory {
    fn new() -> Self {
        Self {
            specs_by_hash: Cache::new(1024),
            // Small, because each may bring a function of 64 KiB.
            specs: Cache::new(64),
            classes: HashMap::new(),
            requirements: HashMap::new(),
            meters: Cache::new(1024),
            settings: Cache::new(256),
            live: None,
        }
    }

    /// After a rollback some of it may be about rows that do not exist.
    fn forget(&mut self) {
        self.specs_by_hash.clear();
        self.specs.clear();
        self.classes.clear();
        self.requirements.clear();
        self.meters.clear();
        self.settings.clear();
        self.live = None;
    }
}

/// The writer's own state; `run` is its thread.
pub(super) struct Writer {
    pub(super) db: Connection,
    pub(super) progress: Arc<Progress>,
    /// Where durable ops go to wait for the disk; `None` when nobody waits.
    pub(super) sync: Option<mpsc::Sender<Unsynced>>,
    pub(super) checkpointer: Checkpointer,
    pub(super) on_commit: Option<OnCommit>,
}

impl Writer {
    /// Works until every sender is gone or the queue is closed, and the queue is empty.
    pub(super) fn run(&mut self, queue: &mut channel::Receiver<Box<dyn Op>>) {
        let mut memory = Memory::new();
        while let Some(first) = queue.blocking_recv() {
            if self.progress.is_broken() {
                first.answer(Fate::Unsynced);
                continue;
            }
            self.transaction(first, queue, &mut memory);
            self.checkpointer.after_commit(&self.db);
        }
    }

    fn transaction(
        &self,
        first: Box<dyn Op>,
        queue: &mut channel::Receiver<Box<dyn Op>>,
        memory: &mut Memory,
    ) {
        let mut ops = Vec::new();
        let fate = match self.run_group(first, queue, memory, &mut ops) {
            Ok((number, committed)) => {
                if (committed.queued || !committed.queues.is_empty())
                    && let Some(on_commit) = &self.on_commit
                {
                    on_commit(committed);
                }
                return self.answer_committed(number, ops);
            }
            Err(problem) => {
                if !self.db.is_autocommit()
                    && let Err(again) = self.db.execute_batch("ROLLBACK")
                {
                    error!(problem = %again, "a transaction could not be rolled back");
                }
                memory.forget();
                match said_plainly(problem) {
                    StoreError::DiskFull => Fate::DiskFull,
                    problem => {
                        error!(%problem, ops = ops.len(), "a transaction was rolled back");
                        Fate::RolledBack
                    }
                }
            }
        };
        for op in ops {
            op.answer(fate);
        }
    }

    /// Runs `first` and what else waits in one transaction. With an error all of it is void.
    fn run_group(
        &self,
        first: Box<dyn Op>,
        queue: &mut channel::Receiver<Box<dyn Op>>,
        memory: &mut Memory,
        ops: &mut Vec<Box<dyn Op>>,
    ) -> Result<(u64, Committed)> {
        let begun = Instant::now();
        let mut durable = false;
        let mut next = Some(first);
        let mut writing = Writing {
            db: &self.db,
            memory,
            effects: Effects::default(),
            woken: Vec::new(),
            errors: Vec::new(),
        };
        if let Err(problem) = run_cached(&self.db, "BEGIN IMMEDIATE") {
            ops.extend(next);
            return Err(problem);
        }
        while let Some(op) = next.take() {
            ops.push(op);
            let op = ops.last_mut().expect("just pushed");
            run_cached(&self.db, "SAVEPOINT op")?;
            let before = (writing.effects, writing.woken.len(), writing.errors.len());
            if op.run(&mut writing) {
                durable |= op.is_durable();
            } else {
                writing.effects = before.0;
                writing.woken.truncate(before.1);
                writing.errors.truncate(before.2);
                writing.memory.forget();
                if self.db.is_autocommit() {
                    // SQLite rolls back by itself after some errors, a full disk among them.
                    return Err(if op.is_disk_full() {
                        StoreError::DiskFull
                    } else {
                        lost()
                    });
                }
                run_cached(&self.db, "ROLLBACK TO op")?;
            }
            run_cached(&self.db, "RELEASE op")?;
            if ops.len() < GROUP_MAX && begun.elapsed() < GROUP_TIME {
                next = queue.try_recv().ok();
            }
        }
        let (effects, mut queues) = (writing.effects, writing.woken);
        self.store_counts(&effects)?;
        error_texts::store(&self.db, &writing.errors)?;
        let number = if durable {
            self.progress.begin_commit()
        } else {
            0
        };
        let committed = run_cached(&self.db, "COMMIT");
        if committed.is_err() && number > 0 {
            // By way of the sync thread, because earlier transactions may still be there.
            self.send_to_sync(number, Vec::new());
        }
        committed?;
        queues.sort_unstable();
        queues.dedup();
        let queued = effects.queued > 0;
        Ok((number, Committed { queued, queues }))
    }

    fn store_counts(&self, effects: &Effects) -> Result<()> {
        for (state, change) in effects
            .moved
            .iter()
            .enumerate()
            .filter(|(_, change)| **change != 0)
        {
            self.db
                .prepare_cached("UPDATE job_counts SET count = count + ?2 WHERE state = ?1")?
                .execute([rows::signed(state as u64), *change])?;
        }
        Ok(())
    }

    fn answer_committed(&self, number: u64, ops: Vec<Box<dyn Op>>) {
        let (durable, rest): (Vec<_>, Vec<_>) = ops
            .into_iter()
            .partition(|op| number > 0 && op.is_durable());
        if number > 0 {
            self.send_to_sync(number, durable);
        }
        for op in rest {
            op.answer(Fate::Committed);
        }
    }

    /// Has `ops` answered once transaction `number` is on disk, or at once where nobody waits for that.
    fn send_to_sync(&self, number: u64, ops: Vec<Box<dyn Op>>) {
        let (left, fate) = match &self.sync {
            None => (ops, Fate::Committed),
            Some(sync) => match sync.send(Unsynced { number, ops }) {
                Ok(()) => return,
                // The thread panicked. Nothing can be promised any more.
                Err(mpsc::SendError(unsynced)) => {
                    self.progress.set_broken();
                    (unsynced.ops, Fate::Unsynced)
                }
            },
        };
        self.progress.settled(number);
        for op in left {
            op.answer(fate);
        }
    }
}

fn run_cached(db: &Connection, sql: &str) -> Result<()> {
    db.prepare_cached(sql)?.execute([])?;
    Ok(())
}
