//! The objects of one account at the server, as the file system asks for them.

use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _};
use picloud_bucketfs::{Fault, Objects};
use picloud_client::{BlobSource, ClientError, WorkerClient};
use picloud_types::{
    AccountId, ErrorKind, Hash, ObjectKey, WorkerId,
    api::bucket::{BucketInfo, ListQuery, ListReply, ObjectInfo, Rename},
};
use sha2::{Digest as _, Sha256};
use std::{
    fs::File,
    ops::Range,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicI64, Ordering},
    },
};
use tokio::io::AsyncReadExt as _;
use tokio_util::io::ReaderStream;
use tracing::warn;

/// Read size for what is uploaded.
const PART_BYTES: usize = 256 << 10;

pub(super) struct Remote {
    client: WorkerClient,
    worker: Arc<AtomicI64>,
    account: AccountId,
}

impl Remote {
    pub(super) fn new(client: WorkerClient, worker: Arc<AtomicI64>, account: AccountId) -> Self {
        Self {
            client,
            worker,
            account,
        }
    }

    /// The present life of this worker.
    fn worker(&self) -> WorkerId {
        WorkerId(self.worker.load(Ordering::Relaxed))
    }
}

#[async_trait::async_trait]
impl Objects for Remote {
    async fn list(&self, query: ListQuery) -> Result<ListReply, Fault> {
        let page = self
            .client
            .objects_list(self.worker(), self.account, &query);
        page.await.map_err(|e| fault(&e))
    }

    async fn info(&self, key: &ObjectKey) -> Result<Option<ObjectInfo>, Fault> {
        let keys = vec![key.clone()];
        let found = self.client.objects_info(self.worker(), self.account, keys);
        let found = found.await.map_err(|e| fault(&e))?;
        Ok(found.into_iter().flatten().next())
    }

    async fn read(&self, of: &ObjectInfo, range: Range<u64>) -> Result<Bytes, Fault> {
        let length = range.end - range.start;
        let (worker, account) = (self.worker(), self.account);
        let body = self
            .client
            .blob_get(worker, account, of.sha256, Some(range));
        let body = body.await.map_err(|e| match fault(&e) {
            // Replaced, and swept since: the name is there, this content is not.
            Fault::Missing => Fault::Failed,
            fault => fault,
        })?;
        if body.size != length {
            return Err(Fault::Failed);
        }
        body.collect().await.map_err(|_| Fault::Unreachable)
    }

    async fn put(&self, key: &ObjectKey, content: File, size: u64) -> Result<ObjectInfo, Fault> {
        let sent = Arc::new(Mutex::new(Sha256::new()));
        let digest = Arc::clone(&sent);
        let content = tokio::fs::File::from_std(content).take(size);
        let parts = ReaderStream::with_capacity(content, PART_BYTES).inspect_ok(move |part| {
            let mut digest = digest.lock().unwrap_or_else(PoisonError::into_inner);
            digest.update(part);
        });
        let source = BlobSource::Stream {
            size,
            parts: parts.boxed(),
        };
        let stored = self
            .client
            .object_put(self.worker(), self.account, key, source);
        let stored = stored.await.map_err(|e| fault(&e))?;
        let mut digest = sent.lock().unwrap_or_else(PoisonError::into_inner);
        if Hash(digest.finalize_reset().into()) != stored.sha256 {
            warn!(%key, "an object arrived damaged");
            return Err(Fault::Failed);
        }
        Ok(stored)
    }

    async fn remove(&self, key: &ObjectKey) -> Result<(), Fault> {
        let keys = vec![key.clone()];
        let removed = self
            .client
            .objects_remove(self.worker(), self.account, keys);
        match removed.await.map_err(|e| fault(&e))? {
            0 => Err(Fault::Missing),
            _ => Ok(()),
        }
    }

    async fn rename(&self, from: &str, to: &str, prefix: bool) -> Result<u64, Fault> {
        let request = Rename {
            from: from.to_owned(),
            to: to.to_owned(),
            prefix,
        };
        let renamed = self
            .client
            .objects_rename(self.worker(), self.account, &request);
        renamed.await.map_err(|e| fault(&e))
    }

    async fn usage(&self) -> Result<BucketInfo, Fault> {
        let about = self.client.bucket(self.worker(), self.account).await;
        about.map_err(|e| fault(&e))
    }
}

/// What a refusal means to whoever uses a file.
fn fault(error: &ClientError) -> Fault {
    let Some(kind) = error.kind() else {
        return match error.may_retry() {
            true => Fault::Unreachable,
            false => Fault::Failed,
        };
    };
    match kind {
        ErrorKind::NotFound | ErrorKind::BlobMissing => Fault::Missing,
        ErrorKind::BadRequest => Fault::Invalid,
        ErrorKind::TooLarge => Fault::TooLarge,
        ErrorKind::QuotaExceeded => Fault::OverQuota,
        ErrorKind::DiskFull => Fault::DiskFull,
        ErrorKind::Forbidden | ErrorKind::Unauthorized => Fault::Denied,
        // The worker is about to join anew.
        ErrorKind::Unavailable | ErrorKind::WorkerUnknown => Fault::Unreachable,
        _ => Fault::Failed,
    }
}
