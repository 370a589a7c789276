//! Volumes.

use super::ApiClient;
use crate::{Result, connection::ANSWER_TIMEOUT};
use picloud_types::{
    Hash,
    api::volumes::{Listing, PathListing, TreePaths, TreePut, Volume, VolumeNew, Volumes},
};
use reqwest::Method;
use std::time::Duration;

/// A large tree takes the server longer than other things.
const TREE_WAIT: Duration = Duration::from_secs(60);

impl ApiClient {
    /// All volumes, in the order of names.
    pub async fn volumes(&self) -> Result<Vec<Volume>> {
        let reply: Volumes = self.connection.get("/v1/volumes").await?;
        Ok(reply.volumes)
    }

    /// Makes an empty volume.
    pub async fn volume_create(&self, new: &VolumeNew) -> Result<Volume> {
        self.connection
            .post("/v1/volumes", new, Duration::ZERO)
            .await
    }

    /// One volume.
    pub async fn volume(&self, name: &str) -> Result<Volume> {
        self.connection.get(&format!("/v1/volumes/{name}")).await
    }

    /// Deletes a volume with everything in it.
    pub async fn volume_delete(&self, name: &str) -> Result<()> {
        let path = format!("/v1/volumes/{name}");
        let request = self.connection.request(Method::DELETE, &path);
        self.connection
            .bytes(request, ANSWER_TIMEOUT)
            .await
            .map(drop)
    }

    /// Makes a volume another tree, if it is `base` still.
    pub async fn volume_tree_put(
        &self,
        name: &str,
        base: Option<Hash>,
        tree: Hash,
    ) -> Result<Volume> {
        let path = format!("/v1/volumes/{name}/tree");
        let put = TreePut { base, tree };
        let request = self.connection.request_json(Method::PUT, &path, &put)?;
        self.connection
            .json(request, ANSWER_TIMEOUT + TREE_WAIT)
            .await
    }

    /// What is at each path.
    pub async fn volume_ls(&self, name: &str, paths: Vec<String>) -> Result<Vec<PathListing>> {
        let paths = TreePaths {
            paths,
            recursive: false,
        };
        let path = format!("/v1/volumes/{name}/ls");
        let reply: Listing = self.connection.post(&path, &paths, TREE_WAIT).await?;
        Ok(reply.listings)
    }

    /// Makes directories; `recursive` makes those above too and does not mind what is there.
    pub async fn volume_mkdir(&self, name: &str, paths: &TreePaths) -> Result<Volume> {
        let path = format!("/v1/volumes/{name}/mkdir");
        self.connection.post(&path, paths, TREE_WAIT).await
    }

    /// Removes what is at each path; directories with something in them only if `recursive`.
    pub async fn volume_rm(&self, name: &str, paths: &TreePaths) -> Result<Volume> {
        let path = format!("/v1/volumes/{name}/rm");
        self.connection.post(&path, paths, TREE_WAIT).await
    }
}
