//! One life of the worker as the server sees it: hello, pull, report, bye.
//!
//! A worker that could not reach its server for the length of its lease must assume that its
//! jobs were given to others. It ends them before it says hello again: no job may run twice
//! because a cable was loose.

use crate::{
    agent::{Agent, Message},
    pool::Offer,
    report,
};
use picloud_client::{Pulled, WorkerClient};
use picloud_types::{ErrorKind, WorkerId, api::workers::PullRequest};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
    time::{sleep, timeout},
};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};

/// Longest wait of one pull.
const PULL_MAX: Duration = Duration::from_secs(20);
/// While there is enough to do, the next pull waits this long: fewer, fuller answers.
const PULL_PAUSE: Duration = Duration::from_millis(20);
/// A hanging pull that offers most of the machine is renewed this long after more became free:
/// if there were work, it would have been answered ...
const RENEW_LATER: Duration = Duration::from_millis(100);
/// ... and one that offers little much sooner: what waits may need just what became free.
const RENEW_SOON: Duration = Duration::from_millis(2);

/// The line to the server, for as long as a lease lasts.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) client: WorkerClient,
    pub(crate) worker: WorkerId,
    pub(crate) payload_max_bytes: u64,
    lease: Duration,
    /// When the last request that was answered had been sent.
    contact: Mutex<Instant>,
    pub(crate) over: CancellationToken,
}

impl Line {
    pub(crate) fn new(
        client: WorkerClient,
        welcome: &picloud_types::api::workers::Welcome,
        sent: Instant,
    ) -> Self {
        Self {
            client,
            worker: welcome.worker,
            payload_max_bytes: welcome.payload_max_bytes,
            lease: Duration::from_millis(welcome.lease_ms.max(1)),
            contact: Mutex::new(sent),
            over: CancellationToken::new(),
        }
    }

    /// A request sent at this moment was answered: the lease runs from then.
    pub(crate) fn contact(&self, sent: Instant) {
        let mut contact = self.contact.lock().unwrap_or_else(PoisonError::into_inner);
        *contact = sent.max(*contact);
    }

    fn lease_until(&self) -> Instant {
        *self.contact.lock().unwrap_or_else(PoisonError::into_inner) + self.lease
    }

    /// How long an answer may take before the request is made again.
    pub(crate) fn patience(&self) -> Duration {
        self.lease / 2
    }

    /// Whether what this worker says is no longer wanted.
    pub(crate) fn is_over(&self) -> bool {
        self.over.is_cancelled() || Instant::now() >= self.lease_until()
    }

    /// Returns once the lease is over.
    async fn watch_lease(&self) {
        while !self.is_over() {
            tokio::select! {
                () = self.over.cancelled() => {}
                () = tokio::time::sleep_until(self.lease_until().into()) => {}
            }
        }
        self.over.cancel();
    }
}

/// How a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionEnd {
    Stopped,
    LeaseOver,
}

/// Runs until told to stop, or until the lease is over.
pub(crate) async fn run(
    line: Arc<Line>,
    agent: Agent,
    stop: CancellationToken,
    stop_grace: Duration,
) -> SessionEnd {
    let (outbox, inbox, offers) = (agent.outbox(), agent.inbox(), agent.offers());
    let (send_refused, refused) = mpsc::unbounded_channel();
    let agent = tokio::spawn(agent.run(refused));
    let reports = {
        let (line, outbox) = (Arc::clone(&line), Arc::clone(&outbox));
        tokio::spawn(async move {
            report::run(&line, &outbox, &send_refused).await;
            line.over.cancel();
        })
    };
    tokio::select! {
        () = pull(&line, &inbox, offers) => {}
        () = line.watch_lease() => {}
        () = stop.cancelled() => {}
    }
    let stopped = stop.is_cancelled() && !line.is_over();
    if stopped {
        let (done, finished) = tokio::sync::oneshot::channel();
        let _ = inbox
            .send(Message::Stop {
                grace: stop_grace,
                done,
            })
            .await;
        tokio::select! {
            _ = finished => {
                let _ = timeout(Duration::from_secs(5), outbox.drained()).await;
                if let Err(error) = line.client.bye(line.worker).await {
                    debug!(%error, "could not say goodbye; the lease will run out");
                }
            }
            () = line.watch_lease() => {}
        }
    }
    line.over.cancel();
    reports.abort();
    // Ends what still runs, and waits until it is gone.
    let _ = inbox.send(Message::Abandon).await;
    let _ = agent.await;
    match stop.is_cancelled() {
        true => SessionEnd::Stopped,
        false => SessionEnd::LeaseOver,
    }
}

