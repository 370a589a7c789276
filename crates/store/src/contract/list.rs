//! Pages of jobs.

use super::fixture::{NOW, World, bytes, done, ended, failed, of, raised, set};
use crate::{JobFilter, Store, Submission};
use picloud_types::{Jid, JobSpec, JobState, Outcome, Timestamp};

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

/// Ids of all pages of a filter.
async fn every(world: &World<'_>, mut filter: JobFilter) -> Vec<i64> {
    let mut found = Vec::new();
    loop {
        let page = world.store.job_list(world.account, filter.clone(), 2).await;
        let page = page.expect("a page");
        found.extend(page.jobs.iter().map(|job| job.jid.0));
        match page.next {
            Some(next) => filter.before = Some(next),
            None => return found,
        }
    }
}

pub async fn the_last_page_says_that_it_is(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(3)).await;
    let page = |before| JobFilter {
        before,
        ..JobFilter::default()
    };
    let first = store.job_list(world.account, page(None), 2).await;
    assert_eq!(first.expect("a page").next, Some(Jid(2)));
    let last = store.job_list(world.account, page(Some(Jid(2))), 2).await;
    assert_eq!(last.expect("a page").next, None);
}

pub async fn core_types_maps_and_times_filter(store: &dyn Store) {
    let world = World::new(store).await;
    let later = |seconds: i64| Timestamp(NOW.0 + seconds * 1000);
    world.submit(world.jobs(2)).await;
    let memory = Submission {
        spec: JobSpec {
            core_type: "m1".to_owned(),
            ..world.jobs(1).spec
        },
        now: later(10),
        ..world.jobs(2)
    };
    world.submit(memory).await;
    let map = Submission {
        now: later(20),
        ..world.part(None, 3, 0, 1)
    };
    world.submit(map).await;
    let alone = Submission {
        now: later(30_000),
        ..world.jobs(1)
    };
    world.submit(alone).await;
    let late = Submission {
        now: later(60_000),
        ..world.part(Some(Jid(5)), 3, 1, 2)
    };
    world.submit(late).await;
    let all = JobFilter::default;
    let core_type = |name: &str| JobFilter {
        core_type: Some(name.to_owned()),
        ..all()
    };
    assert_eq!(every(&world, core_type("m1")).await, [4, 3]);
    assert_eq!(every(&world, core_type("c1")).await, [8, 7, 6, 5, 2, 1]);
    assert_eq!(every(&world, core_type("x")).await, [0; 0]);
    let map = |jid| JobFilter {
        map: Some(Jid(jid)),
        ..all()
    };
    assert_eq!(every(&world, map(5)).await, [7, 6, 5]);
    assert_eq!(every(&world, map(6)).await, [0; 0], "not the first of it");
    assert_eq!(every(&world, map(8)).await, [0; 0], "one is no map");
    let made = |from: Option<i64>, until: Option<i64>| JobFilter {
        created_from: from.map(later),
        created_until: until.map(later),
        ..all()
    };
    assert_eq!(every(&world, made(Some(10), Some(20))).await, [4, 3]);
    assert_eq!(every(&world, made(Some(30_000), None)).await, [8, 7, 6]);
    assert_eq!(
        every(&world, made(None, Some(30_000))).await,
        [5, 4, 3, 2, 1]
    );
    assert_eq!(every(&world, made(Some(60_000), None)).await, [7, 6]);
    assert_eq!(every(&world, made(Some(60_001), None)).await, [0; 0]);
    let both = JobFilter {
        core_type: Some("m1".to_owned()),
        ..made(None, Some(10))
    };
    assert_eq!(every(&world, both).await, [0; 0]);
}

fn text(text: &str) -> JobFilter {
    JobFilter {
        text: Some(text.to_owned()),
        ..JobFilter::default()
    }
}

/// Ends queued jobs with errors of these texts, oldest first.
async fn fail(world: &World<'_>, texts: &[&str]) {
    let jobs = world.claim(1000).await;
    let ends = jobs.iter().zip(texts).map(|(job, text)| {
        let mut failure = raised();
        failure.exception = (*text).to_owned();
        let outcome = Outcome::Failed {
            state: JobState::Error,
            failure,
            exception: bytes("pickled"),
        };
        ended(of(job), outcome)
    });
    world.finish(ends.collect()).await;
}

