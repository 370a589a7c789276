//! Tests that a long queue and a long past cost nothing: the steps of SQLite's virtual machine
//! are counted, which is the same on every machine.

use super::{
    Options, SqliteStore, Writing, claim, look, readers::Reader, readers::Size, report, specs,
    submit,
};
use crate::{
    AttemptOf, Finished, Pick, Report, Result, Store,
    contract::{NOW, World},
};
use picloud_types::{Jid, JidSet, Outcome, Payload, Usage};
use rusqlite::Connection;
use std::cell::Cell;

thread_local! {
    /// Steps of connections used on this thread.
    static STEPS: Cell<u64> = const { Cell::new(0) };
}

/// Called for each connection that tests open.
pub(super) fn count_steps(db: &mut Connection) -> Result<()> {
    let count_one = || {
        STEPS.set(STEPS.get() + 1);
        false
    };
    Ok(db.progress_handler(1, Some(count_one))?)
}

/// Steps that `work` takes.
pub(super) fn steps<T>(work: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let before = STEPS.get();
    let done = work()?;
    Ok((done, STEPS.get() - before))
}

/// What each hot verb costs on a store as it is: backlog, submit, claim, report, results.
async fn costs(store: &SqliteStore, world: &World<'_>) -> [u64; 5] {
    let backlog = |reader: &mut Reader| steps(|| claim::backlog(reader, 10));
    let (groups, backlog) = store
        .readers
        .read(Size::Many, backlog)
        .await
        .expect("a backlog");

    let (account, worker) = (world.account, world.worker);
    let submission = world.jobs(5);
    let prepared = specs::Prepared::new(&submission.spec, &submission.function, &submission.blobs);
    let submitting = move |w: &mut Writing<'_>| steps(|| submit::submit(w, &submission, &prepared));
    let (_, submit) = store.write(true, submitting).await.expect("submitted");

    let pick = Pick {
        account,
        class: groups[0].class,
        priority: groups[0].priority,
        limit: 5,
    };
    let claiming = move |w: &mut Writing<'_>| steps(|| claim::claim(w, worker, &[pick]));
    let (claimed, claim) = store.write(true, claiming).await.expect("claimed");

    let first = claimed.jobs[0].jid;
    let finished = claimed
        .jobs
        .iter()
        .map(|job| {
            done(AttemptOf {
                jid: job.jid,
                attempt: job.attempt,
            })
        })
        .collect();
    let ending = Report {
        finished,
        ..Report::default()
    };
    let reporting = move |w: &mut Writing<'_>| steps(|| report::report(w, worker, &ending, NOW));
    let (_, report) = store.write(true, reporting).await.expect("reported");

    let looking = move |reader: &mut Reader| {
        steps(|| look::results(&reader.db, account, &JidSet::range(first, 5), 5, 1000))
    };
    let (results, looked) = store
        .readers
        .read(Size::Many, looking)
        .await
        .expect("results");
    assert_eq!(results.len(), 5);
    [backlog, submit, claim, report, looked]
}

fn done(of: AttemptOf) -> Finished {
    let outcome = Outcome::Done {
        result: Payload::empty(),
    };
    Finished {
        of,
        outcome,
        started: NOW,
        finished: NOW,
        usage: Usage::default(),
        profile: None,
    }
}

#[tokio::test]
async fn hot_verbs_cost_the_same_beside_thousands_of_queued_and_finished_jobs() {
    let directory = tempfile::tempdir().expect("a directory");
    let store =
        SqliteStore::open(&Options::new(directory.path().join("picloud.db"))).expect("a store");
    let world = World::new(&store).await;
    world.submit(world.jobs(50)).await;
    // Once before it counts: the first time, statements are prepared and the schema is read.
    costs(&store, &world).await;
    let small = costs(&store, &world).await;
    world.submit(world.jobs(3000)).await;
    let killed = JidSet::range(Jid(200), 2500);
    store
        .job_kill(world.account, Some(killed), NOW)
        .await
        .expect("killed");
    world.submit(world.jobs(3000)).await;
    let large = costs(&store, &world).await;
    for (verb, (small, large)) in ["backlog", "submit", "claim", "report", "results"]
        .iter()
        .zip(small.iter().zip(large))
    {
        assert!(*small > 10, "{verb} is counted");
        assert!(
            large <= small + small / 10,
            "{verb} took {small} steps, then {large}"
        );
    }
    store.close().await;
}
