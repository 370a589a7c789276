//! Tests that a long line costs nothing: as for jobs, the steps of SQLite's virtual machine are counted.

use super::{
    Options, SqliteStore, Writing,
    queues::{self, Upkeep},
    readers::{Reader, Size},
    scale::steps,
};
use crate::{
    Exchange, Pop, Push, QueueStore, Result, Store,
    contract::{
        NOW,
        queue_fixture::{Handler, Queues, handled, later, queue, settings, tickets},
    },
};
use std::time::Duration;

const VERBS: [&str; 9] = [
    "push", "pop", "ack", "removal", "exchange", "needed", "list", "peek", "upkeep",
];

async fn writing<T: Send + 'static>(
    store: &SqliteStore,
    work: impl FnOnce(&mut Writing<'_>) -> Result<T> + Send + 'static,
) -> (T, u64) {
    let counted = store.write(true, move |w| steps(|| work(w))).await;
    counted.expect("a write")
}

async fn reading<T: Send + 'static>(
    store: &SqliteStore,
    work: impl FnOnce(&mut Reader) -> Result<T> + Send + 'static,
) -> (T, u64) {
    let counted = store.read(Size::Many, move |r| steps(|| work(r))).await;
    counted.expect("a read")
}

/// What each hot verb costs on a store as it is. As many messages are left as there were.
async fn costs(store: &SqliteStore, q: &Queues<'_>, handler: &mut Handler) -> [u64; 9] {
    let account = q.account;
    let push = q.pushing("q", &["1", "2", "3", "4", "5", "6", "7", "8", "9"]);
    let (_, pushing) = writing(store, move |w| queues::push(w, &push)).await;
    let pop = Pop {
        deadline: Some(later(60)),
        ..q.popping("q", 3, NOW)
    };
    let (popped, popping) = writing(store, move |w| queues::take(w, &pop)).await;
    let acked = tickets(&popped);
    let (_, acking) = writing(store, move |w| {
        queues::ack(w, account, &queue("q"), acked, NOW)
    })
    .await;
    let pop = q.popping("q", 3, NOW);
    let (_, removing) = writing(store, move |w| queues::take(w, &pop)).await;
    let held = q.lease(handler, 3).await;
    handler.seq += 1;
    let settled = held.iter().map(|m| handled(m, &["x"])).collect();
    let exchange: Exchange = q.exchanging(handler, settled, 3);
    let (next, exchanging) = writing(store, move |w| queues::exchange(w, &exchange)).await;
    handler.seq += 1;
    let back = Exchange {
        give_back: next.messages.iter().map(|m| m.id).collect(),
        ..q.exchanging(handler, Vec::new(), 0)
    };
    store.handler_exchange(back).await.expect("given back");
    let (needs, needing) = reading(store, |r| queues::needed(&r.db, NOW, 10)).await;
    assert_eq!(needs.len(), 1);
    let (_, listing) = reading(store, move |r| queues::list(r, account, None, NOW)).await;
    let (page, peeking) = reading(store, move |r| {
        queues::peek(&r.db, account, &queue("q"), None, 5)
    })
    .await;
    assert_eq!(page.len(), 5);
    let what = Upkeep {
        now: later(1),
        retention: Duration::from_secs(3600),
        rates_before: NOW,
        limit: 9,
    };
    let (_, looking) = reading(store, move |r| queues::due(&r.db, what)).await;
    [
        pushing, popping, acking, removing, exchanging, needing, listing, peeking, looking,
    ]
}

#[tokio::test]
async fn hot_verbs_cost_the_same_beside_thousands_that_wait_and_are_in_flight() {
    let directory = tempfile::tempdir().expect("a directory");
    let store =
        SqliteStore::open(&Options::new(directory.path().join("picloud.db"))).expect("a store");
    let q = Queues::new(&store as &dyn Store).await;
    q.attach("q", settings(&["out"], None), 2).await;
    let many = |count: usize| vec!["a message"; count];
    q.push("q", &many(50)).await;
    q.push("out", &many(5)).await;
    q.deliver("out", 1, later(600), NOW).await;
    let mut handler = q.handler("q").await;
    // Once before it counts: the first time, statements are prepared and the schema is read.
    costs(&store, &q, &mut handler).await;
    let small = costs(&store, &q, &mut handler).await;
    q.push("q", &many(20_000)).await;
    q.push("out", &many(20_000)).await;
    let delayed = Push {
        visible: later(500),
        ..q.pushing("q", &many(5_000))
    };
    store.queue_push(delayed).await.expect("a push");
    q.deliver("q", 5_000, later(600), NOW).await;
    q.deliver("out", 5_000, later(600), NOW).await;
    q.push("deleted", &many(2_000)).await;
    let deleted = store
        .queue_delete(q.account, &queue("deleted"), 500, NOW)
        .await;
    assert!(deleted.expect("deleted"));
    let large = costs(&store, &q, &mut handler).await;
    for (verb, (small, large)) in VERBS.iter().zip(small.iter().zip(large)) {
        assert!(*small > 10, "{verb} is counted");
        // Delayed messages of a queue that is listed are counted, up to a bound.
        let counted = if *verb == "list" { 5_000 * 8 } else { 0 };
        assert!(
            large <= small + small / 10 + counted,
            "{verb} took {small} steps, then {large}"
        );
    }
    store.close().await;
}
