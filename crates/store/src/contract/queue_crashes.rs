//! What becomes of messages whose handler ended before it settled them.

use super::{
    fixture::{NOW, World, failed},
    queue_fixture::{Handler, Queues, handled, later, queue, settings, texts},
};
use crate::{Finished, Released, Report, Store};
use picloud_types::{
    JobState, Outcome, Payload, Verdict,
    api::queues::{AttachmentSettings, MessageError},
    message::Delivered,
};

/// Settings under which a message may crash so often.
fn crashes(max_crashes: u32) -> AttachmentSettings {
    AttachmentSettings {
        max_crashes,
        ..settings(&["out"], Some("bad"))
    }
}

async fn crash_and_release(q: &Queues<'_>, handler: &Handler) -> Released {
    q.crash(handler).await;
    q.release().await
}

fn error_of(message: &Delivered) -> MessageError {
    let error = message.error.as_deref().expect("an error message");
    serde_json::from_str(error).expect("a MessageError")
}

pub async fn a_job_that_ends_in_order_gives_everything_back(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", crashes(1), 1).await;
    q.push("q", &["a", "b"]).await;
    let id = q.queue("q").await.id;
    let mut first = q.handler("q").await;
    q.lease(&mut first, 2).await;
    assert_eq!(q.release().await, Released::default(), "it lives");
    assert_eq!(q.counts("q").await, (2, 2));
    q.done(&first).await;
    let released = Released {
        queues: vec![id],
        failed: 0,
    };
    assert_eq!(q.release().await, released);
    assert_eq!(q.release().await, Released::default());
    assert_eq!(q.counts("q").await, (2, 0));
    let mut second = q.handler("q").await;
    assert_eq!(
        q.lease(&mut second, 9).await.len(),
        2,
        "they are no suspects"
    );
}

pub async fn a_handler_that_dies_before_it_asks_is_started_less_and_less_often(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", crashes(1), 2).await;
    q.push("q", &["a"]).await;
    let needed = async |seconds| {
        let needs = store.handlers_needed(later(seconds), 10).await;
        !needs.expect("needs").is_empty()
    };
    let pair = q.handlers("q", 2).await;
    assert!(needed(0).await);
    for handler in &pair {
        q.crash(handler).await;
    }
    q.release_at(later(0)).await;
    assert!(!needed(0).await, "both together count once");
    assert!(needed(1).await);
    let third = q.handler("q").await;
    q.crash(&third).await;
    q.release_at(later(1)).await;
    assert!(!needed(2).await);
    assert!(needed(3).await, "twice as long");
    let mut well = q.handler("q").await;
    q.lease(&mut well, 1).await;
    q.crash(&well).await;
    q.release_at(later(3)).await;
    assert!(needed(3).await, "that one had asked");
    let fourth = q.handler("q").await;
    q.crash(&fourth).await;
    q.release_at(later(4)).await;
    assert!(!needed(4).await);
    q.attach("q", crashes(1), 2).await;
    assert!(needed(4).await, "another version may fare better");
}

pub async fn suspects_are_leased_alone(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", crashes(1), 2).await;
    q.push("q", &["a", "b", "c"]).await;
    let mut first = q.handler("q").await;
    q.lease(&mut first, 2).await;
    assert_eq!(crash_and_release(&q, &first).await.failed, 0);
    q.push("q", &["d"]).await;
    let mut one = q.handler("q").await;
    let a = q.lease(&mut one, 9).await;
    assert_eq!((texts(&a), a[0].deliveries), (vec!["a".to_owned()], 2));
    assert_eq!(
        q.lease(&mut one, 9).await,
        [],
        "no more until it is settled"
    );
    let next = q.exchange(&mut one, vec![handled(&a[0], &[])], 9).await;
    assert_eq!(texts(&next.messages), ["b"]);
    let next = q
        .exchange(&mut one, vec![handled(&next.messages[0], &[])], 9)
        .await;
    assert_eq!(texts(&next.messages), ["c", "d"]);
    assert_eq!(q.counts("q").await, (2, 2));
}

