//! Blobs in a bucket of S3, or of what speaks its protocol.
//!
//! `PREFIX/<account>/<first two digits>/<hash>`, and `PREFIX/tmp/<account>/` for what is still
//! arriving. A content of unknown hash is uploaded in parts to a temporary name and then copied, within S3,
//! to the name of its hash; S3 shows a name only when it has all its bytes.
//!
//! Parts of an upload that broke off with this process are not names and cannot be listed by our
//! library: a lifecycle rule of the bucket (`AbortIncompleteMultipartUpload`) ends them.

mod arrival;
mod signing;

use crate::{Arrived, BlobError, Blobs, ByteStream, Expected, Found, SignedUpload, Stored, WHOLE};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use object_store::{
    BackoffConfig, ClientOptions, Error, GetOptions, GetRange, ObjectMeta, ObjectStore,
    ObjectStoreExt, PutPayload, RetryConfig,
    aws::{AmazonS3, AmazonS3Builder},
    path::Path,
};
use picloud_types::{AccountId, Hash};
use std::{
    future::Future,
    io,
    ops::Range,
    sync::Arc,
    time::{Duration, SystemTime},
};
use tokio::time::timeout;

/// Time for an answer, and for the next part of a content.
const PATIENCE: Duration = Duration::from_secs(60);
/// Time for S3 to copy one content, up to 5 GB.
const COPY_PATIENCE: Duration = Duration::from_secs(600);
/// What is temporary for longer belongs to nobody: signed addresses are good for a week at most.
const TEMPORARY: Duration = Duration::from_secs(8 * 24 * 3_600);
/// Small contents on their way at once.
const AT_ONCE: usize = 16;

/// Where the bucket is and who may use it.
#[derive(Clone, PartialEq, Eq)]
pub struct S3Options {
    pub bucket: String,
    /// What names of ours in the bucket begin with; empty for a bucket that is all ours.
    pub prefix: String,
    /// `http://HOST:PORT` or `https://HOST` of what speaks S3's protocol; Amazon's own without it.
    pub endpoint: Option<String>,
    pub region: String,
    pub access_key: String,
    pub secret_key: String,
    /// Whether the endpoint may be one without TLS.
    pub allow_http: bool,
}

impl std::fmt::Debug for S3Options {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3Options")
            .field("bucket", &self.bucket)
            .field("prefix", &self.prefix)
            .field("endpoint", &self.endpoint)
            .field("region", &self.region)
            .finish_non_exhaustive()
    }
}

/// Blobs in one bucket. Cheap to clone.
#[derive(Clone, Debug)]
pub struct S3Blobs {
    s3: Arc<AmazonS3>,
    prefix: Arc<str>,
}

impl S3Blobs {
    /// Prepares the way there; nothing is sent yet.
    pub fn new(options: &S3Options) -> Result<Self, BlobError> {
        // Whole requests have no limit of time, because contents may be large; every wait has its own below.
        let client = ClientOptions::new()
            .with_timeout_disabled()
            .with_connect_timeout(Duration::from_secs(10));
        let retry = RetryConfig {
            backoff: BackoffConfig::default(),
            max_retries: 4,
            retry_timeout: Duration::from_secs(30),
        };
        let mut builder = AmazonS3Builder::new()
            .with_client_options(client)
            .with_retry(retry)
            .with_bucket_name(&options.bucket)
            .with_region(&options.region)
            .with_access_key_id(&options.access_key)
            .with_secret_access_key(&options.secret_key)
            .with_allow_http(options.allow_http);
        if let Some(endpoint) = &options.endpoint {
            builder = builder.with_endpoint(endpoint.trim_end_matches('/'));
        }
        Ok(Self {
            s3: Arc::new(builder.build().map_err(fault)?),
            prefix: options.prefix.trim_matches('/').into(),
        })
    }

    fn name(&self, rest: &str) -> Path {
        if self.prefix.is_empty() {
            Path::from(rest)
        } else {
            Path::from(format!("{}/{rest}", self.prefix))
        }
    }

    fn path(&self, account: AccountId, hash: Hash) -> Path {
        let digits = hash.to_string();
        self.name(&format!("{account}/{}/{digits}", &digits[..2]))
    }

    fn temporary(&self, account: AccountId, upload: uuid::Uuid) -> Path {
        self.name(&format!("tmp/{account}/{upload}"))
    }

    async fn head(&self, path: &Path) -> Result<Option<ObjectMeta>, BlobError> {
        match within(PATIENCE, self.s3.head(path)).await? {
            Ok(about) => Ok(Some(about)),
            Err(Error::NotFound { .. }) => Ok(None),
            Err(error) => Err(fault(error)),
        }
    }

    async fn put_small(
        &self,
        account: AccountId,
        hash: Hash,
        content: Bytes,
    ) -> Result<(), BlobError> {
        let path = self.path(account, hash);
        let put = self.s3.put(&path, PutPayload::from_bytes(content));
        within(PATIENCE, put).await?.map_err(fault)?;
        Ok(())
    }

    /// Gives a temporary content its name.
    async fn settle(
        &self,
        temporary: &Path,
        account: AccountId,
        hash: Hash,
    ) -> Result<(), BlobError> {
        let path = self.path(account, hash);
        let copy = self.s3.copy(temporary, &path);
        within(COPY_PATIENCE, copy).await?.map_err(fault)?;
        self.delete(temporary).await
    }

    async fn delete(&self, path: &Path) -> Result<(), BlobError> {
        match within(PATIENCE, self.s3.delete(path)).await? {
            Err(Error::NotFound { .. }) | Ok(()) => Ok(()),
            Err(error) => Err(fault(error)),
        }
    }
}

