//! The workers that are in contact, and the pulls that hang.
//!
//! Who is alive is the store's to say. What is kept here is what only a connection knows: the
//! interpreters found after `hello`, and the offer of the pull that waits for an answer.

use picloud_scheduler::WorkerOffer;
use picloud_store::{Claimed, WorkerNew};
use picloud_types::{
    AccountId, WorkerId,
    api::workers::{PullRequest, WorkerPython},
};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::oneshot;

/// The answer to a hanging pull.
#[derive(Debug)]
pub(crate) enum Reply {
    /// Jobs that are claimed for the worker.
    Work(Delivery),
    /// Nothing to run; look for news and answer.
    Look,
}

/// Jobs on their way to a worker. Whoever drops it before it was taken leaves it to `lost`.
#[derive(Debug)]
pub(crate) struct Delivery {
    claimed: Option<Claimed>,
    lost: Option<Lost>,
}

/// What happens to jobs that do not arrive.
type LostFn = dyn FnOnce(Claimed) + Send;
struct Lost(Box<LostFn>);

impl std::fmt::Debug for Lost {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Lost")
    }
}

impl Delivery {
    pub(crate) fn new(claimed: Claimed, lost: impl FnOnce(Claimed) + Send + 'static) -> Self {
        Self {
            claimed: Some(claimed),
            lost: Some(Lost(Box::new(lost))),
        }
    }

    /// The jobs; from here on they are the taker's.
    pub(crate) fn take(mut self) -> Claimed {
        self.lost = None;
        self.claimed.take().unwrap_or_default()
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        if let (Some(claimed), Some(lost)) = (self.claimed.take(), self.lost.take()) {
            (lost.0)(claimed);
        }
    }
}

/// Jobs that were given begin within this time, or what is told of it comes late.
const GIVEN_KEPT: Duration = Duration::from_secs(600);

#[derive(Debug, Default)]
pub(crate) struct Fleet {
    workers: Mutex<HashMap<WorkerId, Connected>>,
}

#[derive(Debug)]
struct Connected {
    total_units: f64,
    total_memory_bytes: u64,
    is_sandboxed: bool,
    /// As the last pull said.
    free_source_ips: Option<u32>,
    pythons: Arc<Vec<WorkerPython>>,
    /// Last time it was heard of.
    seen: Instant,
    pull: Option<Pull>,
    /// Number of the newest pull.
    pulls: u64,
    /// Whether there may be kills it does not know of.
    look_for_kills: bool,
    /// Accounts that it was seen to hold jobs of, and when.
    served: HashMap<AccountId, Instant>,
    /// Accounts whose jobs it was given, and when last.
    given: HashMap<AccountId, Instant>,
}

#[derive(Debug)]
struct Pull {
    number: u64,
    free_units: f64,
    free_memory_bytes: u64,
    prefetch: u32,
    free_source_ips: Option<u32>,
    reply: oneshot::Sender<Reply>,
}

/// An offer that was taken out to be answered.
#[derive(Debug)]
pub(crate) struct Taken {
    worker: WorkerId,
    pull: Pull,
}

impl Taken {
    /// Answers the pull; a reply that does not arrive is dropped.
    pub(crate) fn answer(self, reply: Reply) {
        let _ = self.pull.reply.send(reply);
    }
}

impl Fleet {
    fn lock(&self) -> MutexGuard<'_, HashMap<WorkerId, Connected>> {
        self.workers.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A worker said hello, or came back after this server was restarted.
    pub(crate) fn join(&self, worker: WorkerId, about: &WorkerNew) {
        let connected = Connected {
            total_units: about.compute_units,
            total_memory_bytes: about.memory_bytes,
            is_sandboxed: about.confinement.isolation.is_sandbox(),
            free_source_ips: about.source_ips,
            pythons: Arc::new(about.pythons.clone()),
            seen: Instant::now(),
            pull: None,
            pulls: 0,
            look_for_kills: true,
            served: HashMap::new(),
            given: HashMap::new(),
        };
        self.lock().insert(worker, connected);
    }

    /// These lives are over. Their hanging pulls end.
    pub(crate) fn leave(&self, workers: &[WorkerId]) {
        let mut known = self.lock();
        for worker in workers {
            known.remove(worker);
        }
    }

