//! Handing jobs out.

use super::fixture::{NOW, World, assert_refused, bytes, done, of, set};
use crate::{Pick, Store, StoreError, Submission};
use picloud_types::{Attempt, Jid, JobSpec, JobState, WorkerId};
use std::collections::BTreeSet;

fn prior(submission: Submission, priority: i32) -> Submission {
    let spec = JobSpec {
        priority,
        ..submission.spec.clone()
    };
    Submission { spec, ..submission }
}

pub async fn the_backlog_lists_groups_with_counts_up_to_the_cap(store: &dyn Store) {
    let world = World::new(store).await;
    let other = world.another_account().await;
    world.submit(world.jobs(5)).await;
    world.submit(prior(world.jobs(2), 1)).await;
    world
        .submit(Submission {
            account: other,
            ..world.jobs(1)
        })
        .await;
    let spec = JobSpec {
        cores: 4,
        core_type: "c2".to_owned(),
        ..world.jobs(1).spec
    };
    world
        .submit(Submission {
            spec: spec.clone(),
            ..world.jobs(1)
        })
        .await;
    let mut backlog = store.backlog(3).await.expect("a read");
    backlog.sort_by_key(|group| group.oldest);
    let seen: Vec<_> = backlog
        .iter()
        .map(|g| (g.account, g.priority, g.count, g.oldest.0))
        .collect();
    let ada = world.account;
    assert_eq!(
        seen,
        [
            (ada, 5, 3, 1),
            (ada, 1, 2, 6),
            (other, 5, 1, 8),
            (ada, 5, 1, 9)
        ]
    );
    assert_eq!(backlog[3].requirements, spec.requirements());
    assert_eq!(
        backlog[0].class, backlog[2].class,
        "classes are about machines, not accounts"
    );
    assert_ne!(backlog[0].class, backlog[3].class);
    world.claim(10).await;
    assert_eq!(store.backlog(3).await.expect("a read"), []);
}

pub async fn the_backlog_says_what_an_account_runs(store: &dyn Store) {
    let world = World::new(store).await;
    let other = world.another_account().await;
    world.submit(world.jobs(5)).await;
    world.submit(prior(world.jobs(1), 6)).await;
    world
        .submit(Submission {
            account: other,
            ..prior(world.jobs(1), 7)
        })
        .await;
    let class = store.backlog(1).await.expect("a read")[0].class;
    let pick = Pick {
        account: world.account,
        class,
        priority: 5,
        limit: 3,
    };
    let claimed = store
        .job_claim(world.worker, vec![pick], NOW)
        .await
        .expect("a claim")
        .jobs;
    world.start(of(&claimed[0])).await;
    world.finish(vec![done(of(&claimed[1]))]).await;
    let mut backlog = store.backlog(10).await.expect("a read");
    backlog.sort_by_key(|group| group.priority);
    let running: Vec<_> = backlog
        .iter()
        .map(|g| (g.account, g.priority, g.running))
        .collect();
    assert_eq!(
        running,
        [(world.account, 5, 2), (world.account, 6, 2), (other, 7, 0)]
    );
}

pub async fn the_oldest_are_taken_first_with_arguments_and_specs(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(3)).await;
    let backlog = store.backlog(10).await.expect("a read");
    let pick = Pick {
        account: world.account,
        class: backlog[0].class,
        priority: 5,
        limit: 2,
    };
    let claimed = store
        .job_claim(world.worker, vec![pick], NOW)
        .await
        .expect("a claim");
    let seen: Vec<_> = claimed
        .jobs
        .iter()
        .map(|job| (job.jid, job.attempt, job.account, job.args.clone()))
        .collect();
    let ada = world.account;
    assert_eq!(
        seen,
        [
            (Jid(1), Attempt(1), ada, bytes("0")),
            (Jid(2), Attempt(1), ada, bytes("1"))
        ]
    );
    assert_eq!(claimed.specs.len(), 1);
    let spec = &claimed.specs[0];
    assert_eq!(
        (spec.id, spec.account, spec.class),
        (claimed.jobs[0].spec, ada, backlog[0].class)
    );
    assert_eq!(
        (&spec.spec, &spec.function),
        (&world.jobs(1).spec, &bytes("pickled function"))
    );
    assert_eq!(
        world.states(&set("1-3")).await,
        [JobState::Claimed, JobState::Claimed, JobState::Queued]
    );
}

pub async fn a_pick_takes_its_own_group_only(store: &dyn Store) {
    let world = World::new(store).await;
    let other = world.another_account().await;
    world.submit(world.jobs(1)).await;
    world.submit(prior(world.jobs(1), 1)).await;
    world
        .submit(Submission {
            account: other,
            ..world.jobs(1)
        })
        .await;
    let class = store.backlog(10).await.expect("a read")[0].class;
    let pick = |account, priority| Pick {
        account,
        class,
        priority,
        limit: 10,
    };
    let mut taken = Vec::new();
    for pick in [
        pick(world.account, 1),
        pick(world.account, 9),
        pick(other, 5),
        pick(world.account, 5),
    ] {
        let claimed = store
            .job_claim(world.worker, vec![pick], NOW)
            .await
            .expect("a claim");
        taken.push(claimed.jobs.iter().map(|job| job.jid.0).collect::<Vec<_>>());
    }
    assert_eq!(taken, [vec![2], vec![], vec![3], vec![1]]);
}

pub async fn of_racing_claims_each_job_goes_to_one(store: &dyn Store) {
    let world = World::new(store).await;
    let second = world.another_worker().await;
    world.submit(world.jobs(200)).await;
    let class = store.backlog(1).await.expect("a read")[0].class;
    let pick = Pick {
        account: world.account,
        class,
        priority: 5,
        limit: 7,
    };
    let claim = async |worker: WorkerId| {
        let mut taken = Vec::new();
        loop {
            let claimed = store
                .job_claim(worker, vec![pick.clone()], NOW)
                .await
                .expect("a claim");
            if claimed.jobs.is_empty() {
                return taken;
            }
            taken.extend(claimed.jobs.iter().map(|job| job.jid));
        }
    };
    let (a, b, c) = tokio::join!(claim(world.worker), claim(second), claim(world.worker));
    let all: Vec<Jid> = [a, b, c].concat();
    assert_eq!(all.len(), 200);
    assert_eq!(
        all.into_iter().collect::<BTreeSet<_>>().len(),
        200,
        "none was handed out twice"
    );
}

pub async fn a_dead_worker_gets_nothing(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    let class = store.backlog(1).await.expect("a read")[0].class;
    store.worker_end(world.worker, NOW).await.expect("ended");
    for worker in [world.worker, WorkerId(99)] {
        let pick = Pick {
            account: world.account,
            class,
            priority: 5,
            limit: 1,
        };
        let claim = store.job_claim(worker, vec![pick], NOW).await;
        assert_refused!(claim, StoreError::WorkerUnknown(gone) if gone == worker);
    }
    assert_eq!(world.state(Jid(1)).await, JobState::Queued);
}
