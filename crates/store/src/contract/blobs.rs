//! Who owns a blob and who needs it.

use super::fixture::{NOW, World, done, set};
use crate::{Store, Submission};
use picloud_types::{Hash, Payload, Timestamp};
use std::time::Duration;

fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

pub async fn missing_blobs_are_named_until_they_are_added(store: &dyn Store) {
    let world = World::new(store).await;
    let (one, two) = (Hash::of(b"one"), Hash::of(b"two"));
    let missing = async || {
        store
            .blob_missing(world.account, vec![one, two], NOW)
            .await
            .expect("looked up")
    };
    assert_eq!(missing().await, [one, two]);
    store
        .blob_add(world.account, vec![(one, 3)], NOW)
        .await
        .expect("added");
    assert_eq!(missing().await, [two]);
    let unknown = store.blob_unknown(world.account, vec![two, one]).await;
    assert_eq!(unknown.expect("a read"), [two]);
    assert_eq!(
        store.blob_size(world.account, one).await.expect("a read"),
        Some(3)
    );
    assert_eq!(
        store.blob_size(world.account, two).await.expect("a read"),
        None
    );
}

pub async fn a_blob_in_use_is_not_swept(store: &dyn Store) {
    let world = World::new(store).await;
    let hash = Hash::of(b"args");
    store
        .blob_add(world.account, vec![(hash, 4)], NOW)
        .await
        .expect("added");
    let args = vec![Payload::Blob { hash, size: 4 }];
    world
        .submit(Submission {
            args,
            ..world.jobs(1)
        })
        .await;
    assert_eq!(store.blob_sweep(later(9), 10).await.expect("swept"), []);
    let job = world.claim_one().await;
    world.finish(vec![done(job)]).await;
    assert_eq!(
        store.blob_sweep(later(9), 10).await.expect("swept"),
        [],
        "arguments stay with the job"
    );
    store
        .job_delete(world.account, set("1"))
        .await
        .expect("finished");
    assert_eq!(
        store.blob_sweep(later(9), 10).await.expect("swept"),
        [(world.account, hash)]
    );
    assert_eq!(
        store.blob_size(world.account, hash).await.expect("a read"),
        None
    );
}

pub async fn a_blob_asked_for_is_kept_longer(store: &dyn Store) {
    let world = World::new(store).await;
    let [a, b, c] = [b"a", b"b", b"c"].map(|text| Hash::of(text));
    store
        .blob_add(world.account, vec![(a, 1), (b, 1), (c, 1)], later(10))
        .await
        .expect("added");
    store
        .blob_missing(world.account, vec![b], later(20))
        .await
        .expect("looked up");
    store
        .blob_add(world.account, vec![(c, 1)], later(20))
        .await
        .expect("added again");
    store
        .blob_missing(world.account, vec![b], later(5))
        .await
        .expect("a shorter time changes nothing");
    assert_eq!(store.blob_sweep(later(10), 10).await.expect("swept"), []);
    assert_eq!(
        store.blob_sweep(later(11), 10).await.expect("swept"),
        [(world.account, a)]
    );
    assert_eq!(
        store.blob_sweep(later(21), 10).await.expect("swept").len(),
        2
    );
}

pub async fn a_sweep_takes_no_more_than_its_limit(store: &dyn Store) {
    let world = World::new(store).await;
    let blobs = (0..5_u8).map(|n| (Hash::of(&[n]), 1)).collect();
    store
        .blob_add(world.account, blobs, NOW)
        .await
        .expect("added");
    let mut sizes = Vec::new();
    for _ in 0..4 {
        sizes.push(store.blob_sweep(later(1), 2).await.expect("swept").len());
    }
    assert_eq!(sizes, [2, 2, 1, 0]);
}
