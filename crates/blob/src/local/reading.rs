//! A large content on its way out: read from the disk while what came before is sent.

use crate::ByteStream;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use std::{
    fs::File,
    io,
    ops::Range,
    os::unix::fs::FileExt,
    sync::{Arc, Mutex, PoisonError},
};
use tokio::task::spawn_blocking;

/// Bytes that are read in one step.
const STEP_BYTES: usize = 512 * 1024;
/// Steps that are read while one is sent.
const STEPS_AHEAD: usize = 2;

/// The bytes of a range of a file. Between two steps no thread is held, so that slow readers do not use
/// the threads up.
pub(super) fn read_ahead(file: File, range: Range<u64>) -> ByteStream {
    let (file, buffers, end) = (Arc::new(file), Buffers::default(), range.end);
    let steps = stream::iter(range.step_by(STEP_BYTES)).map(move |start| {
        let (file, buffers) = (Arc::clone(&file), buffers.clone());
        let length = (end - start).min(STEP_BYTES as u64) as usize;
        async move {
            let read = spawn_blocking(move || {
                let mut lent = buffers.lend();
                lent.length = length;
                file.read_exact_at(&mut lent.buffer[..length], start)?;
                Ok(Bytes::from_owner(lent))
            });
            read.await
                .unwrap_or_else(|error| Err(io::Error::other(error)))
        }
    });
    steps.buffered(STEPS_AHEAD).boxed()
}

/// Buffers of one content, used again once what was in them is sent: fresh memory comes from
/// the kernel page by page, which takes longer than the reading.
#[derive(Clone, Default)]
struct Buffers(Arc<Mutex<Vec<Vec<u8>>>>);

impl Buffers {
    fn lend(&self) -> Lent {
        let free = self.0.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Lent {
            buffer: free.unwrap_or_else(|| vec![0; STEP_BYTES]),
            length: 0,
            home: self.clone(),
        }
    }
}

struct Lent {
    buffer: Vec<u8>,
    length: usize,
    home: Buffers,
}

impl AsRef<[u8]> for Lent {
    fn as_ref(&self) -> &[u8] {
        &self.buffer[..self.length]
    }
}

impl Drop for Lent {
    fn drop(&mut self) {
        let buffer = std::mem::take(&mut self.buffer);
        let mut free = self.home.0.lock().unwrap_or_else(PoisonError::into_inner);
        free.push(buffer);
    }
}
