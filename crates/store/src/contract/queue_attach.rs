//! Attachments and their versions, and how many jobs there are.

use super::{
    fixture::{NOW, assert_refused},
    queue_fixture::{Queues, handled, later, queue, settings, texts},
};
use crate::{AttachmentNew, HandlerNeed, JobFilter, Store, StoreError, UsageFilter};
use picloud_types::{
    JobState,
    api::{
        queues::{Finish, QueueChange},
        usage::UsageGroup,
    },
};

fn parallel(jobs: u32) -> QueueChange {
    QueueChange {
        max_parallel_jobs: Some(jobs),
        ..QueueChange::default()
    }
}

async fn rollback(q: &Queues<'_>, version: Option<u32>) -> crate::Result<u32> {
    q.store
        .attachment_rollback(q.account, &queue("q"), version)
        .await
}

async fn current(q: &Queues<'_>) -> Option<u32> {
    let list = q.store.attachment_versions(q.account, &queue("q")).await;
    list.expect("the queue is there").current
}

pub async fn attaching_makes_the_queues_and_a_version(store: &dyn Store) {
    let q = Queues::new(store).await;
    let first = settings(&["a", "b"], Some("bad"));
    assert_eq!(q.attach("q", first.clone(), 3).await, 1);
    for name in ["q", "a", "b", "bad"] {
        assert_eq!(q.counts(name).await, (0, 0));
    }
    assert_eq!(q.attach("q", settings(&[], None), 2).await, 2);
    let attached = q.queue("q").await.attachment.expect("attached");
    assert_eq!(
        (
            attached.max_parallel_jobs,
            attached.jobs,
            attached.version.version
        ),
        (2, 0, 2)
    );
    let list = store.attachment_versions(q.account, &queue("q")).await;
    let list = list.expect("versions");
    let numbers: Vec<u32> = list.versions.iter().map(|v| v.version).collect();
    assert_eq!((list.current, numbers), (Some(2), vec![2, 1]));
    let old = &list.versions[1].of;
    assert_eq!(
        (old.handler.as_str(), old.attached, old.core_type.as_str()),
        ("handle", NOW, "c1")
    );
    assert_eq!(old.settings, first);
}

pub async fn what_was_attached_comes_back(store: &dyn Store) {
    let q = Queues::new(store).await;
    assert_refused!(rollback(&q, None).await, StoreError::NotFound(_));
    q.push("q", &["a"]).await;
    assert_refused!(rollback(&q, None).await, StoreError::NotFound(_));
    let name = queue("q");
    assert_refused!(
        store.attachment_end(q.account, &name).await,
        StoreError::NotFound(_)
    );
    for _ in 0..3 {
        q.attach("q", settings(&[], None), 1).await;
    }
    assert_eq!(rollback(&q, None).await.expect("rolled back"), 2);
    assert_eq!(rollback(&q, None).await.expect("rolled back"), 1);
    assert_refused!(rollback(&q, None).await, StoreError::NotFound(_));
    assert_refused!(rollback(&q, Some(9)).await, StoreError::NotFound(_));
    assert_eq!(rollback(&q, Some(3)).await.expect("rolled back"), 3);
    store.attachment_end(q.account, &name).await.expect("ended");
    assert_eq!(
        (current(&q).await, q.queue("q").await.attachment),
        (None, None)
    );
    assert_refused!(
        store.queue_change(q.account, &name, parallel(5), NOW).await,
        StoreError::NotFound(_)
    );
    assert_eq!(rollback(&q, None).await.expect("back"), 3);
    assert_eq!(q.attach("q", settings(&[], None), 1).await, 4);
    assert_eq!(current(&q).await, Some(4));
}

