//! Whoever waits for messages hears of them at once.

use crate::{
    queue_world::{info, pop_request, push, push_numbers, queue, values},
    world::{World, until},
};
use picloud_client::ApiClient;
use picloud_types::{
    api::queues::{MoveRequest, QueueChange, RequeueRequest},
    message::Delivered,
};
use serde_json::json;
use std::time::Duration;
use tokio::{
    task::JoinHandle,
    time::{Instant, sleep},
};

/// Where nobody else wants the processors, a wait ends within this time.
const AT_ONCE: Duration = Duration::from_millis(50);
/// On a machine that has much else to do it still ends before a waiter looks by itself, after a second.
const PROMPT: Duration = Duration::from_millis(500);
/// Time for a request to come to its wait. Too short a time makes the test easier, not wrong.
const SETTLED: Duration = Duration::from_millis(150);

/// A pop that waits; answers what came and when.
fn waiting(client: &ApiClient, name: &'static str) -> JoinHandle<(Vec<Delivered>, Instant)> {
    let client = client.clone();
    tokio::spawn(async move {
        let request = pop_request(10, 20_000, Some(30));
        let (popped, _) = client
            .queue_pop(&queue(name), &request)
            .await
            .expect("popped");
        (popped, Instant::now())
    })
}

async fn is_prompt(
    waiter: JoinHandle<(Vec<Delivered>, Instant)>,
    since: Instant,
    why: &str,
) -> Duration {
    let (popped, at) = waiter.await.expect("no panic");
    assert!(!popped.is_empty(), "{why}");
    let took = at.duration_since(since);
    assert!(took < PROMPT, "{why} took {took:?}");
    took
}

#[tokio::test]
async fn a_push_wakes_who_waits_also_for_a_queue_that_did_not_exist() {
    let world = World::new().await;
    let client = world.client();
    let mut took = Vec::new();
    for name in ["new", "new", "new", "other", "another"] {
        let waiter = waiting(&client, name);
        sleep(SETTLED).await;
        let began = Instant::now();
        push_numbers(&client, name, 1).await;
        took.push(is_prompt(waiter, began, name).await);
    }
    let fastest = took.iter().min().expect("some");
    assert!(*fastest < AT_ONCE, "{took:?}");
}

#[tokio::test]
async fn whatever_brings_messages_wakes() {
    let world = World::new().await;
    let client = world.client();
    let (q, other) = (queue("q"), queue("other"));
    push_numbers(&client, "other", 3).await;
    push(&client, "q", []).await;

    let waiter = waiting(&client, "q");
    sleep(SETTLED).await;
    let one = client
        .queue_peek(&other, &picloud_types::api::queues::PeekQuery::default())
        .await
        .expect("peeked");
    let request = RequeueRequest {
        to: Some(q.clone()),
        ..RequeueRequest::default()
    };
    let began = Instant::now();
    client
        .queue_requeue(&other, one.messages[0].id, &request)
        .await
        .expect("requeued");
    is_prompt(waiter, began, "a requeue").await;

    let waiter = waiting(&client, "q");
    sleep(SETTLED).await;
    let began = Instant::now();
    let request = MoveRequest {
        to: Some(q.clone()),
        ids: None,
    };
    assert_eq!(client.queue_move(&other, &request).await.expect("moved"), 2);
    is_prompt(waiter, began, "a move").await;

    let paused = |paused| QueueChange {
        paused: Some(paused),
        ..QueueChange::default()
    };
    client
        .queue_change(&q, &paused(true))
        .await
        .expect("paused");
    push_numbers(&client, "q", 1).await;
    let waiter = waiting(&client, "q");
    sleep(SETTLED).await;
    assert!(!waiter.is_finished());
    let began = Instant::now();
    client
        .queue_change(&q, &paused(false))
        .await
        .expect("resumed");
    is_prompt(waiter, began, "an end of a pause").await;
}

#[tokio::test]
async fn a_deadline_that_is_over_wakes_within_a_second() {
    let world = World::new().await;
    let client = world.client();
    push_numbers(&client, "q", 1).await;
    let (taken, deadline) = client
        .queue_pop(&queue("q"), &pop_request(1, 0, Some(3)))
        .await
        .expect("popped");
    let deadline = deadline.expect("a deadline");
    let (again, _) = waiting(&client, "q").await.expect("no panic");
    assert_eq!((again[0].id, again[0].deliveries), (taken[0].id, 2));
    let now: picloud_types::Timestamp = std::time::SystemTime::now().into();
    let late = now.0 - deadline.0;
    assert!((0..1_100).contains(&late), "{late} ms late");
}

#[tokio::test]
async fn many_who_wait_share_what_comes_and_nobody_is_forgotten() {
    let world = World::new().await;
    let client = world.client();
    push(&client, "q", []).await;
    let waiters: Vec<_> = (0..20)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                let request = pop_request(1, 20_000, None);
                let popped = client.queue_pop(&queue("q"), &request).await;
                (values(&popped.expect("popped").0), Instant::now())
            })
        })
        .collect();
    sleep(SETTLED).await;
    let began = Instant::now();
    push_numbers(&client, "q", 20).await;
    let mut seen = Vec::new();
    for waiter in waiters {
        let (values, at) = waiter.await.expect("no panic");
        assert_eq!(values.len(), 1);
        // Each calls the next, so that nobody waits for its own look after a second.
        assert!(at.duration_since(began) < Duration::from_millis(500));
        seen.extend(values);
    }
    seen.sort_by_key(serde_json::Value::as_u64);
    assert_eq!(seen, (0..20).map(|n| json!(n)).collect::<Vec<_>>());
}

#[tokio::test]
async fn who_goes_away_while_waiting_takes_nothing_along() {
    let world = World::new().await;
    let client = world.client();
    push(&client, "q", []).await;
    let gone = waiting(&client, "q");
    let stays = waiting(&client, "q");
    sleep(SETTLED).await;
    gone.abort();
    assert!(gone.await.is_err_and(|e| e.is_cancelled()));
    sleep(SETTLED).await;
    push_numbers(&client, "q", 1).await;
    assert_eq!(stays.await.expect("no panic").0.len(), 1);
    assert_eq!(info(&client, "q").await.in_flight, 1);
}

#[tokio::test]
async fn a_server_that_stops_answers_who_waits() {
    let world = World::new().await;
    let client = world.client();
    push(&client, "q", []).await;
    let waiters = [waiting(&client, "q"), waiting(&client, "none")];
    sleep(SETTLED).await;
    let began = Instant::now();
    world.server.stop().await;
    for waiter in waiters {
        assert!(waiter.await.expect("answered").0.is_empty());
    }
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn an_empty_queue_is_waited_for_as_long_as_was_said() {
    let world = World::new().await;
    let client = world.client();
    push(&client, "q", []).await;
    for name in ["q", "none"] {
        let began = Instant::now();
        let popped = client
            .queue_pop(&queue(name), &pop_request(1, 300, None))
            .await;
        assert!(popped.expect("answered").0.is_empty());
        let took = began.elapsed();
        let told = Duration::from_millis(300)..Duration::from_millis(900);
        assert!(told.contains(&took), "{took:?}");
    }
    until("nobody is in the way of a deletion", || async {
        client.queue_delete(&queue("q")).await.is_ok()
    })
    .await;
}
