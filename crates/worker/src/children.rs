//! Which children of this process are its own, and which came to it because their parents died.
//!
//! A fact about the whole process, hence kept in one place for all of it.

use std::{
    collections::BTreeSet,
    io,
    process::Child,
    sync::{Mutex, MutexGuard, PoisonError},
};

static OWN: Mutex<BTreeSet<u32>> = Mutex::new(BTreeSet::new());

/// Held while children are started or looked at, so that none is seen half known.
pub(crate) struct Own(MutexGuard<'static, BTreeSet<u32>>);

/// Takes hold of the list.
pub(crate) fn own() -> Own {
    Own(OWN.lock().unwrap_or_else(PoisonError::into_inner))
}

impl Own {
    pub(crate) fn contains(&self, pid: i32) -> bool {
        self.0.contains(&pid.unsigned_abs())
    }
}

/// Starts a child of our own.
pub(crate) fn start<T>(
    start: impl FnOnce() -> io::Result<T>,
    child: impl FnOnce(&T) -> &Child,
) -> io::Result<T> {
    let mut own = own();
    let started = start()?;
    own.0.insert(child(&started).id());
    Ok(started)
}

/// The child was waited for.
pub(crate) fn ended(pid: u32) {
    own().0.remove(&pid);
}
