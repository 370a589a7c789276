//! Who waits for what. Only hints go through here: a woken waiter reads the store again, and
//! reads it now and then without being woken.

use picloud_types::{Jid, JidSet};
use std::{
    collections::HashMap,
    hash::Hash,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::sync::Notify;

/// Waiters by key (such as the account), each with the bounds of the ids it looks at.
#[derive(Debug)]
pub(crate) struct Waiters<K> {
    state: Arc<Mutex<State<K>>>,
}

#[derive(Debug)]
struct State<K> {
    entries: HashMap<K, Vec<Entry>>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    low: Jid,
    high: Jid,
    wake: Arc<Notify>,
}

/// One waiter. Dropped, it waits no more.
#[derive(Debug)]
pub(crate) struct Waiter<K: Eq + Hash + Copy> {
    state: Arc<Mutex<State<K>>>,
    key: K,
    number: u64,
    wake: Arc<Notify>,
}

impl<K: Eq + Hash + Copy> Waiters<K> {
    pub(crate) fn new() -> Self {
        Self {
            state: Arc::new(Mutex::new(State {
                entries: HashMap::new(),
                next: 0,
            })),
        }
    }

    /// Begins to wait. Register first, look at the store second: then nothing is missed.
    pub(crate) fn register(&self, key: K, jids: &JidSet) -> Waiter<K> {
        let (low, high) = jids.bounds().unwrap_or((Jid(1), Jid(0)));
        let wake = Arc::new(Notify::new());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.next += 1;
        let number = state.next;
        let entry = Entry {
            number,
            low,
            high,
            wake: Arc::clone(&wake),
        };
        state.entries.entry(key).or_default().push(entry);
        Waiter {
            state: Arc::clone(&self.state),
            key,
            number,
            wake,
        }
    }

    /// Something happened to these jobs.
    pub(crate) fn wake(&self, jobs: impl IntoIterator<Item = (K, Jid)>) {
        let mut spans: Vec<(K, Jid, Jid)> = Vec::new();
        for (key, jid) in jobs {
            match spans.iter_mut().find(|(k, _, _)| *k == key) {
                Some((_, low, high)) => (*low, *high) = (jid.min(*low), jid.max(*high)),
                None => spans.push((key, jid, jid)),
            }
        }
        if spans.is_empty() {
            return;
        }
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, low, high) in spans {
            for entry in state.entries.get(&key).into_iter().flatten() {
                if entry.low <= high && low <= entry.high {
                    entry.wake.notify_one();
                }
            }
        }
    }
}

impl<K: Eq + Hash + Copy> Waiter<K> {
    /// Returns once woken; a wake since the last time counts.
    pub(crate) async fn woken(&self) {
        self.wake.notified().await;
    }
}

impl<K: Eq + Hash + Copy> Drop for Waiter<K> {
    fn drop(&mut self) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(entries) = state.entries.get_mut(&self.key) {
            entries.retain(|e| e.number != self.number);
            if entries.is_empty() {
                state.entries.remove(&self.key);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    #[test]
    fn only_those_concerned_are_woken_and_nobody_is_kept_after_leaving() {
        let waiters = Waiters::new();
        let mine = waiters.register(1, &"5-9,20".parse().expect("valid"));
        let others = waiters.register(2, &"5-9".parse().expect("valid"));
        let elsewhere = waiters.register(1, &"30".parse().expect("valid"));
        waiters.wake([(1, Jid(7))]);
        assert!(
            mine.woken().now_or_never().is_some(),
            "woken before it looked"
        );
        assert!(
            mine.woken().now_or_never().is_none(),
            "one wake counts once"
        );
        assert!(
            others.woken().now_or_never().is_none(),
            "another account's job"
        );
        assert!(elsewhere.woken().now_or_never().is_none(), "other ids");
        drop((mine, others, elsewhere));
        assert!(
            waiters
                .state
                .lock()
                .expect("not poisoned")
                .entries
                .is_empty()
        );
    }
}