    /// The worker made contact; whether it is known here.
    pub(crate) fn seen(&self, worker: WorkerId) -> bool {
        match self.lock().get_mut(&worker) {
            Some(connected) => {
                connected.seen = Instant::now();
                true
            }
            None => false,
        }
    }

    /// It was seen to hold a job of the account. Forgets those that it served longer than `keep` ago.
    pub(crate) fn serves(&self, worker: WorkerId, account: AccountId, keep: Duration) {
        if let Some(connected) = self.lock().get_mut(&worker) {
            connected.served.retain(|_, seen| seen.elapsed() < keep);
            connected.served.insert(account, Instant::now());
        }
    }

    /// How long ago it was last seen to hold a job of the account.
    pub(crate) fn served_ago(&self, worker: WorkerId, account: AccountId) -> Option<Duration> {
        let known = self.lock();
        let seen = known.get(&worker)?.served.get(&account)?;
        Some(seen.elapsed())
    }

    /// It was given jobs of these accounts. Forgets those of long ago.
    pub(crate) fn given(&self, worker: WorkerId, accounts: impl Iterator<Item = AccountId>) {
        if let Some(connected) = self.lock().get_mut(&worker) {
            connected.given.retain(|_, at| at.elapsed() < GIVEN_KEPT);
            let now = Instant::now();
            connected
                .given
                .extend(accounts.map(|account| (account, now)));
        }
    }

    /// Accounts whose jobs it was given lately: a hint, of those that something may have happened to.
    pub(crate) fn accounts(&self, worker: WorkerId) -> Vec<AccountId> {
        let known = self.lock();
        let given = known.get(&worker).map(|connected| &connected.given);
        given.into_iter().flat_map(HashMap::keys).copied().collect()
    }

    /// Workers heard of since `since`.
    pub(crate) fn seen_since(&self, since: Instant) -> Vec<WorkerId> {
        self.lock()
            .iter()
            .filter(|(_, c)| c.seen >= since)
            .map(|(id, _)| *id)
            .collect()
    }

    pub(crate) fn is_connected(&self, worker: WorkerId) -> bool {
        self.lock().contains_key(&worker)
    }

    pub(crate) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Workers that run jobs without a sandbox.
    pub(crate) fn unconfined(&self) -> usize {
        self.lock().values().filter(|c| !c.is_sandboxed).count()
    }

    pub(crate) fn set_pythons(&self, worker: WorkerId, pythons: Vec<WorkerPython>) {
        if let Some(connected) = self.lock().get_mut(&worker) {
            connected.pythons = Arc::new(pythons);
        }
    }

    pub(crate) fn pythons_of(&self, worker: WorkerId) -> Option<Arc<Vec<WorkerPython>>> {
        self.lock().get(&worker).map(|c| Arc::clone(&c.pythons))
    }

    /// Minor versions that some worker has, in the order of their numbers.
    pub(crate) fn pythons(&self) -> Vec<String> {
        let known = self.lock();
        let versions = known
            .values()
            .flat_map(|c| c.pythons.iter().map(|p| minor_key(&p.version)));
        let sorted: BTreeSet<_> = versions.collect();
        sorted.into_iter().map(|(_, text)| text).collect()
    }

    pub(crate) fn has_python(&self, version: &str) -> bool {
        self.lock()
            .values()
            .any(|c| c.pythons.iter().any(|p| p.version == version))
    }

    /// What jobs of a Python version find installed on the first worker that has it.
    pub(crate) fn python(&self, version: &str) -> Option<WorkerPython> {
        let known = self.lock();
        let (_, pythons) = known
            .iter()
            .filter(|(_, c)| c.pythons.iter().any(|p| p.version == version))
            .map(|(id, c)| (*id, Arc::clone(&c.pythons)))
            .min_by_key(|(id, _)| *id)?;
        drop(known);
        pythons.iter().find(|p| p.version == version).cloned()
    }

    /// Lets a pull hang. One that hangs already is answered: only the newest knows what is free.
    pub(crate) fn pull_begin(
        &self,
        worker: WorkerId,
        request: &PullRequest,
    ) -> Option<(u64, oneshot::Receiver<Reply>)> {
        let mut known = self.lock();
        let connected = known.get_mut(&worker)?;
        let (reply, answer) = oneshot::channel();
        connected.pulls += 1;
        connected.free_source_ips = request.free_source_ips;
        let pull = Pull {
            number: connected.pulls,
            free_units: request.free_units,
            free_memory_bytes: request.free_memory_bytes,
            prefetch: request.prefetch,
            free_source_ips: request.free_source_ips,
            reply,
        };
        let before = connected.pull.replace(pull);
        let number = connected.pulls;
        drop(known);
        if let Some(before) = before {
            let _ = before.reply.send(Reply::Look);
        }
        Some((number, answer))
    }

