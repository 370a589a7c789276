//! The one who knows where every job is. Takes in what the server sends and what the owners of
//! processes tell, lets `pool` decide, and does what it decided.

use crate::{
    blobs::BlobCache,
    code::CodeCache,
    executor::{Event, Executor, ExecutorId, Order, Shared},
    fork::{self, ForkContext, Nursery},
    job::{Context, Job, Pickle, Spec},
    outcome::Why,
    pool::{Action, Limits, Offer, Place, Pool},
    ports::Ports,
    prepare::{self, Prepared},
    report::Outbox,
    session::Line,
    verdict,
    volumes::VolumeCache,
};
use picloud_client::Pulled;
use picloud_types::{
    JobState, Payload, SpecId, Timestamp, Usage,
    api::workers::{AttemptRef, FinishedReport, PulledSpec},
};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    sync::{mpsc, oneshot, watch},
    task::JoinSet,
    time::timeout,
};
use tracing::{debug, warn};

/// Looks at what only time changes this often, while jobs wait ...
const TICK_BUSY: Duration = Duration::from_millis(50);
/// ... and this often otherwise.
const TICK_IDLE: Duration = Duration::from_secs(5);
/// Functions kept for jobs that may still come.
const SPECS_MAX: usize = 2_000;
/// Messages taken in before the next decision.
const BATCH: usize = 128;

/// What the agent is told.
#[derive(Debug)]
pub(crate) enum Message {
    Pulled(Box<Pulled>),
    Prepared(Prepared),
    Forked(ExecutorId, Result<Box<Executor>, String>),
    /// What the server thinks is here, asked while nothing was on its way.
    Held(Vec<AttemptRef>),
    /// Run down: give back what has not begun, let the rest run for `grace`.
    Stop {
        grace: Duration,
        done: oneshot::Sender<()>,
    },
    /// End everything at once.
    Abandon,
}

/// A job on its way into the pool.
#[derive(Debug)]
struct Preparing {
    of: AttemptRef,
    units: f64,
    memory: u64,
    /// It must not start after all.
    cancelled: bool,
}

#[derive(Debug)]
struct Stopping {
    interrupt_at: Instant,
    interrupted: bool,
    done: Option<oneshot::Sender<()>>,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Agent {
    pool: Pool,
    shared: Arc<Shared>,
    fork: Arc<ForkContext>,
    blobs: Arc<BlobCache>,
    orders: HashMap<ExecutorId, mpsc::UnboundedSender<Order>>,
    contexts: HashSet<Arc<Context>>,
    specs: HashMap<SpecId, Arc<Spec>>,
    preparing: HashMap<picloud_types::Jid, Preparing>,
    owners: JoinSet<()>,
    offers: watch::Sender<Offer>,
    send: mpsc::Sender<Message>,
    inbox: mpsc::Receiver<Message>,
    events: mpsc::Receiver<(ExecutorId, Vec<Event>)>,
    stopping: Option<Stopping>,
}

/// What an agent works with.
#[derive(Debug)]
pub(crate) struct Equipment {
    pub(crate) limits: Limits,
    pub(crate) code: Arc<CodeCache>,
    pub(crate) volumes: Arc<VolumeCache>,
    pub(crate) blobs: Arc<BlobCache>,
    pub(crate) results: std::path::PathBuf,
    pub(crate) grace: Duration,
    pub(crate) nursery: Nursery,
}

impl Agent {
    pub(crate) fn new(line: Arc<Line>, equipment: Equipment) -> std::io::Result<Self> {
        let (send, inbox) = mpsc::channel(1_024);
        let (send_event, events) = mpsc::channel(1_024);
        let results = crate::results::Results::new(Arc::clone(&line), equipment.results)?;
        let shared = Arc::new(Shared {
            line,
            outbox: Arc::default(),
            results: Arc::new(results),
            events: send_event,
            ports: Ports::default(),
            grace: equipment.grace,
        });
        let pool = Pool::new(equipment.limits);
        Ok(Self {
            offers: watch::Sender::new(pool.offer(Instant::now())),
            pool,
            fork: Arc::new(ForkContext {
                shared: Arc::clone(&shared),
                code: equipment.code,
                volumes: equipment.volumes,
                nursery: equipment.nursery,
            }),
            shared,
            blobs: equipment.blobs,
            orders: HashMap::new(),
            contexts: HashSet::new(),
            specs: HashMap::new(),
            preparing: HashMap::new(),
            owners: JoinSet::new(),
            send,
            inbox,
            events,
            stopping: None,
        })
    }

