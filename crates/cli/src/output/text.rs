//! Moments, durations and sizes as people read them.

use picloud_types::Timestamp;
use std::time::{Duration, UNIX_EPOCH};

/// A moment in UTC, to the second; empty where there is none.
pub(crate) fn moment(time: Option<Timestamp>) -> String {
    let Some(Timestamp(ms)) = time else {
        return String::new();
    };
    let since = Duration::from_millis(u64::try_from(ms).unwrap_or(0));
    let text = humantime::format_rfc3339_seconds(UNIX_EPOCH + since).to_string();
    text.replace('T', " ").trim_end_matches('Z').to_owned()
}

/// Milliseconds as a duration of two units at most; empty where there is none.
pub(crate) fn duration(ms: Option<f64>) -> String {
    let Some(ms) = ms.filter(|ms| ms.is_finite() && *ms >= 0.0) else {
        return String::new();
    };
    match ms {
        ms if ms < 1.0 => format!("{:.0} us", ms * 1e3),
        ms if ms < 1e3 => format!("{ms:.1} ms"),
        ms if ms < 60e3 => format!("{:.1} s", ms / 1e3),
        ms if ms < 3600e3 => format!(
            "{:.0} min {:.0} s",
            (ms / 60e3).floor(),
            (ms % 60e3 / 1e3).floor()
        ),
        ms => format!(
            "{:.0} h {:.0} min",
            (ms / 3600e3).floor(),
            (ms % 3600e3 / 60e3).floor()
        ),
    }
}

/// A size in powers of ten, as core types are stated.
pub(crate) fn bytes(count: u64) -> String {
    #[expect(
        clippy::cast_precision_loss,
        reason = "one digit after the point is shown"
    )]
    let mut value = count as f64;
    for unit in ["B", "kB", "MB", "GB"] {
        if value < 1000.0 {
            return if unit == "B" {
                format!("{count} B")
            } else {
                format!("{value:.1} {unit}")
            };
        }
        value /= 1000.0;
    }
    format!("{value:.1} TB")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_well() {
        assert_eq!(moment(Some(Timestamp(0))), "1970-01-01 00:00:00");
        assert_eq!(moment(None), "");
        for (ms, text) in [
            (0.25, "250 us"),
            (12.0, "12.0 ms"),
            (61_000.0, "1 min 1 s"),
            (7_260_000.0, "2 h 1 min"),
        ] {
            assert_eq!(duration(Some(ms)), text);
        }
        assert_eq!(
            (bytes(999), bytes(3_700_000_000)),
            ("999 B".to_owned(), "3.7 GB".to_owned())
        );
    }
}
