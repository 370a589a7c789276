//! Random lives of a store beside a model so naive that it is plainly right.

use crate::{Fresh, open};
use bytes::Bytes;
use picloud_store::{
    AttemptOf, Finished, MapPart, Pick, Report, Started, Store, StoreError, Submission,
    contract::{NOW, World},
};
use picloud_types::{
    AccountId, Attempt, DependencyErrors, Failure, Jid, JidSet, JobSpec, JobState, Outcome,
    Payload, Timestamp, Usage, Verdict, WorkerId,
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// One verb with its choices as plain numbers, which are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Submit {
        jobs: usize,
        after: Vec<usize>,
        ignore: bool,
        restartable: bool,
        priority: i32,
    },
    MapPart {
        offset: u64,
        jobs: usize,
    },
    Claim {
        worker: usize,
        limit: u32,
    },
    Start {
        worker: usize,
        job: usize,
    },
    Finish {
        worker: usize,
        jobs: Vec<usize>,
        fails: bool,
    },
    Return {
        worker: usize,
        job: usize,
    },
    Late {
        job: usize,
    },
    Kill {
        jobs: Vec<usize>,
    },
    KillAll,
    WorkerEnd {
        worker: usize,
    },
    Delete {
        jobs: Vec<usize>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let some = || proptest::collection::vec(0..60_usize, 1..4);
    prop_oneof![
        12 => (1..4_usize, proptest::collection::vec(0..60_usize, 0..4), any::<bool>(), any::<bool>(), 4..6)
            .prop_map(|(jobs, after, ignore, restartable, priority)| Step::Submit { jobs, after, ignore, restartable, priority }),
        3 => (0..8_u64, 1..4_usize).prop_map(|(offset, jobs)| Step::MapPart { offset, jobs }),
        12 => (0..2_usize, 1..6_u32).prop_map(|(worker, limit)| Step::Claim { worker, limit }),
        6 => (0..2_usize, 0..60_usize).prop_map(|(worker, job)| Step::Start { worker, job }),
        12 => (0..2_usize, some(), any::<bool>()).prop_map(|(worker, jobs, fails)| Step::Finish { worker, jobs, fails }),
        3 => (0..2_usize, 0..60_usize).prop_map(|(worker, job)| Step::Return { worker, job }),
        1 => (0..60_usize).prop_map(|job| Step::Late { job }),
        3 => some().prop_map(|jobs| Step::Kill { jobs }),
        1 => Just(Step::KillAll),
        2 => (0..2_usize).prop_map(|worker| Step::WorkerEnd { worker }),
        4 => some().prop_map(|jobs| Step::Delete { jobs }),
    ]
}

#[derive(Clone, Debug)]
struct ModelJob {
    state: JobState,
    attempt: u32,
    worker: Option<WorkerId>,
    kill: bool,
    restartable: bool,
    priority: i32,
    ignore: bool,
    after: BTreeSet<i64>,
}

/// Jobs in a map, looked through from end to end for every question.
#[derive(Default)]
struct Model {
    jobs: BTreeMap<i64, ModelJob>,
    next: i64,
}

