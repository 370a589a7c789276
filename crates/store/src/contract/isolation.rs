//! No account can see or touch another's things.

use super::{
    fixture::{NOW, World, assert_refused, bytes, done, of, set},
    objects::object,
    queue_fixture::{Queues, later, queue, settings, tickets},
};
use crate::{
    BucketSums, Exchange, JobFilter, MoveWhat, ObjectFilter, Pop, Store, StoreError, Submission,
};
use picloud_types::{Hash, Jid, JobState, ObjectKey, Payload, Stream, api::queues::QueueChange};

pub async fn another_accounts_jobs_are_unknown_to_every_verb(store: &dyn Store) {
    let world = World::new(store).await;
    let eve = world.another_account().await;
    world.submit(world.jobs(2)).await;
    world.run_all().await;
    world
        .submit(Submission {
            account: eve,
            ..world.jobs(1)
        })
        .await;
    for jids in ["1", "1-2", "3,2", "1-3"] {
        let asked = || set(jids);
        assert_refused!(
            store.job_statuses(eve, asked()).await,
            StoreError::JobUnknown(_)
        );
        assert_refused!(
            store.job_progress(eve, asked()).await,
            StoreError::JobUnknown(_)
        );
        assert_refused!(
            store.job_finished(eve, asked(), 9).await,
            StoreError::JobUnknown(_)
        );
        if jids != "3,2" {
            assert_refused!(
                store.job_results(eve, asked(), 9, 999).await,
                StoreError::JobUnknown(_)
            );
        }
        assert_refused!(
            store.job_find(eve, asked()).await,
            StoreError::JobUnknown(_)
        );
        assert_refused!(
            store.job_kill(eve, Some(asked()), NOW).await,
            StoreError::JobUnknown(_)
        );
        assert_refused!(
            store.job_delete(eve, asked()).await,
            StoreError::JobUnknown(_)
        );
    }
    assert_refused!(
        store.job_pickles(eve, Jid(1)).await,
        StoreError::JobUnknown(_)
    );
    assert_refused!(
        store.output_read(eve, Jid(1), Stream::Stdout, 0, 9).await,
        StoreError::JobUnknown(_)
    );
    assert_refused!(
        store.output_tails(eve, Jid(1), 9).await,
        StoreError::JobUnknown(_)
    );
    let page = store
        .job_list(eve, JobFilter::default(), 10)
        .await
        .expect("a page");
    assert_eq!(
        page.jobs.iter().map(|job| job.jid.0).collect::<Vec<_>>(),
        [3]
    );
    let children = JobFilter {
        function: Some(String::new()),
        ..JobFilter::default()
    };
    assert_eq!(
        store
            .job_list(eve, children, 10)
            .await
            .expect("a page")
            .jobs
            .len(),
        1
    );
    assert_eq!(world.states(&set("1-2")).await, [JobState::Done; 2]);
}

pub async fn another_accounts_jobs_cannot_be_depended_on(store: &dyn Store) {
    let world = World::new(store).await;
    let eve = world.another_account().await;
    let jobs = world.make(world.jobs(1)).await;
    let dependent = Submission {
        account: eve,
        ..world.after(&jobs, 1)
    };
    assert_refused!(
        store.job_submit(dependent).await,
        StoreError::JobUnknown(Jid(1))
    );
}

pub async fn equal_keys_and_specs_of_two_accounts_do_not_meet(store: &dyn Store) {
    let world = World::new(store).await;
    let eve = world.another_account().await;
    let submission = world.jobs(1);
    world.submit(submission.clone()).await;
    let made = world
        .submit(Submission {
            account: eve,
            args: vec![bytes("hers"); 2],
            ..submission
        })
        .await;
    assert_eq!((made.first_jid, made.count), (Jid(2), 2));
    let jobs = world.claim(10).await;
    let specs: Vec<_> = jobs.iter().map(|job| (job.account, job.spec)).collect();
    assert_ne!(specs[0].1, specs[1].1);
    world
        .finish(jobs.iter().map(|job| done(of(job))).collect())
        .await;
    store.job_delete(eve, set("2-3")).await.expect("hers");
    assert_eq!(
        store
            .spec_get(vec![specs[0].1])
            .await
            .expect("a read")
            .len(),
        1
    );
}

pub async fn a_kill_of_everything_ends_at_the_account(store: &dyn Store) {
    let world = World::new(store).await;
    let eve = world.another_account().await;
    world.submit(world.jobs(2)).await;
    world
        .submit(Submission {
            account: eve,
            ..world.jobs(1)
        })
        .await;
    assert_eq!(
        store.job_kill(eve, None, NOW).await.expect("killed").killed,
        1
    );
    assert_eq!(world.states(&set("1-2")).await, [JobState::Queued; 2]);
}

pub async fn another_accounts_map_and_keys_are_out_of_reach(store: &dyn Store) {
    let world = World::new(store).await;
    let eve = world.another_account().await;
    world.submit(world.part(None, 4, 0, 2)).await;
    let part = Submission {
        account: eve,
        ..world.part(Some(Jid(1)), 4, 2, 2)
    };
    assert_refused!(store.job_submit(part).await, StoreError::Conflict(_));
    let key = store
        .key_create(world.account, Hash::of(b"secret"), "", NOW)
        .await
        .expect("a key")
        .key;
    assert_refused!(
        store.key_set_active(eve, key, false).await,
        StoreError::NotFound(_)
    );
    assert!(
        store
            .key_find(key)
            .await
            .expect("a read")
            .expect("a key")
            .active
    );
}

