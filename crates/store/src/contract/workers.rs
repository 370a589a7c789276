//! Lives of workers.

use super::fixture::{NOW, World, about, done, of, set};
use crate::{Report, Store, Submission};
use picloud_types::{
    Attempt, Jid, JobSpec, JobState, Timestamp, Verdict, WorkerId, api::workers::WorkerPython,
};
use std::time::Duration;

fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

fn once_only(submission: Submission) -> Submission {
    let spec = JobSpec {
        restartable: false,
        ..submission.spec.clone()
    };
    Submission { spec, ..submission }
}

pub async fn lives_are_listed_with_what_they_run(store: &dyn Store) {
    let python = WorkerPython {
        version: "3.11".to_owned(),
        full_version: "3.11.7".to_owned(),
        executable: "/usr/bin/python3".to_owned(),
        packages: Vec::new(),
    };
    let about = crate::WorkerNew {
        pythons: vec![python.clone()],
        ..about("first")
    };
    let first = store
        .worker_register(about, later(10), NOW)
        .await
        .expect("welcome")
        .worker;
    let world = World::new(store).await;
    let workers = store.worker_list(NOW).await.expect("a read");
    let alive: Vec<_> = workers.iter().map(|worker| worker.id).collect();
    assert_eq!(
        alive,
        [world.worker],
        "the earlier life of that name ended at NOW, not after"
    );

    world.submit(world.jobs(3)).await;
    let jobs = world.claim(2).await;
    world.start(of(&jobs[0])).await;
    let workers = store.worker_list(Timestamp(0)).await.expect("a read");
    assert_eq!(
        (workers[0].id, workers[0].ended, workers[0].running),
        (first, Some(NOW), 0)
    );
    assert_eq!(
        (workers[0].started, workers[0].lease_until),
        (NOW, later(10))
    );
    assert_eq!(workers[0].about.pythons, [python]);
    assert_eq!(
        (workers[1].id, workers[1].ended, workers[1].running),
        (world.worker, None, 2)
    );
    let about = &workers[1].about;
    assert_eq!(
        (
            about.name.as_str(),
            about.hostname.as_str(),
            about.version.as_str()
        ),
        ("first", "first.example", "1.2.3")
    );
    assert_eq!((about.cpus, about.memory_bytes), (4, 8 << 30));
    assert!((about.compute_units - 10.5).abs() < f64::EPSILON);
}

pub async fn a_new_life_ends_the_old_one_of_its_name(store: &dyn Store) {
    let world = World::new(store).await;
    world.another_worker().await;
    world.submit(world.jobs(1)).await;
    let job = world.claim_one().await;
    let registered = store
        .worker_register(about("first"), later(10), NOW)
        .await
        .expect("welcome");
    assert_ne!(registered.worker, world.worker);
    assert_eq!(registered.ended.workers, [world.worker]);
    assert_eq!(registered.ended.requeued, [job.jid]);
    assert_eq!(world.state(job.jid).await, JobState::Queued);
}

pub async fn leases_are_extended_and_the_gone_are_named(store: &dyn Store) {
    let world = World::new(store).await;
    let short = store
        .worker_register(about("short"), later(10), NOW)
        .await
        .expect("welcome")
        .worker;
    let asked = vec![short, WorkerId(99), world.worker];
    assert_eq!(
        store.worker_renew(asked, later(20)).await.expect("renewed"),
        [WorkerId(99)]
    );
    assert_eq!(
        store.worker_expire(later(15)).await.expect("swept").workers,
        []
    );
    store
        .worker_renew(vec![short], later(5))
        .await
        .expect("renewed");
    assert_eq!(
        store.worker_expire(later(15)).await.expect("swept").workers,
        [],
        "a lease never gets shorter"
    );
    assert_eq!(
        store.worker_expire(later(21)).await.expect("swept").workers,
        [short]
    );
    assert_eq!(
        store
            .worker_renew(vec![short], later(30))
            .await
            .expect("renewed"),
        [short],
        "over is over"
    );
}

pub async fn a_lease_that_ran_out_gives_the_jobs_back(store: &dyn Store) {
    let world = World::new(store).await;
    let lost = store
        .worker_register(about("lost"), later(10), NOW)
        .await
        .expect("welcome")
        .worker;
    world.submit(world.jobs(3)).await;
    let jobs = world.claim_for(lost, 2).await;
    let started = vec![crate::Started {
        of: of(&jobs[0]),
        at: NOW,
    }];
    store
        .job_report(
            lost,
            Report {
                started,
                ..Report::default()
            },
            NOW,
        )
        .await
        .expect("alive");
    let ended = store.worker_expire(later(11)).await.expect("swept");
    assert_eq!(
        (ended.workers, ended.requeued),
        (vec![lost], vec![Jid(1), Jid(2)])
    );
    assert_eq!(ended.ended, []);
    assert_eq!(world.states(&set("1-3")).await, [JobState::Queued; 3]);
    assert_eq!(
        world.attempt(Jid(1)).await,
        Attempt(1),
        "the next claim counts it up"
    );
    let job = store
        .job_find(world.account, set("1"))
        .await
        .expect("known");
    assert_eq!((job[0].started, job[0].worker), (None, None));
    let again = world.claim(10).await;
    let attempts: Vec<_> = again.iter().map(|job| (job.jid.0, job.attempt.0)).collect();
    assert_eq!(attempts, [(1, 2), (2, 2), (3, 1)]);
}

