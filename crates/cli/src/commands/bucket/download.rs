//! One object down: goes on where a connection broke, is verified, and is never half there.

use super::progress::Progress;
use crate::failure::Failure;
use anyhow::{Context as _, Result, bail};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use picloud_client::{ApiClient, ByteStream};
use picloud_types::{Hash, ObjectKey};
use sha2::{Digest as _, Sha256};
use std::{
    ops::Range,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::io::{AsyncWrite, AsyncWriteExt as _};

/// How often in a row a transfer that breaks is taken up again.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(200);

/// An object, or a range of it, as it comes.
pub(super) struct Download<'a> {
    client: &'a ApiClient,
    key: &'a ObjectKey,
    sha256: Hash,
    parts: Option<ByteStream>,
    /// What is still to come.
    rest: Range<u64>,
    whole: bool,
}

impl<'a> Download<'a> {
    /// Opens it. `end` is behind the last byte wanted.
    pub(super) async fn open(
        client: &'a ApiClient,
        key: &'a ObjectKey,
        start: u64,
        end: Option<u64>,
    ) -> Result<Self> {
        let whole = start == 0 && end.is_none();
        let range = (!whole).then(|| start..end.unwrap_or(u64::MAX));
        let body = client.object_get(key, range).await?;
        let rest = start..start + body.length;
        Ok(Self {
            client,
            key,
            sha256: body.sha256,
            parts: Some(body.parts),
            rest,
            whole,
        })
    }

    /// Bytes that come.
    pub(super) fn length(&self) -> u64 {
        self.rest.end - self.rest.start
    }

    /// The next part; none at the end.
    async fn next(&mut self) -> Result<Option<Bytes>> {
        let mut tries = 0;
        let mut why = "it ended early".to_owned();
        while !self.rest.is_empty() {
            if let Some(parts) = &mut self.parts {
                match parts.try_next().await {
                    Ok(Some(part)) => {
                        self.rest.start += part.len() as u64;
                        return Ok(Some(part));
                    }
                    Ok(None) => {}
                    Err(error) => why = error.to_string(),
                }
                self.parts = None;
            }
            if tries == TRIES {
                bail!("could not read {}: {why}", self.key);
            }
            tries += 1;
            tokio::time::sleep(PAUSE * tries).await;
            let again = self.client.object_get(self.key, Some(self.rest.clone()));
            match again.await {
                Ok(body) if body.sha256 == self.sha256 => self.parts = Some(body.parts),
                Ok(_) => {
                    let why = format!("{} was replaced while it was read", self.key);
                    return Err(Failure::unmet(why).hint("try again").into());
                }
                // A server that is just being restarted is one more break.
                Err(error) => why = error.to_string(),
            }
        }
        Ok(None)
    }

    /// Copies all of it. A whole object is verified.
    pub(super) async fn copy(
        mut self,
        to: &mut (impl AsyncWrite + Unpin),
        progress: &Progress,
    ) -> Result<()> {
        let mut digest = Sha256::new();
        while let Some(part) = self.next().await? {
            digest.update(&part);
            to.write_all(&part).await?;
            progress.add(part.len() as u64);
        }
        to.flush().await?;
        if self.whole && Hash(digest.finalize().into()) != self.sha256 {
            return Err(Failure::unmet(format!("{} arrived damaged", self.key))
                .hint("try again")
                .into());
        }
        Ok(())
    }

    /// Copies all of it into a file, which gets its name once it is complete.
    pub(super) async fn save(self, path: &Path, progress: &Progress) -> Result<()> {
        let draft = Draft::beside(path)?;
        let mut file = tokio::fs::File::create(&draft.path)
            .await
            .with_context(|| format!("could not write into {}", draft.folder().display()))?;
        self.copy(&mut file, progress).await?;
        draft.publish(path)
    }
}

/// A file that is not complete; removed unless it becomes so.
pub(super) struct Draft {
    path: PathBuf,
}

impl Draft {
    /// Beside where it will go, whose directories are made.
    pub(super) fn beside(path: &Path) -> Result<Self> {
        let folder = path.parent().unwrap_or(Path::new(""));
        std::fs::create_dir_all(folder)
            .with_context(|| format!("could not make the directory {}", folder.display()))?;
        let name = format!(".picloud-{:012x}", rand::random::<u64>() >> 16);
        Ok(Self {
            path: folder.join(name),
        })
    }

    fn folder(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("."))
    }

    /// Fills it with what is at hand, and gives it its name.
    pub(super) fn write(self, content: &[u8], path: &Path) -> Result<()> {
        std::fs::write(&self.path, content)
            .with_context(|| format!("could not write into {}", self.folder().display()))?;
        self.publish(path)
    }

    fn publish(self, path: &Path) -> Result<()> {
        std::fs::rename(&self.path, path)
            .with_context(|| format!("could not write {}", path.display()))
    }
}

impl Drop for Draft {
    fn drop(&mut self) {
        // After it was renamed there is none, which is as it should be.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Where a download goes: into a directory under the object's last name, else to the path itself.
pub(super) fn target(path: Option<&Path>, key: &ObjectKey) -> PathBuf {
    let name = key.as_str().rsplit('/').next().unwrap_or_default();
    match path {
        None => PathBuf::from(name),
        Some(path) if path.is_dir() || path.as_os_str().as_encoded_bytes().ends_with(b"/") => {
            path.join(name)
        }
        Some(path) => path.to_owned(),
    }
}