impl Model {
    /// Follows dependencies until nothing changes any more. `ended` are jobs that ended just now.
    fn settle(&mut self, mut ended: Vec<i64>) {
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

    fn end(&mut self, jid: i64, state: JobState) {
        self.jobs.get_mut(&jid).expect("there").state = state;
    }

    fn submit(&mut self, jids: impl Iterator<Item = i64>, like: &ModelJob) {
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
    fn claim(
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

    fn held_by(&self, worker: WorkerId, jid: i64) -> bool {
        self.jobs.get(&jid).is_some_and(|job| {
            matches!(job.state, JobState::Claimed | JobState::Processing)
                && job.worker == Some(worker)
        })
    }

    fn kill(&mut self, jids: &BTreeSet<i64>) {
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

    fn worker_end(&mut self, worker: WorkerId) {
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

/// The store, the model and two workers.
struct Pair<'s> {
    world: World<'s>,
    model: Model,
    workers: [WorkerId; 2],
    /// First id of a map of ten whose parts come and come again.
    map: Jid,
}

impl<'s> Pair<'s> {
    async fn new(store: &'s dyn Store) -> Self {
        let world = World::new(store).await;
        let workers = [register(store, "a").await, register(store, "b").await];
        let part = MapPart {
            total: 10,
            offset: 9,
            first_jid: None,
        };
        let map = world
            .submit(Submission {
                map: Some(part),
                ..world.jobs(1)
            })
            .await
            .first_jid;
        let mut model = Model {
            next: 11,
            ..Model::default()
        };
        model.submit(std::iter::once(10), &plain());
        Self {
            world,
            model,
            workers,
            map,
        }
    }

    fn account(&self) -> AccountId {
        self.world.account
    }

    /// Some job, whether it exists or not: the 60 numbers of `Step` reach a bit beyond the newest.
    fn jid(&self, number: usize) -> i64 {
        1 + i64::try_from(number).expect("small") % self.model.next
    }

    fn known(&self, numbers: &[usize]) -> BTreeSet<i64> {
        numbers
            .iter()
            .map(|n| self.jid(*n))
            .filter(|jid| self.model.jobs.contains_key(jid))
            .collect()
    }

    async fn apply(&mut self, step: &Step) {
        match step {
            Step::Submit {
                jobs,
                after,
                ignore,
                restartable,
                priority,
            } => {
                let after = self.known(after);
                let job = ModelJob {
                    after,
                    ignore: *ignore,
                    restartable: *restartable,
                    priority: *priority,
                    ..plain()
                };
                self.submit(*jobs, &job).await;
            }
            Step::MapPart { offset, jobs } => self.map_part(*offset, *jobs).await,
            Step::Claim { worker, limit } => self.claim(self.workers[*worker], *limit).await,
            Step::Start { worker, job } => self.start(self.workers[*worker], self.jid(*job)).await,
            Step::Finish {
                worker,
                jobs,
                fails,
            } => {
                self.finish(self.workers[*worker], &self.known(jobs), *fails)
                    .await;
            }
            Step::Return { worker, job } => {
                self.give_back(self.workers[*worker], self.jid(*job)).await;
            }
            Step::Late { job } => self.late(self.jid(*job)).await,
            Step::Kill { jobs } => self.kill(&self.known(jobs)).await,
            Step::KillAll => self.kill_all().await,
            Step::WorkerEnd { worker } => self.worker_end(*worker).await,
            Step::Delete { jobs } => self.delete(&self.known(jobs)).await,
        }
    }

    async fn submit(&mut self, jobs: usize, like: &ModelJob) {
        let errors = if like.ignore {
            DependencyErrors::Ignore
        } else {
            DependencyErrors::Abort
        };
        let plain = self.world.jobs(jobs);
        let spec = JobSpec {
            depends_on_errors: errors,
            restartable: like.restartable,
            priority: like.priority,
            ..plain.spec.clone()
        };
        let depends_on = like.after.iter().copied().map(Jid).collect();
        let made = self
            .world
            .submit(Submission {
                spec,
                depends_on,
                ..plain
            })
            .await;
        assert_eq!(made.first_jid.0, self.model.next);
        self.model.next += i64::try_from(jobs).expect("few");
        self.model.submit(made.first_jid.0..self.model.next, like);
    }

    async fn map_part(&mut self, offset: u64, jobs: usize) {
        let part = MapPart {
            total: 10,
            offset,
            first_jid: Some(self.map),
        };
        let result = self
            .world
            .store
            .job_submit(Submission {
                map: Some(part),
                ..self.world.jobs(jobs)
            })
            .await;
        if offset + jobs as u64 > 10 {
            assert!(matches!(result, Err(StoreError::Conflict(_))), "{result:?}");
            return;
        }
        assert_eq!(result.expect("it fits").first_jid, self.map);
        let first = self.map.0 + i64::try_from(offset).expect("small");
        self.model
            .submit(first..first + i64::try_from(jobs).expect("few"), &plain());
    }

    async fn claim(&mut self, worker: WorkerId, limit: u32) {
        for group in self.world.store.backlog(100).await.expect("a backlog") {
            let pick = Pick {
                account: group.account,
                class: group.class,
                priority: group.priority,
                limit,
            };
            let claimed = self
                .world
                .store
                .job_claim(worker, vec![pick], NOW)
                .await
                .expect("alive")
                .jobs;
            let taken: Vec<_> = claimed
                .iter()
                .map(|job| (job.jid.0, job.attempt.0))
                .collect();
            let expected = self.model.claim(
                worker,
                group.priority,
                group.requirements.restartable,
                limit,
            );
            assert_eq!(taken, expected);
        }
        let queued = self
            .model
            .jobs
            .values()
            .filter(|job| job.state == JobState::Queued)
            .count();
        let left: u32 = self
            .world
            .store
            .backlog(100)
            .await
            .expect("a backlog")
            .iter()
            .map(|group| group.count)
            .sum();
        assert_eq!(left as usize, queued);
    }

    fn of(&self, jid: i64) -> AttemptOf {
        AttemptOf {
            jid: Jid(jid),
            attempt: Attempt(self.model.jobs.get(&jid).map_or(0, |job| job.attempt)),
        }
    }

    async fn start(&mut self, worker: WorkerId, jid: i64) {
        let of = self.of(jid);
        let report = Report {
            started: vec![Started { of, at: NOW }],
            ..Report::default()
        };
        let held = self.model.held_by(worker, jid);
        self.report(worker, report, if held { vec![] } else { vec![of] })
            .await;
        if held {
            self.model.end(jid, JobState::Processing);
        }
    }

    async fn finish(&mut self, worker: WorkerId, jids: &BTreeSet<i64>, fails: bool) {
        let finished = jids
            .iter()
            .map(|jid| finished(self.of(*jid), fails))
            .collect();
        let (held, refused): (Vec<i64>, Vec<i64>) = jids
            .iter()
            .partition(|jid| self.model.held_by(worker, **jid));
        let refused = refused.into_iter().map(|jid| self.of(jid)).collect();
        self.report(
            worker,
            Report {
                finished,
                ..Report::default()
            },
            refused,
        )
        .await;
        for jid in &held {
            self.model.end(
                *jid,
                if fails {
                    JobState::Error
                } else {
                    JobState::Done
                },
            );
        }
        self.model.settle(held);
    }

    async fn give_back(&mut self, worker: WorkerId, jid: i64) {
        let of = self.of(jid);
        let good = self.model.held_by(worker, jid);
        let report = Report {
            returned: vec![of],
            ..Report::default()
        };
        self.report(worker, report, if good { vec![] } else { vec![of] })
            .await;
        if good && self.model.jobs[&jid].kill {
            self.model.end(jid, JobState::Killed);
            self.model.settle(vec![jid]);
        } else if good {
            self.model.end(jid, JobState::Queued);
        }
    }

    /// The attempt before the present one has something to say.
    async fn late(&mut self, jid: i64) {
        let of = self.of(jid);
        if of.attempt.0 > 0 {
            let late = AttemptOf {
                attempt: Attempt(of.attempt.0 - 1),
                ..of
            };
            let report = Report {
                finished: vec![finished(late, false)],
                ..Report::default()
            };
            self.report(self.workers[0], report, vec![late]).await;
        }
    }

    async fn report(&self, worker: WorkerId, report: Report, refused: Vec<AttemptOf>) {
        let reported = self
            .world
            .store
            .job_report(worker, report, NOW)
            .await
            .expect("alive");
        assert_eq!(reported.refused, refused);
    }

    async fn kill(&mut self, jids: &BTreeSet<i64>) {
        let set = jids.iter().copied().map(Jid).collect();
        let kill = self
            .world
            .store
            .job_kill(self.account(), Some(set), NOW)
            .await
            .expect("known");
        let unfinished = jids
            .iter()
            .filter(|jid| !self.model.jobs[jid].state.is_finished())
            .count();
        assert_eq!(kill.killed, unfinished as u64);
        self.model.kill(jids);
    }

    async fn kill_all(&mut self) {
        self.world
            .store
            .job_kill(self.account(), None, NOW)
            .await
            .expect("killed");
        let all = self.model.jobs.keys().copied().collect();
        self.model.kill(&all);
    }

    async fn worker_end(&mut self, index: usize) {
        let worker = self.workers[index];
        self.world
            .store
            .worker_end(worker, NOW)
            .await
            .expect("ended");
        self.model.worker_end(worker);
        self.workers[index] = register(self.world.store, ["a", "b"][index]).await;
    }

    async fn delete(&mut self, jids: &BTreeSet<i64>) {
        let set = jids.iter().copied().map(Jid).collect();
        let deleted = self.world.store.job_delete(self.account(), set).await;
        let unfinished = jids
            .iter()
            .find(|jid| !self.model.jobs[jid].state.is_finished());
        match (deleted, unfinished) {
            (Err(StoreError::NotFinished(jid)), Some(first)) => assert_eq!(jid.0, *first),
            (Ok(count), None) => {
                assert_eq!(count, jids.len() as u64);
                self.model.jobs.retain(|jid, _| !jids.contains(jid));
            }
            (result, unfinished) => panic!("{result:?}, but {unfinished:?} is unfinished"),
        }
    }

    /// Both sides agree on every job there is, and on which there are.
    async fn compare(&self) {
        let filter = picloud_store::JobFilter::default();
        let page = self
            .world
            .store
            .job_list(self.account(), filter, 1000)
            .await
            .expect("a page");
        let stored: Vec<_> = page
            .iter()
            .rev()
            .map(|job| (job.jid.0, job.state, job.attempt.0, job.kill_requested))
            .collect();
        let expected: Vec<_> = self
            .model
            .jobs
            .iter()
            .map(|(jid, job)| (*jid, job.state, job.attempt, job.kill))
            .collect();
        assert_eq!(stored, expected);
        let done: JidSet = self
            .model
            .jobs
            .iter()
            .filter(|(_, job)| job.state == JobState::Done)
            .map(|(jid, _)| Jid(*jid))
            .collect();
        let results = self
            .world
            .store
            .job_results(self.account(), done.clone(), 1000, u64::MAX)
            .await
            .expect("ended");
        for (result, jid) in results.iter().zip(done.iter()) {
            assert_eq!(
                result.payload,
                Payload::Inline(Bytes::from(jid.to_string()))
            );
        }
        assert_eq!(results.len() as u64, done.len());
    }
}

fn plain() -> ModelJob {
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

async fn register(store: &dyn Store, name: &str) -> WorkerId {
    let about = picloud_store::WorkerNew {
        name: name.to_owned(),
        hostname: String::new(),
        version: String::new(),
        cpus: 1,
        compute_units: 1.0,
        memory_bytes: 1,
        pythons: Vec::new(),
    };
    store
        .worker_register(about, Timestamp(i64::MAX), NOW)
        .await
        .expect("welcome")
        .worker
}

fn finished(of: AttemptOf, fails: bool) -> Finished {
    let outcome = if fails {
        let failure = Failure {
            verdict: Verdict::Raised,
            exception: "no".to_owned(),
            exception_type: None,
            hint: None,
        };
        Outcome::Failed {
            state: JobState::Error,
            failure,
            exception: Payload::empty(),
        }
    } else {
        Outcome::Done {
            result: Payload::Inline(Bytes::from(of.jid.to_string())),
        }
    };
    Finished {
        of,
        outcome,
        started: NOW,
        finished: NOW,
        usage: Usage::default(),
        profile: None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_verbs_ends_where_the_model_does(steps in proptest::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let fresh: Fresh = open().await;
            let mut pair = Pair::new(fresh.store()).await;
            for step in &steps {
                pair.apply(step).await;
                pair.compare().await;
            }
            fresh.finish().await;
        });
    }
}
