//! How many streams of events an account has open. Each holds a connection for as long as a job
//! runs, so one account must not have them all.

use crate::refusal::{Answer, Refusal};
use picloud_types::{AccountId, ErrorKind};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

/// Streams of one account at a time.
const OPEN_MAX: u32 = 64;

#[derive(Debug, Default)]
pub(crate) struct EventStreams {
    open: Arc<Mutex<HashMap<AccountId, u32>>>,
}

/// One open stream. Dropped, it makes room for another.
#[derive(Debug)]
pub(crate) struct Place {
    open: Arc<Mutex<HashMap<AccountId, u32>>>,
    account: AccountId,
}

impl EventStreams {
    pub(crate) fn enter(&self, account: AccountId) -> Answer<Place> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(account).or_default();
        if *count >= OPEN_MAX {
            let msg = format!("this account has {OPEN_MAX} streams of events open");
            return Err(Refusal::new(ErrorKind::Unavailable, msg)
                .hint("close some, or ask for the series now and then"));
        }
        *count += 1;
        Ok(Place {
            open: Arc::clone(&self.open),
            account,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.account) {
            *count -= 1;
            if *count == 0 {
                open.remove(&self.account);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_has_so_many_places_and_gets_them_back() {
        let streams = EventStreams::default();
        let places: Vec<_> = (0..OPEN_MAX)
            .map(|_| streams.enter(AccountId(1)).expect("a free place"))
            .collect();
        let refused = streams.enter(AccountId(1)).expect_err("all are taken");
        assert!(refused.0.retry, "later there may be room");
        streams.enter(AccountId(2)).expect("another account");
        drop(places);
        streams.enter(AccountId(1)).expect("a place came free");
        assert!(streams.open.lock().expect("not poisoned").is_empty());
    }
}
