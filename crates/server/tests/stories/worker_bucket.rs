//! Workers read and change the objects of the accounts whose jobs they have, and of nobody else.

use crate::objects::{content, key, put, try_put};
use crate::world::{World, refused, submit_one};
use bytes::Bytes;
use picloud_client::BlobSource;
use picloud_types::{
    AccountId, ErrorKind,
    api::bucket::{ListEntry, ListQuery, Rename},
};

fn source(text: &'static str) -> BlobSource {
    BlobSource::Bytes(Bytes::from_static(text.as_bytes()))
}

#[tokio::test]
async fn a_worker_does_to_objects_what_their_account_could() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    submit_one(&client).await;
    let pulled = worker.pull().await;
    let account = pulled.header.specs[0].account;
    let (line, id) = (&worker.line, worker.id);

    let own = put(&client, "a/b", "from the account").await;
    let told = line.objects_info(id, account, vec![key("a/b"), key("no")]);
    assert_eq!(told.await.expect("told"), [Some(own.clone()), None]);
    let part = line.blob_get(id, account, own.sha256, Some(5..8)).await;
    let part = part.expect("there").collect().await.expect("whole");
    assert_eq!(part, "the");

    let odd = key("ü/x y?z=1&w#v%2F+\"'");
    let made = line.object_put(id, account, &odd, source("from a job"));
    assert_eq!(made.await.expect("stored").key, odd);
    assert_eq!(content(&client, odd.as_str()).await, "from a job");

    let folders = ListQuery {
        folders: true,
        ..ListQuery::default()
    };
    let page = line.objects_list(id, account, &folders).await;
    let names = page.expect("a page").entries.into_iter().map(|e| match e {
        ListEntry::Object(object) => object.key.to_string(),
        ListEntry::Folder { folder } => folder,
    });
    assert_eq!(names.collect::<Vec<_>>(), ["a/", "ü/"]);

    let rename = Rename {
        from: "a/".into(),
        to: "c/".into(),
        prefix: true,
    };
    let renamed = line.objects_rename(id, account, &rename).await;
    assert_eq!(renamed.expect("renamed"), 1);
    assert_eq!(content(&client, "c/b").await, "from the account");
    let removed = line.objects_remove(id, account, vec![odd, key("no")]).await;
    assert_eq!(removed.expect("removed"), 1);
    let whole = line.bucket(id, account).await.expect("told");
    assert_eq!((whole.objects, whole.bytes), (1, 16));
}

#[tokio::test]
async fn accounts_whose_jobs_a_worker_does_not_have_are_closed_to_it() {
    let world = World::new().await;
    let worker = world.worker("w").await;
    let (other, _) = world.other().await;
    put(&other, "secret", "of another").await;
    submit_one(&world.client()).await;
    let account = worker.pull().await.header.specs[0].account;
    let stranger = AccountId(account.0 + 1);
    let (line, id) = (&worker.line, worker.id);
    let rename = Rename {
        from: "secret".into(),
        to: "x".into(),
        prefix: false,
    };
    line.bucket(id, account).await.expect("its own");
    for closed in [stranger, AccountId(99)] {
        let keys = || vec![key("secret")];
        let query = ListQuery::default();
        let (secret, forbidden) = (key("secret"), ErrorKind::Forbidden);
        refused(line.bucket(id, closed).await, forbidden);
        refused(line.objects_list(id, closed, &query).await, forbidden);
        refused(line.objects_info(id, closed, keys()).await, forbidden);
        let put = line.object_put(id, closed, &secret, source("x")).await;
        refused(put, forbidden);
        refused(line.objects_remove(id, closed, keys()).await, forbidden);
        refused(line.objects_rename(id, closed, &rename).await, forbidden);
    }
    assert_eq!(content(&other, "secret").await, "of another");

    let idle = world.worker("idle").await;
    let closed = idle.line.bucket(idle.id, account).await;
    refused(closed, ErrorKind::Forbidden);
    // Known to the store alone: the server has just begun.
    let world = world.restarted().await;
    let again = world.worker("idle").await;
    let closed = again.line.bucket(again.id, account).await;
    refused(closed, ErrorKind::Forbidden);
    let opened = again.line.bucket(id, account).await;
    opened.expect("the worker that has the job is known after a restart");
}

#[tokio::test]
async fn what_a_job_left_open_can_be_closed_after_its_end() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    submit_one(&client).await;
    let pulled = worker.pull().await;
    let account = pulled.header.specs[0].account;
    worker.line.bucket(worker.id, account).await.expect("open");
    worker.start(&pulled.header.jobs[0]).await;
    worker.finish(&pulled.header.jobs[0], b"r").await;
    let (key, line) = (key("late"), &worker.line);
    let late = line.object_put(worker.id, account, &key, source("late"));
    late.await.expect("stored");
    assert_eq!(content(&client, "late").await, "late");
}

#[tokio::test]
async fn quotas_hold_for_workers_too() {
    let world = World::with(|options| options.bucket_quota_bytes = Some(10)).await;
    let (client, worker) = (world.client(), world.worker("w").await);
    submit_one(&client).await;
    let account = worker.pull().await.header.specs[0].account;
    let key = key("a");
    let put = |text| {
        worker
            .line
            .object_put(worker.id, account, &key, source(text))
    };
    put("0123456789").await.expect("just so much");
    refused(put("0123456789x").await, ErrorKind::QuotaExceeded);
    refused(
        try_put(&client, "b", source("x")).await,
        ErrorKind::QuotaExceeded,
    );
    assert_eq!(content(&client, "a").await, "0123456789");
}
