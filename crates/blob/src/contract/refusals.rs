//! What must not be stored is not.

use super::sample::{ME, all, content, in_parts, text};
use crate::{BlobError, Blobs, Expected, Stored, WHOLE};
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use picloud_types::Hash;
use std::io;

pub async fn a_wrong_hash_is_refused(blobs: &dyn Blobs) {
    for size in [7, 9 << 20] {
        let (content, announced) = (content(size), Hash::of(b"other"));
        let put = blobs.put(ME, announced, in_parts(&content), u64::MAX).await;
        assert!(matches!(
            put,
            Err(BlobError::HashMismatch { found, .. }) if found == Hash::of(&content)
        ));
        assert_eq!(blobs.size(ME, announced).await.expect("asked"), None);
    }
}

pub async fn a_content_that_is_not_what_was_announced_is_refused(blobs: &dyn Blobs) {
    for size in [7, 9 << 20, (32 << 20) + 1] {
        let content = content(size);
        let right = Stored::of(&content);
        let put = async |expected| {
            let parts = in_parts(&content);
            blobs.put_new(ME, parts, u64::MAX, expected).await
        };
        let none = Expected::default();
        let sha256 = Some(Hash::of(b"other"));
        assert!(matches!(
            put(Expected { sha256, ..none }).await,
            Err(BlobError::HashMismatch { found, .. }) if found == right.hash
        ));
        let md5 = Some([0; 16]);
        assert!(matches!(
            put(Expected { md5, ..none }).await,
            Err(BlobError::Md5Mismatch { announced, .. }) if announced == "0".repeat(32)
        ));
        let more = Some(right.size + 1);
        assert!(matches!(
            put(Expected { size: more, ..none }).await,
            Err(BlobError::SizeMismatch { found, .. }) if found == right.size
        ));
        assert_eq!(blobs.size(ME, right.hash).await.expect("asked"), None);
    }
}

pub async fn a_wrong_content_is_refused_also_where_the_right_one_exists(blobs: &dyn Blobs) {
    let hash = Hash::of(b"right");
    blobs
        .put(ME, hash, text("right"), 100)
        .await
        .expect("stored");
    let wrong = blobs.put(ME, hash, text("wrong"), 100).await;
    wrong.expect_err("a wrong content");
    let (_, back) = blobs.get(ME, hash, WHOLE).await.expect("there");
    assert_eq!(all(back).await, b"right");
}

pub async fn a_content_beyond_the_limit_is_refused(blobs: &dyn Blobs) {
    for size in [11, 3 << 18, 9 << 20, 17 << 20] {
        let content = content(size);
        let (hash, limit) = (Hash::of(&content), size as u64 - 1);
        let put = blobs.put(ME, hash, in_parts(&content), limit).await;
        assert!(matches!(put, Err(BlobError::TooLarge { limit: said }) if said == limit));
        let parts = in_parts(&content);
        let put = blobs.put_new(ME, parts, limit, Expected::default()).await;
        assert!(matches!(put, Err(BlobError::TooLarge { limit: said }) if said == limit));
        assert_eq!(blobs.size(ME, hash).await.expect("asked"), None);
    }
}

pub async fn an_upload_that_breaks_off_leaves_nothing_behind(blobs: &dyn Blobs) {
    for size in [1, 2 << 18, 17 << 20] {
        let broken = || {
            let parts = vec![
                Ok(Bytes::from(vec![1; size])),
                Err(io::Error::other("the line broke")),
            ];
            stream::iter(parts).boxed()
        };
        let put = blobs.put(ME, Hash::of(b"x"), broken(), u64::MAX).await;
        assert!(matches!(put, Err(BlobError::Io(_))));
        let put = blobs.put_new(ME, broken(), u64::MAX, Expected::default());
        assert!(matches!(put.await, Err(BlobError::Io(_))));
    }
}

pub async fn what_is_not_there_is_not_found(blobs: &dyn Blobs) {
    let hash = Hash::of(b"never stored");
    assert_eq!(blobs.size(ME, hash).await.expect("asked"), None);
    for range in [WHOLE, 0..5, 3..5, 5..u64::MAX] {
        assert!(matches!(
            blobs.get(ME, hash, range).await,
            Err(BlobError::NotFound(missing)) if missing == hash
        ));
    }
}
