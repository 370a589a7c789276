//! What running jobs use, second by second.

use super::fixture::{NOW, World, assert_refused, done, of, set};
use crate::{AttemptOf, JobLive, Report, Series, Store, StoreError};
use picloud_types::{
    AccountId, Attempt, Jid, JidSet, JobState, Port, Protocol, Sample, usage::grain,
};

fn sample(second: u32) -> Sample {
    Sample {
        second,
        cpu_user_us: u64::from(second) * 900_000,
        cpu_system_us: u64::from(second) * 50_000,
        memory_bytes: 1_000_000 + u64::from(second % 7),
        swap_bytes: 1,
        disk_bytes: 20,
        disk_read_bytes: 300,
        disk_write_bytes: 4_000,
        net_received_bytes: (second > 1).then_some(50_000),
        net_sent_bytes: None,
        processes: 2,
    }
}

fn port(port: u16) -> Port {
    Port {
        protocol: Protocol::Tcp,
        port,
    }
}

fn sampled(of: AttemptOf, seconds: impl Iterator<Item = u32>) -> Report {
    Report {
        samples: seconds.map(|second| (of, sample(second))).collect(),
        ..Report::default()
    }
}

fn listening(of: AttemptOf, ports: &[Port]) -> Report {
    Report {
        ports: vec![(of, ports.to_vec())],
        ..Report::default()
    }
}

/// A job that runs, as its first attempt.
async fn running(world: &World<'_>) -> AttemptOf {
    world.submit(world.jobs(1)).await;
    let job = world.claim_one().await;
    world.start(job).await;
    job
}

async fn series(world: &World<'_>, jid: Jid) -> Series {
    let read = world.store.series_read(world.account, jid, None, 100_000);
    read.await.expect("a known job")
}

async fn seconds(world: &World<'_>, jid: Jid) -> Vec<u32> {
    let samples = series(world, jid).await.samples;
    samples.iter().map(|sample| sample.second).collect()
}

async fn live(world: &World<'_>, jid: Jid) -> Option<JobLive> {
    let read = world.store.job_live(world.account, JidSet::range(jid, 1));
    read.await.expect("a read").remove(&jid)
}

pub async fn a_series_is_read_from_any_second(store: &dyn Store) {
    let world = World::new(store).await;
    let job = running(&world).await;
    assert_eq!(series(&world, job.jid).await.samples, []);
    let reported = world.report(sampled(job, 1..=4)).await;
    assert_eq!((reported.refused, reported.samples), (vec![], 4));
    let expected = |seconds: &[u32], state| Series {
        attempt: Attempt(1),
        state,
        samples: seconds.iter().copied().map(sample).collect(),
    };
    let read = async |after, limit| {
        let read = store.series_read(world.account, job.jid, after, limit);
        read.await.expect("a known job")
    };
    assert_eq!(
        read(None, 9).await,
        expected(&[1, 2, 3, 4], JobState::Processing)
    );
    assert_eq!(
        read(Some(2), 9).await,
        expected(&[3, 4], JobState::Processing)
    );
    assert_eq!(read(None, 1).await, expected(&[1], JobState::Processing));
    world.finish(vec![done(job)]).await;
    assert_eq!(read(Some(3), 9).await, expected(&[4], JobState::Done));
    assert_refused!(
        store.series_read(world.account, Jid(9), None, 9).await,
        StoreError::JobUnknown(Jid(9))
    );
}

pub async fn a_repeated_sample_is_stored_once(store: &dyn Store) {
    let world = World::new(store).await;
    let job = running(&world).await;
    world.report(sampled(job, 1..=3)).await;
    let again = world.report(sampled(job, 2..=4)).await;
    assert_eq!(again.samples, 1, "the fourth second is new");
    assert_eq!(seconds(&world, job.jid).await, [1, 2, 3, 4]);
}

