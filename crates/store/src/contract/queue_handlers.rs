//! The exchange of handler jobs.

use super::{
    fixture::{NOW, assert_refused},
    queue_fixture::{
        Handler, Queues, another_attempt, error_of, failed_in, handled, later, queue, retried,
        settings, text, texts,
    },
};
use crate::{AttemptOf, Exchange, Report, Store, StoreError};
use picloud_types::{
    Hash, Jid, Payload,
    api::queues::{Finish, QueueChange, RateWindow},
    message::{Body, MessageKind, Settled},
};

pub async fn outputs_go_to_every_output_queue(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&["a", "b"], None), 1).await;
    q.push("q", &["1", "2", "3"]).await;
    let mut handler = q.handler("q").await;
    let held = q.lease(&mut handler, 2).await;
    assert_eq!(texts(&held), ["1", "2"]);
    assert_eq!(q.counts("q").await, (3, 2));
    let settled = vec![handled(&held[1], &["x", "y"]), handled(&held[0], &["z"])];
    let next = q.exchange(&mut handler, settled, 9).await;
    assert_eq!(
        (texts(&next.messages), next.holds),
        (vec!["3".to_owned()], 1)
    );
    assert_eq!(q.counts("q").await, (1, 1));
    for name in ["a", "b"] {
        assert_eq!(q.pop(name, 9).await, ["z", "x", "y"], "as they were pushed");
    }
    let windows = store.queue_rates(q.account, &queue("q"), NOW, 9).await;
    let settled = RateWindow {
        start: NOW,
        version: 1,
        dequeued: 2,
        handled_us: 14,
        ..RateWindow::default()
    };
    assert_eq!(windows.expect("rates")[1], settled);
}

pub async fn a_repeated_exchange_settles_nothing_twice(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&["out"], None), 1).await;
    q.push("q", &["1", "2", "3"]).await;
    let mut handler = q.handler("q").await;
    let held = q.lease(&mut handler, 1).await;
    let again = store
        .handler_exchange(q.exchanging(&handler, Vec::new(), 1))
        .await;
    assert_eq!(again.expect("repeated").messages, held);
    let settled = vec![handled(&held[0], &["x"])];
    let next = q.exchange(&mut handler, settled.clone(), 1).await;
    for _ in 0..2 {
        let again = store
            .handler_exchange(q.exchanging(&handler, settled.clone(), 1))
            .await;
        assert_eq!(again.expect("repeated"), next);
    }
    assert_eq!(q.pop("out", 9).await, ["x"]);
    let old = Exchange {
        seq: handler.seq - 1,
        settled: vec![handled(&next.messages[0], &["never"])],
        ..q.exchanging(&handler, Vec::new(), 9)
    };
    let old = store.handler_exchange(old).await.expect("an answer");
    assert_eq!(
        (old.messages, old.holds),
        (vec![], 1),
        "of an earlier one nothing is done"
    );
    assert_eq!(q.counts("q").await, (2, 1));
    assert_eq!(q.pop("out", 9).await, [""; 0]);
}

pub async fn an_exchange_that_got_nothing_may_be_tried_again(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&[], None), 1).await;
    let mut handler = q.handler("q").await;
    assert_eq!(q.lease(&mut handler, 5).await, []);
    q.push("q", &["a", "b"]).await;
    let again = || q.exchanging(&handler, Vec::new(), 1);
    let first = store.handler_exchange(again()).await.expect("an answer");
    assert_eq!(texts(&first.messages), ["a"]);
    let second = store.handler_exchange(again()).await.expect("an answer");
    assert_eq!(second, first);
}

pub async fn a_late_attempt_is_refused(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&["out"], None), 2).await;
    q.push("q", &["a"]).await;
    let mut handler = q.handler("q").await;
    let held = q.lease(&mut handler, 1).await;
    let late = |handler: &Handler| Exchange {
        seq: 9,
        ..q.exchanging(handler, vec![handled(&held[0], &["x"])], 5)
    };
    let of_another = Exchange {
        attempt: another_attempt(&handler),
        ..late(&handler)
    };
    assert_refused!(
        store.handler_exchange(of_another).await,
        StoreError::AttemptOver
    );
    let jids = || Some([handler.of.jid].into_iter().collect());
    store
        .job_kill(q.account, jids(), NOW)
        .await
        .expect("killed");
    assert_refused!(
        store.handler_exchange(late(&handler)).await,
        StoreError::AttemptOver
    );
    q.crash(&handler).await;
    assert_refused!(
        store.handler_exchange(late(&handler)).await,
        StoreError::AttemptOver
    );
    let never = Exchange {
        jid: Jid(999),
        ..late(&handler)
    };
    assert_refused!(store.handler_exchange(never).await, StoreError::AttemptOver);
    assert_eq!(
        (q.counts("q").await, q.counts("out").await),
        ((1, 1), (0, 0))
    );
    q.release().await;
    assert_eq!(q.counts("q").await, (1, 0));
}

