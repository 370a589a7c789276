//! What a job sends and receives: how much, and from which address. Done by small programs that
//! the kernel runs for the sockets of a control group (BPF), so there is no bridge, no address
//! translation and no forwarding, and the network stays the host's.
//!
//! The programs are written here, instruction by instruction: there are a dozen, and none is long.

mod bpf;
mod meter;
mod program;
mod source;
#[cfg(test)]
mod tests;

pub use bpf::Attached;
pub use meter::Meter;
pub use source::SourceAddress;
