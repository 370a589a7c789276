//! What the service answers when it says no.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Kinds of refusal that a caller can act on. The wire has the name; each kind has one HTTP status.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ErrorKind {
    /// The request makes no sense as it is.
    BadRequest,
    /// No key, a wrong one, or a deactivated one.
    Unauthorized,
    /// A right key, but not for this.
    Forbidden,
    /// No such job, for this account.
    JobUnknown,
    /// No such thing otherwise, for this account.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The job has not ended, and the request needs that it has.
    JobNotFinished,
    /// A blob the request names was not uploaded; upload and try again.
    BlobMissing,
    /// The bytes received do not have the hash they were announced with.
    HashMismatch,
    /// Larger than the limit.
    TooLarge,
    /// The account would have more than it may.
    QuotaExceeded,
    /// The range of bytes asked for begins behind the end.
    RangeNotSatisfiable,
    /// No worker has the Python version the function was pickled with.
    PythonMissing,
    /// The state of things changed under the request.
    Conflict,
    /// The job ended without a result.
    JobFailed,
    /// The result is there, in a form that this question cannot be answered in.
    WrongForm,
    /// The lease is over: the worker must introduce itself again.
    WorkerUnknown,
    /// Too often in too short a time; `Retry-After` says when to try again.
    TooManyRequests,
    /// No space left where the server keeps its data.
    DiskFull,
    /// The server is stopping or not ready; try again.
    Unavailable,
    /// A fault of the server.
    Internal,
}

impl ErrorKind {
    /// The HTTP status that goes with it.
    pub fn status(self) -> u16 {
        match self {
            Self::BadRequest | Self::HashMismatch => 400,
            Self::Unauthorized => 401,
            Self::Forbidden => 403,
            Self::JobUnknown | Self::NotFound => 404,
            Self::MethodNotAllowed => 405,
            Self::WrongForm => 406,
            Self::JobNotFinished | Self::BlobMissing | Self::Conflict => 409,
            Self::WorkerUnknown => 410,
            Self::TooLarge | Self::QuotaExceeded => 413,
            Self::RangeNotSatisfiable => 416,
            Self::PythonMissing | Self::JobFailed => 422,
            Self::TooManyRequests => 429,
            Self::Internal => 500,
            Self::Unavailable => 503,
            Self::DiskFull => 507,
        }
    }

    /// Whether the same request may succeed later without change.
    pub fn retry(self) -> bool {
        matches!(self, Self::Unavailable | Self::DiskFull)
    }
}

/// One refusal: a kind, a sentence, and what to do about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema, thiserror::Error)]
#[error("{msg}")]
pub struct ApiError {
    /// The HTTP status again, for clients that see only the body.
    pub code: u16,
    pub kind: ErrorKind,
    /// What was attempted and why it did not go.
    pub msg: String,
    /// What the caller can do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
    /// Whether to try again unchanged.
    pub retry: bool,
}

impl ApiError {
    /// A refusal of this kind.
    pub fn new(kind: ErrorKind, msg: impl Into<String>) -> Self {
        Self {
            code: kind.status(),
            kind,
            msg: msg.into(),
            hint: None,
            retry: kind.retry(),
        }
    }

    /// The same, with advice.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// The body of every answer with status 400 or above.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ErrorBody {
    pub error: ApiError,
}
