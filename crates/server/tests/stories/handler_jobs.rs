//! How many jobs handle a queue, and when they end for others.

use crate::{
    queue_world::{Handler, attach, handled, info, push, push_numbers, queue, settings},
    world::{Worker, World, header, inline, spec, submit_one, until},
};
use picloud_client::ApiClient;
use picloud_types::{
    JobState, Timestamp,
    api::{
        queues::{ExchangeReply, Finish, QueueChange},
        workers::{PullRequest, PulledJob},
    },
    message::Delivered,
};
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, SystemTime},
};
use tokio::{task::JoinHandle, time::Instant};

fn parallel(jobs: u32) -> QueueChange {
    QueueChange {
        max_parallel_jobs: Some(jobs),
        ..QueueChange::default()
    }
}

/// Pulls with much room, once.
async fn pulled(worker: &Worker, wait_ms: u64) -> Vec<PulledJob> {
    let request = PullRequest {
        free_units: 8.0,
        free_memory_bytes: 16 << 30,
        wait_ms,
        ..PullRequest::default()
    };
    let pulled = worker.line.pull(worker.id, &request).await.expect("a pull");
    pulled.header.jobs
}

/// Handles what comes until it is told to end; what the fleet of a promise does.
async fn handle(mut handler: Handler, worker: &Worker) {
    let mut settled = Vec::new();
    loop {
        let (reply, taken) = handler.exchange(&settled, 5, 50).await;
        settled = taken.iter().map(|m| handled(m, vec![])).collect();
        if reply.finish.is_some() {
            break;
        }
    }
    handler.exchange(&settled, 0, 0).await;
    handler.end(worker, JobState::Done).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn promise_8_there_are_never_more_jobs_than_max_parallel_jobs() {
    let world = Arc::new(World::new().await);
    let (client, worker) = (world.client(), Arc::new(world.worker("w").await));
    attach(&client, "q", 1, settings()).await;
    let done = Arc::new(AtomicBool::new(false));
    let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));

    let fleet = {
        let (world, worker, done) = (world.clone(), worker.clone(), done.clone());
        let (running, most) = (running.clone(), most.clone());
        tokio::spawn(async move {
            let mut handling = tokio::task::JoinSet::new();
            while !done.load(Ordering::SeqCst) {
                for job in pulled(&worker, 50).await {
                    let now = running.fetch_add(1, Ordering::SeqCst) + 1;
                    most.fetch_max(now, Ordering::SeqCst);
                    let (world, worker, running) = (world.clone(), worker.clone(), running.clone());
                    handling.spawn(async move {
                        worker.start(&job).await;
                        handle(Handler::of(&world, &job, 1, "q"), &worker).await;
                        running.fetch_sub(1, Ordering::SeqCst);
                    });
                }
                while let Some(ended) = handling.try_join_next() {
                    ended.expect("no panic");
                }
            }
            handling.abort_all();
        })
    };
    let pushers: Vec<_> = (0..4)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move {
                for _ in 0..50 {
                    push_numbers(&client, "q", 20).await;
                }
            })
        })
        .collect();
    let looked = |client: ApiClient| async move {
        let attached = info(&client, "q").await.attachment.expect("attached");
        (attached.jobs, attached.max_parallel_jobs)
    };
    // Raised while messages come: at no time are there more than are allowed just then.
    for allowed in 1..=4 {
        client
            .queue_change(&queue("q"), &parallel(allowed))
            .await
            .expect("changed");
        for _ in 0..40 {
            let (jobs, max) = looked(client.clone()).await;
            assert!(jobs <= max && max == allowed, "{jobs} jobs of {max}");
        }
        until(
            "all that may be are there, or nothing is left to do",
            || async {
                looked(client.clone()).await.0 == allowed || info(&client, "q").await.count == 0
            },
        )
        .await;
    }
    for pusher in pushers {
        pusher.await.expect("no panic");
    }
    // Lowered: those beyond it end, and no others begin.
    client
        .queue_change(&queue("q"), &parallel(1))
        .await
        .expect("changed");
    until("the others end", || async {
        looked(client.clone()).await.0 <= 1
    })
    .await;
    push_numbers(&client, "q", 500).await;
    until("all are handled", || async {
        let (jobs, max) = looked(client.clone()).await;
        assert!(jobs <= max, "{jobs} jobs of {max}");
        info(&client, "q").await.count == 0
    })
    .await;
    client
        .queue_change(&queue("q"), &parallel(0))
        .await
        .expect("changed");
    until("the last ends", || async {
        looked(client.clone()).await.0 == 0
    })
    .await;
    push_numbers(&client, "q", 1).await;
    assert!(pulled(&worker, 300).await.is_empty(), "0 is a pause");
    done.store(true, Ordering::SeqCst);
    fleet.await.expect("no panic");
    let most = most.load(Ordering::SeqCst);
    assert!((2..=4).contains(&most), "{most} at one time");
}

#[tokio::test]
async fn a_job_is_started_for_a_message_and_none_for_a_message_that_one_waits_for() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    attach(&client, "q", 5, settings()).await;
    assert!(
        pulled(&worker, 100).await.is_empty(),
        "an empty queue costs nothing"
    );
    push_numbers(&client, "q", 1).await;
    let mut handler = Handler::begun(&world, &worker, "q").await;
    let taken = handler.take(10).await;
    let settled = [handled(&taken[0], vec![])];
    handler.exchange(&settled, 0, 0).await;
    for _ in 0..5 {
        let waits = waiting(handler);
        tokio::time::sleep(Duration::from_millis(50)).await;
        push_numbers(&client, "q", 1).await;
        let (back, _, taken) = waits.await.expect("no panic");
        handler = back;
        let settled = [handled(&taken[0], vec![])];
        handler.exchange(&settled, 0, 0).await;
    }
    assert!(pulled(&worker, 200).await.is_empty(), "one job is enough");
    // While it is busy, others are needed.
    push_numbers(&client, "q", 1).await;
    let held = handler.take(10).await;
    assert_eq!(held.len(), 1);
    push_numbers(&client, "q", 2).await;
    until("two more are there", || async {
        info(&client, "q").await.attachment.map(|a| a.jobs) == Some(3)
    })
    .await;
}

