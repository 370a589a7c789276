//! The store and the model, given the same verbs.

use super::{
    QUEUES, Step,
    naive::{MAX_CRASHES, Message, Model, Place},
};
use picloud_store::{
    Exchange, Exchanged, MoveWhat, Push, Store, StoreError, Ticket,
    contract::{
        NOW,
        queue_fixture::{self, Handler, Queues, body, text},
    },
};
use picloud_types::{
    Timestamp,
    api::queues::AttachmentSettings,
    message::{Delivered, MessageOutcome, Settled},
};
use std::{collections::HashSet, time::Duration};

const NAMES: [&str; QUEUES] = ["first", "second", "third"];
/// Where messages go that failed.
const ERRORS: usize = 2;
/// Handler jobs of one queue at a time.
const JOBS: u32 = 2;

/// A handler job and the last exchange it made.
struct Job {
    handler: Handler,
    queue: usize,
    last: Option<(Exchange, Exchanged)>,
    /// Ended, as a crash or not; until it is released.
    ended: Option<bool>,
    released: bool,
}

pub(super) struct Pair<'s> {
    q: Queues<'s>,
    model: Model,
    jobs: Vec<Job>,
    /// Tickets of all times.
    tickets: Vec<(usize, Ticket)>,
    used: HashSet<i64>,
    now: i64,
    texts: u64,
}

fn outputs(queue: usize) -> &'static [usize] {
    [&[1, 2][..], &[2], &[]][queue]
}

impl<'s> Pair<'s> {
    pub(super) async fn new(store: &'s dyn Store) -> Self {
        let q = Queues::new(store).await;
        for (queue, name) in NAMES.iter().enumerate().take(2) {
            let to: Vec<&str> = outputs(queue).iter().map(|n| NAMES[*n]).collect();
            let settings = AttachmentSettings {
                max_crashes: MAX_CRASHES,
                ..queue_fixture::settings(&to, Some(NAMES[ERRORS]))
            };
            q.attach(name, settings, JOBS).await;
        }
        Self {
            q,
            model: Model::default(),
            jobs: Vec::new(),
            tickets: Vec::new(),
            used: HashSet::new(),
            now: NOW.0,
            texts: 0,
        }
    }

    fn text(&mut self) -> String {
        self.texts += 1;
        format!("text {}", self.texts)
    }

    pub(super) async fn apply(&mut self, step: &Step) {
        match step {
            Step::Push {
                queue,
                count,
                delay_s,
            } => self.push(*queue, *count, self.now + delay_s * 1000).await,
            Step::Pop {
                queue,
                limit,
                deadline_s,
            } => self.pop(*queue, *limit, *deadline_s).await,
            Step::Ack { tickets } => self.ack(tickets).await,
            Step::Deadline {
                tickets,
                deadline_s,
            } => self.deadline(tickets, self.now + deadline_s * 1000).await,
            Step::Wait { seconds } => self.now += seconds * 1000,
            Step::Upkeep => self.upkeep().await,
            Step::Start { queue } => self.start(*queue).await,
            Step::Exchange {
                handler,
                settle,
                give_back,
                lease,
            } => self.exchange(*handler, settle, give_back, *lease).await,
            Step::Steal { handler, message } => self.steal(*handler, *message).await,
            Step::Repeat { handler } => self.repeat(*handler).await,
            Step::End { handler, how } => self.end(*handler, *how).await,
            Step::Release => self.release().await,
            Step::Move { from, to, limit } => self.moved(*from, Some(*to), *limit).await,
            Step::Purge { queue, limit } => self.moved(*queue, None, *limit).await,
        }
    }

    async fn push(&mut self, queue: usize, count: usize, at: i64) {
        let texts: Vec<String> = (0..count).map(|_| self.text()).collect();
        let push = Push {
            messages: texts.iter().map(|text| body(text)).collect(),
            visible: Timestamp(at),
            now: Timestamp(self.now),
            ..self.q.pushing(NAMES[queue], &[])
        };
        self.q.store.queue_push(push).await.expect("a push");
        for text in texts {
            self.model.put(queue, text, at);
        }
    }

