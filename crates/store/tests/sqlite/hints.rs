//! What others are told before a transaction is on disk.

use picloud_store::{
    Committed, Store,
    contract::{NOW, World},
    sqlite::{Options, SqliteStore},
};
use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

#[tokio::test]
async fn whoever_schedules_hears_of_queued_jobs_and_of_nothing_else() {
    let directory = tempfile::tempdir().expect("a directory");
    let told = Arc::new(AtomicU32::new(0));
    let counter = Arc::clone(&told);
    let on_commit = move |committed: Committed| {
        assert!(committed.queued);
        counter.fetch_add(1, Ordering::SeqCst);
    };
    let options = Options {
        on_commit: Some(Arc::new(on_commit)),
        ..Options::new(directory.path().join("picloud.db"))
    };
    let store = SqliteStore::open(&options).expect("a store");
    let world = World::new(&store).await;
    assert_eq!(
        told.load(Ordering::SeqCst),
        0,
        "accounts and workers are no jobs"
    );

    let first = world.submit(world.jobs(3)).await;
    assert_eq!(
        told.load(Ordering::SeqCst),
        1,
        "before the submission is answered"
    );
    let repeated = picloud_store::Submission {
        key: "key 0".to_owned(),
        ..world.jobs(3)
    };
    assert_eq!(world.submit(repeated).await, first);
    let group = store.backlog(10).await.expect("a backlog").remove(0);
    let pick = picloud_store::Pick {
        account: group.account,
        class: group.class,
        priority: group.priority,
        limit: 3,
    };
    assert_eq!(
        store
            .job_claim(world.worker, vec![pick], NOW)
            .await
            .expect("a claim")
            .jobs
            .len(),
        3
    );
    assert_eq!(
        told.load(Ordering::SeqCst),
        1,
        "a claim queues nothing, nor does a repeated submission"
    );
    store.worker_end(world.worker, NOW).await.expect("ended");
    assert_eq!(told.load(Ordering::SeqCst), 2, "jobs given back are queued");
    store.close().await;
}
