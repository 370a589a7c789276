//! Objects of the account.

use super::ApiClient;
use crate::{
    BlobSource, ByteStream, ClientError, Result,
    blob::{body_of, steady, upload_timeout},
    connection::ANSWER_TIMEOUT,
};
use base64::{Engine as _, engine::general_purpose::STANDARD};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use picloud_types::{
    Hash, ObjectKey,
    api::bucket::{
        BucketInfo, Commit, InfoRequest, Keys, ListQuery, ListReply, MakePrivate, MakePublic,
        ObjectInfo, ObjectInfos, PutMany, PutOne, ReadMany, RemovePrefix, Removed, Rename, Renamed,
        Sign, Signed,
    },
    frames::{FrameReader, FrameWriter},
};
use reqwest::{
    Method, Response,
    header::{CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, RANGE},
};
use sha2::{Digest as _, Sha256};
use std::{
    io,
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{fs, io::AsyncWriteExt as _, time::timeout};

/// Time for an answer that may have to change many objects first.
const CHANGE_PATIENCE: Duration = Duration::from_secs(600);

/// What a content is announced to be.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PutOptions {
    /// Guessed from the key without it.
    pub content_type: Option<String>,
    pub md5: Option<[u8; 16]>,
    pub sha256: Option<Hash>,
}

/// An object, or a part of it, on its way down.
pub struct ObjectBody {
    /// Bytes of the whole object.
    pub size: u64,
    /// Bytes that come.
    pub length: u64,
    /// SHA-256 of the whole object.
    pub sha256: Hash,
    /// The content. Ends with an error when the connection breaks or stands still for a minute.
    pub parts: ByteStream,
}

impl std::fmt::Debug for ObjectBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "ObjectBody({} of {})", self.length, self.size)
    }
}

impl ObjectBody {
    /// All that comes, in memory.
    pub async fn collect(self) -> io::Result<Bytes> {
        let mut out = Vec::with_capacity(usize::try_from(self.length).unwrap_or(0));
        let mut parts = self.parts;
        while let Some(part) = parts.try_next().await? {
            out.extend_from_slice(&part);
        }
        Ok(out.into())
    }
}

impl ApiClient {
    /// How much there is, and what is allowed.
    pub async fn bucket(&self) -> Result<BucketInfo> {
        self.connection.get("/v1/bucket").await
    }

    /// A page of objects.
    pub async fn objects_list(&self, query: &ListQuery) -> Result<ListReply> {
        let request = self.connection.request(Method::GET, "/v1/bucket/list");
        self.connection
            .json(request.query(query), ANSWER_TIMEOUT)
            .await
    }

    /// About objects, in the order asked; none for those that are not there. At most 1,000.
    pub async fn objects_info(&self, keys: Vec<ObjectKey>) -> Result<Vec<Option<ObjectInfo>>> {
        let reply: ObjectInfos = self
            .connection
            .post("/v1/bucket/info", &Keys { keys }, Duration::ZERO)
            .await?;
        Ok(reply.objects)
    }

    /// The same with their MD5s, which may have to be computed first.
    pub async fn objects_info_with_md5(
        &self,
        keys: Vec<ObjectKey>,
    ) -> Result<Vec<Option<ObjectInfo>>> {
        let request = InfoRequest { keys, md5: true };
        let reply: ObjectInfos = self
            .connection
            .post("/v1/bucket/info", &request, CHANGE_PATIENCE)
            .await?;
        Ok(reply.objects)
    }

    /// Stores one object of any size, in constant memory.
    pub async fn object_put(
        &self,
        key: &ObjectKey,
        source: BlobSource,
        options: &PutOptions,
    ) -> Result<ObjectInfo> {
        let (size, body) = body_of(source).await?;
        let mut request = self
            .connection
            .request(Method::PUT, &path(key))
            .header(CONTENT_LENGTH, size)
            .body(body);
        if let Some(content_type) = &options.content_type {
            request = request.header(CONTENT_TYPE, content_type);
        }
        if let Some(md5) = options.md5 {
            request = request.header("content-md5", STANDARD.encode(md5));
        }
        if let Some(sha256) = options.sha256 {
            request = request.header("x-picloud-sha256", sha256.to_string());
        }
        self.connection.json(request, upload_timeout(size)).await
    }

    /// Fetches an object, or a range of it.
    pub async fn object_get(
        &self,
        key: &ObjectKey,
        range: Option<Range<u64>>,
    ) -> Result<ObjectBody> {
        let mut request = self.connection.request(Method::GET, &path(key));
        if let Some(range) = range.filter(|range| !range.is_empty()) {
            request = request.header(RANGE, format!("bytes={}-{}", range.start, range.end - 1));
        }
        let answer = timeout(ANSWER_TIMEOUT, self.connection.send(request)).await;
        let response = answer.map_err(|_| ClientError::Unreachable {
            reason: format!("the server at {} did not answer in time", self.server()),
            hint: "look at the server's log".to_owned(),
        })??;
        let strange = || ClientError::Protocol("an object came without what it is".to_owned());
        let length = response.content_length().ok_or_else(strange)?;
        Ok(ObjectBody {
            size: whole_size(&response).unwrap_or(length),
            length,
            sha256: sha256(&response).ok_or_else(strange)?,
            parts: steady(response),
        })
    }

