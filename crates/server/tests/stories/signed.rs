//! Addresses that are good for one object and some time.

use crate::{
    objects::{content, key, put},
    world::{World, refused},
};
use picloud_types::{
    ErrorKind, Hash,
    api::bucket::{Sign, Signed, SignedMethod, Upload},
};
use reqwest::{Client, Response};

async fn sign(world: &World, name: &str, method: SignedMethod, upload: Option<Upload>) -> Signed {
    let request = Sign {
        key: key(name),
        method,
        expires_s: Some(60),
        upload,
    };
    world.client().object_sign(&request).await.expect("signed")
}

async fn put_to(url: &str, body: &'static str) -> Response {
    Client::new()
        .put(url)
        .body(body)
        .send()
        .await
        .expect("an answer")
}

async fn status(url: &str) -> u16 {
    reqwest::get(url)
        .await
        .expect("an answer")
        .status()
        .as_u16()
}

#[tokio::test]
async fn a_signed_address_reads_one_object_and_nothing_else() {
    let world = World::new().await;
    let client = world.client();
    put(&client, "a b", "content").await;
    put(&client, "other", "secret").await;
    let signed = sign(&world, "a b", SignedMethod::Get, None).await;
    let answer = reqwest::get(&signed.url).await.expect("an answer");
    assert_eq!(answer.headers()["content-security-policy"], "sandbox");
    assert_eq!(answer.text().await.expect("a body"), "content");
    for (old, new) in [
        ("a%20b", "other"),
        ("/1/", "/2/"),
        ("expires=", "expires=9"),
        ("signature=", "signature=A"),
        ("method=get", "method=put"),
    ] {
        let forged = signed.url.replacen(old, new, 1);
        assert_ne!(forged, signed.url, "{old}");
        assert_eq!(status(&forged).await, 403, "{forged}");
    }
    assert_eq!(put_to(&signed.url, "x").await.status(), 403);
    assert_eq!(content(&client, "a b").await, "content");
    let missing = Sign {
        key: key("no"),
        method: SignedMethod::Get,
        expires_s: None,
        upload: None,
    };
    refused(client.object_sign(&missing).await, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_signed_address_stores_what_was_announced() {
    let world = World::new().await;
    let client = world.client();
    let signed = sign(&world, "free", SignedMethod::Put, None).await;
    assert_eq!(signed.commit, None);
    assert_eq!(put_to(&signed.url, "anything").await.status(), 200);
    assert_eq!(content(&client, "free").await, "anything");
    assert_eq!(status(&signed.url).await, 403, "it is not for reading");
    let upload = Upload {
        size: 7,
        md5: "9a0364b9e99bb480dd25e1f0284c8555".to_owned(),
        sha256: Hash::of(b"content"),
        content_type: Some("x/y".to_owned()),
    };
    let signed = sign(&world, "bound", SignedMethod::Put, Some(upload)).await;
    for wrong in ["Content", "contents"] {
        assert_eq!(put_to(&signed.url, wrong).await.status(), 400, "{wrong}");
    }
    let stripped = signed.url.split("&upload=").next().expect("a text");
    assert_eq!(put_to(stripped, "content").await.status(), 403);
    let mut request = Client::new().put(&signed.url).body("content");
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    let told = client.objects_info(vec![key("bound")]).await.expect("told");
    assert_eq!(told[0].as_ref().expect("there").content_type, "x/y");
}

#[tokio::test]
async fn times_beyond_a_week_and_forged_commits_are_refused() {
    let world = World::new().await;
    let client = world.client();
    put(&client, "a", "x").await;
    for expires_s in [0, 604_801] {
        let request = Sign {
            key: key("a"),
            method: SignedMethod::Get,
            expires_s: Some(expires_s),
            upload: None,
        };
        refused(client.object_sign(&request).await, ErrorKind::BadRequest);
    }
    for commit in ["", "a.b", "eyJhIjoxfQ.AAAA"] {
        let committed = client.object_commit(commit.to_owned()).await;
        refused(committed, ErrorKind::BadRequest);
    }
}

#[tokio::test]
async fn an_address_ends_with_its_time() {
    let world = World::new().await;
    put(&world.client(), "a", "x").await;
    let request = Sign {
        key: key("a"),
        method: SignedMethod::Get,
        expires_s: Some(1),
        upload: None,
    };
    let signed = world.client().object_sign(&request).await.expect("signed");
    crate::world::until("its time is over", || async {
        status(&signed.url).await == 403
    })
    .await;
}
