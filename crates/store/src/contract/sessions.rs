//! Signing in: passwords, sessions and links.

use super::fixture::{NOW, World, assert_refused};
use crate::{LinkUse, SessionNew, SignedIn, Store, StoreError};
use picloud_types::{AccountId, Hash, Timestamp};

const LATER: Timestamp = Timestamp(NOW.0 + 1_000);
const MUCH_LATER: Timestamp = Timestamp(NOW.0 + 2_000);

fn token(name: &str) -> Hash {
    Hash::of(name.as_bytes())
}

fn new(account: AccountId, name: &str) -> SessionNew {
    SessionNew {
        account,
        token_hash: token(name),
        user_agent: format!("browser of {name}"),
        expires: LATER,
    }
}

async fn sign_in(store: &dyn Store, account: AccountId, name: &str, now: Timestamp) -> SignedIn {
    let made = store.session_create(new(account, name), now).await;
    made.expect("a session")
}

/// Browsers of an account's sessions, last used first.
async fn listed(store: &dyn Store, account: AccountId) -> Vec<String> {
    let sessions = store.session_list(account, NOW).await.expect("a read");
    let named = sessions.into_iter().map(|session| session.user_agent);
    named
        .map(|agent| agent.trim_start_matches("browser of ").to_owned())
        .collect()
}

fn using(link: &str, session: &str, password: Option<&str>) -> LinkUse {
    LinkUse {
        link_hash: token(link),
        token_hash: token(session),
        user_agent: format!("browser of {session}"),
        expires: LATER,
        password_hash: password.map(str::to_owned),
    }
}

pub async fn a_password_is_found_by_the_name_of_its_account(store: &dyn Store) {
    let ada = store.account_create("ada", true, NOW).await.expect("new");
    store.account_create("eve", false, NOW).await.expect("new");
    let found = async |name| store.password_find(name).await.expect("a read");
    assert_eq!(found("ada").await, Some((ada.clone(), None)));
    store
        .password_set(ada.id, "first", None)
        .await
        .expect("set");
    store
        .password_set(ada.id, "second", None)
        .await
        .expect("set");
    assert_eq!(found("ada").await, Some((ada, Some("second".to_owned()))));
    assert_eq!(found("eve").await.expect("there").1, None);
    assert_eq!(found("bob").await, None);
    assert_refused!(
        store.password_set(AccountId(99), "x", None).await,
        StoreError::NotFound(_)
    );
}

pub async fn a_session_is_found_by_its_token_until_it_ends(store: &dyn Store) {
    let world = World::new(store).await;
    let made = sign_in(store, world.account, "a", NOW).await;
    assert_eq!(
        (made.account.name.as_str(), made.has_password, made.created),
        ("ada", false, NOW)
    );
    let found = async |name: &str, now| {
        let found = store.session_find(token(name), now).await;
        found.expect("a read").map(|session| session.id)
    };
    assert_eq!(found("a", NOW).await, Some(made.id));
    assert_eq!(found("b", NOW).await, None);
    assert_eq!(found("a", LATER).await, None, "it has ended");
    let listed = store.session_list(world.account, LATER).await;
    assert!(listed.expect("a read").is_empty());
    store
        .password_set(world.account, "x", Some(token("a")))
        .await
        .expect("set");
    let seen = store.session_find(token("a"), NOW).await.expect("a read");
    assert!(seen.expect("kept").has_password);
    assert_refused!(
        store.session_create(new(AccountId(99), "c"), NOW).await,
        StoreError::NotFound(_)
    );
}

pub async fn using_a_session_moves_its_end_on(store: &dyn Store) {
    let world = World::new(store).await;
    sign_in(store, world.account, "a", NOW).await;
    let touch = async |now| store.session_touch(token("a"), MUCH_LATER, now).await;
    touch(Timestamp(NOW.0 + 10)).await.expect("in time");
    let found = store.session_find(token("a"), LATER).await.expect("a read");
    let found = found.expect("it goes on");
    assert_eq!((found.used.0, found.expires), (NOW.0 + 10, MUCH_LATER));
    assert_eq!(found.created, NOW);
    store
        .session_touch(token("a"), Timestamp(i64::MAX), MUCH_LATER)
        .await
        .expect("it does nothing");
    let over = store.session_find(token("a"), MUCH_LATER).await;
    assert!(over.expect("a read").is_none(), "an end is an end");
}

