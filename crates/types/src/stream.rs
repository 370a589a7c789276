//! What a job says, kept apart by who said it.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// One of a job's five output streams. The numbers are what the store keeps.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema,
)]
#[serde(rename_all = "lowercase")]
#[repr(u8)]
pub enum Stream {
    /// Standard output.
    Stdout = 0,
    /// Standard error.
    Stderr = 1,
    /// Records of Python's `logging`.
    Logging = 2,
    /// Remarks of the platform about the job.
    Pilog = 3,
    /// What the system saw, such as a crash.
    Syslog = 4,
}

impl Stream {
    /// All streams, in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Stdout,
        Self::Stderr,
        Self::Logging,
        Self::Pilog,
        Self::Syslog,
    ];

    /// The name used in URLs, fields and on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Stdout => "stdout",
            Self::Stderr => "stderr",
            Self::Logging => "logging",
            Self::Pilog => "pilog",
            Self::Syslog => "syslog",
        }
    }

    /// The stream with this number.
    pub fn from_number(number: u8) -> Option<Self> {
        Self::ALL.get(usize::from(number)).copied()
    }
}

impl fmt::Display for Stream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The text names no stream.
#[derive(Debug, thiserror::Error)]
#[error("{0:?} is not an output stream; use stdout, stderr, logging, pilog or syslog")]
pub struct BadStream(pub String);

impl FromStr for Stream {
    type Err = BadStream;

    fn from_str(text: &str) -> Result<Self, BadStream> {
        Self::ALL
            .into_iter()
            .find(|s| s.name() == text)
            .ok_or_else(|| BadStream(text.to_owned()))
    }
}
