//! Runs the binary in a directory of the test's own.

use serde_json::Value;
use std::{
    io::Read as _,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// Longer than anything takes that works.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);

/// Waits until `condition` answers something.
pub(crate) fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + DEADLINE;
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < end, "{what} did not come");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a command said and how it ended.
#[derive(Debug)]
pub(crate) struct Said {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Said {
    /// Its answer as JSON.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.out).unwrap_or_else(|e| panic!("no JSON ({e}): {self:?}"))
    }

    /// The same, having checked its code.
    pub(crate) fn ended(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:?}");
        self
    }
}

/// A home without profiles.
pub(crate) struct Home {
    dir: TempDir,
}

impl Home {
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().expect("a temporary directory"),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// The binary, knowing nothing of the person who runs the test.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_picloud"));
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("PICLOUD_"))
        {
            command.env_remove(name);
        }
        command
            .env("PICLOUD_CONFIG_DIR", self.path("config"))
            .env("HOME", self.dir.path())
            // The environment that has the package `cloud`, made by `make setup`.
            .env(
                "VIRTUAL_ENV",
                concat!(env!("CARGO_MANIFEST_DIR"), "/../../.venv"),
            );
        command
            .args(args)
            .stdin(Stdio::null())
            .current_dir(self.dir.path());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        said(&mut self.command(args))
    }
}

pub(crate) fn said(command: &mut Command) -> Said {
    let output = command.output().expect("the binary starts");
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    Said {
        code: output.status.code(),
        out: text(&output.stdout),
        err: text(&output.stderr),
    }
}

/// `picloud serve` in a home of its own.
pub(crate) struct Server {
    pub(crate) home: Home,
    pub(crate) ready: Value,
    child: Child,
}

impl Server {
    /// Starts one and waits until jobs can be sent.
    pub(crate) fn start(options: &[&str]) -> Self {
        Self::start_in(Home::new(), options)
    }

    pub(crate) fn start_in(home: Home, options: &[&str]) -> Self {
        let ready_file = home.path("ready.json");
        let _ = std::fs::remove_file(&ready_file);
        let log = std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(home.path("log"))
            .expect("a log");
        let mut command = home.command(&["serve", "--data-dir", "data"]);
        if !options.contains(&"--listen") {
            command.args(["--listen", "127.0.0.1:0"]);
        }
        command
            .args(["--ready-file", "ready.json"])
            .args(options)
            .stdout(Stdio::null())
            .stderr(log);
        let mut child = command.spawn().expect("the binary starts");
        let ready = wait_for("a server that is ready", || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("serve ended with {status}:\n{}", read(&home.path("log")));
            }
            serde_json::from_str(&std::fs::read_to_string(&ready_file).ok()?).ok()
        });
        Self { home, ready, child }
    }

    pub(crate) fn run(&self, args: &[&str]) -> Said {
        self.home.run(args)
    }

    pub(crate) fn json(&self, args: &[&str]) -> Value {
        let args = [&["--json"], args].concat();
        self.run(&args).ended(0).json()
    }

    pub(crate) fn url(&self) -> &str {
        self.ready["url"].as_str().expect("an address")
    }

    pub(crate) fn log(&self) -> String {
        read(&self.home.path("log"))
    }

    pub(crate) fn pid(&self) -> nix::unistd::Pid {
        nix::unistd::Pid::from_raw(i32::try_from(self.child.id()).expect("a process id"))
    }

    pub(crate) fn signal(&self, signal: nix::sys::signal::Signal) {
        nix::sys::signal::kill(self.pid(), signal).expect("it runs");
    }

    pub(crate) fn wait(&mut self) -> ExitStatus {
        let child = &mut self.child;
        wait_for("the end of the server", || child.try_wait().expect("ours"))
    }

    /// Stops it in order and gives back the home.
    pub(crate) fn stop(mut self) -> Home {
        self.signal(nix::sys::signal::Signal::SIGTERM);
        let status = self.wait();
        assert!(status.success(), "{status}:\n{}", self.log());
        std::mem::replace(&mut self.home, Home::new())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(None)) {
            // In order, so that its worker ends with it; by force if that does not help.
            self.signal(nix::sys::signal::Signal::SIGTERM);
            let end = Instant::now() + Duration::from_secs(20);
            while Instant::now() < end && matches!(self.child.try_wait(), Ok(None)) {
                std::thread::sleep(Duration::from_millis(10));
            }
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
        if std::thread::panicking() {
            eprintln!("log of the server:\n{}", self.log());
        }
    }
}

fn read(path: &Path) -> String {
    let mut text = Vec::new();
    if let Ok(mut file) = std::fs::File::open(path) {
        file.read_to_end(&mut text).expect("readable");
    }
    String::from_utf8_lossy(&text).into_owned()
}
