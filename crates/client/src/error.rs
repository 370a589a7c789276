//! Why a request has no answer, in kinds a caller can act on.

use picloud_types::{ApiError, ErrorKind, frames::BadFrames, payload::BadPayload};
use std::error::Error as StdError;

/// Result of every request.
pub type Result<T> = std::result::Result<T, ClientError>;

/// What kept a request from being answered.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The server understood and said no.
    #[error(transparent)]
    Refused(#[from] ApiError),
    /// Nobody answered: no server, no route, a connection that broke, a time limit.
    #[error("{reason}")]
    Unreachable {
        /// What was attempted, where, and what happened.
        reason: String,
        /// What to do about it.
        hint: String,
    },
    /// Something answered, but not as a picloud server of this version does.
    #[error("{0}")]
    Protocol(String),
}

impl ClientError {
    /// What the caller can do, if that is known.
    pub fn hint(&self) -> Option<&str> {
        match self {
            Self::Refused(error) => error.hint.as_deref(),
            Self::Unreachable { hint, .. } => Some(hint),
            Self::Protocol(_) => None,
        }
    }

    /// The kind of refusal, if it is one.
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Refused(error) => Some(error.kind),
            Self::Unreachable { .. } | Self::Protocol(_) => None,
        }
    }

    /// Whether the same request may succeed later without change.
    pub fn may_retry(&self) -> bool {
        match self {
            Self::Refused(error) => error.retry,
            Self::Unreachable { .. } => true,
            Self::Protocol(_) => false,
        }
    }

    /// Sorts an error of the HTTP library into our kinds.
    pub(crate) fn from_http(error: &reqwest::Error, base: &str) -> Self {
        let cause = innermost(error);
        if error.is_builder() || error.is_decode() {
            return Self::Protocol(format!("could not talk to {base}: {cause}"));
        }
        if cause.contains("certificate") || cause.contains("InvalidContentType") {
            return Self::Unreachable {
                reason: format!("could not make a secure connection to {base}: {cause}"),
                hint: "use the certificate file the server was set up with (`--ca-file`, PICLOUD_CA_FILE), and https:// only where the server speaks TLS".to_owned(),
            };
        }
        let what = if error.is_timeout() {
            format!("the server at {base} did not answer in time")
        } else if error.is_connect() {
            format!("could not reach a server at {base}: {cause}")
        } else {
            format!("the connection to {base} broke: {cause}")
        };
        Self::Unreachable {
            reason: what,
            hint: unreachable_hint(base),
        }
    }
}

fn unreachable_hint(base: &str) -> String {
    format!(
        "start a server with `picloud serve`, or name another one with `--server` or PICLOUD_SERVER (this was {base})"
    )
}

/// The last error of the chain: the outer ones of an HTTP stack only say that sending failed.
fn innermost(error: &dyn StdError) -> String {
    let mut current = error;
    while let Some(source) = current.source() {
        current = source;
    }
    current.to_string()
}

impl From<BadFrames> for ClientError {
    fn from(error: BadFrames) -> Self {
        Self::Protocol(format!("the server's answer does not read: {error}"))
    }
}

impl From<BadPayload> for ClientError {
    fn from(error: BadPayload) -> Self {
        Self::Protocol(format!("the server's answer does not read: {error}"))
    }
}
