//! Queues, their messages, and the handlers attached to them, as the store keeps them.

use crate::Result;
use async_trait::async_trait;
use picloud_types::{
    AccountId, Attempt, Hash, Jid, JobSpec, Payload, QueueId, QueueName, Timestamp,
    api::queues::{
        AttachmentSettings, Finish, NumberedVersion, QueueChange, RateWindow, VersionList,
    },
    message::{Body, Delivered, Settled},
};
use std::time::Duration;

/// The verbs about queues; see `Store` for what holds of all verbs. A queue that does not exist is
/// made by `queue_push`, `queue_ensure` and `attachment_put`; for other verbs it is `NotFound`.
///
/// A message is in one of these states, and every verb moves it in one transaction:
/// *waiting* from a time on, *in flight* until a deadline or as long as a handler job's attempt lives, or gone.
#[async_trait]
pub trait QueueStore: Send + Sync + std::fmt::Debug + 'static {
    // Messages.

    /// Makes queues that are missing.
    async fn queue_ensure(
        &self,
        account: AccountId,
        names: Vec<QueueName>,
        now: Timestamp,
    ) -> Result<()>;
    /// Puts messages into a queue, all or none. A `key` seen before changes nothing and answers as the
    /// first time; with another number of messages it is `Conflict`. A blob that the account lacks is `BlobMissing`.
    async fn queue_push(&self, push: Push) -> Result<u64>;
    /// Takes up to `limit` waiting messages, longest waiting first: removes them, or with a deadline
    /// delivers them until then. Deadlines that are over are seen to first. Nothing of a paused queue.
    /// What it returns is on disk. Blobs of messages that were removed are kept until `keep_until`.
    async fn queue_pop(&self, pop: Pop) -> Result<Vec<Delivered>>;
    /// Removes messages in flight by their tickets; returns those tickets whose delivery is over.
    async fn queue_ack(
        &self,
        account: AccountId,
        queue: &QueueName,
        tickets: Vec<Ticket>,
        now: Timestamp,
    ) -> Result<Vec<Ticket>>;
    /// Gives deliveries another deadline; returns those tickets whose delivery is over.
    async fn queue_deadline(
        &self,
        account: AccountId,
        queue: &QueueName,
        tickets: Vec<Ticket>,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Ticket>>;

    // Care.

    /// Queues of an account by name: all of them, or those asked for that exist.
    async fn queue_list(
        &self,
        account: AccountId,
        names: Option<Vec<QueueName>>,
        now: Timestamp,
    ) -> Result<Vec<Queue>>;
    /// Messages that wait, longest waiting first, after the one `after`, at most `limit`. Nothing changes.
    async fn queue_peek(
        &self,
        account: AccountId,
        queue: &QueueName,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Peeked>>;
    /// Changes what is given; `NotFound` also for `max_parallel_jobs` without an attachment.
    async fn queue_change(
        &self,
        account: AccountId,
        queue: &QueueName,
        change: QueueChange,
        now: Timestamp,
    ) -> Result<()>;
    /// Moves waiting messages, at most `limit`, oldest first; returns how many there were. A move keeps the message as it
    /// is, with a new id; `Redrive` takes error messages only, which become what they were before, with no retry counted.
    async fn queue_move(
        &self,
        account: AccountId,
        queue: &QueueName,
        what: MoveWhat,
        limit: u32,
        now: Timestamp,
    ) -> Result<u64>;
    /// The waiting message becomes a new one, with no retry counted, in another queue or this one;
    /// `NotFound` if it does not wait any more.
    async fn queue_requeue(&self, requeue: Requeue) -> Result<()>;
    /// Removes a queue, its messages, its attachment with all versions and its rates. In transactions of `limit` messages, so
    /// that others need not wait; from the first one on the name is free. Returns whether it is done, which `queue_upkeep`
    /// sees to if the caller goes away.
    async fn queue_delete(
        &self,
        account: AccountId,
        queue: &QueueName,
        limit: u32,
        now: Timestamp,
    ) -> Result<bool>;
    /// Sums over the queues of all accounts, for metrics.
    async fn queue_totals(&self) -> Result<QueueTotals>;
    /// Windows from `since` on, oldest first, at most `limit`.
    async fn queue_rates(
        &self,
        account: AccountId,
        queue: &QueueName,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<RateWindow>>;
    /// Brings back messages whose deadline is over, drops those past their retention (`retention` for queues without
    /// one of their own), parts of deleted queues, and windows older than `rates_before`; at most `limit` messages.
    async fn queue_upkeep(
        &self,
        now: Timestamp,
        retention: Duration,
        rates_before: Timestamp,
        limit: u32,
    ) -> Result<Upkept>;

    // Handlers.

    /// Attaches a new version, which becomes the current one; makes the queue and all it sends to.
    /// Returns its number.
    async fn attachment_put(&self, new: AttachmentNew) -> Result<u32>;
    /// Ends the attachment; versions are kept, so that a rollback can bring it back. `NotFound` without one.
    async fn attachment_end(&self, account: AccountId, queue: &QueueName) -> Result<()>;
    /// All versions, newest first.
    async fn attachment_versions(
        &self,
        account: AccountId,
        queue: &QueueName,
    ) -> Result<VersionList>;
    /// Makes a version the current one: that number, or the one before the current one. `NotFound`
    /// without it. Returns its number.
    async fn attachment_rollback(
        &self,
        account: AccountId,
        queue: &QueueName,
        version: Option<u32>,
    ) -> Result<u32>;

    /// Attachments that may need more jobs: not paused, with messages that can be taken now. One whose job failed before
    /// it asked for a message is left out for a while, longer each time (1 s to 64 s), until one asks or another version is attached.
    async fn handlers_needed(&self, now: Timestamp, ready_cap: u32) -> Result<Vec<HandlerNeed>>;
    /// Makes up to `count` handler jobs of the current version, queued, but never more unfinished ones of all
    /// versions together than `max_parallel_jobs` (promise 8). Returns them. Need not survive a loss of power.
    async fn handlers_start(&self, queue: QueueId, count: u32, now: Timestamp) -> Result<Vec<Jid>>;
    /// One exchange of a handler job, all or none: settles messages, gives some back, leases more.
    /// What is settled is on disk; a lease alone need not survive a loss of power.
    ///
    /// - An attempt that is not claimed or processing (or is to be killed) is `AttemptOver`; nothing changes.
    /// - A job that is no handler of that queue is `NotFound`. One of a queue that was deleted since gets `Replaced`.
    /// - The `seq` of the exchange before is a repetition: what it settled is not settled again, and
    ///   what it leased and still holds is returned again. If it leased nothing, it leases now: so a
    ///   server waits for messages by asking again.
    /// - A message that the attempt does not hold is ignored, and what became of it with it.
    /// - Outputs go to every output queue of the job's version; `Retry` makes a new message with one more retry
    ///   counted; `Failed` one with its error in the queue of that entry of `on_error`. Queues that were deleted are made anew.
    /// - A message that ended a process before (a suspect) is leased only alone: to a job that holds nothing, which gets no
    ///   more until it is settled. Jobs that hold something pass it over, but once it has waited for ten
    ///   seconds and is the next in line they get nothing either, so that one of them comes to it.
    async fn handler_exchange(&self, exchange: Exchange) -> Result<Exchanged>;
    /// Takes back what handler jobs hold whose attempt is over. Messages become waiting again, as suspects where the process
    /// ended by itself. One that was held alone, whose job failed for a reason of its own (a verdict other than `WorkerLost`, and
    /// no kill), has crashed once more; beyond `max_crashes` of the version it is failed: it goes to `on_crash`,
    /// with the verdict in its error, or is dropped where there is none. With `max_crashes` of 0 (at most once) that
    /// is the fate of all it held, alone or not, also with `WorkerLost`.
    async fn handlers_release(&self, now: Timestamp) -> Result<Released>;
}

/// One delivery of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Ticket {
    pub id: i64,
    pub delivery: u32,
}

impl std::fmt::Display for Ticket {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}", self.id, self.delivery)
    }
}

