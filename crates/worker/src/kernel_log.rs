//! What the kernel said of a process that ended badly.

use std::{fs::OpenOptions, io::Read as _, os::unix::fs::OpenOptionsExt as _};

/// Most lines of one death.
const LINES_MAX: usize = 12;
/// Most records looked at: the kernel's buffer is a ring of about so many.
const RECORDS_MAX: usize = 50_000;

/// Lines since `since_us` (microseconds since the machine started) that name the process or its
/// control group. Empty where the log may not be read.
pub(crate) fn about(pid: Option<i32>, group: Option<&str>, since_us: u64) -> Vec<String> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(nix::libc::O_NONBLOCK)
        .open("/dev/kmsg");
    let Ok(mut file) = file else {
        return Vec::new();
    };
    let mut lines = Vec::new();
    let mut record = [0; 8_192];
    for _ in 0..RECORDS_MAX {
        match file.read(&mut record) {
            Ok(0) => break,
            Ok(length) => {
                let text = String::from_utf8_lossy(&record[..length]);
                lines.extend(matching(&text, pid, group, since_us));
            }
            // Overwritten while we read: go on with the next.
            Err(error) if error.raw_os_error() == Some(nix::libc::EPIPE) => {}
            Err(_) => break,
        }
    }
    let excess = lines.len().saturating_sub(LINES_MAX);
    lines.drain(..excess);
    lines
}

/// One record: `priority,sequence,microseconds,flags;text` and lines of details.
fn matching(record: &str, pid: Option<i32>, group: Option<&str>, since_us: u64) -> Option<String> {
    let (head, text) = record.split_once(';')?;
    let at: u64 = head.split(',').nth(2)?.parse().ok()?;
    if at < since_us {
        return None;
    }
    let text = text.lines().next()?;
    let names_pid = pid.is_some_and(|pid| {
        let forms = [
            format!("[{pid}]"),
            format!("process {pid} "),
            format!("pid={pid}"),
            format!("pid {pid}"),
        ];
        forms.iter().any(|form| text.contains(form.as_str()))
    });
    // Followed by something that is not a digit: slot-1 is not slot-12.
    let names_group = group.is_some_and(|group| {
        text.match_indices(group).any(|(at, _)| {
            let next = text[at + group.len()..].chars().next();
            !next.is_some_and(|c| c.is_ascii_digit())
        })
    });
    (names_pid || names_group)
        .then(|| format!("[{:>5}.{:06}] {text}", at / 1_000_000, at % 1_000_000))
}

/// Microseconds since the machine started, as the kernel's log counts them.
pub(crate) fn now_us() -> u64 {
    let now = nix::time::clock_gettime(nix::time::ClockId::CLOCK_MONOTONIC);
    now.map_or(0, |t| {
        u64::try_from(t.tv_sec()).unwrap_or(0) * 1_000_000
            + u64::try_from(t.tv_nsec()).unwrap_or(0) / 1_000
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const CRASH: &str = "6,900,5000000,-;python3[4321]: segfault at 0 ip 00007f error 4 in libc.so.6\n SUBSYSTEM=x\n";
    const OOM: &str = "6,901,6000000,-;oom-kill:constraint=CONSTRAINT_MEMCG,task_memcg=/picloud-7/slot-1,task=python3,pid=99,uid=0\n";

    #[test]
    fn a_crash_is_found_by_its_process_and_no_earlier_one() {
        let found = matching(CRASH, Some(4_321), None, 1_000_000);
        assert_eq!(
            found.as_deref(),
            Some("[    5.000000] python3[4321]: segfault at 0 ip 00007f error 4 in libc.so.6")
        );
        assert_eq!(matching(CRASH, Some(432), None, 0), None);
        assert_eq!(matching(CRASH, Some(4_321), None, 5_000_001), None);
    }

    #[test]
    fn a_lack_of_memory_is_found_by_the_control_group_and_not_by_one_with_a_longer_name() {
        assert!(matching(OOM, None, Some("/picloud-7/slot-1"), 0).is_some());
        let longer = OOM.replace("slot-1", "slot-12");
        assert_eq!(matching(&longer, None, Some("/picloud-7/slot-1"), 0), None);
    }
}
