//! Ending jobs because their owner says so.

use super::{
    gates::{self, End},
    rows, workers,
    writer::Writing,
};
use crate::{AttemptOf, Kill, Result};
use picloud_types::{AccountId, Attempt, Jid, JidSet, JobState, Timestamp, WorkerId};
use std::{collections::BTreeSet, ops::RangeInclusive};

/// Most jobs in one transaction: a queue of a million is killed in parts, so that others get a
/// turn in between. Each part stands by itself, and unknown ids are found before the first.
const AT_ONCE: usize = 4096;

/// Jobs that remain to be killed, as ascending ranges.
#[derive(Clone, Debug)]
pub(super) struct ToKill {
    ranges: Vec<RangeInclusive<i64>>,
}

/// Which jobs a request is about.
pub(super) fn begin(
    w: &mut Writing<'_>,
    account: AccountId,
    jids: Option<&JidSet>,
) -> Result<ToKill> {
    let ranges = match jids {
        None => vec![1..=i64::MAX],
        Some(jids) => {
            rows::require_all(w.db, account, jids)?;
            rows::merged(jids)
        }
    };
    Ok(ToKill { ranges })
}

/// Kills a part and says what remains. From the highest id down: dependents, which have higher
/// ids than what they depend on, are killed as asked before they could be stalled or queued.
pub(super) fn step(
    w: &mut Writing<'_>,
    account: AccountId,
    mut rest: ToKill,
    now: Timestamp,
) -> Result<(Kill, Option<ToKill>)> {
    let mut chosen = Chosen::default();
    let mut room = AT_ONCE;
    while let Some(range) = rest.ranges.pop() {
        let lowest = chosen.collect(w, account, &range, room)?;
        room = AT_ONCE.saturating_sub(chosen.count());
        if room == 0 {
            if let Some(lowest) = lowest.filter(|lowest| lowest > range.start()) {
                rest.ranges.push(*range.start()..=lowest - 1);
            }
            break;
        }
    }
    let kill = chosen.kill(w, now)?;
    let more = !rest.ranges.is_empty();
    Ok((kill, more.then_some(rest)))
}

#[derive(Default)]
struct Chosen {
    waiting: Vec<End>,
    gates: BTreeSet<i64>,
    queued: Vec<End>,
    running: Vec<(AttemptOf, WorkerId)>,
}

impl Chosen {
    fn count(&self) -> usize {
        self.waiting.len() + self.queued.len() + self.running.len()
    }

    /// Adds up to `limit` unfinished jobs of the range from its end; returns the lowest id added.
    fn collect(
        &mut self,
        w: &Writing<'_>,
        account: AccountId,
        range: &RangeInclusive<i64>,
        limit: usize,
    ) -> Result<Option<i64>> {
        let mut statement = w.db.prepare_cached(
            "SELECT jid, state, gate_id, attempt, worker_id FROM jobs INDEXED BY jobs_unfinished
              WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3 AND finished_ms IS NULL ORDER BY jid DESC LIMIT ?4",
        )?;
        let mut found = statement.query((
            account.0,
            range.start(),
            range.end(),
            rows::signed(limit as u64),
        ))?;
        let mut lowest = None;
        while let Some(row) = found.next()? {
            let jid = Jid(row.get(0)?);
            lowest = Some(jid.0);
            let end = End {
                account,
                jid,
                failed: true,
            };
            match rows::state(row, 1)? {
                JobState::Waiting => {
                    self.waiting.push(end);
                    self.gates.extend(row.get::<_, Option<i64>>(2)?);
                }
                JobState::Queued => self.queued.push(end),
                _ => {
                    let of = AttemptOf {
                        jid,
                        attempt: Attempt(row.get(3)?),
                    };
                    self.running.push((of, WorkerId(row.get(4)?)));
                }
            }
        }
        Ok(lowest)
    }

    fn kill(self, w: &mut Writing<'_>, now: Timestamp) -> Result<Kill> {
        let killed = self.count() as u64;
        let queued_before = w.newly_queued();
        let failure = workers::killed();
        gates::end_unstarted(
            w,
            &self.waiting,
            JobState::Waiting,
            JobState::Killed,
            &failure,
            now,
        )?;
        gates::end_unstarted(
            w,
            &self.queued,
            JobState::Queued,
            JobState::Killed,
            &failure,
            now,
        )?;
        for gate in self.gates {
            gates::remove_if_idle(w, gate)?;
        }
        let mut request =
            w.db.prepare_cached("UPDATE jobs SET kill = 1 WHERE jid = ?1 AND kill = 0")?;
        for (of, _) in &self.running {
            request.execute([of.jid.0])?;
        }
        let mut ends = self.waiting;
        ends.extend(self.queued);
        gates::resolve(w, &mut ends, now)?;
        Ok(Kill {
            ended: gates::named(&ends),
            killed,
            running: self.running,
            queued: w.newly_queued() > queued_before,
        })
    }
}

impl Kill {
    /// Adds what a further part did.
    pub(super) fn add(&mut self, part: Kill) {
        self.ended.extend(part.ended);
        self.killed += part.killed;
        self.running.extend(part.running);
        self.queued |= part.queued;
    }
}