    /// Asserts that these are the messages, in this order, on their way out.
    fn assert_handed_out(&self, expected: &[usize], messages: &[Delivered]) {
        let show = |m: &Message| (m.id, m.text.clone(), m.deliveries, m.cur_retry, m.is_error);
        let expected: Vec<_> = expected
            .iter()
            .map(|n| show(&self.model.messages[*n]))
            .collect();
        let found: Vec<_> = messages
            .iter()
            .map(|m| {
                (
                    Some(m.id),
                    text(m),
                    m.deliveries,
                    m.cur_retry,
                    m.error.is_some(),
                )
            })
            .collect();
        assert_eq!(found, expected);
    }

    fn deliver(&mut self, chosen: &[usize], place: Place) {
        for n in chosen {
            let m = &mut self.model.messages[*n];
            m.deliveries += 1;
            m.place = place;
        }
    }

    async fn pop(&mut self, queue: usize, limit: u32, deadline_s: Option<i64>) {
        let until = deadline_s.map(|seconds| self.now + seconds * 1000);
        let pop = picloud_store::Pop {
            deadline: until.map(Timestamp),
            ..self.q.popping(NAMES[queue], limit, Timestamp(self.now))
        };
        let known = self.q.found(NAMES[queue]).await.is_some();
        let popped = match self.q.store.queue_pop(pop).await {
            Ok(popped) => popped,
            Err(StoreError::NotFound(_)) if !known => Vec::new(),
            Err(error) => panic!("{error}"),
        };
        self.model.bring_back(Some(queue), self.now);
        let mut chosen = self.model.line(queue, self.now);
        chosen.truncate(limit as usize);
        let place = until.map_or(Place::Waiting, |until| Place::Delivered { until });
        self.deliver(&chosen, place);
        self.assert_handed_out(&chosen, &popped);
        match until {
            None => self.model.remove(chosen),
            Some(_) => {
                let tickets = queue_fixture::tickets(&popped);
                self.tickets
                    .extend(tickets.into_iter().map(|ticket| (queue, ticket)));
            }
        }
    }

    /// Some of the tickets of one queue, and the places of those messages whose delivery is not over.
    fn some_tickets(&self, chosen: &[usize]) -> Option<(usize, Vec<Ticket>, Vec<usize>)> {
        let all = self.tickets.len();
        let (queue, _) = *self.tickets.get(chosen[0].checked_rem(all)?)?;
        let mut tickets: Vec<Ticket> = chosen
            .iter()
            .map(|n| self.tickets[n % all])
            .filter(|(of, _)| *of == queue)
            .map(|(_, ticket)| ticket)
            .collect();
        tickets.sort_unstable();
        tickets.dedup();
        let good = tickets
            .iter()
            .filter_map(|ticket| self.good(queue, *ticket));
        let good = good.collect();
        Some((queue, tickets, good))
    }

    fn good(&self, queue: usize, ticket: Ticket) -> Option<usize> {
        let n = self.model.by_id(ticket.id)?;
        let m = &self.model.messages[n];
        let lives = matches!(m.place, Place::Delivered { until } if until > self.now);
        (lives && m.queue == queue && m.deliveries == ticket.delivery).then_some(n)
    }

    async fn ack(&mut self, chosen: &[usize]) {
        let Some((queue, tickets, good)) = self.some_tickets(chosen) else {
            return;
        };
        let count = tickets.len();
        let lost = self.q.ack(NAMES[queue], tickets, Timestamp(self.now)).await;
        assert_eq!(lost.len() + good.len(), count);
        assert!(
            lost.iter()
                .all(|ticket| self.good(queue, *ticket).is_none())
        );
        self.model.remove(good);
    }

