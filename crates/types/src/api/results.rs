//! Results, in the order asked, as far as they are there.

use crate::{Failure, Jid, JidSet, JobState, Payload, payload::BadPayload};
use bytes::{BufMut, Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// `POST /v1/jobs/results`.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResultsRequest {
    pub jids: JidSet,
    /// How long to wait for the first of them, at most 60,000.
    #[serde(default)]
    pub timeout_ms: u64,
    /// Once the first is there, wait this much longer for more, at most 1,000.
    #[serde(default)]
    pub linger_ms: u64,
    /// Most results in one reply; at most and by default 4,000.
    #[serde(default)]
    pub max_count: Option<u64>,
}

/// Header of the reply. `count` result frames follow: the finished jobs from the start of the
/// list up to the first unfinished one (or a full reply). `ResultFrame` says what is in one.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct ResultsHeader {
    pub count: usize,
}

/// One result frame: job id (8 bytes, big-endian), state number (1), length of the failure's
/// JSON (4, zero for a result), that JSON, and the payload of the result or of the pickled exception.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ResultFrame {
    pub jid: Jid,
    pub state: JobState,
    pub failure: Option<Failure>,
    pub payload: Payload,
}

/// A result frame that is none.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadResult {
    #[error("a result frame is cut short or names no state")]
    Shape,
    #[error("the failure in a result frame is not the JSON expected")]
    Failure,
    #[error(transparent)]
    Payload(#[from] BadPayload),
}

impl ResultFrame {
    /// The frame.
    ///
    /// # Panics
    /// Never: a failure has a JSON form.
    pub fn encode(&self) -> Bytes {
        let failure = self
            .failure
            .as_ref()
            .map(|f| serde_json::to_vec(f).expect("a failure has a JSON form"));
        let failure = failure.unwrap_or_default();
        let payload = self.payload.encode();
        let mut out = BytesMut::with_capacity(13 + failure.len() + payload.len());
        out.put_i64(self.jid.0);
        out.put_u8(self.state as u8);
        out.put_u32(u32::try_from(failure.len()).unwrap_or(0));
        out.put_slice(&failure);
        out.put_slice(&payload);
        out.freeze()
    }

    /// Reads one.
    pub fn decode(mut frame: Bytes) -> Result<Self, BadResult> {
        if frame.len() < 14 {
            return Err(BadResult::Shape);
        }
        let head = frame.split_to(13);
        let jid = Jid(i64::from_be_bytes(
            head[..8].try_into().map_err(|_| BadResult::Shape)?,
        ));
        let state = JobState::from_number(head[8]).ok_or(BadResult::Shape)?;
        let length =
            u32::from_be_bytes(head[9..13].try_into().map_err(|_| BadResult::Shape)?) as usize;
        if length > frame.len() {
            return Err(BadResult::Shape);
        }
        let json = frame.split_to(length);
        let failure = match length {
            0 => None,
            _ => Some(serde_json::from_slice(&json).map_err(|_| BadResult::Failure)?),
        };
        Ok(Self {
            jid,
            state,
            failure,
            payload: Payload::decode(frame)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Verdict;

    #[test]
    fn a_result_survives_its_frame() {
        let failure = Failure {
            verdict: Verdict::Exited { code: 3 },
            exception: "x".into(),
            exception_type: None,
            hint: None,
        };
        for (state, failure) in [(JobState::Done, None), (JobState::Error, Some(failure))] {
            let frame = ResultFrame {
                jid: Jid(7),
                state,
                failure,
                payload: Payload::Inline(Bytes::from_static(b"abc")),
            };
            assert_eq!(ResultFrame::decode(frame.encode()), Ok(frame));
        }
    }

    #[test]
    fn a_cut_result_frame_is_refused() {
        let frame = ResultFrame {
            jid: Jid(7),
            state: JobState::Done,
            failure: None,
            payload: Payload::empty(),
        }
        .encode();
        for end in 0..frame.len() {
            assert!(
                ResultFrame::decode(frame.slice(..end)).is_err(),
                "{end} bytes"
            );
        }
    }
}
