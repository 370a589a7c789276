//! What jobs cost: written with the end of a job, added up by day.

use super::{rows, writer::Writing};
use crate::{Prices, Result, UsageFilter, UsageSums};
use picloud_types::{
    AccountId, SpecId, Timestamp, Usage, api::usage::UsageGroup, spec::Requirements,
};
use rusqlite::{Connection, OptionalExtension};
use std::{
    collections::{BTreeMap, HashMap, hash_map},
    sync::Arc,
};

const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// What decides the price of a job and where its sum goes.
#[derive(Debug)]
pub(super) struct Meter {
    core_type: String,
    cores: u32,
    label: String,
    queue: String,
}

/// The meter of jobs with this spec.
fn meter(w: &mut Writing<'_>, spec: SpecId) -> Result<Arc<Meter>> {
    if let Some(known) = w.memory.meters.get(&spec) {
        return Ok(known);
    }
    let (label, queue, requirements): (Option<String>, Option<String>, String) = w
        .db
        .prepare_cached(
            "SELECT s.label, s.queue, c.requirements FROM specs AS s JOIN classes AS c ON c.id = s.class_id WHERE s.id = ?1",
        )?
        .query_row([spec.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))?;
    let requirements: Requirements = rows::json("scheduling class", &requirements)?;
    let meter = Arc::new(Meter {
        core_type: requirements.core_type,
        cores: requirements.cores,
        label: label.unwrap_or_default(),
        queue: queue.unwrap_or_default(),
    });
    w.memory.meters.insert(spec, Arc::clone(&meter));
    Ok(meter)
}

/// What one job costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Charge {
    pub(super) core_ms: u64,
    pub(super) cost_pico: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Sum {
    jobs: u64,
    core_ms: u64,
    cpu_us: u64,
    cost_pico: u64,
}

impl Sum {
    /// Stops at what a row can hold: an absurd figure of one job must not make every later report fail.
    fn add(&mut self, other: Self) {
        let sum = |a: u64, b: u64| a.saturating_add(b).min(i64::MAX as u64);
        self.jobs = sum(self.jobs, other.jobs);
        self.core_ms = sum(self.core_ms, other.core_ms);
        self.cpu_us = sum(self.cpu_us, other.cpu_us);
        self.cost_pico = sum(self.cost_pico, other.cost_pico);
    }
}

/// What the jobs of one report add to the ledger. Collected first, because thousands of them
/// belong to the same few rows.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    /// By spec, which is a number to look up, and belongs to one account.
    entries: HashMap<SpecId, Entry>,
    pub(super) core_ms: u64,
}

#[derive(Debug)]
struct Entry {
    account: AccountId,
    meter: Arc<Meter>,
    price: u64,
    sum: Sum,
}

impl Ledger {
    pub(super) fn charge(
        &mut self,
        w: &mut Writing<'_>,
        (account, spec): (AccountId, SpecId),
        usage: &Usage,
        prices: &Prices,
    ) -> Result<Charge> {
        let entry = match self.entries.entry(spec) {
            hash_map::Entry::Occupied(known) => known.into_mut(),
            hash_map::Entry::Vacant(free) => {
                let meter = meter(w, spec)?;
                let price = prices.of(&meter.core_type);
                free.insert(Entry {
                    account,
                    meter,
                    price,
                    sum: Sum::default(),
                })
            }
        };
        // A millisecond that has begun counts, for every core.
        let core_ms = usage
            .runtime_us
            .div_ceil(1000)
            .saturating_mul(u64::from(entry.meter.cores));
        let cost_pico = core_ms.saturating_mul(entry.price);
        self.core_ms = self.core_ms.saturating_add(core_ms);
        entry.sum.add(Sum {
            jobs: 1,
            core_ms,
            cpu_us: usage.cpu_user_us.saturating_add(usage.cpu_system_us),
            cost_pico,
        });
        Ok(Charge { core_ms, cost_pico })
    }