    async fn deadline(&mut self, chosen: &[usize], until: i64) {
        let Some((queue, tickets, good)) = self.some_tickets(chosen) else {
            return;
        };
        let count = tickets.len();
        let (name, now) = (queue_fixture::queue(NAMES[queue]), Timestamp(self.now));
        let store = self.q.store;
        let lost = store.queue_deadline(self.q.account, &name, tickets, Timestamp(until), now);
        assert_eq!(lost.await.expect("known").len() + good.len(), count);
        for n in good {
            self.model.messages[n].place = Place::Delivered { until };
        }
    }

    async fn upkeep(&mut self) {
        let (now, year) = (Timestamp(self.now), Duration::from_secs(1 << 25));
        let upkept = self.q.store.queue_upkeep(now, year, NOW, 1000).await;
        assert!(!upkept.expect("upkeep").more);
        self.model.bring_back(None, self.now);
    }

    async fn start(&mut self, queue: usize) {
        let unfinished = self
            .jobs
            .iter()
            .filter(|j| j.queue == queue && j.ended.is_none());
        let room = JOBS as usize - unfinished.count();
        let started = self.q.handlers(NAMES[queue], 1).await;
        assert_eq!(started.len(), room.min(1));
        self.jobs.extend(started.into_iter().map(|handler| Job {
            handler,
            queue,
            last: None,
            ended: None,
            released: false,
        }));
    }

    /// One of the handler jobs that live.
    fn alive(&self, chosen: usize) -> Option<usize> {
        let alive: Vec<usize> = (0..self.jobs.len())
            .filter(|n| self.jobs[*n].ended.is_none())
            .collect();
        alive.get(chosen.checked_rem(alive.len())?).copied()
    }

    async fn exchange(&mut self, chosen: usize, settle: &[u8], give_back: &[usize], lease: u32) {
        let Some(job) = self.alive(chosen) else {
            return;
        };
        let held = self.model.held_by(job);
        let settled: Vec<(usize, u8)> = held.iter().copied().zip(settle.iter().copied()).collect();
        let rest = &held[settled.len()..];
        let back: Vec<usize> = give_back
            .iter()
            .filter_map(|n| rest.get(*n).copied())
            .collect();
        let mut settles = Vec::new();
        let mut sent = Vec::new();
        for (n, outcome) in &settled {
            let (settled, texts) = self.settled(*n, *outcome);
            settles.push(settled);
            sent.push(texts);
        }
        let id = |n: &usize| self.model.messages[*n].id.expect("it was handed out");
        self.jobs[job].handler.seq += 1;
        let exchange = Exchange {
            give_back: back.iter().map(id).collect(),
            now: Timestamp(self.now),
            ..self.q.exchanging(&self.jobs[job].handler, settles, lease)
        };
        let exchanged = self.q.store.handler_exchange(exchange.clone()).await;
        let exchanged = exchanged.expect("the attempt lives");
        for n in back {
            self.model.messages[n].place = Place::Waiting;
        }
        self.settle_model(self.jobs[job].queue, &settled, sent);
        self.learn().await;
        let leased = self.lease_model(job, lease, &exchanged);
        self.assert_handed_out(&leased, &exchanged.messages);
        assert_eq!(exchanged.holds as usize, self.model.held_by(job).len());
        assert_eq!(exchanged.finish, None);
        self.jobs[job].last = Some((exchange, exchanged));
    }

    fn settled(&mut self, n: usize, outcome: u8) -> (Settled, Vec<String>) {
        let id = self.model.messages[n].id.expect("it was handed out");
        let source = NAMES[self.model.messages[n].queue];
        let (outcome, count) = match outcome {
            0 => (MessageOutcome::Handled, 0),
            1 | 2 => (MessageOutcome::Handled, outcome),
            3 => {
                let outcome = MessageOutcome::Retry {
                    delay_s: 2,
                    max_retries: None,
                };
                (outcome, 0)
            }
            _ => {
                let outcome = MessageOutcome::Failed {
                    on_error: (outcome == 4).then_some(0),
                    error: queue_fixture::error_of(source),
                };
                (outcome, 1)
            }
        };
        let texts: Vec<String> = (0..count).map(|_| self.text()).collect();
        let settled = Settled {
            id,
            handled_us: 1,
            outputs: texts.iter().map(|text| body(text)).collect(),
            outcome,
        };
        (settled, texts)
    }

