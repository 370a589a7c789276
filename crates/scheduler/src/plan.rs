//! Placement: which worker takes how many of which group.

use crate::{CoreTypes, Needs};
use picloud_types::{AccountId, ClassId, Jid, WorkerId, spec::Requirements};
use std::collections::{BTreeMap, HashMap};

/// What the connected workers offer.
#[derive(Clone, Debug, Default)]
pub struct Fleet {
    pub workers: Vec<WorkerOffer>,
}

/// A worker that asks for work.
#[derive(Clone, Debug)]
pub struct WorkerOffer {
    pub worker: WorkerId,
    /// Minor versions it can run.
    pub pythons: Vec<String>,
    pub free_units: f64,
    pub free_memory_bytes: u64,
    pub total_units: f64,
    pub total_memory_bytes: u64,
    /// Short restartable jobs it takes beyond what runs at once.
    pub prefetch: u32,
    /// Source addresses that no job of it has; none where it has no pool, so that jobs share its own.
    pub free_source_ips: Option<u32>,
}

impl WorkerOffer {
    /// Whether such a job could run there if nothing else did.
    pub(crate) fn is_large_enough(&self, needs: &Needs) -> bool {
        self.total_units + 1e-9 >= needs.units && self.total_memory_bytes >= needs.memory_bytes
    }
}

/// Queued jobs of one account, class and priority: interchangeable but for their age.
#[derive(Clone, Debug)]
pub struct Group {
    pub account: AccountId,
    pub class: ClassId,
    pub requirements: Requirements,
    pub priority: i32,
    /// How many are queued, possibly capped by the reader.
    pub count: u32,
    pub oldest: Jid,
    /// Jobs of the account that hold a worker now, whatever their class.
    pub running: u64,
}

/// "This worker takes so many of that group."
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    pub worker: WorkerId,
    pub account: AccountId,
    pub class: ClassId,
    pub priority: i32,
    pub count: u32,
}

/// Jobs handed out before the account next in line is looked at again. Fair shares need turns;
/// turns of one job each would make every account's batch small.
const TURN: u32 = 32;

/// Decides who takes what.
///
/// Lower priority numbers come first. Within one, accounts take turns, the one that holds the
/// fewest jobs first; within an account the oldest group goes first. A group that fits nowhere
/// blocks nobody behind it. What a worker gets is named in the order in which it should begin. No worker is given
/// more than it offered. A job that is to have a
/// source address of its own takes one where there is a pool, also while it waits at the worker.
pub fn plan(core_types: &CoreTypes, fleet: &Fleet, groups: &[Group]) -> Vec<Assignment> {
    let mut rooms: Vec<Room> = fleet.workers.iter().map(Room::new).collect();
    let mut assignments: Vec<Assignment> = Vec::new();
    let mut places: HashMap<(WorkerId, AccountId, ClassId, i32), usize> = HashMap::new();
    for (_, mut accounts) in by_priority(core_types, groups) {
        while let Some(turn) = next_turn(&mut accounts) {
            let mut left = turn.group.left.min(TURN);
            let before = left;
            while left > 0
                && let Some((room, fits)) = best_room(&mut rooms, &turn.group)
            {
                let taken = fits.min(left);
                room.take(&turn.group, taken);
                left -= taken;
                let key = (
                    room.offer.worker,
                    turn.account,
                    turn.group.class,
                    turn.group.priority,
                );
                let place = *places.entry(key).or_insert_with(|| {
                    assignments.push(Assignment {
                        worker: key.0,
                        account: key.1,
                        class: key.2,
                        priority: key.3,
                        count: 0,
                    });
                    assignments.len() - 1
                });
                assignments[place].count += taken;
            }
            turn.finish(&mut accounts, before - left);
        }
    }
    assignments
}

struct Room<'a> {
    offer: &'a WorkerOffer,
    units: f64,
    memory: u64,
    prefetch: u32,
    source_ips: Option<u32>,
}

impl<'a> Room<'a> {
    fn new(offer: &'a WorkerOffer) -> Self {
        Self {
            offer,
            units: offer.free_units,
            memory: offer.free_memory_bytes,
            prefetch: offer.prefetch,
            source_ips: offer.free_source_ips,
        }
    }

    /// How many of the group can begin at once.
    fn starts(&self, group: &Open) -> u32 {
        let by_units = (self.units / group.needs.units + 1e-9).floor().max(0.0);
        let by_memory = self
            .memory
            .checked_div(group.needs.memory_bytes)
            .unwrap_or(u64::MAX);
        // A float to integer cast saturates, which is what is wanted here.
        (by_units as u32)
            .min(u32::try_from(by_memory).unwrap_or(u32::MAX))
            .min(self.addresses(group))
    }

