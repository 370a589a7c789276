//! The owner of one process that runs jobs: feeds it, listens to it, and ends it if it must.
//!
//! Jobs are sent ahead. The process answers in order and answers one before it begins the next,
//! so when it dies the first unanswered job is the one that ran, and the others go back.

mod answers;
mod death;
mod idle;
mod meter;
mod streams;

use crate::{
    code::CodeVersion,
    confine::Cell,
    disk,
    frames::{self, BadFrame, Finished, FromExecutor, SetUp, Status},
    job::Job,
    kernel_log,
    outcome::Why,
    output::{JobOutput, PIECE_MAX_BYTES},
    ports::Ports,
    report::Outbox,
    results::Results,
    session::Line,
    zygote::{End, Forked},
};
use bytes::BytesMut;
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use picloud_types::{
    AccountId, SpecId, Stream,
    api::workers::{AttemptRef, StartedReport},
};
use std::{
    collections::{BTreeMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        UnixStream,
        unix::{OwnedReadHalf, OwnedWriteHalf, pipe},
    },
    sync::{mpsc, oneshot},
};
use tracing::{debug, warn};

/// A job that still runs after this is reported as started; shorter ones are only reported as ended.
const STARTED_AFTER: Duration = Duration::from_millis(50);
/// Jobs behind one that runs this long are taken back.
const SLOW_AFTER: Duration = Duration::from_millis(200);
/// Output waits this long for more of it.
const OUTPUT_PAUSE: Duration = Duration::from_millis(50);
/// Time for a dump of stacks before the process is ended.
const DUMP_TIME: Duration = Duration::from_millis(100);
/// How often a process that does not read its socket is reminded to.
const REMIND_EVERY: Duration = Duration::from_millis(20);
/// Up to this size results come through the socket. Well below the longest frame; beyond it a
/// file costs less than the copying.
pub(crate) const INLINE_LIMIT_BYTES: u64 = 1 << 20;
/// Said in the pilog of every job that no sandbox is around.
const UNPROTECTED: &str = "this worker runs jobs without a sandbox (--isolation=process): a job can read and change what the worker can";
/// A process that has seen this many functions is replaced: it keeps each of them.
const FUNCTIONS_MAX: usize = 500;

/// Names an executor within one session.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ExecutorId(pub(crate) u64);

/// What its owner is told.
#[derive(Debug)]
pub(crate) enum Order {
    Jobs(Vec<Job>),
    Stop(AttemptRef, Why),
    /// End once idle.
    Retire,
    /// The worker stops: give back what has not begun.
    WindUp,
}

/// What the owner tells.
#[derive(Debug)]
pub(crate) enum Event {
    Ready,
    /// A job was answered; it ran for `runtime`.
    Answered {
        of: AttemptRef,
        spec: SpecId,
        runtime: Duration,
    },
    /// A job did not begin and can go elsewhere.
    Unstarted(Job),
    /// A job did not begin and will not.
    Dropped(AttemptRef),
    /// The job it runs takes long: nothing should wait behind it.
    Slow,
    /// Takes no more jobs.
    Closing,
    /// The process is no more.
    Gone,
}

/// What all executors of a session share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) line: Arc<Line>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) results: Arc<Results>,
    pub(crate) events: mpsc::Sender<(ExecutorId, Vec<Event>)>,
    pub(crate) ports: Ports,
    /// Between the interrupt and the end of a job that does not heed it.
    pub(crate) grace: Duration,
}

/// The worker's ends of what a process was given.
#[derive(Debug)]
pub(crate) struct Ends {
    pub(crate) socket: UnixStream,
    pub(crate) stdout: pipe::Receiver,
    pub(crate) stderr: pipe::Receiver,
}

/// A process just forked, and all that is its own.
#[derive(Debug)]
pub(crate) struct Process {
    pub(crate) account: AccountId,
    /// Environment variables, which hold what people keep secret. They are sent to the process itself: what
    /// the zygote once knew, every later process could find in its memory.
    pub(crate) env: BTreeMap<String, String>,
    pub(crate) forked: Forked,
    pub(crate) ends: Ends,
    /// Its working directory, removed after its end.
    pub(crate) scratch: tempfile::TempDir,
    pub(crate) cell: Cell,
    /// Kept on disk as long as it lives.
    pub(crate) code: Option<Arc<CodeVersion>>,
}

