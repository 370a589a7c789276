//! What all handlers and duties share. Nothing in here is the truth: a server that loses all of
//! it goes on with what the store says.

use crate::{
    auth::{Cookie, JobTokens, KeyCache, Passwords, SessionCache, Throttle, WorkerToken},
    buckets::Buckets,
    call_limits::CallLimits,
    changes::Changes,
    event_streams::EventStreams,
    fleet::Fleet,
    handlers::Handlers,
    manifests::Manifests,
    md5s::Md5s,
    metrics::Metrics,
    published_cache::PublishedCache,
    queue_ids::QueueIds,
    queue_waiters::QueueWaiters,
    terminals::Terminals,
    waiters::Waiters,
};
use picloud_blob::Blobs;
use picloud_scheduler::CoreTypes;
use picloud_store::{Prices, Store};
use picloud_types::{AccountId, Timestamp};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::sync::{Notify, RwLock};
use tokio_util::sync::CancellationToken;

/// How it is passed around.
pub(crate) type Shared = Arc<App>;

/// A waiter that nobody woke looks at the store this often.
pub(crate) const LOOK_AGAIN: Duration = Duration::from_secs(1);

#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) core_types: CoreTypes,
    /// What the core types cost.
    pub(crate) prices: Arc<Prices>,
    pub(crate) currency: String,
    pub(crate) lease: Duration,
    /// An upload is kept at least this long, so that a submission can follow.
    pub(crate) upload_keep: Duration,
    pub(crate) payload_max_bytes: u64,
    pub(crate) body_timeout: Duration,
    pub(crate) fleet: Fleet,
    /// Waiters for ends of jobs.
    pub(crate) ends: Waiters<AccountId>,
    /// Those who watch single jobs: what they say, use and become.
    pub(crate) watchers: Waiters<()>,
    pub(crate) event_streams: EventStreams,
    /// Shells that terminals can be opened to.
    pub(crate) terminals: Terminals,
    /// Pages that are open, and want to know that something changed.
    pub(crate) changes: Changes,
    /// Something is queued, or somebody has room.
    pub(crate) dispatch: Arc<Notify>,
    /// Waiters for messages.
    pub(crate) queues: QueueWaiters,
    pub(crate) queue_ids: QueueIds,
    pub(crate) handlers: Handlers,
    /// Messages came, or an attachment changed: more handler jobs may be needed.
    pub(crate) messages: Arc<Notify>,
    /// Handler jobs ended.
    pub(crate) handlers_ended: Notify,
    /// Nobody wakes by this one: for duties that go by the clock alone.
    pub(crate) never: Notify,
    /// How long messages are kept in queues that say nothing of it.
    pub(crate) queue_retention: Duration,
    /// Published functions that are being called.
    pub(crate) published: PublishedCache,
    pub(crate) call_limits: CallLimits,
    /// When a cron fires next has changed.
    pub(crate) crons: Notify,
    /// Held while jobs are handed out: whoever holds it knows that none are on their way.
    pub(crate) handing_out: tokio::sync::Mutex<()>,
    /// A worker acknowledged a kill, or an attempt ended.
    pub(crate) kills: Notify,
    /// A worker said what its interpreters have installed.
    pub(crate) packages: Notify,
    /// Blobs nobody needs may be there.
    pub(crate) sweep: Notify,
    pub(crate) keys: KeyCache,
    pub(crate) sessions: SessionCache,
    pub(crate) cookie: Cookie,
    pub(crate) passwords: Passwords,
    /// Guesses of passwords.
    pub(crate) throttle: Throttle,
    pub(crate) job_tokens: JobTokens,
    pub(crate) worker_token: WorkerToken,
    pub(crate) buckets: Buckets,
    pub(crate) manifests: Manifests,
    pub(crate) md5s: Md5s,
    pub(crate) metrics: Metrics,
    /// Shared while uploads are recorded, exclusive while the sweep removes files: or a file
    /// could go between the look whether it is there and the record that it is.
    pub(crate) blob_gate: RwLock<()>,
    /// No new jobs are taken and none are handed out.
    pub(crate) intake_closed: CancellationToken,
    /// Everything ends: long polls answer at once.
    pub(crate) stopping: CancellationToken,
}

/// The time of day, for the store.
pub(crate) fn now() -> Timestamp {
    SystemTime::now().into()
}