pub async fn a_message_that_crashes_too_often_fails_and_its_neighbours_do_not(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", crashes(2), 1).await;
    q.push("q", &["poison", "b"]).await;
    let mut died = 0;
    for _ in 0..20 {
        if q.counts("q").await.0 == 0 {
            break;
        }
        let mut handler = q.handler("q").await;
        loop {
            let held = q.lease(&mut handler, 9).await;
            if held.is_empty() {
                q.done(&handler).await;
                break;
            }
            if texts(&held).contains(&"poison".to_owned()) {
                died += 1;
                q.crash(&handler).await;
                break;
            }
            let settled = held.iter().map(|m| handled(m, &["fine"])).collect();
            q.exchange(&mut handler, settled, 0).await;
        }
        q.release().await;
    }
    assert_eq!(
        died, 4,
        "once with its neighbour, then alone until it is beyond two"
    );
    assert_eq!(q.pop("out", 9).await, ["fine"]);
    let bad = q.pop_at("bad", 9, NOW).await;
    assert_eq!(texts(&bad), ["poison"]);
    let error = error_of(&bad[0]);
    assert_eq!(
        (error.source_queue, error.verdict),
        (queue("q"), Some(Verdict::Exited { code: 3 }))
    );
    assert_eq!(error.exception_type, "cloud.queue.HandlerCrashed");
    assert_eq!(error.exception_text, "The process exited with code 3");
    let rates = store.queue_rates(q.account, &queue("q"), NOW, 9).await;
    assert_eq!(
        rates.expect("rates").iter().map(|w| w.failed).sum::<u64>(),
        1
    );
}

pub async fn one_that_crashed_alone_waits_behind_its_neighbours(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", crashes(2), 1).await;
    q.push("q", &["poison", "b"]).await;
    let mut first = q.handler("q").await;
    assert_eq!(texts(&q.lease(&mut first, 1).await), ["poison"]);
    q.crash(&first).await;
    assert_eq!(q.release_at(later(1)).await.failed, 0);
    let mut second = q.handler("q").await;
    assert_eq!(texts(&q.lease(&mut second, 9).await), ["b"]);
    q.push("q", &["c"]).await;
    second.seq += 1;
    let exchange = crate::Exchange {
        now: later(5),
        ..q.exchanging(&second, Vec::new(), 1)
    };
    let passed = store.handler_exchange(exchange).await.expect("an answer");
    assert_eq!(texts(&passed.messages), ["c"], "older than its new place");
    let push = crate::Push {
        visible: later(6),
        ..q.pushing("q", &["d", "e"])
    };
    store.queue_push(push).await.expect("a push");
    for (seconds, taken) in [(7, vec!["d"]), (11, vec![]), (12, vec![])] {
        second.seq += 1;
        let exchange = crate::Exchange {
            now: later(seconds),
            ..q.exchanging(&second, Vec::new(), 1)
        };
        let next = store.handler_exchange(exchange).await.expect("an answer");
        assert_eq!(texts(&next.messages), taken, "after {seconds} seconds");
    }
}

pub async fn a_lost_worker_is_no_fault_of_a_message(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", crashes(1), 1).await;
    q.push("q", &["a"]).await;
    for deliveries in 1..5 {
        let world: &World<'_> = &q;
        let worker = store
            .worker_register(
                super::fixture::about(&format!("worker {deliveries}")),
                picloud_types::Timestamp(i64::MAX),
                NOW,
            )
            .await
            .expect("welcome")
            .worker;
        let id = q.queue("q").await.id;
        let jids = q.start(id, 1).await;
        let of = super::fixture::of(&world.claim_for(worker, 1).await[0]);
        assert_eq!(of.jid, jids[0]);
        let mut handler = Handler {
            of,
            queue: queue("q"),
            seq: 0,
        };
        let held = q.lease(&mut handler, 1).await;
        assert_eq!(held[0].deliveries, deliveries);
        store.worker_end(worker, NOW).await.expect("ended");
        assert_eq!(q.state(of.jid).await, JobState::Error);
        assert_eq!(q.release().await.failed, 0);
    }
    assert_eq!(q.counts("bad").await, (0, 0));
}

