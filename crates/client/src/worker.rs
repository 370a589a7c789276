//! What a worker says to its server.

use crate::{BlobBody, BlobSource, Connection, Options, Result, connection::ANSWER_TIMEOUT};
use bytes::Bytes;
use picloud_types::{
    AccountId, Hash, Payload, WorkerId,
    api::workers::{
        AttemptRef, Held, Hello, PullHeader, PullRequest, PythonsUpdate, ReportHeader, ReportReply,
        Welcome,
    },
    frames::{FrameReader, FrameWriter},
};
use reqwest::Method;
use std::time::Duration;

/// A worker's line to its server.
#[derive(Clone, Debug)]
pub struct WorkerClient {
    connection: Connection,
}

/// Work that came with one pull.
#[derive(Clone, Debug, Default)]
pub struct Pulled {
    pub header: PullHeader,
    /// One per spec of the header.
    pub functions: Vec<Payload>,
    /// One per job of the header.
    pub args: Vec<Payload>,
}

impl WorkerClient {
    /// A line that authenticates with the worker token.
    pub fn new(options: &Options, token: &str) -> Result<Self> {
        Ok(Self {
            connection: Connection::new(options)?.with_bearer(token),
        })
    }

    /// The address requests go to.
    pub fn server(&self) -> &str {
        self.connection.server()
    }

    /// Begins a life.
    pub async fn hello(&self, hello: &Hello) -> Result<Welcome> {
        self.connection
            .post("/v1/workers/hello", hello, Duration::ZERO)
            .await
    }

    /// Replaces the list of interpreters.
    pub async fn pythons(&self, worker: WorkerId, update: &PythonsUpdate) -> Result<()> {
        let path = format!("/v1/workers/{worker}/pythons");
        let request = self.connection.request_json(Method::PUT, &path, update)?;
        self.connection
            .bytes(request, ANSWER_TIMEOUT)
            .await
            .map(drop)
    }

    /// Asks for work; hangs for `request.wait_ms` when there is none.
    pub async fn pull(&self, worker: WorkerId, request: &PullRequest) -> Result<Pulled> {
        let path = format!("/v1/workers/{worker}/pull");
        let wait = Duration::from_millis(request.wait_ms);
        let request = self.connection.request_json(Method::POST, &path, request)?;
        let body = self
            .connection
            .bytes(request, ANSWER_TIMEOUT + wait)
            .await?;
        let mut frames = FrameReader::new(body);
        let header: PullHeader = frames.header()?;
        let functions = payloads(&mut frames, header.specs.len())?;
        let args = payloads(&mut frames, header.jobs.len())?;
        Ok(Pulled {
            header,
            functions,
            args,
        })
    }

    /// Brings back what happened: `payloads` of the header's `finished`, bytes of its `output`.
    pub async fn report(
        &self,
        worker: WorkerId,
        header: &ReportHeader,
        payloads: &[Payload],
        outputs: &[Bytes],
    ) -> Result<ReportReply> {
        debug_assert_eq!(
            (header.finished.len(), header.output.len()),
            (payloads.len(), outputs.len())
        );
        let mut frames = FrameWriter::with_header(header);
        for payload in payloads {
            frames.push(&payload.encode());
        }
        for bytes in outputs {
            frames.push(bytes);
        }
        let path = format!("/v1/workers/{worker}/report");
        self.connection
            .json(
                self.connection.request_frames(&path, frames.finish()),
                ANSWER_TIMEOUT,
            )
            .await
    }

    /// What the server thinks this worker holds.
    pub async fn held(&self, worker: WorkerId) -> Result<Vec<AttemptRef>> {
        let path = format!("/v1/workers/{worker}/jobs");
        let held: Held = self.connection.get(&path).await?;
        Ok(held.attempts)
    }

    /// Ends this life: what it still holds goes to others at once.
    pub async fn bye(&self, worker: WorkerId) -> Result<()> {
        let request = self
            .connection
            .request(Method::POST, &format!("/v1/workers/{worker}/bye"));
        self.connection
            .bytes(request, ANSWER_TIMEOUT)
            .await
            .map(drop)
    }

    /// Fetches a blob of the account that one of the worker's jobs belongs to.
    pub async fn blob_get(
        &self,
        worker: WorkerId,
        account: AccountId,
        hash: Hash,
    ) -> Result<BlobBody> {
        self.connection
            .blob_get(&blob_path(worker, account, hash))
            .await
    }

    /// Uploads a blob for that account, such as a large result.
    pub async fn blob_put(
        &self,
        worker: WorkerId,
        account: AccountId,
        hash: Hash,
        source: BlobSource,
    ) -> Result<()> {
        self.connection
            .blob_put(&blob_path(worker, account, hash), source)
            .await
    }
}

fn blob_path(worker: WorkerId, account: AccountId, hash: Hash) -> String {
    format!("/v1/workers/{worker}/accounts/{account}/blobs/{hash}")
}

fn payloads(frames: &mut FrameReader, count: usize) -> Result<Vec<Payload>> {
    (0..count)
        .map(|_| Ok(Payload::decode(frames.expect_frame()?)?))
        .collect()
}
