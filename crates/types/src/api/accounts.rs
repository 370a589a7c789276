//! Accounts and their API keys.

use crate::{AccountId, ApiKey, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/accounts` (administrators): makes an account and its first key.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountNew {
    /// 1 to 64 characters: letters, digits, `-`, `_`, `.`, `@`.
    pub name: String,
    #[serde(default)]
    pub admin: bool,
}

/// One account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Account {
    pub account: AccountId,
    pub name: String,
    pub admin: bool,
    pub created: Timestamp,
}

/// Reply to `POST /v1/accounts`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct AccountMade {
    pub account: Account,
    pub key: KeySecret,
}

/// `GET /v1/accounts` (administrators).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Accounts {
    pub accounts: Vec<Account>,
}

/// `POST /v1/keys`: makes a key for the caller's account.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyNew {
    /// What it is for, in the owner's words; at most 200 characters.
    #[serde(default)]
    pub note: String,
}

/// A key with its secret: shown once, when it is made.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct KeySecret {
    pub api_key: ApiKey,
    pub api_secretkey: String,
}

/// One key, without its secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Key {
    pub api_key: ApiKey,
    pub active: bool,
    pub note: String,
    pub created: Timestamp,
}

/// `GET /v1/keys`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[schema(as = ApiKeys)]
pub struct Keys {
    pub keys: Vec<Key>,
}
