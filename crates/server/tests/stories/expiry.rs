//! How long sessions and links last. The store is asked directly where a story would take days.

use crate::{
    browser::{Browser, reply},
    world::{World, listener, until},
};
use picloud_server::{Options, Parts, Server};
use picloud_store::{SessionNew, Store};
use picloud_types::{AccountId, ErrorKind, Hash, Timestamp};
use reqwest::{Method, header};
use serde_json::json;
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};
use tempfile::TempDir;

const DAY_MS: i64 = 24 * 3600 * 1000;

async fn world() -> (World, Arc<dyn Store>) {
    let directory = TempDir::new().expect("a temporary directory");
    let options = Options::new(directory.path().join("data"));
    let parts = Parts::open(&options).expect("opened");
    let store = Arc::clone(&parts.store);
    let server = Server::start_with(options, listener(), parts).await;
    let server = server.expect("the server starts");
    let key = server.first_start().expect("a key").clone();
    let world = World {
        directory,
        server,
        key,
    };
    (world, store)
}

fn now() -> Timestamp {
    SystemTime::now().into()
}

/// A session of so many days ago that ends in so many milliseconds.
async fn session(store: &dyn Store, token: &str, days: i64, left_ms: i64) {
    let new = SessionNew {
        account: AccountId(1),
        token_hash: Hash::of(token.as_bytes()),
        user_agent: String::new(),
        expires: Timestamp(now().0 + left_ms),
    };
    let then = Timestamp(now().0 - days * DAY_MS);
    store.session_create(new, then).await.expect("made");
}

async fn status(browser: &Browser, token: &str) -> (u16, Option<String>) {
    let request = browser.request(Method::GET, "/v1/jobs");
    let reply = reply(request.header(header::COOKIE, format!("picloud={token}"))).await;
    let cookie = reply.headers.get(header::SET_COOKIE);
    let cookie = cookie.map(|line| line.to_str().expect("text").to_owned());
    (reply.status, cookie)
}

#[tokio::test]
async fn a_session_ends_when_its_time_is_over_also_one_that_is_remembered() {
    let (world, store) = world().await;
    let browser = Browser::new(&world);
    session(&*store, "long gone", 20, -1).await;
    assert_eq!(status(&browser, "long gone").await.0, 401);
    // Used less than a minute ago, so that this use does not move the end on.
    session(&*store, "ends", 0, 1_000).await;
    assert_eq!(status(&browser, "ends").await.0, 200);
    until("the session has ended", || async {
        status(&browser, "ends").await.0 == 401
    })
    .await;
}

#[tokio::test]
async fn using_a_session_moves_its_end_on_but_not_for_ever() {
    let (world, store) = world().await;
    let browser = Browser::new(&world);
    session(&*store, "used", 3, 11 * DAY_MS).await;
    session(&*store, "old", 89, DAY_MS / 2).await;
    for (token, days) in [("used", 14), ("old", 1)] {
        let (code, cookie) = status(&browser, token).await;
        assert_eq!(code, 200);
        let cookie = cookie.expect("a cookie that lasts longer");
        let (_, age) = cookie.split_once("Max-Age=").expect("an age");
        let seconds: i64 = age.parse().expect("a number");
        let expected = days * DAY_MS / 1000;
        assert!(
            (expected - 60..=expected).contains(&seconds),
            "{token}: {cookie}"
        );
        assert!(cookie.starts_with(&format!("picloud={token};")), "{cookie}");
        let found = store.session_find(Hash::of(token.as_bytes()), now()).await;
        let left = found.expect("looked").expect("there").expires.since(now());
        assert!(
            left.as_secs().abs_diff(seconds.unsigned_abs()) < 60,
            "{left:?}"
        );
    }
    session(&*store, "new", 0, DAY_MS).await;
    assert_eq!(
        status(&browser, "new").await,
        (200, None),
        "a write a minute"
    );
}

#[tokio::test]
async fn a_link_ends_with_its_day() {
    let (world, store) = world().await;
    let (account, now) = (AccountId(1), now());
    let ends = now.plus(Duration::from_millis(300));
    let made = store
        .link_create(account, Hash::of(b"token"), ends, now)
        .await;
    made.expect("made");
    let browser = Browser::new(&world);
    until("the link has ended", || async {
        let body = json!({ "token": "token" });
        browser.post("/v1/session/link/look", &body).await.status == 404
    })
    .await;
    let used = Browser::new(&world).use_link("token", None).await;
    used.refused(ErrorKind::NotFound);
}
