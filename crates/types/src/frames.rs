//! Binary bodies: a run of frames, each a big-endian `u32` length and that many bytes.
//!
//! Pickles are bytes; JSON would make them a third longer and slow to read. The first frame of
//! a body is always a JSON header that says what the others are.

use bytes::{BufMut, Bytes, BytesMut};

/// The media type of such a body.
pub const MEDIA_TYPE: &str = "application/vnd.picloud.frames";

/// The body ends in the middle of a frame, or has no header.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadFrames {
    #[error("the body ends inside a frame")]
    Truncated,
    #[error("the body has no header frame")]
    NoHeader,
    #[error("the header frame is not the JSON expected: {0}")]
    Header(String),
    #[error("the body has fewer frames than its header says")]
    TooFew,
}

/// Writes frames one after another.
#[derive(Debug, Default)]
pub struct FrameWriter {
    buffer: BytesMut,
}

impl FrameWriter {
    /// A body that begins with `header` as JSON.
    ///
    /// # Panics
    /// Never for the types of `api`: all of them have a JSON form.
    pub fn with_header<T: serde::Serialize>(header: &T) -> Self {
        let json = serde_json::to_vec(header).expect("API types have a JSON form");
        let mut writer = Self::default();
        writer.push(&json);
        writer
    }

    /// Adds one frame.
    ///
    /// # Panics
    /// If it has 4 GiB or more: callers put anything big into blobs.
    pub fn push(&mut self, bytes: &[u8]) {
        self.push_parts(&[bytes]);
    }

    /// Adds one frame made of `parts`, without joining them first.
    ///
    /// # Panics
    /// As `push`.
    pub fn push_parts(&mut self, parts: &[&[u8]]) {
        let total: usize = parts.iter().map(|p| p.len()).sum();
        self.buffer.reserve(4 + total);
        self.buffer
            .put_u32(u32::try_from(total).expect("big payloads travel as blobs"));
        for part in parts {
            self.buffer.put_slice(part);
        }
    }

    /// How many bytes there are so far.
    pub fn len(&self) -> usize {
        self.buffer.len()
    }

    /// Whether nothing was written.
    pub fn is_empty(&self) -> bool {
        self.buffer.is_empty()
    }

    /// The body.
    pub fn finish(self) -> Bytes {
        self.buffer.freeze()
    }
}

/// Reads frames without copying them.
#[derive(Debug)]
pub struct FrameReader {
    rest: Bytes,
}

impl FrameReader {
    /// Frames of a whole body.
    pub fn new(body: Bytes) -> Self {
        Self { rest: body }
    }

    /// The next frame, if there is one.
    pub fn next_frame(&mut self) -> Result<Option<Bytes>, BadFrames> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        let Some(length) = self.rest.first_chunk::<4>() else {
            return Err(BadFrames::Truncated);
        };
        let length = u32::from_be_bytes(*length) as usize;
        if self.rest.len() - 4 < length {
            return Err(BadFrames::Truncated);
        }
        let mut frame = self.rest.split_to(4 + length);
        Ok(Some(frame.split_off(4)))
    }

    /// The next frame, which the header promised.
    pub fn expect_frame(&mut self) -> Result<Bytes, BadFrames> {
        self.next_frame()?.ok_or(BadFrames::TooFew)
    }

    /// The first frame, as JSON.
    pub fn header<T: serde::de::DeserializeOwned>(&mut self) -> Result<T, BadFrames> {
        let frame = self.next_frame()?.ok_or(BadFrames::NoHeader)?;
        serde_json::from_slice(&frame).map_err(|e| BadFrames::Header(e.to_string()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn frames_come_back_as_they_went(frames in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 0..20)) {
            let mut writer = FrameWriter::with_header(&frames.len());
            for frame in &frames {
                writer.push(frame);
            }
            let mut reader = FrameReader::new(writer.finish());
            prop_assert_eq!(reader.header::<usize>(), Ok(frames.len()));
            for frame in &frames {
                prop_assert_eq!(&reader.expect_frame().expect("there")[..], &frame[..]);
            }
            prop_assert_eq!(reader.next_frame(), Ok(None));
        }

        #[test]
        fn any_bytes_are_read_or_refused_but_never_panic(body in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut reader = FrameReader::new(Bytes::from(body));
            while let Ok(Some(_)) = reader.next_frame() {}
        }
    }

    #[test]
    fn a_cut_body_is_noticed() {
        let mut writer = FrameWriter::with_header(&1);
        writer.push(b"hello");
        let body = writer.finish();
        let mut reader = FrameReader::new(body.slice(..body.len() - 1));
        assert_eq!(reader.header::<u8>(), Ok(1));
        assert_eq!(reader.next_frame(), Err(BadFrames::Truncated));
    }
}
