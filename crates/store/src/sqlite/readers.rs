//! A few read-only connections. Each read sees one committed state and never waits for the writer.

use super::{cache::Cache, list::Patience, rows};
use crate::{Result, SpecRow, StoreError};
use picloud_types::{JobSpec, SpecId, spec::Requirements};
use rusqlite::Connection;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Reads at a time ...
pub(super) const CONNECTIONS: u32 = 4;
/// ... and of those that may take long, so that a short one never waits for them.
const LARGE_AT_ONCE: usize = 2;

/// What a read will cost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Size {
    /// A few rows: run where the caller is, because changing threads twice costs more than the read.
    Few,
    /// Perhaps many rows: run on a thread that may block.
    Many,
}

/// A connection and the rows it remembers.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) db: Connection,
    pub(super) patience: Patience,
    specs: Cache<SpecId, Arc<JobSpec>>,
    requirements: HashMap<i64, Requirements>,
}

impl Reader {
    pub(super) fn new(db: Connection, patience: Patience) -> Self {
        Self {
            db,
            patience,
            specs: Cache::new(64),
            requirements: HashMap::new(),
        }
    }

    /// The spec of a job, which therefore exists. Specs never change, and their ids are not used twice.
    pub(super) fn spec_of_job(&mut self, id: SpecId) -> Result<Arc<JobSpec>> {
        if let Some(spec) = self.specs.get(&id) {
            return Ok(spec);
        }
        let spec = Arc::new(spec(&self.db, id)?.ok_or_else(|| missing(id))?.spec);
        self.specs.insert(id, Arc::clone(&spec));
        Ok(spec)
    }

    pub(super) fn requirements(&mut self, class: picloud_types::ClassId) -> Result<Requirements> {
        if let Some(known) = self.requirements.get(&class.0) {
            return Ok(known.clone());
        }
        let requirements = rows::requirements(&self.db, class)?;
        self.requirements.insert(class.0, requirements.clone());
        Ok(requirements)
    }
}

fn missing(id: SpecId) -> StoreError {
    StoreError::Corrupt {
        what: "job",
        why: format!("its spec {id} does not exist"),
    }
}

/// The stored spec with this id.
pub(super) fn spec(db: &Connection, id: SpecId) -> Result<Option<SpecRow>> {
    let mut statement = db.prepare_cached(rows::SPEC_BY_ID)?;
    let mut found = statement.query([id.0])?;
    found.next()?.map(rows::spec).transpose()
}

/// The connections that nobody uses now.
#[derive(Debug)]
pub(super) struct Readers {
    idle: Mutex<Vec<Reader>>,
    /// One permit per connection; closed when the store is.
    permits: Arc<Semaphore>,
    /// What a large read needs besides.
    large: Arc<Semaphore>,
}

impl Readers {
    pub(super) fn new(readers: Vec<Reader>) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(readers.len())),
            large: Arc::new(Semaphore::new(LARGE_AT_ONCE)),
            idle: Mutex::new(readers),
        })
    }

    /// Runs `read` on one connection, in one read transaction.
    pub(super) async fn read<T, F>(self: &Arc<Self>, size: Size, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Reader) -> Result<T> + Send + 'static,
    {
        if size == Size::Few {
            let _permit = permit(&self.permits).await?;
            return self.on_connection(read);
        }
        let permits = (permit(&self.large).await?, permit(&self.permits).await?);
        let readers = Arc::clone(self);
        // The permits go along: a caller that gives up does not end the read.
        let run = move || {
            let result = readers.on_connection(read);
            drop(permits);
            result
        };
        tokio::task::spawn_blocking(run)
            .await
            .map_err(|_| StoreError::Closed)?
    }

    fn on_connection<T>(&self, read: impl FnOnce(&mut Reader) -> Result<T>) -> Result<T> {
        let reader = self.lock().pop();
        let mut reader = reader.ok_or(StoreError::Closed)?;
        let result = in_transaction(&mut reader, read);
        self.lock().push(reader);
        result
    }

    /// Waits for reads under way and closes the connections.
    pub(super) async fn close(&self) {
        // Fails only if they are closed already.
        let _all = self.permits.acquire_many(CONNECTIONS).await;
        self.permits.close();
        self.lock().clear();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Reader>> {
        self.idle
            .lock()
            .expect("nothing panics while it holds the list")
    }
}

async fn permit(semaphore: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
    Arc::clone(semaphore)
        .acquire_owned()
        .await
        .map_err(|_| StoreError::Closed)
}

fn in_transaction<T>(
    reader: &mut Reader,
    read: impl FnOnce(&mut Reader) -> Result<T>,
) -> Result<T> {
    reader.db.prepare_cached("BEGIN")?.execute([])?;
    let result = read(reader);
    reader.db.prepare_cached("COMMIT")?.execute([])?;
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{sync::mpsc, time::Duration};

    #[tokio::test]
    async fn a_short_read_does_not_wait_for_long_ones() {
        let connection = |_| {
            Reader::new(
                Connection::open_in_memory().expect("a database"),
                Patience::default(),
            )
        };
        let readers = Readers::new((0..CONNECTIONS).map(connection).collect());
        let mut long_reads = tokio::task::JoinSet::new();
        let mut release = Vec::new();
        for _ in 0..2 * CONNECTIONS {
            let (go, wait) = mpsc::channel::<()>();
            release.push(go);
            let readers = Arc::clone(&readers);
            long_reads.spawn(async move {
                let until_released = move |_: &mut Reader| {
                    let _ = wait.recv();
                    Ok(())
                };
                readers.read(Size::Many, until_released).await
            });
        }
        while readers.lock().len() > CONNECTIONS as usize - LARGE_AT_ONCE {
            tokio::task::yield_now().await;
        }
        let short = readers.read(Size::Few, |_| Ok(7));
        let answer = tokio::time::timeout(Duration::from_secs(10), short).await;
        assert_eq!(answer.expect("in time").expect("a read"), 7);
        drop(release);
        for result in long_reads.join_all().await {
            result.expect("a read");
        }
        readers.close().await;
        let closed = readers.read(Size::Few, |_| Ok(())).await;
        assert!(matches!(closed, Err(StoreError::Closed)));
    }
}
