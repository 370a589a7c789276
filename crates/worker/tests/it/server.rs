//! A server that speaks the worker's API and follows a script.

use axum::{
    Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, Path, State},
    http::StatusCode,
    response::{IntoResponse as _, Response},
    routing::{get, post, put},
};
use bytes::Bytes;
use picloud_types::{
    AccountId, ApiError, Attempt, ErrorBody, ErrorKind, Hash, Jid, JobSpec, JobState, Payload,
    SpecId, Stream, WorkerId,
    api::workers::{
        AttemptRef, FinishedReport, Held, Hello, Mount, PullHeader, PullRequest, PulledJob,
        PulledSpec, PythonsUpdate, ReportHeader, ReportReply, SampleReport, Welcome, WorkerPython,
    },
    frames::{FrameReader, FrameWriter},
};
use std::{
    collections::{BTreeMap, HashMap, HashSet, VecDeque},
    sync::{Arc, Mutex, MutexGuard},
    time::Duration,
};
use tokio::sync::Notify;

/// A job on the server.
#[derive(Clone, Debug)]
pub(crate) struct Queued {
    pub(crate) jid: Jid,
    pub(crate) spec: SpecId,
    pub(crate) args: Payload,
}

/// What the server knows.
#[derive(Debug, Default)]
pub(crate) struct Known {
    pub(crate) hellos: Vec<Hello>,
    pub(crate) pythons: Vec<WorkerPython>,
    pub(crate) byes: usize,
    pub(crate) queue: VecDeque<Queued>,
    pub(crate) specs: HashMap<SpecId, (JobSpec, Payload)>,
    pub(crate) blobs: HashMap<Hash, Bytes>,
    /// Blobs that were asked for.
    pub(crate) fetched: Vec<Hash>,
    /// What every spec is shown of volumes.
    pub(crate) mounts: Vec<Mount>,
    pub(crate) kills: Vec<AttemptRef>,
    pub(crate) handed_out: HashMap<Jid, u32>,
    held: HashMap<Jid, Queued>,
    pub(crate) started: HashSet<Jid>,
    pub(crate) samples: Vec<SampleReport>,
    pub(crate) finished: BTreeMap<Jid, (FinishedReport, Payload)>,
    pub(crate) returned: Vec<AttemptRef>,
    pub(crate) kills_seen: Vec<AttemptRef>,
    pub(crate) output: HashMap<(Jid, Stream), BTreeMap<u64, Bytes>>,
    pub(crate) refuse: HashSet<Jid>,
    /// Answers nothing any more.
    pub(crate) silent: bool,
    /// The next answer with work gets lost on its way.
    pub(crate) lose_work: bool,
    /// Knows no worker.
    pub(crate) forgetful: bool,
    pub(crate) lease: Duration,
    newest_pull: u64,
    next_jid: i64,
}

/// The server.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    known: Arc<Mutex<Known>>,
    changed: Arc<Notify>,
    pub(crate) url: String,
}

type Refusal = (StatusCode, Json<ErrorBody>);

impl Server {
    pub(crate) async fn start(lease: Duration) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
            .await
            .expect("a free port");
        let url = format!("http://{}", listener.local_addr().expect("bound"));
        let known = Known {
            lease,
            next_jid: 1,
            ..Known::default()
        };
        let server = Self {
            known: Arc::new(Mutex::new(known)),
            changed: Arc::default(),
            url,
        };
        let router = Router::new()
            .route("/v1/workers/hello", post(hello))
            .route("/v1/workers/{worker}/pythons", put(pythons))
            .route("/v1/workers/{worker}/pull", post(pull))
            .route("/v1/workers/{worker}/report", post(report))
            .route("/v1/workers/{worker}/jobs", get(held))
            .route("/v1/workers/{worker}/bye", post(bye))
            .route(
                "/v1/workers/{worker}/accounts/{account}/blobs/{hash}",
                get(blob_get).put(blob_put),
            )
            .layer(DefaultBodyLimit::disable())
            .with_state(server.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        server
    }

