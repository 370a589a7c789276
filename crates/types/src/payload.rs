//! A pickled value on its way: inside the message when small, as a blob when not.

use crate::Hash;
use bytes::{BufMut, Bytes, BytesMut};

/// Bytes nobody but a runner or a client looks into.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Payload {
    /// The bytes themselves. An empty one stands for "nothing".
    Inline(Bytes),
    /// The content hash of an uploaded blob of the same account, and its size in bytes.
    Blob { hash: Hash, size: u64 },
}

/// Up to this many bytes a payload stays in the row and in the message; 64 KiB, where one
/// more round trip starts to cost less than a bigger row.
pub const INLINE_MAX_BYTES: usize = 64 * 1024;

/// A frame that is no payload.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadPayload {
    #[error("a payload frame is empty or of an unknown kind")]
    Kind,
    #[error("an inline payload has {0} bytes, more than {INLINE_MAX_BYTES}; upload it as a blob")]
    TooBig(usize),
}

const INLINE: u8 = 0;
const BLOB: u8 = 1;

impl Payload {
    /// No bytes.
    pub fn empty() -> Self {
        Self::Inline(Bytes::new())
    }

    /// Bytes of the value, wherever they are.
    pub fn size(&self) -> u64 {
        match self {
            Self::Inline(bytes) => bytes.len() as u64,
            Self::Blob { size, .. } => *size,
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.size() == 0
    }

    /// The blob it refers to, if it does.
    pub fn blob(&self) -> Option<(Hash, u64)> {
        match self {
            Self::Inline(_) => None,
            Self::Blob { hash, size } => Some((*hash, *size)),
        }
    }

    /// Frame form: a kind byte, then the bytes, or hash (32) and big-endian size (8).
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        match self {
            Self::Inline(bytes) => {
                out.reserve(1 + bytes.len());
                out.put_u8(INLINE);
                out.put_slice(bytes);
            }
            Self::Blob { hash, size } => {
                out.put_u8(BLOB);
                out.put_slice(hash.as_bytes());
                out.put_u64(*size);
            }
        }
        out.freeze()
    }

    /// Reads the frame form.
    pub fn decode(mut frame: Bytes) -> Result<Self, BadPayload> {
        match frame.first() {
            Some(&INLINE) => {
                let bytes = frame.split_off(1);
                if bytes.len() > INLINE_MAX_BYTES {
                    return Err(BadPayload::TooBig(bytes.len()));
                }
                Ok(Self::Inline(bytes))
            }
            Some(&BLOB) if frame.len() == 41 => {
                let mut hash = [0; 32];
                hash.copy_from_slice(&frame[1..33]);
                let mut size = [0; 8];
                size.copy_from_slice(&frame[33..]);
                Ok(Self::Blob {
                    hash: Hash(hash),
                    size: u64::from_be_bytes(size),
                })
            }
            _ => Err(BadPayload::Kind),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_kinds_survive_their_frame() {
        let blob = Payload::Blob {
            hash: Hash::of(b"b"),
            size: 1 << 40,
        };
        for payload in [
            Payload::empty(),
            Payload::Inline(Bytes::from_static(b"abc")),
            blob,
        ] {
            assert_eq!(Payload::decode(payload.encode()), Ok(payload));
        }
    }

    #[test]
    fn strange_frames_are_refused() {
        assert_eq!(Payload::decode(Bytes::new()), Err(BadPayload::Kind));
        assert_eq!(
            Payload::decode(Bytes::from_static(b"\x07abc")),
            Err(BadPayload::Kind)
        );
        assert_eq!(
            Payload::decode(Bytes::from_static(b"\x01short")),
            Err(BadPayload::Kind)
        );
        let big = Bytes::from(vec![0; INLINE_MAX_BYTES + 2]);
        assert_eq!(
            Payload::decode(big),
            Err(BadPayload::TooBig(INLINE_MAX_BYTES + 1))
        );
    }
}
