//! Who wants to know that something of an account changed: pages that are open. They hear what kind of
//! thing it was and never what; what is true they ask for. So a hint may be lost, late or too much.

use picloud_types::AccountId;
use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
};
use tokio::sync::Notify;

/// Kinds of things that change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    Jobs,
    Queues,
    Workers,
}

impl Change {
    pub(crate) const ALL: [Self; 3] = [Self::Jobs, Self::Queues, Self::Workers];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Jobs => "jobs",
            Self::Queues => "queues",
            Self::Workers => "workers",
        }
    }

    fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// See the module's documentation. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Changes {
    inner: Arc<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    /// How many listen; where nobody does, a change costs this one look.
    count: AtomicUsize,
    listeners: Mutex<HashMap<AccountId, Vec<Arc<Ear>>>>,
}

#[derive(Debug, Default)]
struct Ear {
    /// Kinds that changed since it was last asked.
    heard: AtomicU8,
    wake: Notify,
}

impl Ear {
    fn hear(&self, change: Change) {
        self.heard.fetch_or(change.bit(), Ordering::Relaxed);
        self.wake.notify_one();
    }
}

/// One who listens. Dropped, it does not any more.
#[derive(Debug)]
pub(crate) struct Listener {
    changes: Changes,
    account: AccountId,
    ear: Arc<Ear>,
}

impl Changes {
    fn lock(&self) -> MutexGuard<'_, HashMap<AccountId, Vec<Arc<Ear>>>> {
        let listeners = self.inner.listeners.lock();
        listeners.unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to listen.
    pub(crate) fn listen(&self, account: AccountId) -> Listener {
        let ear = Arc::new(Ear::default());
        let mut listeners = self.lock();
        listeners.entry(account).or_default().push(Arc::clone(&ear));
        self.inner.count.fetch_add(1, Ordering::Relaxed);
        Listener {
            changes: self.clone(),
            account,
            ear,
        }
    }

    /// Whether there is nobody to tell.
    pub(crate) fn is_unheard(&self) -> bool {
        self.inner.count.load(Ordering::Relaxed) == 0
    }

    /// Something of an account changed.
    pub(crate) fn note(&self, account: AccountId, change: Change) {
        if self.is_unheard() {
            return;
        }
        for ear in self.lock().get(&account).into_iter().flatten() {
            ear.hear(change);
        }
    }

    /// Something of these accounts changed.
    pub(crate) fn note_each(&self, accounts: impl IntoIterator<Item = AccountId>, change: Change) {
        if self.is_unheard() {
            return;
        }
        let mut told = None;
        for account in accounts {
            // Neighbours are mostly of one account.
            if told.replace(account) != Some(account) {
                self.note(account, change);
            }
        }
    }

    /// Something changed that is everybody's, or nobody knows whose.
    pub(crate) fn note_all(&self, change: Change) {
        if self.is_unheard() {
            return;
        }
        for ear in self.lock().values().flatten() {
            ear.hear(change);
        }
    }
}

impl Listener {
    /// Returns once something changed since the last time.
    pub(crate) async fn changed(&self) {
        self.ear.wake.notified().await;
    }

    /// What changed since the last time.
    pub(crate) fn take(&self) -> Vec<Change> {
        let heard = self.ear.heard.swap(0, Ordering::Relaxed);
        let all = Change::ALL.into_iter();
        all.filter(|change| heard & change.bit() != 0).collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut listeners = self.changes.lock();
        if let Some(ears) = listeners.get_mut(&self.account) {
            ears.retain(|ear| !Arc::ptr_eq(ear, &self.ear));
            if ears.is_empty() {
                listeners.remove(&self.account);
            }
        }
        self.changes.inner.count.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn each_hears_of_its_own_account_once_and_nobody_is_kept() {
        let changes = Changes::default();
        assert!(changes.is_unheard());
        let mine = changes.listen(AccountId(1));
        let other = changes.listen(AccountId(2));
        changes.note(AccountId(1), Change::Queues);
        changes.note_each([AccountId(1), AccountId(1)], Change::Jobs);
        assert!(mine.changed().now_or_never().is_some());
        assert_eq!(mine.take(), [Change::Jobs, Change::Queues]);
        assert!(mine.changed().now_or_never().is_none(), "that was all");
        assert!(
            other.changed().now_or_never().is_none(),
            "another account's"
        );
        changes.note_all(Change::Workers);
        assert_eq!(mine.take(), [Change::Workers]);
        assert_eq!(other.take(), [Change::Workers]);
        drop((mine, other));
        assert!(changes.is_unheard() && changes.lock().is_empty());
    }
}
