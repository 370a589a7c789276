//! How often published functions are called by others than their account: a bucket of calls each, which fills evenly over the
//! minute. In memory, as it is for peace and cost: a server that starts anew begins with full ones.

use picloud_types::AccountId;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

const MINUTE: Duration = Duration::from_secs(60);
/// Functions that are counted at one time; those whose buckets are full again need not be.
const COUNTED_MAX: usize = 10_000;

/// Whose function it is, and its label.
type Function = (AccountId, String);

/// See the module's documentation.
#[derive(Debug, Default)]
pub(crate) struct CallLimits {
    /// When the bucket of each is full again.
    full: Mutex<HashMap<Function, Instant>>,
}

impl CallLimits {
    /// Takes so many calls out of the bucket, or none, and says how long it is until there are as many.
    pub(crate) fn take(
        &self,
        function: Function,
        calls: u32,
        per_minute: u32,
        now: Instant,
    ) -> Result<(), Duration> {
        let mut full = self.full.lock().unwrap_or_else(PoisonError::into_inner);
        if full.len() >= COUNTED_MAX && !full.contains_key(&function) {
            full.retain(|_, full| *full > now);
        }
        // One call takes this long to come back.
        let one = MINUTE / per_minute.max(1);
        let before = full.get(&function).copied().unwrap_or(now).max(now);
        let after = before + one * calls;
        let left = after.saturating_duration_since(now + MINUTE);
        // Parts of calls that were lost in dividing are nobody's loss.
        if left > Duration::from_micros(1) {
            return Err(left);
        }
        full.insert(function, after);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn so_many_calls_go_at_once_and_then_evenly() {
        let limits = CallLimits::default();
        let mut now = Instant::now();
        let take = |now| limits.take((AccountId(1), "f".to_owned()), 1, 60, now);
        for _ in 0..60 {
            assert_eq!(take(now), Ok(()));
        }
        assert_eq!(take(now), Err(Duration::from_secs(1)));
        now += Duration::from_secs(1);
        assert_eq!(take(now), Ok(()));
        assert!(take(now).is_err());
        now += MINUTE * 2;
        for _ in 0..60 {
            assert_eq!(take(now), Ok(()), "it is full, and no fuller");
        }
        assert!(take(now).is_err());
        let others = limits.take((AccountId(2), "f".to_owned()), 1, 60, now);
        assert_eq!(others, Ok(()), "another account's");
    }

    #[test]
    fn many_calls_at_once_are_taken_together_or_not_at_all() {
        let limits = CallLimits::default();
        let now = Instant::now();
        let take = |calls| limits.take((AccountId(1), "f".to_owned()), calls, 60, now);
        assert_eq!(take(50), Ok(()));
        assert_eq!(take(20), Err(Duration::from_secs(10)));
        assert_eq!(take(10), Ok(()));
        assert!(take(1).is_err());
    }

    #[test]
    fn full_buckets_are_not_remembered_for_ever() {
        let limits = CallLimits::default();
        let now = Instant::now();
        for i in 0..2 * COUNTED_MAX {
            let later = now + Duration::from_secs(i as u64);
            let taken = limits.take((AccountId(1), i.to_string()), 1, 60, later);
            assert_eq!(taken, Ok(()));
        }
        assert!(limits.full.lock().expect("not poisoned").len() <= COUNTED_MAX);
    }
}
