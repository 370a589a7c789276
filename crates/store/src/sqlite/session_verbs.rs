//! The verbs of `SessionStore`.

use super::{
    SqliteStore,
    readers::Size,
    sessions,
    verbs::{COMMITTED, SYNCED},
};
use crate::{Account, LinkUse, Result, SessionNew, SessionStore, SignedIn};
use async_trait::async_trait;
use picloud_types::{AccountId, Hash, Timestamp};

#[async_trait]
impl SessionStore for SqliteStore {
    async fn password_find(&self, account_name: &str) -> Result<Option<(Account, Option<String>)>> {
        let name = account_name.to_owned();
        self.read(Size::Few, move |r| sessions::password_find(&r.db, &name))
            .await
    }

    async fn password_set(
        &self,
        account: AccountId,
        password_hash: &str,
        keep: Option<Hash>,
    ) -> Result<()> {
        let hash = password_hash.to_owned();
        self.write(SYNCED, move |w| {
            sessions::password_set(w, account, &hash, keep)
        })
        .await
    }

    async fn session_create(&self, new: SessionNew, now: Timestamp) -> Result<SignedIn> {
        self.write(SYNCED, move |w| sessions::create(w, &new, now))
            .await
    }

    async fn session_find(&self, token_hash: Hash, now: Timestamp) -> Result<Option<SignedIn>> {
        self.read(Size::Few, move |r| sessions::find(&r.db, token_hash, now))
            .await
    }

    async fn session_touch(
        &self,
        token_hash: Hash,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.write(COMMITTED, move |w| {
            sessions::touch(w, token_hash, expires, now)
        })
        .await
    }

    async fn session_list(&self, account: AccountId, now: Timestamp) -> Result<Vec<SignedIn>> {
        self.read(Size::Few, move |r| sessions::list(&r.db, account, now))
            .await
    }

    async fn session_end(&self, account: AccountId, id: Option<i64>) -> Result<Vec<Hash>> {
        self.write(SYNCED, move |w| sessions::end(w, account, id))
            .await
    }

    async fn link_create(
        &self,
        account: AccountId,
        token_hash: Hash,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<()> {
        self.write(SYNCED, move |w| {
            sessions::link_create(w, account, token_hash, expires, now)
        })
        .await
    }

    async fn link_find(
        &self,
        token_hash: Hash,
        now: Timestamp,
    ) -> Result<Option<(Account, Timestamp, bool)>> {
        self.read(Size::Few, move |r| {
            sessions::link_find(&r.db, token_hash, now)
        })
        .await
    }

    async fn link_use(&self, link: LinkUse, now: Timestamp) -> Result<Option<SignedIn>> {
        self.write(SYNCED, move |w| sessions::link_use(w, link, now))
            .await
    }

    async fn session_sweep(&self, now: Timestamp) -> Result<()> {
        self.write(SYNCED, move |w| sessions::sweep(w, now)).await
    }
}
