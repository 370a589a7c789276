//! Signing browsers in.

use super::ApiClient;
use crate::Result;
use picloud_types::api::sessions::{LinkMade, LinkNew};
use std::time::Duration;

impl ApiClient {
    /// Makes a link that signs a browser in once: to the caller's account, or to another (administrators).
    pub async fn link_create(&self, account: Option<&str>) -> Result<LinkMade> {
        let request = LinkNew {
            account: account.map(str::to_owned),
        };
        self.connection
            .post("/v1/session/links", &request, Duration::ZERO)
            .await
    }
}
