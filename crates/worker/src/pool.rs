//! Which process gets which job, and what the worker can take on besides.
//!
//! Plain data; time comes in as an argument and what is to be done goes out as actions. A short
//! function is queued behind others in few processes, because switching between many costs more
//! than it takes to run; a long one gets a process of its own as far as the machine allows.

use crate::{
    executor::ExecutorId,
    job::{Context, Job},
};
use picloud_types::{Jid, SpecId, api::workers::AttemptRef};
use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

/// Jobs sent ahead to one process.
const WINDOW: usize = 32;
/// A process gets more when its window is down to this.
const WINDOW_LOW: usize = 16;
/// What counts as a short function.
const SHORT: Duration = Duration::from_millis(5);
/// Most jobs asked for beyond what runs at once.
const PREFETCH_MAX: usize = 512;
/// What finishes in this time is what may wait here.
const PREFETCH_SPAN: Duration = Duration::from_millis(50);
/// A job that waits longer than this is given back, unless its turn is near ...
const PATIENCE: Duration = Duration::from_millis(200);
/// ... or there is room for it, so that it waits for its process only: what goes back is overtaken by others.
const PATIENCE_WITH_ROOM: Duration = Duration::from_secs(2);
/// Functions whose run time is remembered.
const SPECS_MAX: usize = 10_000;

/// What the machine gives.
#[derive(Clone, Debug)]
pub(crate) struct Limits {
    pub(crate) units: f64,
    pub(crate) memory: u64,
    pub(crate) threads: usize,
    /// Source addresses to give away; none where there is no pool of them.
    pub(crate) source_ips: Option<u32>,
    /// Idle processes kept beyond this are ended.
    pub(crate) idle_max: usize,
    /// Idle for longer, they are ended too ...
    pub(crate) idle_for: Duration,
    /// ... except this many.
    pub(crate) idle_keep: usize,
}

/// What is to be done.
#[derive(Debug)]
pub(crate) enum Action {
    Send(ExecutorId, Vec<Job>),
    Fork(ExecutorId, Arc<Context>),
    Retire(ExecutorId),
    /// To the server: these would wait too long here.
    Return(Vec<AttemptRef>),
}

/// What the worker can take on.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Offer {
    pub(crate) free_units: f64,
    pub(crate) free_memory: u64,
    pub(crate) free_source_ips: Option<u32>,
    pub(crate) prefetch: u32,
    /// How many may be here beyond what runs; `prefetch` is what is missing to that.
    pub(crate) prefetch_target: u32,
}

/// Where a job is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Queue,
    Executor(ExecutorId),
}

#[derive(Debug)]
struct Waiting {
    job: Job,
    since: Instant,
}

#[derive(Debug, PartialEq, Eq)]
enum State {
    Starting,
    Live,
    Closing,
}

#[derive(Debug)]
struct Executor {
    context: Arc<Context>,
    state: State,
    /// Jobs sent and not answered.
    sent: usize,
    /// The one that runs takes long.
    slow: bool,
    units: f64,
    memory: u64,
    /// Since when it is idle, if it is.
    idle_since: Instant,
}