    fn settle_model(&mut self, queue: usize, settled: &[(usize, u8)], sent: Vec<Vec<String>>) {
        let mut gone = Vec::new();
        for (n, outcome) in settled {
            let (queue, at, error) = match outcome {
                3 => (queue, self.now + 2000, self.model.messages[*n].is_error),
                4 => (ERRORS, self.now, true),
                _ => {
                    gone.push(*n);
                    continue;
                }
            };
            let m = &mut self.model.messages[*n];
            *m = Message {
                queue,
                id: None,
                at,
                deliveries: 0,
                cur_retry: if *outcome == 3 { m.cur_retry + 1 } else { 0 },
                is_error: error,
                suspect: false,
                crashes: 0,
                place: Place::Waiting,
                text: m.text.clone(),
            };
        }
        self.model.remove(gone);
        for text in sent.into_iter().flatten() {
            for output in outputs(queue) {
                self.model.put(*output, text.clone(), self.now);
            }
        }
    }

    /// What the model hands out. Messages that were made just now are known by what the store says of them.
    fn lease_model(&mut self, job: usize, lease: u32, said: &Exchanged) -> Vec<usize> {
        let queue = self.jobs[job].queue;
        for message in &said.messages {
            self.learn_one(queue, message);
        }
        let leased = self.model.leased(queue, job, lease, self.now);
        self.deliver(&leased, Place::Held { handler: job });
        leased
    }

    async fn steal(&mut self, chosen: usize, message: usize) {
        let Some(job) = self.alive(chosen) else {
            return;
        };
        let others: Vec<i64> = self
            .model
            .messages
            .iter()
            .filter(|m| m.place != Place::Held { handler: job })
            .filter_map(|m| m.id)
            .collect();
        let Some(id) = message.checked_rem(others.len()).map(|n| others[n]) else {
            return;
        };
        let theft = Settled {
            id,
            handled_us: 1,
            outputs: vec![body("stolen")],
            outcome: MessageOutcome::Handled,
        };
        self.jobs[job].handler.seq += 1;
        let mut exchange = self.q.exchanging(&self.jobs[job].handler, vec![theft], 0);
        exchange.give_back = vec![id];
        exchange.now = Timestamp(self.now);
        let exchanged = self.q.store.handler_exchange(exchange.clone()).await;
        let exchanged = exchanged.expect("the attempt lives");
        self.jobs[job].last = Some((exchange, exchanged));
    }

    async fn repeat(&mut self, chosen: usize) {
        let Some(job) = self.alive(chosen) else {
            return;
        };
        let Some((exchange, before)) = self.jobs[job].last.clone() else {
            return;
        };
        let again = self.q.store.handler_exchange(exchange.clone()).await;
        let again = again.expect("the attempt lives");
        if before.messages.is_empty() {
            // It leased nothing and may lease now; at the time it was made.
            let leased =
                self.model
                    .leased(self.jobs[job].queue, job, exchange.lease, exchange.now.0);
            self.deliver(&leased, Place::Held { handler: job });
            self.assert_handed_out(&leased, &again.messages);
            self.jobs[job].last = Some((exchange, again));
        } else {
            let mut messages = before.messages.clone();
            messages.sort_by_key(|m| m.id);
            assert_eq!(again.messages, messages);
            assert_eq!(again.holds, before.holds);
        }
    }

    async fn end(&mut self, chosen: usize, how: u8) {
        let Some(job) = self.alive(chosen) else {
            return;
        };
        let crashed = how > 0;
        let handler = &self.jobs[job].handler;
        if crashed {
            self.q.crash(handler).await;
        } else {
            self.q.done(handler).await;
        }
        let late = self.q.exchanging(handler, Vec::new(), 3);
        let late = self.q.store.handler_exchange(late).await;
        assert!(matches!(late, Err(StoreError::AttemptOver)), "{late:?}");
        self.jobs[job].ended = Some(crashed);
    }

