//! Names for blobs.

use super::fixture::{NOW, World, assert_refused};
use crate::{Object, ObjectEntry, ObjectFilter, ObjectNew, Store, StoreError};
use picloud_types::{AccountId, Hash, ObjectKey, Timestamp};
use std::{collections::BTreeMap, time::Duration};

fn key(text: &str) -> ObjectKey {
    text.parse().expect("a key")
}

/// An object whose content is `content`.
pub(super) fn object(name: &str, content: &str) -> ObjectNew {
    ObjectNew {
        key: key(name),
        hash: Hash::of(content.as_bytes()),
        size: content.len() as u64,
        md5: Some([7; 16]),
        content_type: "text/plain".to_owned(),
    }
}

async fn put(store: &dyn Store, account: AccountId, names: &[&str]) {
    let new = names.iter().map(|name| object(name, name)).collect();
    store
        .object_put(account, new, None, NOW)
        .await
        .expect("stored");
}

async fn find(store: &dyn Store, account: AccountId, name: &str) -> Option<Object> {
    let found = store.object_find(account, vec![key(name)]).await;
    found.expect("a read").pop().expect("one answer")
}

fn name_of(entry: &ObjectEntry) -> &str {
    match entry {
        ObjectEntry::Object(object) => object.key.as_str(),
        ObjectEntry::Folder(folder) => folder,
    }
}

async fn names(store: &dyn Store, account: AccountId, filter: ObjectFilter) -> Vec<String> {
    let page = store.object_list(account, filter, 1_000).await;
    let page = page.expect("a page");
    assert!(!page.truncated);
    page.entries.iter().map(|e| name_of(e).to_owned()).collect()
}

fn all() -> ObjectFilter {
    ObjectFilter::default()
}

fn folders(prefix: &str) -> ObjectFilter {
    ObjectFilter {
        prefix: prefix.to_owned(),
        folders: true,
        marker: None,
    }
}

async fn sums(store: &dyn Store, account: AccountId) -> (u64, u64) {
    let sums = store.bucket_sums(account).await.expect("a read");
    (sums.objects, sums.bytes)
}

/// Blobs that a sweep long after everything takes.
async fn swept(store: &dyn Store) -> Vec<Hash> {
    let later = NOW.plus(Duration::from_secs(1_000_000));
    let swept = store.blob_sweep(later, 1_000).await.expect("swept");
    swept.into_iter().map(|(_, hash)| hash).collect()
}

pub async fn an_object_is_found_as_it_was_stored(store: &dyn Store) {
    let account = World::new(store).await.account;
    let new = object("a/b", "content");
    let stored = store
        .object_put(account, vec![new.clone()], None, NOW)
        .await
        .expect("stored");
    let expected = Object {
        key: new.key,
        hash: new.hash,
        size: 7,
        md5: Some([7; 16]),
        content_type: "text/plain".to_owned(),
        headers: BTreeMap::new(),
        public: false,
        created: NOW,
        modified: NOW,
    };
    assert_eq!(stored, std::slice::from_ref(&expected));
    let keys = vec![key("a"), key("a/b"), key("a/b/c")];
    let found = store.object_find(account, keys).await.expect("a read");
    assert_eq!(found, [None, Some(expected), None]);
    assert_eq!(
        store
            .blob_size(account, Hash::of(b"content"))
            .await
            .expect("a read"),
        Some(7)
    );
}

