//! Queues: messages in and out, care for them, and the handlers attached to them.

pub(super) mod attachment;
pub(super) mod change;
pub(super) mod exchange;
mod json_form;
pub(super) mod look;
pub(super) mod moves;
mod place;
pub(super) mod pop;
pub(super) mod push;
pub(super) mod tickets;

use crate::{
    app::{App, now},
    changes::Change,
    refusal::{Answer, Refusal},
};
use picloud_store::{Queue, StoreError};
use picloud_types::{
    AccountId, ErrorKind, QueueName, Timestamp,
    limits::{DELAY_MAX_S, MESSAGES_PER_REQUEST},
};
use std::time::Duration;

/// About as many bytes of inline bodies go into one answer.
const BYTES_MAX: u64 = 16 << 20;

fn unknown(name: &QueueName) -> Refusal {
    Refusal::new(ErrorKind::NotFound, format!("queue {name} does not exist"))
        .hint("the first push makes it; picloud queue list shows those there are")
}

/// Says which queue it is that does not exist.
fn of_queue<T>(name: &QueueName, done: Result<T, StoreError>) -> Answer<T> {
    match done {
        Err(StoreError::NotFound(_)) => Err(unknown(name)),
        done => Ok(done?),
    }
}

async fn find(app: &App, account: AccountId, name: &QueueName) -> Answer<Queue> {
    let names = Some(vec![name.clone()]);
    let found = app.store.queue_list(account, names, now()).await?;
    found.into_iter().next().ok_or_else(|| unknown(name))
}

/// From when on a message can be taken that is delayed by so many seconds.
fn visible(delay_s: u32, now: Timestamp) -> Answer<Timestamp> {
    if delay_s > DELAY_MAX_S {
        return Err(Refusal::bad_request(format!(
            "delay_s is 0 to {DELAY_MAX_S}, not {delay_s}"
        )));
    }
    Ok(now.plus(Duration::from_secs(delay_s.into())))
}

fn check_count(what: &str, count: usize) -> Answer<()> {
    if count <= MESSAGES_PER_REQUEST {
        return Ok(());
    }
    Err(Refusal::new(
        ErrorKind::TooLarge,
        format!("{count} {what} in one request, more than {MESSAGES_PER_REQUEST}"),
    )
    .hint("send them in several requests"))
}

fn too_many_frames() -> Refusal {
    Refusal::bad_request("the body has more frames than its header says")
}

/// Something about a queue changed that those who wait for its messages want to know, and those
/// who see to its handlers.
async fn changed(app: &App, account: AccountId, name: &QueueName) -> Answer<()> {
    if let Some(id) = crate::queue_ids::queue_id(app, account, name).await? {
        app.queues.call_all(id);
    }
    app.messages.notify_one();
    app.changes.note(account, Change::Queues);
    Ok(())
}
