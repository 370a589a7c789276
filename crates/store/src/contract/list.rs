//! Pages of jobs.

use super::fixture::{NOW, World, done, failed, of, set};
use crate::{JobFilter, Store, Submission};
use picloud_types::{Jid, JobSpec, JobState};

async fn list(world: &World<'_>, filter: JobFilter) -> Vec<i64> {
    let page = world
        .store
        .job_list(world.account, filter, 100)
        .await
        .expect("a page");
    page.jobs.into_iter().map(|job| job.jid.0).collect()
}

pub async fn pages_go_from_new_to_old(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(7)).await;
    let mut before = None;
    let mut pages = Vec::new();
    loop {
        let filter = JobFilter {
            before,
            ..JobFilter::default()
        };
        let page = store
            .job_list(world.account, filter, 3)
            .await
            .expect("a page")
            .jobs;
        let Some(last) = page.last() else { break };
        before = Some(last.jid);
        pages.push(page.iter().map(|job| job.jid.0).collect::<Vec<_>>());
    }
    assert_eq!(pages, [vec![7, 6, 5], vec![4, 3, 2], vec![1]]);
}

/// Jobs 1 and 2 plain, 3 and 4 labelled, 5 and 6 of another function, 7 a child of 1;
/// 1 and 3 are done, 2 and 5 failed, 4 is killed, the rest is queued.
async fn seven(world: &World<'_>) {
    let spec = |label: Option<&str>, function: &str| JobSpec {
        label: label.map(str::to_owned),
        function_name: function.to_owned(),
        ..world.jobs(1).spec
    };
    world
        .submit(Submission {
            spec: spec(None, "f"),
            ..world.jobs(2)
        })
        .await;
    world
        .submit(Submission {
            spec: spec(Some("blue"), "f"),
            ..world.jobs(2)
        })
        .await;
    world
        .submit(Submission {
            spec: spec(Some("blue"), "g"),
            ..world.jobs(2)
        })
        .await;
    world
        .submit(Submission {
            spec: spec(None, "f"),
            parent: Some(Jid(1)),
            ..world.jobs(1)
        })
        .await;
    world
        .store
        .job_kill(world.account, Some(set("4")), NOW)
        .await
        .expect("killed");
    for job in world.claim(10).await {
        match job.jid.0 {
            1 | 3 => drop(world.finish(vec![done(of(&job))]).await),
            2 | 5 => drop(world.finish(vec![failed(of(&job))]).await),
            _ => {}
        }
    }
}

pub async fn states_labels_functions_and_parents_filter(store: &dyn Store) {
    let world = World::new(store).await;
    seven(&world).await;
    let all = JobFilter::default;
    let label = |label: &str| JobFilter {
        label: Some(label.to_owned()),
        ..all()
    };
    let function = |function: &str| JobFilter {
        function: Some(function.to_owned()),
        ..all()
    };
    let states = |states: &[JobState]| JobFilter {
        states: states.to_vec(),
        ..all()
    };
    assert_eq!(list(&world, all()).await, [7, 6, 5, 4, 3, 2, 1]);
    assert_eq!(list(&world, label("blue")).await, [6, 5, 4, 3]);
    assert_eq!(list(&world, label("red")).await, [0_i64; 0]);
    assert_eq!(list(&world, function("g")).await, [6, 5]);
    assert_eq!(
        list(
            &world,
            JobFilter {
                parent: Some(Jid(1)),
                ..all()
            }
        )
        .await,
        [7]
    );
    assert_eq!(list(&world, states(&[JobState::Done])).await, [3, 1]);
    assert_eq!(
        list(&world, states(&[JobState::Error, JobState::Killed])).await,
        [5, 4, 2]
    );
    assert_eq!(
        list(&world, states(&[JobState::Queued, JobState::Claimed])).await,
        [7, 6]
    );
    assert_eq!(
        list(
            &world,
            states(&[JobState::Done, JobState::Claimed, JobState::Killed])
        )
        .await,
        [7, 6, 4, 3, 1]
    );
}

pub async fn filters_combine(store: &dyn Store) {
    let world = World::new(store).await;
    seven(&world).await;
    let blue = || JobFilter {
        label: Some("blue".to_owned()),
        ..JobFilter::default()
    };
    assert_eq!(
        list(
            &world,
            JobFilter {
                function: Some("g".to_owned()),
                ..blue()
            }
        )
        .await,
        [6, 5]
    );
    assert_eq!(
        list(
            &world,
            JobFilter {
                before: Some(Jid(6)),
                ..blue()
            }
        )
        .await,
        [5, 4, 3]
    );
    assert_eq!(
        list(
            &world,
            JobFilter {
                states: vec![JobState::Error],
                ..blue()
            }
        )
        .await,
        [5]
    );
    assert_eq!(
        list(
            &world,
            JobFilter {
                states: vec![JobState::Claimed],
                ..blue()
            }
        )
        .await,
        [6]
    );
    assert_eq!(
        list(
            &world,
            JobFilter {
                parent: Some(Jid(1)),
                ..blue()
            }
        )
        .await,
        [0_i64; 0]
    );
    let child = JobFilter {
        parent: Some(Jid(1)),
        function: Some("f".to_owned()),
        ..JobFilter::default()
    };
    assert_eq!(list(&world, child).await, [7]);
}
