//! Accounts and contents for cases.

use crate::ByteStream;
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt, stream};
use picloud_types::AccountId;

pub(super) const ME: AccountId = AccountId(1);
pub(super) const OTHER: AccountId = AccountId(2);

/// Sizes around every border that a backend has: what is read in one step, and what is sent in one part.
pub(super) const SIZES: [usize; 9] = [
    0,
    1,
    256 * 1024 - 1,
    256 * 1024,
    3 * 256 * 1024 + 7,
    (2 << 20) + 5,
    (8 << 20) - 1,
    8 << 20,
    (17 << 20) + 3,
];

pub(super) fn content(size: usize) -> Bytes {
    // 251 is prime, so that no part looks like its neighbour.
    (0..size)
        .map(|i| (i % 251) as u8)
        .collect::<Vec<_>>()
        .into()
}

/// A content in parts of uneven size.
pub(super) fn in_parts(content: &Bytes) -> ByteStream {
    let content = content.clone();
    let starts = (0..content.len()).step_by(100_003);
    let parts: Vec<_> = starts
        .map(|at| Ok(content.slice(at..content.len().min(at + 100_003))))
        .collect();
    stream::iter(parts).boxed()
}

pub(super) fn text(text: &'static str) -> ByteStream {
    in_parts(&Bytes::from_static(text.as_bytes()))
}

pub(super) async fn all(content: ByteStream) -> Vec<u8> {
    let parts: Vec<Bytes> = content.try_collect().await.expect("the content reads");
    parts.concat()
}
