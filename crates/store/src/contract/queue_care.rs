//! Care for queues: looking, pausing, moving, removing.

use super::{
    fixture::{NOW, assert_refused},
    queue_fixture::{Queues, body, error_of, failed_in, later, queue, settings, texts, tickets},
};
use crate::{MoveWhat, Push, QueueTotals, Requeue, Store, StoreError};
use picloud_types::{
    QueueName, Timestamp,
    api::queues::{QueueChange, RateWindow},
    message::{Body, MessageKind},
};
use std::time::Duration;

const DAY: Duration = Duration::from_secs(86_400);

async fn moved(q: &Queues<'_>, name: &str, what: MoveWhat, limit: u32) -> u64 {
    let name = queue(name);
    let moved = q.store.queue_move(q.account, &name, what, limit, NOW);
    moved.await.expect("moved")
}

/// Puts messages into `errors` by a handler of `source` that fails at each.
async fn make_errors(q: &Queues<'_>, source: &str, errors: &str, messages: &[&str]) {
    q.push(source, messages).await;
    q.attach(source, settings(&[], Some(errors)), 1).await;
    let mut handler = q.handler(source).await;
    let held = q.lease(&mut handler, 100).await;
    let settled = held.iter().map(|m| failed_in(source, m, Some(0)));
    q.exchange(&mut handler, settled.collect(), 0).await;
    q.done(&handler).await;
    q.release().await;
}

pub async fn a_paused_queue_hands_nothing_out(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.push("q", &["a"]).await;
    let paused = |paused| QueueChange {
        paused: Some(paused),
        ..QueueChange::default()
    };
    q.change("q", paused(true)).await;
    q.push("q", &["b"]).await;
    assert_eq!(q.pop("q", 10).await, [""; 0]);
    assert!(q.queue("q").await.paused);
    q.change("q", paused(false)).await;
    assert_eq!(q.pop("q", 10).await, ["a", "b"]);
}

pub async fn looking_at_messages_changes_nothing(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.push("q", &["a", "b", "c"]).await;
    let delayed = Push {
        visible: later(60),
        ..q.pushing("q", &["late"])
    };
    store.queue_push(delayed).await.expect("a push");
    q.deliver("q", 1, later(9), NOW).await;
    let name = queue("q");
    let page = async |after| {
        let page = store.queue_peek(q.account, &name, after, 2).await;
        page.expect("a page")
    };
    let first = page(None).await;
    assert_eq!(
        texts(&first.iter().map(|p| p.message.clone()).collect::<Vec<_>>()),
        ["b", "c"]
    );
    assert_eq!((first[0].message.deliveries, first[0].visible), (0, NOW));
    let second = page(Some(first[1].message.id)).await;
    assert_eq!((second.len(), second[0].visible), (1, later(60)));
    assert_eq!(page(Some(second[0].message.id)).await, []);
    assert_eq!(q.pop("q", 2).await, ["b", "c"]);
    let after_one_gone = page(Some(first[1].message.id)).await;
    assert_eq!(after_one_gone, second);
    assert_refused!(
        store.queue_peek(q.account, &queue("x"), None, 1).await,
        StoreError::NotFound(_)
    );
}

pub async fn what_waits_longer_than_its_retention_is_dropped(store: &dyn Store) {
    let q = Queues::new(store).await;
    let large = Body {
        kind: MessageKind::Pickle,
        payload: q.blob("large").await,
    };
    let push = Push {
        messages: vec![large, body("b")],
        ..q.pushing("q", &[])
    };
    store.queue_push(push).await.expect("a push");
    q.push("own", &["kept"]).await;
    let own = QueueChange {
        retention_s: Some(8 * 86_400),
        ..QueueChange::default()
    };
    q.change("own", own).await;
    assert_eq!(q.queue("own").await.retention_ms, Some(8 * 86_400_000));
    let taken = q.deliver("q", 1, NOW.plus(9 * DAY), NOW).await;
    let upkeep = async |now: Timestamp| {
        let upkept = store.queue_upkeep(now, 4 * DAY, NOW, 10).await;
        upkept.expect("upkeep")
    };
    upkeep(NOW.plus(4 * DAY)).await;
    assert_eq!(q.counts("q").await, (2, 1), "its time is not over yet");
    upkeep(NOW.plus(4 * DAY + Duration::from_millis(1))).await;
    assert_eq!(
        q.counts("q").await,
        (1, 1),
        "one in flight is nobody's to drop"
    );
    assert_eq!(q.swept().await, 0);
    assert_eq!(q.ack("q", tickets(&taken), later(9)).await, []);
    assert_eq!(q.swept().await, 1);
    assert_eq!(q.counts("own").await, (1, 0));
    upkeep(NOW.plus(9 * DAY)).await;
    assert_eq!(q.counts("own").await, (0, 0));
}

