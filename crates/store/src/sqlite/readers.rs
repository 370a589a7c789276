//! A few read-only connections. Each read sees one committed state and never waits for the writer.

use super::{cache::Cache, rows};
use crate::{Result, SpecRow, StoreError};
use picloud_types::{JobSpec, SpecId, spec::Requirements};
use rusqlite::Connection;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
};
use tokio::sync::Semaphore;

/// Reads at a time.
pub(super) const CONNECTIONS: u32 = 4;

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
    specs: Cache<SpecId, Arc<JobSpec>>,
    requirements: HashMap<i64, Requirements>,
}

impl Reader {
    pub(super) fn new(db: Connection) -> Self {
        Self {
            db,
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
}

impl Readers {
    pub(super) fn new(readers: Vec<Reader>) -> Arc<Self> {
        Arc::new(Self {
            permits: Arc::new(Semaphore::new(readers.len())),
            idle: Mutex::new(readers),
        })
    }

    /// Runs `read` on one connection, in one read transaction.
    pub(super) async fn read<T, F>(self: &Arc<Self>, size: Size, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut Reader) -> Result<T> + Send + 'static,
    {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|_| StoreError::Closed)?;
        if size == Size::Few {
            return self.on_connection(read);
        }
        let readers = Arc::clone(self);
        // The permit goes along: a caller that gives up does not end the read.
        let run = move || {
            let result = readers.on_connection(read);
            drop(permit);
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

fn in_transaction<T>(
    reader: &mut Reader,
    read: impl FnOnce(&mut Reader) -> Result<T>,
) -> Result<T> {
    reader.db.prepare_cached("BEGIN")?.execute([])?;
    let result = read(reader);
    reader.db.prepare_cached("COMMIT")?.execute([])?;
    result
}
