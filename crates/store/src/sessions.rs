//! Who signed in with a browser, as the store keeps it: passwords, sessions, one-time links.

use crate::{Account, Result};
use async_trait::async_trait;
use picloud_types::{AccountId, Hash, Timestamp};

/// The verbs about signing in; see `Store` for what holds of all verbs. Tokens are 256 random bits; the
/// store knows their SHA-256 only.
#[async_trait]
pub trait SessionStore: Send + Sync + std::fmt::Debug + 'static {
    /// The account with this name, and the hash of its password, if it has one.
    async fn password_find(&self, account_name: &str) -> Result<Option<(Account, Option<String>)>>;
    /// The account has this password from now on, and no session but `keep`. `NotFound` without the account.
    async fn password_set(
        &self,
        account: AccountId,
        password_hash: &str,
        keep: Option<Hash>,
    ) -> Result<()>;

    /// Makes a session. Of more than 100 of one account those used least lately end.
    async fn session_create(&self, new: SessionNew, now: Timestamp) -> Result<SignedIn>;
    /// The session with this token, if it has not ended by `now`.
    async fn session_find(&self, token_hash: Hash, now: Timestamp) -> Result<Option<SignedIn>>;
    /// It was used, and ends at `expires`. Need not survive a loss of power.
    async fn session_touch(
        &self,
        token_hash: Hash,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<()>;
    /// Sessions of an account that have not ended by `now`, last used first.
    async fn session_list(&self, account: AccountId, now: Timestamp) -> Result<Vec<SignedIn>>;
    /// Ends sessions of an account: one by its number, or all; returns the tokens' hashes. `NotFound` for a
    /// number that is none of the account's.
    async fn session_end(&self, account: AccountId, id: Option<i64>) -> Result<Vec<Hash>>;

    /// Makes a link that signs in to an account once, until `expires`.
    async fn link_create(
        &self,
        account: AccountId,
        token_hash: Hash,
        expires: Timestamp,
        now: Timestamp,
    ) -> Result<()>;
    /// The account and the end of a link that has neither been used nor ended by `now`, and whether the account has a password.
    async fn link_find(
        &self,
        token_hash: Hash,
        now: Timestamp,
    ) -> Result<Option<(Account, Timestamp, bool)>>;
    /// Uses a link up: makes the session, with `account` taken from the link, and sets the password if one is
    /// given, which ends all other sessions. None, and nothing changes, if the link is used or has ended: of two who use one link, one gets in.
    async fn link_use(&self, link: LinkUse, now: Timestamp) -> Result<Option<SignedIn>>;
    /// Removes sessions and links that ended before `now`.
    async fn session_sweep(&self, now: Timestamp) -> Result<()>;
}

/// A session to be made.
#[derive(Clone, Debug)]
pub struct SessionNew {
    pub account: AccountId,
    pub token_hash: Hash,
    /// What the browser says it is, shortened by the caller.
    pub user_agent: String,
    pub expires: Timestamp,
}

/// A session and whose it is.
#[derive(Clone, Debug)]
pub struct SignedIn {
    pub id: i64,
    pub token_hash: Hash,
    pub account: Account,
    pub has_password: bool,
    pub created: Timestamp,
    pub used: Timestamp,
    pub expires: Timestamp,
    pub user_agent: String,
}

/// A link that is used.
#[derive(Clone, Debug)]
pub struct LinkUse {
    pub link_hash: Hash,
    /// Of the new session.
    pub token_hash: Hash,
    pub user_agent: String,
    pub expires: Timestamp,
    pub password_hash: Option<String>,
}