pub async fn a_version_needs_its_blobs(store: &dyn Store) {
    let q = Queues::new(store).await;
    let (function, args) = (q.blob("function").await, q.blob("arguments").await);
    let new = AttachmentNew {
        function,
        args,
        ..q.attaching("q", settings(&[], None), 1)
    };
    store.attachment_put(new).await.expect("attached");
    q.attach("q", settings(&[], None), 1).await;
    assert_eq!(q.swept().await, 0, "one may roll back to it");
    assert_eq!(rollback(&q, None).await.expect("rolled back"), 1);
    q.push("q", &["a"]).await;
    let handler = q.handler("q").await;
    let pickles = store.job_pickles(q.account, handler.of.jid).await;
    let (function, args) = pickles.expect("known");
    assert!(function.blob().is_some() && args.blob().is_some());
    let deleted = store.queue_delete(q.account, &queue("q"), 10, NOW).await;
    assert!(deleted.expect("deleted"));
    assert_eq!(q.swept().await, 0, "the job needs them");
    q.done(&handler).await;
    let jids = [handler.of.jid].into_iter().collect();
    assert_eq!(store.job_delete(q.account, jids).await.expect("deleted"), 1);
    assert_eq!(q.swept().await, 2);
}

pub async fn jobs_are_needed_where_messages_can_be_taken(store: &dyn Store) {
    let q = Queues::new(store).await;
    let needed = async || store.handlers_needed(NOW, 10).await.expect("a read");
    q.attach("q", settings(&[], None), 2).await;
    q.push("other", &["unattached"]).await;
    assert_eq!(needed().await, []);
    let delayed = crate::Push {
        visible: later(1),
        ..q.pushing("q", &["late"])
    };
    store.queue_push(delayed).await.expect("a push");
    assert_eq!(needed().await, []);
    let numbers: Vec<String> = (0..20).map(|n| n.to_string()).collect();
    let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
    q.push("q", &numbers).await;
    let id = q.queue("q").await.id;
    let need = |jobs, fresh| HandlerNeed {
        queue: id,
        account: q.account,
        ready: 10,
        jobs,
        fresh,
        max_parallel_jobs: 2,
    };
    assert_eq!(needed().await, [need(0, 0)]);
    let mut handler = q.handler("q").await;
    assert_eq!(needed().await, [need(1, 1)]);
    q.exchange(&mut handler, Vec::new(), 1).await;
    assert_eq!(needed().await, [need(1, 0)]);
    let name = queue("q");
    let paused = |paused| QueueChange {
        paused: Some(paused),
        ..QueueChange::default()
    };
    for (change, some) in [
        (paused(true), false),
        (paused(false), true),
        (parallel(0), false),
        (parallel(2), true),
    ] {
        let changed = store.queue_change(q.account, &name, change.clone(), NOW);
        changed.await.expect("changed");
        assert_eq!(!needed().await.is_empty(), some, "{change:?}");
    }
    store.attachment_end(q.account, &name).await.expect("ended");
    assert_eq!(needed().await, []);
}

pub async fn never_more_jobs_than_may_run(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&[], None), 3).await;
    q.push("q", &["a", "b"]).await;
    let id = q.queue("q").await.id;
    let (a, b, c) = tokio::join!(q.start(id, 2), q.start(id, 2), q.start(id, 2));
    assert_eq!(a.len() + b.len() + c.len(), 3);
    assert_eq!(q.start(id, 1).await, []);
    let mut handlers = q.handlers("q", 0).await;
    assert_eq!(q.attach("q", settings(&[], None), 3).await, 2);
    assert_eq!(q.start(id, 9).await, [], "those of all versions count");
    q.done(&handlers[0]).await;
    assert_eq!(q.start(id, 9).await.len(), 1, "one ended, released or not");
    q.change("q", parallel(1)).await;
    let killed = [handlers[1].of.jid, handlers[2].of.jid]
        .into_iter()
        .collect();
    store
        .job_kill(q.account, Some(killed), NOW)
        .await
        .expect("killed");
    assert_eq!(
        q.start(id, 9).await,
        [],
        "they run until their worker says so"
    );
    handlers.truncate(0);
}

pub async fn nothing_starts_for_what_is_paused_or_gone(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.push("q", &["a"]).await;
    let id = q.queue("q").await.id;
    assert_eq!(q.start(id, 1).await, [], "nothing is attached");
    q.attach("q", settings(&[], None), 0).await;
    assert_eq!(q.start(id, 1).await, []);
    q.attach("q", settings(&[], None), 1).await;
    let pause = QueueChange {
        paused: Some(true),
        ..QueueChange::default()
    };
    q.change("q", pause).await;
    assert_eq!(q.start(id, 1).await, []);
    let deleted = store.queue_delete(q.account, &queue("q"), 9, NOW).await;
    assert!(deleted.expect("deleted"));
    assert_eq!(q.start(id, 1).await, []);
}

