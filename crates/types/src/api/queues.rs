//! Queues: messages in and out, attached handlers, and care for both.
//!
//! Messages travel in framed bodies (`frames`), one frame a message, or in JSON for people and
//! other languages. `crate::message` has the binary forms.

use crate::{JobSpec, QueueName, Timestamp};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// Header of the framed `POST /v1/queues/{queue}/messages`. Frames that follow: `count` bodies
/// (`message::Body`).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushHeader {
    pub count: usize,
    /// Seconds until the messages can be taken, 0 to 900.
    #[serde(default)]
    pub delay_s: u32,
    /// Makes a repeated request harmless, as in `SubmitHeader`.
    pub key: String,
}

/// The readable alternative, `Content-Type: application/json`: each message is any JSON value.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PushJson {
    #[schema(value_type = Vec<Object>)]
    pub messages: Vec<serde_json::Value>,
    #[serde(default)]
    pub delay_s: u32,
    /// As in `PushHeader`; one is made up where it is missing.
    #[serde(default)]
    pub key: Option<String>,
}

/// Query of `GET /v1/queues`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct QueuesQuery {
    /// Only these, as far as they exist: names with commas between.
    #[serde(default)]
    pub names: Option<String>,
}

/// Query of `GET /v1/queues/{queue}/messages`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PeekQuery {
    /// Only those that wait behind this message: the last id of the page before.
    #[serde(default)]
    pub after: Option<i64>,
    /// 1 to 1,000; 10 when missing.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Query of `GET /v1/queues/{queue}/rates`.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct RatesQuery {
    /// Windows that begin then or later, in milliseconds since 1970; those of the last hour when missing.
    #[serde(default)]
    pub since: Option<i64>,
    /// 1 to 10,000; 1,000 when missing.
    #[serde(default)]
    pub limit: Option<u32>,
}

/// Reply to a push. All of it is on disk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Pushed {
    pub pushed: u64,
}

/// `POST /v1/queues/{queue}/pop`. The answer is framed (`PopHeader`), or `PopJson` where the
/// request accepts `application/json`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PopRequest {
    /// At least 1; at most `MESSAGES_PER_REQUEST` come at once.
    #[serde(default = "ten")]
    pub max_count: u32,
    /// How long to wait for the first message, at most 60,000.
    #[serde(default)]
    pub wait_ms: u64,
    /// Seconds until messages that were not acknowledged come back, 3 to 43,200. Without it the
    /// messages are removed at once.
    #[serde(default)]
    pub deadline_s: Option<u32>,
}

fn ten() -> u32 {
    10
}

/// Header of the framed answer; `count` frames follow (`message::Delivered`).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PopHeader {
    pub count: usize,
    /// When the deliveries end, unless they are acknowledged before; none for messages removed.
    pub deadline: Option<Timestamp>,
}

/// Messages in JSON.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct PopJson {
    pub messages: Vec<MessageJson>,
    pub deadline: Option<Timestamp>,
}

/// One message in JSON.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct MessageJson {
    pub id: i64,
    /// For `ack` and `deadline`; good for this delivery only. None for messages that were removed or only looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ticket: Option<String>,
    /// `json` or `python_pickle`.
    pub datatype: String,
    /// The value of a JSON message, the base64 text of a pickle; none if it is too large to show here.
    #[schema(value_type = Option<Object>)]
    pub message: Option<serde_json::Value>,
    pub size_bytes: u64,
    pub cur_retry: u32,
    /// Deliveries so far, this one included.
    pub deliveries: u32,
    /// When it came into its first queue.
    pub created: Timestamp,
    /// When it can be taken, if that is still to come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub visible_at: Option<Timestamp>,
    /// Set for error messages: what became of the message.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<MessageError>,
}

/// What makes a message an error message. Its body is the one that could not be handled.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MessageError {
    /// The queue whose handler failed.
    pub source_queue: QueueName,
    /// Qualified name of the exception's class.
    pub exception_type: String,
    /// `str` of the exception.
    pub exception_text: String,
    pub traceback: String,
    /// The exception pickled, base64, at most `EXCEPTION_MAX_BYTES`; none where it could not be,
    /// or where the handler's process died.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exception_pickle: Option<String>,
    /// Retries before this failure.
    pub cur_retry: u32,
    /// The handler job.
    pub jid: crate::Jid,
    /// Why the handler's process ended, where the message ended it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<crate::Verdict>,
}

