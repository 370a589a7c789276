//! The life of jobs as clients and a worker see it.

use crate::world::{World, ended, inline, only, result, spec, status, submit, submit_one};
use bytes::Bytes;
use picloud_types::{
    Jid, JobState, Stream,
    api::{
        info::InfoPart,
        jobs::ListQuery,
        workers::{OutputReport, ReportHeader},
    },
};
use std::time::Duration;

#[tokio::test]
async fn a_job_goes_from_the_client_to_a_worker_and_its_result_comes_back() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let pulled = worker.pull().await;
    assert_eq!(pulled.header.jobs[0].jid, jid);
    assert_eq!(pulled.functions, [inline(b"function")]);
    assert_eq!(pulled.args, [inline(b"args 0")]);
    assert_eq!(pulled.header.specs[0].spec, spec());
    let job = &pulled.header.jobs[0];
    worker.start(job).await;
    assert_eq!(status(&client, jid).await, "processing");
    assert_eq!(worker.finish(job, b"result").await.refused, []);
    let result = result(&client, jid).await;
    assert_eq!(
        (result.state, result.payload, result.failure),
        (JobState::Done, inline(b"result"), None)
    );
}

#[tokio::test]
async fn a_waiting_worker_is_given_a_job_the_moment_it_is_made() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let (job, jid) = tokio::join!(worker.one(), submit_one(&client));
    assert_eq!(job.jid, jid);
}

#[tokio::test]
async fn a_failure_comes_back_with_its_words() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    let finished = vec![ended(job.jid, job.attempt, JobState::Error)];
    worker
        .report(
            &ReportHeader {
                finished,
                ..Default::default()
            },
            &[inline(b"pickled exception")],
        )
        .await;
    let result = result(&client, jid).await;
    assert_eq!(
        (result.state, result.payload),
        (JobState::Error, inline(b"pickled exception"))
    );
    assert_eq!(
        result.failure.expect("a failure").exception_type.as_deref(),
        Some("builtins.ValueError")
    );
    let row = client
        .list(&ListQuery::default())
        .await
        .expect("a list")
        .jobs
        .remove(0);
    assert_eq!(row.error.as_deref(), Some("ValueError: no"));
    assert_eq!(row.runtime_ms, Some(1.5));
}

#[tokio::test]
async fn output_is_read_while_the_job_runs_and_its_end_is_told() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    worker.start(&job).await;
    let follow = Duration::from_secs(15);
    let say = async {
        let output = vec![OutputReport {
            jid,
            attempt: job.attempt,
            stream: Stream::Stdout,
            offset: 0,
        }];
        let header = ReportHeader {
            output,
            ..Default::default()
        };
        let bytes = [Bytes::from_static(b"hello\xff")];
        worker
            .line
            .report(worker.id, &header, &[], &bytes)
            .await
            .expect("taken");
        // Sent twice, as after a lost answer: nothing is doubled.
        worker
            .line
            .report(worker.id, &header, &[], &bytes)
            .await
            .expect("taken");
    };
    let (chunk, ()) = tokio::join!(client.output(jid, Stream::Stdout, 0, 100, follow), say);
    assert_eq!(chunk.expect("output").bytes, &b"hello\xff"[..]);
    let (chunk, _) = tokio::join!(
        client.output(jid, Stream::Stdout, 6, 100, follow),
        worker.finish(&job, b"")
    );
    let chunk = chunk.expect("the end");
    assert_eq!(
        (chunk.bytes.len(), chunk.total, chunk.finished),
        (0, 6, true)
    );
    let info = client
        .info(only(jid), vec![InfoPart::Streams, InfoPart::Pickles])
        .await
        .expect("info");
    let info = &info[&jid];
    assert_eq!(
        info.streams.as_ref().expect("streams")["stdout"],
        "hello\u{fffd}"
    );
    assert_eq!(info.function_pickle.as_deref(), Some("ZnVuY3Rpb24="));
    assert_eq!(info.worker.as_deref(), Some("w"));
}

#[tokio::test]
async fn lists_are_paged_and_filtered() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let made = submit(&client, 5).await;
    let pulled = worker.pull().await;
    worker.start(&pulled.header.jobs[0]).await;
    let page = |before, status: Option<&str>| {
        let query = ListQuery {
            before,
            status: status.map(Into::into),
            limit: Some(2),
            ..Default::default()
        };
        let client = client.clone();
        async move { client.list(&query).await.expect("a page") }
    };
    let first = made.first_jid.0;
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = page(before, None).await;
        seen.extend(page.jobs.iter().map(|j| j.jid.0));
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    assert_eq!(seen, (first..first + 5).rev().collect::<Vec<_>>());
    let processing = page(None, Some("processing")).await.jobs;
    assert_eq!(
        processing.iter().map(|j| j.jid).collect::<Vec<_>>(),
        [Jid(first)]
    );
    // Those that are handed to the worker and those that are not show as one status.
    assert_eq!(page(None, Some("queued")).await.jobs.len(), 2);
    let statuses = client
        .statuses(picloud_types::JidSet::range(made.first_jid, 5))
        .await
        .expect("statuses");
    assert_eq!(
        statuses
            .iter()
            .map(|s| s.status.as_str())
            .collect::<Vec<_>>(),
        ["processing", "queued"]
    );
}

#[tokio::test]
async fn a_job_says_why_it_waits() {
    let world = World::new().await;
    let client = world.client();
    let jid = submit_one(&client).await;
    let why = async |client: &picloud_client::ApiClient| {
        client.info(only(jid), vec![]).await.expect("info")[&jid]
            .waiting_because
            .clone()
            .unwrap_or_default()
    };
    assert_eq!(why(&client).await, "no worker is connected");
    let worker = world.worker("w").await;
    assert!(
        why(&client).await.contains("busy"),
        "a worker is there, and has not asked yet"
    );
    let job = worker.one().await;
    worker.start(&job).await;
    assert_eq!(why(&client).await, "");
}

#[tokio::test]
async fn deleting_takes_finished_jobs_only_and_all_or_none() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let made = submit(&client, 2).await;
    let both = picloud_types::JidSet::range(made.first_jid, 2);
    let pulled = worker.pull().await;
    worker.finish(&pulled.header.jobs[0], b"r").await;
    crate::world::refused(
        client.delete(both.clone()).await,
        picloud_types::ErrorKind::JobNotFinished,
    );
    assert_eq!(status(&client, made.first_jid).await, "done");
    worker.finish(&pulled.header.jobs[1], b"r").await;
    assert_eq!(client.delete(both.clone()).await.expect("deleted"), 2);
    crate::world::refused(
        client.statuses(both).await,
        picloud_types::ErrorKind::JobUnknown,
    );
}
