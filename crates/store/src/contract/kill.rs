//! Ending jobs because their owner says so.

use super::fixture::{NOW, World, assert_refused, done, ended, failed, of, raised, set};
use crate::{Report, Store, StoreError, Submission};
use picloud_types::{DependencyErrors, Jid, JidSet, JobSpec, JobState, Outcome, Payload, Verdict};

async fn kill(world: &World<'_>, jids: &str) -> crate::Kill {
    world
        .store
        .job_kill(world.account, Some(set(jids)), NOW)
        .await
        .expect("known jobs")
}

pub async fn a_queued_job_is_killed_at_once(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let killed = kill(&world, "1").await;
    assert_eq!(
        (killed.ended, killed.killed, killed.running),
        (vec![(world.account, Jid(1))], 1, vec![])
    );
    assert_eq!(
        world.states(&set("1-2")).await,
        [JobState::Killed, JobState::Queued]
    );
    let results = store
        .job_results(world.account, set("1"), 1, 100)
        .await
        .expect("known");
    assert_eq!(
        results[0].failure.clone().expect("a failure").verdict,
        Verdict::Killed
    );
    assert_eq!(world.claim(10).await.len(), 1, "no attempt of it starts");
}

pub async fn a_waiting_job_is_killed_and_its_gate_goes(store: &dyn Store) {
    let world = World::new(store).await;
    let first = world.make(world.jobs(1)).await;
    world.submit(world.after(&first, 2)).await;
    assert_eq!(kill(&world, "2").await.killed, 1);
    world.run_all().await;
    assert_eq!(
        world.states(&set("2-3")).await,
        [JobState::Killed, JobState::Queued],
        "its sibling goes on"
    );
}

pub async fn a_claimed_or_processing_job_gets_a_request(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let jobs = world.claim(2).await;
    world.start(of(&jobs[1])).await;
    let killed = kill(&world, "1-2").await;
    assert_eq!((killed.ended, killed.killed), (vec![], 2));
    let mut running = killed.running;
    running.sort_by_key(|(of, _)| of.jid);
    assert_eq!(
        running,
        [(of(&jobs[0]), world.worker), (of(&jobs[1]), world.worker)]
    );
    assert_eq!(
        world.states(&set("1-2")).await,
        [JobState::Claimed, JobState::Processing]
    );
    let details = store
        .job_find(world.account, set("1-2"))
        .await
        .expect("known");
    assert!(details.iter().all(|job| job.kill_requested));
    assert_eq!(
        kill(&world, "1-2").await.running.len(),
        2,
        "asked again, they are still running"
    );

    let interrupted = Outcome::Failed {
        state: JobState::Killed,
        failure: raised(),
        exception: Payload::empty(),
    };
    world
        .finish(vec![ended(of(&jobs[1]), interrupted), done(of(&jobs[0]))])
        .await;
    assert_eq!(
        world.states(&set("1-2")).await,
        [JobState::Done, JobState::Killed],
        "what the worker says counts"
    );
}

pub async fn a_finished_job_stays_as_it_is(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let jobs = world.claim(2).await;
    world
        .finish(vec![done(of(&jobs[0])), failed(of(&jobs[1]))])
        .await;
    let killed = kill(&world, "1-2").await;
    assert_eq!(
        (killed.ended, killed.killed, killed.running),
        (vec![], 0, vec![])
    );
    assert_eq!(
        world.states(&set("1-2")).await,
        [JobState::Done, JobState::Error]
    );
}

pub async fn a_kill_acknowledged_is_listed_no_more(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(3)).await;
    let jobs = world.claim(3).await;
    let kills = async || store.worker_kills(world.worker).await.expect("a read");
    assert_eq!(kills().await, []);
    kill(&world, "1-2").await;
    assert_eq!(kills().await, [of(&jobs[0]), of(&jobs[1])]);
    let seen = Report {
        kills_seen: vec![of(&jobs[0])],
        ..Report::default()
    };
    assert_eq!(world.report(seen).await.refused, []);
    assert_eq!(kills().await, [of(&jobs[1])]);
    kill(&world, "1").await;
    assert_eq!(
        kills().await,
        [of(&jobs[1])],
        "a second request needs no second acknowledgement"
    );
    world.finish(vec![done(of(&jobs[1]))]).await;
    assert_eq!(kills().await, [], "an ended job needs no kill");
}