impl Executor {
    /// Whether it works off jobs, or is about to. One that is held up by a long job does not.
    fn is_active(&self) -> bool {
        self.sent > 0 && !self.slow || self.state == State::Starting
    }
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Pool {
    limits: Limits,
    queues: HashMap<Arc<Context>, VecDeque<Waiting>>,
    executors: BTreeMap<ExecutorId, Executor>,
    places: HashMap<Jid, (AttemptRef, Place)>,
    runtimes: HashMap<SpecId, f64>,
    finished: VecDeque<(Instant, usize)>,
    next_executor: u64,
}

impl Pool {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            queues: HashMap::new(),
            executors: BTreeMap::new(),
            places: HashMap::new(),
            runtimes: HashMap::new(),
            finished: VecDeque::new(),
            next_executor: 0,
        }
    }

    /// Jobs came that are ready to run.
    pub(crate) fn arrived(&mut self, jobs: impl IntoIterator<Item = Job>, now: Instant) {
        for job in jobs {
            self.places.insert(job.of.jid, (job.of, Place::Queue));
            let queue = self
                .queues
                .entry(Arc::clone(&job.spec.context))
                .or_default();
            queue.push_back(Waiting { job, since: now });
        }
    }

    /// A job came back from a process without having begun. It goes first.
    pub(crate) fn unstarted(&mut self, executor: ExecutorId, job: Job, now: Instant) {
        self.answered_one(executor, now);
        self.places.insert(job.of.jid, (job.of, Place::Queue));
        let queue = self
            .queues
            .entry(Arc::clone(&job.spec.context))
            .or_default();
        // In the order they were given, which is that of their ids.
        let at = queue.partition_point(|w| w.job.of.jid < job.of.jid);
        queue.insert(at, Waiting { job, since: now });
    }

    /// A process is ready for jobs.
    pub(crate) fn ready(&mut self, id: ExecutorId, now: Instant) {
        if let Some(executor) = self.executors.get_mut(&id)
            && executor.state == State::Starting
        {
            executor.state = State::Live;
            (executor.units, executor.memory) = (0.0, 0);
            executor.idle_since = now;
        }
    }

    /// A job ended after running for `runtime`.
    pub(crate) fn answered(
        &mut self,
        id: ExecutorId,
        of: AttemptRef,
        spec: SpecId,
        runtime: Duration,
        now: Instant,
    ) {
        self.dropped(id, of, now);
        if let Some(executor) = self.executors.get_mut(&id) {
            executor.slow = false;
        }
        match self.finished.back_mut() {
            Some((at, count)) if now.duration_since(*at) < Duration::from_millis(5) => *count += 1,
            _ => self.finished.push_back((now, 1)),
        }
        while let Some((at, _)) = self.finished.front()
            && now.duration_since(*at) > PATIENCE
        {
            self.finished.pop_front();
        }
        if self.runtimes.len() >= SPECS_MAX {
            self.runtimes.clear();
        }
        let runtime = runtime.as_secs_f64();
        let known = self.runtimes.entry(spec).or_insert(runtime);
        *known += (runtime - *known) * 0.2;
    }

    /// A job is no longer with this process, and nowhere else.
    pub(crate) fn dropped(&mut self, id: ExecutorId, of: AttemptRef, now: Instant) {
        self.forget(of);
        self.answered_one(id, now);
    }

    fn forget(&mut self, of: AttemptRef) {
        if self
            .places
            .get(&of.jid)
            .is_some_and(|(known, _)| *known == of)
        {
            self.places.remove(&of.jid);
        }
    }

    fn answered_one(&mut self, id: ExecutorId, now: Instant) {
        if let Some(executor) = self.executors.get_mut(&id) {
            executor.sent = executor.sent.saturating_sub(1);
            if executor.sent == 0 {
                (executor.units, executor.memory) = (0.0, 0);
                executor.idle_since = now;
            }
        }
    }

    /// The job that a process runs takes long.
    pub(crate) fn slow(&mut self, id: ExecutorId) {
        if let Some(executor) = self.executors.get_mut(&id) {
            executor.slow = executor.sent > 0;
        }
    }

    /// A process takes no more jobs.
    pub(crate) fn closing(&mut self, id: ExecutorId) {
        if let Some(executor) = self.executors.get_mut(&id) {
            executor.state = State::Closing;
        }
    }

    /// A process is no more.
    pub(crate) fn gone(&mut self, id: ExecutorId) {
        self.executors.remove(&id);
    }

    /// A process could not be started: takes out the jobs that need one like it.
    pub(crate) fn fork_failed(&mut self, id: ExecutorId) -> Vec<Job> {
        let Some(executor) = self.executors.remove(&id) else {
            return Vec::new();
        };
        let waiting = self.queues.remove(&executor.context).unwrap_or_default();
        let jobs: Vec<_> = waiting.into_iter().map(|w| w.job).collect();
        for job in &jobs {
            self.forget(job.of);
        }
        jobs
    }

    /// Where this attempt is.
    pub(crate) fn find(&self, of: AttemptRef) -> Option<Place> {
        let (known, place) = self.places.get(&of.jid)?;
        (*known == of).then_some(*place)
    }

    /// Takes a job out of the queue.
    pub(crate) fn remove_queued(&mut self, of: AttemptRef) -> bool {
        for queue in self.queues.values_mut() {
            if let Some(at) = queue.iter().position(|w| w.job.of == of) {
                queue.remove(at);
                self.forget(of);
                return true;
            }
        }
        false
    }

    /// Takes all jobs out of the queue.
    pub(crate) fn remove_all_queued(&mut self) -> Vec<AttemptRef> {
        let queues = std::mem::take(&mut self.queues);
        let jobs: Vec<_> = queues.into_values().flatten().map(|w| w.job.of).collect();
        for of in &jobs {
            self.forget(*of);
        }
        jobs
    }

    /// Jobs that are with processes.
    pub(crate) fn sent(&self) -> Vec<(ExecutorId, AttemptRef)> {
        let places = self.places.values();
        places
            .filter_map(|(of, place)| match place {
                Place::Executor(id) => Some((*id, *of)),
                Place::Queue => None,
            })
            .collect()
    }

    /// Whether no job is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether time alone may call for something soon.
    pub(crate) fn has_queued(&self) -> bool {
        self.queues.values().any(|q| !q.is_empty())
    }

    fn used(&self) -> (f64, u64) {
        let executors = self.executors.values();
        executors.fold((0.0, 0), |(units, memory), e| {
            (units + e.units, memory + e.memory)
        })
    }

    /// Source addresses that processes have, idle ones too: an address goes with its process.
    fn addresses_used(&self) -> u32 {
        let holders = self.executors.values().filter(|e| e.context.share.own_ip);
        u32::try_from(holders.count()).unwrap_or(u32::MAX)
    }

    /// Whether one more process of this kind could have what it needs.
    fn has_address_for(&self, context: &Context) -> bool {
        let total = self.limits.source_ips;
        !context.share.own_ip || total.is_none_or(|total| self.addresses_used() < total)
    }

    fn fits(&self, job: &Job) -> bool {
        let (units, memory) = self.used();
        // Sums of fractions may be off by a hair. What is larger than the machine runs alone:
        // the server decided that it may.
        let first = units == 0.0;
        first
            || units + job.spec.compute_units <= self.limits.units + 1e-6
                && memory + job.spec.memory_bytes <= self.limits.memory
    }

    fn is_short(&self, job: &Job) -> bool {
        let known = self.runtimes.get(&job.spec.id);
        job.may_queue_behind_another() && known.is_some_and(|r| *r < SHORT.as_secs_f64())
    }

    fn finished_within(&self, span: Duration, now: Instant) -> usize {
        let recent = self.finished.iter().rev();
        recent
            .take_while(|(at, _)| now.duration_since(*at) <= span)
            .map(|(_, count)| count)
            .sum()
    }

    /// What the worker can take on now.
    pub(crate) fn offer(&self, now: Instant) -> Offer {
        let (mut units, mut memory) = self.used();
        let (mut queued, mut queued_units, mut queued_memory) = (0, 0.0, 0);
        for waiting in self.queues.values().flatten() {
            queued += 1;
            queued_units += waiting.job.spec.compute_units;
            queued_memory += waiting.job.spec.memory_bytes;
        }
        // What starts is meant for what is queued: it counts once.
        for starting in self
            .executors
            .values()
            .filter(|e| e.state == State::Starting)
        {
            units -= starting.units.min(queued_units);
            memory -= starting.memory.min(queued_memory);
        }
        let behind: usize = self
            .executors
            .values()
            .map(|e| e.sent.saturating_sub(1))
            .sum();
        let target = (2 * self.finished_within(PREFETCH_SPAN, now)).min(PREFETCH_MAX);
        let missing = target.saturating_sub(queued + behind);
        Offer {
            free_units: (self.limits.units - units - queued_units).max(0.0),
            free_memory: self.limits.memory.saturating_sub(memory + queued_memory),
            free_source_ips: self.limits.source_ips.map(|total| {
                let busy = self
                    .executors
                    .values()
                    .filter(|e| e.context.share.own_ip && (e.sent > 0 || e.state != State::Live));
                let waiting = self.queues.iter().filter(|(c, _)| c.share.own_ip);
                let waiting: usize = waiting.map(|(_, queue)| queue.len()).sum();
                total.saturating_sub(u32::try_from(busy.count() + waiting).unwrap_or(u32::MAX))
            }),
            prefetch: u32::try_from(missing).unwrap_or(0),
            prefetch_target: u32::try_from(target).unwrap_or(0),
        }
    }

    /// What to do now.
    pub(crate) fn plan(&mut self, now: Instant) -> Vec<Action> {
        let mut actions = Vec::new();
        let mut contexts: Vec<_> = self
            .queues
            .iter()
            .filter_map(|(context, queue)| Some((queue.front()?.since, Arc::clone(context))))
            .collect();
        contexts.sort_by_key(|(since, _)| *since);
        for (_, context) in contexts {
            self.place(&context, now, &mut actions);
        }
        self.give_back(now, &mut actions);
        self.queues.retain(|_, queue| !queue.is_empty());
        self.retire(now, &mut actions);
        actions
    }

    /// Finds processes for the jobs of one context, in order.
    fn place(&mut self, context: &Arc<Context>, now: Instant, actions: &mut Vec<Action>) {
        let mut sends: BTreeMap<ExecutorId, Vec<Job>> = BTreeMap::new();
        let Some(mut queue) = self.queues.remove(context) else {
            return;
        };
        while let Some(waiting) = queue.front() {
            let Some(id) = self.choose(context, &waiting.job, &sends) else {
                break;
            };
            let Some(Waiting { job, .. }) = queue.pop_front() else {
                break;
            };
            self.places
                .insert(job.of.jid, (job.of, Place::Executor(id)));
            if let Some(executor) = self.executors.get_mut(&id) {
                executor.sent += 1;
                executor.units = executor.units.max(job.spec.compute_units);
                executor.memory = executor.memory.max(job.spec.memory_bytes);
                if job.spec.spec.kill_process {
                    executor.state = State::Closing;
                }
            }
            sends.entry(id).or_default().push(job);
        }
        actions.extend(sends.into_iter().map(|(id, jobs)| Action::Send(id, jobs)));
        self.start(context, &queue, now, actions);
        self.queues.insert(Arc::clone(context), queue);
    }

    fn choose(
        &self,
        context: &Arc<Context>,
        job: &Job,
        sends: &BTreeMap<ExecutorId, Vec<Job>>,
    ) -> Option<ExecutorId> {
        let same = || self.executors.iter().filter(|(_, e)| e.context == *context);
        let busy = same().filter(|(_, e)| e.is_active()).count();
        let working = same().filter(|(_, e)| e.sent > 0 && !e.slow).count();
        let short = self.is_short(job);
        let idle = same().filter(|(_, e)| e.state == State::Live && e.sent == 0);
        let idle = idle.max_by_key(|(_, e)| e.idle_since).map(|(id, _)| *id);
        let fits = self.fits(job);
        if let Some(id) = idle
            && fits
            && (!short || working < self.limits.threads)
        {
            return Some(id);
        }
        if !short || fits && busy < self.limits.threads {
            return None;
        }
        let open = same().filter(|(id, e)| {
            let room = match sends.contains_key(id) {
                true => e.sent < WINDOW,
                false => e.sent <= WINDOW_LOW,
            };
            e.state == State::Live
                && e.sent > 0
                && !e.slow
                && room
                && job.spec.compute_units <= e.units + 1e-6
                && job.spec.memory_bytes <= e.memory
        });
        open.min_by_key(|(_, e)| e.sent).map(|(id, _)| *id)
    }

    /// Starts processes for what is left, a few at a time: by the time those are ready, the
    /// jobs may be done already.
    fn start(
        &mut self,
        context: &Arc<Context>,
        queue: &VecDeque<Waiting>,
        now: Instant,
        actions: &mut Vec<Action>,
    ) {
        let starting = |e: &&Executor| e.state == State::Starting;
        let all = self.executors.values().filter(starting).count();
        let own = self.executors.values().filter(|e| e.context == *context);
        let own = own.filter(starting).count();
        let room = self.limits.threads.saturating_sub(all);
        for waiting in queue.iter().skip(own).take(room) {
            let job = &waiting.job;
            let busy = self.executors.values().filter(|e| e.context == *context);
            let busy = busy.filter(|e| e.is_active()).count();
            if !self.has_address_for(context) {
                self.free_an_address(context, actions);
                return;
            }
            if !self.fits(job) || self.is_short(job) && busy >= self.limits.threads {
                return;
            }
            self.next_executor += 1;
            let id = ExecutorId(self.next_executor);
            let executor = Executor {
                context: Arc::clone(context),
                state: State::Starting,
                sent: 0,
                slow: false,
                units: job.spec.compute_units,
                memory: job.spec.memory_bytes,
                idle_since: now,
            };
            self.executors.insert(id, executor);
            actions.push(Action::Fork(id, Arc::clone(context)));
        }
    }

    /// An idle process of somebody else that has an address makes room for one that needs it.
    fn free_an_address(&mut self, context: &Arc<Context>, actions: &mut Vec<Action>) {
        let closing = |e: &Executor| e.context.share.own_ip && e.state == State::Closing;
        if self.executors.values().any(closing) {
            return;
        }
        let idle = self.executors.iter_mut().filter(|(_, e)| {
            e.context.share.own_ip && e.context != *context && e.state == State::Live && e.sent == 0
        });
        if let Some((id, executor)) = idle.min_by_key(|(_, e)| e.idle_since) {
            executor.state = State::Closing;
            actions.push(Action::Retire(*id));
        }
    }

    /// Jobs whose turn is not near go back to the server: another worker may be free.
    fn give_back(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let pace = self.finished_within(PATIENCE, now);
        let starting = self
            .executors
            .values()
            .filter(|e| e.state == State::Starting);
        let near = pace + starting.count();
        let mut late = Vec::new();
        let (mut units, mut memory) = self.used();
        for queue in self.queues.values_mut() {
            let fitting = queue.iter().take_while(|waiting| {
                units += waiting.job.spec.compute_units;
                memory += waiting.job.spec.memory_bytes;
                units <= self.limits.units + 1e-6 && memory <= self.limits.memory
            });
            let room = near + fitting.count();
            while queue.len() > near
                && let Some(last) = queue.back()
                && now.duration_since(last.since)
                    > match queue.len() > room {
                        true => PATIENCE,
                        false => PATIENCE_WITH_ROOM,
                    }
            {
                late.extend(queue.pop_back().map(|w| w.job.of));
            }
        }
        for of in &late {
            self.forget(*of);
        }
        if !late.is_empty() {
            actions.push(Action::Return(late));
        }
    }

    /// Ends idle processes that are too many or were idle for too long.
    fn retire(&mut self, now: Instant, actions: &mut Vec<Action>) {
        let idle = self
            .executors
            .iter()
            .filter(|(_, e)| e.state == State::Live && e.sent == 0);
        let mut idle: Vec<_> = idle.map(|(id, e)| (e.idle_since, *id)).collect();
        idle.sort_unstable();
        let too_many = idle.len().saturating_sub(self.limits.idle_max);
        let spare = idle.len().saturating_sub(self.limits.idle_keep);
        let old = |since: Instant| now.duration_since(since) > self.limits.idle_for;
        let ended = idle
            .iter()
            .enumerate()
            .filter(|(at, (since, _))| *at < too_many || *at < spare && old(*since))
            .map(|(_, (_, id))| *id);
        for id in ended {
            if let Some(executor) = self.executors.get_mut(&id) {
                executor.state = State::Closing;
            }
            actions.push(Action::Retire(id));
        }
    }
}

#[cfg(test)]
mod tests;
