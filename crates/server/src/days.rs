//! Days of the calendar as people write them and as the ledger counts them. UTC.

use std::{fmt, str::FromStr};

/// A day by its distance from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Day(pub(crate) i64);

/// The years that can be written: four digits, and none before there were computers to charge for.
const YEARS: std::ops::RangeInclusive<i64> = 1970..=9999;

impl Day {
    /// The day on which a moment lies.
    pub(crate) fn of(moment: picloud_types::Timestamp) -> Self {
        Self(moment.0.div_euclid(24 * 60 * 60 * 1000))
    }
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Days from 1970 to the first of January of a year.
fn new_year(year: i64) -> i64 {
    let before = |year: i64| year * 365 + year / 4 - year / 100 + year / 400;
    before(year - 1) - before(1969)
}

fn month_lengths(year: i64) -> [i64; 12] {
    let february = if is_leap(year) { 29 } else { 28 };
    [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
}

impl FromStr for Day {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let digits = |range: std::ops::Range<usize>| {
            let part = text
                .get(range)
                .filter(|p| p.bytes().all(|b| b.is_ascii_digit()))?;
            part.parse::<i64>().ok()
        };
        let is_form =
            text.len() == 10 && text.get(4..5) == Some("-") && text.get(7..8) == Some("-");
        let (Some(year), Some(month), Some(day), true) =
            (digits(0..4), digits(5..7), digits(8..10), is_form)
        else {
            return Err(());
        };
        let lengths = month_lengths(year);
        let month = usize::try_from(month - 1).map_err(|_| ())?;
        let length = *lengths.get(month).ok_or(())?;
        if !YEARS.contains(&year) || !(1..=length).contains(&day) {
            return Err(());
        }
        Ok(Self(
            new_year(year) + lengths[..month].iter().sum::<i64>() + day - 1,
        ))
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A guess that is never too late, then on to the year.
        let mut year = 1970 + self.0.div_euclid(366);
        while new_year(year + 1) <= self.0 {
            year += 1;
        }
        let mut rest = self.0 - new_year(year);
        let mut month = 1;
        for length in month_lengths(year) {
            if rest < length {
                break;
            }
            rest -= length;
            month += 1;
        }
        write!(f, "{year:04}-{month:02}-{:02}", rest + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picloud_types::Timestamp;

    #[test]
    fn days_are_read_and_written() {
        for (text, number) in [
            ("1970-01-01", 0),
            ("1970-12-31", 364),
            ("2000-02-29", 11_016),
            ("2026-11-26", 20_783),
            ("2100-03-01", 47_541),
            ("9999-12-31", 2_932_896),
        ] {
            assert_eq!(text.parse(), Ok(Day(number)), "{text}");
            assert_eq!(Day(number).to_string(), text);
        }
        assert_eq!(Day::of(Timestamp(86_399_999)), Day(0));
        assert_eq!(Day::of(Timestamp(86_400_000)), Day(1));
    }

    #[test]
    fn every_day_leads_back_to_itself() {
        for number in 0..200_000 {
            assert_eq!(Day(number).to_string().parse(), Ok(Day(number)));
        }
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2026",
            "2026-1-1",
            "2026-13-01",
            "2026-00-01",
            "2026-02-29",
            "2026-04-31",
            "2026-01-00",
            "1969-12-31",
            "2026/01/01",
            "+026-01-01",
            "2026-01-01T",
            "２026-01-1",
        ] {
            assert_eq!(text.parse::<Day>(), Err(()), "{text}");
        }
    }
}
