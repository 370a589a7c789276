use super::*;
use proptest::prelude::*;

fn worker(id: i64, units: f64, prefetch: u32) -> WorkerOffer {
    WorkerOffer {
        worker: WorkerId(id),
        pythons: vec!["3.11".into()],
        free_units: units,
        free_memory_bytes: 64_000_000_000,
        total_units: 8.0,
        total_memory_bytes: 64_000_000_000,
        prefetch,
        free_source_ips: None,
    }
}

fn group(account: i64, class: i64, count: u32, oldest: i64) -> Group {
    Group {
        account: AccountId(account),
        class: ClassId(class),
        requirements: Requirements {
            python: "3.11".into(),
            core_type: "c1".into(),
            cores: 1,
            restartable: true,
        },
        priority: 5,
        count,
        oldest: Jid(oldest),
        running: 0,
    }
}

fn planned(workers: Vec<WorkerOffer>, groups: &[Group]) -> Vec<(i64, i64, i64, u32)> {
    plan(&CoreTypes::defaults(), &Fleet { workers }, groups)
        .into_iter()
        .map(|a| (a.worker.0, a.account.0, a.class.0, a.count))
        .collect()
}

#[test]
fn a_worker_gets_what_it_can_start_and_what_it_takes_ahead() {
    assert_eq!(
        planned(vec![worker(1, 4.0, 0)], &[group(1, 1, 100, 1)]),
        [(1, 1, 1, 4)]
    );
    assert_eq!(
        planned(vec![worker(1, 4.0, 10)], &[group(1, 1, 100, 1)]),
        [(1, 1, 1, 14)]
    );
}

#[test]
fn free_cores_anywhere_come_before_waiting_at_a_worker() {
    let got = planned(
        vec![worker(1, 1.0, 100), worker(2, 4.0, 0)],
        &[group(1, 1, 5, 1)],
    );
    assert_eq!(got, [(2, 1, 1, 4), (1, 1, 1, 1)]);
}

#[test]
fn a_job_that_must_not_start_twice_is_never_taken_ahead() {
    let mut once = group(1, 1, 100, 1);
    once.requirements.restartable = false;
    assert_eq!(planned(vec![worker(1, 2.0, 50)], &[once]), [(1, 1, 1, 2)]);
}

#[test]
fn a_lower_priority_number_goes_first() {
    let mut urgent = group(1, 2, 3, 900);
    urgent.priority = 1;
    assert_eq!(
        planned(vec![worker(1, 4.0, 0)], &[group(1, 1, 9, 1), urgent]),
        [(1, 1, 2, 3), (1, 1, 1, 1)],
        "and is named first, so that the worker begins with it"
    );
}

#[test]
fn the_account_that_holds_less_goes_first() {
    let mut busy = group(1, 1, 100, 1);
    busy.running = 50;
    assert_eq!(
        planned(vec![worker(1, 8.0, 0)], &[busy, group(2, 1, 100, 500)]),
        [(1, 2, 1, 8)]
    );
}

#[test]
fn two_accounts_share_a_large_offer() {
    let got = planned(
        vec![worker(1, 8.0, 248)],
        &[group(1, 1, 10_000, 1), group(2, 1, 10_000, 2)],
    );
    assert_eq!(got, [(1, 1, 1, 128), (1, 2, 1, 128)]);
}

#[test]
fn what_fits_nowhere_blocks_nobody() {
    let mut huge = group(1, 1, 5, 1);
    huge.requirements.core_type = "f2".into();
    huge.requirements.cores = 16;
    let mut other_python = group(1, 2, 5, 2);
    other_python.requirements.python = "3.9".into();
    let got = planned(
        vec![worker(1, 8.0, 0)],
        &[huge, other_python, group(1, 3, 5, 3)],
    );
    assert_eq!(got, [(1, 1, 3, 5)]);
}

#[test]
fn fractions_of_units_do_not_lose_a_core() {
    // 3 x 2.5 units in 7.5: the division must not come out as 2.999.
    let mut c2 = group(1, 1, 10, 1);
    c2.requirements.core_type = "c2".into();
    assert_eq!(planned(vec![worker(1, 7.5, 0)], &[c2]), [(1, 1, 1, 3)]);
}

#[test]
fn memory_limits_as_units_do() {
    let mut small = worker(1, 8.0, 0);
    small.free_memory_bytes = 700_000_000;
    assert_eq!(planned(vec![small], &[group(1, 1, 10, 1)]), [(1, 1, 1, 2)]);
}