/// A job sent to the process and not answered.
#[derive(Debug)]
struct Sent {
    job: Job,
    why: Option<Why>,
}

/// What became of the job at the head, as far as time matters.
#[derive(Debug)]
struct Head {
    since: Instant,
    began: SystemTime,
    /// Where the kernel's log was.
    log_since_us: u64,
    started_told: bool,
    slow_told: bool,
    interrupted: Option<Instant>,
    dumped: Option<Instant>,
    killed: bool,
}

impl Head {
    fn new() -> Self {
        Self {
            since: Instant::now(),
            began: SystemTime::now(),
            log_since_us: kernel_log::now_us(),
            started_told: false,
            slow_told: false,
            interrupted: None,
            dumped: None,
            killed: false,
        }
    }
}

/// How the line to a process came to its end.
#[derive(Debug)]
enum LineEnd {
    Ended(End),
    Closed,
    Garbled(BadFrame),
    Abandoned,
}

/// See the module's documentation.
#[derive(Debug)]
pub(crate) struct Executor {
    id: ExecutorId,
    shared: Arc<Shared>,
    orders: mpsc::UnboundedReceiver<Order>,
    pid: Pid,
    end: oneshot::Receiver<End>,
    read: OwnedReadHalf,
    write: OwnedWriteHalf,
    inbox: BytesMut,
    outgoing: BytesMut,
    stdout: Option<pipe::Receiver>,
    stderr: Option<pipe::Receiver>,
    window: VecDeque<Sent>,
    head: Head,
    idle: idle::Idle,
    functions: HashSet<SpecId>,
    output: JobOutput,
    output_since: Option<Instant>,
    /// A SIGUSR1 is due once what was written has left.
    signal_due: bool,
    reminded: Instant,
    /// It takes no more jobs, and ends without blame for those it has.
    closing: bool,
    retire_by: Option<Instant>,
    events: Vec<Event>,
    scratch: tempfile::TempDir,
    cell: Cell,
    meter: meter::Meter,
    /// It has said so.
    ready: bool,
    /// The process of jobs itself, once it is ready; `pid` is that of its init.
    process: Option<i32>,
    _code: Option<Arc<CodeVersion>>,
}

impl Executor {
    /// The owner of a process just forked. `run` it.
    pub(crate) fn new(
        id: ExecutorId,
        shared: Arc<Shared>,
        orders: mpsc::UnboundedReceiver<Order>,
        process: Process,
    ) -> Self {
        let (read, write) = process.ends.socket.into_split();
        let mut outgoing = BytesMut::with_capacity(16 * 1024);
        let set_up = SetUp {
            env: &process.env,
            account: process.account.0,
            server_url: shared.line.client.server(),
            result_limit: shared.line.payload_max_bytes,
            inline_limit: INLINE_LIMIT_BYTES,
            memory_limit: Some(process.cell.share.memory_bytes).filter(|b| *b > 0),
            disk_limit: Some(process.cell.disk_limit_bytes),
            open_files_limit: Some(process.cell.open_files),
            pilog: (!process.cell.in_sandbox).then_some(UNPROTECTED),
        };
        frames::put_json(&mut outgoing, b'S', &set_up);
        Self {
            id,
            shared,
            orders,
            pid: Pid::from_raw(process.forked.pid),
            end: process.forked.end,
            read,
            write,
            inbox: BytesMut::with_capacity(64 * 1024),
            outgoing,
            stdout: Some(process.ends.stdout),
            stderr: Some(process.ends.stderr),
            window: VecDeque::new(),
            head: Head::new(),
            idle: idle::Idle::new(),
            functions: HashSet::new(),
            output: JobOutput::default(),
            output_since: None,
            signal_due: false,
            reminded: Instant::now(),
            closing: false,
            retire_by: None,
            events: Vec::new(),
            meter: meter::Meter::new(&process.cell, process.scratch.path()),
            scratch: process.scratch,
            ready: false,
            process: None,
            cell: process.cell,
            _code: process.code,
        }
    }

