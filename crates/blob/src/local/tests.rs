//! What a directory of blobs holds to.

use super::*;
use crate::WHOLE;
use tempfile::TempDir;

const ME: AccountId = AccountId(1);
const OTHER: AccountId = AccountId(2);

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

async fn all(mut content: ByteStream) -> Vec<u8> {
    let mut out = Vec::new();
    while let Some(part) = content.next().await {
        out.extend_from_slice(&part.expect("the content reads"));
    }
    out
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
async fn contents_of_every_size_come_back_from_any_offset() {
    let (_directory, blobs) = fresh();
    let step = STEP_BYTES;
    for size in [
        0,
        1,
        step - 1,
        step,
        step + 1,
        3 * step + 7,
        SMALL_BYTES as usize + 5,
    ] {
        let content: Vec<u8> = (0..size).map(|i| (i % 251) as u8).collect();
        let hash = Hash::of(&content);
        let stored = blobs
            .put(ME, hash, in_parts(&content), size as u64)
            .await
            .expect("stored");
        assert_eq!(stored, size as u64);
        for offset in [0, size / 2, size] {
            let (whole, rest) = blobs
                .get(ME, hash, offset as u64..u64::MAX)
                .await
                .expect("there");
            assert_eq!(whole, size as u64);
            assert!(
                all(rest).await == content[offset..],
                "{size} bytes from {offset}"
            );
        }
    }
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
async fn a_wrong_content_is_refused_also_where_the_right_one_exists() {
    let (_directory, blobs) = fresh();
    let hash = Hash::of(b"right");
    blobs
        .put(ME, hash, in_parts(b"right"), 100)
        .await
        .expect("stored");
    blobs
        .put(ME, hash, in_parts(b"right"), 100)
        .await
        .expect("storing again is harmless");
    blobs
        .put(ME, hash, in_parts(b"wrong"), 100)
        .await
        .expect_err("a wrong hash");
    assert_eq!(
        all(blobs.get(ME, hash, WHOLE).await.expect("there").1).await,
        b"right"
    );
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
async fn an_upload_that_breaks_off_leaves_nothing_behind() {
    let (directory, blobs) = fresh();
    let parts = vec![
        Ok(Bytes::from(vec![1; 2 * STEP_BYTES])),
        Err(io::Error::other("the line broke")),
    ];
    let put = blobs.put(ME, Hash::of(b"x"), stream::iter(parts).boxed(), u64::MAX);
    assert!(matches!(put.await, Err(BlobError::Io(_))));
    assert_eq!(files_below(directory.path()), Vec::<PathBuf>::new());
}

#[tokio::test]
async fn accounts_do_not_share_contents() {
    let (_directory, blobs) = fresh();
    let hash = Hash::of(b"mine");
    blobs
        .put_many(ME, vec![Bytes::from_static(b"mine")])
        .await
        .expect("stored");
    assert_eq!(blobs.size(ME, hash).await.expect("asked"), Some(4));
    assert_eq!(blobs.size(OTHER, hash).await.expect("asked"), None);
    assert!(matches!(
        blobs.get(OTHER, hash, WHOLE).await,
        Err(BlobError::NotFound(_))
    ));
    blobs
        .remove(OTHER, hash)
        .await
        .expect("removing nothing is fine");
    assert_eq!(
        all(blobs.get(ME, hash, WHOLE).await.expect("there").1).await,
        b"mine"
    );
    blobs.remove(ME, hash).await.expect("removed");
    assert_eq!(blobs.size(ME, hash).await.expect("asked"), None);
}

#[tokio::test]
async fn many_contents_are_stored_at_once_and_twice() {
    let (_directory, blobs) = fresh();
    let contents: Vec<_> = (0..300)
        .map(|i| Bytes::from(format!("content {i}")))
        .collect();
    blobs
        .put_many(ME, contents[..200].to_vec())
        .await
        .expect("stored");
    let hashes = blobs
        .put_many(ME, contents.clone())
        .await
        .expect("stored, some of them again");
    for (hash, content) in hashes.into_iter().zip(contents) {
        assert_eq!(hash, Hash::of(&content));
        assert_eq!(
            all(blobs.get(ME, hash, WHOLE).await.expect("there").1).await,
            content
        );
    }
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