    async fn release(&mut self) {
        let released = self.q.release_at(Timestamp(self.now)).await;
        let errors = |m: &Model| m.messages.iter().filter(|m| m.is_error).count() as u64;
        let before = errors(&self.model);
        for n in 0..self.jobs.len() {
            if let (Some(crashed), false) = (self.jobs[n].ended, self.jobs[n].released) {
                self.jobs[n].released = true;
                self.model.release(n, crashed, ERRORS, self.now);
            }
        }
        assert!(released.failed >= errors(&self.model) - before);
    }

    async fn moved(&mut self, from: usize, to: Option<usize>, limit: u32) {
        if self.q.found(NAMES[from]).await.is_none() {
            return;
        }
        let what = match to {
            None => MoveWhat::Purge { ids: None },
            Some(to) => MoveWhat::Move {
                ids: None,
                to: queue_fixture::queue(NAMES[to]),
            },
        };
        let name = queue_fixture::queue(NAMES[from]);
        let (store, now) = (self.q.store, Timestamp(self.now));
        let moved = store.queue_move(self.q.account, &name, what, limit, now);
        let mut chosen = self.model.line(from, i64::MAX);
        chosen.truncate(limit as usize);
        assert_eq!(moved.await.expect("known"), chosen.len() as u64);
        let Some(to) = to else {
            return self.model.remove(chosen);
        };
        for n in chosen {
            let m = &mut self.model.messages[n];
            *m = Message {
                queue: to,
                id: None,
                deliveries: 0,
                suspect: false,
                crashes: 0,
                ..m.clone()
            };
        }
    }

    /// Numbers of messages that wait, as the store gave them.
    async fn learn(&mut self) {
        for (n, name) in NAMES.iter().enumerate() {
            if self.q.found(name).await.is_none() {
                continue;
            }
            let name = queue_fixture::queue(name);
            let store = self.q.store;
            let page = store.queue_peek(self.q.account, &name, None, 10_000).await;
            for peeked in page.expect("a page") {
                self.learn_one(n, &peeked.message);
            }
        }
    }

    /// A text may be in a queue twice, when it was sent to two queues and came from one to the other.
    fn learn_one(&mut self, queue: usize, message: &Delivered) {
        if self.model.by_id(message.id).is_some() {
            return;
        }
        let mut messages = self.model.messages.iter_mut();
        let is_it = |m: &Message| m.id.is_none() && m.queue == queue && m.text == text(message);
        if let Some(m) = messages.find(|m| is_it(m)) {
            m.id = Some(message.id);
            assert!(self.used.insert(message.id), "a number is used once");
        }
    }

    /// Asserts that the store has what the model has.
    pub(super) async fn compare(&mut self) {
        self.learn().await;
        for (n, name) in NAMES.iter().enumerate() {
            let here = || self.model.messages.iter().filter(|m| m.queue == n);
            if self.q.found(name).await.is_none() {
                assert_eq!(here().count(), 0);
                continue;
            }
            let in_flight = here().filter(|m| m.place != Place::Waiting).count() as u64;
            let counts = self.q.counts(name).await;
            assert_eq!(counts, (here().count() as u64, in_flight), "of {name}");
            let peeked = queue_fixture::queue(name);
            let store = self.q.store;
            let page = store
                .queue_peek(self.q.account, &peeked, None, 10_000)
                .await;
            let found: Vec<_> = page
                .expect("a page")
                .iter()
                .map(|p| {
                    let m = &p.message;
                    let is_error = m.error.is_some();
                    (
                        Some(m.id),
                        text(m),
                        p.visible.0,
                        m.deliveries,
                        m.cur_retry,
                        is_error,
                    )
                })
                .collect();
            let line = self.model.line(n, i64::MAX).into_iter().map(|n| {
                let m = &self.model.messages[n];
                (
                    m.id,
                    m.text.clone(),
                    m.at,
                    m.deliveries,
                    m.cur_retry,
                    m.is_error,
                )
            });
            assert_eq!(found, line.collect::<Vec<_>>(), "in line of {name}");
        }
    }
}
