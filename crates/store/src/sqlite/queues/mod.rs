//! Queues in tables.
//!
//! A message is a row of `messages`, written once and deleted once, and a small row that says where it is: in
//! `queue_ready` in line, in `queue_delivered` until a deadline, or in `queue_held` with a handler job. Every
//! verb moves small rows and keeps the counts of the queue in the same transaction.
//!
//! What is handed out is mostly the beginning of a line, and what is settled mostly a run of numbers, since a
//! request takes its numbers at once. So most of the work is done by statements about ranges.

mod attach;
mod bodies;
mod change;
mod delete;
mod exchange;
mod handlers;
mod held;
mod line;
mod look;
mod moves;
mod names;
mod pop;
mod push;
mod rates;
mod release;
mod settle;
mod tickets;
mod upkeep;

pub(super) use {
    attach::{end, put, rollback, versions},
    change::change,
    delete::delete,
    exchange::exchange,
    handlers::{needed, start},
    look::{list, peek, totals},
    moves::{move_some, requeue},
    names::ensure_all,
    pop::pop,
    push::push,
    rates::read as rates,
    release::{release, release_deleted},
    tickets::{ack, deadline},
    upkeep::{Upkeep, upkeep},
};

#[cfg(test)]
pub(super) use {pop::take, upkeep::due};