pub async fn jobs_of_another_version_end_after_what_they_hold(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&["one"], None), 2).await;
    q.push("q", &["a", "b"]).await;
    let mut old = q.handler("q").await;
    let held = q.lease(&mut old, 1).await;
    q.attach("q", settings(&["two"], None), 2).await;
    let mut new = q.handler("q").await;
    let last = q
        .exchange(&mut old, vec![handled(&held[0], &["x"])], 9)
        .await;
    assert_eq!(
        (last.finish, last.messages),
        (Some(Finish::Replaced), vec![])
    );
    assert_eq!(
        q.pop("one", 9).await,
        ["x"],
        "its own version says where to"
    );
    let first = q.exchange(&mut new, Vec::new(), 9).await;
    assert_eq!(
        (first.finish, texts(&first.messages)),
        (None, vec!["b".to_owned()])
    );
    store
        .attachment_end(q.account, &queue("q"))
        .await
        .expect("ended");
    let done = q
        .exchange(&mut new, vec![handled(&first.messages[0], &["y"])], 9)
        .await;
    assert_eq!((done.finish, done.holds), (Some(Finish::Replaced), 0));
    assert_eq!(q.pop("two", 9).await, ["y"]);
}

pub async fn the_youngest_jobs_are_too_many(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.attach("q", settings(&[], None), 3).await;
    q.push("q", &["a", "b", "c"]).await;
    let mut handlers = q.handlers("q", 3).await;
    q.change("q", parallel(1)).await;
    let mut told = Vec::new();
    for handler in &mut handlers {
        told.push(q.exchange(handler, Vec::new(), 1).await.finish);
    }
    assert_eq!(told, [None, Some(Finish::TooMany), Some(Finish::TooMany)]);
    q.change("q", parallel(0)).await;
    let first = q.exchange(&mut handlers[0], Vec::new(), 1).await;
    assert_eq!(first.finish, Some(Finish::TooMany));
    q.change("q", parallel(9)).await;
    assert_eq!(q.lease(&mut handlers[2], 1).await.len(), 1);
}

pub async fn handler_jobs_are_jobs_like_others(store: &dyn Store) {
    let q = Queues::new(store).await;
    q.make(q.jobs(1)).await;
    q.attach("q", settings(&[], None), 2).await;
    q.push("q", &["a"]).await;
    let id = q.queue("q").await.id;
    let jids = q.start(id, 2).await;
    let handler_jobs = JobFilter {
        queue: Some(queue("q")),
        ..JobFilter::default()
    };
    let page = store.job_list(q.account, handler_jobs.clone(), 9).await;
    let page = page.expect("a page").jobs;
    let mut listed: Vec<_> = page.iter().map(|job| job.jid).collect();
    listed.reverse();
    assert_eq!(listed, jids);
    assert_eq!(page[0].spec.queue, Some(queue("q")));
    assert!(!page[0].spec.restartable, "whatever was asked for");
    let of_another = JobFilter {
        queue: Some(queue("x")),
        ..JobFilter::default()
    };
    assert!(
        store
            .job_list(q.account, of_another, 9)
            .await
            .expect("a page")
            .jobs
            .is_empty()
    );
    let both = JobFilter {
        states: vec![JobState::Queued],
        function: Some("handle".to_owned()),
        before: Some(jids[1]),
        ..handler_jobs
    };
    let page = store.job_list(q.account, both, 9).await.expect("a page");
    assert_eq!(page.jobs.len(), 1);
    let kill = [jids[1]].into_iter().collect();
    let killed = store.job_kill(q.account, Some(kill), NOW).await;
    assert_eq!(killed.expect("killed").killed, 1);
    q.run_all().await;
    let filter = UsageFilter {
        last_day: i64::MAX,
        by: vec![UsageGroup::Queue],
        limit: 9,
        ..UsageFilter::default()
    };
    let sums = store.usage_read(filter).await.expect("sums");
    let mut sums: Vec<_> = sums.iter().map(|s| (s.queue.clone(), s.jobs)).collect();
    sums.sort();
    let sum = |name: &str| (Some(name.to_owned()), 1);
    assert_eq!(sums, [sum(""), sum("q")]);
}
