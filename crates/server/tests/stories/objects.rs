//! Objects go in, are found, listed, changed and come out again.

use crate::world::{World, refused, submit_one};
use bytes::Bytes;
use picloud_client::{ApiClient, BlobSource, PutOptions};
use picloud_types::{
    ErrorKind, Hash, ObjectKey,
    api::bucket::{ListEntry, ListQuery, ObjectInfo, PutOne, Rename},
};

pub(crate) fn key(text: &str) -> ObjectKey {
    text.parse().expect("a key")
}

/// Stores a small content.
pub(crate) async fn put(client: &ApiClient, name: &str, content: &'static str) -> ObjectInfo {
    let source = BlobSource::Bytes(Bytes::from_static(content.as_bytes()));
    try_put(client, name, source).await.expect("stored")
}

pub(crate) async fn try_put(
    client: &ApiClient,
    name: &str,
    source: BlobSource,
) -> picloud_client::Result<ObjectInfo> {
    client
        .object_put(&key(name), source, &PutOptions::default())
        .await
}

pub(crate) async fn content(client: &ApiClient, name: &str) -> Bytes {
    let body = client.object_get(&key(name), None).await.expect("there");
    body.collect().await.expect("whole")
}

async fn names(client: &ApiClient, query: ListQuery) -> Vec<String> {
    let page = client.objects_list(&query).await.expect("a page");
    let name = |entry| match entry {
        ListEntry::Object(object) => object.key.to_string(),
        ListEntry::Folder { folder } => folder,
    };
    page.entries.into_iter().map(name).collect()
}

fn md5(content: &[u8]) -> [u8; 16] {
    picloud_blob::Stored::of(content).md5
}

#[tokio::test]
async fn an_object_comes_back_as_it_was_stored() {
    let world = World::new().await;
    let client = world.client();
    for name in ["a", "a/b.json", "ü/x y?z=1&w#v%2F+\"'"] {
        let info = put(&client, name, "content").await;
        assert_eq!(
            (info.key.as_str(), info.size, info.sha256),
            (name, 7, Hash::of(b"content"))
        );
        assert_eq!(
            info.md5.as_deref(),
            Some("9a0364b9e99bb480dd25e1f0284c8555")
        );
        assert_eq!(info.public_url, None);
        let told = client.objects_info(vec![key(name), key("no")]).await;
        assert_eq!(told.expect("told"), [Some(info), None]);
        assert_eq!(content(&client, name).await, "content");
    }
    let info = put(&client, "empty", "").await;
    assert_eq!(info.size, 0);
    assert_eq!(content(&client, "empty").await, "");
    let told = client.objects_info(vec![key("a/b.json")]).await;
    let told = told.expect("told").remove(0).expect("there");
    assert_eq!(told.content_type, "application/json");
    refused(
        client.object_get(&key("no"), None).await,
        ErrorKind::NotFound,
    );
}

#[tokio::test]
async fn a_large_object_comes_back_whole_and_in_ranges() {
    let world = World::new().await;
    let client = world.client();
    let large: Vec<u8> = (0..5_000_000u32).map(|i| (i % 253) as u8).collect();
    let large = Bytes::from(large);
    let file = world.directory.path().join("up");
    std::fs::write(&file, &large).expect("written");
    let options = PutOptions {
        content_type: Some("x/y".to_owned()),
        md5: Some(md5(&large)),
        sha256: Some(Hash::of(&large)),
    };
    let info = client
        .object_put(&key("large"), BlobSource::File(file), &options)
        .await
        .expect("stored");
    assert_eq!((info.size, info.content_type.as_str()), (5_000_000, "x/y"));
    let down = world.directory.path().join("down");
    client
        .object_get_to(&key("large"), &down)
        .await
        .expect("fetched");
    assert!(std::fs::read(&down).expect("a file") == large);
    for (first, end, expected) in [
        (0, 1, 0..1),
        (4_000_000, 4_000_010, 4_000_000..4_000_010),
        (3, 4_900_000, 3..4_900_000),
        (4_999_999, u64::MAX, 4_999_999..5_000_000),
    ] {
        let part = client.object_get(&key("large"), Some(first..end)).await;
        let part = part.expect("a part");
        assert_eq!((part.size, part.sha256), (5_000_000, info.sha256));
        assert!(part.collect().await.expect("a part") == large.slice(expected));
    }
}