pub async fn samples_of_a_lost_attempt_are_refused(store: &dyn Store) {
    let world = World::new(store).await;
    let job = running(&world).await;
    let second = world.another_worker().await;
    let late = AttemptOf {
        attempt: Attempt(0),
        ..job
    };
    let wrong = [(world.worker, late), (second, job)];
    for (worker, of) in wrong {
        let report = Report {
            ports: vec![(of, vec![port(80)])],
            ..sampled(of, 1..=1)
        };
        let reported = store.job_report(worker, report, NOW).await.expect("alive");
        assert_eq!((reported.refused, reported.samples), (vec![of], 0));
    }
    assert_eq!(series(&world, job.jid).await.samples, []);
    assert_eq!(live(&world, job.jid).await, None);
    world.finish(vec![done(job)]).await;
    let after = world.report(sampled(job, 1..=1)).await;
    assert_eq!(after.refused, [job], "it has ended");
}

/// The most that may be kept of a job at an age: the grain, and the seconds that people watch.
fn room(age: u32) -> usize {
    (age / grain(age)) as usize + 1 + 10
}

/// Whether no gap is wider than the grain.
fn without_gaps(seconds: &[u32], age: u32) -> bool {
    let from_start = std::iter::once(&0).chain(seconds);
    from_start.zip(seconds).all(|(a, b)| b - a < 2 * grain(age))
}

pub async fn a_long_series_is_thinned_by_the_age_of_the_job(store: &dyn Store) {
    let world = World::new(store).await;
    let job = running(&world).await;
    let mut said = 0;
    for age in [300, 600, 601, 607, 640, 3_590, 3_600, 3_601, 3_650, 5_000] {
        for from in (said + 1..=age).step_by(50) {
            world.report(sampled(job, from..=age.min(from + 49))).await;
        }
        said = age;
        let kept = seconds(&world, job.jid).await;
        assert!(kept.len() <= room(age), "{} at {age} s", kept.len());
        assert!(without_gaps(&kept, age), "{kept:?} at {age} s");
        let watched: Vec<_> = (age - 9..=age).collect();
        assert!(kept.ends_with(&watched), "{kept:?} at {age} s");
        if age <= 600 {
            assert_eq!(kept.len(), age as usize, "every second is kept");
        }
    }
    world.finish(vec![done(job)]).await;
    let kept = seconds(&world, job.jid).await;
    let expected: Vec<_> = std::iter::once(1).chain((30..=4_980).step_by(30)).collect();
    assert_eq!(kept, expected, "the first of every 30 seconds");
}

pub async fn a_series_with_holes_keeps_a_sample_of_every_part(store: &dyn Store) {
    let world = World::new(store).await;
    let job = running(&world).await;
    // None of these is a multiple of 5 or 30.
    let said: Vec<u32> = (0..2_000)
        .map(|n| 3 * n + 1)
        .filter(|s| s % 5 != 0)
        .collect();
    for part in said.chunks(100) {
        world.report(sampled(job, part.iter().copied())).await;
    }
    world.finish(vec![done(job)]).await;
    let kept = seconds(&world, job.jid).await;
    let parts: Vec<_> = kept.iter().map(|second| second / 30).collect();
    let expected: Vec<_> = (0..=said[said.len() - 1] / 30).collect();
    assert_eq!(parts, expected, "one of every 30 seconds");
}

pub async fn a_new_attempt_begins_a_new_series(store: &dyn Store) {
    let world = World::new(store).await;
    let job = running(&world).await;
    world.report(sampled(job, 1..=5)).await;
    world.report(listening(job, &[port(80)])).await;
    world
        .report(Report {
            returned: vec![job],
            ..Report::default()
        })
        .await;
    assert_eq!(live(&world, job.jid).await, None, "it does not run");
    let again = world.claim_one().await;
    world.start(again).await;
    assert_eq!(series(&world, job.jid).await.samples, []);
    assert_eq!(live(&world, job.jid).await, None, "nothing was heard yet");
    world.report(sampled(again, 2..=3)).await;
    let now = series(&world, job.jid).await;
    assert_eq!((now.attempt, now.samples.len()), (Attempt(2), 2));
    let now = live(&world, job.jid).await.expect("it runs");
    assert_eq!(now.ports, [], "those were of the first attempt");
    world.finish(vec![done(again)]).await;
    assert_eq!(seconds(&world, job.jid).await, [2, 3]);
}

