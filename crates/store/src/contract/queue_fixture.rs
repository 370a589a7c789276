//! The shortest ways to get messages into a state, and handler jobs to do something with them.

use super::fixture::{NOW, World, bytes, ended, raised};
use crate::{
    AttachmentNew, AttemptOf, Exchange, Exchanged, Pick, Pop, Push, Queue, Released, Report, Store,
    Ticket,
};
use picloud_types::{
    Attempt, Failure, Jid, JobSpec, JobState, Outcome, Payload, QueueId, QueueName, Timestamp,
    Verdict,
    api::queues::{AttachmentSettings, OnError, QueueChange},
    message::{Body, Delivered, MessageKind, MessageOutcome, Settled},
};
use std::{
    ops::Deref,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

/// A world with queues.
#[derive(Debug)]
pub struct Queues<'s> {
    world: World<'s>,
    keys: AtomicU64,
}

impl<'s> Deref for Queues<'s> {
    type Target = World<'s>;

    fn deref(&self) -> &World<'s> {
        &self.world
    }
}

/// A handler job, as its loop knows it.
#[derive(Debug)]
pub struct Handler {
    pub of: AttemptOf,
    pub queue: QueueName,
    pub seq: u64,
}

/// A name.
pub fn queue(name: &str) -> QueueName {
    name.parse().expect("a name of a queue")
}

/// So many seconds after the present.
pub fn later(seconds: u64) -> Timestamp {
    NOW.plus(Duration::from_secs(seconds))
}

/// A message that says this.
pub fn body(text: &str) -> Body {
    Body {
        kind: MessageKind::Json,
        payload: bytes(text),
    }
}

/// What messages say.
pub fn texts(messages: &[Delivered]) -> Vec<String> {
    messages.iter().map(text).collect()
}

