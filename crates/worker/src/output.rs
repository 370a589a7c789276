//! What a job says, gathered into pieces worth a report and cut where nobody could keep it.
//!
//! A stream is forwarded up to the number of bytes the server keeps. What follows goes through
//! a ring of the last bytes, sent when the job ends, so that a job that prints a gigabyte
//! costs neither network nor memory, and its last words are there all the same.

use bytes::{Bytes, BytesMut};
use picloud_types::{
    Stream,
    limits::{LOG_HEAD_KEEP_BYTES, LOG_TAIL_KEEP_BYTES},
};
use std::collections::VecDeque;

/// Most bytes of one piece.
pub(crate) const PIECE_MAX_BYTES: usize = 64 * 1024;

/// A piece of a stream, ready to be reported.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Piece {
    pub(crate) stream: Stream,
    pub(crate) offset: u64,
    pub(crate) bytes: Bytes,
}

/// The streams of one running job.
#[derive(Debug)]
pub(crate) struct JobOutput {
    streams: [StreamOutput; 5],
    forward_max: u64,
    tail_max: u64,
}

#[derive(Debug, Default)]
struct StreamOutput {
    /// Bytes seen.
    total: u64,
    /// The last of them, not yet handed on.
    pending: BytesMut,
    /// Only once `total` is beyond `forward_max`.
    tail: VecDeque<BytesMut>,
    tail_bytes: u64,
}

impl Default for JobOutput {
    fn default() -> Self {
        Self::new(
            LOG_HEAD_KEEP_BYTES + LOG_TAIL_KEEP_BYTES,
            LOG_TAIL_KEEP_BYTES,
        )
    }
}

impl JobOutput {
    /// Streams that forward `forward_max` bytes and then keep the last `tail_max`.
    pub(crate) fn new(forward_max: u64, tail_max: u64) -> Self {
        Self {
            streams: Default::default(),
            forward_max,
            tail_max,
        }
    }

    /// Takes bytes in; adds pieces that became full to `out`. Answers whether the stream went
    /// beyond its limit just now.
    pub(crate) fn push(&mut self, stream: Stream, bytes: &[u8], out: &mut Vec<Piece>) -> bool {
        let (forward_max, tail_max) = (self.forward_max, self.tail_max);
        let state = &mut self.streams[stream as usize];
        let before = state.total;
        state.total += bytes.len() as u64;
        let forwarded = bytes
            .len()
            .min(to_usize(forward_max.saturating_sub(before)));
        let (mut live, beyond) = bytes.split_at(forwarded);
        let mut at = before;
        while !live.is_empty() {
            let room = PIECE_MAX_BYTES - state.pending.len();
            let (now, later) = live.split_at(live.len().min(room));
            state.pending.extend_from_slice(now);
            at += now.len() as u64;
            live = later;
            if state.pending.len() == PIECE_MAX_BYTES {
                out.push(state.piece(stream, at));
            }
        }
        if beyond.is_empty() {
            return false;
        }
        if !state.pending.is_empty() {
            out.push(state.piece(stream, at));
        }
        state.keep(beyond, tail_max);
        before <= forward_max && state.total > forward_max
    }

    /// Whether some bytes wait to be handed on.
    pub(crate) fn is_pending(&self) -> bool {
        self.streams.iter().any(|s| !s.pending.is_empty())
    }

    /// Hands on what is there.
    pub(crate) fn flush(&mut self, out: &mut Vec<Piece>) {
        for stream in Stream::ALL {
            let state = &mut self.streams[stream as usize];
            if !state.pending.is_empty() {
                out.push(state.piece(stream, state.total));
            }
        }
    }

    /// Hands on everything, the tails of streams that were cut too, and begins anew.
    pub(crate) fn finish(&mut self, out: &mut Vec<Piece>) {
        self.flush(out);
        for stream in Stream::ALL {
            let state = &mut self.streams[stream as usize];
            if state.total == 0 {
                continue;
            }
            let mut offset = state.total - state.tail_bytes;
            for chunk in state.tail.drain(..) {
                let bytes = chunk.freeze();
                let next = offset + bytes.len() as u64;
                out.push(Piece {
                    stream,
                    offset,
                    bytes,
                });
                offset = next;
            }
            *state = StreamOutput::default();
        }
    }
}

