//! One field of a schedule: which values it takes.

use super::BadSchedule;

/// What is particular to a field.
#[derive(Debug)]
pub(super) struct Kind {
    /// How it is called in refusals.
    pub(super) name: &'static str,
    low: u32,
    high: u32,
    /// Names of its values from the lowest on.
    names: &'static [&'static str],
}

pub(super) const MINUTE: Kind = Kind::new("minute", 0, 59, &[]);
pub(super) const HOUR: Kind = Kind::new("hour", 0, 23, &[]);
pub(super) const DAY: Kind = Kind::new("day of the month", 1, 31, &[]);
pub(super) const MONTH: Kind = Kind::new(
    "month",
    1,
    12,
    &[
        "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
    ],
);
/// Both 0 and 7 are Sunday, so that `fri-sun` and `5-7` are ranges as well as `sun-tue` is.
pub(super) const WEEKDAY: Kind = Kind::new(
    "day of the week",
    0,
    7,
    &["sun", "mon", "tue", "wed", "thu", "fri", "sat"],
);

/// The values of a field, a bit each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Field {
    bits: u64,
    /// Whether it begins with `*`: then it sets no time of its own, only a rhythm.
    pub(super) is_star: bool,
}

impl Field {
    pub(super) fn has(self, value: u32) -> bool {
        self.bits >> value & 1 == 1
    }

    /// The lowest value from `value` on.
    pub(super) fn from(self, value: u32) -> Option<u32> {
        let rest = self.bits.checked_shr(value)?;
        (rest != 0).then(|| value + rest.trailing_zeros())
    }

    pub(super) fn lowest(self) -> u32 {
        self.bits.trailing_zeros()
    }
}

impl Kind {
    const fn new(name: &'static str, low: u32, high: u32, names: &'static [&'static str]) -> Self {
        Self {
            name,
            low,
            high,
            names,
        }
    }

    pub(super) fn read(&self, text: &str) -> Result<Field, BadSchedule> {
        let mut bits = 0;
        for term in text.split(',') {
            bits |= self.term(term).ok_or_else(|| self.bad(text))?;
        }
        if self.high == 7 && bits >> 7 & 1 == 1 {
            bits = bits & 0x7f | 1;
        }
        Ok(Field {
            bits,
            is_star: text.starts_with(['*', '?']),
        })
    }

    /// One part of a list: `*`, `a`, `a-b`, each with a step or without.
    fn term(&self, text: &str) -> Option<u64> {
        let (values, step) = match text.split_once('/') {
            Some((values, step)) => (values, Some(number(step).filter(|step| *step > 0)?)),
            None => (text, None),
        };
        let (first, last) = match values {
            // The seventh day is the first again: a step over all days must not see it twice.
            "*" | "?" => (self.low, if self.high == 7 { 6 } else { self.high }),
            values => match values.split_once('-') {
                Some((first, last)) => self.range(first, last)?,
                None => {
                    let first = self.value(values)?;
                    (first, if step.is_some() { self.high } else { first })
                }
            },
        };
        let steps = (first..=last).step_by(step.unwrap_or(1) as usize);
        Some(steps.fold(0, |bits, value| bits | 1 << value))
    }

    fn range(&self, first: &str, last: &str) -> Option<(u32, u32)> {
        let (first, mut last_value) = (self.value(first)?, self.value(last)?);
        if self.high == 7 && last.eq_ignore_ascii_case("sun") && first > 0 {
            last_value = 7;
        }
        (first <= last_value).then_some((first, last_value))
    }

    fn value(&self, text: &str) -> Option<u32> {
        let named = self.names.iter().position(|n| n.eq_ignore_ascii_case(text));
        let value = match named {
            Some(place) => self.low + u32::try_from(place).ok()?,
            None => number(text)?,
        };
        (self.low..=self.high).contains(&value).then_some(value)
    }

    fn bad(&self, text: &str) -> BadSchedule {
        let names = match (self.names.first(), self.names.last()) {
            (Some(first), Some(last)) => format!(" or {first} to {last}"),
            _ => String::new(),
        };
        BadSchedule::Field {
            name: self.name,
            text: text.chars().take(40).collect(),
            allowed: format!(
                "{} to {}{names}, as *, a number, a range such as {}-{}, a step such as */2, or several of these with commas between",
                self.low,
                self.high,
                self.low + 1,
                self.low + 4
            ),
        }
    }
}

/// Digits only, and few: no sign, no blank.
fn number(text: &str) -> Option<u32> {
    let is_number = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    is_number.then(|| text.parse().ok())?
}
