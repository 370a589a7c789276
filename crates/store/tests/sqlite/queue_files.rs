//! Queues in files of earlier formats, and what others are told before a transaction is on disk.

use crate::{audit::audit, files::sample};
use picloud_store::{
    Committed, Exchange, JobFilter, MoveWhat, Pop, Push, QueueStore, Store, StoreError, Ticket,
    contract::{
        NOW,
        queue_fixture::{Queues, handled, later, queue, settings, text, tickets},
    },
    sqlite::{Options, SqliteStore},
};
use picloud_types::{
    AccountId, Attempt, Jid, QueueId, Timestamp,
    message::{MessageOutcome, Settled},
};
use std::sync::{Arc, Mutex};

#[tokio::test]
async fn a_file_of_format_6_opens_with_its_queues() {
    let (_directory, path, store) = sample(include_str!("../samples/0006.sql")).await;
    let account = AccountId(1);
    let found = store.queue_list(account, None, NOW).await.expect("a list");
    let counts: Vec<_> = found
        .iter()
        .map(|q| {
            (
                q.name.as_str(),
                q.count,
                q.in_flight,
                q.paused,
                q.retention_ms,
            )
        })
        .collect();
    assert_eq!(
        counts,
        [
            ("bad", 1, 0, false, None),
            ("in", 3, 2, false, None),
            ("out", 0, 0, true, Some(60_000))
        ]
    );
    let attached = found[1].attachment.as_ref().expect("attached");
    assert_eq!((attached.jobs, attached.max_parallel_jobs), (1, 2));
    assert_eq!(attached.version.of.settings.on_crash, Some(0));
    let filter = JobFilter {
        queue: Some(queue("in")),
        ..JobFilter::default()
    };
    let jobs = store.job_list(account, filter, 9).await.expect("a page");
    assert_eq!(jobs.jobs[0].jid, Jid(7));
    let settled = Settled {
        id: 3,
        handled_us: 1,
        outputs: vec![picloud_store::contract::queue_fixture::body("x")],
        outcome: MessageOutcome::Handled,
    };
    let exchange = Exchange {
        account,
        queue: queue("in"),
        jid: Jid(7),
        attempt: Attempt(1),
        seq: 5,
        settled: vec![settled],
        give_back: Vec::new(),
        lease: 5,
        max_bytes: 1000,
        keep_until: NOW,
        now: NOW,
    };
    let exchanged = store.handler_exchange(exchange).await.expect("it lives");
    let message = &exchanged.messages[0];
    assert_eq!((message.id, message.deliveries), (1, 2));
    assert!(message.body.payload.blob().is_some());
    let two = Ticket { id: 2, delivery: 1 };
    let acked = store.queue_ack(account, &queue("in"), vec![two], NOW).await;
    assert_eq!(acked.expect("known"), []);
    let home = MoveWhat::Redrive {
        ids: None,
        to: None,
    };
    let moved = store.queue_move(account, &queue("bad"), home, 9, NOW).await;
    assert_eq!(moved.expect("moved"), 1);
    let pop = Pop {
        account,
        queue: queue("in"),
        limit: 9,
        max_bytes: 1000,
        deadline: None,
        keep_until: NOW,
        now: NOW,
    };
    let popped = store.queue_pop(pop).await.expect("a pop");
    assert_eq!(popped.iter().map(text).collect::<Vec<_>>(), ["\"bad\""]);
    store.close().await;
    audit(&path);
}

/// What was said of queues since it was last asked.
#[derive(Default)]
struct Told(Mutex<Vec<QueueId>>);

impl Told {
    fn take(&self) -> Vec<QueueId> {
        std::mem::take(&mut self.0.lock().expect("a list"))
    }
}

#[tokio::test]
async fn who_waits_for_messages_hears_of_those_that_can_be_taken_and_of_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let told = Arc::new(Told::default());
    let teller = Arc::clone(&told);
    let on_commit = move |committed: Committed| {
        teller.0.lock().expect("a list").extend(committed.queues);
    };
    let options = Options {
        on_commit: Some(Arc::new(on_commit)),
        ..Options::new(directory.path().join("picloud.db"))
    };
    let store = SqliteStore::open(&options).expect("a store");
    let q = Queues::new(&store as &dyn Store).await;
    q.attach("in", settings(&["a", "b"], None), 1).await;
    let [r#in, a, b] = [
        q.queue("in").await.id,
        q.queue("a").await.id,
        q.queue("b").await.id,
    ];
    told.take();
    q.push("in", &["1", "2"]).await;
    assert_eq!(told.take(), [r#in]);
    let delayed = Push {
        visible: later(60),
        ..q.pushing("in", &["late"])
    };
    store.queue_push(delayed).await.expect("a push");
    let mut handler = q.handler("in").await;
    let held = q.lease(&mut handler, 1).await;
    assert_eq!(told.take(), [], "nothing of that can be taken");
    q.exchange(&mut handler, vec![handled(&held[0], &["x"])], 1)
        .await;
    assert_eq!(told.take(), [a, b]);
    q.done(&handler).await;
    assert_eq!(told.take(), []);
    q.release().await;
    assert_eq!(told.take(), [r#in]);
    let taken = q.deliver("in", 1, later(9), NOW).await;
    assert_eq!(
        q.ack("in", tickets(&taken), Timestamp(NOW.0 + 9_000))
            .await
            .len(),
        1
    );
    assert_eq!(told.take(), []);
    let upkeep = store
        .queue_upkeep(later(9), std::time::Duration::MAX, NOW, 9)
        .await;
    assert_eq!(upkeep.expect("upkeep").queues, [r#in]);
    assert_eq!(told.take(), [r#in], "a deadline is over");
    let refused = Push {
        messages: vec![picloud_types::message::Body {
            payload: picloud_types::Payload::Blob {
                hash: picloud_types::Hash::of(b"missing"),
                size: 7,
            },
            ..picloud_store::contract::queue_fixture::body("")
        }],
        ..q.pushing("in", &[])
    };
    let refused = store.queue_push(refused).await;
    assert!(matches!(refused, Err(StoreError::BlobMissing(_))));
    assert_eq!(told.take(), [], "nor does what was refused");
    store.close().await;
}
