//! Links that sign in once. The secret is behind the `#`, which browsers do not send by themselves: it is in no
//! log, and a preview of the link does not use it up.

use super::secret_new;
use crate::app::now;
use picloud_store::{Account, Store, StoreError};
use picloud_types::{Hash, api::sessions::LinkMade};
use std::time::Duration;

/// How long a link is good.
const GOOD: Duration = Duration::from_secs(24 * 3600);

/// What the store knows a link by.
pub(crate) fn link_hash(token: &str) -> Hash {
    Hash::of(token.as_bytes())
}

/// Makes a link for an account; its secret is shown here and never again.
pub(crate) async fn link_create(
    store: &dyn Store,
    account: Account,
) -> Result<LinkMade, StoreError> {
    let (token, now) = (secret_new(), now());
    let expires = now.plus(GOOD);
    store
        .link_create(account.id, link_hash(&token), expires, now)
        .await?;
    Ok(LinkMade {
        path: format!("/welcome#{token}"),
        account_name: account.name,
        expires,
    })
}
