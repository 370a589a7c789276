//! An account, a worker and the shortest ways to get jobs into a state.

use crate::{
    AttemptOf, ClaimedJob, Finished, MapPart, Pick, Report, Reported, Started, Store, Submission,
    Submitted, WorkerNew,
};
use bytes::Bytes;
use picloud_types::{
    AccountId, Attempt, Failure, Jid, JidSet, JobSpec, JobState, Outcome, Payload, Timestamp,
    Usage, Verdict, WorkerId, api::workers::Confinement,
};
use std::sync::atomic::{AtomicU64, Ordering};

/// The present, for all cases.
pub const NOW: Timestamp = Timestamp(1_700_000_000_000);

/// A store with an account and a worker.
#[derive(Debug)]
pub struct World<'s> {
    pub store: &'s dyn Store,
    pub account: AccountId,
    pub worker: WorkerId,
    keys: AtomicU64,
}

pub(super) fn bytes(text: &str) -> Payload {
    Payload::Inline(Bytes::copy_from_slice(text.as_bytes()))
}

pub(super) fn set(text: &str) -> JidSet {
    text.parse().expect("a set of ids")
}

pub(super) fn of(job: &ClaimedJob) -> AttemptOf {
    AttemptOf {
        jid: job.jid,
        attempt: job.attempt,
    }
}

pub(super) fn raised() -> Failure {
    Failure {
        verdict: Verdict::Raised,
        exception: "Traceback\nValueError: no".to_owned(),
        exception_type: Some("builtins.ValueError".to_owned()),
        hint: None,
    }
}

pub(super) fn ended(of: AttemptOf, outcome: Outcome) -> Finished {
    let usage = Usage {
        runtime_us: 30,
        cpu_user_us: 20,
        cpu_system_us: 10,
        ..Usage::default()
    };
    Finished {
        of,
        outcome,
        started: NOW,
        finished: NOW.plus(std::time::Duration::from_millis(5)),
        usage,
        profile: None,
    }
}

/// An outcome whose result tells the job.
pub(super) fn done(of: AttemptOf) -> Finished {
    ended(
        of,
        Outcome::Done {
            result: bytes(&format!("result of {}", of.jid)),
        },
    )
}

pub(super) fn failed(of: AttemptOf) -> Finished {
    ended(
        of,
        Outcome::Failed {
            state: JobState::Error,
            failure: raised(),
            exception: bytes("pickled exception"),
        },
    )
}

pub(super) fn about(name: &str) -> WorkerNew {
    WorkerNew {
        name: name.to_owned(),
        hostname: format!("{name}.example"),
        version: "1.2.3".to_owned(),
        cpus: 4,
        compute_units: 10.5,
        memory_bytes: 8 << 30,
        pythons: Vec::new(),
        confinement: Confinement::default(),
        source_ips: None,
    }
}

impl<'s> World<'s> {
    pub async fn new(store: &'s dyn Store) -> Self {
        let account = store
            .account_create("ada", false, NOW)
            .await
            .expect("a new account")
            .id;
        let worker = register(store, "first").await;
        Self {
            store,
            account,
            worker,
            keys: AtomicU64::new(0),
        }
    }

    pub(super) async fn another_account(&self) -> AccountId {
        self.store
            .account_create("eve", false, NOW)
            .await
            .expect("a new account")
            .id
    }

    pub(super) async fn another_worker(&self) -> WorkerId {
        register(self.store, "second").await
    }

    /// `count` jobs with arguments `0`, `1` and so on.
    pub fn jobs(&self, count: usize) -> Submission {
        let key = self.keys.fetch_add(1, Ordering::Relaxed);
        Submission {
            account: self.account,
            key: format!("key {key}"),
            spec: JobSpec {
                python: "3.11".to_owned(),
                core_type: "c1".to_owned(),
                cores: 1,
                priority: 5,
                restartable: true,
                ..JobSpec::default()
            },
            function: bytes("pickled function"),
            args: (0..count).map(|n| bytes(&n.to_string())).collect(),
            depends_on: JidSet::default(),
            parent: None,
            map: None,
            blobs: Vec::new(),
            now: NOW,
        }
    }