pub async fn only_a_handler_of_the_queue_exchanges(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&[], None), 1).await;
    q.push("q", &["a"]).await;
    q.push("other", &["b"]).await;
    let handler = q.handler("q").await;
    let elsewhere = Exchange {
        queue: queue("other"),
        ..q.exchanging(&handler, Vec::new(), 5)
    };
    assert_refused!(
        store.handler_exchange(elsewhere).await,
        StoreError::NotFound(_)
    );
    let jid = q.make_one(q.jobs(1)).await;
    let ordinary: AttemptOf = q.claim_one().await;
    let ordinary = Exchange {
        jid,
        attempt: ordinary.attempt,
        ..q.exchanging(&handler, Vec::new(), 5)
    };
    assert_refused!(
        store.handler_exchange(ordinary).await,
        StoreError::NotFound(_)
    );
}

pub async fn what_is_not_held_is_ignored_with_what_became_of_it(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&["out"], Some("bad")), 2).await;
    q.push("q", &["a", "b", "c"]).await;
    let mut handlers = q.handlers("q", 2).await;
    let first = q.lease(&mut handlers[0], 1).await;
    let second = q.lease(&mut handlers[1], 1).await;
    let settled = vec![
        handled(&second[0], &["stolen"]),
        handled(&first[0], &["x"]),
        failed_in("q", &first[0], Some(0)),
    ];
    let done = q.exchange(&mut handlers[0], settled, 0).await;
    assert_eq!(done.holds, 0);
    assert_eq!(q.pop("out", 9).await, ["x"], "and each is settled once");
    assert_eq!(q.counts("bad").await, (0, 0));
    assert_eq!(q.counts("q").await, (2, 1));
    let settled = vec![handled(&first[0], &["again"])];
    q.exchange(&mut handlers[0], settled, 0).await;
    assert_eq!(q.pop("out", 9).await, [""; 0]);
}

pub async fn a_retry_is_a_new_message_with_one_more_retry_counted(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&[], None), 1).await;
    let large = Body {
        kind: MessageKind::Pickle,
        payload: q.blob("large").await,
    };
    let push = crate::Push {
        messages: vec![large.clone()],
        ..q.pushing("q", &[])
    };
    store.queue_push(push).await.expect("a push");
    let mut handler = q.handler("q").await;
    let held = q.lease(&mut handler, 9).await;
    q.exchange(&mut handler, vec![retried(&held[0], 0, Some(4))], 0)
        .await;
    let first = q.lease(&mut handler, 9).await.remove(0);
    assert_ne!(first.id, held[0].id);
    assert_eq!(
        (
            first.cur_retry,
            first.max_retries,
            first.deliveries,
            first.created
        ),
        (1, Some(4), 1, held[0].created)
    );
    assert_eq!((first.body.clone(), q.swept().await), (large, 0));
    q.exchange(&mut handler, vec![retried(&first, 60, None)], 9)
        .await;
    assert_eq!(q.queue("q").await.delayed, 1);
    handler.seq += 1;
    let in_a_minute = Exchange {
        now: later(60),
        ..q.exchanging(&handler, Vec::new(), 9)
    };
    let again = store
        .handler_exchange(in_a_minute)
        .await
        .expect("an answer");
    let second = &again.messages[0];
    assert_eq!((second.cur_retry, second.max_retries), (2, None));
    q.exchange(&mut handler, vec![handled(second, &[])], 0)
        .await;
    assert_eq!((q.counts("q").await, q.swept().await), ((0, 0), 1));
    let sums = store.queue_rates(q.account, &queue("q"), NOW, 99).await;
    assert_eq!(
        sums.expect("rates").iter().map(|w| w.retried).sum::<u64>(),
        2
    );
}

