//! Watching a job as it goes.

use crate::{
    series::{sample, say},
    world::{PATIENCE, World, of, only, refused, submit_one},
};
use futures_util::StreamExt as _;
use picloud_client::{ApiClient, ClientError, JobEvent, JobEvents};
use picloud_types::{
    ErrorKind, Jid,
    api::{info::StatusEvent, workers::ReportHeader},
};
use tokio::time::timeout;

async fn watch(client: &ApiClient, jid: Jid, after: Option<u32>) -> JobEvents {
    client.events(jid, after).await.expect("a stream")
}

async fn next(events: &mut JobEvents) -> JobEvent {
    let next = timeout(PATIENCE, events.next()).await;
    let event = next.expect("in time").expect("not over yet");
    event.expect("an event")
}

fn status(status: &str, attempt: u32) -> StatusEvent {
    StatusEvent {
        status: status.to_owned(),
        attempt,
    }
}

/// Passes over statuses until this one; samples must not come.
async fn until_status(events: &mut JobEvents, wanted: StatusEvent) {
    loop {
        match next(events).await {
            JobEvent::Status(status) if status == wanted => return,
            JobEvent::Status(_) => {}
            other => panic!("{other:?} instead of {wanted:?}"),
        }
    }
}

#[tokio::test]
async fn a_watcher_sees_the_whole_life_of_a_job() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let mut events = watch(&client, jid, None).await;
    assert_eq!(
        next(&mut events).await,
        JobEvent::Status(status("queued", 0))
    );
    let job = worker.one().await;
    worker.start(&job).await;
    until_status(&mut events, status("processing", 1)).await;
    for second in 1..=3 {
        say(&worker, &job, second..=second).await;
        assert_eq!(next(&mut events).await, JobEvent::Sample(sample(second)));
    }
    // What came while nobody watched is told first.
    let mut late = watch(&client, jid, Some(2)).await;
    assert_eq!(
        next(&mut late).await,
        JobEvent::Status(status("processing", 1))
    );
    assert_eq!(next(&mut late).await, JobEvent::Sample(sample(3)));
    worker.finish(&job, b"r").await;
    for events in [&mut events, &mut late] {
        assert_eq!(next(events).await, JobEvent::Status(status("done", 1)));
        assert_eq!(next(events).await, JobEvent::End(status("done", 1)));
        assert!(events.next().await.is_none(), "nothing follows");
    }
    // Of a job that has ended, all at once.
    let mut after = watch(&client, jid, None).await;
    for second in 1..=3 {
        assert_eq!(next(&mut after).await, JobEvent::Sample(sample(second)));
    }
    assert_eq!(next(&mut after).await, JobEvent::Status(status("done", 1)));
    assert_eq!(next(&mut after).await, JobEvent::End(status("done", 1)));
}

#[tokio::test]
async fn a_new_attempt_begins_a_new_series_of_events() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    worker.start(&job).await;
    say(&worker, &job, 1..=5).await;
    let mut events = watch(&client, jid, Some(4)).await;
    until_status(&mut events, status("processing", 1)).await;
    assert_eq!(next(&mut events).await, JobEvent::Sample(sample(5)));
    let back = ReportHeader {
        returned: vec![of(&job)],
        ..ReportHeader::default()
    };
    worker.report(&back, &[]).await;
    let again = worker.one().await;
    worker.start(&again).await;
    until_status(&mut events, status("processing", 2)).await;
    say(&worker, &again, 2..=2).await;
    assert_eq!(next(&mut events).await, JobEvent::Sample(sample(2)));
    // Whoever saw more of the first attempt than there is of the second one gets all of this.
    let mut resumed = watch(&client, jid, Some(5)).await;
    until_status(&mut resumed, status("processing", 2)).await;
    assert_eq!(next(&mut resumed).await, JobEvent::Sample(sample(2)));
}

#[tokio::test]
async fn a_kill_in_the_queue_and_a_deletion_end_streams() {
    let world = World::new().await;
    let client = world.client();
    let jid = submit_one(&client).await;
    let mut events = watch(&client, jid, None).await;
    next(&mut events).await;
    let all = picloud_types::api::jobs::KillRequest {
        all: true,
        ..Default::default()
    };
    client.kill(&all).await.expect("killed");
    assert_eq!(
        next(&mut events).await,
        JobEvent::Status(status("killed", 0))
    );
    assert_eq!(next(&mut events).await, JobEvent::End(status("killed", 0)));
    client.delete(only(jid)).await.expect("deleted");
    refused(
        client.events(jid, None).await.map(|_| ()),
        ErrorKind::JobUnknown,
    );
}

#[tokio::test]
async fn a_stopping_server_ends_streams_without_an_end() {
    let world = World::new().await;
    let client = world.client();
    let jid = submit_one(&client).await;
    let mut events = watch(&client, jid, None).await;
    next(&mut events).await;
    let began = std::time::Instant::now();
    world.server.stop().await;
    assert!(
        began.elapsed() < std::time::Duration::from_secs(8),
        "the stream did not hold the stop up"
    );
    let last = timeout(PATIENCE, events.next()).await.expect("in time");
    assert!(
        matches!(last, Some(Err(ClientError::Unreachable { .. }))),
        "{last:?}"
    );
}

#[tokio::test]
async fn an_account_has_a_bounded_number_of_streams() {
    let world = World::new().await;
    let client = world.client();
    let jid = submit_one(&client).await;
    let mut open = Vec::new();
    for _ in 0..64 {
        open.push(watch(&client, jid, None).await);
    }
    let error = refused(
        client.events(jid, None).await.map(|_| ()),
        ErrorKind::Unavailable,
    );
    assert!(error.may_retry(), "later there may be room");
    drop(open);
    // The server notices that they are gone when it next writes, or reads, on them.
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while client.events(jid, None).await.is_err() {
        assert!(tokio::time::Instant::now() < deadline, "no place came free");
        tokio::task::yield_now().await;
    }
}
