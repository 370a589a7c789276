//! A place among those who wait for messages of a queue, be it that the queue does not exist yet.

use crate::{
    app::{App, LOOK_AGAIN},
    queue_ids::{not_yet, queue_id},
    queue_waiters::{QueueWaiter, Who},
    refusal::Answer,
};
use picloud_types::{
    AccountId, QueueName, limits::WAIT_MAX_MS, message::Delivered, payload::INLINE_MAX_BYTES,
};
use std::time::Duration;
use tokio::{
    select,
    time::{Instant, sleep_until},
};

pub(super) struct Place<'a> {
    app: &'a App,
    account: AccountId,
    queue: &'a QueueName,
    who: Who,
    deadline: Instant,
    /// None for those who do not wait.
    waiter: Option<QueueWaiter>,
    is_not_yet: bool,
}

impl<'a> Place<'a> {
    /// Takes a place. Look at the store after that: then nothing is missed.
    pub(super) async fn take(
        app: &'a App,
        account: AccountId,
        queue: &'a QueueName,
        who: Who,
        wait_ms: u64,
    ) -> Answer<Self> {
        let wait = Duration::from_millis(wait_ms.min(WAIT_MAX_MS));
        let mut place = Self {
            app,
            account,
            queue,
            who,
            deadline: Instant::now() + wait,
            waiter: None,
            is_not_yet: false,
        };
        if wait > Duration::ZERO {
            place.join().await?;
        }
        Ok(place)
    }

    async fn join(&mut self) -> Answer<()> {
        let id = queue_id(self.app, self.account, self.queue).await?;
        self.is_not_yet = id.is_none();
        let id = id.unwrap_or_else(|| not_yet(self.account, self.queue));
        self.waiter = Some(self.app.queues.join(id, self.who));
        Ok(())
    }

    /// A look found the queue there or not. Returns whether the place was the wrong one for that,
    /// so that something may have been missed.
    pub(super) async fn found(&mut self, exists: bool) -> Answer<bool> {
        if self.waiter.is_none() || exists != self.is_not_yet {
            return Ok(false);
        }
        if !exists {
            self.app.queue_ids.forget(self.account, self.queue);
        }
        let before = self.is_not_yet;
        self.join().await?;
        Ok(before != self.is_not_yet)
    }

    /// A look brought these of `limit`: lets others look if some may be left.
    pub(super) fn took(&self, messages: &[Delivered], limit: u32) {
        let Some(waiter) = &self.waiter else {
            return;
        };
        let inline = |m: &Delivered| m.body.payload.blob().map_or(m.body.payload.size(), |_| 0);
        let bytes: u64 = messages.iter().map(inline).sum();
        if messages.len() >= limit as usize || bytes + INLINE_MAX_BYTES as u64 > super::BYTES_MAX {
            waiter.pass_on();
        }
    }

    /// Waits for a reason to look, until `early` at the latest; whether there is time left to.
    pub(super) async fn wait(&self, early: Option<Instant>) -> bool {
        let now = Instant::now();
        let Some(waiter) = self.waiter.as_ref().filter(|_| now < self.deadline) else {
            return false;
        };
        let until = self.deadline.min(now + LOOK_AGAIN);
        select! {
            () = waiter.called() => true,
            () = sleep_until(early.map_or(until, |early| early.min(until))) => true,
            () = self.app.stopping.cancelled() => false,
        }
    }
}
