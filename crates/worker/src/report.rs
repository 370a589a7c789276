//! What happened, on its way to the server.
//!
//! One report is under way at a time; whatever happens meanwhile is the next one. So a quiet
//! worker reports at once and a busy one in batches, without a setting. Nothing leaves the list
//! before the server has acknowledged it, or the lease is over and nobody wants it any more.

use crate::{output::Piece, session::Line, verdict};
use bytes::Bytes;
use picloud_client::ClientError;
use picloud_types::{
    ErrorKind, JobState, Payload,
    api::workers::{
        AttemptRef, FinishedReport, OutputReport, PortsReport, ReportHeader, ReportReply,
        SampleReport, StartedReport,
    },
};
use std::{
    collections::{HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, mpsc},
    time::timeout,
};
use tracing::{debug, warn};

/// Most bytes of payloads and output in one report.
const REPORT_MAX_BYTES: usize = 4 << 20;
/// Most things in one report.
const REPORT_MAX_ITEMS: usize = 4_000;
/// Output alone waits this long for company.
const OUTPUT_PAUSE: Duration = Duration::from_millis(50);
/// Beyond this much waiting output, those who bring more wait.
const OUTPUT_WAITING_MAX_BYTES: usize = 16 << 20;

/// One thing that happened. The order in the list is the order in which it did.
#[derive(Clone, Debug)]
enum Item {
    Started(StartedReport),
    Output(OutputReport, Bytes),
    Sample(Box<SampleReport>),
    Ports(Box<PortsReport>),
    Finished(Box<FinishedReport>, Payload),
    Returned(AttemptRef),
    KillSeen(AttemptRef),
}

impl Item {
    fn of(&self) -> AttemptRef {
        let (jid, attempt) = match self {
            Self::Started(report) => (report.jid, report.attempt),
            Self::Output(report, _) => (report.jid, report.attempt),
            Self::Sample(report) => (report.jid, report.attempt),
            Self::Ports(report) => (report.jid, report.attempt),
            Self::Finished(report, _) => (report.jid, report.attempt),
            Self::Returned(of) | Self::KillSeen(of) => return *of,
        };
        AttemptRef { jid, attempt }
    }

    fn size(&self) -> usize {
        match self {
            Self::Output(_, bytes) => bytes.len() + 64,
            Self::Finished(report, payload) => {
                let inline = match payload {
                    Payload::Inline(bytes) => bytes.len(),
                    Payload::Blob { .. } => 41,
                };
                let failure = report.failure.as_ref().map_or(0, |f| f.exception.len());
                inline + failure + report.profile.as_ref().map_or(0, String::len) + 256
            }
            Self::Sample(_) | Self::Ports(_) => 512,
            Self::Started(_) | Self::Returned(_) | Self::KillSeen(_) => 64,
        }
    }
}

#[derive(Debug, Default)]
struct Pending {
    items: VecDeque<Item>,
    output_bytes: usize,
    /// Whether something waits that should not.
    urgent: bool,
    /// Since when output waits.
    output_since: Option<Instant>,
    /// Outcomes that will come once their upload is through.
    promised: Vec<AttemptRef>,
}

/// The list, shared by all who have something to tell.
#[derive(Debug, Default)]
pub(crate) struct Outbox {
    pending: Mutex<Pending>,
    news: Notify,
    room: Notify,
    drained: Notify,
}

/// As long as it lives, the outbox is not yet drained.
#[derive(Debug)]
pub(crate) struct Promise(Arc<Outbox>, AttemptRef);

impl Drop for Promise {
    fn drop(&mut self) {
        self.0.lock().promised.retain(|of| *of != self.1);
        self.0.drained.notify_waiters();
    }
}

