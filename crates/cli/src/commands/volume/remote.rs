//! Trees of volumes, read through the API.

use super::plan::Entries;
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use picloud_client::ApiClient;
use picloud_types::{Hash, api::volumes::Tree};

/// What a volume is: its tree with what is in that.
pub(super) async fn tree(client: &ApiClient, volume: &str) -> Result<(Option<Hash>, Entries)> {
    let about = client.volume(volume).await?;
    let Some(hash) = about.tree else {
        return Ok((None, Entries::new()));
    };
    let manifest = content(client, hash).await?;
    let tree: Tree =
        serde_json::from_slice(&manifest).context("the list of files does not read")?;
    // Nothing is written by what a list says before it is known to stay in its directory.
    tree.check().context("the list of files is refused")?;
    let entries = tree.entries.into_iter();
    Ok((Some(hash), entries.map(|e| (e.path.clone(), e)).collect()))
}

/// A small content, verified.
pub(super) async fn content(client: &ApiClient, hash: Hash) -> Result<Bytes> {
    let bytes = client.blob_get(hash).await?.collect().await?;
    if Hash::of(&bytes) != hash {
        bail!("a part of a file arrived damaged");
    }
    Ok(bytes)
}
