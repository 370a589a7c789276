//! Requests and replies of the HTTP API, one file per subject.
//!
//! Field names carry units; times are milliseconds since 1970 UTC. Bodies with pickles are
//! framed, see `crate::frames`: each header type says which frames follow it.

pub mod accounts;
pub mod blobs;
pub mod bucket;
pub mod crons;
pub mod info;
pub mod jobs;
pub mod published;
pub mod queues;
pub mod results;
pub mod service;
pub mod sessions;
pub mod usage;
pub mod volumes;
pub mod workers;
