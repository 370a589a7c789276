//! The shortest ways to make a cron and to let time pass.

use super::{
    fixture::{NOW, bytes},
    queue_fixture::Queues,
};
use crate::{Cron, CronFire, CronFired, CronId, CronNew, CronSet, Store};
use picloud_types::{
    Jid, Payload, Timestamp,
    api::crons::{Firing, FiringKind, Overlap},
};
use std::time::Duration;

/// Before everything.
pub(super) const PAST: Timestamp = Timestamp(1_600_000_000_000);

/// So many minutes after the present.
pub(super) fn tick(minute: i64) -> Timestamp {
    NOW.plus(Duration::from_secs(minute.unsigned_abs() * 60))
}

/// A world with crons, among them one that is called `c`.
#[derive(Debug)]
pub(super) struct Crons<'s> {
    pub(super) q: Queues<'s>,
}

impl<'s> Crons<'s> {
    pub(super) async fn new(store: &'s dyn Store) -> Self {
        Self {
            q: Queues::new(store).await,
        }
    }

    /// One of every minute.
    pub(super) fn new_one(&self, label: &str) -> CronNew {
        CronNew {
            account: self.q.account,
            label: label.to_owned(),
            spec: self.q.jobs(1).spec,
            function: bytes("function"),
            args: bytes("arguments"),
            blobs: Vec::new(),
            schedule: "* * * * *".to_owned(),
            timezone: "UTC".to_owned(),
            overlap: Overlap::Allow,
            creator_host: None,
            next: Some(tick(1)),
            now: NOW,
        }
    }

    pub(super) async fn put(&self, new: CronNew) -> CronId {
        self.q.store.cron_put(new).await.expect("in order")
    }

    /// Makes `c` with this overlap.
    pub(super) async fn overlapping(&self, overlap: Overlap) {
        let new = CronNew {
            overlap,
            ..self.new_one("c")
        };
        self.put(new).await;
    }

    pub(super) async fn find(&self, label: &str) -> Option<Cron> {
        let found = self.q.store.cron_find(self.q.account, label).await;
        found.expect("a read")
    }

    pub(super) fn paused(paused: bool) -> CronSet {
        CronSet {
            paused: Some(paused),
            ..CronSet::default()
        }
    }

    pub(super) async fn change(&self, change: CronSet) {
        let changed = self.q.store.cron_change(self.q.account, "c", change).await;
        changed.expect("changed");
    }

    /// The tick of `c` in that minute, which is on time, as a server that reads the cron now would fire it.
    pub(super) async fn firing(&self, minute: i64) -> CronFire {
        CronFire {
            id: self.find("c").await.expect("it is there").id,
            tick: tick(minute),
            next: Some(tick(minute + 1)),
            missed: None,
            now: tick(minute),
        }
    }

    pub(super) async fn fire(&self, minute: i64) -> CronFired {
        let fire = self.firing(minute).await;
        self.q.store.cron_fire(fire).await.expect("fired")
    }

    /// Fires that tick; the job it makes.
    pub(super) async fn fired(&self, minute: i64) -> Jid {
        match self.fire(minute).await {
            CronFired::Recorded(FiringKind::Fired, Some(jid)) => jid,
            other => panic!("minute {minute} was {other:?}"),
        }
    }

    pub(super) async fn run(&self, minute: i64) -> Jid {
        let run = self.q.store.cron_run(self.q.account, "c", tick(minute));
        run.await.expect("run")
    }

    pub(super) async fn page(&self, before: Option<i64>, limit: u32) -> Vec<Firing> {
        let store = self.q.store;
        let page = store.cron_firings(self.q.account, "c", before, limit);
        page.await.expect("a page")
    }

    pub(super) async fn firings(&self) -> Vec<Firing> {
        self.page(None, 5_000).await
    }

    pub(super) async fn args_of(&self, jid: Jid) -> Payload {
        let pickles = self.q.store.job_pickles(self.q.account, jid).await;
        pickles.expect("a known job").1
    }
}
