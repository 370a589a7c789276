//! The objects of an account as files, through FUSE.
//!
//! What is read comes by ranges and through a bounded cache; what is written goes to a file of the
//! worker's disk and becomes an object when it is closed. Folders are there by what is in them, or
//! until the file system ends. Every request of the kernel is answered within a bound: nobody hangs
//! because a server does.
//!
//! What it refuses to do: to name anything but objects of its one account. No path of a job ever
//! becomes a path of the host: files it writes have no name here.

mod caller;
mod contents;
mod draft;
mod errors;
mod files;
mod folders;
mod kernel;
mod mount;
mod names;
mod nodes;
mod objects;
mod renames;

pub use files::Limits;
pub use mount::{Mounted, is_possible, mount};
pub use objects::{Fault, Objects};