/// `POST /v1/queues/{queue}/ack` and, with `deadline_s`, `…/deadline`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TicketsRequest {
    pub tickets: Vec<String>,
    /// For `deadline`: seconds from now.
    #[serde(default)]
    pub deadline_s: Option<u32>,
}

/// Reply to both. `lost` are the tickets whose delivery was over: their messages came back, or
/// were acknowledged before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct TicketsReply {
    pub done: u64,
    pub lost: Vec<String>,
    /// For `deadline`: the new one.
    #[serde(default)]
    pub deadline: Option<Timestamp>,
}

/// Everything about a queue.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct QueueInfo {
    pub name: QueueName,
    pub created: Timestamp,
    /// Messages in it: waiting, delayed and delivered but not acknowledged.
    pub count: u64,
    /// Of those, delivered and not acknowledged.
    pub in_flight: u64,
    /// Of those, not yet to be taken; counted up to 10,000.
    pub delayed: u64,
    /// Age of the message that has waited longest, in milliseconds.
    pub oldest_age_ms: Option<u64>,
    /// Nothing is handed out while it is true; pushing goes on.
    pub paused: bool,
    /// Messages that nobody took for so long are dropped.
    pub retention_s: u64,
    /// Over the last full minute.
    pub enqueued_per_s: f64,
    pub dequeued_per_s: f64,
    /// Seconds until it is empty at these rates; none if it is not getting emptier.
    pub time_to_drain_s: Option<f64>,
    pub attachment: Option<AttachmentInfo>,
}

/// `GET /v1/queues`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct QueueList {
    pub queues: Vec<QueueInfo>,
}

/// `PATCH /v1/queues/{queue}`: what is given is changed.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueChange {
    #[serde(default)]
    pub paused: Option<bool>,
    /// 60 to 31,536,000.
    #[serde(default)]
    pub retention_s: Option<u64>,
    /// Of the attachment; 0 pauses it.
    #[serde(default)]
    pub max_parallel_jobs: Option<u32>,
}

/// How a handler is run: everything of `attach` but the handler itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachmentSettings {
    /// Names; every output goes to each of them.
    #[serde(default)]
    pub output_queues: Vec<QueueName>,
    /// Whether each element of what the handler returns is a message.
    #[serde(default)]
    pub iter_output: bool,
    #[serde(default = "one")]
    pub readers_per_job: u32,
    /// Qualified names, to be shown.
    #[serde(default)]
    pub retry_on: Vec<String>,
    #[serde(default)]
    pub max_retries: Option<u32>,
    #[serde(default)]
    pub retry_delay_s: Option<u32>,
    #[serde(default)]
    pub on_error: Vec<OnError>,
    /// Which of `on_error` takes messages whose handling ended the process, if one does.
    #[serde(default)]
    pub on_crash: Option<usize>,
    /// How often a message may end the process that handles it before it counts as failed.
    #[serde(default = "three")]
    pub max_crashes: u32,
}

fn one() -> u32 {
    1
}

fn three() -> u32 {
    3
}

/// Where messages go that failed with an exception of this class.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OnError {
    /// Qualified name.
    pub exception: String,
    pub queue: QueueName,
    #[serde(default)]
    pub delay_s: u32,
}

/// Header of the framed `PUT /v1/queues/{queue}/attachment`. Two payloads follow: the function
/// that handler jobs run, and its pickled `(args, kwargs)`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AttachHeader {
    pub spec: JobSpec,
    pub settings: AttachmentSettings,
    #[serde(default = "one")]
    pub max_parallel_jobs: u32,
}

/// An attachment, in the version that new jobs use.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttachmentInfo {
    pub version: u32,
    pub max_parallel_jobs: u32,
    /// Handler jobs that have not ended, of all versions.
    pub jobs: u32,
    #[serde(flatten)]
    pub of: AttachmentVersion,
}

