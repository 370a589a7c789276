//! Tests that many crons and long histories cost nothing: as for jobs, the steps of SQLite's virtual machine are counted.

use super::{
    Options, SqliteStore, Writing, crons,
    readers::{Reader, Size},
    scale::steps,
};
use crate::{
    CronFire, CronId, CronNew, CronStore, Result, Store,
    contract::{NOW, World, queue_fixture::later},
};
use picloud_types::{AccountId, Timestamp, api::crons::Overlap};

const VERBS: [&str; 7] = ["due", "next", "find", "fire", "run", "change", "firings"];
/// Records of one cron that are kept.
const FIRINGS: i64 = 1_000;

async fn writing<T: Send + 'static>(
    store: &SqliteStore,
    work: impl FnOnce(&mut Writing<'_>) -> Result<T> + Send + 'static,
) -> (T, u64) {
    let counted = store.write(true, move |w| steps(|| work(w))).await;
    counted.expect("a write")
}

async fn reading<T: Send + 'static>(
    store: &SqliteStore,
    work: impl FnOnce(&mut Reader) -> Result<T> + Send + 'static,
) -> (T, u64) {
    let counted = store.read(Size::Many, move |r| steps(|| work(r))).await;
    counted.expect("a read")
}

fn new_one(world: &World<'_>, label: &str, next: Option<Timestamp>) -> CronNew {
    let submission = world.jobs(1);
    CronNew {
        account: world.account,
        label: label.to_owned(),
        spec: submission.spec,
        function: submission.function,
        args: submission.args[0].clone(),
        blobs: Vec::new(),
        schedule: "* * * * *".to_owned(),
        timezone: "UTC".to_owned(),
        overlap: Overlap::Queue,
        creator_host: None,
        next,
        now: NOW,
    }
}

/// What each verb costs on a store as it is; the cron is due at `tick`, before all others.
async fn costs(store: &SqliteStore, account: AccountId, tick: Timestamp) -> [u64; 7] {
    let (due, looking) = reading(store, move |r| crons::due(r, later(10_000_000), 1)).await;
    assert_eq!(due[0].label, "counted");
    let (_, next) = reading(store, |r| crons::next(&r.db)).await;
    let (_, finding) = reading(store, move |r| crons::find(r, account, "counted")).await;
    let fire = CronFire {
        id: due[0].id,
        tick,
        next: Some(Timestamp(tick.0 + 1)),
        missed: None,
        now: tick,
    };
    let (_, firing) = writing(store, move |w| crons::fire(w, &fire)).await;
    let (_, running) = writing(store, move |w| crons::run(w, account, "counted", tick)).await;
    let set = crate::CronSet {
        overlap: Some(Overlap::Queue),
        ..crate::CronSet::default()
    };
    let (_, changing) = writing(store, move |w| crons::change(w, account, "counted", &set)).await;
    let (page, paging) = reading(store, move |r| {
        crons::firings(&r.db, account, "counted", None, 3)
    })
    .await;
    assert_eq!(page.len(), 3);
    [looking, next, finding, firing, running, changing, paging]
}

/// Fills the history of a cron to what is kept.
async fn fill(store: &SqliteStore, id: CronId, from: Timestamp) {
    let filling = move |w: &mut Writing<'_>| {
        let mut firing = w.db.prepare(
            "INSERT INTO cron_firings (cron_id, kind, tick_ms, at_ms, ticks) VALUES (?1, 'overlapped', ?2, ?2, 1)",
        )?;
        for n in 0..FIRINGS {
            firing.execute((id.number, from.0 + n))?;
        }
        Ok(())
    };
    store.write(true, filling).await.expect("filled");
}

#[tokio::test]
async fn a_tick_costs_the_same_beside_thousands_of_crons_and_firings() {
    let directory = tempfile::tempdir().expect("a directory");
    let store =
        SqliteStore::open(&Options::new(directory.path().join("picloud.db"))).expect("a store");
    let world = World::new(&store).await;
    let account = world.account;
    let put = async |label: &str, next| {
        let new = new_one(&world, label, next);
        store.cron_put(new).await.expect("in order")
    };
    let id = put("counted", Some(later(1))).await;
    fill(&store, id, NOW).await;
    put("another", Some(later(9))).await;
    let tick = |n: i64| Timestamp(later(1).0 + n);
    // Once before it counts: the first time, statements are prepared and the schema is read.
    for n in 0..3 {
        costs(&store, account, tick(n)).await;
    }
    let small = costs(&store, account, tick(3)).await;
    for n in 0..2_000 {
        let next = (n % 2 == 0).then_some(later(100 + n));
        let id = put(&format!("cron {n}"), next).await;
        if n < 20 {
            fill(&store, id, later(n)).await;
        }
    }
    let large = costs(&store, account, tick(4)).await;
    for (verb, (small, large)) in VERBS.iter().zip(small.iter().zip(large)) {
        assert!(*small > 5, "{verb} is counted");
        assert!(
            large <= small + small / 10,
            "{verb} took {small} steps, then {large}"
        );
    }
    // The oldest of a thousand is found by counting them.
    let bound = 4 * FIRINGS.unsigned_abs() + 2_000;
    assert!(small[3] < bound, "a tick took {} steps", small[3]);
    store.close().await;
}
