//! Published functions that were called a moment ago, so that a call need not read what the one before read.

use crate::app::App;
use picloud_store::{Published, StoreError};
use picloud_types::AccountId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long one is taken to be as it was. What changes through this server counts at once.
const REMEMBERED: Duration = Duration::from_secs(5);
/// Functions remembered at one time.
const REMEMBERED_MAX: usize = 10_000;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct PublishedCache {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    accounts: HashMap<AccountId, HashMap<String, Remembered>>,
    count: usize,
    /// Grows at changes, so that a look-up that began before does not bring an old truth.
    changes: u64,
}

#[derive(Clone, Debug)]
struct Remembered {
    published: Arc<Published>,
    until: Instant,
}

impl PublishedCache {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// It was published, changed or removed.
    pub(crate) fn forget(&self, account: AccountId, label: &str) {
        let mut state = self.lock();
        state.changes += 1;
        let known = state.accounts.get_mut(&account);
        if known.is_some_and(|labels| labels.remove(label).is_some()) {
            state.count -= 1;
        }
    }

    /// The function with this label.
    pub(crate) async fn find(
        &self,
        app: &App,
        account: AccountId,
        label: &str,
    ) -> Result<Option<Arc<Published>>, StoreError> {
        let (known, changes) = self.known(account, label);
        if known.is_some() {
            return Ok(known);
        }
        let Some(found) = app.store.published_find(account, label).await? else {
            return Ok(None);
        };
        let found = Arc::new(found);
        self.remember(Arc::clone(&found), changes);
        Ok(Some(found))
    }

    fn known(&self, account: AccountId, label: &str) -> (Option<Arc<Published>>, u64) {
        let state = self.lock();
        let known = state.accounts.get(&account).and_then(|of| of.get(label));
        let known = known.filter(|known| known.until > Instant::now());
        (known.map(|k| Arc::clone(&k.published)), state.changes)
    }

    fn remember(&self, published: Arc<Published>, changes: u64) {
        let mut state = self.lock();
        if state.changes != changes {
            return;
        }
        if state.count >= REMEMBERED_MAX {
            state.accounts.clear();
            state.count = 0;
        }
        let label = published.label.clone();
        let labels = state.accounts.entry(published.account).or_default();
        let until = Instant::now() + REMEMBERED;
        if labels
            .insert(label, Remembered { published, until })
            .is_none()
        {
            state.count += 1;
        }
    }
}