impl Outbox {
    fn lock(&self) -> MutexGuard<'_, Pending> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn add(&self, items: impl IntoIterator<Item = Item>) {
        let mut pending = self.lock();
        let before = pending.items.len();
        pending.items.extend(items);
        if pending.items.len() > before {
            pending.urgent = true;
            drop(pending);
            self.news.notify_one();
        }
    }

    /// A job began some time ago and still runs.
    pub(crate) fn started(&self, report: StartedReport) {
        self.add([Item::Started(report)]);
    }

    /// What a running job used so far.
    pub(crate) fn sample(&self, report: SampleReport) {
        self.add([Item::Sample(Box::new(report))]);
    }

    /// Ports a running job listens on.
    pub(crate) fn ports(&self, report: PortsReport) {
        self.add([Item::Ports(Box::new(report))]);
    }

    /// A job ended.
    pub(crate) fn finished(&self, report: FinishedReport, payload: Payload) {
        self.add([Item::Finished(Box::new(report), payload)]);
    }

    /// Jobs that never began here and will not.
    pub(crate) fn returned(&self, jobs: impl IntoIterator<Item = AttemptRef>) {
        self.add(jobs.into_iter().map(Item::Returned));
    }

    /// Kills that took effect or are about to.
    pub(crate) fn kills_seen(&self, jobs: impl IntoIterator<Item = AttemptRef>) {
        self.add(jobs.into_iter().map(Item::KillSeen));
    }

    /// Something a job said. Waits for nothing; see `room`.
    pub(crate) fn output(&self, of: AttemptRef, pieces: impl IntoIterator<Item = Piece>) {
        let mut pending = self.lock();
        for piece in pieces {
            pending.output_bytes += piece.bytes.len();
            let report = OutputReport {
                jid: of.jid,
                attempt: of.attempt,
                stream: piece.stream,
                offset: piece.offset,
            };
            pending.items.push_back(Item::Output(report, piece.bytes));
        }
        if pending.output_since.is_none() && pending.output_bytes > 0 {
            pending.output_since = Some(Instant::now());
            drop(pending);
            self.news.notify_one();
        }
    }

    /// Whether more output should wait for `room`.
    pub(crate) fn is_full(&self) -> bool {
        self.lock().output_bytes > OUTPUT_WAITING_MAX_BYTES
    }

    /// Returns once there is room for output.
    pub(crate) async fn room(&self) {
        loop {
            let notified = self.room.notified();
            if !self.is_full() {
                return;
            }
            notified.await;
        }
    }

    /// Announces an outcome that has to wait for an upload.
    pub(crate) fn promise(self: &Arc<Self>, of: AttemptRef) -> Promise {
        self.lock().promised.push(of);
        Promise(Arc::clone(self), of)
    }

    /// Those of `attempts` of which nothing is on its way to the server.
    pub(crate) fn silent_about(&self, attempts: Vec<AttemptRef>) -> Vec<AttemptRef> {
        let pending = self.lock();
        let told: HashSet<_> = pending.items.iter().map(Item::of).collect();
        let silent = |of: &AttemptRef| !told.contains(of) && !pending.promised.contains(of);
        attempts.into_iter().filter(silent).collect()
    }

    /// Returns once everything was acknowledged.
    pub(crate) async fn drained(&self) {
        loop {
            let notified = self.drained.notified();
            {
                let mut pending = self.lock();
                if pending.items.is_empty() && pending.promised.is_empty() {
                    return;
                }
                pending.urgent |= !pending.items.is_empty();
            }
            self.news.notify_one();
            notified.await;
        }
    }

    /// Waits until there is something to report, and copies as much as fits into a report.
    async fn next(&self) -> Vec<Item> {
        loop {
            let wait = {
                let pending = self.lock();
                let due = pending.output_since.map(|t| t + OUTPUT_PAUSE);
                match due {
                    _ if pending.urgent => return batch(&pending.items),
                    _ if pending.output_bytes > REPORT_MAX_BYTES => return batch(&pending.items),
                    Some(due) if due <= Instant::now() => return batch(&pending.items),
                    due => due,
                }
            };
            match wait {
                None => self.news.notified().await,
                Some(due) => {
                    let _ = tokio::time::timeout_at(due.into(), self.news.notified()).await;
                }
            }
        }
    }

    /// The first `count` items are with the server.
    fn acknowledged(&self, count: usize) {
        let mut pending = self.lock();
        for item in pending.items.drain(..count).collect::<Vec<_>>() {
            if let Item::Output(_, bytes) = item {
                pending.output_bytes -= bytes.len();
            }
        }
        let urgent = pending.items.iter().any(|i| !matches!(i, Item::Output(..)));
        pending.urgent = urgent;
        pending.output_since = (pending.output_bytes > 0).then(Instant::now);
        drop(pending);
        self.room.notify_waiters();
        self.drained.notify_waiters();
    }
}

