//! Keeps a stranger's program apart from the machine: what it sees, what it may do, how much of
//! the machine it gets, and what it used.
//!
//! Knows nothing of jobs, accounts or HTTP, and depends on little, so that it can be read whole.

pub mod cgroup;
pub mod layout;
pub mod namespaces;
pub mod network;
pub mod seccomp;
pub mod user;
