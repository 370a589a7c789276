//! What is stored comes back.

use super::sample::{ME, OTHER, SIZES, all, content, in_parts, text};
use crate::{BlobError, Blobs, Expected, MD5_AT_ONCE_BYTES, Stored, WHOLE};
use bytes::Bytes;
use futures_util::TryStreamExt;
use picloud_types::{AccountId, Hash};
use std::time::{Duration, SystemTime};

pub async fn contents_of_every_size_come_back_in_every_range(blobs: &dyn Blobs) {
    for size in SIZES {
        let content = content(size);
        let (hash, length) = (Hash::of(&content), size as u64);
        let stored = blobs.put(ME, hash, in_parts(&content), length).await;
        assert_eq!(stored.expect("stored"), length);
        assert_eq!(blobs.size(ME, hash).await.expect("asked"), Some(length));
        for range in [
            WHOLE,
            0..length,
            length / 2..u64::MAX,
            length / 3..length / 2,
            length.saturating_sub(1)..length,
            length..u64::MAX,
            0..0,
        ] {
            let (whole, part) = blobs.get(ME, hash, range.clone()).await.expect("there");
            assert_eq!(whole, length);
            let end = range.end.min(length) as usize;
            let expected = &content[(range.start as usize).min(end)..end];
            assert!(all(part).await == expected, "{range:?} of {size} bytes");
        }
    }
}

pub async fn a_content_of_unknown_hash_is_told_what_it_is(blobs: &dyn Blobs) {
    for size in SIZES {
        let content = content(size);
        let known = Stored::of(&content);
        let expected = Expected {
            sha256: Some(known.hash),
            md5: Some(known.md5),
            size: Some(known.size),
        };
        for expected in [Expected::default(), expected] {
            let parts = in_parts(&content);
            let stored = blobs.put_new(ME, parts, size as u64, expected).await;
            assert_eq!(stored.expect("stored"), known.into(), "{size} bytes");
        }
        let (_, back) = blobs.get(ME, known.hash, WHOLE).await.expect("there");
        assert!(all(back).await == content, "{size} bytes");
    }
}

pub async fn the_md5_of_a_large_content_is_told_if_it_was_announced(blobs: &dyn Blobs) {
    let content = content(MD5_AT_ONCE_BYTES as usize + 1);
    let known = Stored::of(&content);
    for md5 in [None, Some(known.md5)] {
        for size in [None, Some(known.size)] {
            let sha256 = None;
            let expected = Expected { sha256, md5, size };
            let parts = in_parts(&content);
            let stored = blobs.put_new(ME, parts, u64::MAX, expected).await;
            let stored = stored.expect("stored");
            assert_eq!((stored.hash, stored.size), (known.hash, known.size));
            match stored.md5 {
                Some(told) => assert_eq!(told, known.md5),
                None => assert_eq!(md5, None, "it was announced, so it is known"),
            }
        }
    }
    let (_, back) = blobs.get(ME, known.hash, WHOLE).await.expect("there");
    assert!(all(back).await == content);
    let (_, back) = blobs.get(ME, known.hash, WHOLE).await.expect("there");
    assert_eq!(crate::md5(back).await.expect("read"), known.md5);
}

pub async fn storing_again_is_harmless(blobs: &dyn Blobs) {
    for _ in 0..2 {
        for size in [5, 9 << 20] {
            let content = content(size);
            let (hash, length) = (Hash::of(&content), size as u64);
            let put = blobs.put(ME, hash, in_parts(&content), length).await;
            put.expect("stored");
            let parts = in_parts(&content);
            let new = blobs.put_new(ME, parts, length, Expected::default()).await;
            assert_eq!(new.expect("stored").hash, hash);
            let (_, back) = blobs.get(ME, hash, WHOLE).await.expect("there");
            assert!(all(back).await == content);
        }
    }
}

pub async fn accounts_do_not_share_contents(blobs: &dyn Blobs) {
    let hash = Hash::of(b"mine");
    let put = blobs.put(ME, hash, text("mine"), 100).await;
    put.expect("stored");
    assert_eq!(blobs.size(OTHER, hash).await.expect("asked"), None);
    assert!(matches!(
        blobs.get(OTHER, hash, WHOLE).await,
        Err(BlobError::NotFound(_))
    ));
    blobs.remove(OTHER, hash).await.expect("nothing to remove");
    let (_, back) = blobs.get(ME, hash, WHOLE).await.expect("there");
    assert_eq!(all(back).await, b"mine");
    blobs.remove(ME, hash).await.expect("removed");
    assert_eq!(blobs.size(ME, hash).await.expect("asked"), None);
}

pub async fn many_contents_are_stored_at_once_and_twice(blobs: &dyn Blobs) {
    let contents: Vec<_> = (0..100)
        .map(|i| Bytes::from(format!("content {i}")))
        .collect();
    let some = blobs.put_many(ME, contents[..60].to_vec()).await;
    some.expect("stored");
    let hashes = blobs.put_many(ME, contents.clone()).await;
    let hashes = hashes.expect("stored, some of them again");
    for (hash, content) in hashes.into_iter().zip(contents) {
        assert_eq!(hash, Hash::of(&content));
        let (_, back) = blobs.get(ME, hash, WHOLE).await.expect("there");
        assert_eq!(all(back).await, content);
    }
}

pub async fn removing_what_is_not_there_is_fine(blobs: &dyn Blobs) {
    let hash = Hash::of(b"x");
    blobs.remove(ME, hash).await.expect("nothing to remove");
    blobs.put(ME, hash, text("x"), 1).await.expect("stored");
    for _ in 0..2 {
        blobs.remove(ME, hash).await.expect("removed");
    }
}

pub async fn everything_that_is_there_is_found(blobs: &dyn Blobs) {
    let mut expected = Vec::new();
    for (account, content) in [(ME, "a"), (ME, "b"), (OTHER, "a")] {
        let hash = Hash::of(content.as_bytes());
        let put = blobs.put(account, hash, text(content), 9).await;
        put.expect("stored");
        expected.push((account, hash));
    }
    expected.sort_unstable();
    let found = async |moment| {
        let found = blobs.all_before(moment).await.expect("begun");
        let mut found: Vec<(AccountId, Hash)> = found.try_collect().await.expect("read");
        found.sort_unstable();
        found
    };
    let hour = Duration::from_secs(3_600);
    assert_eq!(found(SystemTime::now() + hour).await, expected);
    assert_eq!(found(SystemTime::now() - hour).await, []);
}

pub async fn cleaning_takes_nothing_that_is_whole(blobs: &dyn Blobs) {
    let hash = Hash::of(b"x");
    blobs.put(ME, hash, text("x"), 1).await.expect("stored");
    blobs.clean().await.expect("cleaned");
    assert_eq!(blobs.size(ME, hash).await.expect("asked"), Some(1));
}