type Waited = (Handler, ExchangeReply, Vec<Delivered>);

/// An exchange that takes what comes.
fn waiting(mut handler: Handler) -> JoinHandle<Waited> {
    tokio::spawn(async move {
        let (reply, taken) = handler.exchange(&[], 10, 20_000).await;
        (handler, reply, taken)
    })
}

/// A handler job that has nothing to do.
async fn idle(world: &World, worker: &Worker) -> Handler {
    let client = world.client();
    attach(&client, "q", 1, settings()).await;
    push_numbers(&client, "q", 1).await;
    let mut handler = Handler::begun(world, worker, "q").await;
    let taken = handler.take(10).await;
    let settled = [handled(&taken[0], vec![])];
    handler.exchange(&settled, 0, 0).await;
    handler
}

#[tokio::test]
async fn an_idle_job_makes_room_for_others_that_wait_for_it() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let waits = waiting(idle(&world, &worker).await);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    let jid = submit_one(&client).await;
    let (handler, reply, taken) = waits.await.expect("no panic");
    let took = began.elapsed();
    assert_eq!((reply.finish, taken.len()), (Some(Finish::Crowded), 0));
    // Not for what is placed in the same breath, and not much later than it has to.
    let prompt = Duration::from_millis(95)..Duration::from_millis(900);
    assert!(prompt.contains(&took), "{took:?}");
    handler.end(&worker, JobState::Done).await;
    assert_eq!(worker.one().await.jid, jid);
}

#[tokio::test]
async fn another_queue_of_the_same_account_is_others_too() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let waits = waiting(idle(&world, &worker).await);
    attach(&client, "other", 1, settings()).await;
    push_numbers(&client, "other", 1).await;
    let (_, reply, _) = waits.await.expect("no panic");
    assert_eq!(reply.finish, Some(Finish::Crowded));
}

#[tokio::test]
async fn a_busy_job_that_had_its_turn_ends_for_others_after_what_it_holds() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    attach(&client, "q", 1, settings()).await;
    push_numbers(&client, "q", 5).await;
    let now: Timestamp = SystemTime::now().into();
    let long_ago = Timestamp(now.0 - 10_000);
    let mut handler = Handler::begun_at(&world, &worker, "q", long_ago).await;
    let taken = handler.take(1).await;
    let settled = [handled(&taken[0], vec![])];
    let (reply, taken) = handler.exchange(&settled, 1, 0).await;
    assert_eq!((reply.finish, taken.len()), (None, 1), "nobody waits");
    let jid = submit_one(&client).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let settled = [handled(&taken[0], vec![])];
    let (reply, taken) = handler.exchange(&settled, 1, 0).await;
    assert_eq!((reply.finish, taken.len()), (Some(Finish::Crowded), 0));
    assert_eq!(info(&client, "q").await.count, 3, "what it held is settled");
    handler.end(&worker, JobState::Done).await;
    assert_eq!(worker.pull().await.header.jobs[0].jid, jid);
}

#[tokio::test]
async fn nobody_makes_room_for_what_is_less_urgent_or_can_never_run() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let mut handler = idle(&world, &worker).await;
    let mut later = header(spec(), 1);
    later.spec.priority = 9;
    let mut huge = header(spec(), 1);
    huge.spec.core_type = "f2".into();
    huge.spec.cores = 4;
    for made in [later, huge] {
        client
            .submit(&made, &inline(b"f"), &[inline(b"a")])
            .await
            .expect("taken");
    }
    let (reply, _) = handler.exchange(&[], 10, 400).await;
    assert_eq!(reply.finish, None);
    // And nobody who holds messages and has not had its turn.
    push_numbers(&client, "q", 1).await;
    assert_eq!(handler.take(10).await.len(), 1);
    submit_one(&client).await;
    let (reply, _) = handler.exchange(&[], 10, 400).await;
    assert_eq!(reply.finish, None);
}

#[tokio::test]
async fn a_server_that_stops_tells_handlers_and_takes_what_they_bring() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let mut busy = idle(&world, &worker).await;
    push(&client, "q", [json!(1), json!(2)]).await;
    let taken = busy.take(1).await;
    world.server.stop_intake();
    let (reply, more) = busy
        .exchange(&[handled(&taken[0], vec![])], 10, 20_000)
        .await;
    assert_eq!((reply.finish, more.len()), (Some(Finish::Stopping), 0));
    assert_eq!(info(&client, "q").await.count, 1);
    busy.end(&worker, JobState::Done).await;
    assert!(
        pulled(&worker, 100).await.is_empty(),
        "and none are started"
    );

    let world = World::new().await;
    let worker = world.worker("w").await;
    let waits = waiting(idle(&world, &worker).await);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let began = Instant::now();
    world.server.stop_intake();
    let (_, reply, _) = waits.await.expect("no panic");
    assert_eq!(reply.finish, Some(Finish::Stopping));
    assert!(began.elapsed() < Duration::from_millis(500));
}
