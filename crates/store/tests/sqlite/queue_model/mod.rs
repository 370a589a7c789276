//! Random lives of queues beside a model so naive that it is plainly right: nothing is lost, nothing appears from
//! nowhere, nothing is with two at once, and the counts are those of the rows.

mod naive;
mod pair;

use crate::{Fresh, open};
use pair::Pair;
use proptest::prelude::*;

/// Queues: the first two have handlers, which send on to those behind them.
const QUEUES: usize = 3;

/// One verb with its choices as plain numbers, which are taken modulo what there is.
#[derive(Clone, Debug)]
enum Step {
    Push {
        queue: usize,
        count: usize,
        delay_s: i64,
    },
    Pop {
        queue: usize,
        limit: u32,
        deadline_s: Option<i64>,
    },
    /// Of tickets of all times, so that many of them are over.
    Ack {
        tickets: Vec<usize>,
    },
    Deadline {
        tickets: Vec<usize>,
        deadline_s: i64,
    },
    Wait {
        seconds: i64,
    },
    Upkeep,
    Start {
        queue: usize,
    },
    Exchange {
        handler: usize,
        settle: Vec<u8>,
        give_back: Vec<usize>,
        lease: u32,
    },
    /// Of messages that others hold.
    Steal {
        handler: usize,
        message: usize,
    },
    Repeat {
        handler: usize,
    },
    End {
        handler: usize,
        how: u8,
    },
    Release,
    Move {
        from: usize,
        to: usize,
        limit: u32,
    },
    Purge {
        queue: usize,
        limit: u32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let queue = || 0..QUEUES;
    let some = || proptest::collection::vec(0..200_usize, 1..5);
    let deadline = prop_oneof![Just(None), (1..20_i64).prop_map(Some)];
    let settle = proptest::collection::vec(0..6_u8, 0..8);
    let give_back = proptest::collection::vec(0..9_usize, 0..2);
    prop_oneof![
        10 => (queue(), 1..6_usize, prop_oneof![3 => Just(0), 1 => 1..15_i64]).prop_map(|(queue, count, delay_s)| Step::Push { queue, count, delay_s }),
        8 => (queue(), 1..5_u32, deadline).prop_map(|(queue, limit, deadline_s)| Step::Pop { queue, limit, deadline_s }),
        6 => some().prop_map(|tickets| Step::Ack { tickets }),
        3 => (some(), 1..20_i64).prop_map(|(tickets, deadline_s)| Step::Deadline { tickets, deadline_s }),
        4 => (1..12_i64).prop_map(|seconds| Step::Wait { seconds }),
        3 => Just(Step::Upkeep),
        8 => (0..2_usize).prop_map(|queue| Step::Start { queue }),
        24 => (0..9_usize, settle, give_back, 0..5_u32).prop_map(|(handler, settle, give_back, lease)| Step::Exchange { handler, settle, give_back, lease }),
        2 => (0..9_usize, 0..60_usize).prop_map(|(handler, message)| Step::Steal { handler, message }),
        5 => (0..9_usize).prop_map(|handler| Step::Repeat { handler }),
        6 => (0..9_usize, 0..3_u8).prop_map(|(handler, how)| Step::End { handler, how }),
        5 => Just(Step::Release),
        2 => (queue(), queue(), 1..5_u32).prop_map(|(from, to, limit)| Step::Move { from, to, limit }),
        1 => (queue(), 1..3_u32).prop_map(|(queue, limit)| Step::Purge { queue, limit }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_life_of_queues_ends_where_the_model_does(steps in proptest::collection::vec(step(), 1..120)) {
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
