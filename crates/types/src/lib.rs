//! The words every part of picloud shares: ids, states, requests and replies, limits.
//!
//! Data only. Nothing here performs I/O, reads a clock or draws randomness, so any part may
//! depend on it and any test may build its values by hand. Serialised shapes are promises to
//! clients of other versions: add fields with a default, never change what one means.

pub mod api;
pub mod core_type;
pub mod error;
pub mod frames;
pub mod hash;
pub mod ids;
pub mod jids;
pub mod limits;
pub mod message;
pub mod object_key;
pub mod outcome;
pub mod payload;
pub mod pickle;
pub mod queue_name;
pub mod result_form;
pub mod spec;
pub mod state;
pub mod stream;
pub mod terminal;
pub mod time;
pub mod tree;
pub mod usage;

pub use error::{ApiError, ErrorBody, ErrorKind};
pub use hash::Hash;
pub use ids::{AccountId, ApiKey, Attempt, ClassId, Jid, QueueId, SpecId, WorkerId};
pub use jids::JidSet;
pub use object_key::ObjectKey;
pub use outcome::{CoresOf, Failure, Outcome, ResourceLimit, Verdict};
pub use payload::Payload;
pub use queue_name::QueueName;
pub use spec::{DependencyErrors, JobSpec, Language};
pub use state::JobState;
pub use stream::Stream;
pub use time::Timestamp;
pub use usage::{Port, Protocol, Sample, Usage};
