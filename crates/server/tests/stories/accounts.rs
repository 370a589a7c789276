//! Keys and accounts.

use crate::world::{World, refused};
use picloud_types::{ApiKey, ErrorKind};

#[tokio::test]
async fn only_the_right_secret_of_an_active_key_is_let_in() {
    let world = World::new().await;
    let (number, secret) = (
        world.key.api_key.to_string(),
        world.key.api_secretkey.as_str(),
    );
    world
        .client_as(&number, secret)
        .service()
        .await
        .expect("the right key");
    for (user, password) in [
        (number.as_str(), "wrong"),
        (&number, ""),
        ("99", secret),
        ("x", secret),
        ("", ""),
    ] {
        refused(
            world.client_as(user, password).service().await,
            ErrorKind::Unauthorized,
        );
    }
    let answer = reqwest::get(world.url("/v1/service"))
        .await
        .expect("an answer");
    assert_eq!(answer.status(), 401);
    assert!(
        !answer.headers().contains_key("www-authenticate"),
        "programs are not asked, only browsers"
    );
}

#[tokio::test]
async fn a_deactivated_key_is_refused_at_once_and_can_come_back() {
    let world = World::new().await;
    let client = world.client();
    let second = client.key_create("laptop").await.expect("a key");
    let other = world.client_with(&second);
    assert_eq!(
        other.service().await.expect("it works").api_key,
        second.api_key
    );
    client
        .key_set_active(second.api_key, false)
        .await
        .expect("switched off");
    refused(other.service().await, ErrorKind::Unauthorized);
    let keys = client.keys().await.expect("keys");
    let shown: Vec<_> = keys
        .iter()
        .map(|k| (k.api_key, k.active, k.note.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (world.key.api_key, true, "made at the first start"),
            (second.api_key, false, "laptop")
        ]
    );
    client
        .key_set_active(second.api_key, true)
        .await
        .expect("switched on");
    other.service().await.expect("it works again");
    refused(
        client.key_set_active(ApiKey(99), false).await,
        ErrorKind::NotFound,
    );
    refused(
        client.key_create(&"x".repeat(201)).await,
        ErrorKind::BadRequest,
    );
}

#[tokio::test]
async fn only_administrators_make_accounts() {
    let world = World::new().await;
    let (other, _) = world.other().await;
    refused(
        other.account_create("third", false).await,
        ErrorKind::Forbidden,
    );
    refused(other.accounts().await, ErrorKind::Forbidden);
    refused(other.workers().await, ErrorKind::Forbidden);
    refused(
        world.client().account_create("other", false).await,
        ErrorKind::Conflict,
    );
    for bad in ["", "a b", "a/b", &"x".repeat(65)] {
        refused(
            world.client().account_create(bad, false).await,
            ErrorKind::BadRequest,
        );
    }
    let accounts = world.client().accounts().await.expect("accounts");
    let shown: Vec<_> = accounts
        .iter()
        .map(|a| (a.name.as_str(), a.admin))
        .collect();
    assert_eq!(shown, [("admin", true), ("other", false)]);
}

#[tokio::test]
async fn keys_and_the_worker_token_do_not_stand_in_for_each_other() {
    let world = World::new().await;
    let http = reqwest::Client::new();
    let bearer = http
        .get(world.url("/v1/service"))
        .bearer_auth(world.server.worker_token());
    assert_eq!(bearer.send().await.expect("an answer").status(), 401);
    for request in [
        http.post(world.url("/v1/workers/hello"))
            .basic_auth(world.key.api_key, Some(&world.key.api_secretkey)),
        http.post(world.url("/v1/workers/hello"))
            .bearer_auth("wrong"),
        http.post(world.url("/v1/workers/1/pull")),
    ] {
        assert_eq!(request.send().await.expect("an answer").status(), 401);
    }
}
