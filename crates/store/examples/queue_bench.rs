//! How fast queues are by themselves: `cargo run --release -p picloud-store --example queue_bench
//! [MESSAGES] [DIRECTORY]`. Prints one line per figure: messages a second, and the processor time of each, which
//! is what remains comparable when the machine has other things to do. The directory's disk counts for the synced half.

use bytes::Bytes;
use picloud_store::{
    AttachmentNew, Exchange, Pick, Pop, Push, QueueStore, Store, Ticket, WorkerNew,
    sqlite::{Durability, Options, SqliteStore},
};
use picloud_types::{
    AccountId, Attempt, Jid, JobSpec, Payload, QueueName, Timestamp, WorkerId,
    api::queues::AttachmentSettings,
    message::{Body, Delivered, MessageKind, MessageOutcome, Settled},
};
use std::{
    collections::VecDeque,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

const NOW: Timestamp = Timestamp(1_700_000_000_000);
/// Messages of one request.
const REQUEST: usize = 1_000;

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let messages = arguments
        .next()
        .map_or(20_000, |n| n.parse().expect("a number of messages"));
    let directory = arguments
        .next()
        .unwrap_or_else(|| std::env::temp_dir().to_string_lossy().into_owned());
    for durability in [Durability::Synced, Durability::Relaxed] {
        println!("{durability:?}");
        let bench = Bench::new(Path::new(&directory), durability, messages).await;
        for ahead in [1, 4] {
            bench.push(ahead).await;
            bench.pop_and_ack(ahead).await;
        }
        bench.push(4).await;
        bench.pop().await;
        for batch in [1, 10, 100, 500] {
            bench.stages(1, batch).await;
        }
        bench.stages(3, 100).await;
        bench.stages(3, 500).await;
        bench.beside(1_000_000).await;
        bench.store.close().await;
    }
}

struct Bench {
    store: Arc<SqliteStore>,
    account: AccountId,
    worker: WorkerId,
    messages: usize,
    _directory: tempfile::TempDir,
}

fn name(name: &str) -> QueueName {
    name.parse().expect("a name")
}

fn body(bytes: usize) -> Body {
    Body {
        kind: MessageKind::Json,
        payload: Payload::Inline(Bytes::from(vec![b'7'; bytes])),
    }
}

/// A moment, by the clock and by the processor time of this process.
struct Begun {
    at: Instant,
    cpu: Duration,
}

impl Begun {
    fn now() -> Self {
        Self {
            at: Instant::now(),
            cpu: cpu(),
        }
    }

    /// Says how many messages a second that were since then.
    fn say(&self, what: &str, messages: usize) {
        let rate = messages as f64 / self.at.elapsed().as_secs_f64();
        let each = (cpu() - self.cpu).as_secs_f64() * 1e6 / messages as f64;
        println!("  {what:<48}{rate:>9.0} messages/s {each:>7.1} us");
    }
}

/// Processor time of this process so far, in ticks of ten milliseconds.
fn cpu() -> Duration {
    let stat = std::fs::read_to_string("/proc/self/stat").expect("Linux tells");
    let behind_name = stat.rsplit(") ").next().expect("there is a name");
    let ticks = behind_name.split(' ').skip(11).take(2);
    let ticks: u64 = ticks.map(|n| n.parse::<u64>().expect("a number")).sum();
    Duration::from_millis(10 * ticks)
}

impl Bench {
    async fn new(directory: &Path, durability: Durability, messages: usize) -> Self {
        let directory = tempfile::tempdir_in(directory).expect("a directory");
        let options = Options {
            durability,
            ..Options::new(directory.path().join("bench.db"))
        };
        let store = Arc::new(SqliteStore::open(&options).expect("a store"));
        let account = store.account_create("bench", true, NOW).await;
        let about = WorkerNew {
            name: "bench".to_owned(),
            hostname: "bench".to_owned(),
            version: "0".to_owned(),
            cpus: 2,
            compute_units: 2.0,
            memory_bytes: 1 << 30,
            pythons: Vec::new(),
            confinement: picloud_types::api::workers::Confinement::default(),
            source_ips: None,
        };
        let worker = store.worker_register(about, Timestamp(i64::MAX), NOW).await;
        Self {
            account: account.expect("an account").id,
            worker: worker.expect("a worker").worker,
            store,
            messages,
            _directory: directory,
        }
    }