pub async fn a_failed_message_goes_where_its_error_sends_it(store: &dyn Store) {
    let q = Queues::new(store).await;
    let mut two = settings(&["out"], Some("bad"));
    two.on_error.push(two.on_error[0].clone());
    two.on_error[1].queue = queue("worse");
    two.on_error[1].delay_s = 30;
    q.attach("q", two, 1).await;
    q.push("q", &["a", "b", "c", "d"]).await;
    let mut handler = q.handler("q").await;
    let held = q.lease(&mut handler, 9).await;
    let settled = vec![
        failed_in("q", &held[0], Some(0)),
        failed_in("q", &held[1], Some(1)),
        failed_in("q", &held[2], None),
        failed_in("q", &held[3], Some(7)),
    ];
    q.exchange(&mut handler, settled, 0).await;
    assert_eq!(q.counts("q").await, (0, 0), "two are dropped");
    let bad = q.pop_at("bad", 9, NOW).await.remove(0);
    assert_eq!(
        (text(&bad), bad.error),
        ("a".to_owned(), Some(error_of("q")))
    );
    assert_eq!((bad.created, bad.cur_retry), (held[0].created, 0));
    let worse = q.queue("worse").await;
    assert_eq!((worse.count, worse.delayed), (1, 1));
    assert_eq!(texts(&q.pop_at("worse", 9, later(30)).await), ["b"]);
    let sums = store.queue_rates(q.account, &queue("q"), NOW, 99).await;
    assert_eq!(
        sums.expect("rates").iter().map(|w| w.failed).sum::<u64>(),
        4
    );
}

pub async fn a_missing_blob_of_an_output_stops_the_whole_exchange(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&["out"], None), 1).await;
    q.push("q", &["a", "b"]).await;
    let mut handler = q.handler("q").await;
    let held = q.lease(&mut handler, 2).await;
    let hash = Hash::of(b"never uploaded");
    let output = Body {
        kind: MessageKind::Json,
        payload: Payload::Blob { hash, size: 14 },
    };
    let settled = vec![
        handled(&held[0], &["x"]),
        Settled {
            outputs: vec![output],
            ..handled(&held[1], &[])
        },
    ];
    handler.seq += 1;
    let refused = q.exchanging(&handler, settled, 0);
    assert_refused!(
        store.handler_exchange(refused).await,
        StoreError::BlobMissing(_)
    );
    assert_eq!(
        (q.counts("q").await, q.counts("out").await),
        ((2, 2), (0, 0))
    );
    let settled = held.iter().map(|m| handled(m, &["y"])).collect();
    let retried = store
        .handler_exchange(q.exchanging(&handler, settled, 0))
        .await;
    assert_eq!(
        retried.expect("in order").holds,
        0,
        "the number was not used up"
    );
    assert_eq!(q.counts("out").await, (2, 0));
}

pub async fn blobs_of_outputs_are_held_before_those_of_inputs_go(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&["a", "b"], None), 1).await;
    let large = Body {
        kind: MessageKind::Pickle,
        payload: q.blob("large").await,
    };
    let push = crate::Push {
        messages: vec![large.clone()],
        ..q.pushing("q", &[])
    };
    store.queue_push(push).await.expect("a push");
    let mut handler = q.handler("q").await;
    let held = q.lease(&mut handler, 1).await;
    let settled = Settled {
        outputs: vec![large],
        ..handled(&held[0], &[])
    };
    q.exchange(&mut handler, vec![settled], 0).await;
    assert_eq!(q.swept().await, 0);
    q.pop("a", 9).await;
    assert_eq!(q.swept().await, 0);
    q.pop("b", 9).await;
    assert_eq!(q.swept().await, 1);
}

pub async fn deleted_output_queues_are_made_anew(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&["out"], Some("bad")), 1).await;
    q.push("q", &["a", "b"]).await;
    let mut handler = q.handler("q").await;
    let held = q.lease(&mut handler, 2).await;
    for name in ["out", "bad"] {
        let deleted = store.queue_delete(q.account, &queue(name), 9, NOW).await;
        assert!(deleted.expect("deleted"));
    }
    let settled = vec![handled(&held[0], &["x"]), failed_in("q", &held[1], Some(0))];
    q.exchange(&mut handler, settled, 0).await;
    assert_eq!(q.pop("out", 9).await, ["x"]);
    assert_eq!(q.pop("bad", 9).await, ["b"]);
}