/// What a message says.
pub fn text(message: &Delivered) -> String {
    match &message.body.payload {
        Payload::Inline(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Payload::Blob { hash, .. } => hash.to_string(),
    }
}

/// The tickets of deliveries.
pub fn tickets(messages: &[Delivered]) -> Vec<Ticket> {
    let ticket = |message: &Delivered| Ticket {
        id: message.id,
        delivery: message.deliveries,
    };
    messages.iter().map(ticket).collect()
}

/// Handled, with these outputs.
pub fn handled(message: &Delivered, outputs: &[&str]) -> Settled {
    Settled {
        id: message.id,
        handled_us: 7,
        outputs: outputs.iter().map(|text| body(text)).collect(),
        outcome: MessageOutcome::Handled,
    }
}

/// To be retried.
pub fn retried(message: &Delivered, delay_s: u32, max_retries: Option<u32>) -> Settled {
    Settled {
        outcome: MessageOutcome::Retry {
            delay_s,
            max_retries,
        },
        ..handled(message, &[])
    }
}

/// JSON of an error that a handler of this queue said.
pub fn error_of(source: &str) -> String {
    format!(
        r#"{{"source_queue":"{source}","exception_type":"builtins.ValueError","exception_text":"no","traceback":"Traceback","cur_retry":0,"jid":1}}"#
    )
}

/// Failed in this queue.
pub fn failed_in(source: &str, message: &Delivered, on_error: Option<usize>) -> Settled {
    Settled {
        outcome: MessageOutcome::Failed {
            on_error,
            error: error_of(source),
        },
        ..handled(message, &[])
    }
}

/// Settings that send to these queues, and failed messages to `errors` where it is given.
pub fn settings(outputs: &[&str], errors: Option<&str>) -> AttachmentSettings {
    AttachmentSettings {
        output_queues: outputs.iter().map(|name| queue(name)).collect(),
        iter_output: false,
        readers_per_job: 1,
        retry_on: Vec::new(),
        max_retries: None,
        retry_delay_s: None,
        on_error: errors
            .map(|name| OnError {
                exception: "builtins.Exception".to_owned(),
                queue: queue(name),
                delay_s: 0,
            })
            .into_iter()
            .collect(),
        on_crash: errors.map(|_| 0),
        max_crashes: 1,
    }
}

impl<'s> Queues<'s> {
    pub async fn new(store: &'s dyn Store) -> Self {
        Self {
            world: World::new(store).await,
            keys: AtomicU64::new(0),
        }
    }

    /// A push of these messages, which can be taken at once.
    pub fn pushing(&self, name: &str, messages: &[&str]) -> Push {
        let key = self.keys.fetch_add(1, Ordering::Relaxed);
        Push {
            account: self.account,
            queue: queue(name),
            key: format!("push {key}"),
            messages: messages.iter().map(|text| body(text)).collect(),
            visible: NOW,
            now: NOW,
        }
    }

    pub async fn push(&self, name: &str, messages: &[&str]) {
        let pushed = self.store.queue_push(self.pushing(name, messages)).await;
        assert_eq!(pushed.expect("a push"), messages.len() as u64);
    }

    /// A pop that removes.
    pub fn popping(&self, name: &str, limit: u32, now: Timestamp) -> Pop {
        Pop {
            account: self.account,
            queue: queue(name),
            limit,
            max_bytes: u64::MAX,
            deadline: None,
            keep_until: now,
            now,
        }
    }

    pub async fn pop_at(&self, name: &str, limit: u32, now: Timestamp) -> Vec<Delivered> {
        let popped = self.store.queue_pop(self.popping(name, limit, now)).await;
        popped.expect("a pop")
    }

    /// Removes messages and says what they said.
    pub async fn pop(&self, name: &str, limit: u32) -> Vec<String> {
        texts(&self.pop_at(name, limit, NOW).await)
    }

    /// Takes messages until a deadline.
    pub async fn deliver(
        &self,
        name: &str,
        limit: u32,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Vec<Delivered> {
        let pop = Pop {
            deadline: Some(deadline),
            ..self.popping(name, limit, now)
        };
        self.store.queue_pop(pop).await.expect("a pop")
    }

    pub async fn ack(&self, name: &str, tickets: Vec<Ticket>, now: Timestamp) -> Vec<Ticket> {
        let acked = self
            .store
            .queue_ack(self.account, &queue(name), tickets, now)
            .await;
        acked.expect("the queue is there")
    }

    pub async fn change(&self, name: &str, change: QueueChange) {
        let name = queue(name);
        let changed = self.store.queue_change(self.account, &name, change, NOW);
        changed.await.expect("changed");
    }

    pub async fn found(&self, name: &str) -> Option<Queue> {
        let names = Some(vec![queue(name)]);
        let found = self.store.queue_list(self.account, names, NOW).await;
        found.expect("a list").pop()
    }

    pub async fn queue(&self, name: &str) -> Queue {
        self.found(name).await.expect("the queue is there")
    }

    /// Messages in a queue, and those of them in flight.
    pub async fn counts(&self, name: &str) -> (u64, u64) {
        let queue = self.queue(name).await;
        (queue.count, queue.in_flight)
    }

    pub fn attaching(&self, name: &str, settings: AttachmentSettings, most: u32) -> AttachmentNew {
        AttachmentNew {
            account: self.account,
            queue: queue(name),
            spec: JobSpec {
                function_name: "handle".to_owned(),
                ..self.jobs(1).spec
            },
            function: bytes("pickled loop"),
            args: bytes("pickled handler"),
            blobs: Vec::new(),
            settings,
            max_parallel_jobs: most,
            now: NOW,
        }
    }

    pub async fn attach(&self, name: &str, settings: AttachmentSettings, most: u32) -> u32 {
        let attached = self
            .store
            .attachment_put(self.attaching(name, settings, most))
            .await;
        attached.expect("attached")
    }

    /// Makes handler jobs.
    pub async fn start(&self, queue: QueueId, count: u32) -> Vec<Jid> {
        let started = self.store.handlers_start(queue, count, NOW).await;
        started.expect("started")
    }

    /// Makes up to so many handler jobs and has a worker take them.
    pub async fn handlers(&self, name: &str, count: u32) -> Vec<Handler> {
        let made = self.start(self.queue(name).await.id, count).await;
        let picks = self.store.backlog(1000).await.expect("a backlog");
        let picks = picks.into_iter().map(|group| Pick {
            account: group.account,
            class: group.class,
            priority: group.priority,
            limit: 1000,
        });
        let claimed = self
            .store
            .job_claim(self.worker, picks.collect(), NOW)
            .await;
        let claimed = claimed.expect("claimed").jobs;
        assert!(
            made.iter()
                .all(|jid| claimed.iter().any(|job| job.jid == *jid))
        );
        let handler = |job: &crate::ClaimedJob| Handler {
            of: AttemptOf {
                jid: job.jid,
                attempt: job.attempt,
            },
            queue: queue(name),
            seq: 0,
        };
        claimed.iter().map(handler).collect()
    }

    /// The one handler job that may run, or one more.
    pub async fn handler(&self, name: &str) -> Handler {
        let mut handlers = self.handlers(name, 1).await;
        assert_eq!(handlers.len(), 1);
        handlers.remove(0)
    }

    /// An exchange that repeats the last one of the handler.
    pub fn exchanging(&self, handler: &Handler, settled: Vec<Settled>, lease: u32) -> Exchange {
        Exchange {
            account: self.account,
            queue: handler.queue.clone(),
            jid: handler.of.jid,
            attempt: handler.of.attempt,
            seq: handler.seq,
            settled,
            give_back: Vec::new(),
            lease,
            max_bytes: u64::MAX,
            keep_until: NOW,
            now: NOW,
        }
    }

    /// The next exchange of the handler.
    pub async fn exchange(
        &self,
        handler: &mut Handler,
        settled: Vec<Settled>,
        lease: u32,
    ) -> Exchanged {
        handler.seq += 1;
        let exchange = self.exchanging(handler, settled, lease);
        let exchanged = self.store.handler_exchange(exchange).await;
        exchanged.expect("the attempt lives")
    }

    /// Takes messages for a handler.
    pub async fn lease(&self, handler: &mut Handler, count: u32) -> Vec<Delivered> {
        self.exchange(handler, Vec::new(), count).await.messages
    }

    /// Ends handler jobs as the worker would report it.
    pub async fn end(&self, handlers: &[&Handler], outcome: &Outcome) {
        let finished = handlers
            .iter()
            .map(|handler| ended(handler.of, outcome.clone()));
        let report = Report {
            finished: finished.collect(),
            ..Report::default()
        };
        assert_eq!(self.report(report).await.refused, []);
    }

    /// The process of a handler job dies.
    pub async fn crash(&self, handler: &Handler) {
        let failure = Failure {
            verdict: Verdict::Exited { code: 3 },
            exception: "The process exited with code 3".to_owned(),
            ..raised()
        };
        let outcome = Outcome::Failed {
            state: JobState::Error,
            failure,
            exception: Payload::empty(),
        };
        self.end(&[handler], &outcome).await;
    }

    /// A handler job ends as it should.
    pub async fn done(&self, handler: &Handler) {
        let result = Payload::empty();
        self.end(&[handler], &Outcome::Done { result }).await;
    }

    pub async fn release_at(&self, now: Timestamp) -> Released {
        self.store.handlers_release(now).await.expect("released")
    }

    pub async fn release(&self) -> Released {
        self.release_at(NOW).await
    }

    /// A blob that the account has, which is kept no longer than it is needed.
    pub async fn blob(&self, content: &str) -> Payload {
        let hash = picloud_types::Hash::of(content.as_bytes());
        let size = content.len() as u64;
        self.store
            .blob_add(self.account, vec![(hash, size)], NOW)
            .await
            .expect("added");
        Payload::Blob { hash, size }
    }

    /// Blobs that nothing needs any more, which are gone then.
    pub async fn swept(&self) -> usize {
        let swept = self.store.blob_sweep(later(1), 100).await;
        swept.expect("a sweep").len()
    }
}

/// An attempt that never was.
pub fn another_attempt(handler: &Handler) -> Attempt {
    Attempt(handler.of.attempt.0 + 1)
}