pub async fn a_replaced_object_keeps_when_it_was_made_and_who_may_read_it(store: &dyn Store) {
    let account = World::new(store).await.account;
    put(store, account, &["a"]).await;
    let headers = BTreeMap::from([("cache-control".to_owned(), "no-store".to_owned())]);
    store
        .object_publish(account, key("a"), None, headers.clone(), false)
        .await
        .expect("there");
    let later = Timestamp(NOW.0 + 5);
    let new = ObjectNew {
        content_type: "image/png".to_owned(),
        ..object("a", "other content")
    };
    let stored = store.object_put(account, vec![new], None, later).await;
    let stored = stored.expect("stored").remove(0);
    assert_eq!((stored.created, stored.modified), (NOW, later));
    assert_eq!((stored.public, &stored.headers), (true, &headers));
    assert_eq!(stored.content_type, "image/png");
    assert_eq!(find(store, account, "a").await, Some(stored));
    assert_eq!(sums(store, account).await, (1, 13));
    assert_eq!(swept(store).await, [Hash::of(b"a")]);
}

pub async fn an_md5_that_is_found_out_later_is_that_of_all_objects_of_the_content(
    store: &dyn Store,
) {
    let world = World::new(store).await;
    let (account, eve) = (world.account, world.another_account().await);
    let unknown = |name: &str, content: &str| ObjectNew {
        md5: None,
        ..object(name, content)
    };
    let mine = vec![
        unknown("a", "same"),
        unknown("b", "same"),
        unknown("c", "other"),
        object("d", "same"),
    ];
    for (of, new) in [(account, mine), (eve, vec![unknown("a", "same")])] {
        store.object_put(of, new, None, NOW).await.expect("stored");
    }
    let md5s = async || {
        let keys = ["a", "b", "c", "d"].map(key).to_vec();
        let found = store.object_find(account, keys).await.expect("a read");
        let md5s = found.into_iter().map(|o| o.expect("there").md5);
        md5s.collect::<Vec<_>>()
    };
    assert_eq!(md5s().await, [None, None, None, Some([7; 16])]);
    let hash = Hash::of(b"same");
    let put = store.object_md5_put(account, hash, [9; 16]).await;
    put.expect("noted down");
    let known = [Some([9; 16]), Some([9; 16]), None, Some([7; 16])];
    assert_eq!(md5s().await, known);
    assert_eq!(find(store, eve, "a").await.expect("there").md5, None);
    let again = vec![unknown("a", "same"), unknown("d", "new")];
    let again = store.object_put(account, again, None, NOW).await;
    again.expect("stored again");
    let known = [Some([9; 16]), Some([9; 16]), None, None];
    assert_eq!(md5s().await, known, "the same content keeps it");
}

pub async fn a_content_is_kept_as_long_as_any_object_needs_it(store: &dyn Store) {
    let account = World::new(store).await.account;
    let new = vec![object("a", "same"), object("b", "same")];
    store
        .object_put(account, new, None, NOW)
        .await
        .expect("stored");
    store
        .object_put(account, vec![object("a", "same")], None, NOW)
        .await
        .expect("stored again");
    assert_eq!(sums(store, account).await, (2, 8));
    store
        .object_remove(account, vec![key("a")])
        .await
        .expect("removed");
    assert_eq!(swept(store).await, []);
    store
        .object_remove(account, vec![key("b")])
        .await
        .expect("removed");
    assert_eq!(swept(store).await, [Hash::of(b"same")]);
}

pub async fn a_bucket_beyond_its_quota_is_left_as_it_was(store: &dyn Store) {
    let account = World::new(store).await.account;
    let store_all = async |new: Vec<ObjectNew>, quota: u64| {
        store.object_put(account, new, Some(quota), NOW).await
    };
    store_all(vec![object("a", "12345")], 5)
        .await
        .expect("fits");
    assert_refused!(
        store_all(vec![object("b", "1"), object("c", "")], 5).await,
        StoreError::QuotaExceeded {
            bytes: 6,
            quota_bytes: 5
        }
    );
    assert_eq!(find(store, account, "c").await, None);
    assert_refused!(
        store_all(vec![object("a", "123456")], 5).await,
        StoreError::QuotaExceeded { .. }
    );
    store_all(vec![object("a", "1")], 0)
        .await
        .expect("what shrinks is fine, however full it is");
    store_all(vec![object("d", "")], 0)
        .await
        .expect("an empty one needs no room");
    assert_eq!(sums(store, account).await, (2, 1));
}