    /// Until the process is no more.
    pub(crate) async fn run(mut self) {
        let end = self.serve().await;
        debug!(executor = self.id.0, ?end, "an executor's line ended");
        self.conclude(end).await;
        self.events.push(Event::Gone);
        self.tell().await;
        let (scratch, cell) = (self.scratch, self.cell);
        // A job may have left a large tree, and a process that the kernel takes its time with.
        let _ = tokio::task::spawn_blocking(move || {
            // First, so that nobody is left to fill what is being emptied.
            cell.end();
            let scratch = scratch.keep();
            if let Err(error) = disk::remove(&scratch) {
                warn!(%error, dir = %scratch.display(), "files of a process could not be removed");
            }
            cell.clear();
        })
        .await;
    }

    async fn serve(&mut self) -> LineEnd {
        let mut orders = Vec::new();
        let (mut out_bytes, mut err_bytes) = (BytesMut::new(), BytesMut::new());
        loop {
            let full = self.shared.outbox.is_full();
            let due = self
                .due()
                .unwrap_or_else(|| Instant::now() + Duration::from_secs(3600));
            let outbox = Arc::clone(&self.shared.outbox);
            tokio::select! {
                count = self.orders.recv_many(&mut orders, 64) => {
                    if count == 0 {
                        return LineEnd::Abandoned;
                    }
                    for order in orders.drain(..) {
                        self.obey(order);
                    }
                }
                read = self.read.read_buf(&mut self.inbox), if !full => {
                    if !matches!(read, Ok(1..)) {
                        return LineEnd::Closed;
                    }
                    if let Err(bad) = self.hear().await {
                        return LineEnd::Garbled(bad);
                    }
                }
                read = read_pipe(&mut self.stdout, &mut out_bytes), if !full => {
                    self.overhear(Stream::Stdout, &read, &mut out_bytes);
                }
                read = read_pipe(&mut self.stderr, &mut err_bytes), if !full => {
                    self.overhear(Stream::Stderr, &read, &mut err_bytes);
                }
                () = outbox.room(), if full => {}
                written = self.write.write_buf(&mut self.outgoing), if !self.outgoing.is_empty() => {
                    if written.is_err() {
                        // The other end is gone; reading says so too, after its last words.
                        self.outgoing.clear();
                    }
                }
                end = &mut self.end => return LineEnd::Ended(end.unwrap_or_else(|_| End::unknown())),
                () = tokio::time::sleep_until(due.into()) => self.on_time(),
            }
            self.signal_if_due();
            self.tell().await;
        }
    }

    async fn tell(&mut self) {
        if !self.events.is_empty() {
            let events = std::mem::take(&mut self.events);
            // Nobody listens any more once the session is over.
            let _ = self.shared.events.send((self.id, events)).await;
        }
    }

    fn obey(&mut self, order: Order) {
        match order {
            Order::Jobs(jobs) => {
                for job in jobs {
                    self.send(job);
                }
            }
            Order::Stop(of, why) => self.stop(of, why),
            Order::WindUp => self.take_back(),
            Order::Retire => {
                frames::put_kind(&mut self.outgoing, b'Q');
                self.closing = true;
                self.retire_by = Some(Instant::now() + self.shared.grace);
            }
        }
    }

    fn send(&mut self, job: Job) {
        if self.closing || self.head.slow_told && !self.window.is_empty() {
            self.events.push(Event::Unstarted(job));
            return;
        }
        if self.functions.insert(job.spec.id) {
            frames::put_function(&mut self.outgoing, &job.spec, &self.cell.view);
        }
        frames::put_job(&mut self.outgoing, &job, &self.cell.view);
        if self.window.is_empty() {
            self.head = Head::new();
        }
        self.window.push_back(Sent { job, why: None });
    }

    /// A job must not go on.
    fn stop(&mut self, of: AttemptRef, why: Why) {
        let Some(at) = self.window.iter().position(|s| s.job.of == of) else {
            if why == Why::Killed {
                // Answered meanwhile: it will not start.
                self.shared.outbox.kills_seen([of]);
            }
            return;
        };
        self.window[at].why = Some(why);
        if at == 0 {
            // Before it hears of it, and closes them.
            self.cell.abandon_files();
        }
        self.cancel(&[of.jid.0]);
        if at == 0 {
            self.interrupting();
        }
    }