pub async fn a_killed_job_is_never_queued_again(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    let job = world.claim_one().await;
    kill(&world, "1").await;
    let returned = world
        .report(Report {
            returned: vec![job],
            kills_seen: vec![job],
            ..Report::default()
        })
        .await;
    assert_eq!(returned.refused, []);
    assert_eq!(
        (returned.ended, returned.queued),
        (vec![(world.account, job.jid)], false)
    );
    assert_eq!(world.state(job.jid).await, JobState::Killed);
    assert_eq!(store.backlog(10).await.expect("a read"), []);
}

pub async fn dependents_of_killed_jobs_stall_or_go_on(store: &dyn Store) {
    let world = World::new(store).await;
    let first = world.make(world.jobs(1)).await;
    world.submit(world.after(&first, 1)).await;
    let spec = JobSpec {
        depends_on_errors: DependencyErrors::Ignore,
        ..world.jobs(1).spec
    };
    world
        .submit(Submission {
            spec,
            ..world.after(&first, 1)
        })
        .await;
    let killed = kill(&world, "1").await;
    let ada = world.account;
    assert_eq!(
        killed.ended,
        [(ada, Jid(1)), (ada, Jid(2))],
        "with consequences"
    );
    assert_eq!(killed.killed, 1, "consequences are not kills");
    assert!(killed.queued);
    assert_eq!(
        world.states(&set("1-3")).await,
        [JobState::Killed, JobState::Stalled, JobState::Queued]
    );
}

pub async fn killing_a_chain_kills_every_part(store: &dyn Store) {
    let world = World::new(store).await;
    let first = world.make(world.jobs(1)).await;
    let second = world.make(world.after(&first, 1)).await;
    world.submit(world.after(&second, 2)).await;
    assert_eq!(kill(&world, "1-4").await.killed, 4);
    assert_eq!(
        world.states(&set("1-4")).await,
        [JobState::Killed; 4],
        "none of them is called stalled"
    );
}

pub async fn unknown_ids_stop_the_whole_kill(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(2)).await;
    let refused = store
        .job_kill(world.account, Some(set("1-2,9,5")), NOW)
        .await;
    assert_refused!(refused, StoreError::JobUnknown(Jid(9)));
    assert_eq!(world.states(&set("1-2")).await, [JobState::Queued; 2]);
    let nothing = store
        .job_kill(world.account, Some(JidSet::default()), NOW)
        .await
        .expect("an empty list is fine");
    assert_eq!(nothing.killed, 0);
    assert_eq!(world.states(&set("1-2")).await, [JobState::Queued; 2]);
}

pub async fn without_ids_everything_is_killed(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(3)).await;
    let jobs = world.claim(2).await;
    world.finish(vec![done(of(&jobs[0]))]).await;
    world.submit(world.after(&set("2-3"), 1)).await;
    let killed = store
        .job_kill(world.account, None, NOW)
        .await
        .expect("killed");
    assert_eq!(
        (killed.killed, killed.running),
        (3, vec![(of(&jobs[1]), world.worker)])
    );
    let states = world.states(&set("1-4")).await;
    assert_eq!(
        states,
        [
            JobState::Done,
            JobState::Claimed,
            JobState::Killed,
            JobState::Killed
        ]
    );
}

pub async fn more_jobs_than_one_transaction_takes_are_killed(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(9_000)).await;
    world.submit(world.after(&set("1-9000"), 1)).await;
    let killed = kill(&world, "1-3,5-9001,3").await;
    assert_eq!((killed.killed, killed.ended.len()), (9_000, 9_000));
    let counts = store.job_counts().await.expect("a read");
    assert!(
        counts.contains(&(JobState::Killed, 9_000)) && counts.contains(&(JobState::Queued, 1)),
        "{counts:?}"
    );
    assert_eq!(world.state(Jid(4)).await, JobState::Queued);
}