pub async fn a_list_is_in_the_order_of_bytes(store: &dyn Store) {
    let account = World::new(store).await.account;
    let unordered = ["b", "a/b", "a", "ü", "a-", "Z", "a0", "数", "a/"];
    put(store, account, &unordered[..8]).await;
    let expected = ["Z", "a", "a-", "a/b", "a0", "b", "ü", "数"];
    assert_eq!(names(store, account, all()).await, expected);
    let below = ObjectFilter {
        prefix: "a".to_owned(),
        ..all()
    };
    assert_eq!(names(store, account, below).await, ["a", "a-", "a/b", "a0"]);
    let behind = ObjectFilter {
        marker: Some("a/b".to_owned()),
        ..all()
    };
    assert_eq!(names(store, account, behind).await, ["a0", "b", "ü", "数"]);
    let past = ObjectFilter {
        prefix: "a".to_owned(),
        marker: Some("b".to_owned()),
        folders: false,
    };
    assert_eq!(names(store, account, past).await, [""; 0]);
}

pub async fn folders_are_told_once(store: &dyn Store) {
    let account = World::new(store).await.account;
    put(store, account, &["a", "a/b/c", "a/d", "a/b/e", "a0/x", "f"]).await;
    assert_eq!(
        names(store, account, folders("")).await,
        ["a", "a/", "a0/", "f"]
    );
    assert_eq!(names(store, account, folders("a/")).await, ["a/b/", "a/d"]);
    assert_eq!(
        names(store, account, folders("a")).await,
        ["a", "a/", "a0/"]
    );
    for (marker, expected) in [
        ("a", ["a/", "a0/", "f"].as_slice()),
        ("a/", &["a0/", "f"]),
        ("a/b", &["a0/", "f"]),
        ("a0", &["a0/", "f"]),
        ("f", &[]),
    ] {
        let filter = ObjectFilter {
            marker: Some(marker.to_owned()),
            ..folders("")
        };
        assert_eq!(names(store, account, filter).await, expected, "{marker}");
    }
}

pub async fn pages_of_a_list_join_without_a_gap(store: &dyn Store) {
    let account = World::new(store).await.account;
    put(store, account, &["a", "b/1", "b/2", "c", "d/1", "e"]).await;
    let mut marker = None;
    let mut seen = Vec::new();
    loop {
        let filter = ObjectFilter {
            marker,
            ..folders("")
        };
        let page = store.object_list(account, filter, 2).await.expect("a page");
        seen.extend(page.entries.iter().map(|e| name_of(e).to_owned()));
        if !page.truncated {
            break;
        }
        assert_eq!(page.entries.len(), 2);
        marker = seen.last().cloned();
    }
    assert_eq!(seen, ["a", "b/", "c", "d/", "e"]);
}

pub async fn objects_are_removed_by_key_and_by_prefix(store: &dyn Store) {
    let account = World::new(store).await.account;
    put(store, account, &["a", "b/1", "b/2", "b/3", "b0", "c"]).await;
    let keys = vec![key("a"), key("missing"), key("a")];
    assert_eq!(store.object_remove(account, keys).await.expect("done"), 1);
    let part = async || store.object_remove_prefix(account, "b/", 2).await;
    assert_eq!(part().await.expect("done"), 2);
    assert_eq!(part().await.expect("done"), 1);
    assert_eq!(part().await.expect("done"), 0);
    assert_eq!(names(store, account, all()).await, ["b0", "c"]);
    assert_eq!(sums(store, account).await, (2, 3));
    assert_eq!(swept(store).await.len(), 4);
}

