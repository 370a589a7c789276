//! The real binary, from outside: what it prints, with which code it ends, what it leaves behind.

mod accounts;
mod harness;
mod jobs;
mod objects;
mod queues;
mod serving;
mod usage;
