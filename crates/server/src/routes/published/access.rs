//! Who calls a published function: the account itself, whoever has its token, or anybody.
//!
//! Whoever shows no good key learns nothing of functions that are not public, not even whether they are there. Another account's
//! key learns as much as if they were not.

use super::{cors::Open, is_label, nothing_here};
use crate::{
    app::Shared,
    auth::Caller,
    body::InPath,
    refusal::{Answer, Refusal},
};
use axum::{
    extract::FromRequestParts,
    http::{HeaderMap, header, request::Parts},
};
use picloud_store::Published;
use picloud_types::{AccountId, ErrorKind, Hash, api::published::Access};
use serde::Deserialize;
use std::sync::Arc;
use subtle::ConstantTimeEq;

/// Somebody at the address of a published function who may call it.
pub(crate) struct Visitor {
    pub(super) published: Arc<Published>,
    /// Who it is, of the function's account.
    pub(super) own: Option<Caller>,
}

/// What addresses below `/r` begin with. Other parts may follow.
#[derive(Deserialize)]
pub(super) struct Address {
    uid: String,
    label: String,
}

impl Address {
    pub(super) fn new(uid: &str, label: &str) -> Self {
        Self {
            uid: uid.to_owned(),
            label: label.to_owned(),
        }
    }

    /// The function, if it is there.
    pub(super) async fn find(&self, app: &Shared) -> Answer<Option<Arc<Published>>> {
        let Some(account) = self.account().filter(|_| is_label(&self.label)) else {
            return Ok(None);
        };
        Ok(app.published.find(app, account, &self.label).await?)
    }

    pub(super) fn account(&self) -> Option<AccountId> {
        // Only as it is written in addresses: `+1` and `01` are other texts.
        let account: i64 = self.uid.parse().ok()?;
        (account.to_string() == self.uid).then_some(AccountId(account))
    }
}

impl FromRequestParts<Shared> for Visitor {
    /// Pages of other sites may read why they may not call what they might.
    type Rejection = Open<()>;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Open<()>> {
        let found = async {
            let InPath(address): InPath<Address> = InPath::from_request_parts(parts, app).await?;
            address.find(app).await
        };
        let published = found.await.map_err(|e| Open(Access::Account, Err(e)))?;
        let access = published.as_ref().map_or(Access::Account, |p| p.access);
        let visitor = Self::let_in(parts, app, published).await;
        visitor.map_err(|e| Open(access, Err(e)))
    }
}

impl Visitor {
    async fn let_in(
        parts: &mut Parts,
        app: &Shared,
        published: Option<Arc<Published>>,
    ) -> Answer<Self> {
        let access = published.as_ref().map_or(Access::Account, |p| p.access);
        if let Some(token) = bearer(&parts.headers) {
            return match published {
                Some(published) if access == Access::Public || is_token(&published, token) => {
                    Ok(Self {
                        published,
                        own: None,
                    })
                }
                _ => Err(Refusal::new(ErrorKind::Unauthorized, "the token is wrong")),
            };
        }
        let shows_key = parts.headers.contains_key(header::AUTHORIZATION);
        match (Caller::from_request_parts(parts, app).await, published) {
            (Ok(caller), Some(published)) if caller.account == published.account => Ok(Self {
                published,
                own: Some(caller),
            }),
            // A browser's session that has ended, or none, is no reason to refuse what is for anybody.
            (Ok(_), Some(published)) if access == Access::Public => Ok(Self {
                published,
                own: None,
            }),
            (Err(_), Some(published)) if access == Access::Public && !shows_key => Ok(Self {
                published,
                own: None,
            }),
            (Ok(_), _) => Err(nothing_here()),
            (Err(refusal), _) => Err(refusal),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme
        .eq_ignore_ascii_case("bearer")
        .then_some(token.trim())
}

fn is_token(published: &Published, given: &str) -> bool {
    let given = Hash::of(given.as_bytes());
    published.access == Access::Token
        && published
            .token_hash
            .is_some_and(|hash| bool::from(hash.as_bytes().ct_eq(given.as_bytes())))
}
