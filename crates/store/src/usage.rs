//! What jobs use and cost, on its way into the store and out of it.

use picloud_types::{AccountId, Attempt, JobState, Port, Sample, api::usage::UsageGroup};
use std::collections::BTreeMap;

/// What one core of a type costs for a millisecond, in millionths of a millionth of the currency.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Prices(BTreeMap<String, u64>);

impl Prices {
    /// The price of a core type; nothing for one without a price.
    pub fn of(&self, core_type: &str) -> u64 {
        self.0.get(core_type).copied().unwrap_or(0)
    }
}

impl FromIterator<(String, u64)> for Prices {
    fn from_iter<I: IntoIterator<Item = (String, u64)>>(prices: I) -> Self {
        Self(prices.into_iter().collect())
    }
}

/// Samples of the last attempt of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Series {
    pub attempt: Attempt,
    /// Where the job is now.
    pub state: JobState,
    /// Oldest first.
    pub samples: Vec<Sample>,
}

/// A running job as it was last heard of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobLive {
    /// The last two samples, the older one first; fewer where fewer came.
    pub samples: Vec<Sample>,
    /// The most that samples of this attempt said.
    pub memory_peak_bytes: u64,
    pub swap_peak_bytes: u64,
    pub disk_peak_bytes: u64,
    pub ports: Vec<Port>,
}

/// Which part of the ledger to read, and what to keep apart in it.
#[derive(Clone, Debug, Default)]
pub struct UsageFilter {
    /// All accounts if none.
    pub account: Option<AccountId>,
    /// Days since 1970-01-01, both included.
    pub first_day: i64,
    pub last_day: i64,
    pub by: Vec<UsageGroup>,
    /// Most rows.
    pub limit: u32,
}

/// A sum over the ledger, with what it is kept apart by.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UsageSums {
    pub day: Option<i64>,
    pub core_type: Option<String>,
    pub label: Option<String>,
    pub queue: Option<String>,
    pub account: Option<AccountId>,
    pub jobs: u64,
    pub core_ms: u64,
    pub cpu_us: u64,
    /// Of any size, so not a whole number.
    pub cost_pico: f64,
}
