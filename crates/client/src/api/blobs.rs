//! Content-addressed uploads.

use super::ApiClient;
use crate::{BlobBody, BlobSource, Result, connection::ANSWER_TIMEOUT};
use bytes::Bytes;
use picloud_types::{
    Hash,
    api::blobs::{BlobsMissing, BlobsMissingRequest, BlobsPut, BlobsStored},
    frames::FrameWriter,
};
use std::time::Duration;

impl ApiClient {
    /// Those of `hashes` that must be uploaded.
    pub async fn blobs_missing(&self, hashes: Vec<Hash>) -> Result<Vec<Hash>> {
        let reply: BlobsMissing = self
            .connection
            .post(
                "/v1/blobs/missing",
                &BlobsMissingRequest { hashes },
                Duration::ZERO,
            )
            .await?;
        Ok(reply.missing)
    }

    /// Uploads many small contents; answers their hashes in order.
    pub async fn blobs_put(&self, contents: &[Bytes]) -> Result<Vec<Hash>> {
        let mut frames = FrameWriter::with_header(&BlobsPut {
            count: contents.len(),
        });
        for content in contents {
            frames.push(content);
        }
        let request = self.connection.request_frames("/v1/blobs", frames.finish());
        let reply: BlobsStored = self.connection.json(request, ANSWER_TIMEOUT).await?;
        Ok(reply.stored)
    }

    /// Uploads one content of any size.
    pub async fn blob_put(&self, hash: Hash, source: BlobSource) -> Result<()> {
        self.connection
            .blob_put(&format!("/v1/blobs/{hash}"), source)
            .await
    }

    /// Fetches one content.
    pub async fn blob_get(&self, hash: Hash) -> Result<BlobBody> {
        self.connection
            .blob_get(&format!("/v1/blobs/{hash}"), None)
            .await
    }
}
