//! Published functions and web pages of others.

use crate::{
    browser::{Browser, PASSWORD},
    published::{publish, status, with},
    world::World,
};
use picloud_types::api::published::{Access, PublishedChange};
use reqwest::{Client, Method, RequestBuilder, header::HeaderMap};
use serde_json::json;

fn from_elsewhere(request: RequestBuilder) -> RequestBuilder {
    request
        .header("origin", "https://elsewhere.example")
        .header("sec-fetch-site", "cross-site")
}

async fn preflight(url: &str) -> HeaderMap {
    let request = Client::new()
        .request(Method::OPTIONS, url)
        .header("access-control-request-method", "POST")
        .header(
            "access-control-request-headers",
            "content-type,authorization",
        );
    let answer = from_elsewhere(request).send().await.expect("an answer");
    assert_eq!(answer.status(), 204, "{url}");
    answer.headers().clone()
}

#[tokio::test]
async fn pages_of_others_call_what_is_public_and_nothing_of_the_account() {
    let world = World::new().await;
    let client = world.client();
    publish(&client, "mine").await;
    publish(&client, "public").await;
    let change = PublishedChange {
        access: Some(Access::Public),
        ..PublishedChange::default()
    };
    client
        .published_change("public", &change)
        .await
        .expect("changed");
    for (label, expected) in [("public", true), ("mine", false), ("nothing", false)] {
        for path in ["", "/", "/map/"] {
            let told = preflight(&world.url(&format!("/r/1/{label}{path}"))).await;
            let is_open = told
                .get("access-control-allow-origin")
                .is_some_and(|o| o == "*");
            assert_eq!(is_open, expected, "{label}{path}");
            assert_eq!(told.contains_key("access-control-allow-headers"), expected);
            assert!(!told.contains_key("access-control-allow-credentials"));
        }
    }
    let http = Client::new();
    let call = |label: &str| {
        let url = world.url(&format!("/r/1/{label}/"));
        from_elsewhere(http.post(url).json(&json!({"x": 1})))
    };
    status(call("public"), 200).await;
    status(call("mine"), 401).await;
    // A key that a browser remembers comes along with what any page makes it send: it opens nothing.
    status(with(&world.key, call("mine")), 401).await;
    status(with(&world.key, call("public")), 200).await;
    // What is no published function stays shut, whoever shows what.
    let submit = http.post(world.url("/v1/jobs")).json(&json!({}));
    status(with(&world.key, from_elsewhere(submit)), 403).await;
    let kill = http.post(world.url("/job/kill/?jids="));
    status(with(&world.key, from_elsewhere(kill)), 403).await;
}

#[tokio::test]
async fn whoever_is_signed_in_calls_their_own_functions_with_the_token_of_the_session() {
    let world = World::new().await;
    publish(&world.client(), "mine").await;
    let browser = Browser::with_password(&world, PASSWORD).await;
    let (path, arguments) = ("/r/1/mine/", json!({"x": 1}));
    assert_eq!(browser.post(path, &arguments).await.status, 200);
    let bare = browser.bare(Method::POST, path).json(&arguments);
    status(bare, 403).await;
}
