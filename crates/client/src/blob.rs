//! Contents of any size, up and down, in constant memory.

use crate::{ClientError, Connection, Result, connection::ANSWER_TIMEOUT};
use bytes::Bytes;
use futures_util::{StreamExt as _, TryStreamExt as _, stream::BoxStream};
use reqwest::{
    Body, Method, Response,
    header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, RANGE},
};
use std::{io, ops::Range, path::PathBuf, time::Duration};
use tokio_util::io::ReaderStream;

/// A stream of parts of a content.
pub type ByteStream = BoxStream<'static, io::Result<Bytes>>;

/// The slowest transfer that is waited for. Slower than any link worth using; what matters is
/// that a connection that died silently ends at some time.
const SLOWEST_BYTES_PER_SECOND: u64 = 64 * 1024;
/// Read size for files: a few hundred KiB keep both disk and socket busy.
const FILE_CHUNK: usize = 256 * 1024;

/// What to upload.
pub enum BlobSource {
    /// Bytes at hand.
    Bytes(Bytes),
    /// A file, read while it is sent.
    File(PathBuf),
    /// Anything else; `size` bytes exactly.
    Stream { size: u64, parts: ByteStream },
}

impl std::fmt::Debug for BlobSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::File(path) => write!(f, "File({})", path.display()),
            Self::Stream { size, .. } => write!(f, "Stream({size})"),
        }
    }
}

/// A content on its way down.
pub struct BlobBody {
    /// Bytes that come.
    pub size: u64,
    /// The content. Ends with an error when the connection breaks or stands still for a minute.
    pub parts: ByteStream,
}

impl std::fmt::Debug for BlobBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "BlobBody({})", self.size)
    }
}

impl BlobBody {
    /// All that comes, in memory.
    pub async fn collect(self) -> io::Result<Bytes> {
        let mut out = Vec::with_capacity(usize::try_from(self.size).unwrap_or(0));
        let mut parts = self.parts;
        while let Some(part) = parts.try_next().await? {
            out.extend_from_slice(&part);
        }
        Ok(out.into())
    }
}

impl Connection {
    pub(crate) async fn blob_get(&self, path: &str, range: Option<Range<u64>>) -> Result<BlobBody> {
        let mut request = self.request(Method::GET, path);
        if let Some(range) = range.filter(|range| !range.is_empty()) {
            request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end - 1));
        }
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, self.send(request));
        let Ok(response) = answer.await else {
            return Err(ClientError::Unreachable {
                reason: format!("the server at {} did not answer in time", self.server()),
                hint: "look at the server's log".to_owned(),
            });
        };
        let response = response?;
        let Some(size) = response.content_length() else {
            return Err(ClientError::Protocol(
                "a blob came without its length".to_owned(),
            ));
        };
        Ok(BlobBody {
            size,
            parts: steady(response),
        })
    }

    pub(crate) async fn blob_put(&self, path: &str, source: BlobSource) -> Result<()> {
        let (size, body) = body_of(source).await?;
        let request = self
            .request(Method::PUT, path)
            .header(
                CONTENT_TYPE,
                HeaderValue::from_static("application/octet-stream"),
            )
            .header(CONTENT_LENGTH, size)
            .body(body);
        self.bytes(request, upload_timeout(size)).await.map(drop)
    }
}

/// The parts of an answer, with a bound on how long it may stand still.
pub(crate) fn steady(response: Response) -> ByteStream {
    let parts = Box::pin(response.bytes_stream());
    let parts = futures_util::stream::unfold(parts, |mut parts| async move {
        let item = match tokio::time::timeout(ANSWER_TIMEOUT, parts.next()).await {
            Ok(item) => item?.map_err(io::Error::other),
            Err(_) => Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the transfer stands still",
            )),
        };
        Some((item, parts))
    });
    parts.boxed()
}

/// Time for an upload of this size.
pub(crate) fn upload_timeout(size: u64) -> Duration {
    ANSWER_TIMEOUT + Duration::from_secs(size / SLOWEST_BYTES_PER_SECOND)
}

/// The size of what is to be uploaded, and the body of the request.
pub(crate) async fn body_of(source: BlobSource) -> Result<(u64, Body)> {
    Ok(match source {
        BlobSource::Bytes(bytes) => (bytes.len() as u64, Body::from(bytes)),
        BlobSource::File(path) => open(&path).await.map_err(|e| {
            ClientError::Protocol(format!("could not read {} for upload: {e}", path.display()))
        })?,
        BlobSource::Stream { size, parts } => (size, Body::wrap_stream(parts)),
    })
}

async fn open(path: &std::path::Path) -> io::Result<(u64, Body)> {
    let file = tokio::fs::File::open(path).await?;
    let size = file.metadata().await?.len();
    Ok((
        size,
        Body::wrap_stream(ReaderStream::with_capacity(file, FILE_CHUNK)),
    ))
}
