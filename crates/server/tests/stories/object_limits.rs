//! How large objects and buckets may be, and how little memory a large one takes.

use crate::{
    objects::{content, key, put, try_put},
    world::{World, refused},
};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use picloud_client::BlobSource;
use picloud_types::{
    ErrorKind, Hash,
    api::{
        bucket::PutOne,
        volumes::{EntryKind, Tree, TreeEntry, TreePaths, VolumeNew},
    },
};
use reqwest::Method;

#[tokio::test]
async fn an_object_beyond_the_limit_is_refused_whether_its_size_is_announced_or_not() {
    let world = World::with(|o| o.object_max_bytes = 100_000).await;
    let client = world.client();
    let large = Bytes::from(vec![1; 100_001]);
    let source = BlobSource::Bytes(large.clone());
    let put = try_put(&client, "a", source).await;
    refused(put, ErrorKind::TooLarge);
    let parts: Vec<std::io::Result<Bytes>> = large
        .chunks(10_000)
        .map(|c| Ok(Bytes::copy_from_slice(c)))
        .collect();
    let body = reqwest::Body::wrap_stream(stream::iter(parts));
    let request = world.plain(Method::PUT, "/v1/bucket/objects/a").body(body);
    assert_eq!(request.send().await.expect("an answer").status(), 413);
    assert_eq!(world.blob_files(), 0);
    let source = BlobSource::Bytes(large.slice(1..));
    let put = try_put(&client, "a", source).await;
    assert_eq!(put.expect("it fits").size, 100_000);
}

#[tokio::test]
async fn a_bucket_beyond_its_quota_takes_no_more() {
    let world = World::with(|o| o.bucket_quota_bytes = Some(10)).await;
    let client = world.client();
    put(&client, "a", "12345678").await;
    let put_text = async |name: &str, text: &'static str| {
        let source = BlobSource::Bytes(Bytes::from_static(text.as_bytes()));
        try_put(&client, name, source).await
    };
    let error = refused(put_text("b", "123").await, ErrorKind::QuotaExceeded);
    let text = error.to_string();
    assert!(text.contains("11 bytes") && text.contains("10"), "{text}");
    assert!(error.hint().is_some());
    let many = PutOne {
        key: key("c"),
        content_type: None,
        md5: None,
        sha256: None,
    };
    let many = [(many, Bytes::from_static(b"abc"))];
    refused(client.objects_put(&many).await, ErrorKind::QuotaExceeded);
    put_text("b", "12").await.expect("it fits exactly");
    put_text("a", "1").await.expect("less is fine");
    let bucket = client.bucket().await.expect("told");
    assert_eq!((bucket.bytes, bucket.quota_bytes), (3, Some(10)));
    assert_eq!(content(&client, "b").await, "12");
}

#[tokio::test]
async fn what_is_in_volumes_counts_against_the_same_quota() {
    let world = World::with(|o| o.bucket_quota_bytes = Some(10)).await;
    let client = world.client();
    let volume = VolumeNew {
        name: "data".to_owned(),
        mount_path: "data".to_owned(),
        description: String::new(),
    };
    client.volume_create(&volume).await.expect("made");
    put(&client, "a", "123456").await;
    let file = async |base, content: &'static str| {
        let chunk = Bytes::from_static(content.as_bytes());
        let entry = TreeEntry {
            path: "f".to_owned(),
            kind: EntryKind::File {
                size: content.len() as u64,
                chunks: vec![Hash::of(&chunk)],
            },
            mode: 0o644,
            modified_ms: 0,
        };
        let tree = Tree {
            entries: vec![entry],
        };
        let manifest = Bytes::from(serde_json::to_vec(&tree).expect("JSON"));
        let stored = client.blobs_put(&[chunk, manifest]).await.expect("stored");
        client.volume_tree_put("data", base, stored[1]).await
    };
    refused(file(None, "12345").await, ErrorKind::QuotaExceeded);
    let tree = file(None, "1234").await.expect("it fits exactly").tree;
    let source = BlobSource::Bytes(Bytes::from_static(b"x"));
    refused(
        try_put(&client, "b", source).await,
        ErrorKind::QuotaExceeded,
    );
    let bucket = client.bucket().await.expect("told");
    assert_eq!((bucket.bytes, bucket.volume_bytes), (6, 4));
    let paths = |path: &str| TreePaths {
        paths: vec![path.to_owned()],
        recursive: false,
    };
    let made = client.volume_mkdir("data", &paths("d")).await;
    let tree = made.expect("a directory needs no room").tree.or(tree);
    refused(file(tree, "12345").await, ErrorKind::QuotaExceeded);
    let removed = client.volume_rm("data", &paths("f")).await;
    removed.expect("less is fine");
    put(&client, "b", "1234").await;
}

/// Memory of this process, in bytes: the server's and the client's together.
fn memory() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").expect("a status");
    let line = status.lines().find(|line| line.starts_with("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().nth(1));
    kib.and_then(|kib| kib.parse::<u64>().ok())
        .expect("a number")
        << 10
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gibibyte_passes_through_little_memory() {
    const PART: usize = 1 << 20;
    const PARTS: u64 = 1_024;
    // The test runner gives each test a process, so that the peak is this test's own.
    let world = World::with(|o| o.durable = false).await;
    let client = world.client();
    put(&client, "small", "x").await;
    let before = memory();
    let part = Bytes::from(vec![7; PART]);
    let parts = stream::iter((0..PARTS).map(move |_| Ok(part.clone()))).boxed();
    let size = PARTS * PART as u64;
    let source = BlobSource::Stream { size, parts };
    let stored = try_put(&client, "a", source).await.expect("stored");
    assert_eq!(stored.size, size);
    let body = client.object_get(&key("a"), None).await.expect("there");
    let (mut came, mut parts) = (0, body.parts);
    while let Some(part) = parts.try_next().await.expect("it reads") {
        assert!(part.iter().all(|byte| *byte == 7));
        came += part.len() as u64;
    }
    assert_eq!(came, size);
    let grown = memory().saturating_sub(before);
    assert!(grown < 64 << 20, "memory grew by {grown} bytes");
    assert_ne!(stored.sha256, Hash::of(b""));
}