    pub(crate) fn outbox(&self) -> Arc<Outbox> {
        Arc::clone(&self.shared.outbox)
    }

    pub(crate) fn inbox(&self) -> mpsc::Sender<Message> {
        self.send.clone()
    }

    pub(crate) fn offers(&self) -> watch::Receiver<Offer> {
        self.offers.subscribe()
    }

    /// Until told to abandon everything. `refused` brings attempts the server does not want.
    pub(crate) async fn run(mut self, mut refused: mpsc::UnboundedReceiver<Vec<AttemptRef>>) {
        let (mut messages, mut events) = (Vec::new(), Vec::new());
        loop {
            let tick = match self.pool.has_queued() || self.stopping.is_some() {
                true => TICK_BUSY,
                false => TICK_IDLE,
            };
            tokio::select! {
                _ = self.events.recv_many(&mut events, BATCH) => {}
                _ = self.inbox.recv_many(&mut messages, BATCH) => {}
                Some(refused) = refused.recv() => self.refused(&refused),
                Some(_) = self.owners.join_next() => {}
                () = tokio::time::sleep(tick) => {}
            }
            let now = Instant::now();
            for (executor, events) in events.drain(..) {
                for event in events {
                    self.heard(executor, event, now);
                }
            }
            for message in messages.drain(..) {
                if matches!(message, Message::Abandon) {
                    return self.abandon().await;
                }
                self.received(message, now);
            }
            self.act(now);
        }
    }

    /// Owners that lose their orders end their processes.
    async fn abandon(mut self) {
        self.orders.clear();
        self.inbox.close();
        // Their last words are for nobody.
        let events = async { while self.events.recv().await.is_some() {} };
        let ended = async { while self.owners.join_next().await.is_some() {} };
        let _ = timeout(Duration::from_secs(10), async {
            tokio::select! { () = events => {}, () = ended => {} }
        })
        .await;
    }

    fn act(&mut self, now: Instant) {
        if self.stopping.is_some() {
            self.run_down(now);
        }
        for action in self.pool.plan(now) {
            match action {
                Action::Send(id, jobs) => self.order(id, Order::Jobs(jobs)),
                Action::Retire(id) => self.order(id, Order::Retire),
                Action::Return(jobs) => {
                    debug!(
                        count = jobs.len(),
                        "jobs go back, their turn here is not near"
                    );
                    self.shared.outbox.returned(jobs);
                }
                Action::Fork(id, context) => self.start_fork(id, context),
            }
        }
        let mut offer = match self.stopping {
            None => self.pool.offer(now),
            Some(_) => Offer::default(),
        };
        for preparing in self.preparing.values() {
            offer.free_units = (offer.free_units - preparing.units).max(0.0);
            offer.free_memory = offer.free_memory.saturating_sub(preparing.memory);
            offer.prefetch = offer.prefetch.saturating_sub(1);
        }
        self.offers.send_if_modified(|current| {
            let changed = *current != offer;
            *current = offer;
            changed
        });
    }

    fn order(&self, id: ExecutorId, order: Order) {
        if let Some(orders) = self.orders.get(&id) {
            let _ = orders.send(order);
        }
    }

    fn start_fork(&mut self, id: ExecutorId, context: Arc<Context>) {
        let (orders, receive) = mpsc::unbounded_channel();
        self.orders.insert(id, orders);
        let (fork, send) = (Arc::clone(&self.fork), self.send.clone());
        // Not tied to the session: a fork cut off in the middle would garble the zygote's line.
        tokio::spawn(async move {
            let forked = fork::fork(&fork, id, &context, receive).await;
            let _ = send.send(Message::Forked(id, forked.map(Box::new))).await;
        });
    }