pub async fn a_text_is_found_in_functions_labels_and_errors(store: &dyn Store) {
    let world = World::new(store).await;
    let named = |label: Option<&str>, function: &str| Submission {
        spec: JobSpec {
            label: label.map(str::to_owned),
            function_name: function.to_owned(),
            ..world.jobs(1).spec
        },
        ..world.jobs(1)
    };
    world.submit(named(None, "train_model")).await;
    world.submit(named(Some("Train early"), "f")).await;
    world.submit(named(None, "g")).await;
    world.submit(named(None, "h")).await;
    let long = format!(
        "{}\nKeyError: the train left",
        "  at some line\n".repeat(200)
    );
    fail(&world, &["a", "b", &long, "Ärger: 100% of \"it's\" gone"]).await;
    assert_eq!(every(&world, text("TRAIN")).await, [3, 2, 1]);
    assert_eq!(every(&world, text("the train left")).await, [3]);
    assert_eq!(every(&world, text("train early")).await, [2]);
    assert_eq!(
        every(&world, text("valueerror")).await,
        [4, 3, 2, 1],
        "their type"
    );
    assert_eq!(every(&world, text("ÄRGER")).await, [4]);
    assert_eq!(every(&world, text("at some line\n  at some")).await, [3]);
    for absent in ["the train right", "trains", "left train"] {
        assert_eq!(every(&world, text(absent)).await, [0; 0], "{absent}");
    }
    // Signs that mean something to SQL or to a search.
    for literal in ["100% of", "\"it's\"", "it's\" gone", "% of \"it"] {
        assert_eq!(every(&world, text(literal)).await, [4], "{literal}");
    }
    for absent in [
        "100_ of",
        "1%0%",
        "\"gone\" OR \"left\"",
        "tra*",
        "err NOT x",
    ] {
        assert_eq!(every(&world, text(absent)).await, [0; 0], "{absent}");
    }
    let blue = JobFilter {
        function: Some("g".to_owned()),
        states: vec![JobState::Error],
        ..text("train")
    };
    assert_eq!(every(&world, blue).await, [3]);
}

pub async fn a_short_text_is_looked_for_in_names_only(store: &dyn Store) {
    let world = World::new(store).await;
    let named = Submission {
        spec: JobSpec {
            function_name: "go".to_owned(),
            ..world.jobs(1).spec
        },
        ..world.jobs(1)
    };
    world.submit(named).await;
    world.submit(world.jobs(1)).await;
    fail(&world, &["x", "gone"]).await;
    assert_eq!(every(&world, text("go")).await, [1]);
    assert_eq!(every(&world, text("gon")).await, [2]);
    assert_eq!(every(&world, text("")).await, [2, 1], "no text, no filter");
}

pub async fn errors_are_found_by_their_account_until_they_are_deleted(store: &dyn Store) {
    let world = World::new(store).await;
    let eve = world.another_account().await;
    world.submit(world.jobs(2)).await;
    let hers = Submission {
        account: eve,
        ..world.jobs(1)
    };
    world.submit(hers).await;
    fail(&world, &["the secret word", "something else", "her word"]).await;
    assert_eq!(every(&world, text("word")).await, [1]);
    let page = store.job_list(eve, text("secret"), 9).await;
    assert!(page.expect("a page").jobs.is_empty());
    let page = store.job_list(eve, text("word"), 9).await.expect("a page");
    assert_eq!(
        page.jobs.iter().map(|job| job.jid.0).collect::<Vec<_>>(),
        [3]
    );
    let deleted = store.job_delete(world.account, set("1")).await;
    assert_eq!(deleted.expect("ended"), 1);
    assert_eq!(every(&world, text("word")).await, [0; 0]);
}

pub async fn maps_are_one_row_in_grouped_lists(store: &dyn Store) {
    let world = World::new(store).await;
    world.submit(world.jobs(1)).await;
    world.submit(world.jobs(4)).await;
    world.submit(world.after(&set("5"), 3)).await;
    world.submit(world.jobs(2)).await;
    for job in world.claim(4).await {
        match job.jid.0 {
            2 => drop(world.finish(vec![done(of(&job))]).await),
            3 => drop(world.finish(vec![failed(of(&job))]).await),
            4 => world.start(of(&job)).await,
            _ => {}
        }
    }
    let grouped = async |filter: JobFilter| {
        let filter = JobFilter {
            grouped: true,
            ..filter
        };
        let page = store.job_list(world.account, filter, 9).await;
        let rows = page.expect("a page").jobs.into_iter();
        rows.map(|job| {
            (
                job.jid.0,
                job.map.and_then(|map| map.states).unwrap_or_default(),
            )
        })
        .collect::<Vec<_>>()
    };
    use JobState::{Claimed, Done, Error, Processing, Queued, Waiting};
    let of_two = vec![(Queued, 1), (Done, 1), (Error, 1), (Processing, 1)];
    let sorted = |mut states: Vec<(JobState, u64)>| {
        states.sort();
        states
    };
    let first_map = (5, sorted(of_two));
    assert_eq!(
        grouped(JobFilter::default()).await,
        [
            (10, vec![(Queued, 2)]),
            (8, vec![(Waiting, 3)]),
            first_map.clone(),
            (1, vec![])
        ]
    );
    // The row is that of the newest job that is asked for; the counts are those of all.
    let errors = JobFilter {
        states: vec![Error, Claimed],
        ..JobFilter::default()
    };
    assert_eq!(
        grouped(errors).await,
        [(3, first_map.1.clone()), (1, vec![])]
    );
    let pages = JobFilter {
        grouped: true,
        ..JobFilter::default()
    };
    assert_eq!(every(&world, pages).await, [10, 8, 5, 1]);
}
