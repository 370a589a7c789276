//! Names of queues.

use crate::limits::QUEUE_NAME_MAX;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};
use utoipa::ToSchema;

/// 1 to 39 letters, digits, `-` and `_` of ASCII. Its form in JSON is the name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
#[serde(try_from = "String", into = "String")]
#[schema(value_type = String)]
pub struct QueueName(String);

/// A text that is no name of a queue.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{0:?} is no name of a queue: it has 1 to {QUEUE_NAME_MAX} letters, digits, - and _")]
pub struct BadQueueName(String);

impl QueueName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for QueueName {
    type Err = BadQueueName;

    fn from_str(text: &str) -> Result<Self, BadQueueName> {
        let fits = (1..=QUEUE_NAME_MAX).contains(&text.len());
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        if fits && text.bytes().all(allowed) {
            Ok(Self(text.to_owned()))
        } else {
            // Enough of it to be recognised, whatever its length.
            Err(BadQueueName(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for QueueName {
    type Error = BadQueueName;

    fn try_from(text: String) -> Result<Self, BadQueueName> {
        text.parse()
    }
}

impl From<QueueName> for String {
    fn from(name: QueueName) -> Self {
        name.0
    }
}

impl fmt::Display for QueueName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_letters_digits_hyphens_and_underscores() {
        let longest = "q".repeat(QUEUE_NAME_MAX);
        for name in ["a", "img-urls", "Bad_URLs-2", "-", longest.as_str()] {
            assert_eq!(name.parse::<QueueName>().expect(name).as_str(), name);
        }
        let too_long = format!("{longest}q");
        for name in ["", "a b", "a/b", "ä", "a.b", "a\n", too_long.as_str()] {
            assert!(name.parse::<QueueName>().is_err(), "{name:?}");
        }
    }
}
