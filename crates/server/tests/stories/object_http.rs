//! Objects as plain HTTP has them: headers, conditions, ranges, checksums, bodies that break off.

use crate::{
    objects::{content, key, put, try_put},
    world::{World, until},
};
use bytes::Bytes;
use picloud_client::BlobSource;
use picloud_types::{
    ErrorBody, ErrorKind, Hash,
    api::bucket::{ListEntry, ListQuery},
};
use reqwest::{Method, RequestBuilder, StatusCode, header};
use std::path::Path;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

impl World {
    /// A request about an object with our credentials.
    pub(crate) fn plain(&self, method: Method, path: &str) -> RequestBuilder {
        reqwest::Client::new()
            .request(method, self.url(path))
            .basic_auth(self.key.api_key, Some(&self.key.api_secretkey))
    }

    /// Files that are kept of contents, and those that are still arriving.
    pub(crate) fn blob_files(&self) -> usize {
        files_below(&self.directory.path().join("data/blobs"))
    }
}

fn files_below(directory: &Path) -> usize {
    let mut files = 0;
    for entry in std::fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        files += if path.is_dir() { files_below(&path) } else { 1 };
    }
    files
}

async fn error_of(answer: reqwest::Response) -> picloud_types::ApiError {
    let body: ErrorBody = answer.json().await.expect("the shape of refusals");
    body.error
}

#[tokio::test]
async fn a_read_says_what_the_content_is() {
    let world = World::new().await;
    let info = put(&world.client(), "a.html", "content").await;
    for (method, body) in [(Method::GET, "content"), (Method::HEAD, "")] {
        let answer = world.plain(method, "/v1/bucket/objects/a.html");
        let answer = answer.send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        let head = answer.headers().clone();
        for (name, value) in [
            ("etag", format!("\"{}\"", info.sha256)),
            ("content-md5", "mgNkuembtIDdJeHwKEyFVQ==".to_owned()),
            ("content-type", "text/html; charset=utf-8".to_owned()),
            ("content-length", "7".to_owned()),
            ("accept-ranges", "bytes".to_owned()),
            ("x-content-type-options", "nosniff".to_owned()),
            ("content-security-policy", "sandbox".to_owned()),
        ] {
            assert_eq!(head[name], value.as_str(), "{name}");
        }
        let modified = head["last-modified"].to_str().expect("text");
        assert!(modified.ends_with(" GMT"), "{modified}");
        assert_eq!(answer.text().await.expect("a body"), body);
    }
    let missing = world.plain(Method::HEAD, "/v1/bucket/objects/no");
    assert_eq!(missing.send().await.expect("an answer").status(), 404);
}

#[tokio::test]
async fn a_content_that_is_known_is_not_sent_again() {
    let world = World::new().await;
    let etag = format!("\"{}\"", put(&world.client(), "a", "x").await.sha256);
    let asked = async |value: String| {
        let request = world.plain(Method::GET, "/v1/bucket/objects/a");
        let request = request.header(header::IF_NONE_MATCH, value);
        request.send().await.expect("an answer")
    };
    for known in [
        etag.clone(),
        format!("W/{etag}"),
        format!("\"y\", {etag}"),
        "*".to_owned(),
    ] {
        let answer = asked(known.clone()).await;
        assert_eq!(answer.status(), 304, "{known}");
        assert_eq!(answer.headers()["etag"], etag.as_str());
        assert_eq!(answer.bytes().await.expect("nothing"), "");
    }
    assert_eq!(asked("\"other\"".to_owned()).await.status(), 200);
    put(&world.client(), "a", "y").await;
    assert_eq!(asked(etag).await.status(), 200);
}

