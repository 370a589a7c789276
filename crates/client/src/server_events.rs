//! Server-sent events, from bytes however they were cut.

use crate::{ClientError, Result};

/// Longest event. Ours are a few hundred bytes.
const EVENT_MAX_BYTES: usize = 1 << 20;

/// One event: its name and what it carries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct ServerEvent {
    pub(crate) name: String,
    pub(crate) data: String,
}

/// Puts events together.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    line: Vec<u8>,
    event: ServerEvent,
}

impl Decoder {
    /// Takes the next bytes; returns the events they complete.
    pub(crate) fn feed(&mut self, bytes: &[u8]) -> Result<Vec<ServerEvent>> {
        let mut events = Vec::new();
        for part in bytes.split_inclusive(|byte| *byte == b'\n') {
            if self.line.len() + self.event.data.len() + part.len() > EVENT_MAX_BYTES {
                let msg = "an event of the server does not end";
                return Err(ClientError::Protocol(msg.to_owned()));
            }
            self.line.extend_from_slice(part);
            if part.ends_with(b"\n") {
                let line = std::mem::take(&mut self.line);
                events.extend(self.end_line(&String::from_utf8_lossy(&line)));
            }
        }
        Ok(events)
    }

    fn end_line(&mut self, line: &str) -> Option<ServerEvent> {
        let line = line.trim_end_matches(['\r', '\n']);
        if line.is_empty() {
            let event = std::mem::take(&mut self.event);
            return (!event.data.is_empty()).then_some(event);
        }
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => value.clone_into(&mut self.event.name),
            "data" => {
                if !self.event.data.is_empty() {
                    self.event.data.push('\n');
                }
                self.event.data.push_str(value);
            }
            // Comments, which have an empty name, ids, which the data has too, and what is new.
            _ => {}
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(name: &str, data: &str) -> ServerEvent {
        ServerEvent {
            name: name.to_owned(),
            data: data.to_owned(),
        }
    }

    #[test]
    fn events_are_the_same_however_the_bytes_are_cut() {
        let text = ": comment\n\nevent: status\ndata: {\"a\":1}\n\nevent:sample\r\nid: 7\r\ndata: x\r\ndata: \u{fc}\r\n\r\nevent: none\n\n";
        let expected = [event("status", "{\"a\":1}"), event("sample", "x\n\u{fc}")];
        for size in 1..=text.len() {
            let mut decoder = Decoder::default();
            let mut events = Vec::new();
            for part in text.as_bytes().chunks(size) {
                events.extend(decoder.feed(part).expect("small"));
            }
            assert_eq!(events, expected, "in parts of {size}");
        }
    }

    #[test]
    fn an_event_without_end_is_given_up() {
        let mut decoder = Decoder::default();
        let part = vec![b'x'; 100_000];
        let refused = (0..20).find_map(|_| decoder.feed(&part).err());
        assert!(refused.is_some_and(|e| e.to_string().contains("does not end")));
    }
}
