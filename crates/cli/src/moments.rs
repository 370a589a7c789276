//! Moments as people write them on a command line.

use picloud_types::Timestamp;
use std::time::{SystemTime, UNIX_EPOCH};

/// Reads a moment: so long ago, such as `2h` or `3days`, or a date, with or without a time, in UTC.
pub(crate) fn parse(text: &str) -> Result<Timestamp, String> {
    at(text, SystemTime::now())
}

fn at(text: &str, now: SystemTime) -> Result<Timestamp, String> {
    let text = text.trim();
    if let Ok(ago) = humantime::parse_duration(text) {
        // Before 1970 there were no jobs, and timestamps begin there.
        let then = now.checked_sub(ago).filter(|then| *then >= UNIX_EPOCH);
        return then
            .map(Into::into)
            .ok_or_else(|| format!("{text} is too long ago"));
    }
    let whole = match text.len() {
        10 => format!("{text} 00:00:00"),
        16 => format!("{text}:00"),
        _ => text.to_owned(),
    };
    let moment = humantime::parse_rfc3339_weak(&whole);
    moment.map(Into::into).map_err(|_| {
        format!("{text:?} is no moment: write how long ago, such as 2h, or 2026-11-26, or \"2026-11-26 14:30\", in UTC")
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_moment_is_so_long_ago_or_a_date_with_or_without_a_time() {
        let day = 1_764_115_200;
        let now = UNIX_EPOCH + Duration::from_secs(day + 3600);
        for (text, seconds) in [
            ("1h", day),
            ("30min", day + 1800),
            ("1day 1h", day - 86400),
            ("2025-11-26", day),
            ("2025-11-26 00:30", day + 1800),
            ("2025-11-26T00:30:05", day + 1805),
            ("2025-11-26T00:30:05Z", day + 1805),
        ] {
            let expected = i64::try_from(seconds * 1000).expect("small");
            assert_eq!(at(text, now), Ok(Timestamp(expected)), "{text}");
        }
        for bad in ["", "yesterday", "2025-13-01", "12:00", "5", "999999years"] {
            assert!(at(bad, now).is_err(), "{bad}");
        }
    }
}
