use super::*;
use crate::job::{Pickle, Spec};
use bytes::Bytes;
use picloud_types::{AccountId, Attempt, JobSpec, api::workers::PulledSpec};

const TICK: Duration = Duration::from_millis(1);

/// A machine with two threads, and its clock.
struct Bench {
    pool: Pool,
    now: Instant,
    contexts: HashMap<i64, Arc<Context>>,
    next_jid: i64,
    sent: Vec<(ExecutorId, Vec<Job>)>,
    forked: Vec<ExecutorId>,
    retired: Vec<ExecutorId>,
    returned: Vec<AttemptRef>,
}

impl Bench {
    fn new(units: f64) -> Self {
        let limits = Limits {
            units,
            memory: 1 << 40,
            threads: 2,
            source_ips: None,
            idle_max: 3,
            idle_for: Duration::from_secs(60),
            idle_keep: 1,
        };
        Self {
            pool: Pool::new(limits),
            now: Instant::now(),
            contexts: HashMap::new(),
            next_jid: 1,
            sent: Vec::new(),
            forked: Vec::new(),
            retired: Vec::new(),
            returned: Vec::new(),
        }
    }

    fn spec(&mut self, account: i64, change: impl FnOnce(&mut JobSpec)) -> Arc<Spec> {
        let mut spec: JobSpec = serde_json::from_str(r#"{"python": "3.11"}"#).expect("valid");
        change(&mut spec);
        let about = PulledSpec {
            id: SpecId(account),
            account: AccountId(account),
            spec: spec.clone(),
            compute_units: 1.0,
            memory_bytes: 1,
            own_ip: spec.core_type == "s1",
            mounts: Vec::new(),
        };
        let context = Context::of(&about);
        let context = self
            .contexts
            .entry(account)
            .or_insert_with(|| Arc::new(context));
        Arc::new(Spec {
            id: SpecId(account),
            context: Arc::clone(context),
            spec,
            function: Pickle::Bytes(Bytes::new()),
            compute_units: 1.0,
            memory_bytes: 1,
        })
    }

    fn arrive(&mut self, spec: &Arc<Spec>, count: usize) {
        let jobs: Vec<_> = (0..count)
            .map(|i| Job {
                of: AttemptRef {
                    jid: Jid(self.next_jid + i as i64),
                    attempt: Attempt(1),
                },
                spec: Arc::clone(spec),
                token: String::new(),
                args: Pickle::Bytes(Bytes::new()),
            })
            .collect();
        self.next_jid += count as i64;
        self.pool.arrived(jobs, self.now);
    }

    fn plan(&mut self) {
        for action in self.pool.plan(self.now) {
            match action {
                Action::Send(id, jobs) => self.sent.push((id, jobs)),
                Action::Fork(id, _) => self.forked.push(id),
                Action::Retire(id) => self.retired.push(id),
                Action::Return(jobs) => self.returned.extend(jobs),
            }
        }
    }

    /// All processes that were started are ready.
    fn ready(&mut self) {
        for id in std::mem::take(&mut self.forked) {
            self.pool.ready(id, self.now);
        }
        self.plan();
    }

    /// The first job sent of every process ends.
    fn answer_one_each(&mut self, runtime: Duration) -> usize {
        let mut ended = 0;
        for (id, jobs) in &mut self.sent {
            if !jobs.is_empty() {
                let job = jobs.remove(0);
                self.pool
                    .answered(*id, job.of, job.spec.id, runtime, self.now);
                ended += 1;
            }
        }
        self.sent.retain(|(_, jobs)| !jobs.is_empty());
        self.now += TICK;
        self.plan();
        ended
    }

    fn windows(&self) -> Vec<usize> {
        self.pool.executors.values().map(|e| e.sent).collect()
    }
}

#[test]
fn an_idle_process_of_the_context_gets_the_job() {
    let mut bench = Bench::new(8.0);
    let spec = bench.spec(1, |_| {});
    bench.arrive(&spec, 1);
    bench.plan();
    assert_eq!(bench.forked.len(), 1);
    bench.ready();
    bench.answer_one_each(TICK);
    bench.arrive(&spec, 1);
    bench.plan();
    assert_eq!((bench.sent.len(), bench.forked.len()), (1, 0));
}

#[test]
fn a_process_never_serves_another_context() {
    let mut bench = Bench::new(8.0);
    let (one, two) = (bench.spec(1, |_| {}), bench.spec(2, |_| {}));
    bench.arrive(&one, 1);
    bench.plan();
    bench.ready();
    bench.answer_one_each(TICK);
    bench.arrive(&two, 1);
    bench.plan();
    assert_eq!((bench.sent.len(), bench.forked.len()), (0, 1));
}

#[test]
fn long_jobs_get_processes_as_far_as_units_allow() {
    let mut bench = Bench::new(4.0);
    let spec = bench.spec(1, |_| {});
    bench.arrive(&spec, 10);
    for _ in 0..6 {
        bench.plan();
        bench.ready();
    }
    assert_eq!(bench.windows(), [1, 1, 1, 1]);
    assert!(bench.pool.offer(bench.now).free_units < 1.0);
}

#[test]
fn short_jobs_queue_behind_each_other_in_as_many_processes_as_there_are_threads() {
    let mut bench = Bench::new(8.0);
    let spec = bench.spec(1, |_| {});
    bench.arrive(&spec, 4);
    bench.plan();
    bench.ready();
    while bench.answer_one_each(TICK) > 0 {}
    bench.arrive(&spec, 200);
    bench.plan();
    let used: Vec<_> = bench
        .windows()
        .into_iter()
        .filter(|sent| *sent > 0)
        .collect();
    assert_eq!(used, [WINDOW, WINDOW]);
}

#[test]
fn a_job_that_must_not_start_twice_is_never_sent_ahead() {
    let mut bench = Bench::new(8.0);
    let spec = bench.spec(1, |s| s.restartable = false);
    bench.arrive(&spec, 4);
    for _ in 0..4 {
        bench.plan();
        bench.ready();
    }
    while bench.answer_one_each(TICK) > 0 {}
    bench.arrive(&spec, 200);
    for _ in 0..8 {
        bench.plan();
        bench.ready();
    }
    assert!(
        bench.windows().iter().all(|sent| *sent <= 1),
        "{:?}",
        bench.windows()
    );
}

#[test]
fn nothing_waits_behind_a_slow_job() {
    let mut bench = Bench::new(8.0);
    let spec = bench.spec(1, |_| {});
    bench.arrive(&spec, 4);
    bench.plan();
    bench.ready();
    while bench.answer_one_each(TICK) > 0 {}
    bench.arrive(&spec, 1);
    bench.plan();
    let (slow, _) = bench.sent[0];
    bench.pool.slow(slow);
    bench.arrive(&spec, 100);
    bench.plan();
    bench.ready();
    assert!(bench.sent[1..].iter().all(|(id, _)| *id != slow));
    assert!(bench.sent.len() > 1);
}

#[test]
fn the_process_of_a_job_that_wants_it_thrown_away_gets_no_other() {
    let mut bench = Bench::new(8.0);
    let spec = bench.spec(1, |s| s.kill_process = true);
    bench.arrive(&spec, 1);
    bench.plan();
    bench.ready();
    bench.answer_one_each(TICK);
    bench.arrive(&spec, 1);
    bench.plan();
    assert_eq!((bench.sent.len(), bench.forked.len()), (0, 1));
}

#[test]
fn prefetch_is_nothing_at_first_and_grows_with_what_ends() {
    let mut bench = Bench::new(8.0);
    assert_eq!(bench.pool.offer(bench.now).prefetch, 0);
    let spec = bench.spec(1, |_| {});
    bench.arrive(&spec, 400);
    bench.plan();
    bench.ready();
    for _ in 0..100 {
        bench.answer_one_each(TICK);
    }
    let target = bench.pool.offer(bench.now).prefetch_target;
    assert!(target > 50, "{target}");
    bench.now += Duration::from_secs(1);
    assert_eq!(
        bench.pool.offer(bench.now).prefetch_target,
        0,
        "nothing ends: nothing may wait"
    );
}

#[test]
fn jobs_whose_turn_is_not_near_go_back() {
    let mut bench = Bench::new(2.0);
    let spec = bench.spec(1, |_| {});
    bench.arrive(&spec, 10);
    bench.plan();
    bench.ready();
    bench.now += PATIENCE + TICK;
    bench.plan();
    assert_eq!(bench.returned.len(), 8, "two run");
    assert!(!bench.pool.has_queued());
    assert_eq!(bench.pool.find(bench.returned[0]), None);
}

#[test]
fn jobs_that_only_wait_for_a_process_to_start_go_back_much_later() {
    let mut bench = Bench::new(4.0);
    let spec = bench.spec(1, |_| {});
    bench.arrive(&spec, 6);
    bench.plan();
    assert_eq!(
        bench.forked.len(),
        2,
        "as many at once as there are threads"
    );
    bench.now += PATIENCE + TICK;
    bench.plan();
    assert_eq!(bench.returned.len(), 2, "four will run here");
    bench.now += PATIENCE_WITH_ROOM;
    bench.plan();
    assert_eq!(
        bench.returned.len(),
        4,
        "the two that are started for remain"
    );
}

#[test]
fn what_comes_back_unstarted_goes_first() {
    let mut bench = Bench::new(1.0);
    let spec = bench.spec(1, |_| {});
    bench.arrive(&spec, 3);
    bench.plan();
    bench.ready();
    let (id, jobs) = bench.sent.remove(0);
    let first = jobs[0].of;
    for job in jobs {
        bench.pool.unstarted(id, job, bench.now);
    }
    bench.plan();
    assert_eq!(bench.sent[0].1[0].of, first);
}

#[test]
fn idle_processes_are_ended_when_too_many_or_too_old() {
    let mut bench = Bench::new(8.0);
    for account in 1..=5 {
        let spec = bench.spec(account, |_| {});
        bench.arrive(&spec, 1);
        bench.plan();
        bench.ready();
        while bench.answer_one_each(TICK) > 0 {}
    }
    assert_eq!(bench.retired.len(), 2, "three may be idle");
    bench.now += Duration::from_secs(61);
    bench.plan();
    assert_eq!(bench.retired.len(), 4, "one is kept");
}

#[test]
fn a_failed_start_gives_up_the_jobs_of_its_context_only() {
    let mut bench = Bench::new(8.0);
    let (one, two) = (bench.spec(1, |_| {}), bench.spec(2, |_| {}));
    bench.arrive(&one, 2);
    bench.arrive(&two, 1);
    bench.plan();
    let lost = bench.pool.fork_failed(bench.forked[0]);
    assert!(!lost.is_empty());
    assert!(bench.pool.has_queued(), "the other context's job waits on");
}

#[test]
fn no_more_processes_run_than_there_are_source_addresses() {
    let mut bench = Bench::new(16.0);
    bench.pool.limits.source_ips = Some(1);
    let own = |spec: &mut JobSpec| spec.core_type = "s1".into();
    let (first, second) = (bench.spec(1, own), bench.spec(2, own));
    bench.arrive(&first, 1);
    bench.plan();
    bench.arrive(&second, 1);
    bench.plan();
    assert_eq!(bench.forked.len(), 1, "the only address is taken");
    let offer = bench.pool.offer(bench.now);
    assert_eq!(offer.free_source_ips, Some(0));
}
