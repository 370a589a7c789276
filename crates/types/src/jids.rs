//! Sets of job ids as people and programs write them: `1-4,7`, both ends included.

use crate::Jid;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use std::{fmt, ops::RangeInclusive, str::FromStr};

/// An ordered list of job ids, kept as ranges so that a million of them cost nothing.
///
/// The order in which ids were given is kept and duplicates are allowed: results come back in
/// the order of the question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JidSet {
    ranges: Vec<RangeInclusive<i64>>,
}

/// The most ranges one set may have: a bound on what a request can make a server do.
pub const MAX_RANGES: usize = 100_000;

impl JidSet {
    /// The `count` ids from `first` on.
    pub fn range(first: Jid, count: u64) -> Self {
        let mut set = Self::default();
        if count > 0 {
            let span = i64::try_from(count - 1).unwrap_or(i64::MAX);
            set.ranges.push(first.0..=first.0.saturating_add(span));
        }
        set
    }

    /// The ranges, in the order given.
    pub fn ranges(&self) -> &[RangeInclusive<i64>] {
        &self.ranges
    }

    /// Adds one id at the end, growing the last range where it fits.
    pub fn push(&mut self, jid: Jid) {
        if let Some(last) = self.ranges.last_mut()
            && last.end().checked_add(1) == Some(jid.0)
        {
            *last = *last.start()..=jid.0;
            return;
        }
        self.ranges.push(jid.0..=jid.0);
    }

    /// How many ids there are.
    pub fn len(&self) -> u64 {
        self.ranges
            .iter()
            .map(|r| r.end().abs_diff(*r.start()) + 1)
            .sum()
    }

    /// Whether there is no id.
    pub fn is_empty(&self) -> bool {
        self.ranges.is_empty()
    }

    /// Every id, in the order given.
    pub fn iter(&self) -> impl Iterator<Item = Jid> + '_ {
        self.ranges.iter().cloned().flatten().map(Jid)
    }

    /// The first `count` ids, in the order given.
    #[must_use]
    pub fn take(&self, mut count: u64) -> Self {
        let mut taken = Self::default();
        for range in &self.ranges {
            let length = range.end().abs_diff(*range.start()) + 1;
            if count == 0 {
                break;
            }
            // Below the length of the range, so that it fits the range's own numbers.
            let last = if count >= length {
                *range.end()
            } else {
                range.start().saturating_add_unsigned(count - 1)
            };
            taken.ranges.push(*range.start()..=last);
            count -= count.min(length);
        }
        taken
    }

    /// All but the first `count` ids, in the order given.
    #[must_use]
    pub fn skip(&self, mut count: u64) -> Self {
        let mut rest = Self::default();
        for range in &self.ranges {
            let length = range.end().abs_diff(*range.start()) + 1;
            if count >= length {
                count -= length;
                continue;
            }
            let first = range.start().saturating_add_unsigned(count);
            rest.ranges.push(first..=*range.end());
            count = 0;
        }
        rest
    }

    /// Adds all ids of another set at the end.
    pub fn append(&mut self, other: &Self) {
        for range in &other.ranges {
            match self.ranges.last_mut() {
                Some(last) if last.end().checked_add(1) == Some(*range.start()) => {
                    *last = *last.start()..=*range.end();
                }
                _ => self.ranges.push(range.clone()),
            }
        }
    }

    /// Whether `jid` is one of them.
    pub fn contains(&self, jid: Jid) -> bool {
        self.ranges.iter().any(|r| r.contains(&jid.0))
    }

    /// The smallest and the largest id.
    pub fn bounds(&self) -> Option<(Jid, Jid)> {
        let low = self.ranges.iter().map(|r| *r.start()).min()?;
        let high = self.ranges.iter().map(|r| *r.end()).max()?;
        Some((Jid(low), Jid(high)))
    }
}

impl FromIterator<Jid> for JidSet {
    fn from_iter<I: IntoIterator<Item = Jid>>(jids: I) -> Self {
        let mut set = Self::default();
        for jid in jids {
            set.push(jid);
        }
        set
    }
}

impl fmt::Display for JidSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, range) in self.ranges.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            if range.start() == range.end() {
                write!(f, "{comma}{}", range.start())?;
            } else {
                write!(f, "{comma}{}-{}", range.start(), range.end())?;
            }
        }
        Ok(())
    }
}

/// The text is no list of job ids.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadJids {
    #[error("{0:?} is not a job id; write positive numbers and ranges such as 1-4,7")]
    Part(String),
    #[error("more than {MAX_RANGES} ranges of job ids in one request; send them in parts")]
    TooMany,
}

impl FromStr for JidSet {
    type Err = BadJids;

    fn from_str(text: &str) -> Result<Self, BadJids> {
        let mut set = Self::default();
        for part in text.split(',').map(str::trim).filter(|p| !p.is_empty()) {
            let bad = || BadJids::Part(part.chars().take(40).collect());
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let number = |t: &str| {
                t.trim()
                    .parse::<i64>()
                    .ok()
                    .filter(|n| *n > 0)
                    .ok_or_else(bad)
            };
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return Err(bad());
            }
            if set.ranges.len() == MAX_RANGES {
                return Err(BadJids::TooMany);
            }
            match set.ranges.last_mut() {
                Some(r) if r.end().checked_add(1) == Some(first) => *r = *r.start()..=last,
                _ => set.ranges.push(first..=last),
            }
        }
        Ok(set)
    }
}

impl Serialize for JidSet {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for JidSet {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        text.parse().map_err(de::Error::custom)
    }
}

impl utoipa::PartialSchema for JidSet {
    fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
        utoipa::openapi::ObjectBuilder::new()
            .schema_type(utoipa::openapi::schema::Type::String)
            .description(Some("job ids and ranges of them, both ends included"))
            .examples([serde_json_example()])
            .into()
    }
}

fn serde_json_example() -> String {
    "1-4,7".to_owned()
}

impl utoipa::ToSchema for JidSet {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ranges_include_both_ends() {
        let set: JidSet = "1-4, 7".parse().expect("valid");
        assert_eq!(set.iter().map(|j| j.0).collect::<Vec<_>>(), [1, 2, 3, 4, 7]);
        assert_eq!(set.len(), 5);
    }

    #[test]
    fn nonsense_is_refused_with_its_text() {
        for bad in ["x", "0", "-3", "4-2", "1-", "99999999999999999999"] {
            assert!(
                matches!(bad.parse::<JidSet>(), Err(BadJids::Part(_))),
                "{bad}"
            );
        }
        assert_eq!("".parse::<JidSet>(), Ok(JidSet::default()));
    }

    #[test]
    fn a_range_to_the_last_number_does_not_overflow() {
        let set: JidSet = "1-9223372036854775807,9".parse().expect("valid");
        assert_eq!(set.len(), i64::MAX as u64 + 1);
    }

    proptest! {
        #[test]
        fn a_set_is_its_first_part_and_the_rest(jids in proptest::collection::vec(1i64..50, 0..40), count in 0u64..50) {
            let set: JidSet = jids.iter().copied().map(Jid).collect();
            let (mut first, rest) = (set.take(count), set.skip(count));
            prop_assert_eq!(first.len(), count.min(set.len()));
            first.append(&rest);
            prop_assert_eq!(first, set);
        }

        #[test]
        fn text_and_set_agree(jids in proptest::collection::vec(1i64..50, 0..40)) {
            let set: JidSet = jids.iter().copied().map(Jid).collect();
            let again: JidSet = set.to_string().parse().expect("own text");
            prop_assert_eq!(again.iter().map(|j| j.0).collect::<Vec<_>>(), jids);
        }
    }
}
