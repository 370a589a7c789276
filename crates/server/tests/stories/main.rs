//! Stories of the server: a real store, real sockets, and a worker that does as it is told.

mod accounts;
mod blobs;
mod documents;
mod isolation;
mod jobs;
mod kills;
mod leases;
mod limits;
mod stopping;
mod submissions;
mod transport;
mod waiting;
mod world;
