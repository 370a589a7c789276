//! What jobs said, live and afterwards.

use super::ApiClient;
use crate::{
    Result,
    connection::{ANSWER_TIMEOUT, header_number},
};
use bytes::Bytes;
use picloud_types::{Jid, Stream};
use reqwest::Method;
use std::time::Duration;

/// A part of a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OutputChunk {
    /// Position of the first byte; later than asked where the middle was dropped.
    pub offset: u64,
    pub bytes: Bytes,
    /// Length of the whole stream so far.
    pub total: u64,
    /// The job has ended, so that no more will come.
    pub finished: bool,
}

impl OutputChunk {
    /// Where to go on reading.
    pub fn next_offset(&self) -> u64 {
        self.offset + self.bytes.len() as u64
    }
}

impl ApiClient {
    /// Bytes of a stream from `offset` on, at most `limit`. Where there are none yet, waits up
    /// to `follow` for some.
    pub async fn output(
        &self,
        jid: Jid,
        stream: Stream,
        offset: u64,
        limit: u64,
        follow: Duration,
    ) -> Result<OutputChunk> {
        let follow_ms = u64::try_from(follow.as_millis()).unwrap_or(u64::MAX);
        let request = self
            .connection
            .request(Method::GET, &format!("/v1/jobs/{jid}/output/{stream}"))
            .query(&[
                ("offset", offset),
                ("limit", limit),
                ("follow_ms", follow_ms),
            ])
            .timeout(ANSWER_TIMEOUT + follow);
        let response = self.connection.send(request).await?;
        let headers = response.headers().clone();
        let bytes = response
            .bytes()
            .await
            .map_err(|e| self.connection.http_error(&e))?;
        let offset = header_number(&headers, "x-picloud-offset").unwrap_or(offset);
        let finished = headers
            .get("x-picloud-finished")
            .is_some_and(|v| v == "true" || v == "1");
        let total =
            header_number(&headers, "x-picloud-total").unwrap_or(offset + bytes.len() as u64);
        Ok(OutputChunk {
            offset,
            bytes,
            total,
            finished,
        })
    }
}
