//! Figures that clients and servers must agree on.

/// Most bytes of one pickled argument list or result, unless configured otherwise: 1 GiB.
pub const PAYLOAD_MAX_BYTES: u64 = 1 << 30;
/// Most jobs in one submission request; a map of more is sent in several.
pub const JOBS_PER_REQUEST: usize = 10_000;
/// Most bytes of one framed request.
pub const REQUEST_MAX_BYTES: usize = 64 << 20;
/// Most jobs one map may have. Not a figure of PiCloud, which stopped at 10,000.
pub const MAP_MAX: u64 = 100_000_000;
/// Bytes of each stream that `info` answers with; 64k characters in PiCloud.
pub const LOG_TAIL_BYTES: usize = 64_000;
/// Bytes kept of one stream of one job: this much of its beginning ...
pub const LOG_HEAD_KEEP_BYTES: u64 = 4 << 20;
/// ... and this much of its end. What lies between is dropped, and a reader is told.
pub const LOG_TAIL_KEEP_BYTES: u64 = 12 << 20;
/// Longest label, in characters.
pub const LABEL_MAX: usize = 200;
/// Longest wait of one long poll, in milliseconds.
pub const WAIT_MAX_MS: u64 = 60_000;
/// Default priority; lower runs earlier.
pub const PRIORITY_DEFAULT: i32 = 5;
/// Most bytes of one object, unless configured otherwise.
pub const OBJECT_MAX_BYTES: u64 = 5_000_000_000;
/// Most keys in one request, and most entries of one page of a list.
pub const KEYS_PER_REQUEST: usize = 1_000;
/// Longest time a signed address is good for, in seconds: a week.
pub const SIGNED_MAX_S: u32 = 604_800;
/// Longest name of a queue, in characters.
pub const QUEUE_NAME_MAX: usize = 39;
/// Most messages in one request or answer; larger batches take several.
pub const MESSAGES_PER_REQUEST: usize = 10_000;
/// Longest delay of a message or a retry, in seconds.
pub const DELAY_MAX_S: u32 = 900;
/// Shortest and longest time a ticket is good for, in seconds.
pub const DEADLINE_MIN_S: u32 = 3;
/// See `DEADLINE_MIN_S`.
pub const DEADLINE_MAX_S: u32 = 43_200;
/// Most queues that outputs go to.
pub const OUTPUT_QUEUES_MAX: usize = 50;
/// Most readers of one handler job.
pub const READERS_MAX: u32 = 128;
/// Most bytes of a pickled exception in an error message.
pub const EXCEPTION_MAX_BYTES: usize = 64 * 1024;
/// How long messages that nobody takes are kept, unless configured otherwise: four days.
pub const RETENTION_DEFAULT_S: u64 = 345_600;
/// Shortest and longest time a queue can be told to keep messages, in seconds: a minute, a year.
pub const RETENTION_MIN_S: u64 = 60;
/// See `RETENTION_MIN_S`.
pub const RETENTION_MAX_S: u64 = 31_536_000;
/// Length of the windows that rates are counted in, in seconds.
pub const RATE_WINDOW_S: u32 = 10;