impl std::str::FromStr for Ticket {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        let (id, delivery) = text.split_once('-').ok_or(())?;
        let digits = |t: &str| t.bytes().all(|b| b.is_ascii_digit());
        if !digits(id) || !digits(delivery) {
            return Err(());
        }
        Ok(Self {
            id: id.parse().map_err(|_| ())?,
            delivery: delivery.parse().map_err(|_| ())?,
        })
    }
}

/// Messages to be pushed.
#[derive(Clone, Debug)]
pub struct Push {
    pub account: AccountId,
    pub queue: QueueName,
    pub key: String,
    pub messages: Vec<Body>,
    /// From when on they can be taken.
    pub visible: Timestamp,
    pub now: Timestamp,
}

/// Which messages to take.
#[derive(Clone, Debug)]
pub struct Pop {
    pub account: AccountId,
    pub queue: QueueName,
    pub limit: u32,
    /// Stop before the inline bodies of more than one message are larger than this together.
    pub max_bytes: u64,
    pub deadline: Option<Timestamp>,
    pub keep_until: Timestamp,
    pub now: Timestamp,
}

/// A queue as it is.
#[derive(Clone, Debug, PartialEq)]
pub struct Queue {
    pub id: QueueId,
    pub name: QueueName,
    pub created: Timestamp,
    pub count: u64,
    pub in_flight: u64,
    /// Counted up to 10,000.
    pub delayed: u64,
    /// Since when the longest waiting one could be taken.
    pub oldest: Option<Timestamp>,
    pub paused: bool,
    pub retention_ms: Option<u64>,
    /// Windows of the last 70 seconds, summed over versions: (start, enqueued, dequeued).
    pub recent: Vec<(Timestamp, u64, u64)>,
    pub attachment: Option<Attached>,
}