    /// Fetches an object into a file, which appears when it is whole and what the server says it is.
    pub async fn object_get_to(&self, key: &ObjectKey, file: &Path) -> Result<()> {
        let body = self.object_get(key, None).await?;
        let (announced, arriving) = (body.sha256, arriving(file));
        let written = write(&arriving, body.parts).await;
        let moved = match written {
            Ok(found) if found == announced => fs::rename(&arriving, file).await,
            Ok(found) => Err(io::Error::new(
                io::ErrorKind::InvalidData,
                format!("what came has SHA-256 {found}, not {announced}"),
            )),
            Err(error) => Err(error),
        };
        if moved.is_err() {
            // What cannot be removed either is in the way of nobody.
            let _ = fs::remove_file(&arriving).await;
        }
        moved.map_err(|e| {
            ClientError::Protocol(format!("could not get {key} into {}: {e}", file.display()))
        })
    }

    /// Stores many small objects in one request: at most 1,000, and 64 MiB.
    pub async fn objects_put(&self, objects: &[(PutOne, Bytes)]) -> Result<Vec<ObjectInfo>> {
        let header = PutMany {
            objects: objects.iter().map(|(object, _)| object.clone()).collect(),
        };
        let mut frames = FrameWriter::with_header(&header);
        for (_, content) in objects {
            frames.push(content);
        }
        let request = self
            .connection
            .request_frames("/v1/bucket/put-many", frames.finish());
        let reply: ObjectInfos = self.connection.json(request, CHANGE_PATIENCE).await?;
        Ok(reply.objects.into_iter().flatten().collect())
    }

    /// Fetches as many of the first of these as fit into 64 MiB, at least one.
    pub async fn objects_read(
        &self,
        keys: Vec<ObjectKey>,
    ) -> Result<Vec<Option<(ObjectInfo, Bytes)>>> {
        let request =
            self.connection
                .request_json(Method::POST, "/v1/bucket/read-many", &Keys { keys })?;
        let mut frames = FrameReader::new(self.connection.bytes(request, CHANGE_PATIENCE).await?);
        let header: ReadMany = frames.header()?;
        let read = header.objects.into_iter().map(|info| {
            let content = frames.expect_frame()?;
            Ok(info.map(|info| (info, content)))
        });
        read.collect()
    }

    /// Removes objects, at most 1,000; returns how many there were.
    pub async fn objects_remove(&self, keys: Vec<ObjectKey>) -> Result<u64> {
        let removed: Removed = self
            .connection
            .post("/v1/bucket/remove", &Keys { keys }, CHANGE_PATIENCE)
            .await?;
        Ok(removed.removed)
    }

    /// Removes all objects whose keys begin with `prefix`, which may be empty only with `all`.
    pub async fn objects_remove_prefix(&self, prefix: &str, all: bool) -> Result<u64> {
        let request = RemovePrefix {
            prefix: prefix.to_owned(),
            all,
        };
        let removed: Removed = self
            .connection
            .post("/v1/bucket/remove-prefix", &request, CHANGE_PATIENCE)
            .await?;
        Ok(removed.removed)
    }

    /// Renames an object, or all that the request speaks of; returns how many.
    pub async fn objects_rename(&self, request: &Rename) -> Result<u64> {
        let renamed: Renamed = self
            .connection
            .post("/v1/bucket/rename", request, CHANGE_PATIENCE)
            .await?;
        Ok(renamed.renamed)
    }

    /// Lets anybody read an object.
    pub async fn object_make_public(&self, request: &MakePublic) -> Result<ObjectInfo> {
        self.connection
            .post("/v1/bucket/public", request, Duration::ZERO)
            .await
    }

    /// Lets only the account read an object.
    pub async fn object_make_private(&self, key: ObjectKey) -> Result<ObjectInfo> {
        self.connection
            .post("/v1/bucket/private", &MakePrivate { key }, Duration::ZERO)
            .await
    }

    /// An address that is good for one object without a key.
    pub async fn object_sign(&self, request: &Sign) -> Result<Signed> {
        self.connection
            .post("/v1/bucket/sign", request, Duration::ZERO)
            .await
    }

    /// Makes an object of what was uploaded to a signed address.
    pub async fn object_commit(&self, commit: String) -> Result<ObjectInfo> {
        self.connection
            .post("/v1/bucket/commit", &Commit { commit }, CHANGE_PATIENCE)
            .await
    }
}

fn path(key: &ObjectKey) -> String {
    format!("/v1/bucket/objects/{}", key.in_url())
}

/// The `ETag` is the SHA-256 in quotes.
fn sha256(response: &Response) -> Option<Hash> {
    let etag = response.headers().get(ETAG)?.to_str().ok()?;
    etag.trim_matches('"').parse().ok()
}

/// What stands behind the slash of `Content-Range`.
fn whole_size(response: &Response) -> Option<u64> {
    let range = response.headers().get(CONTENT_RANGE)?.to_str().ok()?;
    range.rsplit('/').next()?.parse().ok()
}

/// Where a file is written before it is whole: beside it, so that moving it there is one step.
fn arriving(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    file.with_file_name(name)
}

async fn write(path: &Path, mut parts: ByteStream) -> io::Result<Hash> {
    let mut file = fs::File::create(path).await?;
    let mut sha256 = Sha256::new();
    while let Some(part) = parts.try_next().await? {
        sha256.update(&part);
        file.write_all(&part).await?;
    }
    file.flush().await?;
    Ok(Hash(sha256.finalize().into()))
}
