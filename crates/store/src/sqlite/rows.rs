//! Between rows and the types of the model.

use crate::{Result, StoreError};
use bytes::Bytes;
use picloud_types::{
    AccountId, ClassId, Failure, Hash, Jid, JidSet, JobSpec, JobState, Payload, SpecId,
    spec::Requirements,
};
use rusqlite::{Connection, Row};
use std::ops::RangeInclusive;

/// A payload as the three columns `bytes, blob_hash, blob_size`.
pub(super) type PayloadColumns<'p> = (Option<&'p [u8]>, Option<&'p [u8]>, Option<i64>);

pub(super) fn payload_columns(payload: &Payload) -> PayloadColumns<'_> {
    match payload {
        Payload::Inline(bytes) => (Some(bytes), None, None),
        Payload::Blob { hash, size } => (None, Some(hash.as_bytes()), Some(signed(*size))),
    }
}

/// Reads a payload whose three columns begin at `column`; all NULL is an empty one.
pub(super) fn payload(row: &Row<'_>, column: usize) -> Result<Payload> {
    if let Some(bytes) = row
        .get_ref(column)?
        .as_blob_or_null()
        .map_err(rusqlite::Error::from)?
    {
        return Ok(Payload::Inline(Bytes::copy_from_slice(bytes)));
    }
    match row.get::<_, Option<[u8; 32]>>(column + 1)? {
        Some(hash) => Ok(Payload::Blob {
            hash: Hash(hash),
            size: unsigned(row.get(column + 2)?),
        }),
        None => Ok(Payload::empty()),
    }
}

/// The hash of a payload's blob, from the column that holds it.
pub(super) fn hash(row: &Row<'_>, column: usize) -> rusqlite::Result<Option<Hash>> {
    Ok(row.get::<_, Option<[u8; 32]>>(column)?.map(Hash))
}

pub(super) fn state(row: &Row<'_>, column: usize) -> Result<JobState> {
    let number: u8 = row.get(column)?;
    JobState::from_number(number).ok_or_else(|| StoreError::Corrupt {
        what: "job state",
        why: format!("there is no state {number}"),
    })
}

pub(super) fn json<T: serde::de::DeserializeOwned>(what: &'static str, text: &str) -> Result<T> {
    serde_json::from_str(text).map_err(|e| StoreError::Corrupt {
        what,
        why: e.to_string(),
    })
}

pub(super) fn to_json<T: serde::Serialize>(value: &T) -> String {
    serde_json::to_string(value).expect("the types of the store have a JSON form")
}

/// `failure` of an outcome, from the column that holds its JSON.
pub(super) fn failure(row: &Row<'_>, column: usize) -> Result<Option<Failure>> {
    let text = row
        .get_ref(column)?
        .as_str_or_null()
        .map_err(rusqlite::Error::from)?;
    text.map(|text| json("failure", text)).transpose()
}

/// A spec and its function: `id, account_id, class_id, json, function_bytes, function_hash, function_size`.
pub(super) fn spec(row: &Row<'_>) -> Result<crate::SpecRow> {
    let json_text: String = row.get(3)?;
    Ok(crate::SpecRow {
        id: SpecId(row.get(0)?),
        account: AccountId(row.get(1)?),
        class: ClassId(row.get(2)?),
        spec: json::<JobSpec>("spec", &json_text)?,
        function: payload(row, 4)?,
    })
}

/// SELECT list that `spec` reads.
pub(super) const SPEC_BY_ID: &str =
    "SELECT id, account_id, class_id, json, function_bytes, function_hash, function_size
       FROM specs WHERE id = ?1";

pub(super) fn requirements(connection: &Connection, class: ClassId) -> Result<Requirements> {
    let text: String = connection
        .prepare_cached("SELECT requirements FROM classes WHERE id = ?1")?
        .query_row([class.0], |row| row.get(0))?;
    json("scheduling class", &text)
}

/// SQLite's integers are signed; sizes and counts fit in 63 bits.
pub(super) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// The reverse of `signed`.
pub(super) fn unsigned(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}

/// The ids of a set, each once, as ascending ranges that do not touch.
pub(super) fn merged(jids: &JidSet) -> Vec<RangeInclusive<i64>> {
    let mut sorted: Vec<_> = jids.ranges().to_vec();
    sorted.sort_unstable_by_key(|range| *range.start());
    let mut out: Vec<RangeInclusive<i64>> = Vec::with_capacity(sorted.len());
    for range in sorted {
        match out.last_mut() {
            Some(last) if *range.start() <= last.end().saturating_add(1) => {
                if range.end() > last.end() {
                    *last = *last.start()..=*range.end();
                }
            }
            _ => out.push(range),
        }
    }
    out
}

/// `JobUnknown` with the first id, in the order asked, that the account has no job for.
pub(super) fn require_all(
    connection: &Connection,
    account: AccountId,
    jids: &JidSet,
) -> Result<()> {
    let mut count = connection.prepare_cached(
        "SELECT count(*) FROM jobs INDEXED BY jobs_by_account WHERE account_id = ?1 AND jid BETWEEN ?2 AND ?3",
    )?;
    for range in jids.ranges() {
        let (first, last) = (*range.start(), *range.end());
        let found: i64 = count.query_row([account.0, first, last], |row| row.get(0))?;
        if unsigned(found) < last.abs_diff(first).saturating_add(1) {
            return Err(StoreError::JobUnknown(first_missing(
                connection, account, first,
            )?));
        }
    }
    Ok(())
}

fn first_missing(connection: &Connection, account: AccountId, first: i64) -> Result<Jid> {
    let mut scan = connection.prepare_cached(
        "SELECT jid FROM jobs INDEXED BY jobs_by_account WHERE account_id = ?1 AND jid >= ?2 ORDER BY jid",
    )?;
    let mut rows = scan.query([account.0, first])?;
    let mut expected = first;
    while let Some(row) = rows.next()? {
        if row.get::<_, i64>(0)? != expected {
            break;
        }
        expected += 1;
    }
    Ok(Jid(expected))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn merging_keeps_each_id_once_in_order(jids in proptest::collection::vec(1i64..40, 0..30)) {
            let set: JidSet = jids.iter().copied().map(Jid).collect();
            let merged: Vec<i64> = merged(&set).into_iter().flatten().collect();
            let expected: Vec<i64> = jids.into_iter().collect::<std::collections::BTreeSet<_>>().into_iter().collect();
            prop_assert_eq!(merged, expected);
        }
    }
}