/// The attachment of a queue, in its current version.
#[derive(Clone, Debug, PartialEq)]
pub struct Attached {
    pub max_parallel_jobs: u32,
    /// Unfinished handler jobs of all versions.
    pub jobs: u32,
    pub version: NumberedVersion,
}

/// A message that waits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Peeked {
    pub message: Delivered,
    pub visible: Timestamp,
}

/// See `queue_move`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MoveWhat {
    Purge {
        ids: Option<Vec<i64>>,
    },
    Move {
        ids: Option<Vec<i64>>,
        to: QueueName,
    },
    Redrive {
        ids: Option<Vec<i64>>,
        to: Option<QueueName>,
    },
}

/// See `queue_requeue`.
#[derive(Clone, Debug)]
pub struct Requeue {
    pub account: AccountId,
    pub queue: QueueName,
    pub id: i64,
    /// The body it has, where there is none.
    pub body: Option<Body>,
    /// For an error message without it: the queue it came from.
    pub to: Option<QueueName>,
    pub visible: Timestamp,
    pub now: Timestamp,
}

/// A handler to be attached.
#[derive(Clone, Debug)]
pub struct AttachmentNew {
    pub account: AccountId,
    pub queue: QueueName,
    /// Of the handler jobs; its `queue` is set.
    pub spec: JobSpec,
    pub function: Payload,
    pub args: Payload,
    /// As in `Submission`.
    pub blobs: Vec<Hash>,
    pub settings: AttachmentSettings,
    pub max_parallel_jobs: u32,
    pub now: Timestamp,
}

/// An attachment with work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HandlerNeed {
    pub queue: QueueId,
    pub account: AccountId,
    /// Messages that can be taken now, counted up to the cap.
    pub ready: u32,
    /// Unfinished handler jobs of all versions.
    pub jobs: u32,
    /// Of those, jobs that have made no exchange yet: each will take messages by itself.
    pub fresh: u32,
    pub max_parallel_jobs: u32,
}

/// See `handler_exchange`.
#[derive(Clone, Debug)]
pub struct Exchange {
    pub account: AccountId,
    pub queue: QueueName,
    pub jid: Jid,
    pub attempt: Attempt,
    pub seq: u64,
    pub settled: Vec<Settled>,
    pub give_back: Vec<i64>,
    pub lease: u32,
    pub max_bytes: u64,
    pub keep_until: Timestamp,
    pub now: Timestamp,
}

/// What came of an exchange.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Exchanged {
    pub messages: Vec<Delivered>,
    /// `Replaced`, `TooMany` or `Paused`, if so; then nothing was leased.
    pub finish: Option<Finish>,
    /// Messages the attempt holds now.
    pub holds: u32,
}

/// See `queue_totals`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueTotals {
    pub queues: u64,
    /// As `Queue::count`.
    pub messages: u64,
    pub in_flight: u64,
}

/// What came of `queue_upkeep`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Upkept {
    /// Queues that got messages back.
    pub queues: Vec<QueueId>,
    /// The limit was reached: there may be more to do at once.
    pub more: bool,
}

/// What came of `handlers_release`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Released {
    /// Queues that got messages back.
    pub queues: Vec<QueueId>,
    /// Messages that failed for good: queue, message, what became of it.
    pub failed: u64,
}
