//! Uploads and downloads.

use crate::world::{World, refused};
use bytes::Bytes;
use picloud_client::BlobSource;
use picloud_types::{ErrorBody, ErrorKind, Hash};
use reqwest::{StatusCode, header::RANGE};

fn source(content: &Bytes) -> BlobSource {
    BlobSource::Bytes(content.clone())
}

#[tokio::test]
async fn a_large_blob_goes_up_and_comes_down_in_parts_too() {
    let world = World::new().await;
    let client = world.client();
    let content = Bytes::from(
        (0..5_000_000u32)
            .map(|i| (i % 253) as u8)
            .collect::<Vec<_>>(),
    );
    let hash = Hash::of(&content);
    assert_eq!(
        client.blobs_missing(vec![hash]).await.expect("asked"),
        [hash]
    );
    client
        .blob_put(hash, source(&content))
        .await
        .expect("stored");
    assert_eq!(client.blobs_missing(vec![hash]).await.expect("asked"), []);
    let back = client
        .blob_get(hash)
        .await
        .expect("there")
        .collect()
        .await
        .expect("whole");
    assert!(back == content);
    let part = |range: &'static str| {
        let request = reqwest::Client::new().get(world.url(&format!("/v1/blobs/{hash}")));
        request
            .basic_auth(world.key.api_key, Some(&world.key.api_secretkey))
            .header(RANGE, range)
            .send()
    };
    let answer = part("bytes=4000000-4000009").await.expect("an answer");
    assert_eq!(answer.status(), StatusCode::PARTIAL_CONTENT);
    assert_eq!(
        answer.headers()["content-range"],
        "bytes 4000000-4000009/5000000"
    );
    assert!(answer.bytes().await.expect("a part") == content.slice(4_000_000..4_000_010));
    let rest = part("bytes=4999990-")
        .await
        .expect("an answer")
        .bytes()
        .await
        .expect("a part");
    assert!(rest == content.slice(4_999_990..));
    assert_eq!(
        part("bytes=5000000-").await.expect("an answer").status(),
        StatusCode::RANGE_NOT_SATISFIABLE
    );
}

#[tokio::test]
async fn bytes_that_are_not_what_they_were_announced_as_are_refused() {
    let world = World::new().await;
    let client = world.client();
    let announced = Hash::of(b"good");
    refused(
        client
            .blob_put(announced, source(&Bytes::from_static(b"bad")))
            .await,
        ErrorKind::HashMismatch,
    );
    assert_eq!(
        client.blobs_missing(vec![announced]).await.expect("asked"),
        [announced]
    );
    refused(client.blob_get(announced).await, ErrorKind::NotFound);
}

#[tokio::test]
async fn a_blob_beyond_the_limit_is_refused_whether_its_size_is_announced_or_not() {
    let world = World::with(|o| o.payload_max_bytes = 100_000).await;
    let content = Bytes::from(vec![1; 100_001]);
    let hash = Hash::of(&content);
    refused(
        world.client().blob_put(hash, source(&content)).await,
        ErrorKind::TooLarge,
    );
    let parts: Vec<std::io::Result<Bytes>> = content
        .chunks(10_000)
        .map(|c| Ok(Bytes::copy_from_slice(c)))
        .collect();
    let chunked = reqwest::Body::wrap_stream(futures_util::stream::iter(parts));
    let answer = reqwest::Client::new()
        .put(world.url(&format!("/v1/blobs/{hash}")))
        .basic_auth(world.key.api_key, Some(&world.key.api_secretkey))
        .body(chunked)
        .send()
        .await
        .expect("an answer");
    assert_eq!(answer.status(), StatusCode::PAYLOAD_TOO_LARGE);
    let body: ErrorBody = answer.json().await.expect("the shape of refusals");
    assert_eq!(body.error.kind, ErrorKind::TooLarge);
}

#[tokio::test]
async fn a_path_that_is_no_hash_leads_nowhere() {
    let world = World::new().await;
    for path in [
        "../../worker.token",
        "..%2f..%2fworker.token",
        "%2e%2e",
        &"A".repeat(64),
        &"a".repeat(63),
    ] {
        let answer = reqwest::Client::new()
            .get(world.url(&format!("/v1/blobs/{path}")))
            .basic_auth(world.key.api_key, Some(&world.key.api_secretkey))
            .send()
            .await
            .expect("an answer");
        assert!(
            answer.status().is_client_error(),
            "{path}: {}",
            answer.status()
        );
        let text = answer.text().await.expect("a body");
        assert!(!text.contains(world.server.worker_token()), "{path}");
        serde_json::from_str::<ErrorBody>(&text).expect("the shape of refusals");
    }
}

#[tokio::test]
async fn a_worker_reads_and_writes_blobs_of_the_account_it_works_for() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let content = Bytes::from_static(b"arguments");
    client
        .blobs_put(std::slice::from_ref(&content))
        .await
        .expect("stored");
    let account = client.service().await.expect("service").account;
    let got = worker
        .line
        .blob_get(worker.id, account, Hash::of(&content), None)
        .await
        .expect("there");
    assert!(got.collect().await.expect("whole") == content);
    let result = Bytes::from_static(b"a large result");
    worker
        .line
        .blob_put(worker.id, account, Hash::of(&result), source(&result))
        .await
        .expect("stored");
    let got = client.blob_get(Hash::of(&result)).await.expect("there");
    assert!(got.collect().await.expect("whole") == result);
}
