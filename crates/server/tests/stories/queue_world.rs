//! Queues as stories use them: pushes, pops, and handler jobs that are played by hand.

use crate::world::{Worker, World, inline, spec};
use picloud_client::ApiClient;
use picloud_types::{
    Attempt, Jid, JobState, QueueName, Timestamp,
    api::{
        queues::{
            AttachHeader, AttachmentInfo, AttachmentSettings, ExchangeHeader, ExchangeReply,
            PopRequest, PushHeader, QueueInfo,
        },
        workers::{PulledJob, ReportHeader, StartedReport},
    },
    message::{Body, Delivered, MessageOutcome, Settled},
};
use serde_json::{Value, json};
use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::SystemTime,
};

pub(crate) fn queue(name: &str) -> QueueName {
    name.parse().expect("a name of a queue")
}

/// A header with a key of its own.
pub(crate) fn push_header(count: usize) -> PushHeader {
    static NEXT: AtomicU64 = AtomicU64::new(1);
    PushHeader {
        count,
        delay_s: 0,
        key: format!("push-{:027}", NEXT.fetch_add(1, Ordering::Relaxed)),
    }
}

pub(crate) fn bodies(values: impl IntoIterator<Item = Value>) -> Vec<Body> {
    values.into_iter().map(|value| Body::json(&value)).collect()
}

pub(crate) async fn push(client: &ApiClient, name: &str, values: impl IntoIterator<Item = Value>) {
    let messages = bodies(values);
    let header = push_header(messages.len());
    let pushed = client
        .queue_push(&queue(name), &header, &messages)
        .await
        .expect("pushed");
    assert_eq!(pushed, messages.len() as u64);
}

pub(crate) async fn push_numbers(client: &ApiClient, name: &str, count: u64) {
    push(client, name, (0..count).map(|n| json!(n))).await;
}

pub(crate) fn pop_request(max_count: u32, wait_ms: u64, deadline_s: Option<u32>) -> PopRequest {
    PopRequest {
        max_count,
        wait_ms,
        deadline_s,
    }
}

/// Takes what is there.
pub(crate) async fn pop(client: &ApiClient, name: &str, max_count: u32) -> Vec<Delivered> {
    let request = pop_request(max_count, 0, None);
    let popped = client.queue_pop(&queue(name), &request).await;
    popped.expect("popped").0
}

pub(crate) fn value(message: &Delivered) -> Value {
    let picloud_types::Payload::Inline(bytes) = &message.body.payload else {
        panic!("the payload is a blob");
    };
    serde_json::from_slice(bytes).expect("JSON")
}

pub(crate) fn values(messages: &[Delivered]) -> Vec<Value> {
    messages.iter().map(value).collect()
}

pub(crate) async fn info(client: &ApiClient, name: &str) -> QueueInfo {
    client.queue(&queue(name)).await.expect("the queue exists")
}

pub(crate) fn settings() -> AttachmentSettings {
    serde_json::from_value(json!({})).expect("defaults")
}

pub(crate) fn attach_header(max_parallel_jobs: u32, settings: AttachmentSettings) -> AttachHeader {
    AttachHeader {
        spec: spec(),
        settings,
        max_parallel_jobs,
    }
}

pub(crate) async fn attach(
    client: &ApiClient,
    name: &str,
    max_parallel_jobs: u32,
    settings: AttachmentSettings,
) -> AttachmentInfo {
    let header = attach_header(max_parallel_jobs, settings);
    client
        .attach(&queue(name), &header, &inline(b"loop"), &inline(b"handler"))
        .await
        .expect("attached")
}

/// A handler job whose every step a test decides.
pub(crate) struct Handler {
    pub(crate) jid: Jid,
    pub(crate) attempt: Attempt,
    pub(crate) client: ApiClient,
    queue: QueueName,
    seq: u64,
}

impl Handler {
    /// The handler job that this job is.
    pub(crate) fn of(world: &World, job: &PulledJob, account: i64, name: &str) -> Self {
        let user = format!("job-{account}-{}-{}", job.jid, job.attempt);
        Self {
            jid: job.jid,
            attempt: job.attempt,
            client: world.client_as(&user, &job.token),
            queue: queue(name),
            seq: 0,
        }
    }

    /// Pulls a handler job of the first account and begins it.
    pub(crate) async fn begun(world: &World, worker: &Worker, name: &str) -> Self {
        Self::begun_at(world, worker, name, SystemTime::now().into()).await
    }

    /// The same, with a beginning of the test's choice.
    pub(crate) async fn begun_at(
        world: &World,
        worker: &Worker,
        name: &str,
        at: Timestamp,
    ) -> Self {
        let job = worker.one().await;
        let started = vec![StartedReport {
            jid: job.jid,
            attempt: job.attempt,
            at,
        }];
        let header = ReportHeader {
            started,
            ..ReportHeader::default()
        };
        worker.report(&header, &[]).await;
        Self::of(world, &job, 1, name)
    }

    pub(crate) fn next(&mut self, lease: u32, wait_ms: u64) -> ExchangeHeader {
        self.seq += 1;
        ExchangeHeader {
            seq: self.seq,
            lease,
            wait_ms,
            ..ExchangeHeader::default()
        }
    }

    /// Brings `settled`, takes more.
    pub(crate) async fn exchange(
        &mut self,
        settled: &[Settled],
        lease: u32,
        wait_ms: u64,
    ) -> (ExchangeReply, Vec<Delivered>) {
        let mut header = self.next(lease, wait_ms);
        header.settled = settled.len();
        self.try_exchange(&header, settled)
            .await
            .expect("exchanged")
    }

    pub(crate) async fn try_exchange(
        &self,
        header: &ExchangeHeader,
        settled: &[Settled],
    ) -> picloud_client::Result<(ExchangeReply, Vec<Delivered>)> {
        self.client.exchange(&self.queue, header, settled).await
    }

    pub(crate) async fn take(&mut self, lease: u32) -> Vec<Delivered> {
        self.exchange(&[], lease, 20_000).await.1
    }

    /// Ends the job as its worker reports it.
    pub(crate) async fn end(&self, worker: &Worker, state: JobState) {
        let finished = vec![crate::world::ended(self.jid, self.attempt, state)];
        let header = ReportHeader {
            finished,
            ..Default::default()
        };
        let reply = worker.report(&header, &[inline(b"")]).await;
        assert!(reply.refused.is_empty(), "the attempt is alive");
    }
}

pub(crate) fn handled(message: &Delivered, outputs: Vec<Value>) -> Settled {
    Settled {
        id: message.id,
        handled_us: 10,
        outputs: bodies(outputs),
        outcome: MessageOutcome::Handled,
    }
}
