//! Volumes: names for trees, and who needs the blobs of those.

use super::{
    fixture::{NOW, World, assert_refused},
    objects::object,
};
use crate::{Store, StoreError, TreeNew, VolumeNew};
use picloud_types::{AccountId, Hash, Timestamp, api::volumes::Volume};
use std::time::Duration;

fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn named(name: &str) -> VolumeNew {
    VolumeNew {
        name: name.to_owned(),
        mount_path: format!("/{name}"),
        description: "what it holds".to_owned(),
    }
}

async fn make(store: &dyn Store, account: AccountId, name: &str) -> Volume {
    let made = store.volume_create(account, named(name), NOW).await;
    made.expect("a new volume")
}

/// A tree of these contents, whose blobs are there.
async fn tree(
    store: &dyn Store,
    account: AccountId,
    base: Option<Hash>,
    contents: &[&str],
) -> TreeNew {
    let manifest = contents.join(" ");
    let blobs: Vec<_> = contents
        .iter()
        .chain([&manifest.as_str()])
        .map(|text| (Hash::of(text.as_bytes()), text.len() as u64))
        .collect();
    store
        .blob_add(account, blobs.clone(), NOW)
        .await
        .expect("added");
    TreeNew {
        account,
        volume: "data".to_owned(),
        base,
        tree: Hash::of(manifest.as_bytes()),
        blobs,
        files: contents.len() as u64,
        bytes: 9,
        quota_bytes: None,
        keep_until: later(100),
        now: later(1),
    }
}

async fn find(store: &dyn Store, account: AccountId, name: &str) -> Option<Volume> {
    let found = store.volume_find(account, vec![name.to_owned()]).await;
    found.expect("a read").pop().expect("one per name")
}

async fn swept(store: &dyn Store, now: Timestamp) -> Vec<Hash> {
    let swept = store.blob_sweep(now, 100).await.expect("swept");
    let mut swept: Vec<_> = swept.into_iter().map(|(_, hash)| hash).collect();
    swept.sort_unstable();
    swept
}

fn hashes(texts: &[&str]) -> Vec<Hash> {
    let mut hashes: Vec<_> = texts.iter().map(|t| Hash::of(t.as_bytes())).collect();
    hashes.sort_unstable();
    hashes
}

pub async fn volumes_are_found_and_listed_by_name(store: &dyn Store) {
    let world = World::new(store).await;
    for name in ["zeta", "data"] {
        make(store, world.account, name).await;
    }
    let listed = store.volume_list(world.account).await.expect("a read");
    let names: Vec<_> = listed.iter().map(|v| v.name.as_str()).collect();
    assert_eq!(names, ["data", "zeta"]);
    assert_eq!(listed[0].mount_path, "/data");
    assert_eq!(
        find(store, world.account, "zeta").await,
        Some(listed[1].clone())
    );
    assert_eq!(find(store, world.account, "other").await, None);
    let again = store.volume_create(world.account, named("data"), NOW).await;
    assert_refused!(again, StoreError::Conflict(_));
}

pub async fn a_tree_replaces_the_one_it_began_from_and_no_other(store: &dyn Store) {
    let world = World::new(store).await;
    make(store, world.account, "data").await;
    let first = tree(store, world.account, None, &["a"]).await;
    let put = store.volume_tree_put(first.clone()).await.expect("put");
    assert_eq!((put.tree, put.files, put.bytes), (Some(first.tree), 1, 9));
    assert_eq!((put.created, put.modified), (NOW, later(1)));
    let stale = tree(store, world.account, None, &["b"]).await;
    assert_refused!(store.volume_tree_put(stale).await, StoreError::Conflict(_));
    assert_eq!(
        find(store, world.account, "data")
            .await
            .expect("there")
            .tree,
        Some(first.tree)
    );
    let second = tree(store, world.account, Some(first.tree), &["a", "b"]).await;
    store.volume_tree_put(second.clone()).await.expect("put");
    let repeated = store.volume_tree_put(second.clone()).await;
    assert_eq!(
        repeated.expect("an answer was lost").tree,
        Some(second.tree)
    );
    let mut elsewhere = second;
    elsewhere.volume = "other".to_owned();
    assert_refused!(
        store.volume_tree_put(elsewhere).await,
        StoreError::NotFound(_)
    );
}

