//! Prints ticks of a schedule, a line of Unix seconds each: for comparing with other programs.
//!
//! Reads lines of `FROM;UNTIL;ZONE;SCHEDULE` (seconds) and prints for each the ticks after FROM up to UNTIL, with spaces between.

use picloud_scheduler::Crontab;
use picloud_types::Timestamp;
use std::io::{self, BufRead, Write};

fn main() -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for line in io::stdin().lock().lines() {
        let line = line?;
        let parts: Vec<_> = line.splitn(4, ';').collect();
        let [from, until, zone, schedule] = parts[..] else {
            return Err(io::Error::other(format!("{line:?} has not four parts")));
        };
        let (from, until): (i64, i64) = (
            from.parse().map_err(io::Error::other)?,
            until.parse().map_err(io::Error::other)?,
        );
        match Crontab::parse(schedule, zone) {
            Ok(crontab) => {
                let mut last = Timestamp(from * 1000);
                while let Some(tick) = crontab.next(last).filter(|t| t.0 <= until * 1000) {
                    write!(out, "{} ", tick.0 / 1000)?;
                    last = tick;
                }
                writeln!(out)?;
            }
            Err(error) => writeln!(out, "refused: {error}")?,
        }
    }
    out.flush()
}
