//! The verbs of `QueueStore`, each handed to the file of its subject.

use super::{
    SqliteStore,
    queues::{self, Upkeep},
    readers::Size,
    specs::Prepared,
    verbs::{COMMITTED, SYNCED, size},
};
use crate::{
    AttachmentNew, Exchange, Exchanged, HandlerNeed, MoveWhat, Peeked, Pop, Push, Queue,
    QueueStore, QueueTotals, Released, Requeue, Result, Ticket, Upkept,
};
use async_trait::async_trait;
use picloud_types::{
    AccountId, Jid, QueueId, QueueName, Timestamp,
    api::queues::{QueueChange, RateWindow, VersionList},
    message::Delivered,
};
use std::time::Duration;

#[async_trait]
impl QueueStore for SqliteStore {
    async fn queue_ensure(
        &self,
        account: AccountId,
        names: Vec<QueueName>,
        now: Timestamp,
    ) -> Result<()> {
        self.write(SYNCED, move |w| queues::ensure_all(w, account, &names, now))
            .await
    }

    async fn queue_push(&self, push: Push) -> Result<u64> {
        self.write(SYNCED, move |w| queues::push(w, &push)).await
    }

    async fn queue_pop(&self, pop: Pop) -> Result<Vec<Delivered>> {
        queues::pop(self, pop).await
    }

    async fn queue_ack(
        &self,
        account: AccountId,
        queue: &QueueName,
        tickets: Vec<Ticket>,
        now: Timestamp,
    ) -> Result<Vec<Ticket>> {
        let queue = queue.clone();
        self.write(SYNCED, move |w| {
            queues::ack(w, account, &queue, tickets, now)
        })
        .await
    }

    async fn queue_deadline(
        &self,
        account: AccountId,
        queue: &QueueName,
        tickets: Vec<Ticket>,
        deadline: Timestamp,
        now: Timestamp,
    ) -> Result<Vec<Ticket>> {
        let queue = queue.clone();
        self.write(SYNCED, move |w| {
            queues::deadline(w, account, &queue, tickets, deadline, now)
        })
        .await
    }

    async fn queue_list(
        &self,
        account: AccountId,
        names: Option<Vec<QueueName>>,
        now: Timestamp,
    ) -> Result<Vec<Queue>> {
        self.read_synced(Size::Many, move |r| {
            queues::list(r, account, names.as_deref(), now)
        })
        .await
    }

    async fn queue_peek(
        &self,
        account: AccountId,
        queue: &QueueName,
        after: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Peeked>> {
        let queue = queue.clone();
        self.read_synced(size(u64::from(limit)), move |r| {
            queues::peek(&r.db, account, &queue, after, limit)
        })
        .await
    }

    async fn queue_change(
        &self,
        account: AccountId,
        queue: &QueueName,
        change: QueueChange,
        _now: Timestamp,
    ) -> Result<()> {
        let queue = queue.clone();
        self.write(SYNCED, move |w| queues::change(w, account, &queue, &change))
            .await
    }

    async fn queue_move(
        &self,
        account: AccountId,
        queue: &QueueName,
        what: MoveWhat,
        limit: u32,
        now: Timestamp,
    ) -> Result<u64> {
        let queue = queue.clone();
        self.write(SYNCED, move |w| {
            queues::move_some(w, account, &queue, &what, limit, now)
        })
        .await
    }

    async fn queue_requeue(&self, requeue: Requeue) -> Result<()> {
        self.write(SYNCED, move |w| queues::requeue(w, &requeue))
            .await
    }

    async fn queue_delete(
        &self,
        account: AccountId,
        queue: &QueueName,
        limit: u32,
        _now: Timestamp,
    ) -> Result<bool> {
        queues::delete(self, account, queue.clone(), limit).await
    }

    async fn queue_totals(&self) -> Result<QueueTotals> {
        self.read(Size::Many, |r| queues::totals(&r.db)).await
    }

    async fn queue_rates(
        &self,
        account: AccountId,
        queue: &QueueName,
        since: Timestamp,
        limit: u32,
    ) -> Result<Vec<RateWindow>> {
        let queue = queue.clone();
        self.read_synced(size(u64::from(limit)), move |r| {
            queues::rates(&r.db, account, &queue, since, limit)
        })
        .await
    }

    async fn queue_upkeep(
        &self,
        now: Timestamp,
        retention: Duration,
        rates_before: Timestamp,
        limit: u32,
    ) -> Result<Upkept> {
        let what = Upkeep {
            now,
            retention,
            rates_before,
            limit,
        };
        queues::upkeep(self, what).await
    }

    async fn attachment_put(&self, mut new: AttachmentNew) -> Result<u32> {
        // Never started twice, whatever was asked for: a lost one fails, and the next is a new job.
        new.spec.restartable = false;
        new.spec.queue = Some(new.queue.clone());
        let prepared = Prepared::new(&new.spec, &new.function, &new.blobs);
        self.write(SYNCED, move |w| queues::put(w, &new, &prepared))
            .await
    }

    async fn attachment_end(&self, account: AccountId, queue: &QueueName) -> Result<()> {
        let queue = queue.clone();
        self.write(SYNCED, move |w| queues::end(w, account, &queue))
            .await
    }

    async fn attachment_versions(
        &self,
        account: AccountId,
        queue: &QueueName,
    ) -> Result<VersionList> {
        let queue = queue.clone();
        self.read_synced(Size::Many, move |r| queues::versions(r, account, &queue))
            .await
    }

    async fn attachment_rollback(
        &self,
        account: AccountId,
        queue: &QueueName,
        version: Option<u32>,
    ) -> Result<u32> {
        let queue = queue.clone();
        self.write(SYNCED, move |w| {
            queues::rollback(w, account, &queue, version)
        })
        .await
    }

    async fn handlers_needed(&self, now: Timestamp, ready_cap: u32) -> Result<Vec<HandlerNeed>> {
        self.read(Size::Few, move |r| queues::needed(&r.db, now, ready_cap))
            .await
    }

    async fn handlers_start(&self, queue: QueueId, count: u32, now: Timestamp) -> Result<Vec<Jid>> {
        self.write(COMMITTED, move |w| queues::start(w, queue, count, now))
            .await
    }

    async fn handler_exchange(&self, exchange: Exchange) -> Result<Exchanged> {
        // A lease that is lost with the power only means that the message is in line again.
        let durable = !exchange.settled.is_empty();
        self.write(durable, move |w| queues::exchange(w, &exchange))
            .await
    }

    async fn handlers_release(&self, now: Timestamp) -> Result<Released> {
        queues::release(self, now).await
    }
}
