//! Reading a folder: page by page, in the order of the server, then what only this worker knows.

use crate::{caller::Caller, errors::Answer, files::Files};
use fuser::{Errno, FileType};
use picloud_types::api::bucket::ListEntry;
use std::collections::{BTreeMap, BTreeSet};
use tokio::sync::{Mutex, OwnedSemaphorePermit};

/// One opening of a folder.
#[derive(Debug)]
pub(crate) struct Reading {
    path: String,
    owner: u32,
    place: Mutex<Place>,
    /// One of those that may be open at a time.
    _permit: OwnedSemaphorePermit,
}

#[derive(Debug, Default)]
struct Place {
    /// How many entries come before `page`.
    start: u64,
    page: Vec<(String, FileType)>,
    marker: Option<String>,
    is_last: bool,
    /// What the server does not tell of.
    own: Option<BTreeMap<String, FileType>>,
}

impl Reading {
    pub(crate) fn new(path: String, caller: &Caller, permit: OwnedSemaphorePermit) -> Self {
        Self {
            path,
            owner: caller.owner(),
            place: Mutex::default(),
            _permit: permit,
        }
    }

    /// Entries from number `offset` on, as many as `take` takes before it says true.
    pub(crate) async fn read(
        &self,
        files: &Files,
        offset: u64,
        mut take: impl FnMut(u64, &str, FileType) -> bool,
    ) -> Answer<()> {
        let mut place = self.place.lock().await;
        if offset < place.start || offset == 0 {
            // From the beginning: somebody went back.
            *place = Place::default();
        }
        loop {
            let own = place.own.is_some();
            if !own {
                self.begin(files, &mut place);
            }
            let skipped = usize::try_from(offset - place.start).map_err(|_| Errno::EINVAL)?;
            if skipped < place.page.len() {
                for (number, (name, kind)) in place.page.iter().enumerate().skip(skipped) {
                    if take(place.start + number as u64 + 1, name, *kind) {
                        break;
                    }
                }
                return Ok(());
            }
            if place.is_last {
                return Ok(());
            }
            self.next(files, &mut place).await?;
        }
    }

    fn begin(&self, files: &Files, place: &mut Place) {
        let folder = |name: String| (name, FileType::Directory);
        let mut own: BTreeMap<_, _> = files.drafts_in(&self.path, self.owner).collect();
        own.extend(files.names.made_in(&self.path).into_iter().map(folder));
        place.own = Some(own);
        place.page = [".", ".."].map(|name| folder(name.to_owned())).into();
    }

    async fn next(&self, files: &Files, place: &mut Place) -> Answer<()> {
        let reply = files.names.page(&self.path, place.marker.clone()).await?;
        let skipped = self.path.len() + usize::from(!self.path.is_empty());
        let mut entries = Vec::with_capacity(reply.entries.len());
        let mut folders = BTreeSet::new();
        for entry in reply.entries {
            let (path, kind) = match entry {
                ListEntry::Object(info) => (String::from(info.key), FileType::RegularFile),
                ListEntry::Folder { folder } => (folder, FileType::Directory),
            };
            let name = path.get(skipped..).unwrap_or_default();
            let name = name.trim_end_matches('/').to_owned();
            place.marker = Some(path);
            if kind == FileType::Directory {
                folders.insert(name.clone());
            }
            entries.push((name, kind));
        }
        entries.retain(|(name, kind)| *kind == FileType::Directory || !folders.contains(name));
        place.is_last = !reply.truncated;
        if let Some(own) = &mut place.own {
            for (name, kind) in &mut entries {
                if let Some(here) = own.remove(name) {
                    *kind = here;
                }
            }
            if place.is_last {
                entries.extend(std::mem::take(own));
            }
        }
        place.start += place.page.len() as u64;
        place.page = entries;
        Ok(())
    }
}