pub async fn a_lost_worker_ends_what_may_not_start_twice(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(once_only(world.jobs(3))).await;
    let jobs = world.claim(2).await;
    world.start(of(&jobs[0])).await;
    let ended = store.worker_end(world.worker, NOW).await.expect("ended");
    assert_eq!(ended.requeued, []);
    assert_eq!(
        ended.ended,
        [(world.account, Jid(1)), (world.account, Jid(2))]
    );
    assert_eq!(
        world.states(&set("1-3")).await,
        [JobState::Error, JobState::Error, JobState::Queued]
    );
    let results = store
        .job_results(world.account, set("1-2"), 9, 999)
        .await
        .expect("known");
    for result in results {
        assert_eq!(
            result.failure.expect("a failure").verdict,
            Verdict::WorkerLost
        );
    }
}

pub async fn a_lost_worker_ends_what_was_to_be_killed(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    world.submit(once_only(world.jobs(1))).await;
    world.claim(10).await;
    store
        .job_kill(world.account, Some(set("1,3")), NOW)
        .await
        .expect("asked");
    let ended = store.worker_end(world.worker, NOW).await.expect("ended");
    assert_eq!((ended.requeued, ended.ended.len()), (vec![Jid(2)], 2));
    assert_eq!(
        world.states(&set("1-3")).await,
        [JobState::Killed, JobState::Queued, JobState::Killed]
    );
}

pub async fn ending_a_life_twice_does_nothing(store: &dyn Store) {
    let world = World::new(store).await;
    assert_eq!(
        store
            .worker_end(world.worker, NOW)
            .await
            .expect("ended")
            .workers,
        [world.worker]
    );
    assert_eq!(
        store
            .worker_end(world.worker, later(5))
            .await
            .expect("ended")
            .workers,
        []
    );
    assert_eq!(
        store
            .worker_end(WorkerId(99), NOW)
            .await
            .expect("nothing to do")
            .workers,
        []
    );
    assert_eq!(
        store.worker_list(Timestamp(0)).await.expect("a read")[0].ended,
        Some(NOW)
    );
}

pub async fn what_a_worker_holds_is_listed_until_it_ends(store: &dyn Store) {
    let world = World::new(store).await;
    let holds = async |worker| store.worker_holds(worker).await.expect("a read");
    world.submit(world.jobs(3)).await;
    let jobs = world.claim(2).await;
    let other = world.another_worker().await;
    let others = world.claim_for(other, 1).await;
    world.start(of(&jobs[0])).await;
    assert_eq!(holds(world.worker).await, [of(&jobs[0]), of(&jobs[1])]);
    assert_eq!(holds(other).await, [of(&others[0])]);
    world.finish(vec![done(of(&jobs[0]))]).await;
    assert_eq!(holds(world.worker).await, [of(&jobs[1])]);
    store.worker_end(world.worker, NOW).await.expect("ended");
    assert_eq!(holds(world.worker).await, []);
}

pub async fn a_worker_serves_the_accounts_whose_jobs_it_holds(store: &dyn Store) {
    let world = World::new(store).await;
    let stranger = world.another_account().await;
    let serves = async |worker, account| store.worker_serves(worker, account).await.expect("read");
    world.submit(world.jobs(2)).await;
    assert!(!serves(world.worker, world.account).await, "only queued");
    let jobs = world.claim(1).await;
    let other = world.another_worker().await;
    assert!(serves(world.worker, world.account).await);
    assert!(!serves(other, world.account).await);
    assert!(!serves(world.worker, stranger).await);
    world.start(of(&jobs[0])).await;
    assert!(serves(world.worker, world.account).await);
    world.finish(vec![done(of(&jobs[0]))]).await;
    assert!(!serves(world.worker, world.account).await);
}

pub async fn what_a_lost_worker_ends_reaches_dependents(store: &dyn Store) {
    let world = World::new(store).await;
    let first = world.make(once_only(world.jobs(1))).await;
    world.submit(world.after(&first, 1)).await;
    let second = world.make(world.jobs(1)).await;
    world.submit(world.after(&second, 1)).await;
    world.claim(10).await;
    let ended = store.worker_end(world.worker, NOW).await.expect("ended");
    assert_eq!(
        ended.ended,
        [(world.account, Jid(1)), (world.account, Jid(2))]
    );
    let states = world.states(&set("1-4")).await;
    assert_eq!(
        states,
        [
            JobState::Error,
            JobState::Stalled,
            JobState::Queued,
            JobState::Waiting
        ]
    );
    let worker = world.another_worker().await;
    let job = world.claim_for(worker, 1).await;
    store
        .job_report(
            worker,
            Report {
                finished: vec![done(of(&job[0]))],
                ..Report::default()
            },
            NOW,
        )
        .await
        .expect("alive");
    assert_eq!(world.state(Jid(4)).await, JobState::Queued);
}
