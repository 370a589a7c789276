//! The model: what jobs do, with no thought of speed.

use picloud_types::{JobState, WorkerId};
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
pub(super) struct ModelJob {
    pub(super) state: JobState,
    pub(super) attempt: u32,
    pub(super) worker: Option<WorkerId>,
    pub(super) kill: bool,
    pub(super) restartable: bool,
    pub(super) priority: i32,
    pub(super) ignore: bool,
    pub(super) after: BTreeSet<i64>,
}

/// Jobs in a map, looked through from end to end for every question.
#[derive(Default)]
pub(super) struct Model {
    pub(super) jobs: BTreeMap<i64, ModelJob>,
    pub(super) next: i64,
    /// What every attempt that ended with a report used, deleted jobs included.
    pub(super) ledger: Ledger,
}

/// Sums over attempts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Ledger {
    pub(super) jobs: u64,
    pub(super) core_ms: u64,
    pub(super) cpu_us: u64,
    pub(super) cost_pico: u64,
}

impl Model {
    /// Follows dependencies until nothing changes any more. `ended` are jobs that ended just now.
    pub(super) fn settle(&mut self, mut ended: Vec<i64>) {
        while let Some(jid) = ended.pop() {
            let failed = self.jobs[&jid].state.is_failed();
            for (other, job) in &mut self.jobs {
                if job.state == JobState::Waiting && job.after.remove(&jid) {
                    if failed && !job.ignore {
                        job.state = JobState::Stalled;
                        ended.push(*other);
                    } else if job.after.is_empty() {
                        job.state = JobState::Queued;
                    }
                }
            }
        }
    }

    pub(super) fn end(&mut self, jid: i64, state: JobState) {
        self.jobs.get_mut(&jid).expect("there").state = state;
    }

    pub(super) fn submit(&mut self, jids: impl Iterator<Item = i64>, like: &ModelJob) {
        let failed = like
            .after
            .iter()
            .any(|jid| self.jobs[jid].state.is_failed());
        let open: BTreeSet<i64> = like
            .after
            .iter()
            .copied()
            .filter(|jid| !self.jobs[jid].state.is_finished())
            .collect();
        let state = match (failed && !like.ignore, open.is_empty()) {
            (true, _) => JobState::Stalled,
            (false, true) => JobState::Queued,
            (false, false) => JobState::Waiting,
        };
        for jid in jids {
            self.jobs.entry(jid).or_insert_with(|| ModelJob {
                state,
                after: open.clone(),
                ..like.clone()
            });
        }
    }

    /// What the claim of a group takes.
    pub(super) fn claim(
        &mut self,
        worker: WorkerId,
        priority: i32,
        restartable: bool,
        limit: u32,
    ) -> Vec<(i64, u32)> {
        let fits = |job: &ModelJob| {
            (job.state, job.priority, job.restartable) == (JobState::Queued, priority, restartable)
        };
        let taken: Vec<i64> = self
            .jobs
            .iter()
            .filter(|(_, job)| fits(job))
            .map(|(jid, _)| *jid)
            .take(limit as usize)
            .collect();
        taken
            .into_iter()
            .map(|jid| (jid, self.hand_out(jid, worker)))
            .collect()
    }

    fn hand_out(&mut self, jid: i64, worker: WorkerId) -> u32 {
        let job = self.jobs.get_mut(&jid).expect("there");
        (job.state, job.worker, job.attempt) = (JobState::Claimed, Some(worker), job.attempt + 1);
        job.attempt
    }

    pub(super) fn held_by(&self, worker: WorkerId, jid: i64) -> bool {
        self.jobs.get(&jid).is_some_and(|job| {
            matches!(job.state, JobState::Claimed | JobState::Processing)
                && job.worker == Some(worker)
        })
    }

    pub(super) fn kill(&mut self, jids: &BTreeSet<i64>) {
        let mut ended = Vec::new();
        for jid in jids {
            let job = self.jobs.get_mut(jid).expect("there");
            match job.state {
                JobState::Waiting | JobState::Queued => {
                    job.state = JobState::Killed;
                    ended.push(*jid);
                }
                JobState::Claimed | JobState::Processing => job.kill = true,
                _ => {}
            }
        }
        self.settle(ended);
    }

    pub(super) fn worker_end(&mut self, worker: WorkerId) {
        let held: Vec<i64> = self
            .jobs
            .keys()
            .copied()
            .filter(|jid| self.held_by(worker, *jid))
            .collect();
        let mut ended = Vec::new();
        for jid in held {
            let job = self.jobs.get_mut(&jid).expect("there");
            job.state = match (job.kill, job.restartable) {
                (true, _) => JobState::Killed,
                (false, true) => JobState::Queued,
                (false, false) => JobState::Error,
            };
            if job.state.is_finished() {
                ended.push(jid);
            }
        }
        self.settle(ended);
    }
}

pub(super) fn plain() -> ModelJob {
    ModelJob {
        state: JobState::Queued,
        attempt: 0,
        worker: None,
        kill: false,
        restartable: true,
        priority: 5,
        ignore: false,
        after: BTreeSet::new(),
    }
}
