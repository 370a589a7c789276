//! Looking at everything that is there.

use super::LocalBlobs;
use crate::{BlobError, Found};
use futures_util::{StreamExt, stream};
use picloud_types::{AccountId, Hash};
use std::{
    fs::{self, DirEntry},
    io::{self, ErrorKind},
    path::Path,
    time::SystemTime,
};
use tokio::{
    sync::mpsc::{Sender, channel},
    task::spawn_blocking,
};

/// Contents that are found ahead of those looked at.
const AHEAD: usize = 256;

type Out = Sender<Result<(AccountId, Hash), BlobError>>;

impl LocalBlobs {
    /// See `Blobs::all_before`. Files with names that are not ours are left out.
    pub(super) fn walk(&self, moment: SystemTime) -> Found {
        let (out, found) = channel(AHEAD);
        let root = self.root.clone();
        spawn_blocking(move || {
            if let Err(error) = accounts(&root, moment, &out) {
                // Nobody may be listening any more, which is as good a reason to end.
                let _ = out.blocking_send(Err(error.into()));
            }
        });
        stream::unfold(found, |mut found| async move {
            let next = found.recv().await?;
            Some((next, found))
        })
        .boxed()
    }
}

fn accounts(root: &Path, moment: SystemTime, out: &Out) -> io::Result<()> {
    for entry in fs::read_dir(root)? {
        let entry = entry?;
        let Some(account) = name(&entry).and_then(|name| name.parse().ok()) else {
            continue;
        };
        for directory in fs::read_dir(entry.path())? {
            for file in fs::read_dir(directory?.path())? {
                let file = file?;
                let Some(hash) = name(&file).and_then(|name| name.parse().ok()) else {
                    continue;
                };
                let older = match file.metadata().and_then(|about| about.modified()) {
                    Ok(modified) => modified < moment,
                    // Removed since the directory was read.
                    Err(error) if error.kind() == ErrorKind::NotFound => false,
                    Err(error) => return Err(error),
                };
                if older && out.blocking_send(Ok((AccountId(account), hash))).is_err() {
                    return Ok(());
                }
            }
        }
    }
    Ok(())
}

fn name(entry: &DirEntry) -> Option<String> {
    entry.file_name().into_string().ok()
}