impl StreamOutput {
    /// The pending bytes, which end at `end`.
    fn piece(&mut self, stream: Stream, end: u64) -> Piece {
        let bytes = self.pending.split().freeze();
        Piece {
            stream,
            offset: end - bytes.len() as u64,
            bytes,
        }
    }

    fn keep(&mut self, mut bytes: &[u8], tail_max: u64) {
        while !bytes.is_empty() {
            if self.tail.back().is_none_or(|b| b.len() == PIECE_MAX_BYTES) {
                // The oldest piece becomes the newest, so that a flood allocates nothing.
                let recycled = match self.tail.front() {
                    Some(oldest) if self.tail_bytes - oldest.len() as u64 >= tail_max => {
                        self.tail_bytes -= oldest.len() as u64;
                        self.tail.pop_front()
                    }
                    _ => None,
                };
                let mut chunk =
                    recycled.unwrap_or_else(|| BytesMut::with_capacity(PIECE_MAX_BYTES));
                chunk.clear();
                self.tail.push_back(chunk);
            }
            let Some(last) = self.tail.back_mut() else {
                return;
            };
            let (now, later) = bytes.split_at(bytes.len().min(PIECE_MAX_BYTES - last.len()));
            last.extend_from_slice(now);
            self.tail_bytes += now.len() as u64;
            bytes = later;
        }
    }
}

fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(length: usize) -> Vec<u8> {
        (0..length).map(|i| (i % 251) as u8).collect()
    }

    /// Pieces lie where their bytes came from, and none is too long.
    fn check_pieces(pieces: &[Piece], sent: &[u8]) {
        for piece in pieces {
            let at = to_usize(piece.offset);
            assert_eq!(&piece.bytes[..], &sent[at..at + piece.bytes.len()]);
            assert!(piece.bytes.len() <= PIECE_MAX_BYTES);
        }
    }

    fn covered(pieces: &[Piece]) -> u64 {
        pieces.iter().map(|p| p.bytes.len() as u64).sum()
    }

    #[test]
    fn little_output_arrives_whole_and_in_one_piece() {
        let (mut output, mut pieces) = (JobOutput::default(), Vec::new());
        output.push(Stream::Stdout, b"hello ", &mut pieces);
        output.push(Stream::Stdout, b"world", &mut pieces);
        assert!(pieces.is_empty() && output.is_pending());
        output.finish(&mut pieces);
        assert_eq!(pieces.len(), 1);
        assert_eq!(&pieces[0].bytes[..], b"hello world");
        assert!(!output.is_pending());
    }

    #[test]
    fn long_output_is_cut_into_pieces_without_a_gap() {
        let sent = sample(5 * PIECE_MAX_BYTES + 17);
        let (mut output, mut pieces) = (JobOutput::default(), Vec::new());
        for part in sent.chunks(10_007) {
            output.push(Stream::Stderr, part, &mut pieces);
        }
        output.finish(&mut pieces);
        check_pieces(&pieces, &sent);
        assert_eq!(covered(&pieces), sent.len() as u64);
    }

    #[test]
    fn a_flood_keeps_its_beginning_and_its_end() {
        let (head, tail) = (200_000, 300_000);
        let sent = sample(3_000_000);
        let (mut output, mut pieces) = (JobOutput::new(head, tail), Vec::new());
        let mut told = 0;
        for part in sent.chunks(4_096) {
            told += u32::from(output.push(Stream::Stdout, part, &mut pieces));
        }
        assert_eq!(told, 1, "the cut is told once");
        assert_eq!(covered(&pieces), head, "forwarded while it ran");
        let memory: u64 = output.streams[0]
            .tail
            .iter()
            .map(|b| b.capacity() as u64)
            .sum();
        assert!(memory <= tail + 2 * PIECE_MAX_BYTES as u64, "{memory}");
        pieces.clear();
        output.finish(&mut pieces);
        check_pieces(&pieces, &sent);
        assert!(covered(&pieces) >= tail);
        let last = pieces.last().expect("a tail");
        assert_eq!(last.offset + last.bytes.len() as u64, sent.len() as u64);
    }

    #[test]
    fn the_next_job_starts_at_zero() {
        let (mut output, mut pieces) = (JobOutput::default(), Vec::new());
        output.push(Stream::Stdout, b"one", &mut pieces);
        output.finish(&mut pieces);
        output.push(Stream::Stdout, b"two", &mut pieces);
        output.finish(&mut pieces);
        assert_eq!(pieces[1].offset, 0);
    }
}
