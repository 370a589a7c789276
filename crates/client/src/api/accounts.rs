//! Accounts, keys and workers.

use super::ApiClient;
use crate::{Result, connection::ANSWER_TIMEOUT};
use picloud_types::{
    ApiKey,
    api::{
        accounts::{Account, AccountMade, AccountNew, Accounts, Key, KeyNew, KeySecret, Keys},
        workers::{WorkerRow, Workers},
    },
};
use reqwest::Method;
use std::time::Duration;

impl ApiClient {
    /// Makes a key for the caller's account.
    pub async fn key_create(&self, note: &str) -> Result<KeySecret> {
        self.connection
            .post(
                "/v1/keys",
                &KeyNew {
                    note: note.to_owned(),
                },
                Duration::ZERO,
            )
            .await
    }

    /// The caller's keys.
    pub async fn keys(&self) -> Result<Vec<Key>> {
        let reply: Keys = self.connection.get("/v1/keys").await?;
        Ok(reply.keys)
    }

    /// Switches a key on or off.
    pub async fn key_set_active(&self, key: ApiKey, active: bool) -> Result<()> {
        let verb = if active { "activate" } else { "deactivate" };
        let request = self
            .connection
            .request(Method::POST, &format!("/v1/keys/{key}/{verb}"));
        self.connection
            .bytes(request, ANSWER_TIMEOUT)
            .await
            .map(drop)
    }

    /// Makes an account and its first key (administrators).
    pub async fn account_create(&self, name: &str, admin: bool) -> Result<AccountMade> {
        self.connection
            .post(
                "/v1/accounts",
                &AccountNew {
                    name: name.to_owned(),
                    admin,
                },
                Duration::ZERO,
            )
            .await
    }

    /// All accounts (administrators).
    pub async fn accounts(&self) -> Result<Vec<Account>> {
        let reply: Accounts = self.connection.get("/v1/accounts").await?;
        Ok(reply.accounts)
    }

    /// Workers, alive and lately gone (administrators).
    pub async fn workers(&self) -> Result<Vec<WorkerRow>> {
        let reply: Workers = self.connection.get("/v1/workers").await?;
        Ok(reply.workers)
    }
}
