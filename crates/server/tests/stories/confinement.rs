//! What keeps jobs apart and within limits, as far as the server has a part in it.

use crate::world::{World, ended, header, inline, result, spec, submit_one};
use picloud_types::{
    Failure, JobSpec, JobState, Verdict,
    api::workers::{Confinement, Isolation, Limits, PullRequest, ReportHeader},
};

#[tokio::test]
async fn a_worker_says_how_it_keeps_jobs_apart() {
    let world = World::new().await;
    let client = world.client();
    let unconfined = async || client.service().await.expect("service").unconfined_workers;
    world
        .worker_with("tight", |hello| hello.source_ips = Some(3))
        .await;
    assert_eq!(unconfined().await, 0);
    world
        .worker_with("loose", |hello| hello.confinement = Confinement::default())
        .await;
    assert_eq!(unconfined().await, 1, "the page warns");
    let rows = client.workers().await.expect("workers");
    let seen: Vec<_> = rows
        .iter()
        .map(|row| (row.name.as_str(), row.confinement, row.source_ips))
        .collect();
    let tight = Confinement {
        isolation: Isolation::Sandbox,
        limits: Limits::Cgroup2,
    };
    assert_eq!(
        seen,
        [
            ("tight", tight, Some(3)),
            ("loose", Confinement::default(), None)
        ]
    );
}

#[tokio::test]
async fn jobs_with_addresses_of_their_own_go_where_some_are_free() {
    let world = World::new().await;
    let client = world.client();
    let worker = world
        .worker_with("w", |hello| hello.source_ips = Some(2))
        .await;
    let s1 = JobSpec {
        core_type: "s1".to_owned(),
        ..spec()
    };
    let args: Vec<_> = (0..4).map(|_| inline(b"a")).collect();
    let made = client.submit(&header(s1, 4), &inline(b"f"), &args).await;
    let first = made.expect("taken").first_jid;
    let pull = |free_source_ips, wait_ms| PullRequest {
        free_units: 8.0,
        free_memory_bytes: 8 << 30,
        prefetch: 10,
        free_source_ips,
        wait_ms,
    };
    let pulled = worker.line.pull(worker.id, &pull(Some(2), 1000)).await;
    let header = pulled.expect("answered").header;
    assert_eq!(header.jobs.len(), 2, "as many as there are addresses");
    assert!(header.specs[0].own_ip);
    let pulled = worker.line.pull(worker.id, &pull(Some(0), 100)).await;
    assert!(pulled.expect("answered").header.jobs.is_empty());
    let waiting = picloud_types::JidSet::range(picloud_types::Jid(first.0 + 3), 1);
    let info = client.info(waiting, vec![]).await.expect("info");
    let why = info.values().next().and_then(|i| i.waiting_because.clone());
    assert_eq!(
        why.as_deref(),
        Some("waiting for a worker with a free source address")
    );
    let pulled = worker.line.pull(worker.id, &pull(Some(1), 1000)).await;
    assert_eq!(pulled.expect("answered").header.jobs.len(), 1);
}

#[tokio::test]
async fn a_job_out_of_memory_is_told_which_core_would_have_been_enough() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    let mut finished = ended(job.jid, job.attempt, JobState::Error);
    finished.failure = Some(Failure {
        verdict: Verdict::OutOfMemory {
            limit_bytes: 300_000_000,
            peak_bytes: 299_000_000,
            failures: 1,
            fits: None,
        },
        exception: "out of memory".to_owned(),
        exception_type: None,
        hint: None,
    });
    let header = ReportHeader {
        finished: vec![finished],
        ..ReportHeader::default()
    };
    worker.report(&header, &[inline(b"")]).await;
    let failure = result(&client, jid).await.failure.expect("it failed");
    let Verdict::OutOfMemory { fits, .. } = &failure.verdict else {
        panic!("{failure:?}");
    };
    let fits = fits.clone().expect("c2 has more");
    assert_eq!((fits.core_type.as_str(), fits.cores), ("c2", 1));
    assert!(
        failure
            .hint
            .is_some_and(|hint| hint.contains("_type=\"c2\"")),
        "the hint names it"
    );
}