    fn cancel(&mut self, jids: &[i64]) {
        frames::put_cancel(&mut self.outgoing, jids);
        self.signal_due = true;
        self.reminded = Instant::now();
        self.signal(Signal::SIGUSR1);
    }

    /// The job at the head is meant to end: from now on the clock runs for it.
    fn interrupting(&mut self) {
        let Some(Sent {
            job,
            why: Some(why),
        }) = self.window.front()
        else {
            return;
        };
        if *why == Why::TakenBack {
            return;
        }
        if *why == Why::Killed {
            self.shared.outbox.kills_seen([job.of]);
        }
        self.head.interrupted.get_or_insert_with(Instant::now);
    }

    fn signal(&self, signal: Signal) {
        let _ = kill(self.pid, signal);
    }

    /// The process is to read its socket, also when a job runs. Repeated, because the socket
    /// may have been too full for what it is to read.
    fn signal_if_due(&mut self) {
        if !self.signal_due {
            return;
        }
        if self.outgoing.is_empty() {
            self.signal_due = false;
            self.signal(Signal::SIGUSR1);
        } else if self.reminded.elapsed() >= REMIND_EVERY {
            self.reminded = Instant::now();
            self.signal(Signal::SIGUSR1);
        }
    }

    /// The next moment at which time alone makes something happen.
    fn due(&self) -> Option<Instant> {
        let head = &self.head;
        let mut due = [None; 8];
        if let Some(Sent { job, .. }) = self.window.front() {
            due[0] = (!head.started_told).then(|| head.since + STARTED_AFTER);
            due[1] = (!head.slow_told).then(|| head.since + SLOW_AFTER);
            let limit = job.spec.spec.max_runtime_ms.map(Duration::from_millis);
            due[2] = match head.interrupted {
                None => limit.map(|limit| head.since + limit),
                Some(_) if head.killed => None,
                Some(at) => Some(match head.dumped {
                    None => at + self.shared.grace,
                    Some(dumped) => dumped + DUMP_TIME,
                }),
            };
        }
        due[3] = self.output_since.map(|at| at + OUTPUT_PAUSE);
        due[4] = self.signal_due.then(|| self.reminded + REMIND_EVERY);
        due[5] = self.retire_by;
        let runs = !self.window.is_empty() && !head.killed;
        due[6] = runs.then(|| self.meter.due(head.since));
        due[7] = self.idle_due();
        due.into_iter().flatten().min()
    }

    fn on_time(&mut self) {
        let now = Instant::now();
        if self.output_since.is_some_and(|at| at + OUTPUT_PAUSE <= now) {
            self.flush_output();
        }
        if self.retire_by.is_some_and(|by| by <= now) {
            self.retire_by = None;
            self.signal(Signal::SIGKILL);
        }
        let Some(Sent { job, why }) = self.window.front() else {
            self.look_at_idle(now);
            return;
        };
        let (of, ran) = (job.of, now.duration_since(self.head.since));
        let limit = job.spec.spec.max_runtime_ms.map(Duration::from_millis);
        let sample = self.meter.due(self.head.since) <= now;
        if ran >= STARTED_AFTER && !self.head.started_told {
            self.head.started_told = true;
            self.shared.outbox.started(StartedReport {
                jid: of.jid,
                attempt: of.attempt,
                at: self.head.began.into(),
            });
        }
        match self.head.interrupted {
            None if limit.is_some_and(|limit| ran >= limit)
                && why.is_none_or(|w| w == Why::TakenBack) =>
            {
                self.stop(of, Why::TimeLimit);
            }
            Some(at) => self.escalate(at, now),
            None => {}
        }
        if ran >= SLOW_AFTER && !self.head.slow_told {
            self.head.slow_told = true;
            self.events.push(Event::Slow);
            self.take_back();
        }
        if sample {
            self.sample();
        }
    }

