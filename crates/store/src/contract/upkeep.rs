//! Housekeeping, and the end.

use super::fixture::{NOW, World, about, assert_refused};
use crate::{Store, StoreError};
use picloud_types::{Jid, JidSet, JobState, Timestamp};
use std::time::Duration;

pub async fn old_submission_keys_are_forgotten(store: &dyn Store) {
    let world = World::new(store).await;
    let submission = world.jobs(1);
    let first = world.submit(submission.clone()).await;
    store.housekeep(NOW).await.expect("kept house");
    assert_eq!(
        world.submit(submission.clone()).await,
        first,
        "it is not older than that"
    );
    store
        .housekeep(NOW.plus(Duration::from_millis(1)))
        .await
        .expect("kept house");
    assert_eq!(
        world.submit(submission).await.first_jid,
        Jid(2),
        "now it is a new one"
    );
    assert_eq!(
        world.state(Jid(1)).await,
        JobState::Queued,
        "the job itself stays"
    );
}

pub async fn ended_workers_are_forgotten(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    world.run_all().await;
    let second = store
        .worker_register(about("second"), Timestamp(i64::MAX), NOW)
        .await
        .expect("welcome")
        .worker;
    store.worker_end(world.worker, NOW).await.expect("ended");
    store
        .housekeep(NOW.plus(Duration::from_secs(1)))
        .await
        .expect("kept house");
    let left: Vec<_> = store
        .worker_list(Timestamp(0))
        .await
        .expect("a read")
        .iter()
        .map(|w| w.id)
        .collect();
    assert_eq!(left, [second]);
    let job = store
        .job_find(world.account, JidSet::range(Jid(1), 1))
        .await
        .expect("known");
    assert_eq!(
        (job[0].worker, &job[0].worker_about),
        (Some(world.worker), &None),
        "its jobs stay, without the name"
    );
}

pub async fn a_closed_store_says_so(store: &dyn Store) {
    let world = World::new(store).await;
    let made = world.submit(world.jobs(1)).await;
    store.close().await;
    assert_refused!(store.ping().await, StoreError::Closed);
    assert_refused!(store.job_submit(world.jobs(1)).await, StoreError::Closed);
    assert_refused!(
        store
            .job_statuses(world.account, JidSet::range(made.first_jid, 1))
            .await,
        StoreError::Closed
    );
    assert_refused!(store.backlog(1).await, StoreError::Closed);
    store.close().await;
}

pub async fn a_ping_goes_through(store: &dyn Store) {
    store.ping().await.expect("the disk takes writes");
    store.ping().await.expect("and again");
}