    fn received(&mut self, message: Message, now: Instant) {
        match message {
            Message::Pulled(pulled) => self.pulled(*pulled, now),
            Message::Prepared(prepared) => self.prepared(prepared, now),
            Message::Forked(_, Ok(executor)) => {
                self.owners.spawn(executor.run());
            }
            Message::Forked(id, Err(reason)) => {
                self.orders.remove(&id);
                warn!(%reason, "a process could not be started");
                for job in self.pool.fork_failed(id) {
                    self.could_not_start(job.of, &reason);
                }
            }
            Message::Stop { grace, done } => {
                self.stopping = Some(Stopping {
                    interrupt_at: now + grace,
                    interrupted: false,
                    done: Some(done),
                });
                for orders in self.orders.values() {
                    let _ = orders.send(Order::WindUp);
                }
            }
            Message::Held(attempts) => self.give_back_unknown(attempts),
            // Dealt with before.
            Message::Abandon => {}
        }
    }

    /// Jobs that the server handed out and that never arrived. The pool is looked at first: what
    /// leaves it is in the outbox before.
    fn give_back_unknown(&self, attempts: Vec<AttemptRef>) {
        let unknown = attempts.into_iter().filter(|of| {
            let prepared = self.preparing.get(&of.jid).is_some_and(|p| p.of == *of);
            !prepared && self.pool.find(*of).is_none()
        });
        let lost = self.shared.outbox.silent_about(unknown.collect());
        if !lost.is_empty() {
            warn!(count = lost.len(), "jobs did not arrive, giving them back");
            self.shared.outbox.returned(lost);
        }
    }

    fn heard(&mut self, executor: ExecutorId, event: Event, now: Instant) {
        match event {
            Event::Ready => self.pool.ready(executor, now),
            Event::Answered { of, spec, runtime } => {
                self.pool.answered(executor, of, spec, runtime, now);
            }
            Event::Unstarted(job) => self.pool.unstarted(executor, job, now),
            Event::Dropped(of) => self.pool.dropped(executor, of, now),
            Event::Slow => self.pool.slow(executor),
            Event::Closing => self.pool.closing(executor),
            Event::Gone => {
                self.orders.remove(&executor);
                self.pool.gone(executor);
            }
        }
    }

    fn pulled(&mut self, pulled: Pulled, now: Instant) {
        let Pulled {
            header,
            functions,
            args,
        } = pulled;
        let mut blob_functions = HashMap::new();
        for (about, function) in header.specs.into_iter().zip(functions) {
            let id = about.id;
            match function {
                Payload::Inline(bytes) => {
                    self.add_spec(about, Pickle::Bytes(bytes));
                }
                Payload::Blob { hash, .. } => {
                    blob_functions.insert(
                        id,
                        (
                            self.spec_of(about, Pickle::Bytes(bytes::Bytes::new())),
                            hash,
                        ),
                    );
                }
            }
        }
        let mut ready = Vec::new();
        for (job, args) in header.jobs.into_iter().zip(args) {
            let of = AttemptRef {
                jid: job.jid,
                attempt: job.attempt,
            };
            let function = blob_functions.get(&job.spec);
            let spec = match function {
                Some((spec, _)) => Arc::clone(spec),
                None => match self.specs.get(&job.spec) {
                    Some(spec) => Arc::clone(spec),
                    None => {
                        self.could_not_start(of, "the server sent a job without its function");
                        continue;
                    }
                },
            };
            if let (None, Payload::Inline(bytes)) = (function, &args) {
                let args = Pickle::Bytes(bytes.clone());
                ready.push(Job {
                    of,
                    spec,
                    token: job.token,
                    args,
                });
                continue;
            }
            let preparing = Preparing {
                of,
                units: spec.compute_units,
                memory: spec.memory_bytes,
                cancelled: false,
            };
            self.preparing.insert(of.jid, preparing);
            let function = function.map(|(_, hash)| *hash);
            let (line, blobs, send) = (
                Arc::clone(&self.shared.line),
                Arc::clone(&self.blobs),
                self.send.clone(),
            );
            tokio::spawn(async move {
                let prepared =
                    prepare::prepare(&line, &blobs, of, spec, function, args, job.token).await;
                let _ = send.send(Message::Prepared(prepared)).await;
            });
        }
        match self.stopping {
            None => self.pool.arrived(ready, now),
            Some(_) => self.shared.outbox.returned(ready.into_iter().map(|j| j.of)),
        }
        for of in header.kills {
            self.kill(of);
        }
    }

