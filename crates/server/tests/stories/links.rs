//! Links that sign in once.

use crate::{
    browser::{Browser, PASSWORD, Reply, link, secret},
    world::{World, refused},
};
use picloud_types::{
    ErrorKind, Timestamp,
    api::sessions::{LinkAbout, LinkMade, Session},
};
use reqwest::Method;
use serde_json::json;
use std::time::SystemTime;

async fn look(world: &World, token: &str) -> Reply {
    let browser = Browser::new(world);
    browser
        .post("/v1/session/link/look", &json!({ "token": token }))
        .await
}

#[tokio::test]
async fn a_link_signs_in_once_and_looking_at_it_does_not_use_it_up() {
    let world = World::new().await;
    let token = link(&world).await;
    for _ in 0..2 {
        let about: LinkAbout = look(&world, &token).await.read();
        assert_eq!(about.account_name, "admin");
        assert!(!about.has_password);
        let day = 24 * 3600 * 1000;
        let left = about.expires.0 - Timestamp::from(SystemTime::now()).0;
        assert!((day - 60_000..=day).contains(&left), "{left} ms");
    }
    let mut browser = Browser::new(&world);
    let session: Session = browser.use_link(&token, None).await.read();
    assert_eq!(session.account_name, "admin");
    assert!(session.admin && !session.has_password);
    assert!(browser.is_in().await);
    let again = Browser::new(&world).use_link(&token, None).await;
    again.refused(ErrorKind::NotFound);
    look(&world, &token).await.refused(ErrorKind::NotFound);
    look(&world, "").await.refused(ErrorKind::NotFound);
}

#[tokio::test]
async fn of_two_who_use_a_link_at_once_one_gets_in() {
    let world = World::new().await;
    for _ in 0..5 {
        let token = link(&world).await;
        let [mut a, mut b] = [Browser::new(&world), Browser::new(&world)];
        let (a, b) = tokio::join!(a.use_link(&token, None), b.use_link(&token, None));
        let mut statuses = [a.status, b.status];
        statuses.sort_unstable();
        assert_eq!(statuses, [200, 404]);
    }
}

#[tokio::test]
async fn a_link_sets_the_password_and_that_ends_other_sessions() {
    let world = World::new().await;
    let mut first = Browser::new(&world);
    first.use_link(&link(&world).await, None).await;
    assert!(first.is_in().await);
    let token = link(&world).await;
    let mut second = Browser::new(&world);
    let short = second.use_link(&token, Some("short")).await;
    short.refused(ErrorKind::BadRequest);
    let session: Session = second.use_link(&token, Some(PASSWORD)).await.read();
    assert!(session.has_password, "the refused try did not use it up");
    assert!(
        !first.is_in().await,
        "at once, though it was seen a moment ago"
    );
    assert!(second.is_in().await);
    // A link without a password leaves the one there is.
    let token = link(&world).await;
    let about: LinkAbout = look(&world, &token).await.read();
    assert!(about.has_password);
    Browser::new(&world).use_link(&token, None).await;
    assert!(second.is_in().await);
    let mut third = Browser::new(&world);
    assert_eq!(third.sign_in("admin", PASSWORD).await.status, 200);
}

#[tokio::test]
async fn only_administrators_make_links_for_others() {
    let world = World::new().await;
    let (other, _) = world.other().await;
    let made = world.client().link_create(Some("other")).await;
    let made: LinkMade = made.expect("a link");
    assert_eq!(made.account_name, "other");
    let mut browser = Browser::new(&world);
    let session: Session = browser.use_link(&secret(&made), None).await.read();
    assert_eq!(session.account_name, "other");
    assert!(!session.admin);
    refused(other.link_create(Some("admin")).await, ErrorKind::Forbidden);
    let own = other.link_create(Some("other")).await.expect("its own");
    assert_eq!(own.account_name, "other");
    let nobody = world.client().link_create(Some("nobody")).await;
    refused(nobody, ErrorKind::NotFound);
    // A browser makes links as a key does.
    let made = browser.post("/v1/session/links", &json!({})).await;
    assert_eq!(made.read::<LinkMade>().account_name, "other");
}

#[tokio::test]
async fn the_first_start_has_a_link_until_there_is_a_password() {
    let world = World::new().await;
    let made = world.server.administrator_link().await.expect("looked");
    let mut browser = Browser::new(&world);
    let token = secret(&made.expect("a link"));
    assert_eq!(browser.use_link(&token, None).await.status, 200);
    let another = world.server.administrator_link().await.expect("looked");
    assert!(another.is_some(), "there is still no password");
    let reply = browser
        .put("/v1/session/password", &json!({ "new": PASSWORD }))
        .await;
    assert_eq!(reply.status, 204);
    let none = world.server.administrator_link().await.expect("looked");
    assert!(none.is_none());
    assert_eq!(browser.send(Method::GET, "/v1/session").await.status, 200);
}
