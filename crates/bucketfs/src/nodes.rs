//! What the kernel knows by number.
//!
//! A number stands for one content at one path: what the kernel keeps of a file is never mixed
//! with what replaced it.

use fuser::Errno;
use picloud_types::{Hash, api::bucket::ObjectInfo};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
};

use crate::errors::{Answer, is_below};

pub(crate) const ROOT: u64 = 1;

/// What is at a path.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Version {
    Folder,
    Object(Hash),
    /// By its number.
    Draft(u64),
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) path: String,
    pub(crate) version: Version,
    /// Of an object.
    pub(crate) info: Option<Arc<ObjectInfo>>,
    /// How often the kernel was told of it.
    told: u64,
}

#[derive(Debug)]
pub(crate) struct Nodes {
    table: Mutex<Table>,
}

#[derive(Debug)]
struct Table {
    nodes: HashMap<u64, Node>,
    numbers: HashMap<(String, Version), u64>,
    last: u64,
}

impl Nodes {
    pub(crate) fn new() -> Self {
        let root = Node {
            path: String::new(),
            version: Version::Folder,
            info: None,
            told: 1,
        };
        let table = Table {
            nodes: HashMap::from([(ROOT, root)]),
            numbers: HashMap::from([((String::new(), Version::Folder), ROOT)]),
            last: ROOT,
        };
        Self {
            table: Mutex::new(table),
        }
    }

    pub(crate) fn get(&self, number: u64) -> Answer<Node> {
        let table = self.lock();
        let node = table.nodes.get(&number).cloned();
        node.ok_or(Errno::from_i32(nix::libc::ESTALE))
    }

    /// The number of what the kernel is being told of.
    pub(crate) fn tell(&self, path: &str, version: Version, info: Option<Arc<ObjectInfo>>) -> u64 {
        let mut table = self.lock();
        let id = (path.to_owned(), version);
        if let Some(number) = table.numbers.get(&id).copied()
            && let Some(node) = table.nodes.get_mut(&number)
        {
            node.told += 1;
            node.info = info;
            return number;
        }
        table.last += 1;
        let number = table.last;
        table.numbers.insert(id, number);
        let node = Node {
            path: path.to_owned(),
            version,
            info,
            told: 1,
        };
        table.nodes.insert(number, node);
        number
    }

    /// The kernel is told of `number` once more, if it still knows it.
    pub(crate) fn tell_again(&self, number: u64) -> bool {
        let mut table = self.lock();
        let node = table.nodes.get_mut(&number);
        node.map(|node| node.told += 1).is_some()
    }

    /// What is at its path is to be asked for again.
    pub(crate) fn now_without_content(&self, number: u64) {
        if let Some(node) = self.lock().nodes.get_mut(&number) {
            node.info = None;
        }
    }

    pub(crate) fn forget(&self, number: u64, times: u64) {
        let mut table = self.lock();
        let Some(node) = table.nodes.get_mut(&number) else {
            return;
        };
        node.told = node.told.saturating_sub(times);
        if node.told == 0
            && number != ROOT
            && let Some(node) = table.nodes.remove(&number)
        {
            let id = (node.path, node.version);
            if table.numbers.get(&id) == Some(&number) {
                table.numbers.remove(&id);
            }
        }
    }

    /// What was at `from`, and below it, is at `to` now. What was there is nowhere.
    pub(crate) fn moved(&self, from: &str, to: &str) {
        let mut table = self.lock();
        table.numbers.retain(|(path, _), _| {
            path != from && path != to && !is_below(path, from) && !is_below(path, to)
        });
        let Table { nodes, numbers, .. } = &mut *table;
        for (number, node) in nodes.iter_mut() {
            if node.path == from || is_below(&node.path, from) {
                node.path.replace_range(..from.len(), to);
                numbers.insert((node.path.clone(), node.version), *number);
            }
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
