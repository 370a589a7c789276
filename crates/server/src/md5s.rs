//! MD5s of large contents, found out for those who ask.
//!
//! A content is read once, by a task that goes on when nobody waits any more; what it finds is kept with
//! the objects. Few at a time are read, and there is an end to how many may wait.

use crate::{
    app::{App, Shared},
    refusal::{Answer, Refusal},
};
use futures_util::{
    FutureExt,
    future::{BoxFuture, Shared as Awaited},
};
use picloud_blob::WHOLE;
use picloud_types::{AccountId, ApiError, ErrorKind, Hash, ObjectKey};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};
use tokio::sync::Semaphore;

/// Contents that are read at one time: each keeps a core busy.
const AT_ONCE: usize = 2;
/// Contents that are read or wait for it.
const WAITING_MAX: usize = 256;

type Content = (AccountId, Hash);
type FoundOut = Awaited<BoxFuture<'static, Result<(), ApiError>>>;

/// Those that are being found out.
pub(crate) struct Md5s {
    under_way: Mutex<HashMap<Content, FoundOut>>,
    turns: Semaphore,
}

impl Default for Md5s {
    fn default() -> Self {
        Self {
            under_way: Mutex::default(),
            turns: Semaphore::new(AT_ONCE),
        }
    }
}

impl std::fmt::Debug for Md5s {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let under_way = self.under_way().len();
        f.debug_struct("Md5s")
            .field("under_way", &under_way)
            .finish_non_exhaustive()
    }
}

impl Md5s {
    fn under_way(&self) -> MutexGuard<'_, HashMap<Content, FoundOut>> {
        self.under_way
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    /// The one task for this content.
    fn task(&self, app: &Shared, content: Content) -> Answer<FoundOut> {
        let mut under_way = self.under_way();
        if let Some(task) = under_way.get(&content) {
            return Ok(task.clone());
        }
        if under_way.len() >= WAITING_MAX {
            let mut busy = ApiError::new(
                ErrorKind::Unavailable,
                format!("{WAITING_MAX} MD5s are being computed already"),
            );
            busy.retry = true;
            return Err(busy.into());
        }
        // It takes itself off the list, for which it has to wait until it is on it.
        let task = tokio::spawn(find_out(Arc::clone(app), content));
        let task = task.map(|ended| match ended {
            Ok(found) => found.map_err(|refusal| refusal.0),
            Err(error) => Err(Refusal::internal(&error).0),
        });
        let task = task.boxed().shared();
        under_way.insert(content, task.clone());
        Ok(task)
    }
}

/// From now on the store knows the MD5s of these objects, as far as they are there.
pub(crate) async fn know(app: &Shared, account: AccountId, keys: &[ObjectKey]) -> Answer<()> {
    let found = app.store.object_find(account, keys.to_vec()).await?;
    let unknown = found.into_iter().flatten().filter(|o| o.md5.is_none());
    for object in unknown {
        match app.md5s.task(app, (account, object.hash))?.await {
            // It was replaced or removed meanwhile, and then there is nothing to know.
            Err(error) if error.kind == ErrorKind::NotFound => {}
            done => done?,
        }
    }
    Ok(())
}

async fn find_out(app: Shared, content: Content) -> Answer<()> {
    let _listed = Listed(&app, content);
    let _turn = app.md5s.turns.acquire().await;
    let (account, hash) = content;
    let (_, parts) = app.blobs.get(account, hash, WHOLE).await?;
    let md5 = picloud_blob::md5(parts).await?;
    app.store.object_md5_put(account, hash, md5).await?;
    Ok(())
}

/// On the list of what is under way, however the task ends.
struct Listed<'a>(&'a App, Content);

impl Drop for Listed<'_> {
    fn drop(&mut self) {
        self.0.md5s.under_way().remove(&self.1);
    }
}