/// Keeps one pull hanging, and renews it when more became free. Returns when the lease is over.
async fn pull(line: &Arc<Line>, inbox: &mpsc::Sender<Message>, mut offers: watch::Receiver<Offer>) {
    let mut hanging: JoinSet<bool> = JoinSet::new();
    let mut pause = Duration::from_millis(50);
    // Whether the end of some pull since the last silence is not known.
    let mut lost = false;
    loop {
        wait_for_appetite(&mut offers).await;
        let offer = *offers.borrow_and_update();
        hanging.spawn(pull_once(Arc::clone(line), inbox.clone(), offer));
        // One that was superseded is answered at once and does not count.
        let answered = loop {
            tokio::select! {
                Some(answered) = hanging.join_next() => {
                    lost |= !answered.unwrap_or(false);
                    if hanging.is_empty() {
                        break !lost;
                    }
                }
                () = grown(&mut offers, offer) => break true,
            }
        };
        if line.is_over() {
            return;
        }
        if answered {
            pause = Duration::from_millis(50);
            continue;
        }
        // What the answer brought may be lost. Asked again until it is known: no other pull is
        // under way, and none begins before.
        loop {
            sleep(crate::jittered(pause)).await;
            pause = (pause * 2).min(Duration::from_secs(2));
            if line.is_over() || ask_what_is_held(line, inbox).await {
                break;
            }
        }
        lost = false;
    }
}

/// Lets the agent compare what the server thinks is here with what is; whether that went through.
async fn ask_what_is_held(line: &Line, inbox: &mpsc::Sender<Message>) -> bool {
    let sent = Instant::now();
    match timeout(line.patience(), line.client.held(line.worker)).await {
        Ok(Ok(attempts)) => {
            line.contact(sent);
            let _ = inbox.send(Message::Held(attempts)).await;
            true
        }
        Ok(Err(error)) if error.kind() == Some(ErrorKind::WorkerUnknown) => {
            warn!("the server no longer knows this worker");
            line.over.cancel();
            false
        }
        Ok(Err(error)) => {
            debug!(%error, "could not ask what the server thinks is here");
            false
        }
        Err(_) => false,
    }
}

/// Waits while there is enough to do, but not for long: a pull also brings kills.
async fn wait_for_appetite(offers: &mut watch::Receiver<Offer>) {
    let hungry =
        |o: &Offer| o.free_units >= 1.0 || o.prefetch > 0 && o.prefetch >= o.prefetch_target / 2;
    let _ = timeout(PULL_PAUSE, offers.wait_for(hungry)).await;
}

/// Returns when the worker has noticeably more to offer than it asked for.
async fn grown(offers: &mut watch::Receiver<Offer>, asked: Offer) {
    let more = |now: &Offer| {
        now.free_units >= asked.free_units + 0.5
            || now.free_memory > asked.free_memory
            || now.prefetch > asked.prefetch + 16.max(now.prefetch_target / 4)
    };
    if offers.wait_for(more).await.is_err() {
        return std::future::pending().await;
    }
    let offer = *offers.borrow();
    let most = asked.free_units >= offer.free_units / 2.0;
    sleep(if most { RENEW_LATER } else { RENEW_SOON }).await;
}

/// One pull. Never cancelled while the lease lasts: what it brings would be lost.
async fn pull_once(line: Arc<Line>, inbox: mpsc::Sender<Message>, offer: Offer) -> bool {
    let wait = PULL_MAX.min(line.lease / 3);
    let request = PullRequest {
        free_units: offer.free_units,
        free_memory_bytes: offer.free_memory,
        prefetch: offer.prefetch,
        free_source_ips: offer.free_source_ips,
        wait_ms: u64::try_from(wait.as_millis()).unwrap_or(0),
    };
    let sent = Instant::now();
    match line.client.pull(line.worker, &request).await {
        Ok(pulled) => {
            line.contact(sent);
            hand_over(&inbox, pulled).await;
            true
        }
        Err(error) if error.kind() == Some(ErrorKind::WorkerUnknown) => {
            warn!("the server no longer knows this worker");
            line.over.cancel();
            false
        }
        Err(error) => {
            debug!(%error, "a pull did not go through");
            false
        }
    }
}

async fn hand_over(inbox: &mpsc::Sender<Message>, pulled: Pulled) {
    let header = &pulled.header;
    if !header.jobs.is_empty() || !header.kills.is_empty() {
        let _ = inbox.send(Message::Pulled(Box::new(pulled))).await;
    }
}
