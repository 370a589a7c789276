//! A server on a fresh directory, clients of it, and a worker that tests play by hand.

use bytes::Bytes;
use picloud_client::{ApiClient, Options as ClientOptions, Pulled, WorkerClient};
use picloud_server::{Handle, Options, Server};
use picloud_types::{
    Attempt, ErrorKind, Failure, Jid, JidSet, JobSpec, JobState, Payload, Timestamp, Usage,
    Verdict, WorkerId,
    api::{
        accounts::KeySecret,
        jobs::{SubmitHeader, Submitted},
        results::{ResultFrame, ResultsRequest},
        service::Package,
        workers::{
            AttemptRef, Confinement, FinishedReport, Hello, Isolation, Limits, PullRequest,
            PulledJob, ReportHeader, ReportReply, StartedReport, WorkerPython,
        },
    },
};
use std::{future::Future, net::TcpListener, time::Duration};
use tempfile::TempDir;
use tokio::time::{Instant, sleep};

/// No story waits longer for anything.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) directory: TempDir,
    pub(crate) server: Handle,
    pub(crate) key: KeySecret,
}

pub(crate) fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("loopback has a free port")
}

impl World {
    pub(crate) async fn new() -> Self {
        Self::with(|_| {}).await
    }

    pub(crate) async fn with(change: impl FnOnce(&mut Options)) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        let mut options = Options::new(directory.path().join("data"));
        change(&mut options);
        let server = Server::start(options, listener())
            .await
            .expect("the server starts");
        let key = server
            .first_start()
            .expect("a first start makes a key")
            .clone();
        Self {
            directory,
            server,
            key,
        }
    }

    /// The same data, served by a new life of the server.
    pub(crate) async fn restarted(self) -> Self {
        self.server.stop().await;
        let options = Options::new(self.directory.path().join("data"));
        let server = Server::start(options, listener())
            .await
            .expect("the server starts again");
        assert!(
            server.first_start().is_none(),
            "only the first start makes a key"
        );
        Self { server, ..self }
    }

    pub(crate) fn client(&self) -> ApiClient {
        self.client_with(&self.key)
    }

    pub(crate) fn client_with(&self, key: &KeySecret) -> ApiClient {
        self.client_as(&key.api_key.to_string(), &key.api_secretkey)
    }

    pub(crate) fn client_as(&self, user: &str, password: &str) -> ApiClient {
        ApiClient::new(&self.client_options(), user, password).expect("a client")
    }

    pub(crate) fn client_options(&self) -> ClientOptions {
        let mut options = ClientOptions::new(self.server.url());
        options.ca_file = self.server.ca_file().map(Into::into);
        options
    }

    /// Another account and its client.
    pub(crate) async fn other(&self) -> (ApiClient, KeySecret) {
        let made = self
            .client()
            .account_create("other", false)
            .await
            .expect("an account");
        (self.client_with(&made.key), made.key)
    }

    pub(crate) async fn worker(&self, name: &str) -> Worker {
        self.worker_with(name, |_| {}).await
    }

    /// A worker that says something else of itself.
    pub(crate) async fn worker_with(&self, name: &str, change: impl FnOnce(&mut Hello)) -> Worker {
        let line = WorkerClient::new(&self.client_options(), self.server.worker_token())
            .expect("a client");
        let mut hello = Hello {
            name: name.into(),
            hostname: "host".into(),
            version: "0".into(),
            cpus: 2,
            compute_units: 8.0,
            memory_bytes: 16 << 30,
            pythons: vec![python("3.11")],
            confinement: Confinement {
                isolation: Isolation::Sandbox,
                limits: Limits::Cgroup2,
            },
            source_ips: None,
        };
        change(&mut hello);
        let welcome = line.hello(&hello).await.expect("welcome");
        Worker {
            line,
            id: welcome.worker,
        }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.server.url())
    }
}

pub(crate) fn python(version: &str) -> WorkerPython {
    WorkerPython {
        version: version.into(),
        full_version: format!("{version}.7"),
        executable: "/usr/bin/python3".into(),
        packages: vec![Package {
            name: "numpy".into(),
            version: "2.0".into(),
            modules: vec!["numpy".into()],
        }],
    }
}

/// A worker whose every step a test decides.
pub(crate) struct Worker {
    pub(crate) line: WorkerClient,
    pub(crate) id: WorkerId,
}

impl Worker {
    /// Pulls until there is work.
    pub(crate) async fn pull(&self) -> Pulled {
        let request = PullRequest {
            free_units: 4.0,
            free_memory_bytes: 8 << 30,
            wait_ms: 1000,
            ..PullRequest::default()
        };
        let deadline = Instant::now() + PATIENCE;
        loop {
            let pulled = self
                .line
                .pull(self.id, &request)
                .await
                .expect("a pull is answered");
            if !pulled.header.jobs.is_empty() || !pulled.header.kills.is_empty() {
                return pulled;
            }
            assert!(Instant::now() < deadline, "no work came");
        }
    }

