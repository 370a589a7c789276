//! Samples as lines of a table that grows.

use crate::output::bytes;
use picloud_types::Sample;

/// Lines between two headings, so that one is in sight.
const HEADING_EVERY: u32 = 20;

/// Makes the lines. Knows the sample before, to tell what happened since.
#[derive(Debug, Default)]
pub(super) struct Table {
    before: Option<Sample>,
    lines: u32,
}

impl Table {
    /// Another attempt began: its seconds and sums start from nothing.
    pub(super) fn restart(&mut self) {
        self.before = None;
    }

    /// Whether this sample was seen already, as after a line that broke.
    pub(super) fn has(&self, sample: &Sample) -> bool {
        self.before.is_some_and(|b| sample.second <= b.second)
    }

    /// Cores busy since the sample before, and the line, with a heading where it is time for one.
    pub(super) fn take(&mut self, sample: Sample) -> (f64, String) {
        let before = self.before.replace(sample).unwrap_or_default();
        // Before the first sample lies the time since the beginning; less than a second counts as one.
        let seconds = f64::from(sample.second.saturating_sub(before.second).max(1));
        let cpu_us = |s: &Sample| s.cpu_user_us + s.cpu_system_us;
        let cores = since(cpu_us(&sample), cpu_us(&before)) / 1e6 / seconds;
        let rate = |now: u64, before: u64| per_second(since(now, before) / seconds);
        let network = |now: Option<u64>, before: Option<u64>| {
            now.map_or_else(|| "-".to_owned(), |n| rate(n, before.unwrap_or(0)))
        };
        let cells = [
            sample.second.to_string(),
            format!("{cores:.2}"),
            bytes(sample.memory_bytes),
            bytes(sample.disk_bytes),
            rate(sample.disk_read_bytes, before.disk_read_bytes),
            rate(sample.disk_write_bytes, before.disk_write_bytes),
            network(sample.net_received_bytes, before.net_received_bytes),
            network(sample.net_sent_bytes, before.net_sent_bytes),
            sample.processes.to_string(),
        ];
        let mut text = String::new();
        if self.lines.is_multiple_of(HEADING_EVERY) {
            text = line(&HEADING.map(str::to_owned));
        }
        self.lines = self.lines.wrapping_add(1);
        text.push_str(&line(&cells));
        (cores, text)
    }
}

const HEADING: [&str; 9] = [
    "SECOND",
    "CORES",
    "MEMORY",
    "DISK",
    "READ/S",
    "WRITTEN/S",
    "RECEIVED/S",
    "SENT/S",
    "PROCESSES",
];

/// Fixed widths: lines that were printed cannot be made wider.
fn line(cells: &[String; 9]) -> String {
    let mut text = String::new();
    for (index, cell) in cells.iter().enumerate() {
        let (gap, room) = if index == 0 {
            ("", 6)
        } else {
            ("  ", HEADING[index].len().max(8))
        };
        text.push_str(&format!("{gap}{cell:>room$}"));
    }
    text.push('\n');
    text
}

#[expect(clippy::cast_precision_loss, reason = "figures of three digits")]
fn since(now: u64, before: u64) -> f64 {
    now.saturating_sub(before) as f64
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a float to integer cast saturates, and it is not negative"
)]
fn per_second(count: f64) -> String {
    bytes(count.round() as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(second: u32, cpu_user_us: u64) -> Sample {
        Sample {
            second,
            cpu_user_us,
            memory_bytes: 12_000_000,
            disk_read_bytes: u64::from(second) * 2_000,
            processes: 1,
            ..Sample::default()
        }
    }

    #[test]
    fn a_line_tells_what_happened_since_the_one_before() {
        let mut table = Table::default();
        let (cores, first) = table.take(sample(1, 500_000));
        assert!((cores - 0.5).abs() < 1e-9);
        assert_eq!(first.lines().count(), 2, "with a heading: {first}");
        let (cores, second) = table.take(sample(3, 3_500_000));
        assert!((cores - 1.5).abs() < 1e-9, "three seconds of two");
        assert_eq!(
            second.split_whitespace().collect::<Vec<_>>().join(" "),
            "3 1.50 12.0 MB 0 B 2.0 kB 0 B - - 1"
        );
        let width = |text: &str| text.lines().map(str::len).max();
        assert_eq!(width(&first), width(&second));
    }

    #[test]
    fn what_was_seen_is_known_until_it_begins_again() {
        let mut table = Table::default();
        table.take(sample(5, 0));
        assert!(table.has(&sample(5, 0)) && !table.has(&sample(6, 0)));
        table.restart();
        assert!(!table.has(&sample(1, 0)));
        let (cores, _) = table.take(sample(1, 250_000));
        assert!((cores - 0.25).abs() < 1e-9);
    }
}
