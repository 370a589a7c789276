//! The server: HTTP API, authentication, and the duties that keep jobs moving.
//!
//! It decides nothing itself: what should run where is the scheduler's, what is true is the
//! store's. No correctness lives in its memory, so it may be killed at any moment.

mod app;
mod auth;
mod body;
mod buckets;
mod call_limits;
mod changes;
mod days;
mod duties;
mod event_streams;
mod fleet;
mod handlers;
mod listen;
mod manifests;
mod md5s;
mod metrics;
mod options;
mod peer;
mod published_cache;
mod queue_ids;
mod queue_waiters;
mod refusal;
mod routes;
mod server;
mod terminals;
mod tls;
mod trees;
mod waiters;
mod watch;

pub use options::{Options, Tls};
pub use picloud_blob::S3Options;
pub use routes::openapi;
pub use server::{Handle, Parts, Server, StartError, Wakes};
