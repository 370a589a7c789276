//! Settings, accounts and keys.

use super::fixture::{NOW, World, assert_refused};
use crate::{Store, StoreError};
use picloud_types::{AccountId, ApiKey, Hash};

pub async fn a_setting_is_made_once_and_kept(store: &dyn Store) {
    assert_eq!(
        store
            .setting_get_or_insert("secret", "one")
            .await
            .expect("a setting"),
        "one"
    );
    assert_eq!(
        store
            .setting_get_or_insert("secret", "two")
            .await
            .expect("a setting"),
        "one"
    );
    assert_eq!(
        store
            .setting_get_or_insert("other", "two")
            .await
            .expect("a setting"),
        "two"
    );
}

pub async fn accounts_are_found_and_listed(store: &dyn Store) {
    let ada = store.account_create("ada", true, NOW).await.expect("new");
    let bob = store.account_create("bob", false, NOW).await.expect("new");
    assert_eq!(
        (ada.name.as_str(), ada.admin, ada.created),
        ("ada", true, NOW)
    );
    assert_eq!(
        store.account_find(bob.id).await.expect("a read"),
        Some(bob.clone())
    );
    assert_eq!(
        store.account_find(AccountId(99)).await.expect("a read"),
        None
    );
    assert_eq!(store.account_list().await.expect("a read"), [ada, bob]);
}

pub async fn a_name_in_use_is_refused(store: &dyn Store) {
    store.account_create("ada", true, NOW).await.expect("new");
    assert_refused!(
        store.account_create("ada", false, NOW).await,
        StoreError::Conflict(_)
    );
    assert_eq!(store.account_list().await.expect("a read").len(), 1);
}

pub async fn keys_are_found_listed_and_switched(store: &dyn Store) {
    let world = World::new(store).await;
    let other = world.another_account().await;
    let first = store
        .key_create(world.account, Hash::of(b"one"), "laptop", NOW)
        .await
        .expect("a key");
    let second = store
        .key_create(world.account, Hash::of(b"two"), "", NOW)
        .await
        .expect("a key");
    assert!(
        first.active
            && first.secret_hash == Hash::of(b"one")
            && first.note == "laptop"
            && first.created == NOW
    );
    assert_eq!(
        store.key_find(first.key).await.expect("a read"),
        Some(first.clone())
    );
    assert_eq!(store.key_find(ApiKey(99)).await.expect("a read"), None);
    assert_eq!(store.key_list(other).await.expect("a read"), []);

    store
        .key_set_active(world.account, first.key, false)
        .await
        .expect("its key");
    let off = crate::Key {
        active: false,
        ..first.clone()
    };
    assert_eq!(
        store.key_list(world.account).await.expect("a read"),
        [off, second]
    );
    store
        .key_set_active(world.account, first.key, true)
        .await
        .expect("its key");
    assert_eq!(
        store.key_find(first.key).await.expect("a read"),
        Some(first)
    );
    assert_refused!(
        store.key_set_active(world.account, ApiKey(99), false).await,
        StoreError::NotFound(_)
    );
    assert_refused!(
        store
            .key_create(AccountId(99), Hash::of(b"x"), "", NOW)
            .await,
        StoreError::NotFound(_)
    );
}
