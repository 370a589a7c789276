//! The whole filter, and whether a job passes it.

use super::{
    super::{batches::Batch, error_texts},
    specs::{self, Known},
    streams::Job,
    times,
};
use crate::{JobFilter, Result};
use picloud_types::{AccountId, JobState, QueueName};
use rusqlite::Connection;
use std::collections::HashMap;

/// A filter, and what was found out about it.
pub(super) struct Wanted<'f> {
    pub(super) account: AccountId,
    pub(super) filter: &'f JobFilter,
    /// Bounds of ids: from `floor` on and below `below`.
    pub(super) floor: i64,
    pub(super) below: i64,
    /// A bit per state.
    states: u32,
    /// Classes with the core type.
    pub(super) classes: Option<Vec<i64>>,
    /// Lower case; none if nothing is asked for.
    pub(super) text: Option<String>,
    /// Specs with what is asked of specs, but for the text, where they are few enough to name.
    pub(super) specs: Option<Known>,
    /// What was found out about specs on the way.
    fits: HashMap<i64, bool>,
    has_text: HashMap<i64, bool>,
}

impl<'f> Wanted<'f> {
    /// None if there can be no such job.
    pub(super) fn new(
        db: &Connection,
        account: AccountId,
        filter: &'f JobFilter,
    ) -> Result<Option<Self>> {
        let mut floor = 1;
        let mut below = filter.before.map_or(i64::MAX, |jid| jid.0);
        if let Some(map) = filter.map {
            let batch = Batch::of(db, map)?.filter(|batch| batch.map().is_some());
            let Some(batch) = batch.filter(|batch| batch.first == map.0) else {
                return Ok(None);
            };
            floor = batch.first;
            below = below.min(batch.last() + 1);
        }
        if let Some(from) = filter.created_from {
            floor = floor.max(times::first_since(db, account, from)?);
        }
        if let Some(until) = filter.created_until {
            below = below.min(times::end_before(db, account, until)?);
        }
        let classes = match &filter.core_type {
            Some(core_type) => Some(specs::classes(db, core_type)?),
            None => None,
        };
        if floor >= below || classes.as_ref().is_some_and(Vec::is_empty) {
            return Ok(None);
        }
        let text = filter.text.as_deref().map(error_texts::folded);
        let mut wanted = Self {
            account,
            filter,
            floor,
            below,
            states: mask(&filter.states),
            classes,
            text: text.filter(|text| !text.is_empty()),
            specs: None,
            fits: HashMap::new(),
            has_text: HashMap::new(),
        };
        wanted.specs = specs::known(db, &wanted)?;
        let nothing = wanted
            .specs
            .as_ref()
            .is_some_and(|known| known.refs.is_empty());
        Ok((!nothing).then_some(wanted))
    }

    /// Whether only states that `is` approves of are wanted.
    pub(super) fn only(&self, is: impl Fn(JobState) -> bool) -> bool {
        !self.filter.states.is_empty() && self.filter.states.iter().all(|state| is(*state))
    }

    pub(super) fn names_specs(&self) -> bool {
        let filter = self.filter;
        filter.label.is_some() || filter.function.is_some() || filter.queue.is_some()
    }

    /// Whether a job of the account passes. What costs most comes last.
    pub(super) fn has(&mut self, db: &Connection, job: &Job) -> Result<bool> {
        let filter = self.filter;
        let after = |from: picloud_types::Timestamp| job.created_ms >= from.0;
        let before = |until: picloud_types::Timestamp| job.created_ms < until.0;
        let plainly = self.states & 1 << (job.state as u8) != 0
            && filter
                .parent
                .is_none_or(|parent| job.parent == Some(parent.0))
            && filter.created_from.is_none_or(after)
            && filter.created_until.is_none_or(before)
            && self
                .classes
                .as_ref()
                .is_none_or(|classes| classes.contains(&job.class));
        if !plainly || !self.spec_fits(db, job.spec)? {
            return Ok(false);
        }
        let Some(text) = &self.text else {
            return Ok(true);
        };
        let named = match self.has_text.get(&job.spec) {
            Some(known) => *known,
            None => {
                let named = Names::of(db, job.spec)?.has(text);
                self.has_text.insert(job.spec, named);
                named
            }
        };
        if named || text.chars().count() < error_texts::CHARS_MIN {
            return Ok(named);
        }
        error_texts::has(db, job.jid, job.state, text)
    }

    fn spec_fits(&mut self, db: &Connection, spec: i64) -> Result<bool> {
        if let Some(known) = &self.specs {
            return Ok(known.refs.contains_key(&spec));
        }
        if !self.names_specs() {
            return Ok(true);
        }
        if let Some(known) = self.fits.get(&spec) {
            return Ok(*known);
        }
        let mut statement = db.prepare_cached(
            "SELECT (?2 IS NULL OR label = ?2) AND (?3 IS NULL OR function_name = ?3) AND (?4 IS NULL OR queue = ?4) FROM specs WHERE id = ?1",
        )?;
        let filter = self.filter;
        let parameters = (
            spec,
            &filter.label,
            &filter.function,
            filter.queue.as_ref().map(QueueName::as_str),
        );
        // A missing label is not the one asked for.
        let fits: Option<bool> = statement.query_row(parameters, |row| row.get(0))?;
        self.fits.insert(spec, fits == Some(true));
        Ok(fits == Some(true))
    }
}

/// What of a spec a text may be in.
pub(super) struct Names {
    pub(super) function: String,
    pub(super) label: Option<String>,
}

impl Names {
    fn of(db: &Connection, spec: i64) -> Result<Self> {
        let mut statement =
            db.prepare_cached("SELECT function_name, label FROM specs WHERE id = ?1")?;
        Ok(statement.query_row([spec], |row| {
            Ok(Self {
                function: row.get(0)?,
                label: row.get(1)?,
            })
        })?)
    }

    fn has(&self, text: &str) -> bool {
        let named = |name: &str| error_texts::folded(name).contains(text);
        named(&self.function) || self.label.as_deref().is_some_and(named)
    }
}

/// A bit per state; none is all.
fn mask(states: &[JobState]) -> u32 {
    if states.is_empty() {
        !0
    } else {
        states
            .iter()
            .fold(0, |mask, state| mask | 1 << (*state as u8))
    }
}
