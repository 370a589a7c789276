//! Listing, folding, removing and renaming beside a model so naive that it is plainly right.

use crate::{Fresh, open};
use picloud_store::{
    ObjectEntry, ObjectFilter, ObjectNew, Store, StoreError,
    contract::{NOW, World},
};
use picloud_types::{AccountId, Hash, ObjectKey};
use proptest::{collection::vec, option, prelude::*};
use std::collections::{BTreeMap, BTreeSet};

/// Keys and their contents.
type Model = BTreeMap<String, String>;

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<(String, String)>),
    Remove(Vec<String>),
    RemovePrefix(String, u32),
    Rename(String, String),
    RenamePrefix(String, String),
    List(ObjectFilter, u32),
}

/// Texts of few letters, so that they meet: neighbours of the slash in the order of bytes, and
/// letters of more than a byte.
fn text() -> impl Strategy<Value = String> {
    vec(
        prop_oneof![
            Just("a"),
            Just("/"),
            Just("."),
            Just("0"),
            Just("ü"),
            Just("-")
        ],
        0..6,
    )
    .prop_map(|letters| letters.concat())
}

fn key() -> impl Strategy<Value = String> {
    text().prop_filter("a key", |text| text.parse::<ObjectKey>().is_ok())
}

fn step() -> impl Strategy<Value = Step> {
    let content = prop_oneof![Just("x"), Just("yy"), Just("")].prop_map(str::to_owned);
    let filter =
        (text(), any::<bool>(), option::of(text())).prop_map(|(prefix, folders, marker)| {
            ObjectFilter {
                prefix,
                folders,
                marker,
            }
        });
    prop_oneof![
        4 => vec((key(), content), 1..8).prop_map(Step::Put),
        1 => vec(key(), 0..4).prop_map(Step::Remove),
        1 => (text(), 1..4u32).prop_map(|(prefix, limit)| Step::RemovePrefix(prefix, limit)),
        1 => (key(), key()).prop_map(|(from, to)| Step::Rename(from, to)),
        1 => (text(), text()).prop_map(|(from, to)| Step::RenamePrefix(from, to)),
        6 => (filter, 1..6u32).prop_map(|(filter, limit)| Step::List(filter, limit)),
    ]
}

/// All lines of the list, then those behind the marker.
fn naive_list(model: &Model, filter: &ObjectFilter, limit: u32) -> (Vec<String>, bool) {
    let mut lines = BTreeSet::new();
    for key in model.keys().filter(|key| key.starts_with(&filter.prefix)) {
        let rest = &key[filter.prefix.len()..];
        match rest.find('/').filter(|_| filter.folders) {
            Some(slash) => lines.insert(key[..=filter.prefix.len() + slash].to_owned()),
            None => lines.insert(key.clone()),
        };
    }
    let behind = lines
        .into_iter()
        .filter(|line| filter.marker.as_ref().is_none_or(|marker| line > marker));
    let behind: Vec<_> = behind.collect();
    let truncated = behind.len() > limit as usize;
    (behind.into_iter().take(limit as usize).collect(), truncated)
}

/// The model afterwards, or none where what would result is no key.
fn naive_rename(model: &Model, from: &str, to: &str) -> Option<Model> {
    let (moved, mut rest): (Model, Model) = model
        .clone()
        .into_iter()
        .partition(|(key, _)| key.starts_with(from));
    for (key, content) in moved {
        let renamed = format!("{to}{}", &key[from.len()..]);
        renamed.parse::<ObjectKey>().ok()?;
        rest.insert(renamed, content);
    }
    Some(rest)
}

fn parsed(text: &str) -> ObjectKey {
    text.parse().expect("a key")
}

async fn apply(store: &dyn Store, account: AccountId, model: &mut Model, step: Step) {
    match step {
        Step::Put(objects) => {
            let new = objects.iter().map(|(key, content)| ObjectNew {
                key: parsed(key),
                hash: Hash::of(content.as_bytes()),
                size: content.len() as u64,
                md5: None,
                content_type: "a/b".to_owned(),
            });
            let put = store.object_put(account, new.collect(), None, NOW).await;
            put.expect("stored");
            model.extend(objects);
        }
        Step::Remove(keys) => {
            let expected = keys
                .iter()
                .filter(|key| model.remove(*key).is_some())
                .count();
            let keys = keys.iter().map(|key| parsed(key)).collect();
            let removed = store.object_remove(account, keys).await.expect("done");
            assert_eq!(removed, expected as u64);
        }
        Step::RemovePrefix(prefix, limit) => {
            let keys = model.keys().filter(|key| key.starts_with(&prefix));
            let keys: Vec<_> = keys.take(limit as usize).cloned().collect();
            let removed = store.object_remove_prefix(account, &prefix, limit).await;
            assert_eq!(removed.expect("done"), keys.len() as u64);
            for key in keys {
                model.remove(&key);
            }
        }
        Step::Rename(from, to) => {
            let renamed = store
                .object_rename(account, parsed(&from), parsed(&to))
                .await;
            match model.remove(&from) {
                Some(content) => {
                    renamed.expect("there");
                    model.insert(to, content);
                }
                None => assert!(matches!(renamed, Err(StoreError::NotFound(_)))),
            }
        }
        Step::RenamePrefix(from, to) => {
            let renamed = store.object_rename_prefix(account, &from, &to).await;
            match naive_rename(model, &from, &to) {
                Some(after) => {
                    let count = model.keys().filter(|key| key.starts_with(&from)).count();
                    assert_eq!(renamed.expect("renamed"), count as u64);
                    *model = after;
                }
                None => assert!(matches!(renamed, Err(StoreError::Conflict(_)))),
            }
        }
        Step::List(filter, limit) => {
            let page = store.object_list(account, filter.clone(), limit).await;
            let page = page.expect("a page");
            let name = |entry: &ObjectEntry| match entry {
                ObjectEntry::Object(object) => object.key.to_string(),
                ObjectEntry::Folder(folder) => folder.clone(),
            };
            let names: Vec<_> = page.entries.iter().map(name).collect();
            assert_eq!(
                (names, page.truncated),
                naive_list(model, &filter, limit),
                "{filter:?}"
            );
        }
    }
}

async fn live(steps: Vec<Step>) {
    let fresh: Fresh = open().await;
    let store = fresh.store();
    let account = World::new(store).await.account;
    let mut model = Model::new();
    for step in steps {
        apply(store, account, &mut model, step).await;
    }
    let keys = model.keys().map(|key| parsed(key)).collect();
    let found = store.object_find(account, keys).await.expect("a read");
    for (object, content) in found.into_iter().zip(model.values()) {
        let object = object.expect("there");
        assert_eq!(object.hash, Hash::of(content.as_bytes()));
    }
    let sums = store.bucket_sums(account).await.expect("a read");
    let bytes: usize = model.values().map(String::len).sum();
    assert_eq!(
        (sums.objects, sums.bytes),
        (model.len() as u64, bytes as u64)
    );
    fresh.finish().await;
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_bucket_is_what_a_sorted_map_would_be(steps in vec(step(), 1..40)) {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .expect("a runtime")
            .block_on(live(steps));
    }
}
