//! The verbs of `PublishedStore`.

use super::{SqliteStore, published, readers::Size, specs::Prepared, verbs::SYNCED};
use crate::{
    Published, PublishedCall, PublishedNew, PublishedSet, PublishedStore, Result, Submitted,
};
use async_trait::async_trait;
use picloud_types::{AccountId, api::published::PublishedVersions};

#[async_trait]
impl PublishedStore for SqliteStore {
    async fn published_put(&self, new: PublishedNew) -> Result<u32> {
        let prepared = Prepared::new(&new.spec, &new.function, &new.blobs);
        self.write(SYNCED, move |w| published::put(w, &new, &prepared))
            .await
    }

    async fn published_list(&self, account: AccountId) -> Result<Vec<Published>> {
        self.read(Size::Many, move |r| published::list(r, account))
            .await
    }

    async fn published_find(&self, account: AccountId, label: &str) -> Result<Option<Published>> {
        let label = label.to_owned();
        self.read(Size::Few, move |r| published::find(r, account, &label))
            .await
    }

    async fn published_change(
        &self,
        account: AccountId,
        label: &str,
        change: PublishedSet,
    ) -> Result<()> {
        let label = label.to_owned();
        self.write(SYNCED, move |w| {
            published::change(w, account, &label, &change)
        })
        .await
    }

    async fn published_remove(&self, account: AccountId, label: &str) -> Result<()> {
        let label = label.to_owned();
        self.write(SYNCED, move |w| published::remove(w, account, &label))
            .await
    }

    async fn published_versions(
        &self,
        account: AccountId,
        label: &str,
    ) -> Result<PublishedVersions> {
        let label = label.to_owned();
        self.read(Size::Many, move |r| published::versions(r, account, &label))
            .await
    }

    async fn published_rollback(
        &self,
        account: AccountId,
        label: &str,
        version: Option<u32>,
    ) -> Result<u32> {
        let label = label.to_owned();
        self.write(SYNCED, move |w| {
            published::rollback(w, account, &label, version)
        })
        .await
    }

    async fn published_call(&self, call: PublishedCall) -> Result<Submitted> {
        self.write(SYNCED, move |w| published::call(w, &call)).await
    }
}
