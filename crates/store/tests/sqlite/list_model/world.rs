//! Random jobs of two accounts, in every state.

use bytes::Bytes;
use picloud_store::{
    AttemptOf, Finished, JobDetail, MapPart, Pick, Report, Started, Store, Submission,
    contract::{NOW, World},
};
use picloud_types::{
    AccountId, Failure, Jid, JidSet, JobSpec, JobState, Outcome, Payload, Timestamp, Usage, Verdict,
};
use proptest::prelude::*;

pub(super) const START: Timestamp = NOW;
pub(super) const HOUR_MS: i64 = 3_600_000;
pub(super) const LABELS: &[&str] = &["blue", "Blue sky", "50%_off", "it's \"quoted\""];
pub(super) const FUNCTIONS: &[&str] = &["train", "retrain_all", "\u{0}x ärger"];
pub(super) const CORE_TYPES: &[&str] = &["c1", "m1", "none"];
const ERRORS: &[&str] = &[
    "Traceback\nValueError: item 17 not found ",
    "Ärger AND NOT \"x\" 50%_off",
    "no",
    "item 1",
];

/// Something happens; numbers are taken modulo what there is.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Submit {
        another: bool,
        label: usize,
        function: usize,
        core_type: usize,
        jobs: usize,
        after: Option<i64>,
        parent: Option<i64>,
    },
    /// A map that comes in two parts, so many hours apart.
    Map {
        jobs: usize,
        hours: i64,
    },
    /// Time goes on, or a bit back.
    Time {
        minutes: i64,
    },
    Run {
        jobs: u32,
        ends: Vec<usize>,
    },
    Kill {
        jid: i64,
    },
    Delete {
        jid: i64,
        count: u64,
    },
}

pub(super) fn step() -> impl Strategy<Value = Step> {
    let jid = || 1..60_i64;
    let perhaps = || proptest::option::weighted(0.2, jid());
    prop_oneof![
        8 => (proptest::bool::weighted(0.2), 0..8_usize, 0..3_usize, 0..2_usize, 1..4_usize, perhaps(), perhaps())
            .prop_map(|(another, label, function, core_type, jobs, after, parent)| Step::Submit {
                another, label, function, core_type, jobs, after, parent,
            }),
        3 => (2..6_usize, 0..30_i64).prop_map(|(jobs, hours)| Step::Map { jobs, hours }),
        5 => (-25..180_i64).prop_map(|minutes| Step::Time { minutes }),
        5 => (1..6_u32, proptest::collection::vec(0..8_usize, 6)).prop_map(|(jobs, ends)| Step::Run { jobs, ends }),
        1 => jid().prop_map(|jid| Step::Kill { jid }),
        2 => (jid(), 1..4_u64).prop_map(|(jid, count)| Step::Delete { jid, count }),
    ]
}

/// A store with two accounts, and what time it is.
pub(super) struct Many<'s> {
    world: World<'s>,
    other: AccountId,
    now: Timestamp,
    latest: Timestamp,
    next: i64,
    maps: Vec<Jid>,
}

impl<'s> Many<'s> {
    pub(super) async fn new(store: &'s dyn Store) -> Self {
        let world = World::new(store).await;
        let other = store.account_create("eve", false, NOW).await.expect("new");
        Self {
            world,
            other: other.id,
            now: START,
            latest: START,
            next: 1,
            maps: Vec::new(),
        }
    }

    pub(super) fn account(&self) -> AccountId {
        self.world.account
    }

    /// A map there is, or else just an id.
    pub(super) fn map_near(&self, jid: Jid) -> Jid {
        let number = usize::try_from(jid.0).unwrap_or(0);
        let near = self.maps.get(number % (self.maps.len() + 1));
        near.copied().unwrap_or(jid)
    }

    /// All jobs of the account, oldest first.
    pub(super) async fn all(&self) -> Vec<JobDetail> {
        let mut jobs = Vec::new();
        for jid in 1..self.next {
            let one = JidSet::range(Jid(jid), 1);
            let found = self.world.store.job_find(self.account(), one).await;
            jobs.extend(found.unwrap_or_default());
        }
        jobs
    }

    fn jid(&self, number: i64) -> Jid {
        Jid(1 + number % self.next)
    }

    async fn is_known(&self, jid: Jid) -> bool {
        let one = JidSet::range(jid, 1);
        self.world
            .store
            .job_statuses(self.account(), one)
            .await
            .is_ok()
    }