    /// Adds it to the day of `now`: a worker's clock may be wrong, the server's decides.
    pub(super) fn store(self, w: &Writing<'_>, now: Timestamp) -> Result<()> {
        let day = now.0.div_euclid(DAY_MS);
        let mut sums: BTreeMap<(AccountId, [&str; 3]), Sum> = BTreeMap::new();
        for entry in self.entries.values() {
            let meter = &entry.meter;
            let key = [&*meter.core_type, &*meter.label, &*meter.queue];
            let key = (entry.account, key);
            sums.entry(key).or_default().add(entry.sum);
        }
        for ((account, [core_type, label, queue]), sum) in sums {
            add(w.db, (account.0, day, core_type, label, queue), sum)?;
        }
        Ok(())
    }
}

/// Adds to the row of an account, a day, a core type, a label and a queue.
fn add(db: &Connection, key: (i64, i64, &str, &str, &str), mut sum: Sum) -> Result<()> {
    // Read and written back, since SQLite's own addition would fail where this one stops.
    let before = db
        .prepare_cached(
            "SELECT jobs, core_ms, cpu_us, cost_pico FROM usage_daily
              WHERE account_id = ?1 AND day = ?2 AND core_type = ?3 AND label = ?4 AND queue = ?5",
        )?
        .query_row(key, |row| {
            Ok(Sum {
                jobs: rows::unsigned(row.get(0)?),
                core_ms: rows::unsigned(row.get(1)?),
                cpu_us: rows::unsigned(row.get(2)?),
                cost_pico: rows::unsigned(row.get(3)?),
            })
        })
        .optional()?;
    sum.add(before.unwrap_or_default());
    db.prepare_cached(
        "INSERT OR REPLACE INTO usage_daily (account_id, day, core_type, label, queue, jobs, core_ms, cpu_us, cost_pico)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
    )?
    .execute((
        key.0,
        key.1,
        key.2,
        key.3,
        key.4,
        rows::signed(sum.jobs),
        rows::signed(sum.core_ms),
        rows::signed(sum.cpu_us),
        rows::signed(sum.cost_pico),
    ))?;
    Ok(())
}

/// Sums over a part of the ledger.
pub(super) fn read(db: &Connection, filter: &UsageFilter) -> Result<Vec<UsageSums>> {
    // Seldom asked in so many forms that none is worth keeping prepared.
    let mut statement = db.prepare(&query(filter))?;
    let account = filter.account.map_or(0, |account| account.0);
    let mut found = statement.query((
        filter.first_day,
        filter.last_day,
        account,
        i64::from(filter.limit),
    ))?;
    let mut sums = Vec::new();
    while let Some(row) = found.next()? {
        let whole = |column| Ok::<_, rusqlite::Error>(rows::unsigned(row.get(column)?));
        sums.push(UsageSums {
            day: row.get(0)?,
            core_type: row.get(1)?,
            label: row.get(2)?,
            queue: row.get(3)?,
            account: row.get::<_, Option<i64>>(4)?.map(AccountId),
            jobs: whole(5)?,
            core_ms: whole(6)?,
            cpu_us: whole(7)?,
            cost_pico: row.get(8)?,
        });
    }
    Ok(sums)
}

fn query(filter: &UsageFilter) -> String {
    let columns = [
        (UsageGroup::Day, "day"),
        (UsageGroup::CoreType, "core_type"),
        (UsageGroup::Label, "label"),
        (UsageGroup::Queue, "queue"),
        (UsageGroup::Account, "account_id"),
    ];
    let shown: Vec<_> = columns
        .iter()
        .map(|(group, name)| {
            if filter.by.contains(group) {
                name
            } else {
                "NULL"
            }
        })
        .collect();
    let kept: Vec<_> = shown
        .iter()
        .copied()
        .filter(|name| *name != "NULL")
        .collect();
    let grouping = if kept.is_empty() {
        String::new()
    } else {
        format!("GROUP BY {}", kept.join(", "))
    };
    // Both name all parameters, so that one list of bindings fits.
    let of_account = match filter.account {
        Some(_) => "account_id = ?3",
        None => "?3 = 0",
    };
    // `total` never overflows, as `sum` does; a cast ends at the largest number.
    format!(
        "SELECT {}, CAST(total(jobs) AS INTEGER), CAST(total(core_ms) AS INTEGER), CAST(total(cpu_us) AS INTEGER), total(cost_pico)
           FROM usage_daily WHERE day BETWEEN ?1 AND ?2 AND {of_account} {grouping}
          ORDER BY 1, 9 DESC, 7 DESC, 2, 3, 4, 5 LIMIT ?4",
        shown.join(", ")
    )
}