#[tokio::test]
async fn many_objects_are_stored_and_read_in_one_request() {
    let world = World::new().await;
    let client = world.client();
    let one = |n: usize| {
        let content = Bytes::from(format!("content {n}"));
        let object = PutOne {
            key: key(&format!("many/{n:03}.txt")),
            content_type: None,
            md5: Some(hex(&content)),
            sha256: Some(Hash::of(&content)),
        };
        (object, content)
    };
    let objects: Vec<_> = (0..300).map(one).collect();
    let stored = client.objects_put(&objects).await.expect("stored");
    assert_eq!(stored.len(), 300);
    assert_eq!(stored[299].key.as_str(), "many/299.txt");
    assert_eq!(stored[0].content_type, "text/plain; charset=utf-8");
    let keys: Vec<_> = [299, 7, 8]
        .iter()
        .map(|n| objects[*n].0.key.clone())
        .chain([key("no")])
        .collect();
    let read = client.objects_read(keys).await.expect("read");
    let contents: Vec<_> = read
        .iter()
        .map(|one| one.as_ref().map(|(_, content)| content.clone()))
        .collect();
    assert_eq!(
        contents,
        [
            Some(Bytes::from("content 299")),
            Some(Bytes::from("content 7")),
            Some(Bytes::from("content 8")),
            None
        ]
    );
    let bucket = client.bucket().await.expect("told");
    let bytes: usize = objects.iter().map(|(_, content)| content.len()).sum();
    assert_eq!((bucket.objects, bucket.bytes), (300, bytes as u64));
}

fn hex(content: &[u8]) -> String {
    md5(content).iter().map(|b| format!("{b:02x}")).collect()
}

#[tokio::test]
async fn of_many_objects_all_or_none_are_stored() {
    let world = World::new().await;
    let client = world.client();
    let good = PutOne {
        key: key("good"),
        content_type: None,
        md5: None,
        sha256: None,
    };
    let bad = PutOne {
        key: key("bad"),
        sha256: Some(Hash::of(b"announced")),
        ..good.clone()
    };
    let objects = [
        (good, Bytes::from_static(b"1")),
        (bad, Bytes::from_static(b"came")),
    ];
    let error = refused(client.objects_put(&objects).await, ErrorKind::HashMismatch);
    let text = error.to_string();
    for hash in [Hash::of(b"announced"), Hash::of(b"came")] {
        assert!(text.contains(&hash.to_string()), "{text}");
    }
    assert_eq!(names(&client, ListQuery::default()).await, [""; 0]);
}

#[tokio::test]
async fn as_many_are_read_as_fit() {
    let world = World::new().await;
    let client = world.client();
    let large = Bytes::from(vec![7; 40 << 20]);
    for name in ["a", "b"] {
        let source = BlobSource::Bytes(large.clone());
        try_put(&client, name, source).await.expect("stored");
    }
    put(&client, "c", "c").await;
    let keys = vec![key("a"), key("b"), key("c")];
    let read = client.objects_read(keys).await.expect("read");
    assert_eq!(read.len(), 1);
    assert!(read[0].as_ref().expect("there").1 == large);
    let keys = vec![key("c"), key("a"), key("b")];
    let read = client.objects_read(keys).await.expect("read");
    assert_eq!(read.len(), 2);
}

