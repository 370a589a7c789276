//! Slows guessing of passwords down: after some failures for one account from one address, each further
//! try has to wait, twice as long every time. A try that comes early is refused unlooked-at.
//!
//! Of IPv6 a network counts as one address: whoever has one there has 2^64 of them.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr},
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Failures that cost nothing.
const FREE: u32 = 5;
const WAIT_MIN: Duration = Duration::from_secs(1);
const WAIT_MAX: Duration = Duration::from_secs(5 * 60);
/// Failures are forgotten after this long without another.
const FORGOTTEN: Duration = Duration::from_secs(3600);
/// Pairs of account and address remembered at one time.
const REMEMBERED_MAX: usize = 10_000;

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct Throttle {
    tries: Mutex<HashMap<(String, IpAddr), Tries>>,
}

#[derive(Clone, Copy, Debug)]
struct Tries {
    failures: u32,
    last: Instant,
}

impl Tries {
    fn wait(self) -> Duration {
        match self.failures.checked_sub(FREE) {
            None => Duration::ZERO,
            Some(doublings) => WAIT_MIN
                .saturating_mul(2_u32.saturating_pow(doublings))
                .min(WAIT_MAX),
        }
    }
}

impl Throttle {
    /// Begins a try, or says how long to wait. It counts as failed until it is said to have gone well,
    /// so that many at once are not more guesses than one after the other.
    pub(crate) fn begin(&self, account: &str, from: IpAddr, now: Instant) -> Result<(), Duration> {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (account.to_owned(), one_of_many(from));
        if !tries.contains_key(&key) && tries.len() >= REMEMBERED_MAX {
            make_room(&mut tries, now);
        }
        let known = tries.entry(key).or_insert(Tries {
            failures: 0,
            last: now,
        });
        if now.duration_since(known.last) >= FORGOTTEN {
            known.failures = 0;
        }
        let left = (known.last + known.wait()).saturating_duration_since(now);
        if !left.is_zero() {
            return Err(left);
        }
        known.failures += 1;
        known.last = now;
        Ok(())
    }

    /// A try went well.
    pub(crate) fn clear(&self, account: &str, from: IpAddr) {
        let mut tries = self.tries.lock().unwrap_or_else(PoisonError::into_inner);
        tries.remove(&(account.to_owned(), one_of_many(from)));
    }
}

/// The address that stands for all that somebody has who has this one.
fn one_of_many(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let network = address.to_bits() & (u128::MAX << 64);
            IpAddr::V6(Ipv6Addr::from_bits(network))
        }
    }
}

/// Forgets what is old; if nothing is, who failed least.
fn make_room(tries: &mut HashMap<(String, IpAddr), Tries>, now: Instant) {
    tries.retain(|_, known| now.duration_since(known.last) < FORGOTTEN);
    if tries.len() < REMEMBERED_MAX {
        return;
    }
    let least = tries.iter().min_by_key(|(_, t)| (t.failures, t.last));
    if let Some(key) = least.map(|(key, _)| key.clone()) {
        tries.remove(&key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn waits_double_from_the_sixth_try_on_up_to_five_minutes() {
        let throttle = Throttle::default();
        let mut now = Instant::now();
        for _ in 0..FREE {
            assert_eq!(throttle.begin("ada", HERE, now), Ok(()));
        }
        for seconds in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            let wait = Duration::from_secs(seconds);
            assert_eq!(throttle.begin("ada", HERE, now), Err(wait));
            now += wait;
            assert_eq!(throttle.begin("ada", HERE, now), Ok(()));
        }
        assert_eq!(throttle.begin("bob", HERE, now), Ok(()), "another account");
        let there = "127.0.0.2".parse().expect("an address");
        assert_eq!(throttle.begin("ada", there, now), Ok(()), "another address");
        now += FORGOTTEN;
        for _ in 0..FREE {
            assert_eq!(throttle.begin("ada", HERE, now), Ok(()));
        }
        throttle.clear("ada", HERE);
        assert_eq!(throttle.begin("ada", HERE, now), Ok(()), "it went well");
    }

    #[test]
    fn all_addresses_of_somebody_are_one() {
        let throttle = Throttle::default();
        let now = Instant::now();
        let begin = |from: &str| throttle.begin("ada", from.parse().expect("an address"), now);
        for last in 0..FREE {
            assert_eq!(begin(&format!("2001:db8::{last}")), Ok(()));
        }
        assert!(begin("2001:db8::ffff:1").is_err(), "the same network");
        assert_eq!(begin("2001:db8:0:1::1"), Ok(()), "another network");
        for _ in 0..FREE {
            assert_eq!(begin("::ffff:192.0.2.1"), Ok(()));
        }
        assert!(
            begin("192.0.2.1").is_err(),
            "the same address, written otherwise"
        );
        throttle.clear("ada", "2001:db8::9".parse().expect("an address"));
        assert_eq!(begin("2001:db8::1"), Ok(()), "it went well");
    }

    #[test]
    fn a_full_table_forgets_who_failed_least() {
        let (throttle, now) = (Throttle::default(), Instant::now());
        for _ in 0..FREE {
            throttle.begin("guesser", HERE, now).expect("free");
        }
        for i in 0..2 * REMEMBERED_MAX {
            throttle.begin(&i.to_string(), HERE, now).expect("free");
        }
        assert_eq!(
            throttle.tries.lock().expect("not poisoned").len(),
            REMEMBERED_MAX
        );
        assert!(
            throttle.begin("guesser", HERE, now).is_err(),
            "it is still known"
        );
    }
}