/// Faults of S3, or of the way there.
fn fault(error: Error) -> BlobError {
    BlobError::Io(io::Error::other(error))
}

fn slow() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "S3 did not answer in time")
}

async fn within<T>(patience: Duration, work: impl Future<Output = T>) -> Result<T, BlobError> {
    timeout(patience, work)
        .await
        .map_err(|_| BlobError::Io(slow()))
}

/// A content from S3 that ends with an error when it stands still.
fn steady(content: ByteStream) -> ByteStream {
    stream::unfold(Some(content), |content| async move {
        let mut content = content?;
        match timeout(PATIENCE, content.next()).await {
            Ok(Some(part)) => Some((part, Some(content))),
            Ok(None) => None,
            Err(_) => Some((Err(slow()), None)),
        }
    })
    .boxed()
}

#[async_trait]
impl Blobs for S3Blobs {
    async fn put(
        &self,
        account: AccountId,
        hash: Hash,
        content: ByteStream,
        limit: u64,
    ) -> Result<u64, BlobError> {
        let expected = Expected {
            sha256: Some(hash),
            ..Expected::default()
        };
        let stored = self.arrive(account, content, limit, expected).await?;
        Ok(stored.size)
    }

    async fn put_new(
        &self,
        account: AccountId,
        content: ByteStream,
        limit: u64,
        expected: Expected,
    ) -> Result<Arrived, BlobError> {
        self.arrive(account, content, limit, expected).await
    }

    async fn put_many(
        &self,
        account: AccountId,
        contents: Vec<Bytes>,
    ) -> Result<Vec<Hash>, BlobError> {
        let contents = stream::iter(contents);
        contents
            .map(|content| async move {
                let hash = Hash::of(&content);
                self.put_small(account, hash, content).await?;
                Ok(hash)
            })
            .buffered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn size(&self, account: AccountId, hash: Hash) -> Result<Option<u64>, BlobError> {
        let about = self.head(&self.path(account, hash)).await?;
        Ok(about.map(|about| about.size))
    }

    async fn get(
        &self,
        account: AccountId,
        hash: Hash,
        range: Range<u64>,
    ) -> Result<(u64, ByteStream), BlobError> {
        let path = self.path(account, hash);
        let mut options = GetOptions::default();
        if range != WHOLE {
            // S3 refuses a range of nothing, and servers differ in how they answer one of everything.
            let about = self.head(&path).await?;
            let size = about.ok_or(BlobError::NotFound(hash))?.size;
            let range = range.start..range.end.min(size);
            if range.is_empty() {
                return Ok((size, stream::empty().boxed()));
            }
            options.range = (range != (0..size)).then_some(GetRange::Bounded(range));
        }
        match within(PATIENCE, self.s3.get_opts(&path, options)).await? {
            Ok(found) => {
                let size = found.meta.size;
                let content = found.into_stream().map_err(io::Error::other);
                Ok((size, steady(content.boxed())))
            }
            Err(Error::NotFound { .. }) => Err(BlobError::NotFound(hash)),
            Err(error) => Err(fault(error)),
        }
    }

    fn is_direct(&self) -> bool {
        true
    }

    async fn signed_get(
        &self,
        account: AccountId,
        hash: Hash,
        expires: Duration,
    ) -> Result<Option<String>, BlobError> {
        self.sign_get(account, hash, expires).await.map(Some)
    }

    async fn signed_put(
        &self,
        account: AccountId,
        expires: Duration,
    ) -> Result<Option<SignedUpload>, BlobError> {
        self.sign_put(account, expires).await.map(Some)
    }

    async fn settle_upload(
        &self,
        account: AccountId,
        upload: &str,
        announced: Stored,
    ) -> Result<(), BlobError> {
        self.settle_signed(account, upload, announced).await
    }

    async fn remove(&self, account: AccountId, hash: Hash) -> Result<(), BlobError> {
        self.delete(&self.path(account, hash)).await
    }

    async fn clean(&self) -> Result<(), BlobError> {
        // Another server may share the bucket, so only what is too old to be anybody's goes.
        let oldest = SystemTime::now() - TEMPORARY;
        let mut temporary = self.s3.list(Some(&self.name("tmp")));
        while let Some(about) = within(PATIENCE, temporary.next()).await? {
            let about = about.map_err(fault)?;
            if SystemTime::from(about.last_modified) < oldest {
                self.delete(&about.location).await?;
            }
        }
        Ok(())
    }

    async fn all_before(&self, moment: SystemTime) -> Result<Found, BlobError> {
        let prefix = (!self.prefix.is_empty()).then(|| Path::from(&*self.prefix));
        let all = self.s3.list(prefix.as_ref());
        let found = all.filter_map(move |about| async move {
            match about {
                Ok(about) if SystemTime::from(about.last_modified) < moment => {
                    known(&about.location).map(Ok)
                }
                Ok(_) => None,
                Err(error) => Some(Err(fault(error))),
            }
        });
        Ok(found.boxed())
    }
}

/// Whose content has this name, if it is one of ours.
fn known(path: &Path) -> Option<(AccountId, Hash)> {
    let parts: Vec<_> = path.parts().collect();
    let [.., account, digits, name] = parts.as_slice() else {
        return None;
    };
    let hash = name.as_ref().parse().ok()?;
    let account = account.as_ref().parse().ok()?;
    name.as_ref()
        .starts_with(digits.as_ref())
        .then_some((AccountId(account), hash))
}
