//! Messages in and out.

use super::{
    fixture::{NOW, assert_refused},
    queue_fixture::{Queues, body, later, queue, texts, tickets},
};
use crate::{Pop, Push, Store, StoreError, Ticket};
use picloud_types::{
    Hash, Payload, Timestamp,
    message::{Body, MessageKind},
};

pub async fn what_is_pushed_is_popped_oldest_first(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.push("q", &["a", "b", "c"]).await;
    q.push("q", &["d"]).await;
    assert_eq!(q.counts("q").await, (4, 0));
    let first = q.pop_at("q", 3, later(2)).await;
    assert_eq!(texts(&first), ["a", "b", "c"]);
    let a = &first[0];
    assert_eq!(
        (a.deliveries, a.cur_retry, a.max_retries, a.created),
        (1, 0, None, NOW)
    );
    assert_eq!((a.error.clone(), a.body.clone()), (None, body("a")));
    assert_eq!(q.pop("q", 10).await, ["d"]);
    assert_eq!(q.pop("q", 10).await, [""; 0]);
    assert_eq!(q.counts("q").await, (0, 0));
}

pub async fn a_queue_is_made_by_its_first_push(store: &dyn Store) {
    let q = Queues::new(store).await;
    assert_refused!(
        store.queue_pop(q.popping("q", 1, NOW)).await,
        StoreError::NotFound(name) if name == "queue q"
    );
    q.push("q", &[]).await;
    assert_eq!(q.pop("q", 1).await, [""; 0]);
    let names = ["b", "a", "q"].map(queue);
    let made = store
        .queue_ensure(q.account, names.to_vec(), later(1))
        .await;
    made.expect("made");
    let all = store
        .queue_list(q.account, None, NOW)
        .await
        .expect("a list");
    let all: Vec<_> = all.iter().map(|q| (q.name.as_str(), q.created)).collect();
    assert_eq!(all, [("a", later(1)), ("b", later(1)), ("q", NOW)]);
    let asked = Some(["q", "x", "a"].map(queue).to_vec());
    let some = store
        .queue_list(q.account, asked, NOW)
        .await
        .expect("a list");
    assert_eq!(
        some.iter().map(|q| q.name.as_str()).collect::<Vec<_>>(),
        ["a", "q"]
    );
}

pub async fn a_repeated_push_changes_nothing(store: &dyn Store) {
    let q = Queues::new(store).await;
    let push = q.pushing("q", &["a", "b"]);
    for _ in 0..3 {
        assert_eq!(store.queue_push(push.clone()).await.expect("a push"), 2);
    }
    assert_eq!(q.pop("q", 10).await, ["a", "b"]);
    assert_eq!(store.queue_push(push.clone()).await.expect("a push"), 2);
    assert_eq!(
        q.pop("q", 10).await,
        [""; 0],
        "not even after they are gone"
    );
    let other = Push {
        messages: vec![body("c")],
        ..push.clone()
    };
    assert_refused!(store.queue_push(other).await, StoreError::Conflict(_));
    store.housekeep(later(1)).await.expect("done");
    assert_eq!(store.queue_push(push).await.expect("a push"), 2);
    assert_eq!(q.pop("q", 10).await, ["a", "b"], "keys are forgotten");
}

pub async fn a_delayed_message_waits_for_its_time(store: &dyn Store) {
    let q = Queues::new(store).await;
    let push = Push {
        visible: later(60),
        ..q.pushing("q", &["late"])
    };
    store.queue_push(push).await.expect("a push");
    q.push("q", &["soon"]).await;
    let info = q.queue("q").await;
    assert_eq!((info.count, info.delayed, info.oldest), (2, 1, Some(NOW)));
    assert_eq!(q.pop("q", 10).await, ["soon"]);
    assert_eq!(q.queue("q").await.oldest, None);
    assert_eq!(texts(&q.pop_at("q", 10, later(59)).await), [""; 0]);
    assert_eq!(texts(&q.pop_at("q", 10, later(60)).await), ["late"]);
}

pub async fn a_pop_ends_before_the_bytes_are_too_many(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.push("q", &["12345", "678", "90", "x"]).await;
    let pop = |max_bytes| Pop {
        max_bytes,
        ..q.popping("q", 10, NOW)
    };
    let first = store.queue_pop(pop(2)).await.expect("a pop");
    assert_eq!(texts(&first), ["12345"], "one always comes");
    let second = store.queue_pop(pop(5)).await.expect("a pop");
    assert_eq!(texts(&second), ["678", "90"]);
    assert_eq!(q.counts("q").await, (1, 0));
}

