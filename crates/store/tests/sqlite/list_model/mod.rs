//! Lists of random jobs beside a filter so naive that it is plainly right.

mod naive;
mod world;

use crate::audit::audit;
use naive::Naive;
use picloud_store::{
    JobFilter, Store,
    sqlite::{Options, SqliteStore},
};
use picloud_types::{Jid, JobState, Timestamp};
use proptest::prelude::*;
use world::{Many, Step, step};

/// A filter with its choices as numbers; what is out of range is not asked for.
#[derive(Clone, Debug)]
struct Asked {
    states: Vec<JobState>,
    label: usize,
    function: usize,
    core_type: usize,
    parent: i64,
    map: i64,
    hours: (i64, i64),
    text: usize,
    grouped: bool,
    before: i64,
}

const TEXTS: &[&str] = &[
    "train",
    "TRAIN",
    "a",
    "b%",
    "_o",
    "\"",
    "' OR",
    "value",
    "item 1",
    "ItEm 17 not",
    "sky",
    "ÄRGER",
    "\u{0}x",
    "zzz",
    "AND NOT",
    "builtins.ValueError\ntrace",
    "",
];

fn asked() -> impl Strategy<Value = Asked> {
    let states = proptest::collection::vec(
        (0..JobState::ALL.len()).prop_map(|n| JobState::ALL[n]),
        1..4,
    );
    let states = prop_oneof![Just(Vec::new()), states];
    let rarely = |most: i64| prop_oneof![4 => Just(-1), 1 => 0..most];
    let hours = (rarely(40), rarely(40));
    (
        states,
        (0..9_usize, 0..9_usize, 0..6_usize, 0..2 * TEXTS.len()),
        (rarely(30), rarely(60), rarely(60)),
        hours,
        any::<bool>(),
    )
        .prop_map(
            |(
                states,
                (label, function, core_type, text),
                (parent, map, before),
                hours,
                grouped,
            )| Asked {
                states,
                label,
                function,
                core_type,
                parent,
                map,
                hours,
                text,
                grouped,
                before,
            },
        )
}

impl Asked {
    fn filter(&self, world: &Many<'_>) -> JobFilter {
        let name = |names: &[&str], n: usize| names.get(n).map(|name| (*name).to_owned());
        let jid = |n: i64| (n >= 0).then_some(Jid(n));
        let time =
            |hours: i64| (hours >= 0).then_some(Timestamp(world::START.0 + hours * world::HOUR_MS));
        JobFilter {
            states: self.states.clone(),
            label: name(world::LABELS, self.label),
            function: name(world::FUNCTIONS, self.function),
            queue: None,
            core_type: name(world::CORE_TYPES, self.core_type),
            parent: jid(self.parent),
            // Mostly one there is.
            map: jid(self.map).map(|n| world.map_near(n)),
            created_from: time(self.hours.0),
            created_until: time(self.hours.1),
            text: name(TEXTS, self.text),
            grouped: self.grouped,
            before: jid(self.before),
        }
    }
}

/// Pages one after another until nothing is left, as rows of id, map and states.
async fn walked(
    store: &SqliteStore,
    world: &Many<'_>,
    mut filter: JobFilter,
    limit: u32,
) -> Vec<naive::Row> {
    let mut rows = Vec::new();
    for _ in 0..10_000 {
        let page = store
            .job_list(world.account(), filter.clone(), limit)
            .await
            .expect("a page");
        assert!(page.jobs.len() <= limit as usize);
        for job in page.jobs {
            let map = job.map.map(|map| (map.first, map.count, map.states));
            rows.push((job.jid, map));
        }
        let Some(next) = page.next else { return rows };
        assert!(
            filter.before.is_none_or(|before| next < before),
            "the next page goes on"
        );
        filter.before = Some(next);
    }
    panic!("pages without end");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn pages_together_are_what_a_naive_filter_finds(
        steps in proptest::collection::vec(step(), 5..40),
        questions in proptest::collection::vec((asked(), 1..6_u32), 30),
        impatient in any::<bool>(),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let directory = tempfile::tempdir().expect("a directory");
            let options = Options {
                list_looks_at: impatient.then_some(3),
                ..Options::new(directory.path().join("picloud.db"))
            };
            let store = SqliteStore::open(&options).expect("a store");
            let mut world = Many::new(&store).await;
            for step in &steps {
                Step::apply(step, &mut world).await;
            }
            let naive = Naive::read(&world).await;
            for (asked, limit) in &questions {
                let filter = asked.filter(&world);
                let expected = naive.rows(&filter);
                let found = walked(&store, &world, filter.clone(), *limit).await;
                assert_eq!(found, expected, "{filter:?}");
            }
            store.close().await;
            audit(&options.path);
        });
    }
}
