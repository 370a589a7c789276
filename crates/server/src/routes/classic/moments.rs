//! Times as they were written: `2012-06-12 19:00:00`, UTC.

use crate::days::Day;
use picloud_types::Timestamp;

pub(super) fn text(moment: Timestamp) -> String {
    let seconds = moment.0.div_euclid(1000).rem_euclid(24 * 60 * 60);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!(
        "{} {hours:02}:{minutes:02}:{:02}",
        Day::of(moment),
        seconds % 60
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_written_to_the_second() {
        assert_eq!(text(Timestamp(1_339_527_600_999)), "2012-06-12 19:00:00");
        assert_eq!(text(Timestamp(0)), "1970-01-01 00:00:00");
    }
}
