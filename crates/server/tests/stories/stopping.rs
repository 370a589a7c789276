//! Stopping in order, and starting again.

use crate::world::{World, inline, only, refused, result, status, submit_one};
use bytes::Bytes;
use picloud_types::{
    ErrorKind, Hash,
    api::{
        jobs::{WaitFor, WaitRequest},
        workers::PullRequest,
    },
};

#[tokio::test]
async fn a_restart_keeps_everything_and_running_jobs_go_on() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let (done, running, queued) = (
        submit_one(&client).await,
        submit_one(&client).await,
        submit_one(&client).await,
    );
    let jobs = worker.pull().await.header.jobs;
    worker.finish(&jobs[0], b"kept").await;
    worker.start(&jobs[1]).await;
    worker
        .report(
            &picloud_types::api::workers::ReportHeader {
                returned: vec![crate::world::of(&jobs[2])],
                ..Default::default()
            },
            &[],
        )
        .await;
    let content = Bytes::from_static(b"content");
    client
        .blobs_put(std::slice::from_ref(&content))
        .await
        .expect("stored");
    let world = world.restarted().await;
    let client = world.client();
    assert_eq!(result(&client, done).await.payload, inline(b"kept"));
    assert_eq!(status(&client, running).await, "processing");
    assert_eq!(status(&client, queued).await, "queued");
    assert_eq!(
        client
            .blobs_missing(vec![Hash::of(&content)])
            .await
            .expect("asked"),
        []
    );
    // The worker did not notice the restart but for its address.
    let line =
        picloud_client::WorkerClient::new(&world.client_options(), world.server.worker_token());
    let worker = crate::world::Worker {
        line: line.expect("a client"),
        id: worker.id,
    };
    assert_eq!(
        worker.finish(&jobs[1], b"over the restart").await.refused,
        []
    );
    assert_eq!(
        result(&client, running).await.payload,
        inline(b"over the restart")
    );
    let again = worker.one().await;
    assert_eq!(again.jid, queued);
    // A token of before is good after.
    let user = format!(
        "job-{}-{queued}-{}",
        client.service().await.expect("service").account,
        again.attempt
    );
    world
        .client_as(&user, &again.token)
        .service()
        .await
        .expect("the job's token");
}

#[tokio::test]
async fn a_stopping_server_takes_reports_but_no_new_jobs() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    let later = submit_one(&client).await;
    let hanging = PullRequest {
        free_units: 0.0,
        wait_ms: 60_000,
        ..Default::default()
    };
    let hanging = worker.line.pull(worker.id, &hanging);
    let stop = async {
        assert!(client.healthz().await.is_ok());
        world.server.stop_intake();
    };
    let (pulled, ()) = tokio::join!(hanging, stop);
    assert!(pulled.expect("answered").header.jobs.is_empty());
    let error = refused(client.healthz().await, ErrorKind::Unavailable);
    assert!(error.may_retry());
    let args = [inline(b"a")];
    let made = client
        .submit(
            &crate::world::header(crate::world::spec(), 1),
            &inline(b"f"),
            &args,
        )
        .await;
    refused(made, ErrorKind::Unavailable);
    let free = PullRequest {
        free_units: 4.0,
        free_memory_bytes: 8 << 30,
        wait_ms: 50,
        ..PullRequest::default()
    };
    let pulled = worker.line.pull(worker.id, &free).await.expect("answered");
    assert!(pulled.header.jobs.is_empty(), "nothing new is handed out");
    assert_eq!(worker.finish(&job, b"r").await.refused, []);
    assert_eq!(status(&client, jid).await, "done");
    assert_eq!(status(&client, later).await, "queued");
}

#[tokio::test]
async fn a_stop_ends_long_polls_with_what_there_is() {
    let world = World::new().await;
    let client = world.client();
    let jid = submit_one(&client).await;
    let request = WaitRequest {
        jids: only(jid),
        until: WaitFor::All,
        timeout_ms: 60_000,
    };
    let stop = async {
        // A second request on its way proves that the first one is served by now or soon.
        client.service().await.expect("service");
        world.server.stop().await;
    };
    let began = std::time::Instant::now();
    let (reply, ()) = tokio::join!(client.wait(&request), stop);
    if let Ok(reply) = reply {
        assert!(!reply.ready);
    }
    assert!(
        began.elapsed() < crate::world::PATIENCE,
        "the wait did not hold the stop up"
    );
    assert!(client.service().await.is_err(), "nobody listens any more");
}
