//! The verbs of `CronStore`.

use super::{SqliteStore, crons, readers::Size, specs::Prepared, verbs::SYNCED};
use crate::{Cron, CronFire, CronFired, CronId, CronNew, CronSet, CronStore, Result};
use async_trait::async_trait;
use picloud_types::{AccountId, Jid, Timestamp, api::crons::Firing};

#[async_trait]
impl CronStore for SqliteStore {
    async fn cron_put(&self, new: CronNew) -> Result<CronId> {
        let prepared = Prepared::new(&new.spec, &new.function, &new.blobs);
        self.write(SYNCED, move |w| crons::put(w, &new, &prepared))
            .await
    }

    async fn cron_list(&self, account: AccountId) -> Result<Vec<Cron>> {
        self.read(Size::Many, move |r| crons::list(r, account))
            .await
    }

    async fn cron_find(&self, account: AccountId, label: &str) -> Result<Option<Cron>> {
        let label = label.to_owned();
        self.read(Size::Few, move |r| crons::find(r, account, &label))
            .await
    }

    async fn cron_change(&self, account: AccountId, label: &str, change: CronSet) -> Result<()> {
        let label = label.to_owned();
        self.write(SYNCED, move |w| crons::change(w, account, &label, &change))
            .await
    }

    async fn cron_remove(&self, account: AccountId, label: &str) -> Result<()> {
        let label = label.to_owned();
        self.write(SYNCED, move |w| crons::remove(w, account, &label))
            .await
    }

    async fn cron_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Cron>> {
        self.read(Size::Many, move |r| crons::due(r, now, limit))
            .await
    }

    async fn cron_next(&self) -> Result<Option<Timestamp>> {
        self.read(Size::Few, move |r| crons::next(&r.db)).await
    }

    async fn cron_fire(&self, fire: CronFire) -> Result<CronFired> {
        self.write(SYNCED, move |w| crons::fire(w, &fire)).await
    }

    async fn cron_run(&self, account: AccountId, label: &str, now: Timestamp) -> Result<Jid> {
        let label = label.to_owned();
        self.write(SYNCED, move |w| crons::run(w, account, &label, now))
            .await
    }

    async fn cron_firings(
        &self,
        account: AccountId,
        label: &str,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Firing>> {
        let label = label.to_owned();
        self.read(Size::Many, move |r| {
            crons::firings(&r.db, account, &label, before, limit)
        })
        .await
    }
}
