//! A terminal to the shell of a job.

use super::ApiClient;
use crate::{ClientError, Result, connection::ANSWER_TIMEOUT};
use bytes::Bytes;
use futures_util::{StreamExt as _, stream, stream::BoxStream};
use picloud_types::{
    Jid,
    terminal::{Decoder, Frame, MEDIA_TYPE},
};
use reqwest::{
    Body, Method,
    header::{CONTENT_TYPE, HeaderValue},
};
use std::convert::Infallible;
use tokio::sync::mpsc;

/// Frames that wait to be sent.
const WAITING_MAX: usize = 8;

/// An open terminal. The server closes one that says nothing for a minute.
pub struct Terminal {
    /// What is typed. Without a sender left, the terminal closes.
    pub say: mpsc::Sender<Frame>,
    heard: BoxStream<'static, reqwest::Result<Bytes>>,
    decoder: Decoder,
}

impl std::fmt::Debug for Terminal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Terminal").finish_non_exhaustive()
    }
}

impl Terminal {
    /// What the shell says next, or none when the terminal is closed.
    pub async fn hear(&mut self) -> Result<Option<Frame>> {
        loop {
            let found = self.decoder.next_frame();
            match found.map_err(|e| ClientError::Protocol(e.to_string()))? {
                Some(Frame::KeepAlive) => continue,
                Some(frame) => return Ok(Some(frame)),
                None => {}
            }
            match self.heard.next().await {
                Some(Ok(part)) => self.decoder.feed(&part),
                // A server that goes away says nothing more of it, and its end is as good as any.
                Some(Err(_)) | None => return Ok(None),
            }
        }
    }
}

impl ApiClient {
    /// Opens a terminal to a job's shell. Refused as a conflict, to be tried again, until the shell is there.
    pub async fn terminal(&self, jid: Jid) -> Result<Terminal> {
        self.terminal_at(&format!("/v1/jobs/{jid}/terminal")).await
    }

    /// The other end: as a job offers its shell.
    pub async fn terminal_offer(&self, jid: Jid) -> Result<Terminal> {
        self.terminal_at(&format!("/v1/jobs/{jid}/terminal/job"))
            .await
    }

    async fn terminal_at(&self, path: &str) -> Result<Terminal> {
        let (say, said) = mpsc::channel::<Frame>(WAITING_MAX);
        let parts = stream::unfold(said, |mut said| async {
            let frame = said.recv().await?;
            Some((Ok::<_, Infallible>(frame.encode()), said))
        });
        let request = self
            .connection
            .request(Method::POST, path)
            .header(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE))
            .body(Body::wrap_stream(parts));
        let answer = tokio::time::timeout(ANSWER_TIMEOUT, self.connection.send(request));
        let response = answer.await.map_err(|_| ClientError::Unreachable {
            reason: format!("the server at {} did not answer in time", self.server()),
            hint: "look at the server's log".to_owned(),
        })??;
        Ok(Terminal {
            say,
            heard: response.bytes_stream().boxed(),
            decoder: Decoder::default(),
        })
    }
}