    /// Pushes `count` messages in requests, so many at a time.
    async fn push_to(&self, queue: &str, count: usize, bytes: usize, ahead: usize) {
        let begun = Instant::now();
        let mut requests = tokio::task::JoinSet::new();
        for n in 0..count / REQUEST {
            if requests.len() >= ahead {
                requests.join_next().await;
            }
            let push = Push {
                account: self.account,
                queue: name(queue),
                key: format!("{queue} {begun:?} {n}"),
                messages: vec![body(bytes); REQUEST],
                visible: NOW,
                now: NOW,
            };
            let store = Arc::clone(&self.store);
            requests.spawn(async move { store.queue_push(push).await.expect("a push") });
        }
        requests.join_all().await;
    }

    async fn push(&self, ahead: usize) {
        let begun = Begun::now();
        self.push_to("bodies", self.messages, 1024, ahead).await;
        begun.say(
            &format!("push of 1 KiB in 1,000s, {ahead} at a time"),
            self.messages,
        );
    }

    fn popping(&self, deadline: Option<Timestamp>) -> Pop {
        Pop {
            account: self.account,
            queue: name("bodies"),
            limit: REQUEST as u32,
            max_bytes: u64::MAX,
            deadline,
            keep_until: NOW,
            now: NOW,
        }
    }

    /// Up to `ahead` acknowledgements wait for the disk while the next messages are taken.
    async fn pop_and_ack(&self, ahead: usize) {
        let begun = Begun::now();
        let mut acks = tokio::task::JoinSet::new();
        let mut count = 0;
        loop {
            let pop = self.popping(Some(Timestamp(NOW.0 + 30_000)));
            let popped = self.store.queue_pop(pop).await.expect("a pop");
            if popped.is_empty() {
                break;
            }
            count += popped.len();
            let tickets = popped.iter().map(|m| Ticket {
                id: m.id,
                delivery: m.deliveries,
            });
            let tickets: Vec<Ticket> = tickets.collect();
            let (store, account) = (Arc::clone(&self.store), self.account);
            acks.spawn(async move {
                let queue = name("bodies");
                let acked = store.queue_ack(account, &queue, tickets, NOW);
                assert_eq!(acked.await.expect("acknowledged"), []);
            });
            if acks.len() >= ahead {
                acks.join_next().await;
            }
        }
        acks.join_all().await;
        begun.say(&format!("pop and ack in 1,000s, {ahead} at a time"), count);
    }

    async fn pop(&self) {
        let begun = Begun::now();
        let mut count = 0;
        loop {
            let popped = self.store.queue_pop(self.popping(None)).await;
            let popped = popped.expect("a pop").len();
            count += popped;
            if popped == 0 {
                break;
            }
        }
        begun.say("pop that removes, in 1,000s", count);
    }

    /// Handlers of `stages` queues one after the other, each sending every message on to the next.
    async fn stages(&self, stages: usize, batch: u32) {
        let messages = match batch {
            1 => self.messages / 20 / REQUEST * REQUEST,
            _ => self.messages,
        };
        let queue = |n: usize| format!("stage-{stages}-{batch}-{n}");
        self.push_to(&queue(0), messages, 100, 4).await;
        let mut handlers = tokio::task::JoinSet::new();
        let begun = Begun::now();
        for n in 0..stages {
            let (jid, attempt) = self.handler(&queue(n), &queue(n + 1)).await;
            let handler = Handler {
                store: Arc::clone(&self.store),
                account: self.account,
                queue: name(&queue(n)),
                jid,
                attempt,
                batch,
            };
            handlers.spawn(handler.run(messages));
        }
        handlers.join_all().await;
        begun.say(
            &format!("exchange in {batch}s with one output, {stages} stages"),
            messages * stages,
        );
    }