fn batch(items: &VecDeque<Item>) -> Vec<Item> {
    let mut bytes = 0;
    items
        .iter()
        .take(REPORT_MAX_ITEMS)
        .take_while(|item| {
            // The first one always goes.
            let first = bytes == 0;
            bytes += item.size();
            first || bytes <= REPORT_MAX_BYTES
        })
        .cloned()
        .collect()
}

/// Sends reports until the lease is over. `refused` gets the attempts the server does not want.
pub(crate) async fn run(
    line: &Line,
    outbox: &Outbox,
    refused: &mpsc::UnboundedSender<Vec<AttemptRef>>,
) -> LeaseOver {
    loop {
        let items = outbox.next().await;
        let count = items.len();
        match send(line, &items).await {
            Ok(reply) => {
                if !reply.refused.is_empty() {
                    debug!(count = reply.refused.len(), "the server refused attempts");
                    let _ = refused.send(reply.refused);
                }
            }
            Err(Lost::Lease(over)) => return over,
            Err(Lost::Batch(error)) => {
                if let Err(over) = one_by_one(line, items, &error, refused).await {
                    return over;
                }
            }
        }
        outbox.acknowledged(count);
    }
}

/// Why reports can no longer be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct LeaseOver;

enum Lost {
    Lease(LeaseOver),
    /// The server will never take these together.
    Batch(String),
}

