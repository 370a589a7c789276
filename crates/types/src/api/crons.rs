//! Crons: jobs by the clock.

use crate::{Jid, JobSpec, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// What happens at a tick while the job of an earlier one has not ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Overlap {
    /// Another job starts beside it.
    #[default]
    Allow,
    /// The tick is skipped, and that is recorded.
    Skip,
    /// Another job waits until it has ended.
    Queue,
}

/// Header of the framed `PUT /v1/crons/{label}`; the payloads of function and arguments follow. A label in use is replaced; what happened is kept.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CronHeader {
    pub spec: JobSpec,
    /// Five fields with spaces between: minute, hour, day of the month, month, day of the week.
    pub schedule: String,
    /// Name of a time zone, such as `Europe/Berlin`; UTC when missing.
    #[serde(default)]
    pub timezone: Option<String>,
    #[serde(default)]
    pub overlap: Overlap,
    /// Name of the machine that registers it.
    #[serde(default)]
    pub creator_host: Option<String>,
}

/// `PATCH /v1/crons/{label}`: what is given is changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CronChange {
    /// Ticks pass unheeded while it is true; they are not made up for.
    #[serde(default)]
    pub paused: Option<bool>,
    #[serde(default)]
    pub schedule: Option<String>,
    /// An empty one is UTC.
    #[serde(default)]
    pub timezone: Option<String>,
    #[serde(default)]
    pub overlap: Option<Overlap>,
}

/// A cron.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct CronInfo {
    pub label: String,
    pub schedule: String,
    pub timezone: String,
    pub overlap: Overlap,
    pub paused: bool,
    pub created: Timestamp,
    pub creator_host: Option<String>,
    pub function: String,
    pub core_type: String,
    pub cores: u32,
    /// The last tick that made a job, and that job; also runs by hand.
    pub last_run: Option<Timestamp>,
    pub last_jid: Option<Jid>,
    /// The next five ticks; none while it is paused.
    pub next: Vec<Timestamp>,
}

/// `GET /v1/crons`, by label.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct CronList {
    pub crons: Vec<CronInfo>,
}

/// `POST /v1/crons/preview`: whether a schedule is one, and when it would fire.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PreviewRequest {
    pub schedule: String,
    #[serde(default)]
    pub timezone: Option<String>,
    /// From then on; now when missing.
    #[serde(default)]
    pub after: Option<Timestamp>,
    /// 1 to 1,000; 5 when missing.
    #[serde(default)]
    pub count: Option<u32>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Preview {
    pub next: Vec<Timestamp>,
}

/// Query of `GET /v1/crons/{label}/firings`, newest first.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct FiringsQuery {
    /// Only those recorded before this one: the `id` of the last of the page before.
    #[serde(default)]
    pub before: Option<i64>,
    /// 1 to 1,000; 100 when missing.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// What became of ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FiringKind {
    /// It made a job.
    Fired,
    /// It was run by hand.
    Manual,
    /// Skipped because the job before had not ended.
    Overlapped,
    /// Nobody was there when it was due.
    Missed,
    /// No job could be made, for the reason in `because`.
    Failed,
}

/// One record. `Missed` ones stand for all ticks of one outage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Firing {
    pub id: i64,
    pub kind: FiringKind,
    /// The tick; the first one of those missed.
    pub tick: Timestamp,
    /// When it was recorded.
    pub at: Timestamp,
    pub jid: Option<Jid>,
    /// Ticks it stands for.
    pub ticks: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
}

/// `GET /v1/crons/{label}/firings`. The last 1,000 of each cron are kept.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Firings {
    pub firings: Vec<Firing>,
}

/// `POST /v1/crons/{label}/run`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CronRun {
    pub jid: Jid,
}
