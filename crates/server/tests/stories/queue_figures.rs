//! How fast messages go through a server on this machine, everything synced. Not part of a normal run:
//! `cargo nextest run --release -p picloud-server --run-ignored only --no-capture queue_figures`.

use crate::{
    queue_world::{Handler, attach, handled, pop_request, push, push_header, queue, settings},
    world::World,
};
use picloud_types::message::Body;
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

const COUNT: usize = 20_000;

fn message() -> Body {
    Body::json(&json!("x".repeat(1_000)))
}

#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
fn say(what: &str, count: usize, took: Duration) {
    let per_s = count as f64 / took.as_secs_f64();
    println!("{what}: {per_s:.0} messages/s");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "measures, and proves nothing"]
async fn figures_of_pushes_pops_and_exchanges() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let (q, messages) = (queue("q"), vec![message(); 1_000]);
    let fill = || async {
        let began = Instant::now();
        for _ in 0..COUNT / messages.len() {
            let header = push_header(messages.len());
            let pushed = client.queue_push(&q, &header, &messages).await;
            pushed.expect("pushed");
        }
        began.elapsed()
    };
    say("push of 1,000 at a time", COUNT, fill().await);
    let (began, mut popped) = (Instant::now(), 0);
    while popped < COUNT {
        let (taken, _) = client
            .queue_pop(&q, &pop_request(1_000, 0, Some(600)))
            .await
            .expect("popped");
        popped += taken.len();
        let tickets = taken.iter().map(|m| format!("{}-{}", m.id, m.deliveries));
        client
            .queue_ack(&q, tickets.collect())
            .await
            .expect("acked");
    }
    say("pop and ack of 1,000 at a time", COUNT, began.elapsed());

    let mut with_output = settings();
    with_output.output_queues.push(queue("out"));
    attach(&client, "q", 1, with_output).await;
    fill().await;
    let mut handler = Handler::begun(&world, &worker, "q").await;
    for batch in [100, 500] {
        let mut taken = handler.take(batch).await;
        let (began, mut done) = (Instant::now(), 0);
        while done < COUNT / 2 {
            let settled: Vec<_> = taken
                .iter()
                .map(|m| handled(m, vec![json!("y".repeat(1_000))]))
                .collect();
            done += settled.len();
            taken = handler.exchange(&settled, batch, 0).await.1;
            if taken.is_empty() {
                break;
            }
        }
        say(
            &format!("exchange of {batch} with an output each"),
            done,
            began.elapsed(),
        );
        let header = {
            let mut header = handler.next(0, 0);
            header.give_back = taken.iter().map(|m| m.id).collect();
            header
        };
        handler
            .try_exchange(&header, &[])
            .await
            .expect("given back");
    }

    let mut taken: Vec<Duration> = Vec::new();
    for n in 0..200 {
        let waiter = {
            let client = client.clone();
            tokio::spawn(async move {
                let request = pop_request(1, 20_000, None);
                let popped = client.queue_pop(&queue("latency"), &request).await;
                assert_eq!(popped.expect("popped").0.len(), 1);
                Instant::now()
            })
        };
        tokio::time::sleep(Duration::from_millis(5)).await;
        let began = Instant::now();
        push(&client, "latency", [Value::from(n)]).await;
        taken.push(waiter.await.expect("no panic").duration_since(began));
    }
    taken.sort_unstable();
    println!(
        "push to a pop that waits: p50 {:?}, p99 {:?}",
        taken[100], taken[198]
    );
}
