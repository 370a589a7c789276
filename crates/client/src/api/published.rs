//! Published functions.

use super::ApiClient;
use crate::{Result, connection::ANSWER_TIMEOUT};
use bytes::Bytes;
use picloud_types::{
    AccountId, Payload,
    api::published::{
        Called, CalledMany, Described, PublishHeader, PublishedChange, PublishedInfo,
        PublishedList, PublishedRollback, PublishedVersions,
    },
    frames::FrameWriter,
};
use reqwest::{Method, header::CONTENT_TYPE};
use std::time::Duration;

fn path(label: &str, what: &str) -> String {
    format!("/v1/published/{label}{what}")
}

impl ApiClient {
    /// All published functions, by label.
    pub async fn published(&self) -> Result<Vec<PublishedInfo>> {
        let reply: PublishedList = self.connection.get("/v1/published").await?;
        Ok(reply.published)
    }

    /// Publishes a function, or another version of it.
    pub async fn publish(
        &self,
        label: &str,
        header: &PublishHeader,
        function: &Payload,
    ) -> Result<PublishedInfo> {
        let mut frames = FrameWriter::with_header(header);
        frames.push(&function.encode());
        let request =
            self.connection
                .request_frames_by(Method::PUT, &path(label, ""), frames.finish());
        self.connection.json(request, ANSWER_TIMEOUT).await
    }

    /// One of them.
    pub async fn published_info(&self, label: &str) -> Result<PublishedInfo> {
        self.connection.get(&path(label, "")).await
    }

    /// Changes who may call it and how often. A token that is made is in the answer.
    pub async fn published_change(
        &self,
        label: &str,
        change: &PublishedChange,
    ) -> Result<PublishedInfo> {
        let request = self
            .connection
            .request_json(Method::PATCH, &path(label, ""), change)?;
        self.connection.json(request, ANSWER_TIMEOUT).await
    }

    /// Ends the publication.
    pub async fn published_remove(&self, label: &str) -> Result<()> {
        let request = self.connection.request(Method::DELETE, &path(label, ""));
        self.connection
            .bytes(request, ANSWER_TIMEOUT)
            .await
            .map(drop)
    }

    /// All versions, newest first.
    pub async fn published_versions(&self, label: &str) -> Result<PublishedVersions> {
        self.connection.get(&path(label, "/versions")).await
    }

    /// Lets calls use an earlier version, the one before the current one if none is named.
    pub async fn published_rollback(
        &self,
        label: &str,
        version: Option<u32>,
    ) -> Result<PublishedInfo> {
        let request = PublishedRollback { version };
        self.connection
            .post(&path(label, "/rollback"), &request, Duration::ZERO)
            .await
    }

    /// What a function at an address says of itself.
    pub async fn describe(&self, account: AccountId, label: &str) -> Result<Described> {
        self.connection.get(&format!("/r/{account}/{label}/")).await
    }

    /// Calls a function with arguments in any form that it takes.
    pub async fn invoke(
        &self,
        account: AccountId,
        label: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<Called> {
        let path = format!("/r/{account}/{label}/");
        self.invoke_at(&path, content_type, body).await
    }

    /// Calls a function many times.
    pub async fn invoke_map(
        &self,
        account: AccountId,
        label: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<CalledMany> {
        let path = format!("/r/{account}/{label}/map/");
        self.invoke_at(&path, content_type, body).await
    }

    async fn invoke_at<T: serde::de::DeserializeOwned>(
        &self,
        path: &str,
        content_type: &str,
        body: Bytes,
    ) -> Result<T> {
        let request = self.connection.request(Method::POST, path);
        let request = request.header(CONTENT_TYPE, content_type).body(body);
        self.connection.json(request, ANSWER_TIMEOUT).await
    }
}
