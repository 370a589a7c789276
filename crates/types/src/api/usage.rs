//! What accounts used, and what it costs.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// `GET /v1/usage`: sums of what ended between two days.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct UsageQuery {
    /// First day, `2026-11-26`, in UTC; without it 30 days before the last.
    #[serde(default)]
    pub from: Option<String>,
    /// Last day, included; today without it.
    #[serde(default)]
    pub to: Option<String>,
    /// What sums are kept apart by, separated by commas: `day`, `core_type`, `label`, `queue`,
    /// and for administrators `account`. Without it one sum.
    #[serde(default)]
    pub group_by: Option<String>,
    /// All accounts, not only the caller's (administrators).
    #[serde(default)]
    pub all_accounts: bool,
}

/// What sums are kept apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum UsageGroup {
    Day,
    CoreType,
    Label,
    Queue,
    Account,
}

/// Reply. Deleted jobs count too: they ran.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UsageReply {
    pub from: String,
    pub to: String,
    pub currency: String,
    pub total: UsageSum,
    /// Largest cost first, or by day where days are kept apart.
    pub rows: Vec<UsageRow>,
}

/// One sum with what it is kept apart by.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct UsageRow {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub day: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub core_type: Option<String>,
    /// Empty for jobs without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<String>,
    /// Empty for jobs of no queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    #[serde(flatten)]
    pub sum: UsageSum,
}

/// Jobs, their core time and its price.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct UsageSum {
    pub jobs: u64,
    /// Milliseconds of run time times cores.
    pub core_ms: u64,
    /// Processor time used, in microseconds.
    pub cpu_us: u64,
    pub cost: f64,
}
