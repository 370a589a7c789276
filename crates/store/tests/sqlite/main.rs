//! The SQLite store under the contract suite, against a naive model, killed at random, with
//! old files and with full disks. Every file a test leaves behind is audited.

mod audit;
mod bucket;
mod crash;
mod cron_model;
mod files;
mod hints;
mod list_model;
mod model;
mod published_files;
mod queue_files;
mod queue_model;

use audit::audit;
use picloud_store::{
    Store,
    sqlite::{Options, SqliteStore},
};
use std::path::PathBuf;
use tempfile::TempDir;

/// A store of its own for one test.
struct Fresh {
    store: SqliteStore,
    path: PathBuf,
    _directory: TempDir,
}

impl Fresh {
    fn store(&self) -> &dyn Store {
        &self.store
    }

    async fn finish(self) {
        self.store.close().await;
        audit(&self.path);
    }
}

async fn open() -> Fresh {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("picloud.db");
    let store = SqliteStore::open(&Options::new(&path)).expect("a store");
    Fresh {
        store,
        path,
        _directory: directory,
    }
}

mod contract {
    picloud_store::store_contract!(crate::open);
}