    fn jobs(
        &self,
        (label, function, core_type): (usize, usize, usize),
        count: usize,
    ) -> Submission {
        let plain = self.world.jobs(count);
        Submission {
            spec: JobSpec {
                label: LABELS.get(label).map(|label| (*label).to_owned()),
                function_name: FUNCTIONS[function].to_owned(),
                core_type: CORE_TYPES[core_type].to_owned(),
                ..plain.spec.clone()
            },
            now: self.now,
            ..plain
        }
    }

    async fn submit(&mut self, submission: Submission) -> Jid {
        let count = match &submission.map {
            Some(MapPart {
                first_jid: None,
                total,
                ..
            }) => *total,
            Some(_) => 0,
            None => submission.args.len() as u64,
        };
        self.next += i64::try_from(count).expect("few");
        let made = self.world.submit(submission).await.first_jid;
        if count > 1 {
            self.maps.push(made);
        }
        made
    }

    async fn run(&self, limit: u32, ends: &[usize]) {
        let backlog = self.world.store.backlog(100).await.expect("a backlog");
        let picks = backlog.into_iter().map(|group| Pick {
            account: group.account,
            class: group.class,
            priority: group.priority,
            limit,
        });
        let claimed = self
            .world
            .store
            .job_claim(self.world.worker, picks.collect(), self.now);
        let claimed = claimed.await.expect("a claim").jobs;
        let mut report = Report::default();
        for (job, end) in claimed.iter().zip(ends.iter().cycle()) {
            let of = AttemptOf {
                jid: job.jid,
                attempt: job.attempt,
            };
            match end {
                0 => {}
                1 => report.started.push(Started { of, at: self.now }),
                2 | 3 => report.finished.push(self.end(of, None)),
                4 => report.returned.push(of),
                text => report
                    .finished
                    .push(self.end(of, ERRORS.get(text - 5).copied().or(ERRORS.last().copied()))),
            }
        }
        let reported = self
            .world
            .store
            .job_report(self.world.worker, report, self.now);
        assert_eq!(reported.await.expect("alive").refused, []);
    }

    fn end(&self, of: AttemptOf, error: Option<&str>) -> Finished {
        let outcome = match error {
            None => Outcome::Done {
                result: Payload::empty(),
            },
            Some(error) => Outcome::Failed {
                state: JobState::Error,
                failure: Failure {
                    verdict: Verdict::Raised,
                    exception: error.to_owned(),
                    exception_type: Some("builtins.ValueError".to_owned()),
                    hint: None,
                },
                exception: Payload::Inline(Bytes::from_static(b"pickled")),
            },
        };
        Finished {
            of,
            outcome,
            started: self.now,
            finished: self.now,
            usage: Usage::default(),
            profile: None,
        }
    }
}

impl Step {
    pub(super) async fn apply(&self, many: &mut Many<'_>) {
        match self {
            Self::Submit {
                another,
                label,
                function,
                core_type,
                jobs,
                after,
                parent,
            } => {
                let mut submission = many.jobs((*label, *function, *core_type), *jobs);
                if *another {
                    submission.account = many.other;
                } else {
                    submission.parent = parent.map(|jid| many.jid(jid));
                    if let Some(jid) = after.map(|jid| many.jid(jid))
                        && many.is_known(jid).await
                    {
                        submission.depends_on = JidSet::range(jid, 1);
                    }
                }
                many.submit(submission).await;
            }
            Self::Map { jobs, hours } => {
                let total = *jobs as u64;
                let part = |first_jid, offset| MapPart {
                    total,
                    offset,
                    first_jid,
                };
                let first = Submission {
                    map: Some(part(None, 0)),
                    ..many.jobs((0, 0, 0), 1)
                };
                let first = many.submit(first).await;
                let rest = Submission {
                    map: Some(part(Some(first), 1)),
                    now: Timestamp(many.now.0 + hours * HOUR_MS),
                    ..many.jobs((0, 0, 0), jobs - 1)
                };
                many.submit(rest).await;
            }
            Self::Time { minutes } => {
                // Clocks are not set back by more than the store makes up for.
                many.latest = many.latest.max(many.now);
                let earliest = many.latest.0 - 4 * 60_000;
                many.now = Timestamp((many.now.0 + minutes * 60_000).max(earliest));
            }
            Self::Run { jobs, ends } => many.run(*jobs, ends).await,
            Self::Kill { jid } => {
                let jid = many.jid(*jid);
                if many.is_known(jid).await {
                    let one = JidSet::range(jid, 1);
                    let killed = many
                        .world
                        .store
                        .job_kill(many.account(), Some(one), many.now);
                    killed.await.expect("killed");
                }
            }
            Self::Delete { jid, count } => {
                // Refused where one is unknown or goes on.
                let some = JidSet::range(many.jid(*jid), *count);
                drop(many.world.store.job_delete(many.account(), some).await);
            }
        }
    }
}