    /// How many of the group there are source addresses for.
    fn addresses(&self, group: &Open) -> u32 {
        match self.source_ips {
            Some(free) if group.needs.own_ip => free,
            _ => u32::MAX,
        }
    }

    /// How many of the group it takes, those to wait at the worker included.
    fn takes(&self, group: &Open) -> u32 {
        if !self.offer.pythons.contains(&group.python) {
            return 0;
        }
        // Waiting at a worker makes sense only where the job could run there at all.
        let ahead = if group.restartable && self.offer.is_large_enough(&group.needs) {
            self.prefetch
        } else {
            0
        };
        self.starts(group)
            .saturating_add(ahead)
            .min(self.addresses(group))
    }

    fn take(&mut self, group: &Open, count: u32) {
        let starting = self.starts(group).min(count);
        self.units -= group.needs.units * f64::from(starting);
        self.memory -= group.needs.memory_bytes * u64::from(starting);
        self.prefetch -= count - starting;
        if group.needs.own_ip {
            self.source_ips = self.source_ips.map(|free| free - count);
        }
    }
}

/// A group on its way through the plan.
struct Open {
    class: ClassId,
    priority: i32,
    python: String,
    restartable: bool,
    needs: Needs,
    left: u32,
    oldest: Jid,
}

/// One account's groups of one priority, oldest last (so that `last` is next), and its load.
struct Share {
    groups: Vec<Open>,
    load: u64,
}

type Accounts = HashMap<AccountId, Share>;

fn by_priority(core_types: &CoreTypes, groups: &[Group]) -> BTreeMap<i32, Accounts> {
    let mut priorities: BTreeMap<i32, Accounts> = BTreeMap::new();
    for group in groups {
        let Some(needs) = core_types.needs(&group.requirements) else {
            continue;
        };
        let accounts = priorities.entry(group.priority).or_default();
        let share = accounts.entry(group.account).or_insert_with(|| Share {
            groups: Vec::new(),
            load: group.running,
        });
        share.groups.push(Open {
            class: group.class,
            priority: group.priority,
            python: group.requirements.python.clone(),
            restartable: group.requirements.restartable,
            needs,
            left: group.count,
            oldest: group.oldest,
        });
    }
    for accounts in priorities.values_mut() {
        for share in accounts.values_mut() {
            share.groups.sort_by_key(|g| std::cmp::Reverse(g.oldest));
        }
    }
    priorities
}

/// The group whose turn it is, taken out of the table while it is placed.
struct Turn {
    account: AccountId,
    group: Open,
}

fn next_turn(accounts: &mut Accounts) -> Option<Turn> {
    let account = accounts
        .iter()
        .filter_map(|(id, share)| Some((share.load, share.groups.last()?.oldest, *id)))
        .min()
        .map(|(_, _, id)| id)?;
    let group = accounts.get_mut(&account)?.groups.pop()?;
    Some(Turn { account, group })
}

impl Turn {
    fn finish(mut self, accounts: &mut Accounts, taken: u32) {
        self.group.left -= taken;
        let Some(share) = accounts.get_mut(&self.account) else {
            return;
        };
        share.load += u64::from(taken);
        // A group of which nothing could be placed will not fit later in this plan either: room only shrinks.
        if taken > 0 && self.group.left > 0 {
            share.groups.push(self.group);
        }
    }
}

/// The worker that can start the most of it, else the one that takes the most ahead: spreads
/// work, and waits at a worker only when no free core is left anywhere.
fn best_room<'r, 'f>(rooms: &'r mut [Room<'f>], group: &Open) -> Option<(&'r mut Room<'f>, u32)> {
    let (index, starts, takes) = rooms
        .iter()
        .enumerate()
        .map(|(index, room)| {
            (
                index,
                if room.takes(group) == 0 {
                    0
                } else {
                    room.starts(group)
                },
                room.takes(group),
            )
        })
        .max_by(|a, b| (a.1, a.2).cmp(&(b.1, b.2)).then(b.0.cmp(&a.0)))?;
    match (starts, takes) {
        (_, 0) => None,
        (0, takes) => Some((&mut rooms[index], takes)),
        // Only as many as start now: the rest is placed after looking at the other workers again.
        (starts, _) => Some((&mut rooms[index], starts)),
    }
}

#[cfg(test)]
mod tests;