pub async fn a_renamed_object_takes_the_place_of_another(store: &dyn Store) {
    let account = World::new(store).await.account;
    put(store, account, &["a", "b"]).await;
    let before = find(store, account, "a").await.expect("there");
    store
        .object_rename(account, key("a"), key("b"))
        .await
        .expect("renamed");
    let after = find(store, account, "b").await.expect("there");
    let key_b = key("b");
    assert_eq!(
        after,
        Object {
            key: key_b,
            ..before
        }
    );
    assert_eq!(names(store, account, all()).await, ["b"]);
    assert_eq!(sums(store, account).await, (1, 1));
    assert_refused!(
        store.object_rename(account, key("a"), key("c")).await,
        StoreError::NotFound(_)
    );
    store
        .object_rename(account, key("b"), key("b"))
        .await
        .expect("to itself is fine");
    assert_eq!(names(store, account, all()).await, ["b"]);
    assert_eq!(swept(store).await, [Hash::of(b"b")]);
}

pub async fn a_prefix_is_renamed_whole(store: &dyn Store) {
    let account = World::new(store).await.account;
    put(store, account, &["a/1", "a/2", "b/2", "b/a/1", "c"]).await;
    let renamed = store.object_rename_prefix(account, "a/", "b/").await;
    assert_eq!(renamed.expect("renamed"), 2);
    assert_eq!(
        names(store, account, all()).await,
        ["b/1", "b/2", "b/a/1", "c"]
    );
    assert_eq!(
        find(store, account, "b/2").await.expect("there").hash,
        Hash::of(b"a/2")
    );
    let renamed = store.object_rename_prefix(account, "b/", "b/b/").await;
    assert_eq!(renamed.expect("into itself"), 3);
    assert_eq!(
        names(store, account, all()).await,
        ["b/b/1", "b/b/2", "b/b/a/1", "c"]
    );
    assert_refused!(
        store.object_rename_prefix(account, "b/", "/").await,
        StoreError::Conflict(_)
    );
    let none = store.object_rename_prefix(account, "x", "y").await;
    assert_eq!(none.expect("nothing to do"), 0);
    assert_eq!(sums(store, account).await, (4, 3 + 3 + 5 + 1));
}

pub async fn who_may_read_an_object_is_changed_at_once(store: &dyn Store) {
    let account = World::new(store).await.account;
    put(store, account, &["a"]).await;
    let one = |name: &str| BTreeMap::from([(name.to_owned(), "v".to_owned())]);
    let publish = async |headers, reset| {
        store
            .object_publish(account, key("a"), Some("x/y".to_owned()), headers, reset)
            .await
            .expect("there")
    };
    assert_eq!(publish(one("p"), false).await.headers, one("p"));
    let both: BTreeMap<_, _> = one("p").into_iter().chain(one("q")).collect();
    let public = publish(one("q"), false).await;
    assert_eq!(
        (&public.headers, public.public, public.content_type.as_str()),
        (&both, true, "x/y")
    );
    assert_eq!(publish(one("r"), true).await.headers, one("r"));
    let private = store.object_unpublish(account, key("a")).await;
    let private = private.expect("there");
    assert!(!private.public);
    assert_eq!(private.modified, NOW, "the content did not change");
    assert_eq!(find(store, account, "a").await, Some(private));
    assert_refused!(
        store.object_unpublish(account, key("b")).await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store
            .object_publish(account, key("b"), None, BTreeMap::new(), false)
            .await,
        StoreError::NotFound(_)
    );
}

pub async fn a_folder_is_named_once_and_leads_to_its_account(store: &dyn Store) {
    let account = World::new(store).await.account;
    put(store, account, &["a"]).await;
    let name = async |folder| store.bucket_folder(account, folder).await.expect("named");
    assert_eq!(name("first").await, "first");
    assert_eq!(name("second").await, "first");
    let found = async |folder| store.bucket_by_folder(folder).await.expect("a read");
    assert_eq!(found("first").await, Some(account));
    assert_eq!(found("second").await, None);
    assert_eq!(found("").await, None);
    assert_eq!(sums(store, account).await, (1, 1));
}
