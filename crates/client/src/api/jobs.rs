//! Making, watching, ending and removing jobs.

use super::ApiClient;
use crate::{ClientError, Result, connection::ANSWER_TIMEOUT};
use picloud_types::{
    Jid, JidSet, Payload,
    api::{
        info::{InfoPart, InfoReply, InfoRequest, JobInfo},
        jobs::{
            Deleted, JidsRequest, JobList, KillRequest, Killed, ListQuery, StatusRun, Statuses,
            SubmitHeader, Submitted, WaitReply, WaitRequest,
        },
        results::{ResultFrame, ResultsHeader, ResultsRequest},
    },
    frames::{FrameReader, FrameWriter},
};
use reqwest::Method;
use std::{collections::BTreeMap, time::Duration};

impl ApiClient {
    /// Makes one job per element of `args`.
    pub async fn submit(
        &self,
        header: &SubmitHeader,
        function: &Payload,
        args: &[Payload],
    ) -> Result<Submitted> {
        debug_assert_eq!(header.count, args.len());
        let mut frames = FrameWriter::with_header(header);
        frames.push(&function.encode());
        for payload in args {
            frames.push(&payload.encode());
        }
        self.connection
            .json(
                self.connection.request_frames("/v1/jobs", frames.finish()),
                ANSWER_TIMEOUT,
            )
            .await
    }

    /// Statuses in the order asked, equal neighbours joined.
    pub async fn statuses(&self, jids: JidSet) -> Result<Vec<StatusRun>> {
        let reply: Statuses = self
            .connection
            .post("/v1/jobs/status", &JidsRequest { jids }, Duration::ZERO)
            .await?;
        Ok(reply.statuses)
    }

    /// Waits, at most `timeout_ms` of the request.
    pub async fn wait(&self, request: &WaitRequest) -> Result<WaitReply> {
        self.connection
            .post(
                "/v1/jobs/wait",
                request,
                Duration::from_millis(request.timeout_ms),
            )
            .await
    }

    /// Results from the start of the list, as far as they are there.
    pub async fn results(&self, request: &ResultsRequest) -> Result<Vec<ResultFrame>> {
        let wait = Duration::from_millis(request.timeout_ms.saturating_add(request.linger_ms));
        let request = self
            .connection
            .request_json(Method::POST, "/v1/jobs/results", request)?;
        let body = self
            .connection
            .bytes(request, ANSWER_TIMEOUT + wait)
            .await?;
        let mut frames = FrameReader::new(body);
        let header: ResultsHeader = frames.header()?;
        let decode = |frame| {
            ResultFrame::decode(frame).map_err(|e| {
                ClientError::Protocol(format!("the server's answer does not read: {e}"))
            })
        };
        (0..header.count)
            .map(|_| decode(frames.expect_frame()?))
            .collect()
    }

    /// What is known of at most 1,000 jobs.
    pub async fn info(&self, jids: JidSet, with: Vec<InfoPart>) -> Result<BTreeMap<Jid, JobInfo>> {
        let reply: InfoReply = self
            .connection
            .post("/v1/jobs/info", &InfoRequest { jids, with }, Duration::ZERO)
            .await?;
        Ok(reply.info)
    }

    /// A page of jobs, newest first.
    pub async fn list(&self, query: &ListQuery) -> Result<JobList> {
        self.connection
            .json(
                self.connection
                    .request(Method::GET, "/v1/jobs")
                    .query(query),
                ANSWER_TIMEOUT,
            )
            .await
    }

    /// Ends unfinished jobs; answers how many.
    pub async fn kill(&self, request: &KillRequest) -> Result<u64> {
        let reply: Killed = self
            .connection
            .post("/v1/jobs/kill", request, Duration::ZERO)
            .await?;
        Ok(reply.killed)
    }

    /// Removes finished jobs and all that belongs to them; answers how many.
    pub async fn delete(&self, jids: JidSet) -> Result<u64> {
        let reply: Deleted = self
            .connection
            .post("/v1/jobs/delete", &JidsRequest { jids }, Duration::ZERO)
            .await?;
        Ok(reply.deleted)
    }
}