pub async fn sessions_are_listed_last_used_first_and_ended_by_number(store: &dyn Store) {
    let world = World::new(store).await;
    let mut ids = Vec::new();
    for (name, age) in [("a", 3), ("b", 2), ("c", 1)] {
        let made = sign_in(store, world.account, name, Timestamp(NOW.0 - age)).await;
        ids.push(made.id);
    }
    assert_eq!(listed(store, world.account).await, ["c", "b", "a"]);
    store
        .session_touch(token("a"), LATER, NOW)
        .await
        .expect("in time");
    assert_eq!(listed(store, world.account).await, ["a", "c", "b"]);
    let ended = store.session_end(world.account, Some(ids[2])).await;
    assert_eq!(ended.expect("there"), [token("c")]);
    assert_refused!(
        store.session_end(world.account, Some(ids[2])).await,
        StoreError::NotFound(_)
    );
    assert_eq!(listed(store, world.account).await, ["a", "b"]);
    let mut ended = store
        .session_end(world.account, None)
        .await
        .expect("all of them");
    ended.sort();
    let mut both = [token("a"), token("b")];
    both.sort();
    assert_eq!(ended, both);
    assert!(listed(store, world.account).await.is_empty());
    let none = store.session_end(world.account, None).await;
    assert_eq!(none.expect("nothing to end"), []);
}

pub async fn sessions_and_links_of_accounts_are_apart(store: &dyn Store) {
    let world = World::new(store).await;
    let eve = world.another_account().await;
    let of_ada = sign_in(store, world.account, "a", NOW).await;
    sign_in(store, eve, "e", NOW).await;
    assert_refused!(
        store.session_end(eve, Some(of_ada.id)).await,
        StoreError::NotFound(_)
    );
    // The token of another's session keeps nothing of one's own.
    store
        .password_set(eve, "x", Some(token("a")))
        .await
        .expect("set");
    assert!(listed(store, eve).await.is_empty());
    sign_in(store, eve, "e", NOW).await;
    let ended = store.session_end(eve, None).await;
    assert_eq!(ended.expect("her own"), [token("e")]);
    assert_eq!(listed(store, world.account).await, ["a"]);
    let found = store.password_find("ada").await.expect("a read");
    assert_eq!(found.expect("there").1, None);
}

pub async fn a_new_password_ends_the_other_sessions(store: &dyn Store) {
    let world = World::new(store).await;
    for name in ["a", "b", "c"] {
        sign_in(store, world.account, name, NOW).await;
    }
    store
        .password_set(world.account, "x", Some(token("b")))
        .await
        .expect("set");
    assert_eq!(listed(store, world.account).await, ["b"]);
    store
        .password_set(world.account, "y", None)
        .await
        .expect("set");
    assert!(listed(store, world.account).await.is_empty());
}

pub async fn of_too_many_sessions_those_used_least_lately_end(store: &dyn Store) {
    let world = World::new(store).await;
    let eve = world.another_account().await;
    sign_in(store, eve, "e", NOW).await;
    for n in 0..100_i64 {
        let before = Timestamp(NOW.0 - 1_000 + n);
        sign_in(store, world.account, &n.to_string(), before).await;
    }
    store
        .session_touch(token("0"), LATER, NOW)
        .await
        .expect("in time");
    sign_in(store, world.account, "one more", NOW).await;
    sign_in(store, world.account, "and another", Timestamp(0)).await;
    let left = listed(store, world.account).await;
    assert_eq!(left.len(), 100);
    let has = |name: &str| left.iter().any(|left| left == name);
    assert!(has("0") && has("one more") && has("and another") && has("3"));
    assert!(!has("1") && !has("2"));
    assert_eq!(listed(store, eve).await, ["e"]);
}

