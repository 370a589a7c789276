//! Signing in with a browser: sessions, passwords and one-time links.
//!
//! A session is a cookie that scripts of a page cannot read. Requests that change something carry
//! its `csrf_token` in `X-CSRF-Token` besides.

use crate::{AccountId, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Fewest and most characters of a password.
pub const PASSWORD_MIN: usize = 10;
pub const PASSWORD_MAX: usize = 200;

/// Name of the header that carries the `csrf_token`.
pub const CSRF_HEADER: &str = "X-CSRF-Token";

/// `POST /v1/session`: signs in. The answer sets the cookie.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_debug_implementations,
    reason = "a secret must not get into a log"
)]
pub struct SignIn {
    /// Name of the account.
    pub account: String,
    pub password: String,
}

/// The session of the browser that asks: `GET /v1/session`, and the answer to signing in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Session {
    pub account: AccountId,
    pub account_name: String,
    pub admin: bool,
    /// To be sent as `X-CSRF-Token` with every request that is not a GET.
    pub csrf_token: String,
    /// Whether the account can be signed in to with a password.
    pub has_password: bool,
    pub created: Timestamp,
    /// When it ends. Using it moves that on.
    pub expires: Timestamp,
}

/// `POST /v1/session/links`: makes an address that signs in once. Needs an API key or a session.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LinkNew {
    /// Name of the account it signs in to; the caller's own when missing. Others are for administrators.
    #[serde(default)]
    pub account: Option<String>,
}

/// A link. What is behind the `#` is the secret; browsers do not send it to servers by themselves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkMade {
    /// To be put behind the server's address: `/welcome#…`.
    pub path: String,
    pub account_name: String,
    pub expires: Timestamp,
}

/// `POST /v1/session/link/look`: for whom a link is. It stays good.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_debug_implementations,
    reason = "a secret must not get into a log"
)]
pub struct LinkLook {
    /// What is behind the `#`.
    pub token: String,
}

/// Whom a link signs in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LinkAbout {
    pub account_name: String,
    pub has_password: bool,
    pub expires: Timestamp,
}

/// `POST /v1/session/link`: uses a link up and signs in. The answer is a `Session` and sets the cookie.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_debug_implementations,
    reason = "a secret must not get into a log"
)]
pub struct LinkUse {
    pub token: String,
    /// The account's password from now on; the old one stays when missing. A new one ends all other sessions.
    #[serde(default)]
    pub password: Option<String>,
}

/// `PUT /v1/session/password`: another password. All other sessions end.
#[derive(Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[expect(
    missing_debug_implementations,
    reason = "a secret must not get into a log"
)]
pub struct PasswordChange {
    /// The password so far; needed if there is one.
    #[serde(default)]
    pub current: Option<String>,
    /// 10 to 200 characters.
    pub new: String,
}

/// One session of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct SessionRow {
    pub id: i64,
    pub created: Timestamp,
    /// When it was last used, to about a minute.
    pub used: Timestamp,
    pub expires: Timestamp,
    /// What the browser says it is.
    pub user_agent: String,
    /// Whether it is the one that asks.
    pub current: bool,
}

/// `GET /v1/sessions`: those that have not ended, last used first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sessions {
    pub sessions: Vec<SessionRow>,
}
