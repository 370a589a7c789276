//! What running jobs use, second by second, and what is left of it afterwards.

use crate::world::{Worker, World, ended, inline, only, refused, submit_one};
use picloud_client::ApiClient;
use picloud_types::{
    ErrorKind, Jid, JobState, Port, Protocol, Sample, Usage,
    api::{
        info::{JobInfo, SeriesQuery},
        jobs::ListQuery,
        workers::{PortsReport, PulledJob, ReportHeader, SampleReport},
    },
};

/// A job that keeps one and a half cores busy: one in user mode, half a one in the kernel.
pub(crate) fn sample(second: u32) -> Sample {
    Sample {
        second,
        cpu_user_us: u64::from(second) * 1_000_000,
        cpu_system_us: u64::from(second) * 500_000,
        memory_bytes: if second == 2 { 90_000_000 } else { 50_000_000 },
        disk_write_bytes: 7,
        processes: 3,
        ..Sample::default()
    }
}

pub(crate) async fn say(worker: &Worker, job: &PulledJob, seconds: impl Iterator<Item = u32>) {
    let samples = seconds.map(|second| SampleReport {
        jid: job.jid,
        attempt: job.attempt,
        sample: sample(second),
    });
    let header = ReportHeader {
        samples: samples.collect(),
        ..ReportHeader::default()
    };
    assert_eq!(worker.report(&header, &[]).await.refused, []);
}

async fn info(client: &ApiClient, jid: Jid) -> JobInfo {
    let mut all = client.info(only(jid), vec![]).await.expect("info");
    all.remove(&jid).expect("asked for")
}

async fn seconds(client: &ApiClient, jid: Jid, query: SeriesQuery) -> Vec<u32> {
    let series = client.series(jid, &query).await.expect("a series");
    series.samples.iter().map(|s| s.second).collect()
}

#[tokio::test]
async fn a_running_job_shows_what_it_uses_now() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    worker.start(&job).await;
    let before = info(&client, jid).await;
    assert!(
        before.live.is_none() && before.usage.is_none(),
        "{before:?}"
    );
    assert!(before.runtime.is_some());
    say(&worker, &job, 1..=1).await;
    let first = info(&client, jid).await.live.expect("a sample came");
    assert_eq!(first.cpu_cores, 1.5, "since the attempt began");
    say(&worker, &job, 2..=4).await;
    let ports = vec![Port {
        protocol: Protocol::Tcp,
        port: 8080,
    }];
    let listening = PortsReport {
        jid,
        attempt: job.attempt,
        ports: ports.clone(),
    };
    let header = ReportHeader {
        ports: vec![listening],
        ..ReportHeader::default()
    };
    worker.report(&header, &[]).await;

    let now = info(&client, jid).await;
    let live = now.live.expect("it runs");
    assert_eq!(
        (live.cpu_cores, live.cpu_user_cores, live.cpu_system_cores),
        (1.5, 1.0, 0.5)
    );
    assert_eq!(
        (live.sample, live.ports, live.address.as_str()),
        (sample(4), ports, "host")
    );
    let usage = now.usage.expect("samples tell");
    assert_eq!(
        (
            usage.cpu_user_us,
            usage.memory_peak_bytes,
            usage.disk_write_bytes
        ),
        (4_000_000, 90_000_000, 7)
    );
    assert_eq!((now.cpu_user, now.cpu_system), (Some(4.0), Some(2.0)));
    assert_eq!((now.core_ms, now.cost), (None, None), "charged at its end");
    let confinement = now.confinement.expect("a worker has it");
    assert!(confinement.isolation.is_sandbox());
}

#[tokio::test]
async fn a_series_is_read_in_parts_and_stays_after_the_end() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    worker.start(&job).await;
    say(&worker, &job, 1..=6).await;
    let part = |since, limit| SeriesQuery { since, limit };
    assert_eq!(
        seconds(&client, jid, part(None, Some(4))).await,
        [1, 2, 3, 4]
    );
    assert_eq!(seconds(&client, jid, part(Some(4), None)).await, [5, 6]);
    let running = client.series(jid, &part(None, None)).await.expect("known");
    assert_eq!((running.finished, running.attempt), (false, 1));
    worker.finish(&job, b"r").await;
    let world = world.restarted().await;
    let client = world.client();
    let after = client.series(jid, &part(None, None)).await.expect("known");
    assert!(after.finished);
    assert_eq!(after.samples, (1..=6).map(sample).collect::<Vec<_>>());
    for limit in [0, 10_001] {
        refused(
            client.series(jid, &part(None, Some(limit))).await,
            ErrorKind::BadRequest,
        );
    }
    refused(
        client.series(Jid(99), &part(None, None)).await,
        ErrorKind::JobUnknown,
    );
    client.delete(only(jid)).await.expect("deleted");
    refused(
        client.series(jid, &part(None, None)).await,
        ErrorKind::JobUnknown,
    );
}

#[tokio::test]
async fn what_a_job_used_is_told_in_full_afterwards() {
    let world = World::new().await;
    let (client, worker) = (world.client(), world.worker("w").await);
    let jid = submit_one(&client).await;
    let job = worker.one().await;
    let usage = Usage {
        runtime_us: 3_600_000_000,
        cpu_user_us: 7_000_000,
        cpu_system_us: 500_000,
        memory_peak_bytes: 123,
        memory_failures: 2,
        swap_peak_bytes: 1,
        disk_peak_bytes: 20,
        disk_read_bytes: 30,
        disk_write_bytes: 40,
        net_received_bytes: Some(50),
        net_sent_bytes: None,
    };
    let mut finished = ended(job.jid, job.attempt, JobState::Done);
    finished.usage = usage;
    let header = ReportHeader {
        finished: vec![finished],
        ..ReportHeader::default()
    };
    worker.report(&header, &[inline(b"r")]).await;
    let info = info(&client, jid).await;
    assert_eq!(info.usage, Some(usage));
    assert_eq!((info.cpu_user, info.cpu_system), (Some(7.0), Some(0.5)));
    assert_eq!(info.core_ms, Some(3_600_000));
    let cost = info.cost.expect("it ran");
    assert!((cost - 0.05).abs() < 1e-6, "an hour of c1: {cost}");
    assert!(info.live.is_none());
    let list = client.list(&ListQuery::default()).await.expect("a list");
    assert_eq!(
        (list.jobs[0].memory_peak_bytes, list.jobs[0].memory_failures),
        (Some(123), Some(2))
    );
}