#[tokio::test]
async fn ranges_are_of_the_content_that_was_begun() {
    let world = World::new().await;
    let info = put(&world.client(), "a", "0123456789").await;
    let asked = async |range: &str, of: Option<&str>| {
        let mut request = world.plain(Method::GET, "/v1/bucket/objects/a");
        request = request.header(header::RANGE, range);
        if let Some(of) = of {
            request = request.header(header::IF_RANGE, of);
        }
        let answer = request.send().await.expect("an answer");
        let range = answer.headers().get("content-range").cloned();
        let range = range.map(|value| value.to_str().expect("text").to_owned());
        (
            answer.status().as_u16(),
            range,
            answer.text().await.expect("a body"),
        )
    };
    let part = |range: &str, text: &str| (206, Some(range.to_owned()), text.to_owned());
    assert_eq!(asked("bytes=2-4", None).await, part("bytes 2-4/10", "234"));
    assert_eq!(asked("bytes=8-99", None).await, part("bytes 8-9/10", "89"));
    assert_eq!(asked("bytes=-1", None).await, part("bytes 9-9/10", "9"));
    let (status, range, text) = asked("bytes=10-", None).await;
    assert_eq!((status, range.as_deref()), (416, Some("bytes */10")));
    let body: ErrorBody = serde_json::from_str(&text).expect("the shape of refusals");
    assert_eq!(body.error.kind, ErrorKind::RangeNotSatisfiable);
    let etag = format!("\"{}\"", info.sha256);
    assert_eq!(asked("bytes=2-4", Some(&etag)).await.0, 206);
    let (status, _, text) = asked("bytes=2-4", Some("\"another\"")).await;
    assert_eq!((status, text.as_str()), (200, "0123456789"));
}

#[tokio::test]
async fn a_content_that_is_not_what_was_announced_changes_nothing() {
    let world = World::new().await;
    put(&world.client(), "a", "old").await;
    let files = world.blob_files();
    let (came, other) = (
        Hash::of(b"came").to_string(),
        Hash::of(b"other").to_string(),
    );
    let other_md5 = "795f3202b17cb6bc3d4b771d8c6c9eaf";
    for (name, value, words) in [
        (
            "x-picloud-sha256",
            other.as_str(),
            [came.as_str(), other.as_str()],
        ),
        (
            "content-md5",
            "eV8yArF8trw9S3cdjGyerw==",
            ["MD5", other_md5],
        ),
    ] {
        for size in [4, 3_000_000] {
            let body = if size == 4 {
                Bytes::from("came")
            } else {
                vec![1; size].into()
            };
            let request = world.plain(Method::PUT, "/v1/bucket/objects/a");
            let request = request.header(name, value).body(body);
            let answer = request.send().await.expect("an answer");
            assert_eq!(answer.status(), 400);
            let error = error_of(answer).await;
            assert_eq!(error.kind, ErrorKind::HashMismatch);
            let words = if size == 4 { &words[..] } else { &words[1..] };
            assert!(words.iter().all(|w| error.msg.contains(w)), "{}", error.msg);
        }
    }
    for (name, value) in [
        ("x-picloud-sha256", "abc"),
        ("content-md5", "abc"),
        ("content-md5", "795f3202b17cb6bc3d4b771d8c6c9eaf"),
    ] {
        let request = world.plain(Method::PUT, "/v1/bucket/objects/a");
        let answer = request.header(name, value).body("came").send().await;
        let error = error_of(answer.expect("an answer")).await;
        assert_eq!(error.kind, ErrorKind::BadRequest, "{value}");
    }
    assert_eq!(content(&world.client(), "a").await, "old");
    assert_eq!(world.blob_files(), files, "nothing of it is kept");
}

#[tokio::test]
async fn an_upload_that_breaks_off_is_never_seen() {
    let world = World::new().await;
    let credentials = format!("{}:{}", world.key.api_key, world.key.api_secretkey);
    let credentials =
        base64::Engine::encode(&base64::engine::general_purpose::STANDARD, credentials);
    for sent in [10, 5_000_000] {
        let mut line = TcpStream::connect(world.server.address())
            .await
            .expect("a connection");
        let head = format!(
            "PUT /v1/bucket/objects/a HTTP/1.1\r\nhost: x\r\nauthorization: Basic {credentials}\r\ncontent-length: {}\r\n\r\n",
            sent + 1
        );
        line.write_all(head.as_bytes()).await.expect("sent");
        line.write_all(&vec![7; sent]).await.expect("sent");
        if sent > 10 {
            until("it arrives", || async { world.blob_files() == 1 }).await;
        }
        drop(line);
    }
    until("nothing is left", || async { world.blob_files() == 0 }).await;
    let told = world.client().objects_info(vec![key("a")]).await;
    assert_eq!(told.expect("told"), [None]);
}

