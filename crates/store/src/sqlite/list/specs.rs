//! Which specs have what a filter asks of specs. There are few of them, most of the time; where
//! they are many, jobs are looked at instead.

use super::{super::error_texts, super::rows, wanted::Wanted};
use crate::Result;
use picloud_types::{AccountId, QueueName};
use rusqlite::{Connection, ToSql};
use std::collections::{HashMap, HashSet};

/// Most specs that are named one by one.
const SPECS_MAX: usize = 2_000;
/// Most different names that are compared with a text.
const NAMES_MAX: usize = 4_000;

/// Specs, and how many jobs and attachments refer to each.
pub(super) struct Known {
    pub(super) refs: HashMap<i64, u64>,
}

impl Known {
    /// Jobs of all of them together, or a few more.
    pub(super) fn jobs(&self) -> u64 {
        self.refs.values().sum()
    }
}

/// Classes whose jobs are for cores of a type. Classes are few.
pub(super) fn classes(db: &Connection, core_type: &str) -> Result<Vec<i64>> {
    let mut statement = db.prepare_cached(
        "SELECT id FROM classes WHERE json_extract(requirements, '$.core_type') = ?1",
    )?;
    Ok(statement
        .query_map([core_type], |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?)
}

/// Specs with the queue, the label, the function and the core type asked for; none if nothing of that is
/// asked for, or if every part by itself holds for too many.
pub(super) fn known(db: &Connection, wanted: &Wanted<'_>) -> Result<Option<Known>> {
    let filter = wanted.filter;
    let account = wanted.account;
    let mut parts: Vec<Option<Vec<i64>>> = Vec::new();
    if let Some(queue) = &filter.queue {
        let sql = "SELECT id FROM specs INDEXED BY specs_by_queue WHERE account_id = ?1 AND queue = ?2 LIMIT ?3";
        parts.push(some_ids(db, sql, account, &queue.as_str())?);
    }
    if let Some(label) = &filter.label {
        parts.push(some_ids(db, WITH_LABEL, account, label)?);
    }
    if let Some(function) = &filter.function {
        parts.push(some_ids(db, WITH_FUNCTION, account, function)?);
    }
    if let Some(classes) = &wanted.classes {
        let sql = "SELECT id FROM specs INDEXED BY specs_by_class WHERE account_id = ?1 AND class_id = ?2 LIMIT ?3";
        let each = classes
            .iter()
            .map(|class| some_ids(db, sql, account, class));
        parts.push(joined(each)?);
    }
    let Some(best) = (0..parts.len())
        .filter(|n| parts[*n].is_some())
        .min_by_key(|n| parts[*n].as_ref().map(Vec::len))
    else {
        return Ok(None);
    };
    let ids = parts.swap_remove(best).unwrap_or_default();
    let others: Vec<Option<HashSet<i64>>> = parts
        .into_iter()
        .map(|part| part.map(HashSet::from_iter))
        .collect();
    let in_all = |id: &i64| others.iter().flatten().all(|part| part.contains(id));
    let ids: Vec<i64> = ids.into_iter().filter(in_all).collect();
    let complete = others.iter().all(Option::is_some);
    let mut refs = HashMap::new();
    for id in ids {
        if let Some(count) = refs_of(db, wanted, id, complete)? {
            refs.insert(id, count);
        }
    }
    Ok(Some(Known { refs }))
}

const WITH_LABEL: &str =
    "SELECT id FROM specs INDEXED BY specs_by_label WHERE account_id = ?1 AND label = ?2 LIMIT ?3";
const WITH_FUNCTION: &str = "SELECT id FROM specs INDEXED BY specs_by_function WHERE account_id = ?1 AND function_name = ?2 LIMIT ?3";

/// None if there are too many.
fn some_ids(
    db: &Connection,
    sql: &str,
    account: AccountId,
    value: &dyn ToSql,
) -> Result<Option<Vec<i64>>> {
    let most = rows::signed(SPECS_MAX as u64 + 1);
    let mut statement = db.prepare_cached(sql)?;
    let ids: Vec<i64> = statement
        .query_map((account.0, value, most), |row| row.get(0))?
        .collect::<rusqlite::Result<_>>()?;
    Ok((ids.len() <= SPECS_MAX).then_some(ids))
}

/// All of several lists, none if there are too many.
fn joined(lists: impl IntoIterator<Item = Result<Option<Vec<i64>>>>) -> Result<Option<Vec<i64>>> {
    let mut all = Vec::new();
    for list in lists {
        match list? {
            Some(list) if all.len() + list.len() <= SPECS_MAX => all.extend(list),
            _ => return Ok(None),
        }
    }
    Ok(Some(all))
}

/// How many refer to a spec; none if it lacks something. Without `complete` that was not found out before.
fn refs_of(db: &Connection, wanted: &Wanted<'_>, id: i64, complete: bool) -> Result<Option<u64>> {
    let filter = wanted.filter;
    if complete {
        let mut refs = db.prepare_cached("SELECT refs FROM specs WHERE id = ?1")?;
        return Ok(Some(rows::unsigned(
            refs.query_row([id], |row| row.get(0))?,
        )));
    }
    let mut statement = db.prepare_cached(
        "SELECT refs, class_id, (?2 IS NULL OR label = ?2) AND (?3 IS NULL OR function_name = ?3) AND (?4 IS NULL OR queue = ?4)
           FROM specs WHERE id = ?1",
    )?;
    let parameters = (
        id,
        &filter.label,
        &filter.function,
        filter.queue.as_ref().map(QueueName::as_str),
    );
    let (refs, class, fits): (i64, i64, Option<bool>) = statement.query_row(parameters, |row| {
        Ok((row.get(0)?, row.get(1)?, row.get(2)?))
    })?;
    let of_class = wanted
        .classes
        .as_ref()
        .is_none_or(|classes| classes.contains(&class));
    Ok((of_class && fits == Some(true)).then_some(rows::unsigned(refs)))
}

/// Specs with a text, which is folded, in their function's name or their label; none if there are too many, or
/// too many names to compare.
pub(super) fn with_text(
    db: &Connection,
    account: AccountId,
    text: &str,
) -> Result<Option<Vec<i64>>> {
    let functions = "SELECT function_name FROM specs INDEXED BY specs_by_function
                      WHERE account_id = ?1 AND function_name > ?2 ORDER BY function_name LIMIT 1";
    let labels = "SELECT label FROM specs INDEXED BY specs_by_label
                   WHERE account_id = ?1 AND label > ?2 ORDER BY label LIMIT 1";
    let (Some(functions), Some(labels)) = (
        names_with(db, functions, account, text)?,
        names_with(db, labels, account, text)?,
    ) else {
        return Ok(None);
    };
    let functions = functions
        .iter()
        .map(|name| some_ids(db, WITH_FUNCTION, account, name));
    let labels = labels
        .iter()
        .map(|name| some_ids(db, WITH_LABEL, account, name));
    let mut ids = joined(functions.chain(labels))?;
    if let Some(ids) = &mut ids {
        ids.sort_unstable();
        ids.dedup();
    }
    Ok(ids)
}

/// Those of the different names, found by one step in an index each, that have a text.
fn names_with(
    db: &Connection,
    next: &str,
    account: AccountId,
    text: &str,
) -> Result<Option<Vec<String>>> {
    let mut statement = db.prepare_cached(next)?;
    let mut names = Vec::new();
    let mut last = String::new();
    // An empty name has no text in it.
    for _ in 0..NAMES_MAX {
        let mut found = statement.query((account.0, &last))?;
        let Some(row) = found.next()? else {
            return Ok(Some(names));
        };
        last = row.get(0)?;
        if error_texts::folded(&last).contains(text) {
            names.push(last.clone());
        }
    }
    Ok(None)
}