async fn send(line: &Line, items: &[Item]) -> Result<ReportReply, Lost> {
    let (header, payloads, outputs) = assemble(items);
    let mut pause = Duration::from_millis(20);
    loop {
        let sent = Instant::now();
        let report = line
            .client
            .report(line.worker, &header, &payloads, &outputs);
        // Sent again on another connection while the lease lasts; repeating it is harmless.
        let Ok(answer) = timeout(line.patience(), report).await else {
            match line.is_over() {
                true => return Err(Lost::Lease(LeaseOver)),
                false => continue,
            }
        };
        match answer {
            Ok(reply) => {
                line.contact(sent);
                return Ok(reply);
            }
            Err(error) if error.kind() == Some(ErrorKind::WorkerUnknown) => {
                return Err(Lost::Lease(LeaseOver));
            }
            Err(error) if may_pass(&error) => {
                if line.is_over() {
                    return Err(Lost::Lease(LeaseOver));
                }
                debug!(%error, "a report did not go through, trying again");
                tokio::time::sleep(crate::jittered(pause)).await;
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            Err(error) => return Err(Lost::Batch(error.to_string())),
        }
    }
}

/// Whether the same report may be taken later. A fault of the server is not one of the report.
pub(crate) fn may_pass(error: &ClientError) -> bool {
    error.may_retry()
        || matches!(
            error.kind(),
            Some(ErrorKind::Internal | ErrorKind::Unauthorized | ErrorKind::Conflict)
        )
}

/// Finds the item the server will not take, so that the others are not lost with it.
async fn one_by_one(
    line: &Line,
    items: Vec<Item>,
    error: &str,
    refused: &mpsc::UnboundedSender<Vec<AttemptRef>>,
) -> Result<(), LeaseOver> {
    warn!(%error, count = items.len(), "a report was not taken, sending its parts one by one");
    for item in items {
        let fallback = match &item {
            Item::Finished(report, _) => Some(report.clone()),
            _ => None,
        };
        let mut answer = send(line, std::slice::from_ref(&item)).await;
        if let (Err(Lost::Batch(error)), Some(mut report)) = (&answer, fallback) {
            // The outcome must be told, even if the result cannot be.
            report.state = JobState::Error;
            report.failure = Some(verdict::result_lost(error));
            report.profile = None;
            answer = send(line, &[Item::Finished(report, Payload::empty())]).await;
        }
        match answer {
            Ok(reply) if reply.refused.is_empty() => {}
            Ok(reply) => {
                let _ = refused.send(reply.refused);
            }
            Err(Lost::Lease(over)) => return Err(over),
            Err(Lost::Batch(error)) => warn!(%error, ?item, "a part of a report was dropped"),
        }
    }
    Ok(())
}

fn assemble(items: &[Item]) -> (ReportHeader, Vec<Payload>, Vec<Bytes>) {
    let mut header = ReportHeader::default();
    let (mut payloads, mut outputs) = (Vec::new(), Vec::new());
    for item in items {
        match item {
            Item::Started(report) => header.started.push(*report),
            Item::Output(report, bytes) => {
                header.output.push(*report);
                outputs.push(bytes.clone());
            }
            Item::Finished(report, payload) => {
                header.finished.push((**report).clone());
                payloads.push(payload.clone());
            }
            Item::Sample(report) => header.samples.push(**report),
            Item::Ports(report) => header.ports.push((**report).clone()),
            Item::Returned(of) => header.returned.push(*of),
            Item::KillSeen(of) => header.kills_seen.push(*of),
        }
    }
    (header, payloads, outputs)
}

#[cfg(test)]
mod tests {
    use super::*;
    use picloud_types::{Attempt, Jid, Stream, Timestamp, Usage};

    fn of(jid: i64) -> AttemptRef {
        AttemptRef {
            jid: Jid(jid),
            attempt: Attempt(1),
        }
    }

    fn end(outbox: &Outbox, jid: i64) {
        let report = FinishedReport {
            jid: Jid(jid),
            attempt: Attempt(1),
            state: JobState::Done,
            started: Timestamp(0),
            finished: Timestamp(0),
            usage: Usage::default(),
            failure: None,
            profile: None,
        };
        outbox.finished(report, Payload::empty());
    }

    fn piece(length: usize) -> Piece {
        Piece {
            stream: Stream::Stdout,
            offset: 0,
            bytes: vec![b'x'; length].into(),
        }
    }

    #[tokio::test(start_paused = true)]
    async fn an_outcome_is_told_at_once_and_takes_waiting_output_along() {
        let outbox = Outbox::default();
        outbox.output(of(1), [piece(5)]);
        end(&outbox, 1);
        let before = tokio::time::Instant::now();
        let items = outbox.next().await;
        assert_eq!(tokio::time::Instant::now(), before);
        assert!(matches!(items[..], [Item::Output(..), Item::Finished(..)]));
    }

    #[tokio::test]
    async fn output_alone_waits_for_company_but_not_for_long() {
        let outbox = Outbox::default();
        outbox.output(of(1), [piece(5)]);
        let before = Instant::now();
        assert_eq!(outbox.next().await.len(), 1);
        assert!(before.elapsed() >= OUTPUT_PAUSE);
    }

    #[tokio::test]
    async fn nothing_leaves_the_list_before_it_was_acknowledged() {
        let outbox = Outbox::default();
        end(&outbox, 1);
        assert_eq!(outbox.next().await.len(), 1);
        end(&outbox, 2);
        assert_eq!(outbox.next().await.len(), 2, "the first one is still there");
        outbox.acknowledged(1);
        let items = outbox.next().await;
        assert!(matches!(&items[..], [Item::Finished(r, _)] if r.jid == Jid(2)));
        outbox.acknowledged(1);
        outbox.drained().await;
    }

    #[tokio::test]
    async fn a_report_is_bounded_and_an_outcome_never_overtakes_its_output() {
        let outbox = Outbox::default();
        let pieces = 2 * REPORT_MAX_BYTES / 65_536;
        outbox.output(of(1), (0..pieces).map(|_| piece(65_536)));
        end(&outbox, 1);
        assert!(!outbox.is_full());
        let mut reports = 0;
        loop {
            let items = outbox.next().await;
            let (count, ended) = (
                items.len(),
                matches!(items.last(), Some(Item::Finished(..))),
            );
            assert!(items.iter().map(Item::size).sum::<usize>() <= REPORT_MAX_BYTES);
            outbox.acknowledged(count);
            reports += 1;
            if ended {
                break;
            }
        }
        assert!(reports >= 3, "{reports}");
        outbox.drained().await;
    }
}