    /// One job, pulled.
    pub(crate) async fn one(&self) -> PulledJob {
        let mut pulled = self.pull().await;
        assert_eq!(pulled.header.jobs.len(), 1, "one job was expected");
        pulled.header.jobs.remove(0)
    }

    pub(crate) async fn start(&self, job: &PulledJob) -> ReportReply {
        let started = vec![StartedReport {
            jid: job.jid,
            attempt: job.attempt,
            at: Timestamp(1),
        }];
        self.report(
            &ReportHeader {
                started,
                ..Default::default()
            },
            &[],
        )
        .await
    }

    pub(crate) async fn finish(&self, job: &PulledJob, result: &'static [u8]) -> ReportReply {
        let finished = vec![ended(job.jid, job.attempt, JobState::Done)];
        self.report(
            &ReportHeader {
                finished,
                ..Default::default()
            },
            &[inline(result)],
        )
        .await
    }

    pub(crate) async fn report(&self, header: &ReportHeader, payloads: &[Payload]) -> ReportReply {
        self.line
            .report(self.id, header, payloads, &[])
            .await
            .expect("the report is taken")
    }
}

/// A report that an attempt ended.
pub(crate) fn ended(jid: Jid, attempt: Attempt, state: JobState) -> FinishedReport {
    let failure = (state != JobState::Done).then(|| Failure {
        verdict: Verdict::Raised,
        exception: "Traceback\nValueError: no".into(),
        exception_type: Some("builtins.ValueError".into()),
        hint: None,
    });
    FinishedReport {
        jid,
        attempt,
        state,
        started: Timestamp(1),
        finished: Timestamp(2),
        usage: Usage {
            runtime_us: 1500,
            ..Usage::default()
        },
        failure,
        profile: None,
    }
}

pub(crate) fn of(job: &PulledJob) -> AttemptRef {
    AttemptRef {
        jid: job.jid,
        attempt: job.attempt,
    }
}

pub(crate) fn inline(bytes: &'static [u8]) -> Payload {
    Payload::Inline(Bytes::from_static(bytes))
}

pub(crate) fn spec() -> JobSpec {
    serde_json::from_str(r#"{"python": "3.11", "function_name": "f"}"#).expect("a spec")
}

/// The header of a submission with a key of its own.
pub(crate) fn header(spec: JobSpec, count: usize) -> SubmitHeader {
    let key = format!("{:032x}", fresh());
    SubmitHeader {
        spec,
        count,
        key,
        depends_on: JidSet::default(),
        map: None,
    }
}

fn fresh() -> u64 {
    use std::sync::atomic::{AtomicU64, Ordering};
    static NEXT: AtomicU64 = AtomicU64::new(1);
    NEXT.fetch_add(1, Ordering::Relaxed)
}

pub(crate) async fn submit(client: &ApiClient, count: usize) -> Submitted {
    let args: Vec<_> = (0..count)
        .map(|i| Payload::Inline(format!("args {i}").into()))
        .collect();
    client
        .submit(&header(spec(), count), &inline(b"function"), &args)
        .await
        .expect("the jobs are taken")
}

pub(crate) async fn submit_one(client: &ApiClient) -> Jid {
    submit(client, 1).await.first_jid
}

pub(crate) fn only(jid: Jid) -> JidSet {
    JidSet::range(jid, 1)
}

pub(crate) async fn status(client: &ApiClient, jid: Jid) -> String {
    client.statuses(only(jid)).await.expect("a status")[0]
        .status
        .clone()
}

/// The result of one job, waited for.
pub(crate) async fn result(client: &ApiClient, jid: Jid) -> ResultFrame {
    let request = ResultsRequest {
        jids: only(jid),
        timeout_ms: 20_000,
        linger_ms: 0,
        max_count: None,
    };
    client
        .results(&request)
        .await
        .expect("results")
        .pop()
        .expect("the result came in time")
}

/// Asserts that a request was refused with this kind, and gives the refusal.
pub(crate) fn refused<T: std::fmt::Debug>(
    answer: picloud_client::Result<T>,
    kind: ErrorKind,
) -> picloud_client::ClientError {
    let error = answer.expect_err("it is refused");
    assert_eq!(error.kind(), Some(kind), "{error}");
    error
}

/// Looks until the condition holds.
pub(crate) async fn until<F: Future<Output = bool>>(what: &str, mut holds: impl FnMut() -> F) {
    let deadline = Instant::now() + PATIENCE;
    while !holds().await {
        assert!(Instant::now() < deadline, "in vain waited until {what}");
        sleep(Duration::from_millis(5)).await;
    }
}