pub async fn a_queue_may_send_to_itself(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&["q"], Some("q")), 1).await;
    q.push("q", &["a", "b"]).await;
    let mut handler = q.handler("q").await;
    let held = q.lease(&mut handler, 2).await;
    let settled = vec![handled(&held[0], &["x"]), failed_in("q", &held[1], Some(0))];
    let next = q.exchange(&mut handler, settled, 9).await;
    assert_eq!(texts(&next.messages), ["x", "b"]);
    assert_eq!(q.counts("q").await, (2, 2));
}

pub async fn what_is_given_back_keeps_its_place(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&[], None), 2).await;
    q.push("q", &["a", "b", "c"]).await;
    let mut handlers = q.handlers("q", 2).await;
    let held = q.lease(&mut handlers[0], 2).await;
    handlers[0].seq += 1;
    let back = Exchange {
        give_back: vec![held[0].id, held[0].id, 999],
        ..q.exchanging(&handlers[0], vec![handled(&held[1], &[])], 0)
    };
    assert_eq!(
        store.handler_exchange(back).await.expect("an answer").holds,
        0
    );
    assert_eq!(q.counts("q").await, (2, 0));
    let next = q.lease(&mut handlers[1], 9).await;
    assert_eq!(
        (texts(&next), next[0].deliveries),
        (vec!["a".to_owned(), "c".to_owned()], 2)
    );
}

pub async fn a_lease_ends_before_the_bytes_are_too_many(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&[], None), 1).await;
    q.push("q", &["123", "45", "678"]).await;
    let mut handler = q.handler("q").await;
    handler.seq += 1;
    let exchange = Exchange {
        max_bytes: 5,
        ..q.exchanging(&handler, Vec::new(), 9)
    };
    let leased = store.handler_exchange(exchange).await.expect("an answer");
    assert_eq!(texts(&leased.messages), ["123", "45"]);
    assert_eq!(texts(&q.lease(&mut handler, 1).await), ["678"]);
}

pub async fn a_paused_queue_ends_its_jobs(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&["out"], None), 1).await;
    q.push("q", &["a", "b"]).await;
    let mut handler = q.handler("q").await;
    let held = q.lease(&mut handler, 1).await;
    let pause = QueueChange {
        paused: Some(true),
        ..QueueChange::default()
    };
    q.change("q", pause).await;
    let last = q
        .exchange(&mut handler, vec![handled(&held[0], &["x"])], 9)
        .await;
    assert_eq!((last.finish, last.messages), (Some(Finish::Paused), vec![]));
    assert_eq!(q.pop("out", 9).await, ["x"], "what it holds it may settle");
}

pub async fn messages_go_to_one_of_many_handlers(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&["out"], None), 4).await;
    let all: Vec<String> = (0..100).map(|n| n.to_string()).collect();
    q.push("q", &all.iter().map(String::as_str).collect::<Vec<_>>())
        .await;
    let handlers = q.handlers("q", 4).await;
    let work = async |mut handler: Handler| {
        let mut settled = Vec::new();
        loop {
            let next = q.exchange(&mut handler, settled, 7).await;
            if next.messages.is_empty() {
                return;
            }
            settled = next
                .messages
                .iter()
                .map(|m| handled(m, &[&text(m)]))
                .collect();
        }
    };
    let [a, b, c, d]: [_; 4] = handlers.try_into().expect("four handlers");
    tokio::join!(work(a), work(b), work(c), work(d));
    assert_eq!(q.counts("q").await, (0, 0));
    let mut out = q.pop("out", 1000).await;
    out.sort_by_key(|n| n.parse::<u32>().expect("a number"));
    assert_eq!(out, all);
}

pub async fn an_attempt_given_back_leaves_what_it_held(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&[], None), 1).await;
    q.push("q", &["a", "b"]).await;
    let mut handler = q.handler("q").await;
    q.lease(&mut handler, 1).await;
    let returned = Report {
        returned: vec![handler.of],
        ..Report::default()
    };
    q.report(returned).await;
    assert_eq!(q.release().await.queues, [q.queue("q").await.id]);
    assert_eq!(q.counts("q").await, (2, 0));
    let of = q.claim_one().await;
    assert_eq!((of.jid, of.attempt.0), (handler.of.jid, 2));
    (handler.of, handler.seq) = (of, 0);
    assert_eq!(q.lease(&mut handler, 2).await.len(), 2, "it begins anew");
}
