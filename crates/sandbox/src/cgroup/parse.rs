//! The formats of the kernel's files, as pure functions.
//!
//! A line that is not understood is left out: newer kernels add lines, and a figure that is
//! missing must not stop a worker.

/// The value of `key` in lines of `key value`.
pub(super) fn keyed(text: &str, key: &str) -> Option<u64> {
    text.lines().find_map(|line| {
        let (name, value) = line.split_once(' ')?;
        (name == key).then(|| value.trim().parse().ok())?
    })
}

/// A file that holds one number. `max` is no number.
pub(super) fn number(text: &str) -> Option<u64> {
    text.trim().parse().ok()
}

/// Process ids, one a line. The kernel shows 0 for a process of another pid namespace: signalling
/// that would hit our own process group, so it is left out here, once.
pub(super) fn pids(text: &str) -> Vec<i32> {
    text.lines()
        .filter_map(|line| line.trim().parse().ok())
        .filter(|&pid| pid > 0)
        .collect()
}

/// Bytes read and written, of v2's `io.stat`: `8:0 rbytes=1 wbytes=2 rios=3 ...`.
pub(super) fn io_stat(text: &str) -> (u64, u64) {
    let mut total = (0, 0);
    for field in text.split_whitespace() {
        match field.split_once('=') {
            Some(("rbytes", value)) => total.0 += number(value).unwrap_or(0),
            Some(("wbytes", value)) => total.1 += number(value).unwrap_or(0),
            _ => {}
        }
    }
    total
}

/// Bytes read and written, of v1's `blkio.throttle.io_service_bytes`: `8:0 Read 1`.
pub(super) fn blkio_bytes(text: &str) -> (u64, u64) {
    let mut total = (0, 0);
    for line in text.lines() {
        let mut fields = line.split_whitespace().skip(1);
        let (name, value) = (fields.next(), fields.next().and_then(number));
        match name {
            Some("Read") => total.0 += value.unwrap_or(0),
            Some("Write") => total.1 += value.unwrap_or(0),
            _ => {}
        }
    }
    total
}

/// Bytes read from and written to disks, of `/proc/<pid>/io`. What was written and deleted
/// before it reached a disk does not count.
pub(super) fn process_io(text: &str) -> (u64, u64) {
    let field = |name| keyed(text, name).unwrap_or(0);
    let written = field("write_bytes:").saturating_sub(field("cancelled_write_bytes:"));
    (field("read_bytes:"), written)
}

/// Shares `total` in the ratio of `user` to `system`, which are only estimates. Never less of
/// either than was told before (`told`), so that differences of two readings make sense.
pub(super) fn split_cpu(total: u64, user: u64, system: u64, told: (u64, u64)) -> (u64, u64) {
    let parts = u128::from(user) + u128::from(system);
    let share = match parts {
        0 => total,
        // Not above `total`, because `user` is not above `parts`.
        _ => (u128::from(total) * u128::from(user) / parts) as u64,
    };
    let most = total.saturating_sub(told.1).max(told.0);
    let user = share.clamp(told.0, most);
    (user, total.saturating_sub(user).max(told.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_found_whole_and_only_whole() {
        let text = "usage_usec 1500\nuser_usec 1000\nsystem_usec 500\n";
        assert_eq!(keyed(text, "user_usec"), Some(1000));
        assert_eq!(keyed(text, "user"), None);
        assert_eq!(keyed("max", "max"), None);
        assert_eq!(keyed("oom_kill many\n", "oom_kill"), None);
    }

    #[test]
    fn processes_of_other_namespaces_are_never_named() {
        assert_eq!(pids("0\n12\n\n-1\n34\nx\n"), [12, 34]);
        assert_eq!(pids(""), [0; 0]);
    }

    #[test]
    fn disk_figures_add_up_over_devices() {
        let text = "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n254:0 rbytes=5 wbytes=7\n7:0 \n";
        assert_eq!(io_stat(text), (15, 27));
        let text = "8:0 Read 10\n8:0 Write 20\n8:0 Sync 30\n8:0 Total 30\n254:0 Read 1\nTotal 31\n";
        assert_eq!(blkio_bytes(text), (11, 20));
        assert_eq!(blkio_bytes("Total 0\n"), (0, 0));
    }

    #[test]
    fn writes_that_were_cancelled_do_not_count() {
        let text = "rchar: 9\nwchar: 9\nread_bytes: 4096\nwrite_bytes: 8192\ncancelled_write_bytes: 4096\n";
        assert_eq!(process_io(text), (4096, 4096));
        assert_eq!(
            process_io("write_bytes: 1\ncancelled_write_bytes: 2\n"),
            (0, 0)
        );
    }

    #[test]
    fn user_and_system_time_sum_to_the_total_and_never_shrink() {
        assert_eq!(split_cpu(1000, 0, 0, (0, 0)), (1000, 0));
        assert_eq!(split_cpu(1000, 30, 10, (0, 0)), (750, 250));
        // The ratio moved: neither part goes back.
        assert_eq!(split_cpu(1100, 10, 30, (750, 250)), (750, 350));
        assert_eq!(split_cpu(1100, 99, 1, (750, 250)), (850, 250));
        assert_eq!(split_cpu(u64::MAX, u64::MAX, 0, (0, 0)), (u64::MAX, 0));
    }
}
