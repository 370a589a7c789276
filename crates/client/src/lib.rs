//! Typed HTTP client for worker, command line and tests.
//!
//! One request, one answer: nothing is retried here, because only the caller knows whether a
//! repetition is harmless. Connections are kept alive and shared by all clones.

mod api;
mod blob;
mod connection;
mod error;
mod server_events;
mod worker;

pub use api::{ApiClient, JobEvent, JobEvents, ObjectBody, OutputChunk, PutOptions, Terminal};
pub use blob::{BlobBody, BlobSource, ByteStream};
pub use connection::{Connection, Options};
pub use error::{ClientError, Result};
pub use worker::{Pulled, WorkerClient};
