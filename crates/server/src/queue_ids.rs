//! Which id a queue has by name: for waiters, who must be where calls come before they look.
//! A hint: one that is out of date costs a waiter a second.

use crate::app::{App, now};
use picloud_store::StoreError;
use picloud_types::{AccountId, QueueId, QueueName};
use std::{
    collections::HashMap,
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Mutex, MutexGuard, PoisonError},
};

/// Names remembered at one time.
const REMEMBERED_MAX: usize = 10_000;

/// Where those wait who wait for a queue that does not exist: an id that no queue has. A push through
/// this server calls.
pub(crate) fn not_yet(account: AccountId, name: &QueueName) -> QueueId {
    let mut hasher = DefaultHasher::new();
    (account, name).hash(&mut hasher);
    // Ids of queues are positive. Two names with one hash only wake each other.
    QueueId(-((hasher.finish() >> 1) as i64) - 1)
}

#[derive(Debug, Default)]
pub(crate) struct QueueIds {
    known: Mutex<HashMap<(AccountId, QueueName), QueueId>>,
}

impl QueueIds {
    fn lock(&self) -> MutexGuard<'_, HashMap<(AccountId, QueueName), QueueId>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The queue was deleted, or is said not to exist.
    pub(crate) fn forget(&self, account: AccountId, name: &QueueName) {
        self.lock().remove(&(account, name.clone()));
    }
}

/// The id, if the queue exists.
pub(crate) async fn queue_id(
    app: &App,
    account: AccountId,
    name: &QueueName,
) -> Result<Option<QueueId>, StoreError> {
    let key = (account, name.clone());
    let known = app.queue_ids.lock().get(&key).copied();
    if known.is_some() {
        return Ok(known);
    }
    let names = Some(vec![name.clone()]);
    let found = app.store.queue_list(account, names, now()).await?;
    let Some(queue) = found.first() else {
        return Ok(None);
    };
    let mut known = app.queue_ids.lock();
    if known.len() >= REMEMBERED_MAX {
        known.clear();
    }
    known.insert(key, queue.id);
    Ok(Some(queue.id))
}
