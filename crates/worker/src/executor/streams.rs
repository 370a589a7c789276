//! What the running job says, through its socket or its pipes.

use super::Executor;
use crate::output::{PIECE_MAX_BYTES, Piece};
use bytes::BytesMut;
use picloud_types::{Stream, api::workers::AttemptRef};
use std::time::Instant;

impl Executor {
    /// What came through a pipe belongs to the job that runs, if one does.
    pub(super) fn overhear(
        &mut self,
        stream: Stream,
        read: &std::io::Result<usize>,
        bytes: &mut BytesMut,
    ) {
        if !matches!(read, Ok(1..)) {
            match stream {
                Stream::Stdout => self.stdout = None,
                _ => self.stderr = None,
            }
            return;
        }
        self.said(stream, bytes);
        bytes.clear();
    }

    pub(super) fn said(&mut self, stream: Stream, bytes: &[u8]) {
        let Some(of) = self.window.front().map(|s| s.job.of) else {
            return;
        };
        let mut pieces = Vec::new();
        if self.output.push(stream, bytes, &mut pieces) {
            let line =
                format!("{stream} is longer than what is kept; its middle will be missing\n");
            self.output
                .push(Stream::Pilog, line.as_bytes(), &mut pieces);
        }
        if self.output_since.is_none() && self.output.is_pending() {
            self.output_since = Some(Instant::now());
        }
        self.forward(of, pieces);
    }

    pub(super) fn forward(&self, of: AttemptRef, pieces: Vec<Piece>) {
        if !pieces.is_empty() {
            self.shared.outbox.output(of, pieces);
        }
    }

    pub(super) fn flush_output(&mut self) {
        self.output_since = None;
        if let Some(of) = self.window.front().map(|s| s.job.of) {
            let mut pieces = Vec::new();
            self.output.flush(&mut pieces);
            self.forward(of, pieces);
        }
    }

    /// Reads what the pipes hold at this moment.
    pub(super) fn drain_pipes(&mut self) {
        let mut chunk = vec![0; PIECE_MAX_BYTES];
        for stream in [Stream::Stdout, Stream::Stderr] {
            loop {
                let pipe = match stream {
                    Stream::Stdout => &self.stdout,
                    _ => &self.stderr,
                };
                match pipe.as_ref().map(|p| p.try_read(&mut chunk)) {
                    Some(Ok(count @ 1..)) => self.said(stream, &chunk[..count]),
                    _ => break,
                }
            }
        }
    }

    pub(super) fn close_output(&mut self) {
        self.output_since = None;
        if let Some(of) = self.window.front().map(|s| s.job.of) {
            let mut pieces = Vec::new();
            self.output.finish(&mut pieces);
            self.forward(of, pieces);
        }
    }
}
