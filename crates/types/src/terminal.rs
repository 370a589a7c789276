//! What a terminal and the shell of a job say to each other: one frame after the other, in the bodies of two requests.
//!
//! A frame is its kind, the length of the rest as four bytes, and the rest. Numbers are big-endian.

use bytes::{BufMut, Bytes, BytesMut};

/// The media type of both bodies, in both directions.
pub const MEDIA_TYPE: &str = "application/vnd.picloud.terminal";
/// Most bytes of one frame after its length.
pub const FRAME_MAX_BYTES: usize = 64 << 10;

const HEAD_BYTES: usize = 5;

/// One thing said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Frame {
    /// What was typed or written. Empty from the terminal: there will be no more.
    Data(Bytes),
    /// How large the terminal is now.
    Window { columns: u16, rows: u16 },
    /// The shell has ended with this status.
    Exit(u32),
    /// Nothing; the line is still there.
    KeepAlive,
    /// To the job: a terminal was opened.
    Opened,
    /// To the job: it was closed.
    Closed,
}

/// Bytes that are no frames.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTerminal {
    #[error("a frame has {0} bytes, more than {FRAME_MAX_BYTES}")]
    TooLong(usize),
    #[error("a frame is of the unknown kind {0}, or too short for its kind")]
    Unknown(u8),
}

impl Frame {
    /// As it travels. Data longer than a frame may be is the caller's to cut.
    pub fn encode(&self) -> Bytes {
        let (kind, rest): (u8, &[u8]) = match self {
            Self::Data(bytes) => (b'd', bytes),
            Self::Window { columns, rows } => {
                let ([a, b], [c, d]) = (columns.to_be_bytes(), rows.to_be_bytes());
                return framed(b'w', &[a, b, c, d]);
            }
            Self::Exit(status) => return framed(b'x', &status.to_be_bytes()),
            Self::KeepAlive => (b'k', &[]),
            Self::Opened => (b'o', &[]),
            Self::Closed => (b'c', &[]),
        };
        framed(kind, rest)
    }

    fn decode(kind: u8, rest: Bytes) -> Result<Self, BadTerminal> {
        Ok(match (kind, &*rest) {
            (b'd', _) => Self::Data(rest),
            (b'w', &[a, b, c, d]) => Self::Window {
                columns: u16::from_be_bytes([a, b]),
                rows: u16::from_be_bytes([c, d]),
            },
            (b'x', &[a, b, c, d]) => Self::Exit(u32::from_be_bytes([a, b, c, d])),
            (b'k', []) => Self::KeepAlive,
            (b'o', []) => Self::Opened,
            (b'c', []) => Self::Closed,
            _ => return Err(BadTerminal::Unknown(kind)),
        })
    }
}

fn framed(kind: u8, rest: &[u8]) -> Bytes {
    let mut out = BytesMut::with_capacity(HEAD_BYTES + rest.len());
    out.put_u8(kind);
    out.put_u32(u32::try_from(rest.len()).unwrap_or(u32::MAX));
    out.put_slice(rest);
    out.freeze()
}

/// Finds frames in bytes however they were cut. Holds less than one frame besides what it is fed.
#[derive(Debug, Default)]
pub struct Decoder {
    buffer: BytesMut,
}

impl Decoder {
    /// Takes the next bytes.
    pub fn feed(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame, if all of it is there.
    pub fn next_frame(&mut self) -> Result<Option<Frame>, BadTerminal> {
        let &[kind, a, b, c, d, ..] = &self.buffer[..] else {
            return Ok(None);
        };
        let length = usize::try_from(u32::from_be_bytes([a, b, c, d])).unwrap_or(usize::MAX);
        if length > FRAME_MAX_BYTES {
            return Err(BadTerminal::TooLong(length));
        }
        if self.buffer.len() < HEAD_BYTES + length {
            return Ok(None);
        }
        let mut frame = self.buffer.split_to(HEAD_BYTES + length);
        let rest = frame.split_off(HEAD_BYTES).freeze();
        Frame::decode(kind, rest).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_the_same_however_the_bytes_are_cut() {
        let said = [
            Frame::Data(Bytes::from_static(b"ls\n")),
            Frame::Data(Bytes::new()),
            Frame::Window {
                columns: 300,
                rows: 24,
            },
            Frame::Exit(130),
            Frame::KeepAlive,
            Frame::Opened,
            Frame::Closed,
        ];
        let bytes: Vec<u8> = said.iter().flat_map(Frame::encode).collect();
        for size in 1..=bytes.len() {
            let (mut decoder, mut heard) = (Decoder::default(), Vec::new());
            for part in bytes.chunks(size) {
                decoder.feed(part);
                while let Some(frame) = decoder.next_frame().expect("frames") {
                    heard.push(frame);
                }
            }
            assert_eq!(heard, said, "in parts of {size}");
        }
    }

    #[test]
    fn what_is_no_frame_is_refused_before_it_is_there() {
        for (bytes, error) in [
            (&b"d\x00\x01\x00\x01"[..], BadTerminal::TooLong(0x1_0001)),
            (b"w\x00\x00\x00\x01x", BadTerminal::Unknown(b'w')),
            (b"?\x00\x00\x00\x00", BadTerminal::Unknown(b'?')),
        ] {
            let mut decoder = Decoder::default();
            decoder.feed(bytes);
            assert_eq!(decoder.next_frame(), Err(error));
        }
    }
}
