//! Who runs what next, and why a job still waits: pure decisions over plain data.
//!
//! Nothing here performs I/O, reads a clock or remembers anything. The caller reads the truth,
//! asks, and carries the answer out with guarded changes; if the world moved in between, a
//! guard refuses and the next round decides anew.

mod core_types;
mod crontab;
pub mod handlers;
mod plan;
mod why;

pub use core_types::{CoreTypes, Needs};
pub use crontab::{BadSchedule, Crontab};
pub use plan::{Assignment, Fleet, Group, WorkerOffer, plan};
pub use why::{WaitingJob, why_waiting};
