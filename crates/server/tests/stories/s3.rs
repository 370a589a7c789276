//! Contents in S3: everything as with a local directory, and big ones past the server.

#[path = "../../../blob/tests/blobs/s3_server.rs"]
mod server;

use crate::{
    objects::{content, key, put, try_put},
    world::{World, refused},
};
use bytes::Bytes;
use picloud_client::BlobSource;
use picloud_types::{
    ErrorKind, Hash,
    api::bucket::{Sign, SignedMethod, Upload},
};
use server::{Kind, S3Server};

#[tokio::test]
async fn objects_in_s3_are_as_those_in_a_directory() {
    let s3 = S3Server::start(Kind::Ranges);
    let world = World::with(|o| o.s3 = Some(s3.options())).await;
    let client = world.client();
    put(&client, "small", "content").await;
    let large = Bytes::from(vec![7; 20 << 20]);
    let source = BlobSource::Bytes(large.clone());
    let info = try_put(&client, "large", source).await.expect("stored");
    assert_eq!(info.sha256, Hash::of(&large));
    assert_eq!(content(&client, "small").await, "content");
    assert!(content(&client, "large").await == large);
    let range = Some(9_000_000..9_000_005);
    let part = client.object_get(&key("large"), range).await;
    let part = part.expect("a part").collect().await;
    assert_eq!(part.expect("a part"), vec![7; 5]);
    assert!(!s3.files().is_empty(), "they are there");
    let here = world.directory.path().join("data/blobs");
    assert!(!here.exists(), "and not here");
}

#[tokio::test]
async fn a_signed_address_leads_to_s3_and_a_commit_makes_the_object() {
    let s3 = S3Server::start(Kind::Signatures);
    let options = s3.options();
    let endpoint = options.endpoint.clone().expect("one");
    let world = World::with(|o| o.s3 = Some(options)).await;
    let (client, http) = (world.client(), reqwest::Client::new());
    assert!(client.bucket().await.expect("told").direct);
    let sign = |method, upload| Sign {
        key: key("a.txt"),
        method,
        expires_s: None,
        upload,
    };
    refused(
        client.object_sign(&sign(SignedMethod::Put, None)).await,
        ErrorKind::BadRequest,
    );
    let upload = Upload {
        size: 7,
        md5: "9a0364b9e99bb480dd25e1f0284c8555".to_owned(),
        sha256: Hash::of(b"content"),
        content_type: None,
    };
    let request = sign(SignedMethod::Put, Some(upload));
    let signed = client.object_sign(&request).await.expect("signed");
    assert!(signed.url.starts_with(&endpoint), "{}", signed.url);
    let commit = signed.commit.expect("something to commit");
    refused(
        client.object_commit(commit.clone()).await,
        ErrorKind::NotFound,
    );
    let mut request = http.put(&signed.url).body("content");
    for (name, value) in &signed.headers {
        request = request.header(name, value);
    }
    assert_eq!(request.send().await.expect("an answer").status(), 200);
    let (other, _) = world.other().await;
    refused(
        other.object_commit(commit.clone()).await,
        ErrorKind::BadRequest,
    );
    let info = client.object_commit(commit).await.expect("committed");
    assert_eq!(
        (info.size, info.content_type.as_str()),
        (7, "text/plain; charset=utf-8")
    );
    assert_eq!(content(&client, "a.txt").await, "content");
    let signed = client.object_sign(&sign(SignedMethod::Get, None)).await;
    let url = signed.expect("signed").url;
    assert!(url.starts_with(&endpoint), "{url}");
    let got = http.get(&url).send().await.expect("an answer");
    assert_eq!(got.text().await.expect("a content"), "content");
}
