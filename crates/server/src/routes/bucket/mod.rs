//! Objects: named contents of an account.

pub(super) mod change;
pub(super) mod get;
mod headers;
pub(super) mod list;
pub(super) mod many;
pub(super) mod public;
pub(super) mod put;
pub(super) mod signed;

use crate::{
    app::Shared,
    body::InPath,
    refusal::{Answer, Refusal},
};
use axum::{extract::FromRequestParts, http::request::Parts};
use picloud_types::{ErrorKind, ObjectKey, limits::KEYS_PER_REQUEST};

/// The key at the end of a path.
pub(crate) struct KeyInPath(pub(crate) ObjectKey);

impl FromRequestParts<Shared> for KeyInPath {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Answer<Self> {
        let InPath(text) = InPath::<String>::from_request_parts(parts, app).await?;
        Ok(Self(text.parse()?))
    }
}

fn unknown(key: &ObjectKey) -> Refusal {
    Refusal::new(ErrorKind::NotFound, format!("object {key} does not exist"))
}

fn at_most(count: usize) -> Answer<()> {
    if count <= KEYS_PER_REQUEST {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorKind::TooLarge,
        format!("{count} keys in one request, which may have {KEYS_PER_REQUEST}"),
    )
    .hint("send them in several requests"))
}