    fn spec_of(&mut self, about: PulledSpec, function: Pickle) -> Arc<Spec> {
        let context = Context::of(&about);
        // Equal contexts are one value, so that comparing them is comparing pointers.
        let context = match self.contexts.get(&context) {
            Some(known) => Arc::clone(known),
            None => {
                self.contexts.retain(|c| Arc::strong_count(c) > 1);
                let context = Arc::new(context);
                self.contexts.insert(Arc::clone(&context));
                context
            }
        };
        Arc::new(Spec {
            id: about.id,
            context,
            function,
            compute_units: about.compute_units,
            memory_bytes: about.memory_bytes,
            spec: about.spec,
        })
    }

    fn add_spec(&mut self, about: PulledSpec, function: Pickle) {
        // What its volumes are may have changed since.
        let known = self.specs.get(&about.id);
        if known.is_some_and(|spec| spec.context.mounts == about.mounts) {
            return;
        }
        if self.specs.len() >= SPECS_MAX {
            self.specs.clear();
        }
        let spec = self.spec_of(about, function);
        self.specs.insert(spec.id, spec);
    }

    fn prepared(&mut self, prepared: Prepared, now: Instant) {
        let of = prepared.of;
        let Some(preparing) = self.preparing.remove(&of.jid) else {
            return;
        };
        match prepared.job {
            _ if preparing.cancelled => {}
            Ok(job) if self.stopping.is_none() => self.pool.arrived([job], now),
            Ok(_) => self.shared.outbox.returned([of]),
            Err(reason) => self.could_not_start(of, &reason),
        }
    }

    fn could_not_start(&self, of: AttemptRef, reason: &str) {
        let now = Timestamp::from(SystemTime::now());
        let report = FinishedReport {
            jid: of.jid,
            attempt: of.attempt,
            state: JobState::Error,
            started: now,
            finished: now,
            usage: Usage::default(),
            failure: Some(verdict::could_not_start(reason)),
            profile: None,
        };
        self.shared.outbox.finished(report, Payload::empty());
    }

    /// The owner of a job wants it to end.
    fn kill(&mut self, of: AttemptRef) {
        if let Some(preparing) = self.preparing.get_mut(&of.jid)
            && preparing.of == of
        {
            if !std::mem::replace(&mut preparing.cancelled, true) {
                self.shared.outbox.returned([of]);
            }
            self.shared.outbox.kills_seen([of]);
            return;
        }
        match self.pool.find(of) {
            Some(Place::Executor(id)) => self.order(id, Order::Stop(of, Why::Killed)),
            Some(Place::Queue) => {
                self.pool.remove_queued(of);
                self.shared.outbox.returned([of]);
                self.shared.outbox.kills_seen([of]);
            }
            // It ended, or never came: it will not start.
            None => self.shared.outbox.kills_seen([of]),
        }
    }

    /// The server gave these to somebody else.
    fn refused(&mut self, attempts: &[AttemptRef]) {
        for of in attempts {
            if let Some(preparing) = self.preparing.get_mut(&of.jid)
                && preparing.of == *of
            {
                preparing.cancelled = true;
            }
            match self.pool.find(*of) {
                Some(Place::Executor(id)) => self.order(id, Order::Stop(*of, Why::Refused)),
                Some(Place::Queue) => {
                    self.pool.remove_queued(*of);
                }
                None => {}
            }
        }
    }

    /// The worker stops: what has not begun goes back, what runs has until the grace is over.
    fn run_down(&mut self, now: Instant) {
        let queued = self.pool.remove_all_queued();
        self.shared.outbox.returned(queued);
        let Some(stopping) = &mut self.stopping else {
            return;
        };
        if self.pool.is_empty() && self.preparing.is_empty() {
            if let Some(done) = stopping.done.take() {
                let _ = done.send(());
            }
        } else if now >= stopping.interrupt_at && !stopping.interrupted {
            stopping.interrupted = true;
            for (id, of) in self.pool.sent() {
                self.order(id, Order::Stop(of, Why::WorkerStops));
            }
        }
    }
}
