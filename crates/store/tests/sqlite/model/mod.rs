//! Random lives of a store beside a model so naive that it is plainly right.

mod naive;
mod pair;

use crate::{Fresh, open};
use pair::Pair;
use proptest::prelude::*;

/// One verb with its choices as plain numbers, which are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Submit {
        jobs: usize,
        after: Vec<usize>,
        ignore: bool,
        restartable: bool,
        priority: i32,
    },
    MapPart {
        offset: u64,
        jobs: usize,
    },
    Claim {
        worker: usize,
        limit: u32,
    },
    Start {
        worker: usize,
        job: usize,
    },
    Sample {
        worker: usize,
        job: usize,
        second: u32,
    },
    Finish {
        worker: usize,
        jobs: Vec<usize>,
        fails: bool,
    },
    Return {
        worker: usize,
        job: usize,
    },
    Late {
        job: usize,
    },
    Kill {
        jobs: Vec<usize>,
    },
    KillAll,
    WorkerEnd {
        worker: usize,
    },
    Delete {
        jobs: Vec<usize>,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let some = || proptest::collection::vec(0..60_usize, 1..4);
    prop_oneof![
        12 => (1..4_usize, proptest::collection::vec(0..60_usize, 0..4), any::<bool>(), any::<bool>(), 4..6)
            .prop_map(|(jobs, after, ignore, restartable, priority)| Step::Submit { jobs, after, ignore, restartable, priority }),
        3 => (0..8_u64, 1..4_usize).prop_map(|(offset, jobs)| Step::MapPart { offset, jobs }),
        12 => (0..2_usize, 1..6_u32).prop_map(|(worker, limit)| Step::Claim { worker, limit }),
        6 => (0..2_usize, 0..60_usize).prop_map(|(worker, job)| Step::Start { worker, job }),
        6 => (0..2_usize, 0..60_usize, 1..5000_u32).prop_map(|(worker, job, second)| Step::Sample { worker, job, second }),
        12 => (0..2_usize, some(), any::<bool>()).prop_map(|(worker, jobs, fails)| Step::Finish { worker, jobs, fails }),
        3 => (0..2_usize, 0..60_usize).prop_map(|(worker, job)| Step::Return { worker, job }),
        1 => (0..60_usize).prop_map(|job| Step::Late { job }),
        3 => some().prop_map(|jobs| Step::Kill { jobs }),
        1 => Just(Step::KillAll),
        2 => (0..2_usize).prop_map(|worker| Step::WorkerEnd { worker }),
        4 => some().prop_map(|jobs| Step::Delete { jobs }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_verbs_ends_where_the_model_does(steps in proptest::collection::vec(step(), 1..80)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let fresh: Fresh = open().await;
            let mut pair = Pair::new(fresh.store()).await;
            for step in &steps {
                pair.apply(step).await;
                pair.compare().await;
            }
            fresh.finish().await;
        });
    }
}