#[tokio::test]
async fn a_list_has_folders_and_pages() {
    let world = World::new().await;
    let client = world.client();
    for name in ["a", "b/1", "b/2", "b0", "c/d/e"] {
        put(&client, name, "x").await;
    }
    let query = |prefix: &str, folders| ListQuery {
        prefix: prefix.to_owned(),
        folders,
        ..ListQuery::default()
    };
    assert_eq!(
        names(&client, query("", true)).await,
        ["a", "b/", "b0", "c/"]
    );
    assert_eq!(
        names(&client, query("b", false)).await,
        ["b/1", "b/2", "b0"]
    );
    assert_eq!(names(&client, query("c/", true)).await, ["c/d/"]);
    let page = client
        .objects_list(&ListQuery {
            limit: Some(2),
            ..query("", true)
        })
        .await
        .expect("a page");
    assert!(page.truncated && page.entries.len() == 2);
    let rest = ListQuery {
        marker: Some("b/".to_owned()),
        ..query("", true)
    };
    assert_eq!(names(&client, rest).await, ["b0", "c/"]);
    for limit in [0, 1_001] {
        let query = ListQuery {
            limit: Some(limit),
            ..ListQuery::default()
        };
        refused(client.objects_list(&query).await, ErrorKind::BadRequest);
    }
}

#[tokio::test]
async fn objects_are_removed_and_renamed() {
    let world = World::new().await;
    let client = world.client();
    for name in ["a", "b/1", "b/2", "c"] {
        put(&client, name, "x").await;
    }
    let rename = |from: &str, to: &str, prefix| Rename {
        from: from.to_owned(),
        to: to.to_owned(),
        prefix,
    };
    let renamed = client.objects_rename(&rename("b/", "d/e/", true)).await;
    assert_eq!(renamed.expect("renamed"), 2);
    let renamed = client.objects_rename(&rename("a", "c", false)).await;
    assert_eq!(renamed.expect("renamed"), 1);
    assert_eq!(
        names(&client, ListQuery::default()).await,
        ["c", "d/e/1", "d/e/2"]
    );
    refused(
        client.objects_rename(&rename("no", "x", false)).await,
        ErrorKind::NotFound,
    );
    for to in ["../x", "/x", ""] {
        refused(
            client.objects_rename(&rename("c", to, false)).await,
            ErrorKind::BadRequest,
        );
    }
    refused(
        client.objects_rename(&rename("d/", "/", true)).await,
        ErrorKind::Conflict,
    );
    let removed = client.objects_remove(vec![key("c"), key("no")]).await;
    assert_eq!(removed.expect("removed"), 1);
    refused(
        client.objects_remove_prefix("", false).await,
        ErrorKind::BadRequest,
    );
    let removed = client.objects_remove_prefix("", true).await;
    assert_eq!(removed.expect("removed"), 2);
    let bucket = client.bucket().await.expect("told");
    assert_eq!((bucket.objects, bucket.bytes), (0, 0));
}

#[tokio::test]
async fn objects_survive_a_restart() {
    let world = World::new().await;
    put(&world.client(), "a", "content").await;
    let world = world.restarted().await;
    assert_eq!(content(&world.client(), "a").await, "content");
}

#[tokio::test]
async fn accounts_have_their_own_objects() {
    let world = World::new().await;
    let client = world.client();
    let (other, _) = world.other().await;
    put(&client, "a", "ours").await;
    refused(other.object_get(&key("a"), None).await, ErrorKind::NotFound);
    let told = other.objects_info(vec![key("a")]).await.expect("told");
    assert_eq!(told, [None]);
    let read = other.objects_read(vec![key("a")]).await.expect("read");
    assert_eq!(read, [None]);
    assert_eq!(names(&other, ListQuery::default()).await, [""; 0]);
    let removed = other.objects_remove(vec![key("a")]).await;
    assert_eq!(removed.expect("nothing"), 0);
    let removed = other.objects_remove_prefix("", true).await;
    assert_eq!(removed.expect("nothing"), 0);
    put(&other, "a", "hers").await;
    assert_eq!(content(&client, "a").await, "ours");
    assert_eq!(content(&other, "a").await, "hers");
}

#[tokio::test]
async fn a_running_job_has_the_objects_of_its_account() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let account = client.service().await.expect("told").account;
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    put(&client, "in", "from outside").await;
    let user = format!("job-{account}-{jid}-{}", job.attempt);
    let inside = world.client_as(&user, &job.token);
    assert_eq!(content(&inside, "in").await, "from outside");
    put(&inside, "out", "from the job").await;
    assert_eq!(content(&client, "out").await, "from the job");
    worker.finish(&job, b"r").await;
    refused(
        inside.object_get(&key("in"), None).await,
        ErrorKind::Unauthorized,
    );
}
