//! The public API, as an account's key holder sees it.

mod accounts;
mod blobs;
mod bucket;
mod crons;
mod jobs;
mod output;
mod published;
mod queues;
mod sessions;
mod terminal;
mod usage;
mod volumes;

pub use bucket::{ObjectBody, PutOptions};
pub use output::OutputChunk;
pub use terminal::Terminal;
pub use usage::{JobEvent, JobEvents};

use crate::{Connection, Options, Result, connection::ANSWER_TIMEOUT};
use picloud_types::api::service::{Packages, ServiceInfo};
use reqwest::Method;

/// Requests of one account. The user name is an API key, or `job-…` inside a job.
#[derive(Clone, Debug)]
pub struct ApiClient {
    connection: Connection,
}

impl ApiClient {
    /// A client with these credentials.
    pub fn new(options: &Options, api_key: &str, api_secretkey: &str) -> Result<Self> {
        Ok(Self {
            connection: Connection::new(options)?.with_basic(api_key, api_secretkey),
        })
    }

    /// A client without credentials: good for `healthz` only.
    pub fn anonymous(options: &Options) -> Result<Self> {
        Ok(Self {
            connection: Connection::new(options)?,
        })
    }

    /// The address requests go to.
    pub fn server(&self) -> &str {
        self.connection.server()
    }

    /// Whether the server can take jobs. Answers its `Date` header too, to compare clocks with.
    pub async fn healthz(&self) -> Result<Option<String>> {
        let request = self
            .connection
            .request(Method::GET, "/healthz")
            .timeout(ANSWER_TIMEOUT);
        let response = self.connection.send(request).await?;
        Ok(response
            .headers()
            .get(reqwest::header::DATE)
            .and_then(|v| v.to_str().ok())
            .map(str::to_owned))
    }

    /// What the server is, and who is asking.
    pub async fn service(&self) -> Result<ServiceInfo> {
        self.connection.get("/v1/service").await
    }

    /// What jobs of this Python version find installed.
    pub async fn packages(&self, python: &str) -> Result<Packages> {
        let request = self
            .connection
            .request(Method::GET, "/v1/packages")
            .query(&[("python", python)]);
        self.connection.json(request, ANSWER_TIMEOUT).await
    }
}
