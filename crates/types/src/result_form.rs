//! How a result is written down. Pickles of Python begin with the byte 0x80, so what is no pickle says so in its first byte.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a job's function returns, and so what its result is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum ResultForm {
    /// Any Python value, pickled.
    #[default]
    Pickle,
    /// What JSON can say: the byte `J`, then JSON in UTF-8.
    Json,
    /// Bytes, or a text in UTF-8: the byte `R`, then those.
    Raw,
}

impl ResultForm {
    /// The form of a result by its first byte; none for one that is none.
    pub fn of(first: u8) -> Option<Self> {
        match first {
            0x80 => Some(Self::Pickle),
            b'J' => Some(Self::Json),
            b'R' => Some(Self::Raw),
            _ => None,
        }
    }

    /// Whether it is the one that is meant when nothing is said.
    pub fn is_default(&self) -> bool {
        *self == Self::Pickle
    }
}
