//! How the service says no: every refusal becomes one JSON body, in one place per source.

use axum::{
    Json,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use picloud_blob::BlobError;
use picloud_store::StoreError;
use picloud_types::{
    ApiError, ErrorBody, ErrorKind, frames::BadFrames, message::BadMessage, object_key::BadKey,
    payload::BadPayload,
};
use tracing::error;

/// An `ApiError` on its way to the caller.
#[derive(Debug)]
pub(crate) struct Refusal(pub(crate) ApiError);

/// What handlers return.
pub(crate) type Answer<T> = Result<T, Refusal>;

impl Refusal {
    pub(crate) fn new(kind: ErrorKind, msg: impl Into<String>) -> Self {
        Self(ApiError::new(kind, msg))
    }

    pub(crate) fn bad_request(msg: impl Into<String>) -> Self {
        Self::new(ErrorKind::BadRequest, msg)
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self(self.0.hint(hint))
    }

    /// A fault of ours: the log gets the cause, the caller only that there was one.
    pub(crate) fn internal(cause: &dyn std::fmt::Display) -> Self {
        error!(%cause, "request failed");
        Self::new(
            ErrorKind::Internal,
            "the server failed to do this; its log says why",
        )
    }

    /// The server does not take this now.
    pub(crate) fn stopping() -> Self {
        Self::new(ErrorKind::Unavailable, "the server is stopping")
            .hint("try again in a few seconds")
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.0.code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let retry = self.0.retry;
        let mut response = (status, Json(ErrorBody { error: self.0 })).into_response();
        if retry {
            response
                .headers_mut()
                .insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<ApiError> for Refusal {
    fn from(error: ApiError) -> Self {
        Self(error)
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        let kind = match &error {
            StoreError::JobUnknown(_) => ErrorKind::JobUnknown,
            StoreError::NotFinished(_) => ErrorKind::JobNotFinished,
            StoreError::NotFound(_) => ErrorKind::NotFound,
            StoreError::Conflict(_) | StoreError::AttemptOver => ErrorKind::Conflict,
            StoreError::BlobMissing(_) => ErrorKind::BlobMissing,
            StoreError::QuotaExceeded { .. } => ErrorKind::QuotaExceeded,
            StoreError::WorkerUnknown(_) => ErrorKind::WorkerUnknown,
            StoreError::DiskFull => ErrorKind::DiskFull,
            StoreError::Closed => ErrorKind::Unavailable,
            _ => return Self::internal(&error),
        };
        let refusal = Self::new(kind, error.to_string());
        match kind {
            ErrorKind::BlobMissing => refusal.hint("upload it, then send the request again"),
            ErrorKind::JobNotFinished => refusal.hint("wait for it, or kill it first"),
            ErrorKind::DiskFull => refusal.hint("free space where the server keeps its data"),
            ErrorKind::QuotaExceeded => {
                refusal.hint("remove objects or files from volumes, or have `bucket_quota_bytes` of the server raised")
            }
            ErrorKind::WorkerUnknown => refusal.hint("say hello again"),
            _ => refusal,
        }
    }
}

impl From<BlobError> for Refusal {
    fn from(error: BlobError) -> Self {
        let kind = match &error {
            BlobError::NotFound(_) => ErrorKind::NotFound,
            BlobError::HashMismatch { .. } | BlobError::Md5Mismatch { .. } => {
                ErrorKind::HashMismatch
            }
            BlobError::UploadMissing(_) => ErrorKind::NotFound,
            BlobError::SizeMismatch { .. } => ErrorKind::BadRequest,
            BlobError::TooLarge { .. } => ErrorKind::TooLarge,
            BlobError::DiskFull => ErrorKind::DiskFull,
            BlobError::Io(cause) => {
                match cause.get_ref().and_then(|c| c.downcast_ref::<ApiError>()) {
                    // Refused while it was read from the caller, not a fault of the disk.
                    Some(refused) => return Self(refused.clone()),
                    None => return Self::internal(&error),
                }
            }
        };
        let refusal = Self::new(kind, error.to_string());
        match kind {
            ErrorKind::DiskFull => refusal.hint("free space where the server keeps its data"),
            ErrorKind::HashMismatch => {
                refusal.hint("it changed on the way or while it was read; send it again")
            }
            _ => refusal,
        }
    }
}

impl From<BadKey> for Refusal {
    fn from(error: BadKey) -> Self {
        Self::bad_request(error.to_string())
            .hint("a key is parts joined by single slashes, such as images/7/thumb.jpg")
    }
}

impl From<BadFrames> for Refusal {
    fn from(error: BadFrames) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl From<BadMessage> for Refusal {
    fn from(error: BadMessage) -> Self {
        match error {
            BadMessage::Payload(error) => error.into(),
            error => Self::bad_request(error.to_string()),
        }
    }
}

impl From<BadPayload> for Refusal {
    fn from(error: BadPayload) -> Self {
        let kind = match error {
            BadPayload::Kind => ErrorKind::BadRequest,
            BadPayload::TooBig(_) => ErrorKind::TooLarge,
        };
        Self::new(kind, error.to_string())
    }
}