pub async fn upkeep_brings_back_what_is_overdue_and_says_where(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.push("a", &["1", "2", "3"]).await;
    q.push("b", &["4"]).await;
    q.deliver("a", 3, later(30), NOW).await;
    q.deliver("b", 1, later(60), NOW).await;
    let a = q.queue("a").await.id;
    let upkeep = async |now: Timestamp| {
        let upkept = store.queue_upkeep(now, DAY, NOW, 2).await;
        upkept.expect("upkeep")
    };
    assert_eq!(upkeep(later(29)).await, crate::Upkept::default());
    let first = upkeep(later(30)).await;
    assert_eq!((first.queues, first.more), (vec![a], true));
    assert_eq!(q.counts("a").await, (3, 1));
    let second = upkeep(later(30)).await;
    assert_eq!((second.queues, second.more), (vec![a], false));
    assert_eq!((q.counts("a").await, q.counts("b").await), ((3, 0), (1, 1)));
}

pub async fn messages_that_wait_are_purged_and_no_others(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.push("q", &["a", "b", "c", "d"]).await;
    let taken = q.deliver("q", 1, later(9), NOW).await;
    let page = store.queue_peek(q.account, &queue("q"), None, 9).await;
    let c = page.expect("a page")[1].message.id;
    let some = MoveWhat::Purge {
        ids: Some(vec![c, taken[0].id, 999, c]),
    };
    assert_eq!(moved(&q, "q", some, 9).await, 1);
    let all = MoveWhat::Purge { ids: None };
    assert_eq!(moved(&q, "q", all.clone(), 1).await, 1);
    assert_eq!(moved(&q, "q", all.clone(), 9).await, 1);
    assert_eq!(moved(&q, "q", all, 9).await, 0);
    assert_eq!(q.ack("q", tickets(&taken), NOW).await, []);
    assert_eq!(q.counts("q").await, (0, 0));
}

pub async fn a_moved_message_is_the_same_elsewhere(store: &dyn Store) {
    let q = Queues::new(store).await;
    let large = Body {
        kind: MessageKind::Pickle,
        payload: q.blob("large").await,
    };
    let push = Push {
        messages: vec![body("a"), large.clone(), body("c")],
        ..q.pushing("q", &[])
    };
    store.queue_push(push).await.expect("a push");
    let to = |ids| MoveWhat::Move {
        ids,
        to: queue("other"),
    };
    assert_eq!(moved(&q, "q", to(None), 2).await, 2);
    assert_eq!((q.counts("q").await.0, q.counts("other").await.0), (1, 2));
    let before = store.queue_peek(q.account, &queue("q"), None, 9).await;
    let c = before.expect("a page")[0].message.clone();
    assert_eq!(moved(&q, "q", to(Some(vec![c.id])), 9).await, 1);
    assert_eq!(q.swept().await, 0);
    let all = q.pop_at("other", 9, NOW).await;
    assert_eq!(all[1].body, large);
    assert_eq!((all[2].body.clone(), all[2].created), (c.body, c.created));
    assert_ne!(all[2].id, c.id);
    assert_eq!(q.swept().await, 1);
}

