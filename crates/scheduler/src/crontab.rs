//! Schedules of five fields, as crontab has them, in the time of a zone.
//!
//! **Days.** When both the day of the month and the day of the week are given, either is enough. A field that begins with `*` is
//! not given: then both must fit, so `*/2 * 1` in the last three fields means Mondays with an odd date.
//!
//! **Changes of clocks.** A schedule that gives minute and hour means times of the clock on the wall: one that a change leaves out fires at the
//! first moment after the gap, one that comes twice fires the first time. A schedule with `*` in minute or hour means a rhythm: it
//! fires at every minute that there is and whose name on the clock fits.

mod field;
#[cfg(test)]
mod tests;

use field::Field;
use jiff::{
    SignedDuration, Timestamp as Moment,
    civil::{self, DateTime},
    tz::{AmbiguousOffset, Offset, TimeZone},
};
use picloud_types::Timestamp;

/// Longest schedule and longest name of a zone, in bytes.
const TEXT_MAX_BYTES: usize = 200;
/// A tick is in sight if it comes within so many years. The 29th of February may take eight.
const SIGHT_YEARS: i16 = 9;

/// Why a schedule is none.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadSchedule {
    #[error(
        "a schedule has five fields with spaces between (minute, hour, day of the month, month, day of the week), not {0}"
    )]
    Fields(usize),
    #[error("the {name} of a schedule cannot be {text:?}; it takes {allowed}")]
    Field {
        name: &'static str,
        text: String,
        allowed: String,
    },
    #[error("the day of the month of a schedule never comes in its months")]
    Never,
    #[error("a schedule has at most {TEXT_MAX_BYTES} characters")]
    Long,
    #[error("there is no time zone {0:?}; names are such as Europe/Berlin, and UTC")]
    Zone(String),
}

/// A schedule in a zone.
#[derive(Clone, Debug)]
pub struct Crontab {
    minute: Field,
    hour: Field,
    day: Field,
    month: Field,
    weekday: Field,
    zone: TimeZone,
}

impl Crontab {
    /// Reads a schedule. An empty name of a zone is UTC.
    pub fn parse(schedule: &str, timezone: &str) -> Result<Self, BadSchedule> {
        if schedule.len() > TEXT_MAX_BYTES {
            return Err(BadSchedule::Long);
        }
        let fields: Vec<_> = schedule.split_ascii_whitespace().collect();
        let [minute, hour, day, month, weekday] = fields[..] else {
            return Err(BadSchedule::Fields(fields.len()));
        };
        let crontab = Self {
            minute: field::MINUTE.read(minute)?,
            hour: field::HOUR.read(hour)?,
            day: field::DAY.read(day)?,
            month: field::MONTH.read(month)?,
            weekday: field::WEEKDAY.read(weekday)?,
            zone: zone(timezone)?,
        };
        if !crontab.can_fire() {
            return Err(BadSchedule::Never);
        }
        Ok(crontab)
    }

    /// The zone's name as its database spells it.
    pub fn timezone(&self) -> &str {
        self.zone.iana_name().unwrap_or("UTC")
    }

