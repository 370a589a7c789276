//! Who waits for messages of which queue. As with other waiters, only hints go through here.
//!
//! Messages call one waiter, not all: of thirty handlers that wait, one message is for one. Whoever
//! is called and may have left some behind calls the next. What is called and goes away without
//! having looked does too.

use picloud_types::QueueId;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Notify;

/// What a waiter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Who {
    /// Somebody who pops by hand.
    Person,
    /// A handler job.
    Handler,
}

/// See the module's documentation. Clones are the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct QueueWaiters {
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    queues: HashMap<QueueId, Vec<Entry>>,
    next: u64,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    who: Who,
    /// It was called and has not looked yet.
    called: bool,
    wake: Arc<Notify>,
}

/// One waiter. Dropped, it waits no more.
#[derive(Debug)]
pub(crate) struct QueueWaiter {
    waiters: QueueWaiters,
    queue: QueueId,
    number: u64,
    wake: Arc<Notify>,
}

impl QueueWaiters {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins to wait. Join first, look at the store second: then nothing is missed.
    pub(crate) fn join(&self, queue: QueueId, who: Who) -> QueueWaiter {
        let wake = Arc::new(Notify::new());
        let mut state = self.lock();
        state.next += 1;
        let number = state.next;
        state.queues.entry(queue).or_default().push(Entry {
            number,
            who,
            called: false,
            wake: Arc::clone(&wake),
        });
        QueueWaiter {
            waiters: self.clone(),
            queue,
            number,
            wake,
        }
    }

    /// There are messages: calls who has waited longest, of those not called yet.
    pub(crate) fn call(&self, queue: QueueId) {
        let mut state = self.lock();
        let entries = state.queues.get_mut(&queue);
        if let Some(entry) = entries.and_then(|all| all.iter_mut().find(|e| !e.called)) {
            entry.called = true;
            entry.wake.notify_one();
        }
    }

    /// Something that concerns all of them changed.
    pub(crate) fn call_all(&self, queue: QueueId) {
        for entry in self.lock().queues.get_mut(&queue).into_iter().flatten() {
            entry.called = true;
            entry.wake.notify_one();
        }
    }

    /// Handlers that wait and have not been called: each would take a message that comes now.
    pub(crate) fn idle_handlers(&self, queue: QueueId) -> u32 {
        let state = self.lock();
        let entries = state.queues.get(&queue).into_iter().flatten();
        let idle = entries.filter(|e| e.who == Who::Handler && !e.called);
        u32::try_from(idle.count()).unwrap_or(u32::MAX)
    }
}

impl QueueWaiter {
    /// Returns once called; a call since the last time counts.
    pub(crate) async fn called(&self) {
        self.wake.notified().await;
        let mut state = self.waiters.lock();
        let entries = state.queues.get_mut(&self.queue).into_iter().flatten();
        for entry in entries.filter(|e| e.number == self.number) {
            entry.called = false;
        }
    }

    /// Calls the next one: this one has taken what it may, and there may be more.
    pub(crate) fn pass_on(&self) {
        self.waiters.call(self.queue);
    }
}

impl Drop for QueueWaiter {
    fn drop(&mut self) {
        let mut state = self.waiters.lock();
        let Some(entries) = state.queues.get_mut(&self.queue) else {
            return;
        };
        let mut called = false;
        entries.retain(|e| {
            called |= e.number == self.number && e.called;
            e.number != self.number
        });
        if entries.is_empty() {
            state.queues.remove(&self.queue);
        }
        drop(state);
        if called {
            self.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;

    const Q: QueueId = QueueId(1);

    fn is_called(waiter: &QueueWaiter) -> bool {
        waiter.called().now_or_never().is_some()
    }

    #[test]
    fn messages_call_one_after_the_other_and_changes_all() {
        let waiters = QueueWaiters::default();
        let [a, b] = [Who::Handler, Who::Person].map(|who| waiters.join(Q, who));
        let other = waiters.join(QueueId(2), Who::Handler);
        waiters.call(Q);
        assert_eq!(waiters.idle_handlers(Q), 0, "called, it is not idle");
        waiters.call(Q);
        waiters.call(Q);
        assert!(is_called(&a) && is_called(&b), "two calls, two waiters");
        assert!(
            !is_called(&a) && !is_called(&b),
            "a third counts for nothing"
        );
        assert_eq!(waiters.idle_handlers(Q), 1, "people are no handlers");
        a.pass_on();
        assert!(is_called(&a), "who has waited longest, be it the same");
        waiters.call_all(Q);
        assert!(is_called(&a) && is_called(&b));
        assert!(!is_called(&other), "another queue's");
    }

    #[test]
    fn a_call_to_somebody_who_leaves_reaches_the_next() {
        let waiters = QueueWaiters::default();
        let (gone, stays) = (waiters.join(Q, Who::Person), waiters.join(Q, Who::Handler));
        waiters.call(Q);
        assert!(!is_called(&stays));
        drop(gone);
        assert!(is_called(&stays));
        drop(stays);
        assert!(waiters.lock().queues.is_empty(), "nobody is kept");
    }
}