pub async fn a_tree_whose_blobs_are_missing_is_refused_and_nothing_changes(store: &dyn Store) {
    let world = World::new(store).await;
    make(store, world.account, "data").await;
    let mut lacking = tree(store, world.account, None, &["a"]).await;
    lacking.blobs.push((Hash::of(b"nowhere"), 7));
    assert_refused!(
        store.volume_tree_put(lacking).await,
        StoreError::BlobMissing(hash) if hash == Hash::of(b"nowhere")
    );
    let mut wrong_size = tree(store, world.account, None, &["a"]).await;
    wrong_size.blobs[0].1 = 4;
    assert_refused!(
        store.volume_tree_put(wrong_size).await,
        StoreError::BlobMissing(_)
    );
    assert_eq!(
        find(store, world.account, "data")
            .await
            .expect("there")
            .tree,
        None
    );
    // Neither is held by what was refused.
    assert_eq!(swept(store, later(1)).await, hashes(&["a"]));
}

pub async fn volumes_and_objects_have_one_quota(store: &dyn Store) {
    let world = World::new(store).await;
    let account = world.account;
    make(store, account, "data").await;
    let sized = async |base, content: &str, bytes, quota| TreeNew {
        bytes,
        quota_bytes: Some(quota),
        ..tree(store, account, base, &[content]).await
    };
    let put_object = async |content: &str, quota| {
        let new = vec![object("o", content)];
        store.object_put(account, new, Some(quota), NOW).await
    };
    put_object("12345", 5).await.expect("fits");
    assert_refused!(
        store.volume_tree_put(sized(None, "a", 6, 10).await).await,
        StoreError::QuotaExceeded {
            bytes: 11,
            quota_bytes: 10
        }
    );
    assert_eq!(find(store, account, "data").await.expect("there").bytes, 0);
    let first = sized(None, "a", 5, 10).await;
    store.volume_tree_put(first.clone()).await.expect("fits");
    let sums = store.bucket_sums(account).await.expect("a read");
    assert_eq!((sums.bytes, sums.volume_bytes), (5, 5));
    assert_refused!(
        put_object("123456", 10).await,
        StoreError::QuotaExceeded { bytes: 11, .. }
    );
    let repeated = store.volume_tree_put(TreeNew {
        quota_bytes: Some(0),
        ..first.clone()
    });
    repeated.await.expect("it is that tree already");
    let same_size = sized(Some(first.tree), "b", 5, 0).await;
    let tree = same_size.tree;
    let put = store.volume_tree_put(same_size).await;
    put.expect("what does not grow is fine, however full it is");
    let less = store.volume_tree_put(sized(Some(tree), "c", 1, 0).await);
    less.await.expect("and so is what shrinks");
    store.volume_delete(account, "data").await.expect("there");
    put_object("1234567890", 10)
        .await
        .expect("there is room again");
    let sums = store.bucket_sums(account).await.expect("a read");
    assert_eq!((sums.bytes, sums.volume_bytes), (10, 0));
}

pub async fn blobs_of_a_tree_stay_and_those_of_an_old_one_for_a_while(store: &dyn Store) {
    let world = World::new(store).await;
    make(store, world.account, "data").await;
    let first = tree(store, world.account, None, &["a", "b"]).await;
    store.volume_tree_put(first.clone()).await.expect("put");
    let second = tree(store, world.account, Some(first.tree), &["b", "b", "c"]).await;
    store.volume_tree_put(second).await.expect("put");
    assert_eq!(swept(store, later(100)).await, []);
    assert_eq!(swept(store, later(101)).await, hashes(&["a", "a b"]));
    assert_eq!(swept(store, later(1000)).await, []);
}

pub async fn a_deleted_volume_leaves_nothing(store: &dyn Store) {
    let world = World::new(store).await;
    make(store, world.account, "data").await;
    let first = tree(store, world.account, None, &["a", "b"]).await;
    store.volume_tree_put(first).await.expect("put");
    let delete = async || store.volume_delete(world.account, "data").await;
    delete().await.expect("it is there");
    assert_eq!(swept(store, later(1)).await, hashes(&["a", "b", "a b"]));
    assert_eq!(find(store, world.account, "data").await, None);
    assert_refused!(delete().await, StoreError::NotFound(_));
    let again = make(store, world.account, "data").await;
    assert_eq!(again.tree, None);
}

pub async fn volumes_of_accounts_are_apart(store: &dyn Store) {
    let world = World::new(store).await;
    let eve = world.another_account().await;
    make(store, world.account, "data").await;
    let hers = tree(store, world.account, None, &["a"]).await;
    store.volume_tree_put(hers.clone()).await.expect("put");
    assert_eq!(store.volume_list(eve).await.expect("a read"), []);
    assert_eq!(find(store, eve, "data").await, None);
    assert_refused!(
        store.volume_delete(eve, "data").await,
        StoreError::NotFound(_)
    );
    make(store, eve, "data").await;
    // Knowing the hashes of another's tree gives nothing.
    let stolen = TreeNew {
        account: eve,
        ..hers
    };
    assert_refused!(
        store.volume_tree_put(stolen).await,
        StoreError::BlobMissing(_)
    );
}
