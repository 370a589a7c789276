//! What is too much, too slow, or nothing at all: always an answer of the same shape.

use crate::world::{World, refused};
use bytes::Bytes;
use picloud_blob::{Arrived, BlobError, Blobs, ByteStream, Expected, Found};
use picloud_server::{Options, Parts, Server};
use picloud_types::{AccountId, ErrorBody, ErrorKind, Hash, limits::REQUEST_MAX_BYTES};
use std::{
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

async fn refusal(answer: reqwest::Response) -> (u16, ErrorKind, String) {
    let status = answer.status().as_u16();
    let body: ErrorBody = answer.json().await.expect("the shape of refusals");
    assert_eq!(body.error.code, status);
    (status, body.error.kind, body.error.msg)
}

#[tokio::test]
async fn unknown_paths_and_methods_are_refused_in_the_usual_shape() {
    let world = World::new().await;
    let http = reqwest::Client::new();
    for path in ["/v2/jobs", "/v1", "/v1/jobs/", "/x"] {
        let answer = http.get(world.url(path)).send().await.expect("an answer");
        assert_eq!(refusal(answer).await.1, ErrorKind::NotFound, "{path}");
    }
    let answer = http
        .delete(world.url("/v1/jobs"))
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.headers()["allow"], "GET,HEAD,POST");
    assert_eq!(refusal(answer).await.1, ErrorKind::MethodNotAllowed);
    let answer = http.get(world.url("/v1/jobs/x/output/stdout"));
    let answer = answer
        .basic_auth(world.key.api_key, Some(&world.key.api_secretkey))
        .send()
        .await
        .expect("an answer");
    assert_eq!(refusal(answer).await.1, ErrorKind::BadRequest);
}

#[tokio::test]
async fn bodies_and_queries_with_unknown_fields_are_refused_by_name() {
    let world = World::new().await;
    let http = reqwest::Client::new();
    for request in [
        http.post(world.url("/v1/jobs/status"))
            .body(r#"{"jids": "1", "colour": 1}"#),
        http.get(world.url("/v1/jobs?colour=red")),
        http.post(world.url("/v1/keys")).body(r#"{"colour": 1}"#),
    ] {
        let request = request.basic_auth(world.key.api_key, Some(&world.key.api_secretkey));
        let (status, kind, msg) = refusal(request.send().await.expect("an answer")).await;
        assert_eq!((status, kind), (400, ErrorKind::BadRequest));
        assert!(msg.contains("colour"), "{msg}");
    }
}

#[tokio::test]
async fn a_body_beyond_the_limit_is_refused() {
    let world = World::new().await;
    let contents = [Bytes::from(vec![0; REQUEST_MAX_BYTES])];
    refused(
        world.client().blobs_put(&contents).await,
        ErrorKind::TooLarge,
    );
}

#[tokio::test]
async fn a_body_that_does_not_come_is_given_up() {
    let world = World::with(|o| o.body_timeout = Duration::from_millis(100)).await;
    let mut line = TcpStream::connect(world.server.address())
        .await
        .expect("a connection");
    let key = &world.key;
    let pair = base64(&format!("{}:{}", key.api_key, key.api_secretkey));
    let head = format!(
        "POST /v1/jobs/status HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {pair}\r\nContent-Length: 100\r\n\r\n{{\"jids\""
    );
    line.write_all(head.as_bytes()).await.expect("sent");
    let mut answer = vec![0; 4096];
    let count = line.read(&mut answer).await.expect("an answer");
    let answer = String::from_utf8_lossy(&answer[..count]);
    assert!(
        answer.starts_with("HTTP/1.1 400") && answer.contains("did not arrive"),
        "{answer}"
    );
}

fn base64(text: &str) -> String {
    // The client knows how to write this header; only its last word is wanted here.
    use reqwest::header::AUTHORIZATION;
    let (user, password) = text.split_once(':').expect("a pair");
    let request = reqwest::Client::new()
        .get("http://localhost")
        .basic_auth(user, Some(password))
        .build();
    let value = request.expect("a request").headers()[AUTHORIZATION].clone();
    value
        .to_str()
        .expect("ASCII")
        .trim_start_matches("Basic ")
        .to_owned()
}

#[tokio::test]
async fn requests_that_other_web_pages_make_a_browser_send_are_refused() {
    let world = World::new().await;
    let kill = |site: &'static str| {
        reqwest::Client::new()
            .post(world.url("/v1/jobs/kill"))
            .basic_auth(world.key.api_key, Some(&world.key.api_secretkey))
            .header("Sec-Fetch-Site", site)
            .body(r#"{"all": true}"#)
            .send()
    };
    assert_eq!(kill("cross-site").await.expect("an answer").status(), 403);
    assert_eq!(kill("same-site").await.expect("an answer").status(), 403);
    assert_eq!(kill("same-origin").await.expect("an answer").status(), 200);
}

/// A place for blobs on a disk without room: every write ends as the kernel would end it.
#[derive(Debug)]
struct FullDisk;

#[async_trait::async_trait]
impl Blobs for FullDisk {
    async fn put(&self, _: AccountId, _: Hash, _: ByteStream, _: u64) -> Result<u64, BlobError> {
        Err(std::io::Error::from_raw_os_error(28).into())
    }
    async fn put_many(&self, _: AccountId, _: Vec<Bytes>) -> Result<Vec<Hash>, BlobError> {
        Err(std::io::Error::from_raw_os_error(28).into())
    }
    async fn put_new(
        &self,
        _: AccountId,
        _: ByteStream,
        _: u64,
        _: Expected,
    ) -> Result<Arrived, BlobError> {
        Err(std::io::Error::from_raw_os_error(28).into())
    }
    async fn size(&self, _: AccountId, _: Hash) -> Result<Option<u64>, BlobError> {
        Ok(None)
    }
    async fn get(
        &self,
        _: AccountId,
        hash: Hash,
        _: Range<u64>,
    ) -> Result<(u64, ByteStream), BlobError> {
        Err(BlobError::NotFound(hash))
    }
    async fn remove(&self, _: AccountId, _: Hash) -> Result<(), BlobError> {
        Ok(())
    }
    async fn clean(&self) -> Result<(), BlobError> {
        Ok(())
    }
    async fn all_before(&self, _: SystemTime) -> Result<Found, BlobError> {
        Ok(Box::pin(futures_util::stream::empty()))
    }
}

#[tokio::test]
async fn a_full_disk_is_said_to_be_full() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let options = Options::new(directory.path().join("data"));
    let mut parts = Parts::open(&options).expect("opened");
    parts.blobs = Arc::new(FullDisk);
    let server = Server::start_with(options, crate::world::listener(), parts)
        .await
        .expect("started");
    let key = server.first_start().expect("a key").clone();
    let world = World {
        directory,
        server,
        key,
    };
    let error = refused(
        world.client().blobs_put(&[Bytes::from_static(b"x")]).await,
        ErrorKind::DiskFull,
    );
    assert!(error.may_retry() && error.hint().is_some());
    let source = picloud_client::BlobSource::Bytes(Bytes::from_static(b"x"));
    refused(
        world.client().blob_put(Hash::of(b"x"), source).await,
        ErrorKind::DiskFull,
    );
    let source = picloud_client::BlobSource::Bytes(Bytes::from_static(b"x"));
    refused(
        crate::objects::try_put(&world.client(), "a", source).await,
        ErrorKind::DiskFull,
    );
}
