//! The pool of source addresses.

use std::{
    net::IpAddr,
    sync::{Arc, Mutex, PoisonError},
};

/// All addresses. The one that was given back longest ago is next, so that consecutive jobs
/// differ too while there are enough.
#[derive(Debug)]
pub(crate) struct Addresses {
    total: u32,
    free: Mutex<std::collections::VecDeque<IpAddr>>,
}

/// A taken address.
#[derive(Debug)]
pub(crate) struct Address {
    pool: Arc<Addresses>,
    ip: IpAddr,
}

impl Addresses {
    pub(crate) fn new(mut ips: Vec<IpAddr>) -> Self {
        ips.sort_unstable();
        ips.dedup();
        Self {
            total: u32::try_from(ips.len()).unwrap_or(u32::MAX),
            free: Mutex::new(ips.into()),
        }
    }

    pub(crate) fn total(&self) -> u32 {
        self.total
    }

    pub(crate) fn free(&self) -> u32 {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        u32::try_from(free.len()).unwrap_or(u32::MAX)
    }

    pub(crate) fn take(self: &Arc<Self>) -> Option<Address> {
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        free.pop_front().map(|ip| Address {
            pool: Arc::clone(self),
            ip,
        })
    }
}

impl Address {
    pub(crate) fn ip(&self) -> IpAddr {
        self.ip
    }
}

impl Drop for Address {
    fn drop(&mut self) {
        let mut free = self.pool.free.lock();
        let free = free.as_mut().map_err(|_| ());
        if let Ok(free) = free {
            free.push_back(self.ip);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_taken_by_one_at_a_time_and_rests_before_it_is_taken_again() {
        let ips = ["127.0.0.2", "127.0.0.3"].map(|ip| ip.parse().expect("an address"));
        let pool = Arc::new(Addresses::new(ips.into()));
        let first = pool.take().expect("free").ip();
        let second = pool.take().expect("free");
        assert_ne!(first, second.ip());
        assert_eq!((pool.free(), pool.total()), (1, 2));
    }
}