/// One version of an attachment. Versions never change.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct AttachmentVersion {
    pub handler: String,
    pub attached: Timestamp,
    pub core_type: String,
    pub cores: u32,
    pub label: Option<String>,
    pub code_version: Option<crate::Hash>,
    pub settings: AttachmentSettings,
}

/// `GET /v1/queues/{queue}/attachment/versions`, newest first.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct VersionList {
    /// What new jobs use; none while nothing is attached.
    pub current: Option<u32>,
    pub versions: Vec<NumberedVersion>,
}

/// A version and its number.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct NumberedVersion {
    pub version: u32,
    #[serde(flatten)]
    pub of: AttachmentVersion,
}

/// `POST /v1/queues/{queue}/attachment/rollback`: new jobs use that version, running ones end
/// after what they hold.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RollbackRequest {
    /// The one before the current one where it is missing.
    #[serde(default)]
    pub version: Option<u32>,
}

/// `POST /v1/queues/{queue}/move`, `…/redrive` and `…/purge`: which messages, where to.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveRequest {
    /// For `move`: the queue they go to. For `redrive` the queue that each error came from, unless
    /// it is given.
    #[serde(default)]
    pub to: Option<QueueName>,
    /// Only these; all where it is missing. Those in flight stay.
    #[serde(default)]
    pub ids: Option<Vec<i64>>,
}

/// How many were moved, or removed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Moved {
    pub moved: u64,
}

/// `POST /v1/queues/{queue}/messages/{id}/requeue`: the message becomes a new one with this body.
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RequeueRequest {
    /// Any JSON value; the body it has where this is missing.
    #[serde(default)]
    #[schema(value_type = Option<Object>)]
    pub message: Option<serde_json::Value>,
    /// The queue it goes to; its own where this is missing, or for an error message the queue it came from.
    #[serde(default)]
    pub to: Option<QueueName>,
    #[serde(default)]
    pub delay_s: u32,
}

/// `GET /v1/queues/{queue}/rates`: windows of 10 seconds, oldest first; empty ones are left out.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Rates {
    pub window_s: u32,
    pub windows: Vec<RateWindow>,
}

/// What happened in one window.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct RateWindow {
    /// When it began.
    pub start: Timestamp,
    /// The handler's version; 0 for pushes, and for pops by people.
    pub version: u32,
    /// Messages that came in.
    pub enqueued: u64,
    /// Messages that left: popped, acknowledged or settled by a handler.
    pub dequeued: u64,
    pub retried: u64,
    pub failed: u64,
    /// Time spent in handlers, in microseconds.
    pub handled_us: u64,
}

/// Header of the framed `POST /v1/queues/{queue}/exchange`, by handler jobs only. What was
/// settled, what is given back, and the wish for more, in one transaction. Frames that follow are
/// those of `settled` messages (`message::Settled`).
#[derive(Clone, Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ExchangeHeader {
    /// One more than in the request before; the same in a repetition of it.
    pub seq: u64,
    pub settled: usize,
    /// Messages that will not be handled by this job.
    #[serde(default)]
    pub give_back: Vec<i64>,
    /// At most so many messages come.
    #[serde(default)]
    pub lease: u32,
    /// How long to wait for the first one, at most 60,000.
    #[serde(default)]
    pub wait_ms: u64,
}

/// Header of the framed answer; `count` messages follow (`message::Delivered`).
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ExchangeReply {
    pub count: usize,
    /// Messages the job holds now, these among them. If it knows of fewer, an answer went to a
    /// connection that it had given up: it ends, and others get them.
    #[serde(default)]
    pub holds: u32,
    /// The job is to end once it has settled what it holds; why.
    pub finish: Option<Finish>,
}

/// Why a handler job is to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Finish {
    /// Another version is attached, or none.
    Replaced,
    /// There are more jobs than `max_parallel_jobs` now.
    TooMany,
    /// The queue is paused.
    Paused,
    /// It is idle, or had its turn, and other jobs wait for the room it takes.
    Crowded,
    /// The server stops.
    Stopping,
}
