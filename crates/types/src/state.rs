//! The life of a job.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// Where a job is in its life. The numbers are what the store keeps.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum JobState {
    /// Waits for the jobs it depends on.
    Waiting = 0,
    /// May run as soon as a worker has room.
    Queued = 1,
    /// Handed to a worker, which has not said that it began. Shown to people as `queued`.
    Claimed = 2,
    /// Runs now.
    Processing = 3,
    /// Ended with a result.
    Done = 4,
    /// Ended with a failure.
    Error = 5,
    /// Ended because its owner or its time limit said so.
    Killed = 6,
    /// Never ran: a job it depends on failed.
    Stalled = 7,
}

impl JobState {
    /// All states, in the order of their numbers.
    pub const ALL: [Self; 8] = [
        Self::Waiting,
        Self::Queued,
        Self::Claimed,
        Self::Processing,
        Self::Done,
        Self::Error,
        Self::Killed,
        Self::Stalled,
    ];

    /// Whether the job will never change again.
    pub fn is_finished(self) -> bool {
        self >= Self::Done
    }

    /// Whether the job ended in any way but `done`.
    pub fn is_failed(self) -> bool {
        self > Self::Done
    }

    /// The state as people see it: `Claimed` is an inner matter and shows as `queued`.
    pub fn public_name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Queued | Self::Claimed => "queued",
            Self::Processing => "processing",
            Self::Done => "done",
            Self::Error => "error",
            Self::Killed => "killed",
            Self::Stalled => "stalled",
        }
    }

    /// The state with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for JobState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.public_name())
    }
}

/// The text names no public job state.
#[derive(Debug, thiserror::Error)]
#[error(
    "{0:?} is not a job status; use waiting, queued, processing, done, error, killed or stalled"
)]
pub struct BadState(pub String);

impl FromStr for JobState {
    type Err = BadState;

    fn from_str(text: &str) -> Result<Self, BadState> {
        Self::ALL
            .into_iter()
            .find(|s| s.public_name() == text)
            .ok_or_else(|| BadState(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_lead_back_to_the_state() {
        for state in JobState::ALL {
            assert_eq!(JobState::from_number(state as u8), Some(state));
            let named: JobState = state.public_name().parse().expect("a public name parses");
            assert_eq!(named.public_name(), state.public_name());
        }
        assert!(
            "claimed".parse::<JobState>().is_err(),
            "an inner state has no public name"
        );
    }
}