pub async fn a_kill_is_no_fault_of_a_message(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", crashes(1), 1).await;
    q.push("q", &["a", "b"]).await;
    for _ in 0..4 {
        let mut handler = q.handler("q").await;
        assert_eq!(
            q.lease(&mut handler, 2).await.len(),
            2,
            "and makes no suspects"
        );
        let jids = Some([handler.of.jid].into_iter().collect());
        store.job_kill(q.account, jids, NOW).await.expect("killed");
        let outcome = Outcome::Failed {
            state: JobState::Killed,
            failure: picloud_types::Failure {
                verdict: Verdict::Killed,
                ..super::fixture::raised()
            },
            exception: Payload::empty(),
        };
        q.end(&[&handler], &outcome).await;
        q.release().await;
    }
    assert_eq!(
        (q.counts("q").await, q.counts("bad").await),
        ((2, 0), (0, 0))
    );
}

pub async fn at_most_once_means_once(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", crashes(0), 1).await;
    q.push("q", &["a", "b", "c"]).await;
    let mut first = q.handler("q").await;
    q.lease(&mut first, 2).await;
    assert_eq!(crash_and_release(&q, &first).await.failed, 2);
    let mut second = q.handler("q").await;
    q.lease(&mut second, 2).await;
    store.worker_end(q.worker, NOW).await.expect("ended");
    assert_eq!(q.release().await.failed, 1);
    assert_eq!(q.counts("q").await, (0, 0));
    let bad = q.pop_at("bad", 9, NOW).await;
    assert_eq!(texts(&bad), ["a", "b", "c"]);
    assert_eq!(error_of(&bad[2]).verdict, Some(Verdict::WorkerLost));
}

pub async fn without_an_error_queue_a_poison_message_is_dropped(store: &dyn Store) {
    let q = Queues::new(store).await;
    let nowhere = AttachmentSettings {
        max_crashes: 1,
        ..settings(&[], None)
    };
    q.attach("q", nowhere, 1).await;
    let large = picloud_types::message::Body {
        kind: picloud_types::message::MessageKind::Pickle,
        payload: q.blob("large").await,
    };
    let push = crate::Push {
        messages: vec![large],
        ..q.pushing("q", &[])
    };
    store.queue_push(push).await.expect("a push");
    for failed in [0, 1] {
        assert_eq!(q.swept().await, 0);
        let mut handler = q.handler("q").await;
        q.lease(&mut handler, 1).await;
        assert_eq!(crash_and_release(&q, &handler).await.failed, failed);
    }
    assert_eq!((q.counts("q").await, q.swept().await), ((0, 0), 1));
}

pub async fn deleting_an_ended_job_gives_back_what_it_held(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", crashes(1), 1).await;
    q.push("q", &["a", "b"]).await;
    let mut handler = q.handler("q").await;
    q.lease(&mut handler, 2).await;
    let finished: Finished = failed(handler.of);
    let report = Report {
        finished: vec![finished],
        ..Report::default()
    };
    q.report(report).await;
    let jids = [handler.of.jid].into_iter().collect();
    store.job_delete(q.account, jids).await.expect("deleted");
    assert_eq!(q.counts("q").await, (2, 0));
    assert_eq!(q.release().await, Released::default());
    let mut next = q.handler("q").await;
    assert_eq!(q.lease(&mut next, 9).await.len(), 1, "as suspects");
}

pub async fn suspects_are_popped_like_others(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", crashes(1), 1).await;
    q.push("q", &["a", "b", "c", "d"]).await;
    q.pop("q", 1).await;
    let mut handler = q.handler("q").await;
    q.lease(&mut handler, 2).await;
    crash_and_release(&q, &handler).await;
    let two = q.deliver("q", 2, later(9), NOW).await;
    assert_eq!(texts(&two), ["b", "c"], "in the order of their numbers");
    assert_eq!(texts(&q.pop_at("q", 9, later(9)).await), ["b", "c", "d"]);
    assert_eq!(q.counts("q").await, (0, 0));
}
