//! Objects that anybody may read.

use crate::{
    objects::{key, put},
    world::{World, refused},
};
use picloud_types::{
    ErrorKind,
    api::bucket::{MakePublic, ObjectInfo},
};
use std::collections::BTreeMap;

fn request(name: &str, headers: &[(&str, &str)]) -> MakePublic {
    let owned = headers
        .iter()
        .map(|(n, v)| ((*n).to_owned(), (*v).to_owned()));
    MakePublic {
        key: key(name),
        headers: owned.collect(),
        reset_headers: false,
    }
}

async fn publish(world: &World, name: &str, headers: &[(&str, &str)]) -> ObjectInfo {
    world
        .client()
        .object_make_public(&request(name, headers))
        .await
        .expect("public")
}

#[tokio::test]
async fn a_public_object_is_read_without_a_key_until_it_is_private_again() {
    let world = World::new().await;
    let client = world.client();
    put(&client, "a b/ü.html", "<b>hello</b>").await;
    let url = publish(&world, "a b/ü.html", &[]).await.public_url;
    let url = url.expect("an address");
    let folder = client.bucket().await.expect("told").public_url_folder;
    assert_eq!(url, format!("{folder}a%20b/%C3%BC.html"));
    let answer = reqwest::get(&url).await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let head = answer.headers().clone();
    assert_eq!(head["content-type"], "text/html; charset=utf-8");
    assert_eq!(head["content-security-policy"], "sandbox");
    assert_eq!(head["x-content-type-options"], "nosniff");
    assert_eq!(head["cache-control"], "no-cache");
    assert!(!head.contains_key("set-cookie"));
    assert_eq!(answer.text().await.expect("a body"), "<b>hello</b>");
    let known = reqwest::Client::new().get(&url);
    let known = known.header("if-none-match", &head["etag"]).send().await;
    assert_eq!(known.expect("an answer").status(), 304);
    let part = reqwest::Client::new()
        .get(&url)
        .header("range", "bytes=3-7");
    let part = part.send().await.expect("an answer");
    assert_eq!(
        (part.status().as_u16(), part.text().await.expect("a part")),
        (206, "hello".to_owned())
    );
    put(&client, "a b/ü.html", "new").await;
    let answer = reqwest::get(&url).await.expect("an answer");
    assert_eq!(answer.text().await.expect("a body"), "new");
    let private = client.object_make_private(key("a b/ü.html")).await;
    assert_eq!(private.expect("private").public_url, None);
    assert_eq!(reqwest::get(&url).await.expect("an answer").status(), 404);
    let again = publish(&world, "a b/ü.html", &[]).await;
    assert_eq!(again.public_url, Some(url), "the address stays the same");
}

#[tokio::test]
async fn a_public_object_is_served_with_its_headers_and_no_others() {
    let world = World::new().await;
    put(&world.client(), "a", "x").await;
    let info = publish(
        &world,
        "a",
        &[
            ("Content-Type", "image/svg+xml"),
            ("Content-Disposition", "attachment; filename=\"a.svg\""),
            ("cache-control", "max-age=60"),
            ("Set-Cookie", "session=stolen"),
            ("color", "red"),
        ],
    )
    .await;
    let kept: BTreeMap<_, _> = info
        .headers
        .iter()
        .map(|(n, v)| (n.as_str(), v.as_str()))
        .collect();
    assert_eq!(
        kept,
        BTreeMap::from([
            ("content-disposition", "attachment; filename=\"a.svg\""),
            ("cache-control", "max-age=60"),
            ("x-picloud-meta-set-cookie", "session=stolen"),
            ("x-picloud-meta-color", "red"),
        ])
    );
    assert_eq!(info.content_type, "image/svg+xml");
    let url = info.public_url.expect("an address");
    let answer = reqwest::get(&url).await.expect("an answer");
    for (name, value) in kept {
        assert_eq!(answer.headers()[name], value, "{name}");
    }
    assert!(!answer.headers().contains_key("set-cookie"));
    assert_eq!(answer.headers()["content-security-policy"], "sandbox");
    let mut more = request("a", &[("size", "1")]);
    more.reset_headers = true;
    let info = world
        .client()
        .object_make_public(&more)
        .await
        .expect("public");
    assert_eq!(info.headers.len(), 1);
}

#[tokio::test]
async fn a_header_that_would_begin_another_is_refused() {
    let world = World::new().await;
    let client = world.client();
    put(&client, "a", "x").await;
    for (name, value) in [
        ("color", "red\r\nSet-Cookie: a=b"),
        ("a\r\nSet-Cookie", "b"),
        ("color", "grün"),
        ("", "x"),
    ] {
        refused(
            client
                .object_make_public(&request("a", &[(name, value)]))
                .await,
            ErrorKind::BadRequest,
        );
    }
    let told = client.objects_info(vec![key("a")]).await.expect("told");
    assert_eq!(told[0].as_ref().and_then(|i| i.public_url.clone()), None);
}

#[tokio::test]
async fn what_is_not_public_is_not_there_for_strangers() {
    let world = World::new().await;
    let client = world.client();
    put(&client, "public", "x").await;
    put(&client, "private", "x").await;
    publish(&world, "public", &[]).await;
    let folder = client.bucket().await.expect("told").public_url_folder;
    let (other, _) = world.other().await;
    let hers = other.bucket().await.expect("told").public_url_folder;
    assert_ne!(folder, hers);
    for url in [
        format!("{folder}private"),
        format!("{folder}no"),
        format!("{folder}a%2f..%2fpublic"),
        format!("{hers}public"),
        world.url("/public/1/public"),
    ] {
        let answer = reqwest::get(&url).await.expect("an answer");
        assert_eq!(answer.status(), 404, "{url}");
    }
}

#[tokio::test]
async fn addresses_begin_as_they_were_set() {
    let world = World::with(|o| o.public_base_url = Some("https://cloud.example/".into())).await;
    put(&world.client(), "a", "x").await;
    let url = publish(&world, "a", &[]).await.public_url.expect("public");
    assert!(url.starts_with("https://cloud.example/public/"), "{url}");
}
