//! Finding failed jobs by what went wrong: an index of three characters each.
//!
//! A search takes the ids of one range at a time, so that it can stop at any moment: FTS5 would otherwise look
//! through everybody's errors before it answers. Each text is stored with a key of three characters, a trigram like
//! any other, that stands for the account and the range. Two accounts may share a key; what is found is looked at in any case.

use super::{rows, writer::Writing};
use crate::Result;
use picloud_types::{AccountId, Failure, Jid, JobState};
use rusqlite::Connection;

/// Most characters of an error that can be searched: its type and its end.
const CHARS_MAX: usize = 1_000;
/// Ids of a range, as a power of two.
const RANGE_BITS: u32 = 16;
/// Trigrams of a question that are looked up. More would find fewer texts that do not have it, but each has its price.
const TRIGRAMS_MAX: usize = 12;
/// The shortest text that can be looked up.
pub(super) const CHARS_MIN: usize = 3;

/// Text as it is stored and asked for.
pub(super) fn folded(text: &str) -> String {
    // To the tokenizer a NUL is the end.
    text.to_lowercase().replace('\0', " ")
}

/// What can be searched of a failure.
pub(super) fn searchable(failure: &Failure) -> String {
    let kind = failure.exception_type.as_deref().unwrap_or_default();
    let said = failure.exception.trim_end();
    let room = CHARS_MAX.saturating_sub(kind.chars().count() + 1);
    let skipped = said.chars().count().saturating_sub(room);
    let end: String = said.chars().skip(skipped).collect();
    let mut text = folded(&format!("{kind}\n{end}"));
    if let Some((at, _)) = text.char_indices().nth(CHARS_MAX) {
        text.truncate(at);
    }
    text
}

/// A change of the index. Changes are made at the end of the transaction that several callers share:
/// FTS5 writes what it has at each savepoint, and every caller has one.
#[derive(Debug)]
pub(super) enum Change {
    Failed(AccountId, Jid, String),
    Removed(Jid),
}

impl Change {
    pub(super) fn failed(account: AccountId, jid: Jid, failure: &Failure) -> Self {
        Self::Failed(account, jid, searchable(failure))
    }
}

pub(super) fn store(db: &Connection, changes: &[Change]) -> Result<()> {
    for change in changes {
        match change {
            Change::Failed(account, jid, text) => db
                .prepare_cached("INSERT INTO error_texts (rowid, key, text) VALUES (?1, ?2, ?3)")?
                .execute((jid.0, key(*account, jid.0 >> RANGE_BITS), text))?,
            Change::Removed(jid) => db
                .prepare_cached("DELETE FROM error_texts WHERE rowid = ?1")?
                .execute([jid.0])?,
        };
    }
    Ok(())
}

/// Fills the index of a file that was made before there was one.
pub(super) fn fill(db: &Connection) -> Result<()> {
    let mut failed = db.prepare(
        "SELECT j.jid, j.account_id, o.failure FROM jobs AS j JOIN job_outcomes AS o USING (jid) WHERE j.state = 5",
    )?;
    let mut found = failed.query([])?;
    while let Some(row) = found.next()? {
        if let Some(failure) = rows::failure(row, 2)? {
            let change = Change::failed(AccountId(row.get(1)?), Jid(row.get(0)?), &failure);
            store(db, &[change])?;
        }
    }
    Ok(())
}

/// Three characters for an account and a range of ids, of those that nobody's texts have.
fn key(account: AccountId, range: i64) -> String {
    const FIRST: u32 = 0xF_0000;
    const COUNT: i64 = 60_000;
    let digit = |number: i64| {
        let number = u32::try_from(number.rem_euclid(COUNT)).expect("less than the count");
        char::from_u32(FIRST + number).expect("plane 15 is all characters")
    };
    [digit(account.0), digit(range / COUNT), digit(range)]
        .into_iter()
        .collect()
}

/// A question to the index.
#[derive(Clone, Debug)]
pub(super) struct Search {
    account: AccountId,
    /// What a text must have, as FTS5 wants it, but for the key.
    terms: String,
}

impl Search {
    /// None if the text, which is folded, is too short.
    pub(super) fn new(account: AccountId, text: &str) -> Option<Self> {
        let characters: Vec<char> = text.chars().collect();
        let trigrams: Vec<_> = characters.windows(CHARS_MIN).collect();
        let last = trigrams.len().checked_sub(1)?;
        let taken = trigrams.len().min(TRIGRAMS_MAX);
        let mut terms = String::new();
        for n in 0..taken {
            // Spread evenly from the first to the last.
            let trigram = trigrams[if taken == 1 {
                0
            } else {
                n * last / (taken - 1)
            }];
            let trigram: String = trigram.iter().collect();
            terms.push_str(&format!(" AND \"{}\"", trigram.replace('"', "\"\"")));
        }
        Some(Self { account, terms })
    }

    /// Jobs below an id that may have the text, newest first, of one range; and down to where that was all.
    /// None if there is nothing below.
    pub(super) fn page(
        &self,
        db: &Connection,
        (floor, below): (i64, i64),
        limit: usize,
    ) -> Result<Option<(Vec<i64>, i64)>> {
        let mut newest = db.prepare_cached(
            "SELECT max(jid) FROM jobs INDEXED BY jobs_failed WHERE account_id = ?1 AND state > 4 AND jid >= ?2 AND jid < ?3",
        )?;
        let newest: Option<i64> =
            newest.query_row([self.account.0, floor, below], |row| row.get(0))?;
        let Some(newest) = newest else {
            return Ok(None);
        };
        let range = newest >> RANGE_BITS;
        let lowest = (range << RANGE_BITS).max(floor);
        let question = format!("\"{}\"{}", key(self.account, range), self.terms);
        let mut search = db.prepare_cached(
            "SELECT rowid FROM error_texts WHERE error_texts MATCH ?1 AND rowid >= ?2 AND rowid < ?3 ORDER BY rowid DESC LIMIT ?4",
        )?;
        let found: Vec<i64> = search
            .query_map(
                (question, lowest, below, rows::signed(limit as u64)),
                |row| row.get(0),
            )?
            .collect::<rusqlite::Result<_>>()?;
        let done = match found.last() {
            Some(last) if found.len() >= limit => *last,
            _ => lowest,
        };
        Ok(Some((found, done)))
    }
}

/// Whether the error of a job has a text, which is folded.
pub(super) fn has(db: &Connection, jid: i64, state: JobState, text: &str) -> Result<bool> {
    if state != JobState::Error {
        return Ok(false);
    }
    let mut outcome = db.prepare_cached("SELECT failure FROM job_outcomes WHERE jid = ?1")?;
    let mut found = outcome.query([jid])?;
    let failure = match found.next()? {
        Some(row) => rows::failure(row, 0)?,
        None => None,
    };
    Ok(failure.is_some_and(|failure| searchable(&failure).contains(text)))
}

impl Writing<'_> {
    /// A job ended with an error.
    pub(super) fn failed(&mut self, account: AccountId, jid: Jid, failure: &Failure) {
        self.errors.push(Change::failed(account, jid, failure));
    }

    /// A job that had ended with an error is removed.
    pub(super) fn failed_is_removed(&mut self, jid: Jid) {
        self.errors.push(Change::Removed(jid));
    }
}
