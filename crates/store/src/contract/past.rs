//! What is told of a job's past: the map it is of, what it waited for, earlier attempts.

use super::fixture::{NOW, World, of, set};
use crate::{AttemptEnd, JobDetail, JobFilter, Report, Store, Submission};
use picloud_types::{Jid, JidSet, JobState, Timestamp};

async fn find(world: &World<'_>, jid: i64) -> JobDetail {
    let found = world
        .store
        .job_find(world.account, JidSet::range(Jid(jid), 1))
        .await;
    found.expect("a known job").remove(0)
}

/// First id and number of jobs of the map that a job is of.
async fn map(world: &World<'_>, jid: i64) -> Option<(i64, u64)> {
    let map = find(world, jid).await.map?;
    assert_eq!(map.states, None, "those are for grouped lists");
    Some((map.first.0, map.count))
}

pub async fn a_job_knows_the_map_it_is_of(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    world.submit(world.jobs(3)).await;
    world.submit(world.jobs(1)).await;
    world.submit(world.part(None, 5, 0, 2)).await;
    world.submit(world.part(Some(Jid(6)), 5, 3, 2)).await;
    world.submit(world.jobs(2)).await;
    let mut maps = Vec::new();
    for jid in [1, 2, 4, 5, 6, 7, 9, 10, 11, 12] {
        maps.push(map(&world, jid).await);
    }
    let (a, b, c) = (Some((2, 3)), Some((6, 5)), Some((11, 2)));
    assert_eq!(maps, [None, a, a, None, b, b, b, b, c, c]);
    let page = store
        .job_list(world.account, JobFilter::default(), 100)
        .await
        .expect("a page");
    let listed = page.jobs.into_iter().rev().map(|job| job.map);
    let listed: Vec<_> = listed
        .map(|map| map.map(|m| (m.first.0, m.count)))
        .collect();
    assert_eq!(listed, [None, a, a, a, None, b, b, b, b, c, c]);
}

pub async fn a_job_keeps_what_it_waited_for(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(3)).await;
    world.submit(world.after(&set("1,3"), 1)).await;
    world.submit(world.after(&set("2-4"), 2)).await;
    for jid in [1, 2, 3] {
        assert!(find(&world, jid).await.depends_on.is_empty());
    }
    for _ in 0..3 {
        world.run_all().await;
    }
    assert_eq!(world.state(Jid(6)).await, JobState::Done);
    assert_eq!(find(&world, 4).await.depends_on, set("1,3"));
    assert_eq!(map(&world, 4).await, None, "one job is no map");
    assert_eq!(find(&world, 5).await.depends_on, set("2-4"));
    assert_eq!(map(&world, 6).await, Some((5, 2)));
}

pub async fn a_map_is_known_until_its_last_job_is_deleted(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(3)).await;
    world.submit(world.part(None, 5, 0, 2)).await;
    world.submit(world.jobs(3)).await;
    world.run_all().await;
    let delete = async |jids| store.job_delete(world.account, set(jids)).await;
    // The end of one, the beginning of another.
    assert_eq!(delete("3-4").await.expect("ended"), 2);
    assert_eq!(map(&world, 1).await, Some((1, 3)));
    assert_eq!(map(&world, 5).await, Some((4, 5)));
    delete("5").await.expect("ended");
    // Parts may come when those before are gone.
    world.submit(world.part(Some(Jid(4)), 5, 1, 4)).await;
    assert_eq!(map(&world, 8).await, Some((4, 5)));
    delete("1-2,9-11").await.expect("ended");
    assert_eq!(map(&world, 5).await, Some((4, 5)));
    world.run_all().await;
    delete("5-8").await.expect("ended");
}

pub async fn an_attempt_that_did_not_end_its_job_is_kept(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    let later = Timestamp(NOW.0 + 9);
    // Handed out and given back before it began: nobody wants to know.
    let given_back = |of| Report {
        returned: vec![of],
        ..Report::default()
    };
    world.report(given_back(world.claim_one().await)).await;
    let second = world.claim_one().await;
    world.start(second).await;
    world.report(given_back(second)).await;
    let other = world.another_worker().await;
    let third = of(&world.claim_for(other, 1).await[0]);
    let report = Report {
        started: vec![crate::Started { of: third, at: NOW }],
        ..Report::default()
    };
    store.job_report(other, report, NOW).await.expect("alive");
    store.worker_end(other, later).await.expect("ended");
    world.run_all().await;
    let past = find(&world, 1).await.past_attempts;
    let told: Vec<_> = past
        .iter()
        .map(|p| (p.attempt.0, p.worker_name.as_deref(), p.ended, p.because))
        .collect();
    assert_eq!(
        told,
        [
            (2, Some("first"), NOW, AttemptEnd::GivenBack),
            (3, Some("second"), later, AttemptEnd::WorkerEnded),
        ]
    );
    assert!(past.iter().all(|past| past.started == Some(NOW)));
    assert_eq!(find(&world, 1).await.attempt.0, 4);
    store
        .job_delete(world.account, set("1"))
        .await
        .expect("ended");
}

pub async fn an_attempt_that_ended_its_job_is_not_a_past_one(store: &dyn Store) {
    let world = World::new(store).await;
    let fragile = Submission {
        spec: picloud_types::JobSpec {
            restartable: false,
            ..world.jobs(1).spec
        },
        ..world.jobs(2)
    };
    world.submit(fragile).await;
    world.submit(world.jobs(1)).await;
    for job in world.claim(9).await {
        world.start(of(&job)).await;
    }
    let kill = Some(set("3"));
    store
        .job_kill(world.account, kill, NOW)
        .await
        .expect("asked");
    store.worker_end(world.worker, NOW).await.expect("ended");
    let states = world.states(&set("1-3")).await;
    assert_eq!(states, [JobState::Error, JobState::Error, JobState::Killed]);
    for jid in 1..4 {
        assert_eq!(find(&world, jid).await.past_attempts, []);
    }
}

pub async fn the_last_hundred_attempts_are_kept(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    for _ in 0..103 {
        let attempt = world.claim_one().await;
        world.start(attempt).await;
        let report = Report {
            returned: vec![attempt],
            ..Report::default()
        };
        world.report(report).await;
    }
    let past = find(&world, 1).await.past_attempts;
    let attempts: Vec<_> = past.iter().map(|past| past.attempt.0).collect();
    assert_eq!(attempts, (4..=103).collect::<Vec<_>>());
}