    /// An interrupt was not heeded: first ask where the job is, then end it.
    fn escalate(&mut self, interrupted: Instant, now: Instant) {
        match self.head.dumped {
            None if now >= interrupted + self.shared.grace => {
                self.head.dumped = Some(now);
                self.signal(Signal::SIGUSR2);
            }
            Some(dumped) if now >= dumped + DUMP_TIME && !self.head.killed => {
                self.head.killed = true;
                self.signal(Signal::SIGKILL);
            }
            _ => {}
        }
    }

    /// The jobs behind a slow one should not wait for it.
    fn take_back(&mut self) {
        let mut jids = Vec::new();
        for sent in self.window.iter_mut().skip(1).filter(|s| s.why.is_none()) {
            sent.why = Some(Why::TakenBack);
            jids.push(sent.job.of.jid.0);
        }
        if !jids.is_empty() {
            self.cancel(&jids);
        }
    }

    /// Frames that came.
    async fn hear(&mut self) -> Result<(), BadFrame> {
        while let Some(frame) = frames::next_frame(&mut self.inbox)? {
            match frames::read_executor(frame)? {
                // Once: what it used so far is forgotten.
                FromExecutor::Ready if self.ready => return Err(BadFrame::Again),
                FromExecutor::Ready => {
                    self.ready = true;
                    self.meter_ready();
                    self.events.push(Event::Ready);
                }
                FromExecutor::Output { jid, stream, bytes } => {
                    if self.window.front().is_some_and(|s| s.job.of.jid.0 == jid) {
                        self.said(stream, &bytes);
                    }
                }
                FromExecutor::Finished(finished) => self.answered(*finished).await?,
            }
        }
        Ok(())
    }

    /// The process says how a job went.
    async fn answered(&mut self, finished: Finished) -> Result<(), BadFrame> {
        let at = self
            .window
            .iter()
            .position(|s| s.job.of.jid.0 == finished.jid);
        let at = at.ok_or(BadFrame::Job(finished.jid))?;
        if finished.status == Status::Skipped {
            if let Some(sent) = self.window.remove(at) {
                self.did_not_begin(sent);
            }
            if at == 0 {
                self.next_head();
            }
            return Ok(());
        }
        if at != 0 {
            return Err(BadFrame::Job(finished.jid));
        }
        if finished.drain {
            self.drain_pipes();
            frames::put_kind(&mut self.outgoing, b'D');
        }
        let ends = finished.ends || self.functions.len() >= FUNCTIONS_MAX;
        self.close_output();
        if let Some(sent) = self.window.pop_front() {
            self.ended(sent, finished).await;
        }
        self.look_at_files();
        if (ends || self.is_littered()) && !self.closing {
            self.closing = true;
            self.events.push(Event::Closing);
        }
        self.next_head();
        Ok(())
    }

    fn next_head(&mut self) {
        self.head = Head::new();
        self.idle = idle::Idle::new();
        if self.window.front().is_some_and(|s| s.why.is_some()) {
            self.interrupting();
        }
        if self.closing && self.window.is_empty() && self.retire_by.is_none() {
            frames::put_kind(&mut self.outgoing, b'Q');
            self.retire_by = Some(Instant::now() + self.shared.grace);
        }
    }

    /// A job that was sent, did not begin and never will here.
    fn did_not_begin(&mut self, sent: Sent) {
        let of = sent.job.of;
        match sent.why {
            Some(Why::Killed) => {
                self.shared.outbox.returned([of]);
                self.shared.outbox.kills_seen([of]);
                self.events.push(Event::Dropped(of));
            }
            Some(Why::Refused) => self.events.push(Event::Dropped(of)),
            _ => self.events.push(Event::Unstarted(sent.job)),
        }
    }
}

/// Reads from a pipe; never returns when it is closed already.
async fn read_pipe(
    pipe: &mut Option<pipe::Receiver>,
    bytes: &mut BytesMut,
) -> std::io::Result<usize> {
    match pipe {
        Some(pipe) => {
            bytes.reserve(PIECE_MAX_BYTES);
            pipe.read_buf(bytes).await
        }
        None => std::future::pending().await,
    }
}