pub async fn error_messages_go_back_to_where_they_came_from(store: &dyn Store) {
    let q = Queues::new(store).await;
    make_errors(&q, "in", "bad", &["a", "b", "c"]).await;
    q.push("bad", &["no error"]).await;
    assert_eq!(
        (q.counts("in").await, q.counts("bad").await),
        ((0, 0), (4, 0))
    );
    let page = store.queue_peek(q.account, &queue("bad"), None, 9).await;
    let page = page.expect("a page");
    assert_eq!(page[0].message.error, Some(error_of("in")));
    let ids = Some(page[1..].iter().map(|p| p.message.id).collect());
    let elsewhere = MoveWhat::Redrive {
        ids,
        to: Some(queue("other")),
    };
    assert_eq!(moved(&q, "bad", elsewhere, 1).await, 1);
    let home = MoveWhat::Redrive {
        ids: None,
        to: None,
    };
    assert_eq!(moved(&q, "bad", home.clone(), 9).await, 2);
    assert_eq!(moved(&q, "bad", home, 9).await, 0);
    assert_eq!(q.pop("bad", 9).await, ["no error"]);
    let back = q.pop_at("in", 9, NOW).await;
    assert_eq!(texts(&back), ["a", "c"]);
    assert_eq!((back[0].error.clone(), back[0].cur_retry), (None, 0));
    assert_eq!(q.pop("other", 9).await, ["b"]);
}

pub async fn a_message_is_edited_and_tried_again(store: &dyn Store) {
    let q = Queues::new(store).await;
    make_errors(&q, "in", "bad", &["a", "b"]).await;
    let page = store.queue_peek(q.account, &queue("bad"), None, 9).await;
    let ids: Vec<i64> = page.expect("a page").iter().map(|p| p.message.id).collect();
    let requeue = |id, new: Option<Body>, to: Option<QueueName>| Requeue {
        account: q.account,
        queue: queue("bad"),
        id,
        body: new,
        to,
        visible: later(5),
        now: later(1),
    };
    let edited = requeue(ids[0], Some(body("better")), None);
    store.queue_requeue(edited.clone()).await.expect("requeued");
    assert_refused!(store.queue_requeue(edited).await, StoreError::NotFound(_));
    let as_is = requeue(ids[1], None, Some(queue("bad")));
    store.queue_requeue(as_is).await.expect("requeued");
    assert_eq!(texts(&q.pop_at("in", 9, later(4)).await), [""; 0]);
    let back = q.pop_at("in", 9, later(5)).await;
    assert_eq!(
        (texts(&back), back[0].created),
        (vec!["better".to_owned()], later(1))
    );
    let same = q.pop_at("bad", 9, later(5)).await;
    assert_eq!(
        (texts(&same), same[0].error.clone()),
        (vec!["b".to_owned()], None)
    );
    assert_eq!(
        (q.counts("in").await, q.counts("bad").await),
        ((0, 0), (0, 0))
    );
}

pub async fn a_deleted_queue_leaves_nothing(store: &dyn Store) {
    let q = Queues::new(store).await;
    let large = Body {
        kind: MessageKind::Pickle,
        payload: q.blob("large").await,
    };
    let push = Push {
        messages: vec![large, body("b"), body("c"), body("d"), body("e")],
        ..q.pushing("q", &[])
    };
    store.queue_push(push).await.expect("a push");
    q.attach("q", settings(&["out"], None), 1).await;
    let mut handler = q.handler("q").await;
    let held = q.lease(&mut handler, 2).await;
    q.deliver("q", 2, later(9), NOW).await;
    let deleted = store.queue_delete(q.account, &queue("q"), 1, NOW).await;
    assert!(deleted.expect("deleted"));
    assert_eq!(q.found("q").await, None);
    assert_eq!(q.swept().await, 1);
    assert_refused!(
        store.queue_delete(q.account, &queue("q"), 1, NOW).await,
        StoreError::NotFound(_)
    );
    q.push("q", &["new"]).await;
    let late = super::queue_fixture::handled(&held[0], &["output"]);
    let late = q.exchange(&mut handler, vec![late], 5).await;
    assert_eq!(
        late.finish,
        Some(picloud_types::api::queues::Finish::Replaced)
    );
    assert_eq!(late.messages, [], "it is a handler of the old queue");
    assert_eq!(q.counts("out").await, (0, 0));
    q.crash(&handler).await;
    assert_eq!(q.release().await, crate::Released::default());
    let info = q.queue("q").await;
    assert_eq!((info.count, info.attachment), (1, None));
    assert_refused!(
        store
            .attachment_rollback(q.account, &queue("q"), None)
            .await,
        StoreError::NotFound(_)
    );
}

