//! API keys: a number and a secret of 256 random bits.

use crate::app::{App, now};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use picloud_store::StoreError;
use picloud_types::{AccountId, ApiKey, Hash};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use subtle::ConstantTimeEq;

/// How long a key that was good is taken for good without asking the store. Deactivation
/// through this server counts at once.
const REMEMBERED: Duration = Duration::from_secs(5);
/// Keys remembered at one time.
const REMEMBERED_MAX: usize = 10_000;

/// A new secret. It never begins with a hyphen: `--api-secretkey -Ab…` is taken for another
/// option by most programs that read a command line.
pub(crate) fn secret_new() -> String {
    loop {
        let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
        if !secret.starts_with('-') {
            return secret;
        }
    }
}

/// Whom a key stands for.
#[derive(Clone, Debug)]
pub(super) struct KeyOwner {
    pub(super) key: ApiKey,
    pub(super) account: AccountId,
    pub(super) account_name: Arc<str>,
    pub(super) admin: bool,
}

#[derive(Clone, Debug)]
struct Remembered {
    owner: KeyOwner,
    secret_hash: Hash,
    until: Instant,
}

/// Keys that were good a moment ago.
#[derive(Debug, Default)]
pub(crate) struct KeyCache {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    keys: HashMap<ApiKey, Remembered>,
    /// Grows when keys change, so that a look-up that began before does not bring an old truth.
    changes: u64,
}

impl KeyCache {
    /// A key was switched on or off.
    pub(crate) fn forget(&self, key: ApiKey) {
        let mut state = self.lock();
        state.changes += 1;
        state.keys.remove(&key);
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn get(&self, key: ApiKey) -> (Option<Remembered>, u64) {
        let state = self.lock();
        let known = state.keys.get(&key).filter(|k| k.until > Instant::now());
        (known.cloned(), state.changes)
    }

    fn put(&self, remembered: Remembered, changes: u64) {
        let mut state = self.lock();
        if state.changes != changes {
            return;
        }
        if state.keys.len() >= REMEMBERED_MAX {
            state.keys.clear();
        }
        state.keys.insert(remembered.owner.key, remembered);
    }
}

/// The owner of an active key with this secret.
pub(super) async fn authenticate(
    app: &App,
    key: ApiKey,
    secret: &str,
) -> Result<Option<KeyOwner>, StoreError> {
    let (known, changes) = app.keys.get(key);
    let known = match known {
        Some(known) => known,
        None => match look_up(app, key).await? {
            Some(found) => found,
            None => return Ok(None),
        },
    };
    let given = Hash::of(secret.as_bytes());
    if !bool::from(given.as_bytes().ct_eq(known.secret_hash.as_bytes())) {
        return Ok(None);
    }
    let owner = known.owner.clone();
    app.keys.put(known, changes);
    Ok(Some(owner))
}

async fn look_up(app: &App, key: ApiKey) -> Result<Option<Remembered>, StoreError> {
    let Some(found) = app.store.key_find(key).await?.filter(|k| k.active) else {
        return Ok(None);
    };
    let Some(account) = app.store.account_find(found.account).await? else {
        return Ok(None);
    };
    let owner = KeyOwner {
        key,
        account: account.id,
        account_name: account.name.into(),
        admin: account.admin,
    };
    Ok(Some(Remembered {
        owner,
        secret_hash: found.secret_hash,
        until: Instant::now() + REMEMBERED,
    }))
}

/// Makes a key for an account; the secret is shown here and never again.
pub(crate) async fn key_create(
    store: &dyn picloud_store::Store,
    account: AccountId,
    note: &str,
) -> Result<picloud_types::api::accounts::KeySecret, StoreError> {
    let secret = secret_new();
    let key = store
        .key_create(account, Hash::of(secret.as_bytes()), note, now())
        .await?;
    Ok(picloud_types::api::accounts::KeySecret {
        api_key: key.key,
        api_secretkey: secret,
    })
}

#[cfg(test)]
mod tests {
    use super::secret_new;

    /// One in sixty-four would.
    #[test]
    fn a_secret_never_begins_with_a_hyphen() {
        for _ in 0..2_000 {
            assert!(!secret_new().starts_with('-'));
        }
    }
}
