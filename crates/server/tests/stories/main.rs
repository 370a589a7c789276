//! Stories of the server: a real store, real sockets, and a worker that does as it is told.

mod accounts;
mod blobs;
mod confinement;
mod documents;
mod events;
mod isolation;
mod jobs;
mod kills;
mod leases;
mod limits;
mod object_http;
mod object_limits;
mod objects;
mod public;
mod s3;
mod series;
mod signed;
mod stopping;
mod submissions;
mod transport;
mod usage;
mod waiting;
mod worker_bucket;
mod world;
