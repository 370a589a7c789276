//! Crons: jobs by the clock.

use super::ApiClient;
use crate::{Result, connection::ANSWER_TIMEOUT};
use picloud_types::{
    Jid, Payload, Timestamp,
    api::crons::{
        CronChange, CronHeader, CronInfo, CronList, CronRun, Firing, Firings, FiringsQuery,
        Preview, PreviewRequest,
    },
    frames::FrameWriter,
};
use reqwest::Method;
use std::{fmt::Write, time::Duration};

/// Labels of crons may have any printable character in them.
fn path(label: &str, what: &str) -> String {
    let mut path = "/v1/crons/".to_owned();
    for byte in label.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) {
            path.push(char::from(byte));
        } else {
            write!(path, "%{byte:02X}").expect("a string takes everything");
        }
    }
    path + what
}

impl ApiClient {
    /// All crons, by label.
    pub async fn crons(&self) -> Result<Vec<CronInfo>> {
        let reply: CronList = self.connection.get("/v1/crons").await?;
        Ok(reply.crons)
    }

    /// Runs a function by the clock. A label in use is replaced.
    pub async fn cron_put(
        &self,
        label: &str,
        header: &CronHeader,
        function: &Payload,
        args: &Payload,
    ) -> Result<CronInfo> {
        let mut frames = FrameWriter::with_header(header);
        frames.push(&function.encode());
        frames.push(&args.encode());
        let request =
            self.connection
                .request_frames_by(Method::PUT, &path(label, ""), frames.finish());
        self.connection.json(request, ANSWER_TIMEOUT).await
    }

    /// One of them.
    pub async fn cron(&self, label: &str) -> Result<CronInfo> {
        self.connection.get(&path(label, "")).await
    }

    /// Changes when it fires, or pauses it.
    pub async fn cron_change(&self, label: &str, change: &CronChange) -> Result<CronInfo> {
        let request = self
            .connection
            .request_json(Method::PATCH, &path(label, ""), change)?;
        self.connection.json(request, ANSWER_TIMEOUT).await
    }

    /// Ends it.
    pub async fn cron_remove(&self, label: &str) -> Result<()> {
        let request = self.connection.request(Method::DELETE, &path(label, ""));
        self.connection
            .bytes(request, ANSWER_TIMEOUT)
            .await
            .map(drop)
    }

    /// Runs it now; its job.
    pub async fn cron_run(&self, label: &str) -> Result<Jid> {
        let reply: CronRun = self
            .connection
            .post(&path(label, "/run"), &(), Duration::ZERO)
            .await?;
        Ok(reply.jid)
    }

    /// What became of its ticks, newest first.
    pub async fn cron_firings(&self, label: &str, query: &FiringsQuery) -> Result<Vec<Firing>> {
        let request = self
            .connection
            .request(Method::GET, &path(label, "/firings"))
            .query(query);
        let reply: Firings = self.connection.json(request, ANSWER_TIMEOUT).await?;
        Ok(reply.firings)
    }

    /// When a schedule would fire.
    pub async fn cron_preview(&self, request: &PreviewRequest) -> Result<Vec<Timestamp>> {
        let reply: Preview = self
            .connection
            .post("/v1/crons/preview", request, Duration::ZERO)
            .await?;
        Ok(reply.next)
    }
}

#[cfg(test)]
mod tests {
    use super::path;

    #[test]
    fn any_label_is_one_part_of_a_path() {
        assert_eq!(path("a/b c%?.", "/run"), "/v1/crons/a%2Fb%20c%25%3F./run");
    }
}
