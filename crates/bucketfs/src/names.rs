//! What is at which path, as far as is known, for a second.
//!
//! What was found is kept; what was not found is asked for again, because somebody may wait for it.
//! What this file system changes itself is known at once.

use crate::{
    errors::{Answer, is_below, key, parent, patiently},
    objects::Objects,
};
use fuser::Errno;
use picloud_types::api::bucket::{ListEntry, ListQuery, ListReply, ObjectInfo};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// How long an answer is good.
const FRESH: Duration = Duration::from_secs(1);
/// Most answers that are kept.
const KNOWN_MAX: usize = 20_000;
/// Most folders that are remembered.
const MADE_MAX: usize = 100_000;
/// After so many questions about one folder within `FRESH` its next page is asked for.
const RUN: u32 = 4;

/// What the server has at a path.
#[derive(Clone, Debug)]
pub(crate) enum Found {
    Folder,
    Object(Arc<ObjectInfo>),
}

pub(crate) struct Names {
    objects: Arc<dyn Objects>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    known: HashMap<String, (Found, Instant)>,
    /// Folders that were made, or became empty, here.
    made: BTreeSet<String>,
    /// Raised with every change: an answer to a question from before it is not kept.
    epoch: u64,
    /// The folder that was asked about last, how often, and since when.
    run: Option<(String, u32, Instant)>,
}

impl Names {
    pub(crate) fn new(objects: Arc<dyn Objects>) -> Self {
        Self {
            objects,
            state: Mutex::default(),
        }
    }

    /// What is there. A folder hides an object of the same name.
    pub(crate) async fn find(&self, path: &str) -> Answer<Option<Found>> {
        if path.is_empty() {
            return Ok(Some(Found::Folder));
        }
        let (epoch, runs) = {
            let mut state = self.lock();
            if state.made.contains(path) {
                return Ok(Some(Found::Folder));
            }
            if let Some((found, since)) = state.known.get(path)
                && since.elapsed() < FRESH
            {
                return Ok(Some(found.clone()));
            }
            (state.epoch, state.runs_along(parent(path)))
        };
        if runs {
            // Somebody goes through the folder name by name: the next ones come with this one.
            let _ = self.page(parent(path), Some(path.to_owned())).await;
        }
        let of = key(path)?;
        let folder = ListQuery {
            prefix: format!("{path}/"),
            limit: Some(1),
            ..ListQuery::default()
        };
        let (info, below) = futures_util::future::join(
            patiently(|| self.objects.info(&of)),
            patiently(|| self.objects.list(folder.clone())),
        )
        .await;
        let found = match (below?.entries.is_empty(), info?) {
            (false, _) => Some(Found::Folder),
            (true, Some(info)) => Some(Found::Object(Arc::new(info))),
            (true, None) => None,
        };
        if let Some(found) = &found {
            self.lock().learn(epoch, path.to_owned(), found.clone());
        }
        Ok(found)
    }

    /// A page of a folder; what it tells is known afterwards.
    pub(crate) async fn page(&self, folder: &str, marker: Option<String>) -> Answer<ListReply> {
        let epoch = self.lock().epoch;
        let query = ListQuery {
            prefix: match folder.is_empty() {
                true => String::new(),
                false => format!("{folder}/"),
            },
            folders: true,
            marker,
            limit: None,
        };
        let page = patiently(|| self.objects.list(query.clone())).await?;
        let mut state = self.lock();
        let folders = page.entries.iter().filter_map(|entry| match entry {
            ListEntry::Folder { folder } => Some(folder.trim_end_matches('/')),
            ListEntry::Object(_) => None,
        });
        let folders: BTreeSet<_> = folders.collect();
        for entry in &page.entries {
            match entry {
                ListEntry::Object(info) if folders.contains(info.key.as_str()) => {}
                // Its folder, if there is one, may be on the next page.
                ListEntry::Object(info) => state.learn(
                    epoch,
                    info.key.to_string(),
                    Found::Object(Arc::new(info.clone())),
                ),
                ListEntry::Folder { folder } => {
                    let path = folder.trim_end_matches('/').to_owned();
                    state.learn(epoch, path, Found::Folder);
                }
            }
        }
        Ok(page)
    }

