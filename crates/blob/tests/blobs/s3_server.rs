//! A real server of S3's protocol on loopback, with a directory behind it.

use picloud_blob::S3Options;
use std::{
    io::{BufRead, BufReader, Read},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

pub(crate) const BUCKET: &str = "bucket";

/// It ends with its value.
pub(crate) struct S3Server {
    process: Child,
    directory: TempDir,
    endpoint: String,
    key: &'static str,
}

/// No single package does all that S3 does.
#[derive(Clone, Copy)]
pub(crate) enum Kind {
    /// Answers ranges as S3 does, but does not look at signatures.
    Ranges,
    /// Looks at signatures as S3 does, but calls a part of a content the whole (status 200).
    Signatures,
}

impl S3Server {
    pub(crate) fn start(kind: Kind) -> Self {
        let directory = TempDir::new().expect("a temporary directory");
        std::fs::create_dir(directory.path().join(BUCKET)).expect("a bucket");
        let (mut command, key) = match kind {
            Kind::Ranges => {
                let mut command = program("node_modules/.bin/s3rver");
                command
                    .args([
                        "--address",
                        "127.0.0.1",
                        "--port",
                        "0",
                        "--no-vhost-buckets",
                    ])
                    .args(["--configure-bucket", BUCKET, "--directory"])
                    .arg(directory.path());
                (command, "S3RVER")
            }
            Kind::Signatures => {
                let mut command = program("rclone_api/bin/rclone");
                command
                    .args(["serve", "s3", "--auth-key", "key,key"])
                    .args(["--addr", "127.0.0.1:0", "--config="])
                    .arg(directory.path());
                (command, "key")
            }
        };
        let mut process = command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the server starts");
        let endpoint = match kind {
            Kind::Ranges => listening(process.stdout.take().expect("piped"), "listening on "),
            Kind::Signatures => listening(process.stderr.take().expect("piped"), "on [http://"),
        };
        Self {
            process,
            directory,
            endpoint,
            key,
        }
    }

    pub(crate) fn options(&self) -> S3Options {
        S3Options {
            bucket: BUCKET.to_owned(),
            prefix: "pi/cloud".to_owned(),
            endpoint: Some(self.endpoint.clone()),
            region: "us-east-1".to_owned(),
            access_key: self.key.to_owned(),
            secret_key: self.key.to_owned(),
            allow_http: true,
        }
    }

    /// Everything in the bucket, as files.
    pub(crate) fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut directories = vec![self.directory.path().join(BUCKET)];
        while let Some(directory) = directories.pop() {
            for entry in std::fs::read_dir(directory).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    directories.push(path);
                } else {
                    files.push(path);
                }
            }
        }
        files
    }
}

fn program(path: &str) -> Command {
    let program = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../target/tools/s3")
        .join(path);
    assert!(
        program.exists(),
        "{} is missing: scripts/setup.sh installs it",
        program.display()
    );
    Command::new(program)
}

/// Waits until the server says where it listens.
fn listening(said: impl Read + Send + 'static, before: &str) -> String {
    let mut lines = BufReader::new(said).lines();
    loop {
        let line = lines.next().expect("it says where it listens");
        let line = line.expect("text");
        if let Some((_, address)) = line.split_once(before) {
            // What it says later must not fill the pipe.
            std::thread::spawn(move || lines.for_each(drop));
            return format!("http://{}", address.trim().trim_end_matches([']', '/']));
        }
    }
}

impl Drop for S3Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