    /// Takes a pull back that nobody is answering; whether it was still there.
    pub(crate) fn pull_end(&self, worker: WorkerId, number: u64) -> bool {
        let mut known = self.lock();
        let Some(connected) = known.get_mut(&worker) else {
            return true;
        };
        let there = connected.pull.as_ref().is_some_and(|p| p.number == number);
        if there {
            connected.pull = None;
        }
        there
    }

    /// What hanging pulls offer.
    pub(crate) fn offers(&self) -> Vec<WorkerOffer> {
        let known = self.lock();
        let open = known
            .iter()
            .filter_map(|(id, c)| Some((*id, c, c.pull.as_ref()?)));
        open.filter(|(_, _, pull)| !pull.reply.is_closed())
            .map(|(id, connected, pull)| WorkerOffer {
                free_units: pull.free_units,
                free_memory_bytes: pull.free_memory_bytes,
                prefetch: pull.prefetch,
                free_source_ips: pull.free_source_ips,
                ..nothing_free(id, connected)
            })
            .collect()
    }

    /// All connected workers, busy or not, with nothing free but source addresses.
    pub(crate) fn everybody(&self) -> Vec<WorkerOffer> {
        self.lock()
            .iter()
            .map(|(id, connected)| nothing_free(*id, connected))
            .collect()
    }

    /// Takes a worker's offer, to answer it.
    pub(crate) fn take(&self, worker: WorkerId) -> Option<Taken> {
        let pull = self.lock().get_mut(&worker)?.pull.take()?;
        Some(Taken { worker, pull })
    }

    /// Puts an offer back that was taken for nothing, unless there is a newer one.
    pub(crate) fn put_back(&self, taken: Taken) {
        let mut known = self.lock();
        match known.get_mut(&taken.worker) {
            Some(connected) if connected.pull.is_none() && connected.pulls == taken.pull.number => {
                connected.pull = Some(taken.pull);
            }
            _ => {
                drop(known);
                taken.answer(Reply::Look);
            }
        }
    }

    /// These workers have kills to hear of.
    pub(crate) fn news(&self, workers: impl IntoIterator<Item = WorkerId>) {
        for worker in workers {
            let pull = match self.lock().get_mut(&worker) {
                Some(connected) => {
                    connected.look_for_kills = true;
                    connected.pull.take()
                }
                None => None,
            };
            if let Some(pull) = pull {
                let _ = pull.reply.send(Reply::Look);
            }
        }
    }

    /// Whether to look for kills of this worker; asked once, answered with yes once.
    pub(crate) fn take_news(&self, worker: WorkerId) -> bool {
        self.lock()
            .get_mut(&worker)
            .is_some_and(|c| std::mem::take(&mut c.look_for_kills))
    }

    /// Look again at the next pull: what was found must be repeated until it is acknowledged.
    pub(crate) fn repeat_news(&self, worker: WorkerId) {
        if let Some(connected) = self.lock().get_mut(&worker) {
            connected.look_for_kills = true;
        }
    }

    /// Answers all hanging pulls.
    pub(crate) fn release(&self) {
        let open: Vec<_> = self
            .lock()
            .values_mut()
            .filter_map(|c| c.pull.take())
            .collect();
        for pull in open {
            let _ = pull.reply.send(Reply::Look);
        }
    }
}

fn nothing_free(worker: WorkerId, connected: &Connected) -> WorkerOffer {
    let pythons = connected.pythons.iter().map(|p| p.version.clone());
    WorkerOffer {
        worker,
        pythons: pythons.collect(),
        free_units: 0.0,
        free_memory_bytes: 0,
        total_units: connected.total_units,
        total_memory_bytes: connected.total_memory_bytes,
        prefetch: 0,
        free_source_ips: connected.free_source_ips,
    }
}

/// Orders `3.9` before `3.10`.
fn minor_key(version: &str) -> (Vec<u32>, String) {
    (
        version.split('.').filter_map(|p| p.parse().ok()).collect(),
        version.to_owned(),
    )
}