pub async fn a_short_last_attempt_leaves_no_samples_of_an_earlier_one(store: &dyn Store) {
    let world = World::new(store).await;
    let job = running(&world).await;
    world.report(sampled(job, 1..=5)).await;
    store.worker_end(world.worker, NOW).await.expect("ended");
    assert_eq!(
        seconds(&world, job.jid).await,
        [1, 2, 3, 4, 5],
        "the last attempt so far"
    );
    let second = world.another_worker().await;
    let again = of(&world.claim_for(second, 1).await[0]);
    let report = Report {
        finished: vec![done(again)],
        ..Report::default()
    };
    store.job_report(second, report, NOW).await.expect("alive");
    assert_eq!(series(&world, job.jid).await.samples, []);
}

pub async fn a_job_killed_in_the_queue_keeps_the_series_of_its_last_attempt(store: &dyn Store) {
    let world = World::new(store).await;
    let job = running(&world).await;
    world.report(sampled(job, 1..=700)).await;
    store.worker_end(world.worker, NOW).await.expect("ended");
    store
        .job_kill(world.account, None, NOW)
        .await
        .expect("killed");
    let now = series(&world, job.jid).await;
    assert_eq!((now.state, now.attempt), (JobState::Killed, Attempt(1)));
    assert_eq!(now.samples.len(), 141, "thinned for the last time");
}

pub async fn a_running_job_shows_its_last_samples_peaks_and_ports(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(3)).await;
    let jobs = world.claim(3).await;
    let (job, quiet) = (of(&jobs[0]), of(&jobs[1]));
    world.start(job).await;
    world.start(quiet).await;
    world.report(listening(job, &[port(80), port(443)])).await;
    let now = live(&world, job.jid).await.expect("it runs");
    assert_eq!((now.samples, now.ports.len()), (vec![], 2));
    world.report(sampled(job, 5..=8)).await;
    world.report(listening(job, &[port(443)])).await;
    let expected = JobLive {
        samples: vec![sample(7), sample(8)],
        memory_peak_bytes: 1_000_006,
        swap_peak_bytes: 1,
        disk_peak_bytes: 20,
        ports: vec![port(443)],
    };
    let all = store.job_live(world.account, set("1-3")).await;
    let all: Vec<_> = all.expect("a read").into_iter().collect();
    assert_eq!(
        all,
        [(job.jid, expected)],
        "not of those that said nothing or do not run"
    );
    let eve = world.another_account().await;
    let hers: AccountId = eve;
    assert!(
        store
            .job_live(hers, set("1-3"))
            .await
            .expect("a read")
            .is_empty()
    );
    assert_refused!(
        store.series_read(hers, job.jid, None, 9).await,
        StoreError::JobUnknown(_)
    );
    world.finish(vec![done(job)]).await;
    assert_eq!(live(&world, job.jid).await, None);
}

pub async fn samples_go_with_their_job(store: &dyn Store) {
    let world = World::new(store).await;
    let job = running(&world).await;
    let last_words = Report {
        ports: vec![(job, vec![port(80)])],
        finished: vec![done(job)],
        ..sampled(job, 1..=3)
    };
    assert_eq!(world.report(last_words).await.refused, []);
    assert_eq!(seconds(&world, job.jid).await, [1, 2, 3]);
    // That no row is left is for the look at the file after the case.
    store
        .job_delete(world.account, set("1"))
        .await
        .expect("finished");
    assert_refused!(
        store.series_read(world.account, job.jid, None, 9).await,
        StoreError::JobUnknown(_)
    );
}