pub async fn a_link_is_looked_at_and_used_once(store: &dyn Store) {
    let world = World::new(store).await;
    store
        .link_create(world.account, token("link"), LATER, NOW)
        .await
        .expect("a link");
    let look = async || store.link_find(token("link"), NOW).await.expect("a read");
    for _ in 0..2 {
        let (account, expires, has_password) = look().await.expect("looking leaves it good");
        assert_eq!((account.id, expires), (world.account, LATER));
        assert!(!has_password);
    }
    let (first, second) = tokio::join!(
        store.link_use(using("link", "a", None), NOW),
        store.link_use(using("link", "b", None), NOW),
    );
    let entered: Vec<SignedIn> = [first, second]
        .into_iter()
        .filter_map(|entry| entry.expect("an answer"))
        .collect();
    assert_eq!(entered.len(), 1, "one link, one entry");
    assert_eq!(entered[0].account.id, world.account);
    let found = store.session_find(entered[0].token_hash, NOW).await;
    assert_eq!(found.expect("a read").expect("signed in").id, entered[0].id);
    assert!(look().await.is_none());
    assert_eq!(listed(store, world.account).await.len(), 1);
    assert_refused!(
        store
            .link_create(AccountId(99), token("x"), LATER, NOW)
            .await,
        StoreError::NotFound(_)
    );
}

pub async fn a_link_that_has_ended_lets_nobody_in(store: &dyn Store) {
    let world = World::new(store).await;
    store
        .link_create(world.account, token("link"), LATER, NOW)
        .await
        .expect("a link");
    let late = store.link_find(token("link"), LATER).await;
    assert!(late.expect("a read").is_none());
    let late = store.link_use(using("link", "a", Some("x")), LATER).await;
    assert!(late.expect("an answer").is_none());
    let unknown = store.link_use(using("other", "a", Some("x")), NOW).await;
    assert!(unknown.expect("an answer").is_none());
    assert!(listed(store, world.account).await.is_empty());
    let found = store.password_find("ada").await.expect("a read");
    assert_eq!(found.expect("there").1, None, "nothing changed");
}

pub async fn a_link_may_set_the_password_which_ends_other_sessions(store: &dyn Store) {
    let world = World::new(store).await;
    sign_in(store, world.account, "old", NOW).await;
    for link in ["plain", "with password"] {
        store
            .link_create(world.account, token(link), LATER, NOW)
            .await
            .expect("a link");
    }
    let plain = store.link_use(using("plain", "a", None), NOW).await;
    assert!(!plain.expect("an answer").expect("in").has_password);
    assert_eq!(listed(store, world.account).await, ["a", "old"]);
    let set = store.link_use(using("with password", "b", Some("x")), NOW);
    let set = set.await.expect("an answer").expect("in");
    assert!(set.has_password);
    assert_eq!(listed(store, world.account).await, ["b"]);
    let found = store.password_find("ada").await.expect("a read");
    assert_eq!(found.expect("there").1.as_deref(), Some("x"));
}

pub async fn a_sweep_removes_what_has_ended(store: &dyn Store) {
    let world = World::new(store).await;
    let over = sign_in(store, world.account, "over", NOW).await;
    let good = SessionNew {
        expires: MUCH_LATER,
        ..new(world.account, "good")
    };
    store.session_create(good, NOW).await.expect("a session");
    for (link, until) in [("over", LATER), ("good", MUCH_LATER)] {
        store
            .link_create(world.account, token(link), until, NOW)
            .await
            .expect("a link");
    }
    store
        .session_sweep(Timestamp(LATER.0 + 1))
        .await
        .expect("swept");
    assert_eq!(listed(store, world.account).await, ["good"]);
    assert_refused!(
        store.session_end(world.account, Some(over.id)).await,
        StoreError::NotFound(_)
    );
    let link = async |name: &str| store.link_find(token(name), NOW).await.expect("a read");
    assert!(link("over").await.is_none() && link("good").await.is_some());
}