#[tokio::test]
async fn a_body_without_an_announced_length_is_taken() {
    let world = World::new().await;
    let parts = (0..10).map(|n| Ok::<_, std::io::Error>(Bytes::from(format!("{n}"))));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(parts));
    let request = world.plain(Method::PUT, "/v1/bucket/objects/a").body(body);
    let answer = request.send().await.expect("an answer");
    assert_eq!(answer.status(), 200);
    assert_eq!(content(&world.client(), "a").await, "0123456789");
}

#[tokio::test]
async fn what_is_no_key_leads_nowhere() {
    let world = World::new().await;
    for path in [
        "..%2f..%2fworker.token",
        "a/..%2f..%2fb",
        "a//b",
        "a/",
        "%2Fa",
        "a%00b",
        "a%0d%0aset-cookie:%20x",
        "%ff",
        &"x".repeat(1_025),
    ] {
        // Written by hand, because clients tidy addresses up.
        let mut line = TcpStream::connect(world.server.address())
            .await
            .expect("a connection");
        let credentials = format!("{}:{}", world.key.api_key, world.key.api_secretkey);
        let credentials =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, credentials);
        let request = format!(
            "GET /v1/bucket/objects/{path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\nauthorization: Basic {credentials}\r\n\r\n"
        );
        line.write_all(request.as_bytes()).await.expect("sent");
        let mut answer = String::new();
        line.read_to_string(&mut answer).await.expect("an answer");
        assert!(answer.starts_with("HTTP/1.1 400"), "{path}: {answer}");
        assert!(!answer.contains("set-cookie:"), "{answer}");
        assert!(answer.contains("\"hint\"") || path == "%ff", "{answer}");
    }
    let answer = world.plain(Method::GET, "/v1/bucket/objects/");
    let answer = answer.send().await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn the_md5_of_a_large_object_is_found_out_for_who_asks_and_kept() {
    let world = World::new().await;
    let client = world.client();
    let large = Bytes::from(vec![7; picloud_blob::MD5_AT_ONCE_BYTES as usize + 1]);
    let md5 = picloud_blob::Stored::of(&large).md5;
    for name in ["a", "b"] {
        let put = try_put(&client, name, BlobSource::Bytes(large.clone())).await;
        assert_eq!(put.expect("stored").md5, None);
    }
    let header = async |method, path: &str| {
        let answer = world.plain(method, path).send().await.expect("an answer");
        assert_eq!(answer.status(), 200);
        answer.headers().get("content-md5").cloned()
    };
    let object = "/v1/bucket/objects/a";
    assert_eq!(header(Method::GET, object).await, None);
    let keys = || vec![key("a"), key("no")];
    let (one, other) = tokio::join!(
        client.objects_info_with_md5(keys()),
        client.objects_info_with_md5(keys())
    );
    let hex: String = md5.iter().map(|byte| format!("{byte:02x}")).collect();
    for told in [one, other] {
        let told = told.expect("told");
        assert!(told[1].is_none());
        let info = told[0].as_ref().expect("there");
        assert_eq!(info.md5.as_deref(), Some(hex.as_str()));
    }
    // So is that of everything with the same content.
    let listed = client.objects_list(&ListQuery::default()).await;
    for entry in listed.expect("a page").entries {
        let ListEntry::Object(info) = entry else {
            panic!("there are no folders");
        };
        assert_eq!(info.md5.as_deref(), Some(hex.as_str()));
    }
    let base64 = header(Method::GET, object).await.expect("known by now");
    let other = Bytes::from(vec![8; large.len()]);
    let put = try_put(&client, "a", BlobSource::Bytes(other)).await;
    put.expect("stored");
    let asked = header(Method::HEAD, object).await.expect("a HEAD asks");
    assert_ne!(asked, base64);
    assert_eq!(header(Method::GET, object).await, Some(asked));
}