#[test]
fn a_source_address_is_given_to_one_job() {
    let mut s1 = group(1, 1, 100, 1);
    s1.requirements.core_type = "s1".into();
    let with_pool = |id, free| WorkerOffer {
        free_source_ips: Some(free),
        ..worker(id, 4.0, 50)
    };
    let of_s1 = |workers| planned(workers, std::slice::from_ref(&s1));
    assert_eq!(
        of_s1(vec![with_pool(1, 3), with_pool(2, 0)]),
        [(1, 1, 1, 3)]
    );
    // Those that wait at the worker have theirs too.
    assert_eq!(of_s1(vec![with_pool(1, 20)]), [(1, 1, 1, 20)]);
    // Without a pool they share the worker's.
    assert_eq!(of_s1(vec![worker(1, 4.0, 50)]), [(1, 1, 1, 54)]);
    // Other jobs need none.
    let c1 = group(1, 2, 100, 2);
    assert_eq!(
        planned(vec![with_pool(1, 1)], &[s1.clone(), c1]),
        [(1, 1, 1, 1), (1, 1, 2, 53)]
    );
}

fn any_group() -> impl Strategy<Value = Group> {
    (
        1i64..4,
        1i64..6,
        1u32..200,
        1i64..1000,
        1i32..4,
        0u64..20,
        0usize..5,
        any::<bool>(),
    )
        .prop_map(
            |(account, class, count, oldest, priority, running, kind, restartable)| {
                let mut group = group(account, class, count, oldest);
                group.priority = priority;
                group.running = running;
                group.requirements.core_type = ["c1", "c2", "f2", "m1", "s1"][kind].into();
                group.requirements.restartable = restartable;
                group
            },
        )
}

proptest! {
    /// The naive model: add up what every worker was given and compare with what it offered.
    #[test]
    fn no_offer_is_exceeded_and_no_free_core_is_wasted(
        offers in proptest::collection::vec((0u32..12, 0u32..40, 0u64..20, proptest::option::of(0u32..6)), 0..5),
        groups in proptest::collection::vec(any_group(), 0..12),
    ) {
        let core_types = CoreTypes::defaults();
        let mut groups = groups;
        groups.sort_by_key(|g| (g.account, g.class, g.priority));
        groups.dedup_by_key(|g| (g.account, g.class, g.priority));
        let workers: Vec<_> = offers.iter().enumerate().map(|(i, (units, prefetch, memory, source_ips))| {
            let mut offer = worker(i as i64, f64::from(*units), *prefetch);
            offer.total_units = 12.0;
            offer.free_memory_bytes = memory * 1_000_000_000;
            offer.free_source_ips = *source_ips;
            offer
        }).collect();
        let got = plan(&core_types, &Fleet { workers: workers.clone() }, &groups);

        let find = |a: &Assignment| groups.iter().find(|g| (g.account, g.class, g.priority) == (a.account, a.class, a.priority)).expect("planned groups exist");
        for group in &groups {
            let given: u32 = got.iter().filter(|a| std::ptr::eq(find(a), group)).map(|a| a.count).sum();
            prop_assert!(given <= group.count);
        }
        for offer in &workers {
            let mine: Vec<_> = got.iter().filter(|a| a.worker == offer.worker).collect();
            // Jobs that never wait at a worker must fit all together.
            let firm: f64 = mine.iter().map(|a| find(a)).zip(&mine).filter(|(g, _)| !g.requirements.restartable)
                .map(|(g, a)| core_types.needs(&g.requirements).expect("default type").units * f64::from(a.count)).sum();
            prop_assert!(firm <= offer.free_units + 1e-6);
            let jobs: u32 = mine.iter().map(|a| a.count).sum();
            prop_assert!(f64::from(jobs) <= offer.free_units + f64::from(offer.prefetch) + 1e-6);
            let own_ip: u32 = mine.iter().filter(|a| core_types.needs(&find(a).requirements).expect("default type").own_ip).map(|a| a.count).sum();
            prop_assert!(own_ip <= offer.free_source_ips.unwrap_or(u32::MAX));
        }
        // Nothing that could start on what is left over may have been left out.
        for group in &groups {
            let needs = core_types.needs(&group.requirements).expect("default type");
            let given: u32 = got.iter().filter(|a| std::ptr::eq(find(a), group)).map(|a| a.count).sum();
            if given == group.count { continue }
            for offer in &workers {
                let used: f64 = got.iter().filter(|a| a.worker == offer.worker)
                    .map(|a| core_types.needs(&find(a).requirements).expect("default type").units * f64::from(a.count)).sum();
                let memory: u64 = got.iter().filter(|a| a.worker == offer.worker)
                    .map(|a| core_types.needs(&find(a).requirements).expect("default type").memory_bytes * u64::from(a.count)).sum();
                let addresses: u32 = got.iter().filter(|a| a.worker == offer.worker && core_types.needs(&find(a).requirements).expect("default type").own_ip)
                    .map(|a| a.count).sum();
                if needs.own_ip && offer.free_source_ips.is_some_and(|free| free <= addresses) { continue }
                let room = offer.free_units - used >= needs.units && offer.free_memory_bytes >= memory + needs.memory_bytes;
                prop_assert!(!room, "a job of {:?} was left out though worker {} had room", group, offer.worker);
            }
        }
    }
}
