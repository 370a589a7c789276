//! A local directory.

use picloud_blob::{Blobs, LocalBlobs};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

struct Fresh {
    blobs: LocalBlobs,
    directory: TempDir,
}

impl Fresh {
    fn blobs(&self) -> &dyn Blobs {
        &self.blobs
    }

    /// Nothing that was arriving is left, whatever the case did.
    async fn finish(self) {
        let left = files(&self.directory.path().join("blobs/tmp"));
        assert_eq!(left, Vec::<PathBuf>::new());
    }
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).expect("a directory");
    entries.map(|e| e.expect("an entry").path()).collect()
}

async fn open() -> Fresh {
    let directory = TempDir::new().expect("a temporary directory");
    let blobs = LocalBlobs::open(&directory.path().join("blobs"), true);
    Fresh {
        blobs: blobs.expect("a fresh directory opens"),
        directory,
    }
}

picloud_blob::blob_contract!(super::open);