    pub(super) fn part(
        &self,
        first_jid: Option<Jid>,
        total: u64,
        offset: u64,
        count: usize,
    ) -> Submission {
        Submission {
            map: Some(MapPart {
                total,
                offset,
                first_jid,
            }),
            ..self.jobs(count)
        }
    }

    pub(super) fn after(&self, depends_on: &JidSet, count: usize) -> Submission {
        Submission {
            depends_on: depends_on.clone(),
            ..self.jobs(count)
        }
    }

    pub async fn submit(&self, submission: Submission) -> Submitted {
        self.store
            .job_submit(submission)
            .await
            .expect("the submission is in order")
    }

    /// Submits and returns the ids.
    pub(super) async fn make(&self, submission: Submission) -> JidSet {
        let made = self.submit(submission).await;
        JidSet::range(made.first_jid, made.count)
    }

    /// Submits one job and returns its id.
    pub(super) async fn make_one(&self, submission: Submission) -> Jid {
        self.submit(submission).await.first_jid
    }

    /// Claims up to `limit` of each group that is queued.
    pub(super) async fn claim_for(&self, worker: WorkerId, limit: u32) -> Vec<ClaimedJob> {
        let backlog = self.store.backlog(1000).await.expect("a backlog");
        let picks = backlog
            .into_iter()
            .map(|group| Pick {
                account: group.account,
                class: group.class,
                priority: group.priority,
                limit,
            })
            .collect();
        self.store
            .job_claim(worker, picks, NOW)
            .await
            .expect("a claim")
            .jobs
    }

    pub(super) async fn claim(&self, limit: u32) -> Vec<ClaimedJob> {
        self.claim_for(self.worker, limit).await
    }

    /// Claims the one queued job there is.
    pub(super) async fn claim_one(&self) -> AttemptOf {
        let jobs = self.claim(10).await;
        assert_eq!(jobs.len(), 1, "{jobs:?}");
        of(&jobs[0])
    }

    pub(super) async fn report(&self, report: Report) -> Reported {
        self.store
            .job_report(self.worker, report, NOW)
            .await
            .expect("the worker is alive")
    }

    pub(super) async fn start(&self, of: AttemptOf) {
        let reported = self
            .report(Report {
                started: vec![Started { of, at: NOW }],
                ..Report::default()
            })
            .await;
        assert_eq!(reported.refused, []);
    }

    pub(super) async fn finish(&self, finished: Vec<Finished>) -> Reported {
        let reported = self
            .report(Report {
                finished,
                ..Report::default()
            })
            .await;
        assert_eq!(reported.refused, []);
        reported
    }

    /// Claims everything queued and ends it well.
    pub async fn run_all(&self) -> Reported {
        let jobs = self.claim(100_000).await;
        self.finish(jobs.iter().map(|job| done(of(job))).collect())
            .await
    }

    pub(super) async fn states(&self, jids: &JidSet) -> Vec<JobState> {
        let runs = self
            .store
            .job_statuses(self.account, jids.clone())
            .await
            .expect("known jobs");
        runs.into_iter()
            .flat_map(|run| vec![run.state; usize::try_from(run.jids.len()).expect("few")])
            .collect()
    }

    pub(super) async fn state(&self, jid: Jid) -> JobState {
        self.states(&JidSet::range(jid, 1)).await[0]
    }

    /// The attempts of jobs as the store has them.
    pub(super) async fn attempt(&self, jid: Jid) -> Attempt {
        self.store
            .job_find(self.account, JidSet::range(jid, 1))
            .await
            .expect("a known job")[0]
            .attempt
    }
}

async fn register(store: &dyn Store, name: &str) -> WorkerId {
    let registered = store
        .worker_register(about(name), Timestamp(i64::MAX), NOW)
        .await;
    registered.expect("a worker is welcome").worker
}

/// Asserts that a result is the error of this form.
macro_rules! assert_refused {
    ($result:expr, $error:pat $(if $guard:expr)?) => {
        match $result {
            Err($error) $(if $guard)? => {}
            other => panic!("expected {}, got {other:?}", stringify!($error)),
        }
    };
}
pub(super) use assert_refused;
