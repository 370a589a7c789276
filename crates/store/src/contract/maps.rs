//! Maps that come in parts.

use super::fixture::{NOW, World, assert_refused, set};
use crate::{Store, StoreError, Submission};
use picloud_types::{Jid, JobState};

pub async fn a_map_reserves_its_ids_before_its_jobs_exist(store: &dyn Store) {
    let world = World::new(store).await;
    let first = world.submit(world.part(None, 1_000_000, 0, 2)).await;
    assert_eq!((first.first_jid, first.count), (Jid(1), 2));
    assert_eq!(world.make_one(world.jobs(1)).await, Jid(1_000_001));
    assert_refused!(
        store.job_statuses(world.account, set("1-3")).await,
        StoreError::JobUnknown(Jid(3))
    );
}

pub async fn parts_come_in_any_order(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.part(None, 6, 4, 2)).await;
    let last = world.submit(world.part(Some(Jid(1)), 6, 2, 2)).await;
    assert_eq!(
        (last.first_jid, last.count, last.queued),
        (Jid(1), 2, true),
        "the map's first id, the part's count"
    );
    world.submit(world.part(Some(Jid(1)), 6, 0, 2)).await;
    assert_eq!(world.states(&set("1-6")).await, [JobState::Queued; 6]);
    let args: Vec<_> = world
        .claim(10)
        .await
        .iter()
        .map(|job| job.args.clone())
        .collect();
    assert_eq!(
        args,
        [
            &world.jobs(2).args[..],
            &world.jobs(2).args,
            &world.jobs(2).args
        ]
        .concat()
    );
}

pub async fn a_repeated_part_changes_nothing(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.part(None, 4, 0, 2)).await;
    let part = world.part(Some(Jid(1)), 4, 2, 2);
    let first = world.submit(part.clone()).await;
    world.run_all().await;
    assert_eq!(world.submit(part.clone()).await, first, "with its key");
    let again = world
        .submit(Submission {
            key: "lost its key".to_owned(),
            ..part
        })
        .await;
    assert_eq!(
        (again.first_jid, again.count, again.queued),
        (Jid(1), 2, false)
    );
    assert_eq!(world.states(&set("1-4")).await, [JobState::Done; 4]);
}

pub async fn overlapping_parts_make_each_job_once(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.part(None, 5, 0, 3)).await;
    world.submit(world.part(Some(Jid(1)), 5, 1, 4)).await;
    assert_eq!(world.claim(10).await.len(), 5);
    assert_eq!(store.backlog(10).await.expect("a read"), []);
}

pub async fn parts_outside_a_reservation_are_refused(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.part(None, 4, 0, 2)).await;
    for (first, total, offset, count) in [
        (1, 4, 3, 2),
        (1, 4, 4, 1),
        (1, 5, 4, 1),
        (2, 4, 0, 1),
        (1, 4, u64::MAX, 1),
    ] {
        let part = world.part(Some(Jid(first)), total, offset, count);
        assert_refused!(store.job_submit(part).await, StoreError::Conflict(_));
    }
    assert_refused!(
        store.job_submit(world.part(None, 2, 0, 3)).await,
        StoreError::Conflict(_)
    );
    store
        .housekeep(NOW.plus(std::time::Duration::from_secs(1)))
        .await
        .expect("kept house");
    let late = store.job_submit(world.part(Some(Jid(1)), 4, 2, 2)).await;
    assert_refused!(late, StoreError::Conflict(_));
    assert_refused!(
        store.job_statuses(world.account, set("3")).await,
        StoreError::JobUnknown(_)
    );
}
