//! Why a job ended without an answer of its own, in words.

use crate::{frames::BadFrame, zygote::Exit};
use picloud_types::{Failure, ResourceLimit, Verdict};

fn failure(verdict: Verdict, exception: String, hint: Option<&str>) -> Failure {
    Failure {
        verdict,
        exception,
        exception_type: None,
        hint: hint.map(str::to_owned),
    }
}

/// The process that ran `function` ended by itself.
pub(crate) fn died(function: &str, exit: Exit) -> Failure {
    let function = named(function);
    match exit {
        // The runner noticed by itself what `disconnected` says.
        Exit::Code(71) => disconnected(function),
        Exit::Code(code) => failure(
            Verdict::Exited { code },
            format!("the process ended by itself with exit code {code} while running {function}"),
            Some(
                "the function, or something it called, ended the whole process (as os._exit does); let it return or raise instead",
            ),
        ),
        Exit::Signal(signal) => {
            let (name, meaning, hint) = describe(signal);
            failure(
                Verdict::Signalled {
                    signal,
                    name: name.clone(),
                },
                format!(
                    "the process was ended by signal {signal} ({name}, {meaning}) while running {function}"
                ),
                Some(hint),
            )
        }
        Exit::Unknown => failure(
            Verdict::Disconnected,
            format!(
                "the process ended while running {function}; how is not known, because its supervisor ended too"
            ),
            Some("run the job again"),
        ),
    }
}

/// The process lives, but closed its line to the worker.
pub(crate) fn disconnected(function: &str) -> Failure {
    failure(
        Verdict::Disconnected,
        format!(
            "the process closed its connection to the worker while running {}",
            named(function)
        ),
        Some(
            "the function closed a file descriptor that is not its own; it should close only what it opened",
        ),
    )
}

/// The process said what no runner says.
pub(crate) fn garbled(function: &str, bad: &BadFrame) -> Failure {
    failure(
        Verdict::Disconnected,
        format!(
            "the process broke its connection to the worker while running {}: {bad}",
            named(function)
        ),
        Some(
            "the function wrote to a file descriptor that is not its own; it should write only to what it opened",
        ),
    )
}

/// Killed by its owner; `traceback` is what the interrupt left.
pub(crate) fn killed(traceback: Option<Failure>) -> Failure {
    with_traceback(Verdict::Killed, "Killed".to_owned(), None, traceback)
}

/// Ran too long.
pub(crate) fn time_limit(limit_ms: u64, traceback: Option<Failure>) -> Failure {
    with_traceback(
        Verdict::TimeLimit { limit_ms },
        format!(
            "the job ran longer than its _max_runtime of {}",
            span(limit_ms)
        ),
        Some("raise _max_runtime, or split the work"),
        traceback,
    )
}

/// The kernel ended a process of the job for want of memory.
pub(crate) fn out_of_memory(
    function: &str,
    limit_bytes: u64,
    peak_bytes: u64,
    failures: u64,
) -> Failure {
    failure(
        Verdict::OutOfMemory {
            limit_bytes,
            peak_bytes,
            failures,
            fits: None,
        },
        format!(
            "{} used more memory than it was granted: {} granted, {} used when the kernel ended it",
            named(function),
            megabytes(limit_bytes),
            megabytes(peak_bytes),
        ),
        Some(
            "ask for a core type with more memory (_type), or for more cores (_cores): memory grows with them",
        ),
    )
}

/// The job used more of something than the limit, and was ended.
pub(crate) fn limit(limit: ResourceLimit, value: u64, used: u64) -> Failure {
    let (sentence, hint) = match limit {
        ResourceLimit::Disk => (
            format!(
                "the job's files took {}, more than the {} allowed",
                megabytes(used),
                megabytes(value)
            ),
            "keep less in its directories and /tmp, or store results as they come; the operator sets job_disk_bytes",
        ),
        ResourceLimit::Files => (
            format!("the job made more than {value} files and directories"),
            "keep fewer, larger files",
        ),
        ResourceLimit::Processes => (
            format!("the job reached its limit of {value} processes and threads"),
            "start fewer at a time; the operator sets job_processes",
        ),
        ResourceLimit::OpenFiles => (
            format!("the job reached its limit of {value} open files"),
            "close files that are no longer needed; the operator sets job_open_files",
        ),
    };
    let verdict = Verdict::LimitReached {
        limit,
        value,
        used: Some(used),
    };
    failure(verdict, sentence, Some(hint))
}

/// A failure of a job that could not start one more process.
pub(crate) fn process_limit(mut seen: Failure, processes: u32) -> Failure {
    let told = limit(
        ResourceLimit::Processes,
        u64::from(processes),
        u64::from(processes),
    );
    seen.verdict = told.verdict;
    seen.exception = format!("{}\n{}", seen.exception.trim_end(), told.exception);
    seen.hint = told.hint;
    seen
}

fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1e6)
}

/// Interrupted because the worker stops, and it must not be started again.
pub(crate) fn worker_stopped() -> Failure {
    failure(
        Verdict::WorkerLost,
        "the worker was stopped while the job ran, and the job must not be started again"
            .to_owned(),
        Some("without _restartable=False the job would have been run again elsewhere"),
    )
}

/// The result is beyond the limit.
pub(crate) fn result_too_big(size_bytes: u64, limit_bytes: u64) -> Failure {
    failure(
        Verdict::ResultTooBig {
            size_bytes,
            limit_bytes,
        },
        format!("the pickled result has {size_bytes} bytes, more than the {limit_bytes} allowed"),
        Some("return less, or store the data elsewhere and return where it is"),
    )
}

/// Nothing could be run.
pub(crate) fn could_not_start(reason: &str) -> Failure {
    failure(
        Verdict::CouldNotStart {
            reason: reason.to_owned(),
        },
        format!("the job could not be started: {reason}"),
        None,
    )
}

/// The job ran, but its result could not be brought to the server.
pub(crate) fn result_lost(reason: &str) -> Failure {
    failure(
        Verdict::CouldNotStart {
            reason: format!("the result could not be stored: {reason}"),
        },
        format!("the job ran, but its result could not be stored: {reason}"),
        Some("run the job again; if it repeats, look at the worker's log"),
    )
}

/// The runner failed a job without saying why.
pub(crate) fn unexplained() -> Failure {
    failure(
        Verdict::Disconnected,
        "the runner reported a failure without a reason".to_owned(),
        None,
    )
}

fn with_traceback(
    verdict: Verdict,
    sentence: String,
    hint: Option<&str>,
    traceback: Option<Failure>,
) -> Failure {
    let mut failure = failure(verdict, sentence, hint);
    if let Some(traceback) = traceback.filter(|t| !t.exception.is_empty()) {
        failure.exception = match failure.verdict {
            Verdict::TimeLimit { .. } => format!("{}\n{}", traceback.exception, failure.exception),
            _ => traceback.exception,
        };
        failure.exception_type = traceback.exception_type;
    }
    failure
}

fn named(function: &str) -> &str {
    match function {
        "" => "the function",
        name => name,
    }
}

fn span(ms: u64) -> String {
    match ms {
        ms if ms % 60_000 == 0 => format!("{} min", ms / 60_000),
        ms if ms % 1_000 == 0 => format!("{} s", ms / 1_000),
        ms => format!("{ms} ms"),
    }
}

/// Name, meaning and advice for a signal.
fn describe(signal: i32) -> (String, &'static str, &'static str) {
    let name = nix::sys::signal::Signal::try_from(signal)
        .map_or_else(|_| format!("SIG{signal}"), |s| s.as_str().to_owned());
    let crash = "a crash in compiled code; the syslog of the job says where Python was";
    let (meaning, hint) = match name.as_str() {
        "SIGSEGV" => ("invalid memory access", crash),
        "SIGBUS" => ("invalid memory access", crash),
        "SIGABRT" => ("it gave up on an inner error", crash),
        "SIGFPE" => ("an arithmetic error", crash),
        "SIGILL" => (
            "an instruction this processor lacks",
            "a compiled package was built for another processor",
        ),
        "SIGKILL" => (
            "ended from outside",
            "often the kernel's answer to too little memory: ask for more with _type or _cores, or let the job use less",
        ),
        "SIGTERM" => (
            "asked to end",
            "something on the machine, or the function itself, ended the process",
        ),
        "SIGPIPE" => (
            "it wrote to a closed pipe",
            "handle BrokenPipeError instead of restoring the default action of SIGPIPE",
        ),
        _ => (
            "a signal",
            "something on the machine, or the function itself, sent it",
        ),
    };
    (name, meaning, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crash_is_told_in_words() {
        let failure = died("f", Exit::Signal(11));
        assert_eq!(
            failure.exception,
            "the process was ended by signal 11 (SIGSEGV, invalid memory access) while running f"
        );
        assert!(failure.hint.is_some());
        assert_eq!(
            failure.verdict,
            Verdict::Signalled {
                signal: 11,
                name: "SIGSEGV".to_owned()
            }
        );
    }

    #[test]
    fn a_kill_shows_the_traceback_of_the_interrupt() {
        let traceback = failure(Verdict::Raised, "Traceback ...".to_owned(), None);
        assert_eq!(killed(Some(traceback)).exception, "Traceback ...");
        assert_eq!(killed(None).exception, "Killed");
    }

    #[test]
    fn a_time_limit_is_named_in_the_unit_it_was_given_in() {
        assert!(time_limit(120_000, None).exception.contains("2 min"));
        assert!(time_limit(1_500, None).exception.contains("1500 ms"));
    }
}
