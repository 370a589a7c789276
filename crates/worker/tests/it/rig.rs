//! A worker and its server, for one test.

use crate::{pickles, server::Server};
use picloud_types::{Jid, JobSpec, Payload};
use picloud_worker::{IsolationChoice, Options, Worker, WorkerError};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

fn workspace() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// A Python with cloudpickle.
pub(crate) fn python() -> PathBuf {
    let named = std::env::var_os("PICLOUD_TEST_PYTHON").map(PathBuf::from);
    let python = named.unwrap_or_else(|| workspace().join(".venv/bin/python"));
    assert!(
        python.is_file(),
        "these tests need a Python with cloudpickle: run `make .venv`, or name one in PICLOUD_TEST_PYTHON ({} is not there)",
        python.display()
    );
    python
}

fn version(python: &Path) -> String {
    let ask = "import sys; print('{}.{}'.format(*sys.version_info), end='')";
    let answer = Command::new(python)
        .args(["-c", ask])
        .output()
        .expect("it starts");
    String::from_utf8(answer.stdout).expect("a version")
}

pub(crate) struct Rig {
    pub(crate) server: Server,
    pub(crate) stop: CancellationToken,
    pub(crate) state: tempfile::TempDir,
    version: String,
    worker: Option<JoinHandle<Result<(), WorkerError>>>,
}

impl Rig {
    pub(crate) async fn start() -> Self {
        Self::with(Duration::from_secs(10), |_| {}).await
    }

    /// With jobs as plain processes, which see the files of the test.
    pub(crate) async fn unprotected() -> Self {
        let plain = |options: &mut Options| options.isolation = IsolationChoice::Process;
        Self::with(Duration::from_secs(10), plain).await
    }

    pub(crate) async fn with(lease: Duration, change: impl FnOnce(&mut Options)) -> Self {
        // Shown for a test that fails, or with RUST_LOG.
        let _ = tracing_subscriber::fmt()
            .with_env_filter(tracing_subscriber::EnvFilter::from_default_env())
            .with_test_writer()
            .try_init();
        let server = Server::start(lease).await;
        let state = tempfile::tempdir().expect("a directory");
        let python = python();
        let version = version(&python);
        let mut options = Options::new(&server.url, "token", state.path().to_owned());
        options.default_python = Some(python);
        options.runner = Some(workspace().join("python/cloud/_runner/__main__.py"));
        options.discover = false;
        options.compute_units = 4.0;
        options.kill_grace = Duration::from_millis(300);
        change(&mut options);
        let stop = CancellationToken::new();
        let worker = tokio::spawn(Worker::run(options, stop.clone()));
        let rig = Self {
            server,
            stop,
            state,
            version,
            worker: Some(worker),
        };
        rig.server
            .until("the worker says hello", |k| {
                (!k.hellos.is_empty()).then_some(())
            })
            .await;
        rig
    }

    pub(crate) fn spec(&self) -> JobSpec {
        JobSpec {
            python: self.version.clone(),
            function_name: "f".to_owned(),
            restartable: true,
            ..serde_json::from_str(r#"{"python": ""}"#).expect("defaults")
        }
    }

    /// Jobs that run Python statements.
    pub(crate) fn exec(&self, spec: JobSpec, codes: &[&str]) -> Vec<Jid> {
        self.run(spec, "exec", codes)
    }

    /// Jobs whose result is the value of an expression.
    pub(crate) fn eval(&self, spec: JobSpec, codes: &[&str]) -> Vec<Jid> {
        self.run(spec, "eval", codes)
    }

    fn run(&self, spec: JobSpec, function: &str, codes: &[&str]) -> Vec<Jid> {
        let function = Payload::Inline(pickles::function("builtins", function));
        let spec = self.server.spec(spec, function);
        let args = codes
            .iter()
            .map(|code| Payload::Inline(pickles::args(code)));
        self.server.submit(spec, args)
    }

    /// One job that runs statements, with the usual settings.
    pub(crate) fn job(&self, code: &str) -> Jid {
        self.exec(self.spec(), &[code])[0]
    }

    /// Stops the worker and waits for its end.
    pub(crate) async fn end(mut self) -> Self {
        self.stop.cancel();
        if let Some(worker) = self.worker.take() {
            worker
                .await
                .expect("it does not panic")
                .expect("it ends well");
        }
        self
    }
}

/// Waits until a file that a process writes to all the time no longer grows.
pub(crate) async fn stands_still(file: &Path) {
    let ended = async {
        let (mut length, mut still) = (0, 0);
        while still < 20 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = std::fs::metadata(file).expect("it was written to").len();
            still = if now == length { still + 1 } else { 0 };
            length = now;
        }
    };
    let ended = tokio::time::timeout(Duration::from_secs(10), ended).await;
    ended.expect("what writes to the file is ended");
}
