//! The model: messages in a list, looked through from end to end for every question.

/// Where a message is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    Waiting,
    Delivered { until: i64 },
    Held { handler: usize },
}

#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) queue: usize,
    pub(super) text: String,
    /// Learned from the store, which gives numbers.
    pub(super) id: Option<i64>,
    pub(super) at: i64,
    pub(super) deliveries: u32,
    pub(super) cur_retry: u32,
    pub(super) is_error: bool,
    pub(super) suspect: bool,
    pub(super) crashes: u32,
    pub(super) place: Place,
}

#[derive(Debug, Default)]
pub(super) struct Model {
    pub(super) messages: Vec<Message>,
}

/// A message is a suspect alone for so long.
const PATIENCE_MS: i64 = 10_000;
/// `max_crashes` of all attachments.
pub(super) const MAX_CRASHES: u32 = 1;

impl Model {
    pub(super) fn put(&mut self, queue: usize, text: String, at: i64) {
        self.messages.push(Message {
            queue,
            text,
            id: None,
            at,
            deliveries: 0,
            cur_retry: 0,
            is_error: false,
            suspect: false,
            crashes: 0,
            place: Place::Waiting,
        });
    }

    /// Places of messages in the list, in the order they are handed out.
    pub(super) fn line(&self, queue: usize, now: i64) -> Vec<usize> {
        let mut line: Vec<usize> = (0..self.messages.len())
            .filter(|n| {
                let m = &self.messages[*n];
                m.queue == queue && m.place == Place::Waiting && m.at <= now
            })
            .collect();
        line.sort_by_key(|n| (self.messages[*n].at, self.messages[*n].id));
        line
    }

    pub(super) fn held_by(&self, handler: usize) -> Vec<usize> {
        let is_held = |n: &usize| self.messages[*n].place == Place::Held { handler };
        (0..self.messages.len()).filter(is_held).collect()
    }

    pub(super) fn by_id(&self, id: i64) -> Option<usize> {
        self.messages.iter().position(|m| m.id == Some(id))
    }

    /// Removes messages, by their places in the list.
    pub(super) fn remove(&mut self, mut gone: Vec<usize>) {
        gone.sort_unstable();
        for n in gone.into_iter().rev() {
            self.messages.remove(n);
        }
    }

    /// Deadlines that are over, of one queue or all of them.
    pub(super) fn bring_back(&mut self, queue: Option<usize>, now: i64) {
        for m in &mut self.messages {
            if let Place::Delivered { until } = m.place
                && until <= now
                && queue.is_none_or(|queue| queue == m.queue)
            {
                m.place = Place::Waiting;
            }
        }
    }

    /// What a handler that asks for `lease` gets.
    pub(super) fn leased(&self, queue: usize, handler: usize, lease: u32, now: i64) -> Vec<usize> {
        let line = self.line(queue, now);
        let held = self.held_by(handler);
        if held.iter().any(|n| self.messages[*n].suspect) || lease == 0 {
            return Vec::new();
        }
        match line.first() {
            Some(first) if self.messages[*first].suspect => {
                if held.is_empty() {
                    return vec![*first];
                }
                if now - self.messages[*first].at >= PATIENCE_MS {
                    return Vec::new();
                }
            }
            _ => {}
        }
        let others = line.into_iter().filter(|n| !self.messages[*n].suspect);
        others.take(lease as usize).collect()
    }

    /// A handler's attempt ended, by its own fault or not.
    pub(super) fn release(&mut self, handler: usize, crashed: bool, errors: usize, now: i64) {
        let held = self.held_by(handler);
        let alone = held.len() == 1;
        for n in held {
            let m = &mut self.messages[n];
            m.place = Place::Waiting;
            m.suspect |= crashed;
            if crashed && alone {
                m.crashes += 1;
                m.at = now;
                if m.crashes > MAX_CRASHES {
                    *m = Message {
                        queue: errors,
                        id: None,
                        deliveries: 0,
                        cur_retry: 0,
                        is_error: true,
                        suspect: false,
                        crashes: 0,
                        ..m.clone()
                    };
                }
            }
        }
    }
}