pub async fn a_ticket_is_good_for_one_delivery(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.push("q", &["a", "b"]).await;
    let first = q.deliver("q", 10, later(30), NOW).await;
    assert_eq!(q.counts("q").await, (2, 2));
    assert_eq!(q.pop("q", 10).await, [""; 0], "in flight");
    let (a, b) = (tickets(&first)[0], tickets(&first)[1]);
    let nonsense = Ticket { delivery: 7, ..a };
    assert_eq!(q.ack("q", vec![a, nonsense, a], NOW).await, [nonsense]);
    assert_eq!(q.ack("q", vec![a], NOW).await, [a], "acknowledged before");
    assert_eq!(q.counts("q").await, (1, 1));
    let second = q.deliver("q", 10, later(60), later(30)).await;
    assert_eq!(
        (texts(&second), second[0].deliveries),
        (vec!["b".to_owned()], 2)
    );
    assert_eq!(q.ack("q", vec![b], later(31)).await, [b]);
    assert_eq!(q.ack("q", tickets(&second), later(31)).await, []);
    assert_eq!(q.counts("q").await, (0, 0));
}

pub async fn a_deadline_brings_a_message_back_to_its_place(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.push("q", &["a", "b"]).await;
    let taken = q.deliver("q", 1, later(30), NOW).await;
    assert_eq!(texts(&q.pop_at("q", 10, later(29)).await), ["b"]);
    let push = Push {
        visible: later(29),
        ..q.pushing("q", &["c"])
    };
    store.queue_push(push).await.expect("a push");
    assert_eq!(
        q.ack("q", tickets(&taken), later(30)).await,
        tickets(&taken)
    );
    let back = q.pop_at("q", 10, later(30)).await;
    assert_eq!(texts(&back), ["a", "c"]);
    assert_eq!(back[0].deliveries, 2);
}

pub async fn deadlines_are_changed_for_deliveries_that_are_not_over(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.push("q", &["a", "b"]).await;
    let taken = q.deliver("q", 2, later(30), NOW).await;
    let all = tickets(&taken);
    let name = queue("q");
    let change = async |tickets: &[Ticket], deadline: Timestamp, now: Timestamp| {
        let changed = store.queue_deadline(q.account, &name, tickets.to_vec(), deadline, now);
        changed.await.expect("the queue is there")
    };
    assert_eq!(change(&all[..1], later(90), NOW).await, []);
    assert_eq!(texts(&q.pop_at("q", 10, later(40)).await), ["b"]);
    assert_eq!(change(&all, later(99), later(40)).await, all[1..]);
    assert_eq!(q.ack("q", all[..1].to_vec(), later(98)).await, []);
    assert_eq!(q.counts("q").await, (0, 0));
}

pub async fn blobs_are_kept_as_long_as_their_message(store: &dyn Store) {
    let q = Queues::new(store).await;
    let large = Body {
        kind: MessageKind::Pickle,
        payload: q.blob("large").await,
    };
    let push = Push {
        messages: vec![large.clone(), body("small"), large.clone()],
        ..q.pushing("q", &[])
    };
    store.queue_push(push).await.expect("a push");
    assert_eq!(q.swept().await, 0);
    let one = q.deliver("q", 1, later(30), NOW).await;
    assert_eq!(one[0].body, large);
    assert_eq!(q.ack("q", tickets(&one), NOW).await, []);
    assert_eq!(q.swept().await, 0, "the other message needs it");
    let pop = Pop {
        keep_until: later(50),
        ..q.popping("q", 10, NOW)
    };
    assert_eq!(store.queue_pop(pop).await.expect("a pop").len(), 2);
    assert_eq!(q.swept().await, 0, "the client has yet to get it");
    assert_eq!(
        store.blob_sweep(later(51), 9).await.expect("a sweep").len(),
        1
    );
}

pub async fn a_push_of_a_missing_blob_is_refused_whole(store: &dyn Store) {
    let q = Queues::new(store).await;
    let hash = Hash::of(b"never uploaded");
    let missing = Body {
        kind: MessageKind::Json,
        payload: Payload::Blob { hash, size: 14 },
    };
    let push = Push {
        messages: vec![body("a"), missing],
        ..q.pushing("q", &[])
    };
    assert_refused!(
        store.queue_push(push).await,
        StoreError::BlobMissing(named) if named == hash
    );
    assert_eq!(q.found("q").await, None, "not even the queue was made");
}

pub async fn of_racing_pops_each_message_goes_to_one(store: &dyn Store) {
    let q = Queues::new(store).await;
    let all: Vec<String> = (0..60).map(|n| n.to_string()).collect();
    let all: Vec<&str> = all.iter().map(String::as_str).collect();
    q.push("q", &all).await;
    let pop = async |deadline: Option<Timestamp>| {
        let mut taken = Vec::new();
        loop {
            let pop = Pop {
                deadline,
                ..q.popping("q", 4, NOW)
            };
            let popped = store.queue_pop(pop).await.expect("a pop");
            if popped.is_empty() {
                return taken;
            }
            taken.extend(texts(&popped));
        }
    };
    let (a, b, c) = tokio::join!(pop(None), pop(Some(later(9))), pop(None));
    let mut seen = [a, b, c].concat();
    seen.sort_by_key(|n| n.parse::<u32>().expect("a number"));
    assert_eq!(seen, all);
}
