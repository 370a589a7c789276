//! The store and the model side by side: each step is done to both, and both must agree.

use super::{
    Step,
    naive::{Ledger, Model, ModelJob, plain},
};
use bytes::Bytes;
use picloud_store::{
    AttemptOf, Finished, JobDetail, MapPart, Pick, Report, Started, Store, StoreError, Submission,
    UsageFilter,
    contract::{NOW, World},
};
use picloud_types::{
    AccountId, Attempt, DependencyErrors, Failure, Jid, JidSet, JobSpec, JobState, Outcome,
    Payload, Sample, Timestamp, Usage, Verdict, WorkerId,
};
use std::{collections::BTreeSet, sync::Arc};

/// The store, the model and two workers.
pub(super) struct Pair<'s> {
    world: World<'s>,
    model: Model,
    workers: [WorkerId; 2],
    /// First id of a map of ten whose parts come and come again.
    map: Jid,
}

impl<'s> Pair<'s> {
    pub(super) async fn new(store: &'s dyn Store) -> Self {
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

    pub(super) async fn apply(&mut self, step: &Step) {
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
            Step::Sample {
                worker,
                job,
                second,
            } => {
                self.sample(self.workers[*worker], self.jid(*job), *second)
                    .await;
            }
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

    /// What becomes of series is looked at in the file afterwards.
    async fn sample(&self, worker: WorkerId, jid: i64, second: u32) {
        let of = self.of(jid);
        let last = Sample {
            second,
            ..Sample::default()
        };
        let first = Sample {
            second: second / 2,
            ..last
        };
        let report = Report {
            samples: vec![(of, first), (of, last)],
            ..Report::default()
        };
        let held = self.model.held_by(worker, jid);
        self.report(worker, report, if held { vec![] } else { vec![of] })
            .await;
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
                prices: Arc::new([("c1".to_owned(), PRICE)].into_iter().collect()),
                ..Report::default()
            },
            refused,
        )
        .await;
        for jid in &held {
            let ledger = &mut self.model.ledger;
            ledger.jobs += 1;
            ledger.core_ms += core_ms(*jid);
            ledger.cpu_us += 3;
            ledger.cost_pico += core_ms(*jid) * PRICE;
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
    pub(super) async fn compare(&self) {
        let filter = picloud_store::JobFilter::default();
        let page = self
            .world
            .store
            .job_list(self.account(), filter, 1000)
            .await
            .expect("a page")
            .jobs;
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
        self.compare_ledgers(&page).await;
    }

    /// The ledger is what ended; and what the jobs that are left say of themselves is part of it.
    async fn compare_ledgers(&self, page: &[JobDetail]) {
        let filter = UsageFilter {
            last_day: i64::MAX,
            limit: 2,
            ..UsageFilter::default()
        };
        let sums = self.world.store.usage_read(filter).await.expect("a read");
        let [sum] = sums.as_slice() else {
            panic!("one sum, not {sums:?}")
        };
        let stored = Ledger {
            jobs: sum.jobs,
            core_ms: sum.core_ms,
            cpu_us: sum.cpu_us,
            cost_pico: sum.cost_pico as u64,
        };
        assert_eq!(stored, self.model.ledger);
        for job in page {
            if let Some(charged) = job.core_ms {
                assert_eq!(charged, core_ms(job.jid.0));
                assert_eq!(job.cost_pico, Some(charged * PRICE));
            }
        }
    }
}

/// What a core millisecond costs.
const PRICE: u64 = 1_000_003;

/// Every job of this one runs as many milliseconds as its number, and a bit.
fn core_ms(jid: i64) -> u64 {
    u64::try_from(jid).expect("positive") + 1
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
        confinement: Default::default(),
        source_ips: None,
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
        usage: Usage {
            runtime_us: core_ms(of.jid.0) * 1000 - 999,
            cpu_user_us: 2,
            cpu_system_us: 1,
            ..Usage::default()
        },
        profile: None,
    }
}
