//! What a job uses: totals of one that ended, samples of one that runs.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a job used. Times in microseconds, sizes in bytes.
///
/// A process serves many jobs; what it used for one is never part of another's figures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Usage {
    /// Wall-clock time of the function itself.
    #[serde(default)]
    pub runtime_us: u64,
    /// Processor time in user mode, of all processes of the job.
    #[serde(default)]
    pub cpu_user_us: u64,
    /// Processor time in the kernel.
    #[serde(default)]
    pub cpu_system_us: u64,
    /// The most memory seen in use: resident memory and files in memory, without what the kernel
    /// keeps of files on disk and could give up. 0 if it was never looked at.
    #[serde(default)]
    pub memory_peak_bytes: u64,
    /// Allocations that failed, and processes that the kernel ended for want of memory.
    #[serde(default)]
    pub memory_failures: u64,
    /// The most swap seen in use. A sandbox grants none.
    #[serde(default)]
    pub swap_peak_bytes: u64,
    /// The most seen in the job's files: working directory, home and `/tmp`.
    #[serde(default)]
    pub disk_peak_bytes: u64,
    /// Read from disks, and written to them.
    #[serde(default)]
    pub disk_read_bytes: u64,
    #[serde(default)]
    pub disk_write_bytes: u64,
    /// Received from the network; none where the worker cannot tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_received_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_sent_bytes: Option<u64>,
}

/// What a running job used up to a second of its life.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Sample {
    /// Whole seconds since the attempt began.
    pub second: u32,
    /// Processor time since the attempt began, in microseconds.
    #[serde(default)]
    pub cpu_user_us: u64,
    #[serde(default)]
    pub cpu_system_us: u64,
    /// In use at this moment, as in `Usage`.
    #[serde(default)]
    pub memory_bytes: u64,
    #[serde(default)]
    pub swap_bytes: u64,
    #[serde(default)]
    pub disk_bytes: u64,
    /// Since the attempt began.
    #[serde(default)]
    pub disk_read_bytes: u64,
    #[serde(default)]
    pub disk_write_bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_received_bytes: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub net_sent_bytes: Option<u64>,
    /// Processes of the job at this moment.
    #[serde(default)]
    pub processes: u32,
}

/// A port that a running job listens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
pub struct Port {
    pub protocol: Protocol,
    pub port: u16,
}

/// What a port speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    Tcp,
    Udp,
}

/// Seconds between the samples that are kept of a job that has run for `seconds`: one up to ten
/// minutes, five up to an hour, then thirty.
pub fn grain(seconds: u32) -> u32 {
    match seconds {
        0..=600 => 1,
        601..=3_600 => 5,
        _ => 30,
    }
}