    pub(crate) fn known(&self) -> MutexGuard<'_, Known> {
        self.known.lock().expect("no test panics inside")
    }

    /// Something was changed from outside.
    pub(crate) fn wake(&self) {
        self.changed.notify_waiters();
    }

    /// A new spec.
    pub(crate) fn spec(&self, spec: JobSpec, function: Payload) -> SpecId {
        let mut known = self.known();
        let id = SpecId(i64::try_from(known.specs.len()).expect("few") + 1);
        known.specs.insert(id, (spec, function));
        id
    }

    /// New jobs, one per element.
    pub(crate) fn submit(&self, spec: SpecId, args: impl IntoIterator<Item = Payload>) -> Vec<Jid> {
        let mut known = self.known();
        let mut jids = Vec::new();
        for args in args {
            let jid = Jid(known.next_jid);
            known.next_jid += 1;
            known.queue.push_back(Queued { jid, spec, args });
            jids.push(jid);
        }
        drop(known);
        self.wake();
        jids
    }

    /// Waits until the condition holds, and answers with what it finds then.
    pub(crate) async fn until<T>(
        &self,
        what: &str,
        mut check: impl FnMut(&Known) -> Option<T>,
    ) -> T {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
        loop {
            let changed = self.changed.notified();
            if let Some(found) = check(&self.known()) {
                return found;
            }
            let waited = tokio::time::timeout_at(deadline, changed).await;
            assert!(waited.is_ok(), "never happened: {what}");
        }
    }

    /// The outcome of a job.
    pub(crate) async fn outcome(&self, jid: Jid) -> (FinishedReport, Payload) {
        self.until("the job ends", |known| known.finished.get(&jid).cloned())
            .await
    }

    /// A result that must be one, as bytes.
    pub(crate) async fn result(&self, jid: Jid) -> Bytes {
        let (report, payload) = self.outcome(jid).await;
        assert_eq!(report.state, JobState::Done, "{:?}", report.failure);
        match payload {
            Payload::Inline(bytes) => bytes,
            Payload::Blob { hash, .. } => self.known().blobs[&hash].clone(),
        }
    }

    /// What a job said, with where it starts.
    pub(crate) fn said(&self, jid: Jid, stream: Stream) -> (u64, Vec<u8>) {
        let known = self.known();
        let Some(pieces) = known.output.get(&(jid, stream)) else {
            return (0, Vec::new());
        };
        let first = pieces.keys().next().copied().unwrap_or(0);
        (first, pieces.values().flatten().copied().collect())
    }

    fn check(&self) -> Result<(), Refusal> {
        match self.known().forgetful {
            true => Err(refusal(ErrorKind::WorkerUnknown)),
            false => Ok(()),
        }
    }

    async fn stay_silent(&self) {
        while self.known().silent {
            let changed = self.changed.notified();
            let _ = tokio::time::timeout(Duration::from_millis(20), changed).await;
        }
    }
}

fn refusal(kind: ErrorKind) -> Refusal {
    let status = StatusCode::from_u16(kind.status()).expect("a status");
    (
        status,
        Json(ErrorBody {
            error: ApiError::new(kind, "no"),
        }),
    )
}

async fn hello(State(server): State<Server>, Json(hello): Json<Hello>) -> Json<Welcome> {
    server.stay_silent().await;
    let mut known = server.known();
    known.hellos.push(hello);
    known.forgetful = false;
    let welcome = Welcome {
        worker: WorkerId(i64::try_from(known.hellos.len()).expect("few")),
        lease_ms: u64::try_from(known.lease.as_millis()).expect("short"),
        payload_max_bytes: 64 << 20,
    };
    drop(known);
    server.wake();
    Json(welcome)
}

async fn pythons(State(server): State<Server>, Json(update): Json<PythonsUpdate>) -> Json<()> {
    server.known().pythons = update.pythons;
    server.wake();
    Json(())
}

async fn pull(
    State(server): State<Server>,
    Json(request): Json<PullRequest>,
) -> Result<Bytes, Refusal> {
    server.stay_silent().await;
    let number = {
        let mut known = server.known();
        known.newest_pull += 1;
        known.newest_pull
    };
    server.wake();
    let deadline = tokio::time::Instant::now() + Duration::from_millis(request.wait_ms);
    loop {
        let changed = server.changed.notified();
        server.check()?;
        if let Some(reply) = answer_or_lose(&server, number, &request) {
            return reply;
        }
        if tokio::time::timeout_at(deadline, changed).await.is_err() {
            return Ok(FrameWriter::with_header(&PullHeader::default()).finish());
        }
    }
}

fn answer_or_lose(
    server: &Server,
    number: u64,
    request: &PullRequest,
) -> Option<Result<Bytes, Refusal>> {
    let mut known = server.known();
    let before = known.handed_out.len();
    let reply = answer(&mut known, number, request)?;
    let lost = known.handed_out.len() > before && std::mem::take(&mut known.lose_work);
    Some(if lost {
        Err(refusal(ErrorKind::Internal))
    } else {
        Ok(reply)
    })
}