    /// Whether nothing is below a folder, neither there nor here.
    pub(crate) async fn is_empty(&self, folder: &str) -> Answer<bool> {
        if self.lock().made_below(folder).next().is_some() {
            return Ok(false);
        }
        let query = ListQuery {
            prefix: format!("{folder}/"),
            limit: Some(1),
            ..ListQuery::default()
        };
        let page = patiently(|| self.objects.list(query.clone())).await?;
        Ok(page.entries.is_empty())
    }

    /// Folders that were made directly in `folder`, by name.
    pub(crate) fn made_in(&self, folder: &str) -> Vec<String> {
        let state = self.lock();
        let below = state.made_below(folder);
        let skipped = folder.len() + usize::from(!folder.is_empty());
        let names = below.filter_map(|path| path.get(skipped..)?.split('/').next());
        let names: BTreeSet<_> = names.map(str::to_owned).collect();
        names.into_iter().collect()
    }

    /// A folder is there until it is removed.
    pub(crate) fn make(&self, folder: &str) -> Answer<()> {
        let mut state = self.lock();
        if state.made.len() >= MADE_MAX {
            return Err(Errno::ENOSPC);
        }
        state.epoch += 1;
        state.made.insert(folder.to_owned());
        Ok(())
    }

    /// Something went away: the folder it was in stays, as folders do.
    pub(crate) fn went(&self, path: &str) {
        let mut state = self.lock();
        state.epoch += 1;
        state.known.remove(path);
        let folder = parent(path);
        if !folder.is_empty() && state.made.len() < MADE_MAX {
            state.made.insert(folder.to_owned());
        }
    }

    pub(crate) fn unmake(&self, folder: &str) {
        let mut state = self.lock();
        state.epoch += 1;
        state.known.remove(folder);
        state.made.remove(folder);
    }

    /// An object is there.
    pub(crate) fn came(&self, info: Arc<ObjectInfo>) {
        let mut state = self.lock();
        state.epoch += 1;
        let (epoch, path) = (state.epoch, info.key.to_string());
        // From now on its folders are there by what is in them.
        let mut folder = parent(&path);
        while !folder.is_empty() {
            state.made.remove(folder);
            folder = parent(folder);
        }
        state.learn(epoch, path, Found::Object(info));
    }

    /// A folder, or what was one object, has another name.
    pub(crate) fn moved(&self, from: &str, to: &str) {
        let mut state = self.lock();
        state.epoch += 1;
        state.known.retain(|path, _| {
            path != from && path != to && !is_below(path, from) && !is_below(path, to)
        });
        let made: Vec<_> = state.made_below(from).map(str::to_owned).collect();
        for path in made {
            state.made.remove(&path);
            state.made.insert(format!("{to}{}", &path[from.len()..]));
        }
        if state.made.remove(from) {
            state.made.insert(to.to_owned());
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn learn(&mut self, epoch: u64, path: String, found: Found) {
        if epoch != self.epoch {
            return;
        }
        if self.known.len() >= KNOWN_MAX {
            self.known.retain(|_, (_, since)| since.elapsed() < FRESH);
        }
        if self.known.len() < KNOWN_MAX {
            self.known.insert(path, (found, Instant::now()));
        }
    }

    fn made_below<'a>(&'a self, folder: &'a str) -> impl Iterator<Item = &'a str> + 'a {
        let from = match folder.is_empty() {
            true => String::new(),
            false => format!("{folder}/"),
        };
        let below = self.made.range(from..).map(String::as_str);
        below.take_while(move |path| is_below(path, folder))
    }

    /// Whether one folder is asked about again and again.
    fn runs_along(&mut self, folder: &str) -> bool {
        match &mut self.run {
            Some((of, times, since)) if of == folder && since.elapsed() < FRESH => {
                *times += 1;
                let runs = *times >= RUN;
                if runs {
                    *times = 0;
                }
                runs
            }
            run => {
                *run = Some((folder.to_owned(), 0, Instant::now()));
                false
            }
        }
    }
}

impl std::fmt::Debug for Names {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Names")
    }
}