pub async fn blobs_of_accounts_are_apart(store: &dyn Store) {
    let world = World::new(store).await;
    let eve = world.another_account().await;
    let hash = Hash::of(b"ada's");
    store
        .blob_add(world.account, vec![(hash, 5)], NOW)
        .await
        .expect("added");
    assert_eq!(
        store
            .blob_missing(eve, vec![hash], NOW)
            .await
            .expect("looked up"),
        [hash]
    );
    assert_eq!(store.blob_size(eve, hash).await.expect("a read"), None);
    let args = vec![Payload::Blob { hash, size: 5 }];
    let submission = Submission {
        account: eve,
        args,
        ..world.jobs(1)
    };
    assert_refused!(
        store.job_submit(submission).await,
        StoreError::BlobMissing(_)
    );
}

pub async fn objects_of_accounts_are_apart(store: &dyn Store) {
    let world = World::new(store).await;
    let (ada, eve) = (world.account, world.another_account().await);
    let key: ObjectKey = "a/b".parse().expect("a key");
    let put = async |account, content| {
        let new = vec![object("a/b", content)];
        store.object_put(account, new, None, NOW).await
    };
    put(ada, "hers").await.expect("stored");
    let found = store.object_find(eve, vec![key.clone()]).await;
    assert_eq!(found.expect("a read"), [None]);
    let page = store.object_list(eve, ObjectFilter::default(), 9).await;
    assert_eq!(page.expect("a page").entries, []);
    assert_eq!(
        store.bucket_sums(eve).await.expect("a read"),
        BucketSums::default()
    );
    let removed = store.object_remove(eve, vec![key.clone()]).await;
    assert_eq!(removed.expect("nothing"), 0);
    let removed = store.object_remove_prefix(eve, "", 9).await;
    assert_eq!(removed.expect("nothing"), 0);
    let renamed = store.object_rename_prefix(eve, "a", "b").await;
    assert_eq!(renamed.expect("nothing"), 0);
    assert_refused!(
        store.object_rename(eve, key.clone(), key.clone()).await,
        StoreError::NotFound(_)
    );
    let none = std::collections::BTreeMap::new();
    assert_refused!(
        store
            .object_publish(eve, key.clone(), None, none, false)
            .await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store.object_unpublish(eve, key.clone()).await,
        StoreError::NotFound(_)
    );
    put(eve, "mine").await.expect("stored");
    let removed = store.object_remove(eve, vec![key.clone()]).await;
    assert_eq!(removed.expect("done"), 1);
    let found = store.object_find(ada, vec![key]).await.expect("a read");
    assert_eq!(
        found[0].as_ref().map(|object| object.hash),
        Some(Hash::of(b"hers"))
    );
    assert_eq!(
        store.bucket_sums(ada).await.expect("a read"),
        BucketSums {
            objects: 1,
            bytes: 4,
            volume_bytes: 0,
        }
    );
}

pub async fn queues_of_accounts_are_apart(store: &dyn Store) {
    let q = Queues::new(store).await;
    let eve = q.another_account().await;
    q.push("q", &["a"]).await;
    q.attach("q", settings(&[], None), 1).await;
    let name = queue("q");
    let taken = q.deliver("q", 1, later(9), NOW).await;
    let pop = Pop {
        account: eve,
        ..q.popping("q", 9, NOW)
    };
    assert_refused!(store.queue_pop(pop).await, StoreError::NotFound(_));
    assert_refused!(
        store.queue_ack(eve, &name, tickets(&taken), NOW).await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store.queue_peek(eve, &name, None, 9).await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store
            .queue_change(eve, &name, QueueChange::default(), NOW)
            .await,
        StoreError::NotFound(_)
    );
    let purge = MoveWhat::Purge { ids: None };
    assert_refused!(
        store.queue_move(eve, &name, purge.clone(), 9, NOW).await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store.queue_delete(eve, &name, 9, NOW).await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store.queue_rates(eve, &name, NOW, 9).await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store.attachment_versions(eve, &name).await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store.attachment_rollback(eve, &name, None).await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store.attachment_end(eve, &name).await,
        StoreError::NotFound(_)
    );
    assert_eq!(store.queue_list(eve, None, NOW).await.expect("a list"), []);
    // The same name and key are others to her.
    let key = q.pushing("q", &["hers"]);
    store.queue_push(key.clone()).await.expect("a push");
    let hers = crate::Push {
        account: eve,
        ..key
    };
    store.queue_push(hers).await.expect("a push");
    assert_refused!(
        store
            .queue_deadline(eve, &queue("x"), tickets(&taken), later(99), NOW)
            .await,
        StoreError::NotFound(_)
    );
    let stolen = store
        .queue_deadline(eve, &name, tickets(&taken), later(99), NOW)
        .await;
    assert_eq!(stolen.expect("hers is there"), tickets(&taken));
    let stolen = store.queue_ack(eve, &name, tickets(&taken), NOW).await;
    assert_eq!(stolen.expect("hers is there"), tickets(&taken));
    let by_number = MoveWhat::Purge {
        ids: Some(vec![taken[0].id]),
    };
    assert_eq!(
        store
            .queue_move(eve, &name, by_number, 9, NOW)
            .await
            .expect("hers"),
        0
    );
    let handler = q.handler("q").await;
    let exchange = Exchange {
        account: eve,
        seq: 1,
        ..q.exchanging(&handler, Vec::new(), 9)
    };
    assert_refused!(
        store.handler_exchange(exchange).await,
        StoreError::AttemptOver
    );
    assert_eq!(
        store
            .queue_move(eve, &name, purge, 9, NOW)
            .await
            .expect("hers"),
        1
    );
    assert_eq!(q.counts("q").await, (2, 1));
}