    /// The first tick after `after`; none if there is none in sight.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = Moment::from_millisecond(after.0).ok()?;
        let tick = if self.minute.is_star || self.hour.is_star {
            self.next_of_rhythm(after)
        } else {
            self.next_on_the_wall(after)
        };
        tick.map(|tick| Timestamp(tick.as_millisecond()))
    }

    /// The next `count` ticks.
    pub fn ticks(&self, after: Timestamp, count: usize) -> Vec<Timestamp> {
        let mut ticks = Vec::new();
        let mut last = after;
        while ticks.len() < count
            && let Some(next) = self.next(last)
        {
            ticks.push(next);
            last = next;
        }
        ticks
    }

    fn next_on_the_wall(&self, after: Moment) -> Option<Moment> {
        // Times of the clock before this one are over: a repeated hour counts the first time, a gap ends where the clock goes on.
        let mut from = floor(self.zone.to_datetime(after));
        loop {
            let wall = self.next_wall(from)?;
            let tick = self.first_moment(wall)?;
            if tick > after {
                return Some(tick);
            }
            from = minute_later(wall)?;
        }
    }

    /// When the clock on the wall first shows this time, or the end of the gap that it falls into.
    fn first_moment(&self, wall: DateTime) -> Option<Moment> {
        let offset = match self.zone.to_ambiguous_timestamp(wall).offset() {
            AmbiguousOffset::Unambiguous { offset } => offset,
            AmbiguousOffset::Fold { before, .. } => before,
            AmbiguousOffset::Gap { before, .. } => {
                let behind = before.to_timestamp(wall).ok()?;
                // The change itself may be that very moment.
                let change = self.zone.preceding(just_after(behind)?).next()?;
                return Some(change.timestamp());
            }
        };
        offset.to_timestamp(wall).ok()
    }

    /// Goes from one change of clocks to the next: between two the time is even.
    fn next_of_rhythm(&self, after: Moment) -> Option<Moment> {
        let mut from = just_after(after)?;
        let latest = after.checked_add(SignedDuration::from_hours(
            i64::from(SIGHT_YEARS) * 366 * 24,
        ));
        let latest = latest.unwrap_or(Moment::MAX);
        loop {
            let offset = self.zone.to_offset(from);
            let change = self.zone.following(from).next().map(|c| c.timestamp());
            let wall = ceil(offset.to_datetime(from))?;
            if let Some(tick) = self.next_wall(wall).and_then(|w| moment(offset, w))
                && change.is_none_or(|change| tick < change)
            {
                return Some(tick);
            }
            from = change.filter(|change| *change < latest)?;
        }
    }

    /// The first minute from `from` on that fits by its name.
    fn next_wall(&self, from: DateTime) -> Option<DateTime> {
        if self.fits(from.date())
            && let Some((hour, minute)) = self.next_time(from.hour(), from.minute())
        {
            return at(from.date(), hour, minute);
        }
        let date = self.next_date(from.date().tomorrow().ok()?)?;
        at(date, self.hour.lowest(), self.minute.lowest())
    }

    fn next_time(&self, hour: i8, minute: i8) -> Option<(u32, u32)> {
        let (hour, minute) = (u32::try_from(hour).ok()?, u32::try_from(minute).ok()?);
        if self.hour.has(hour)
            && let Some(minute) = self.minute.from(minute)
        {
            return Some((hour, minute));
        }
        let hour = self.hour.from(hour + 1)?;
        Some((hour, self.minute.lowest()))
    }

    fn next_date(&self, from: civil::Date) -> Option<civil::Date> {
        let last_year = from.year().checked_add(SIGHT_YEARS)?;
        let mut date = from;
        while date.year() <= last_year {
            if !self.month.has(date.month().try_into().ok()?) {
                date = date.last_of_month().tomorrow().ok()?;
            } else if self.fits(date) {
                return Some(date);
            } else {
                date = date.tomorrow().ok()?;
            }
        }
        None
    }

    fn fits(&self, date: civil::Date) -> bool {
        let as_value = |value: i8| u32::try_from(value).unwrap_or(0);
        let day = self.day.has(as_value(date.day()));
        let weekday = self
            .weekday
            .has(as_value(date.weekday().to_sunday_zero_offset()));
        let is_day = if self.both_days_must_fit() {
            day && weekday
        } else {
            day || weekday
        };
        is_day && self.month.has(as_value(date.month()))
    }

    fn both_days_must_fit(&self) -> bool {
        self.day.is_star || self.weekday.is_star
    }

    /// Whether there is a month with such a day.
    fn can_fire(&self) -> bool {
        const DAYS: [u32; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
        let mut months = (1..).zip(DAYS).filter(|(month, _)| self.month.has(*month));
        !self.both_days_must_fit() || months.any(|(_, days)| self.day.lowest() <= days)
    }
}

fn zone(name: &str) -> Result<TimeZone, BadSchedule> {
    let bad = || BadSchedule::Zone(name.chars().take(40).collect());
    match name {
        "" => Ok(TimeZone::UTC),
        name if name.len() > TEXT_MAX_BYTES => Err(bad()),
        // Only names of the database: no rules that somebody writes down.
        name => TimeZone::get(name).map_err(|_| bad()),
    }
}

fn at(date: civil::Date, hour: u32, minute: u32) -> Option<DateTime> {
    let (hour, minute) = (i8::try_from(hour).ok()?, i8::try_from(minute).ok()?);
    Some(date.at(hour, minute, 0, 0))
}

fn moment(offset: Offset, wall: DateTime) -> Option<Moment> {
    offset.to_timestamp(wall).ok()
}

/// The minute it is in.
fn floor(wall: DateTime) -> DateTime {
    wall.date().at(wall.hour(), wall.minute(), 0, 0)
}

/// That minute, if it just begins, or else the next.
fn ceil(wall: DateTime) -> Option<DateTime> {
    let begin = floor(wall);
    if begin == wall {
        Some(wall)
    } else {
        minute_later(begin)
    }
}

fn minute_later(wall: DateTime) -> Option<DateTime> {
    wall.checked_add(SignedDuration::from_mins(1)).ok()
}

/// A moment that is later, by no more than it takes to be another one.
fn just_after(moment: Moment) -> Option<Moment> {
    moment.checked_add(SignedDuration::from_millis(1)).ok()
}
