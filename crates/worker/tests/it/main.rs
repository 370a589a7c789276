//! The worker with real Python processes, against a server that does as a test tells it: loses
//! its memory, refuses, keeps silent. What the real server does is tested with the real server.

mod bench;
mod confinement;
mod jobs;
mod lease;
mod misbehaviour;
mod pickles;
mod rig;
mod server;
mod stopping;
mod volumes;