pub async fn a_deletion_whose_caller_goes_away_is_finished_by_upkeep(store: &dyn Store) {
    let q = Queues::new(store).await;
    let large = Body {
        kind: MessageKind::Pickle,
        payload: q.blob("large").await,
    };
    let push = Push {
        messages: vec![large, body("b"), body("c"), body("d"), body("e")],
        ..q.pushing("q", &[])
    };
    store.queue_push(push).await.expect("a push");
    q.attach("q", settings(&[], None), 1).await;
    let mut handler = q.handler("q").await;
    assert_eq!(q.lease(&mut handler, 2).await.len(), 2);
    let name = queue("q");
    let deletion = store.queue_delete(q.account, &name, 1, NOW);
    let gone = tokio::time::timeout(Duration::ZERO, deletion).await;
    assert!(gone.is_err(), "it takes several transactions");
    store.ping().await.expect("what came before is done");
    assert_eq!(q.found("q").await, None, "the name is free at once");
    q.crash(&handler).await;
    assert_eq!(q.release().await.failed, 0);
    let mut rounds = 0;
    while store
        .queue_upkeep(NOW, DAY, NOW, 1)
        .await
        .expect("upkeep")
        .more
    {
        rounds += 1;
        assert!(rounds < 10, "it comes to an end");
    }
    assert_eq!(
        store.queue_totals().await.expect("a read"),
        QueueTotals::default()
    );
    assert_eq!(q.swept().await, 1);
}

pub async fn what_came_and_went_is_counted_in_windows(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.push("q", &["a", "b", "c"]).await;
    let push = Push {
        now: later(10),
        ..q.pushing("q", &["d"])
    };
    store.queue_push(push).await.expect("a push");
    assert_eq!(q.pop_at("q", 1, later(11)).await.len(), 1);
    let taken = q.deliver("q", 2, later(90), later(12)).await;
    q.ack("q", tickets(&taken), later(21)).await;
    let read = async |since| {
        let rates = store.queue_rates(q.account, &queue("q"), since, 9).await;
        rates.expect("rates")
    };
    let window = |seconds, enqueued, dequeued| RateWindow {
        start: later(seconds),
        enqueued,
        dequeued,
        ..RateWindow::default()
    };
    let all = [window(0, 3, 0), window(10, 1, 1), window(20, 0, 2)];
    assert_eq!(read(NOW).await, all);
    assert_eq!(read(later(19)).await, all[1..], "the window that it is in");
    let listed = store.queue_list(q.account, None, later(75)).await;
    let recent = listed.expect("a list")[0].recent.clone();
    assert_eq!(recent, [(NOW, 3, 0), (later(10), 1, 1), (later(20), 0, 2)]);
    let upkept = store.queue_upkeep(later(30), DAY, later(15), 9).await;
    upkept.expect("upkeep");
    assert_eq!(read(NOW).await, all[1..]);
}

pub async fn totals_are_those_of_all_accounts(store: &dyn Store) {
    let q = Queues::new(store).await;
    let eve = q.another_account().await;
    q.push("q", &["a", "b"]).await;
    let push = Push {
        account: eve,
        ..q.pushing("q", &["c"])
    };
    store.queue_push(push).await.expect("a push");
    q.deliver("q", 1, later(9), NOW).await;
    let totals = QueueTotals {
        queues: 2,
        messages: 3,
        in_flight: 1,
    };
    assert_eq!(store.queue_totals().await.expect("a read"), totals);
}
