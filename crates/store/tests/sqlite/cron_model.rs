//! Promise 6: each tick of a cron has exactly one record, whatever two servers do. They sleep between reading and firing, fire
//! what they read long ago, fire again what they were not answered, and crash; people change the cron meanwhile.

use crate::open;
use picloud_store::{
    Cron, CronFire, CronFired, CronNew, CronSet, JobFilter, Store,
    contract::{NOW, World},
};
use picloud_types::{
    Timestamp,
    api::crons::{FiringKind, Overlap},
};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// A server that fires later than this records a tick as missed.
const LATE_MS: i64 = 90_000;
/// A change is worked out and then written; who waits longer for that has gone away.
const PATIENCE_MS: i64 = 60_000;

/// What happens next.
#[derive(Clone, Debug)]
enum Step {
    Wait {
        seconds: i64,
    },
    Read {
        server: usize,
    },
    /// What a server read first. Without an answer it will fire that again.
    Fire {
        server: usize,
        is_answered: bool,
    },
    Crash {
        server: usize,
    },
    /// A change is worked out, but not yet written. Of every so many minutes; paused or not.
    WorkOut {
        minutes: i64,
        paused: bool,
    },
    Write {
        replaces: bool,
    },
    RunByHand,
    EndJobs,
}

fn step() -> impl Strategy<Value = Step> {
    let server = || 0..2_usize;
    let seconds = prop_oneof![6 => 1..50_i64, 2 => 50..200_i64, 1 => 200..900_i64];
    prop_oneof![
        20 => seconds.prop_map(|seconds| Step::Wait { seconds }),
        20 => server().prop_map(|server| Step::Read { server }),
        24 => (server(), prop::bool::weighted(0.7)).prop_map(|(server, is_answered)| Step::Fire { server, is_answered }),
        3 => server().prop_map(|server| Step::Crash { server }),
        3 => (1..4_i64, prop::bool::weighted(0.2)).prop_map(|(minutes, paused)| Step::WorkOut { minutes, paused }),
        4 => any::<bool>().prop_map(|replaces| Step::Write { replaces }),
        2 => Just(Step::RunByHand),
        3 => Just(Step::EndJobs),
    ]
}

/// The first tick of a schedule after a moment: its ticks are the multiples of its period.
fn after(schedule: &str, moment: Timestamp) -> Timestamp {
    let minutes: i64 = schedule.parse().expect("minutes");
    let period_ms = minutes * 60_000;
    Timestamp((moment.0.div_euclid(period_ms) + 1) * period_ms)
}

/// A change that is worked out.
struct Change {
    schedule: String,
    paused: bool,
    next: Timestamp,
    at: Timestamp,
}

struct Life<'s> {
    world: World<'s>,
    now: Timestamp,
    /// What each server read and has not fired. The clock of the second one is fast.
    servers: [Vec<Cron>; 2],
    change: Option<Change>,
    overlap: Overlap,
    /// Ticks that were recorded, each with what it was recorded as.
    recorded: BTreeMap<Timestamp, FiringKind>,
    /// Ticks after one that a late change made the next again, passed over together with it.
    passed_over: BTreeSet<Timestamp>,
    /// Where the schedule as it is now began.
    first: Timestamp,
    by_hand: usize,
}

impl<'s> Life<'s> {
    async fn new(store: &'s dyn Store, overlap: Overlap) -> Self {
        let mut life = Self {
            world: World::new(store).await,
            now: NOW,
            servers: [Vec::new(), Vec::new()],
            change: None,
            overlap,
            recorded: BTreeMap::new(),
            passed_over: BTreeSet::new(),
            first: NOW,
            by_hand: 0,
        };
        life.work_out(1, false);
        life.write(true).await;
        life
    }

    fn clock(&self, server: usize) -> Timestamp {
        Timestamp(self.now.0 + if server == 0 { 0 } else { 3_000 })
    }

    async fn apply(&mut self, step: &Step) {
        let (store, account) = (self.world.store, self.world.account);
        match *step {
            Step::Wait { seconds } => self.now.0 += seconds * 1_000,
            Step::Read { server } => {
                let due = store.cron_due(self.clock(server), 9).await;
                self.servers[server] = due.expect("a read");
            }
            Step::Fire {
                server,
                is_answered,
            } => {
                let Some(cron) = self.servers[server].first().cloned() else {
                    return;
                };
                self.fire(&cron, self.clock(server)).await;
                if is_answered {
                    self.servers[server].clear();
                }
            }
            Step::Crash { server } => self.servers[server].clear(),
            Step::WorkOut { minutes, paused } => self.work_out(minutes, paused),
            Step::Write { replaces } => self.write(replaces).await,
            Step::RunByHand => {
                store.cron_run(account, "c", self.now).await.expect("run");
                self.by_hand += 1;
            }
            Step::EndJobs => {
                self.world.run_all().await;
            }
        }
    }

