//! Ids as distinct types, so that mixing two does not compile.

use serde::{Deserialize, Serialize};
use std::fmt;
use utoipa::ToSchema;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, ToSchema)]
        #[serde(transparent)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }
    };
}

id!(
    /// An account: the owner of jobs, keys and data.
    AccountId(i64)
);
id!(
    /// The public half of an API key, the user name of HTTP Basic authentication.
    ApiKey(i64)
);
id!(
    /// One job. Positive, and increasing in the order jobs were made.
    Jid(i64)
);
id!(
    /// What jobs of one submission have in common, stored once: see `JobSpec`.
    SpecId(i64)
);
id!(
    /// A group of jobs that any worker either can or cannot run: see `Requirements`.
    ClassId(i64)
);
id!(
    /// One queue. Never used twice, so a queue that was deleted and made anew is another.
    QueueId(i64)
);
id!(
    /// One life of one worker process. A restarted worker gets a new one.
    WorkerId(i64)
);
id!(
    /// How many times a job was handed to a worker; also the fence that refuses late reports.
    Attempt(u32)
);