    async fn handler(&self, queue: &str, output: &str) -> (Jid, Attempt) {
        let new = AttachmentNew {
            account: self.account,
            queue: name(queue),
            spec: JobSpec {
                python: "3.11".to_owned(),
                cores: 1,
                priority: 5,
                ..JobSpec::default()
            },
            function: Payload::Inline(Bytes::from_static(b"loop")),
            args: Payload::Inline(Bytes::from_static(b"handler")),
            blobs: Vec::new(),
            settings: AttachmentSettings {
                output_queues: vec![name(output)],
                iter_output: false,
                readers_per_job: 1,
                retry_on: Vec::new(),
                max_retries: None,
                retry_delay_s: None,
                on_error: Vec::new(),
                on_crash: None,
                max_crashes: 3,
            },
            max_parallel_jobs: 1,
            now: NOW,
        };
        self.store.attachment_put(new).await.expect("attached");
        let names = Some(vec![name(queue)]);
        let listed = self.store.queue_list(self.account, names, NOW).await;
        let id = listed.expect("a list")[0].id;
        let jids = self.store.handlers_start(id, 1, NOW).await;
        let backlog = self.store.backlog(10).await.expect("a backlog");
        let pick = Pick {
            account: self.account,
            class: backlog[0].class,
            priority: 5,
            limit: 1,
        };
        let claimed = self.store.job_claim(self.worker, vec![pick], NOW).await;
        let job = claimed.expect("claimed").jobs.remove(0);
        assert_eq!([job.jid], jids.expect("started")[..]);
        (job.jid, job.attempt)
    }

    /// The same requests beside very many messages that wait.
    async fn beside(&self, waiting: usize) {
        self.push_to("waiting", waiting, 100, 4).await;
        println!("  beside {waiting} that wait:");
        self.push(1).await;
        self.pop_and_ack(1).await;
        let begun = Instant::now();
        let names = Some(vec![name("waiting")]);
        let listed = self.store.queue_list(self.account, names, NOW).await;
        assert_eq!(listed.expect("a list")[0].count, waiting as u64);
        println!(
            "  counting them                {:>9.3} ms",
            begun.elapsed().as_secs_f64() * 1e3
        );
        let begun = Begun::now();
        let queue = name("waiting");
        let deleted = self.store.queue_delete(self.account, &queue, 1000, NOW);
        assert!(deleted.await.expect("deleted"));
        begun.say("deletion of the queue", waiting);
    }
}

struct Handler {
    store: Arc<SqliteStore>,
    account: AccountId,
    queue: QueueName,
    jid: Jid,
    attempt: Attempt,
    batch: u32,
}

impl Handler {
    /// Settles what the exchange before the last one brought, so that there is always something to be handled.
    async fn run(self, messages: usize) {
        let mut held: VecDeque<Vec<Delivered>> = VecDeque::new();
        let (mut seq, mut done) = (0, 0);
        while done < messages {
            seq += 1;
            let settle = if held.len() > 1 || seq > 2 {
                held.pop_front().unwrap_or_default()
            } else {
                Vec::new()
            };
            done += settle.len();
            let exchange = Exchange {
                account: self.account,
                queue: self.queue.clone(),
                jid: self.jid,
                attempt: self.attempt,
                seq,
                settled: settle.into_iter().map(handled).collect(),
                give_back: Vec::new(),
                lease: self.batch,
                max_bytes: u64::MAX,
                keep_until: NOW,
                now: NOW,
            };
            let exchanged = self.store.handler_exchange(exchange).await;
            let messages = exchanged.expect("the attempt lives").messages;
            if messages.is_empty() && held.is_empty() && done > 0 {
                tokio::task::yield_now().await;
            }
            held.push_back(messages);
        }
    }
}

fn handled(message: Delivered) -> Settled {
    Settled {
        id: message.id,
        handled_us: 1,
        outputs: vec![message.body],
        outcome: MessageOutcome::Handled,
    }
}