    /// As a server does it: of ticks that are too late all are recorded at once.
    async fn fire(&mut self, cron: &Cron, now: Timestamp) {
        let tick = cron.next.expect("it was due");
        let (mut late, mut next) = (Vec::new(), tick);
        while now.0 - next.0 > LATE_MS {
            late.push(next);
            next = after(&cron.schedule, next);
        }
        if late.is_empty() {
            next = after(&cron.schedule, tick);
        }
        let fire = CronFire {
            id: cron.id,
            tick,
            next: Some(next),
            missed: (!late.is_empty()).then_some(late.len() as u64),
            now,
        };
        let is_current = self.find().await.id == cron.id;
        let fired = self.world.store.cron_fire(fire).await.expect("fired");
        let CronFired::Recorded(kind, jid) = fired else {
            if is_current && self.recorded.contains_key(&tick) {
                self.passed_over.extend(late);
            }
            return;
        };
        assert!(is_current, "it was changed since it was read");
        assert_eq!(jid.is_some(), kind == FiringKind::Fired);
        assert_eq!(late.is_empty(), kind != FiringKind::Missed);
        let ticks = if late.is_empty() { vec![tick] } else { late };
        for tick in ticks {
            let before = self.recorded.insert(tick, kind);
            assert_eq!(before, None, "{tick:?} is {kind:?} as well");
        }
    }

    fn work_out(&mut self, minutes: i64, paused: bool) {
        let schedule = minutes.to_string();
        self.change = Some(Change {
            next: after(&schedule, self.now),
            schedule,
            paused,
            at: self.now,
        });
    }

    async fn write(&mut self, replaces: bool) {
        let Some(change) = self.change.take() else {
            return;
        };
        if self.now.0 - change.at.0 > PATIENCE_MS {
            return;
        }
        self.first = change.next;
        let (store, account) = (self.world.store, self.world.account);
        if !replaces {
            let set = CronSet {
                paused: Some(change.paused),
                schedule: Some(change.schedule),
                next: Some(Some(change.next)),
                ..CronSet::default()
            };
            let changed = store.cron_change(account, "c", set).await;
            return changed.expect("changed");
        }
        let submission = self.world.jobs(1);
        let new = CronNew {
            account,
            label: "c".to_owned(),
            spec: submission.spec,
            function: submission.function,
            args: submission.args[0].clone(),
            blobs: Vec::new(),
            schedule: change.schedule,
            timezone: "UTC".to_owned(),
            overlap: self.overlap,
            creator_host: None,
            next: Some(change.next),
            now: self.now,
        };
        store.cron_put(new).await.expect("in order");
    }

    async fn find(&self) -> Cron {
        let found = self.world.store.cron_find(self.world.account, "c").await;
        found.expect("a read").expect("it is there")
    }

    /// A server comes back and fires what is due.
    async fn catch_up(&mut self) {
        for _ in 0..100 {
            let due = self
                .world
                .store
                .cron_due(self.now, 9)
                .await
                .expect("a read");
            let Some(cron) = due.first() else { return };
            self.fire(cron, self.now).await;
        }
        panic!("no end of ticks");
    }

    /// What the store says is what was seen, and no tick is without a record.
    async fn check(&self) {
        let (store, account) = (self.world.store, self.world.account);
        let firings = store.cron_firings(account, "c", None, 1_000).await;
        let firings = firings.expect("a page");
        let ticks: u64 = firings
            .iter()
            .filter(|f| f.kind != FiringKind::Manual)
            .map(|f| f.ticks)
            .sum();
        assert_eq!(ticks, self.recorded.len() as u64);
        for firing in firings.iter().filter(|f| f.kind != FiringKind::Manual) {
            assert_eq!(self.recorded.get(&firing.tick), Some(&firing.kind));
        }
        let page = store.job_list(account, JobFilter::default(), 1_000).await;
        let jobs: BTreeSet<_> = page.expect("a page").jobs.iter().map(|j| j.jid).collect();
        let of_records: Vec<_> = firings.iter().filter_map(|f| f.jid).collect();
        assert_eq!(of_records.len(), jobs.len());
        assert_eq!(of_records.into_iter().collect::<BTreeSet<_>>(), jobs);
        let fired = self.recorded.values().filter(|k| **k == FiringKind::Fired);
        assert_eq!(fired.count() + self.by_hand, jobs.len());
        let cron = self.find().await;
        let mut tick = self.first;
        while !cron.paused && tick <= self.now {
            assert!(
                self.recorded.contains_key(&tick) || self.passed_over.contains(&tick),
                "nothing is known of {tick:?}"
            );
            tick = after(&cron.schedule, tick);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn each_tick_has_exactly_one_record(
        overlap in prop_oneof![Just(Overlap::Allow), Just(Overlap::Skip), Just(Overlap::Queue)],
        steps in proptest::collection::vec(step(), 1..150),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let fresh = open().await;
            let mut life = Life::new(fresh.store(), overlap).await;
            for step in &steps {
                life.apply(step).await;
            }
            life.catch_up().await;
            life.check().await;
            fresh.finish().await;
        });
    }
}
