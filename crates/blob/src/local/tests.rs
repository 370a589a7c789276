//! What a directory of blobs holds to.

use super::*;
use tempfile::TempDir;

const ME: AccountId = AccountId(1);

fn fresh() -> (TempDir, LocalBlobs) {
    let directory = TempDir::new().expect("a temporary directory");
    let blobs =
        LocalBlobs::open(&directory.path().join("blobs"), true).expect("a fresh directory opens");
    (directory, blobs)
}

/// A content in parts of uneven size.
fn in_parts(content: &[u8]) -> ByteStream {
    let parts: Vec<_> = content
        .chunks(100_003)
        .map(|p| Ok(Bytes::copy_from_slice(p)))
        .collect();
    stream::iter(parts).boxed()
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory).expect("a directory") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files.extend(files_below(&path));
        } else {
            files.push(path);
        }
    }
    files
}

#[tokio::test]
async fn a_wrong_hash_leaves_nothing_behind() {
    let (directory, blobs) = fresh();
    let announced = Hash::of(b"other");
    let error = blobs
        .put(ME, announced, in_parts(b"content"), 100)
        .await
        .expect_err("a wrong hash");
    assert!(
        matches!(error, BlobError::HashMismatch { found, .. } if found == Hash::of(b"content"))
    );
    assert_eq!(files_below(directory.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn a_content_beyond_the_limit_is_refused_and_removed() {
    let (directory, blobs) = fresh();
    for size in [11, 3 * STEP_BYTES] {
        let content = vec![7; size];
        let put = blobs.put(ME, Hash::of(&content), in_parts(&content), size as u64 - 1);
        assert!(matches!(put.await, Err(BlobError::TooLarge { .. })));
    }
    assert_eq!(files_below(directory.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn what_an_earlier_life_left_half_done_is_removed_at_start() {
    let (directory, blobs) = fresh();
    let upload = Upload::begin(&blobs.temporary_directory()).expect("begun");
    // A process that is killed does not run destructors.
    upload.keep();
    assert_eq!(files_below(directory.path()).len(), 1);
    blobs.clean().await.expect("cleaned");
    assert_eq!(files_below(directory.path()), Vec::<PathBuf>::new());
}

#[test]
fn a_full_disk_has_a_kind_of_its_own() {
    // The kernel's number for "no space left on device", as a write would return it.
    let error = BlobError::from(io::Error::from_raw_os_error(28));
    assert!(matches!(error, BlobError::DiskFull), "{error}");
}
