//! Messages of queues in their binary forms: one frame each, numbers big-endian.

use crate::{Payload, Timestamp, payload::BadPayload};
use bytes::{Buf, BufMut, Bytes, BytesMut};

/// How a body is to be read by a client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MessageKind {
    /// JSON text, UTF-8.
    #[default]
    Json = 0,
    /// A Python pickle.
    Pickle = 1,
}

impl MessageKind {
    /// The kind with this number.
    pub fn from_u8(number: u8) -> Option<Self> {
        match number {
            0 => Some(Self::Json),
            1 => Some(Self::Pickle),
            _ => None,
        }
    }

    /// How it is called in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Pickle => "python_pickle",
        }
    }
}

/// What a message says. Frame form: kind (1), payload.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    pub kind: MessageKind,
    pub payload: Payload,
}

/// A message on its way to who handles it.
///
/// Frame form: id (8), deliveries (4), retries so far (4), retries allowed (4, all ones: as the
/// attachment says), created (8, milliseconds), length of the error (4), the error as JSON
/// (`MessageError`, nothing for ordinary messages), body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivered {
    pub id: i64,
    /// This one included. Ticket of the delivery: `ID-DELIVERIES`.
    pub deliveries: u32,
    pub cur_retry: u32,
    pub max_retries: Option<u32>,
    pub created: Timestamp,
    /// JSON of a `MessageError`.
    pub error: Option<String>,
    pub body: Body,
}

/// What a handler made of a message.
///
/// Frame form: id (8), outcome (1: 0 handled, 1 retry, 2 failed), handling time (8, microseconds),
/// number of outputs (4), then for a retry: delay (4, seconds), retries allowed (4, all ones: as the
/// attachment says); for a failure: number of the `on_error` entry (4, all ones: none), JSON of a
/// `MessageError`. The outputs follow in frames of their own, as bodies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settled {
    pub id: i64,
    pub handled_us: u64,
    /// Each goes to every output queue.
    pub outputs: Vec<Body>,
    pub outcome: MessageOutcome,
}

/// See `Settled`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MessageOutcome {
    Handled,
    /// It comes back as a new message, with one more retry counted.
    Retry {
        delay_s: u32,
        max_retries: Option<u32>,
    },
    /// It is over for the message; it goes to that entry of `on_error`, or nowhere.
    Failed {
        on_error: Option<usize>,
        /// JSON of a `MessageError`.
        error: String,
    },
}

/// A frame that is no message.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadMessage {
    #[error("a message frame is too short")]
    Short,
    #[error("a message is of an unknown kind")]
    Kind,
    #[error("a settled message has an unknown outcome")]
    Outcome,
    #[error("the error of a message is not UTF-8")]
    Text,
    #[error(transparent)]
    Payload(#[from] BadPayload),
}

const NONE: u32 = u32::MAX;

impl Body {
    /// A JSON value.
    pub fn json(value: &serde_json::Value) -> Self {
        Self {
            kind: MessageKind::Json,
            payload: Payload::Inline(value.to_string().into()),
        }
    }

    /// The frame form.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::new();
        self.encode_into(&mut out);
        out.freeze()
    }

    fn encode_into(&self, out: &mut BytesMut) {
        out.put_u8(self.kind as u8);
        out.put_slice(&self.payload.encode());
    }

    /// Reads the frame form.
    pub fn decode(mut frame: Bytes) -> Result<Self, BadMessage> {
        if frame.is_empty() {
            return Err(BadMessage::Short);
        }
        let kind = MessageKind::from_u8(frame.get_u8()).ok_or(BadMessage::Kind)?;
        let payload = Payload::decode(frame)?;
        Ok(Self { kind, payload })
    }
}

impl Delivered {
    /// The frame form.
    pub fn encode(&self) -> Bytes {
        let error = self.error.as_deref().unwrap_or_default();
        let mut out = BytesMut::with_capacity(64 + error.len());
        out.put_i64(self.id);
        out.put_u32(self.deliveries);
        out.put_u32(self.cur_retry);
        out.put_u32(self.max_retries.unwrap_or(NONE));
        out.put_i64(self.created.0);
        out.put_u32(error.len() as u32);
        out.put_slice(error.as_bytes());
        self.body.encode_into(&mut out);
        out.freeze()
    }