fn answer(known: &mut Known, number: u64, request: &PullRequest) -> Option<Bytes> {
    let empty = || Some(FrameWriter::with_header(&PullHeader::default()).finish());
    if number != known.newest_pull {
        return empty();
    }
    let room = request.free_units as usize + request.prefetch as usize;
    let count = room.min(known.queue.len());
    if count == 0 && known.kills.is_empty() {
        return None;
    }
    let mut header = PullHeader {
        kills: known.kills.clone(),
        ..PullHeader::default()
    };
    let taken: Vec<_> = known.queue.drain(..count).collect();
    let mut payloads = Vec::new();
    for spec in taken.iter().map(|j| j.spec).collect::<HashSet<_>>() {
        let (about, function) = known.specs[&spec].clone();
        header.specs.push(PulledSpec {
            id: spec,
            account: AccountId(1),
            spec: about,
            compute_units: 1.0,
            memory_bytes: 300_000_000,
            own_ip: false,
            mounts: known.mounts.clone(),
        });
        payloads.push(function);
    }
    for job in taken {
        known.held.insert(job.jid, job.clone());
        let attempt = known.handed_out.entry(job.jid).or_insert(0);
        *attempt += 1;
        header.jobs.push(PulledJob {
            jid: job.jid,
            attempt: Attempt(*attempt),
            spec: job.spec,
            token: "token".to_owned(),
        });
        payloads.push(job.args);
    }
    let mut writer = FrameWriter::with_header(&header);
    for payload in payloads {
        writer.push(&payload.encode());
    }
    Some(writer.finish())
}

async fn report(State(server): State<Server>, body: Bytes) -> Result<Json<ReportReply>, Refusal> {
    server.stay_silent().await;
    server.check()?;
    let mut frames = FrameReader::new(body);
    let header: ReportHeader = frames.header().expect("a header");
    let mut known = server.known();
    let mut reply = ReportReply::default();
    known.samples.extend(&header.samples);
    for started in header.started {
        known.started.insert(started.jid);
        if known.refuse.contains(&started.jid) {
            reply.refused.push(AttemptRef {
                jid: started.jid,
                attempt: started.attempt,
            });
        }
    }
    let payloads: Vec<_> = header
        .finished
        .iter()
        .map(|_| Payload::decode(frames.expect_frame().expect("there")).expect("valid"))
        .collect();
    for about in header.output {
        let bytes = frames.expect_frame().expect("there");
        known
            .output
            .entry((about.jid, about.stream))
            .or_default()
            .insert(about.offset, bytes);
    }
    for (finished, payload) in header.finished.into_iter().zip(payloads) {
        let before = known
            .finished
            .insert(finished.jid, (finished.clone(), payload));
        assert!(before.is_none(), "job {} ended twice", finished.jid);
    }
    for of in &header.kills_seen {
        known.kills.retain(|k| k != of);
    }
    for of in header.returned {
        known.returned.push(of);
        if let Some(job) = known.held.remove(&of.jid) {
            known.queue.push_back(job);
        }
    }
    known.kills_seen.extend(header.kills_seen);
    drop(known);
    server.wake();
    Ok(Json(reply))
}

async fn held(State(server): State<Server>) -> Json<Held> {
    let known = server.known();
    let open = known
        .held
        .keys()
        .filter(|j| !known.finished.contains_key(j));
    let attempts = open.map(|jid| AttemptRef {
        jid: *jid,
        attempt: Attempt(known.handed_out[jid]),
    });
    Json(Held {
        attempts: attempts.collect(),
    })
}

async fn bye(State(server): State<Server>) -> Json<()> {
    server.known().byes += 1;
    server.wake();
    Json(())
}

async fn blob_get(
    State(server): State<Server>,
    Path((_, _, hash)): Path<(i64, i64, String)>,
) -> Response {
    let hash: Hash = hash.parse().expect("a hash");
    server.known().fetched.push(hash);
    match server.known().blobs.get(&hash).cloned() {
        Some(bytes) => Body::from(bytes).into_response(),
        None => refusal(ErrorKind::NotFound).into_response(),
    }
}

async fn blob_put(
    State(server): State<Server>,
    Path((_, _, hash)): Path<(i64, i64, String)>,
    body: Bytes,
) -> Json<()> {
    assert_eq!(
        Hash::of(&body).to_string(),
        hash,
        "the worker names what it sends"
    );
    server.known().blobs.insert(Hash::of(&body), body);
    Json(())
}
