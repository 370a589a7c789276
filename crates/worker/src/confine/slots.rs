//! Places for processes of jobs: a number each, with ids that nobody else has while it is taken.

use super::ids;
use picloud_sandbox::user;
use picloud_types::api::workers::Isolation;
use std::{
    collections::{BTreeSet, HashMap},
    io,
    os::fd::OwnedFd,
    sync::{Arc, Mutex, PoisonError},
};

/// Most processes of one worker at a time.
pub(crate) const MAX: u32 = user::SLOTS;

/// All places.
#[derive(Debug)]
pub(crate) struct Slots {
    isolation: Isolation,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Numbers below `next` that are free.
    free: BTreeSet<u32>,
    next: u32,
    /// User namespaces made so far. A place keeps its own for whoever comes next.
    users: HashMap<u32, OwnedFd>,
}

/// A taken place.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    number: u32,
}

impl Slots {
    pub(crate) fn new(isolation: Isolation) -> Self {
        Self {
            isolation,
            state: Mutex::default(),
        }
    }

    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a place, the lowest one that is free.
    pub(crate) fn take(self: &Arc<Self>) -> Result<Slot, String> {
        let mut state = self.state();
        let number = match state.free.pop_first() {
            Some(number) => number,
            None if state.next < MAX => {
                state.next += 1;
                state.next - 1
            }
            None => return Err(format!("this worker runs {MAX} processes of jobs already")),
        };
        Ok(Slot {
            slots: Arc::clone(self),
            number,
        })
    }
}

impl Slot {
    pub(crate) fn number(&self) -> u32 {
        self.number
    }

    /// Of its control group.
    pub(crate) fn name(&self) -> String {
        format!("slot-{}", self.number)
    }

    /// What an id inside is outside; none for plain processes and where it is the worker's own.
    pub(crate) fn outside(&self, inside: u32) -> Option<u32> {
        match ids(self.slots.isolation, self.number)? {
            ids @ user::Ids::Range { .. } => Some(ids.outside(inside, 0)),
            user::Ids::Single { .. } => None,
        }
    }

    /// A descriptor of its user namespace.
    pub(crate) fn user_namespace(&self) -> io::Result<OwnedFd> {
        let ids = ids(self.slots.isolation, self.number)
            .ok_or_else(|| io::Error::other("plain processes have none"))?;
        if let Some(made) = self.slots.state().users.get(&self.number) {
            return made.try_clone();
        }
        let made = user::make(ids)?;
        let ours = made.try_clone()?;
        self.slots.state().users.insert(self.number, made);
        Ok(ours)
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.slots.state().free.insert(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_taken_by_one_at_a_time() {
        let slots = Arc::new(Slots::new(Isolation::Sandbox));
        let (first, second) = (slots.take().expect("room"), slots.take().expect("room"));
        assert_ne!(first.outside(0), second.outside(0));
        let freed = first.number();
        drop(first);
        assert_eq!(slots.take().expect("room").number(), freed);
    }
}
