//! What a worker says to its server.

use crate::{
    BlobBody, BlobSource, Connection, Options, Result,
    blob::{body_of, upload_timeout},
    connection::ANSWER_TIMEOUT,
};
use bytes::Bytes;
use picloud_types::{
    AccountId, Hash, ObjectKey, Payload, WorkerId,
    api::{
        bucket::{
            BucketInfo, Keys, ListQuery, ListReply, ObjectInfo, ObjectInfos, Removed, Rename,
            Renamed,
        },
        workers::{
            AttemptRef, Held, Hello, PullHeader, PullRequest, PythonsUpdate, ReportHeader,
            ReportReply, Welcome,
        },
    },
    frames::{FrameReader, FrameWriter},
};
use reqwest::{Method, header::CONTENT_LENGTH};
use std::{ops::Range, time::Duration};

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

    /// Fetches a blob of the account that one of the worker's jobs belongs to, or a part of it.
    pub async fn blob_get(
        &self,
        worker: WorkerId,
        account: AccountId,
        hash: Hash,
        range: Option<Range<u64>>,
    ) -> Result<BlobBody> {
        self.connection
            .blob_get(&blob_path(worker, account, hash), range)
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

    /// How much an account has, and what it is allowed.
    pub async fn bucket(&self, worker: WorkerId, account: AccountId) -> Result<BucketInfo> {
        self.connection.get(&bucket_path(worker, account, "")).await
    }

    /// A page of an account's objects.
    pub async fn objects_list(
        &self,
        worker: WorkerId,
        account: AccountId,
        query: &ListQuery,
    ) -> Result<ListReply> {
        let path = bucket_path(worker, account, "/list");
        let request = self.connection.request(Method::GET, &path);
        self.connection
            .json(request.query(query), ANSWER_TIMEOUT)
            .await
    }

    /// About objects of an account, in the order asked; none for those that are not there.
    pub async fn objects_info(
        &self,
        worker: WorkerId,
        account: AccountId,
        keys: Vec<ObjectKey>,
    ) -> Result<Vec<Option<ObjectInfo>>> {
        let path = bucket_path(worker, account, "/info");
        let keys = Keys { keys };
        let reply: ObjectInfos = self.connection.post(&path, &keys, Duration::ZERO).await?;
        Ok(reply.objects)
    }

    /// Stores one object of an account, of any size and in constant memory.
    pub async fn object_put(
        &self,
        worker: WorkerId,
        account: AccountId,
        key: &ObjectKey,
        source: BlobSource,
    ) -> Result<ObjectInfo> {
        let path = bucket_path(worker, account, &format!("/objects/{}", key.in_url()));
        let (size, body) = body_of(source).await?;
        let request = self.connection.request(Method::PUT, &path);
        let request = request.header(CONTENT_LENGTH, size).body(body);
        self.connection.json(request, upload_timeout(size)).await
    }

    /// Removes objects of an account; returns how many there were.
    pub async fn objects_remove(
        &self,
        worker: WorkerId,
        account: AccountId,
        keys: Vec<ObjectKey>,
    ) -> Result<u64> {
        let path = bucket_path(worker, account, "/remove");
        let keys = Keys { keys };
        let removed: Removed = self.connection.post(&path, &keys, Duration::ZERO).await?;
        Ok(removed.removed)
    }

    /// Renames an object of an account, or all that the request speaks of; returns how many.
    pub async fn objects_rename(
        &self,
        worker: WorkerId,
        account: AccountId,
        request: &Rename,
    ) -> Result<u64> {
        let path = bucket_path(worker, account, "/rename");
        let renamed: Renamed = self.connection.post(&path, request, Duration::ZERO).await?;
        Ok(renamed.renamed)
    }
}

fn blob_path(worker: WorkerId, account: AccountId, hash: Hash) -> String {
    format!("/v1/workers/{worker}/accounts/{account}/blobs/{hash}")
}

fn bucket_path(worker: WorkerId, account: AccountId, what: &str) -> String {
    format!("/v1/workers/{worker}/accounts/{account}/bucket{what}")
}

fn payloads(frames: &mut FrameReader, count: usize) -> Result<Vec<Payload>> {
    (0..count)
        .map(|_| Ok(Payload::decode(frames.expect_frame()?)?))
        .collect()
}
