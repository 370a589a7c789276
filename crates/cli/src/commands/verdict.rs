//! Why a job failed, in a line: the verdict with its evidence.

use crate::output::{bytes, duration};
use picloud_types::{ResourceLimit, Verdict};

/// The line. Exception and hint say more, where there are any.
pub(super) fn line(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Raised => "it raised an exception".to_owned(),
        Verdict::NotLoaded { module: None } => "it could not be loaded".to_owned(),
        Verdict::NotLoaded {
            module: Some(module),
        } => format!("it could not be loaded: {module} is missing there"),
        Verdict::ResultNotPickled { path: None } => "its result could not be pickled".to_owned(),
        Verdict::ResultNotPickled { path: Some(path) } => {
            format!("its result could not be pickled, for {path}")
        }
        Verdict::ResultTooBig {
            size_bytes,
            limit_bytes,
        } => format!(
            "its result is too big: {}, limit {}",
            bytes(*size_bytes),
            bytes(*limit_bytes)
        ),
        Verdict::Exited { code } => format!("its process exited with code {code}"),
        Verdict::Signalled { signal, name } => {
            format!("its process was ended by signal {signal}, {name}")
        }
        Verdict::Disconnected => "its process closed its line to the worker".to_owned(),
        Verdict::Killed => "it was killed".to_owned(),
        Verdict::TimeLimit { limit_ms } => {
            #[expect(clippy::cast_precision_loss, reason = "two units are shown")]
            let limit = duration(Some(*limit_ms as f64));
            format!("it ran longer than {limit}")
        }
        Verdict::OutOfMemory {
            limit_bytes,
            peak_bytes,
            failures,
            fits,
        } => {
            let fits = fits.as_ref().map_or_else(String::new, |fits| {
                format!("; {} x {} would have fitted", fits.cores, fits.core_type)
            });
            format!(
                "out of memory: limit {}, peak {}, {failures} failed allocation(s){fits}",
                bytes(*limit_bytes),
                bytes(*peak_bytes)
            )
        }
        Verdict::LimitReached { limit, value, used } => {
            let figure = |n: u64| match limit {
                ResourceLimit::Disk => bytes(n),
                ResourceLimit::Processes | ResourceLimit::OpenFiles | ResourceLimit::Files => {
                    n.to_string()
                }
            };
            let what = match limit {
                ResourceLimit::Processes => "processes and threads",
                ResourceLimit::OpenFiles => "open files of a process",
                ResourceLimit::Disk => "bytes in its files",
                ResourceLimit::Files => "files",
            };
            let used = used.map_or_else(String::new, |n| format!(", in use {}", figure(n)));
            format!("too many {what}: limit {}{used}", figure(*value))
        }
        Verdict::WorkerLost => "its worker was lost, and it must not run twice".to_owned(),
        Verdict::DependencyFailed { jid } => format!("job {jid}, which it depends on, failed"),
        Verdict::CouldNotStart { reason } => format!("it could not start: {reason}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use picloud_types::outcome::CoresOf;

    #[test]
    fn the_evidence_is_in_the_line() {
        let out_of_memory = Verdict::OutOfMemory {
            limit_bytes: 300_000_000,
            peak_bytes: 298_100_000,
            failures: 3,
            fits: Some(CoresOf {
                core_type: "c2".into(),
                cores: 2,
            }),
        };
        assert_eq!(
            line(&out_of_memory),
            "out of memory: limit 300.0 MB, peak 298.1 MB, 3 failed allocation(s); 2 x c2 would have fitted"
        );
        let disk = Verdict::LimitReached {
            limit: ResourceLimit::Disk,
            value: 10_000_000,
            used: Some(12_000_000),
        };
        assert_eq!(
            line(&disk),
            "too many bytes in its files: limit 10.0 MB, in use 12.0 MB"
        );
        let processes = Verdict::LimitReached {
            limit: ResourceLimit::Processes,
            value: 1024,
            used: None,
        };
        assert_eq!(
            line(&processes),
            "too many processes and threads: limit 1024"
        );
        assert_eq!(
            line(&Verdict::TimeLimit { limit_ms: 90_000 }),
            "it ran longer than 1 min 30 s"
        );
    }
}