    /// Reads the frame form.
    pub fn decode(mut frame: Bytes) -> Result<Self, BadMessage> {
        if frame.len() < 32 {
            return Err(BadMessage::Short);
        }
        let id = frame.get_i64();
        let deliveries = frame.get_u32();
        let cur_retry = frame.get_u32();
        let max_retries = some(frame.get_u32());
        let created = Timestamp(frame.get_i64());
        let length = frame.get_u32() as usize;
        if frame.len() < length {
            return Err(BadMessage::Short);
        }
        let error = text(frame.split_to(length))?;
        Ok(Self {
            id,
            deliveries,
            cur_retry,
            max_retries,
            created,
            error: Some(error).filter(|e| !e.is_empty()),
            body: Body::decode(frame)?,
        })
    }
}

impl Settled {
    /// The frame form, without its outputs.
    pub fn encode(&self) -> Bytes {
        let mut out = BytesMut::with_capacity(32);
        out.put_i64(self.id);
        out.put_u8(match self.outcome {
            MessageOutcome::Handled => 0,
            MessageOutcome::Retry { .. } => 1,
            MessageOutcome::Failed { .. } => 2,
        });
        out.put_u64(self.handled_us);
        out.put_u32(self.outputs.len() as u32);
        match &self.outcome {
            MessageOutcome::Handled => {}
            MessageOutcome::Retry {
                delay_s,
                max_retries,
            } => {
                out.put_u32(*delay_s);
                out.put_u32(max_retries.unwrap_or(NONE));
            }
            MessageOutcome::Failed { on_error, error } => {
                out.put_u32(on_error.map_or(NONE, |entry| entry as u32));
                out.put_slice(error.as_bytes());
            }
        }
        out.freeze()
    }

    /// Reads the frame form; also how many outputs follow it.
    pub fn decode(mut frame: Bytes) -> Result<(Self, u32), BadMessage> {
        if frame.len() < 21 {
            return Err(BadMessage::Short);
        }
        let id = frame.get_i64();
        let outcome = frame.get_u8();
        let handled_us = frame.get_u64();
        let outputs = frame.get_u32();
        let outcome = match outcome {
            0 => MessageOutcome::Handled,
            1 if frame.len() >= 8 => MessageOutcome::Retry {
                delay_s: frame.get_u32(),
                max_retries: some(frame.get_u32()),
            },
            2 if frame.len() >= 4 => MessageOutcome::Failed {
                on_error: some(frame.get_u32()).map(|entry| entry as usize),
                error: text(frame)?,
            },
            1 | 2 => return Err(BadMessage::Short),
            _ => return Err(BadMessage::Outcome),
        };
        let settled = Self {
            id,
            handled_us,
            outputs: Vec::new(),
            outcome,
        };
        Ok((settled, outputs))
    }
}

fn some(number: u32) -> Option<u32> {
    Some(number).filter(|n| *n != NONE)
}

fn text(bytes: Bytes) -> Result<String, BadMessage> {
    String::from_utf8(bytes.into()).map_err(|_| BadMessage::Text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn body() -> Body {
        Body::json(&serde_json::json!({"a": [1, null]}))
    }

    #[test]
    fn a_delivered_message_survives_its_frame() {
        for (max_retries, error) in [(None, None), (Some(0), Some("{}".to_owned()))] {
            let message = Delivered {
                id: 7,
                deliveries: 2,
                cur_retry: 1,
                max_retries,
                created: Timestamp(5),
                error,
                body: body(),
            };
            assert_eq!(Delivered::decode(message.encode()), Ok(message));
        }
    }

    #[test]
    fn a_settled_message_survives_its_frame() {
        let outcomes = [
            MessageOutcome::Handled,
            MessageOutcome::Retry {
                delay_s: 60,
                max_retries: Some(3),
            },
            MessageOutcome::Failed {
                on_error: Some(1),
                error: "{}".to_owned(),
            },
        ];
        for outcome in outcomes {
            let settled = Settled {
                id: 9,
                handled_us: 12,
                outputs: Vec::new(),
                outcome,
            };
            assert_eq!(Settled::decode(settled.encode()), Ok((settled, 0)));
        }
    }

    proptest! {
        #[test]
        fn strange_frames_are_refused_or_read_but_never_a_panic(bytes: Vec<u8>) {
            let frame = Bytes::from(bytes);
            let _ = Delivered::decode(frame.clone());
            let _ = Settled::decode(frame.clone());
            let _ = Body::decode(frame);
        }
    }
}
