//! What an answer, or the lack of one, means for a job that the worker may have wanted to end.

use crate::{frames::Status, verdict};
use picloud_types::{Failure, JobState, ResourceLimit};

/// Why the worker wanted a job to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// Its owner said so.
    Killed,
    /// It ran longer than it may.
    TimeLimit,
    /// Another process should run it.
    TakenBack,
    /// The server gave it to somebody else.
    Refused,
    /// The worker stops.
    WorkerStops,
    /// It used more of this than the limit: the limit, and what was used.
    Limit(ResourceLimit, u64, u64),
}

/// What is reported.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    Done,
    Failed(JobState, Failure),
    /// Nothing: it is no longer ours, or it will run again.
    Nothing,
}

/// For a job that was answered.
pub(crate) fn decide(
    status: Status,
    why: Option<Why>,
    failure: Option<Failure>,
    max_runtime_ms: Option<u64>,
    restartable: bool,
) -> Decision {
    match (status, why) {
        (_, Some(Why::Refused)) => Decision::Nothing,
        // It was faster than the interrupt, or did not mind it: a result is a result.
        (Status::Done, _) => Decision::Done,
        (_, Some(why)) => match stopped(why, failure.clone(), max_runtime_ms, restartable) {
            // Interrupted only if it says so; otherwise the function failed by itself.
            _ if why == Why::WorkerStops && status == Status::Failed => failed(failure),
            Some(decision) => decision,
            None => failed(failure),
        },
        (_, None) => failed(failure),
    }
}

/// For a job whose process died under it.
pub(crate) fn decide_death(
    why: Option<Why>,
    death: Failure,
    max_runtime_ms: Option<u64>,
    restartable: bool,
) -> Decision {
    why.and_then(|why| stopped(why, None, max_runtime_ms, restartable))
        .unwrap_or(Decision::Failed(JobState::Error, death))
}

fn stopped(
    why: Why,
    traceback: Option<Failure>,
    max_runtime_ms: Option<u64>,
    restartable: bool,
) -> Option<Decision> {
    Some(match why {
        Why::Killed => Decision::Failed(JobState::Killed, verdict::killed(traceback)),
        Why::TimeLimit => {
            let limit = max_runtime_ms.unwrap_or_default();
            Decision::Failed(JobState::Killed, verdict::time_limit(limit, traceback))
        }
        Why::Refused => Decision::Nothing,
        Why::WorkerStops if restartable => Decision::Nothing,
        Why::WorkerStops => Decision::Failed(JobState::Error, verdict::worker_stopped()),
        Why::Limit(limit, value, used) => {
            Decision::Failed(JobState::Error, verdict::limit(limit, value, used))
        }
        Why::TakenBack => return None,
    })
}

fn failed(failure: Option<Failure>) -> Decision {
    Decision::Failed(
        JobState::Error,
        failure.unwrap_or_else(verdict::unexplained),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use picloud_types::Verdict;

    fn raised() -> Failure {
        Failure {
            verdict: Verdict::Raised,
            exception: "Traceback".to_owned(),
            exception_type: None,
            hint: None,
        }
    }

    fn verdict_of(decision: Decision) -> (JobState, Verdict) {
        match decision {
            Decision::Failed(state, failure) => (state, failure.verdict),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_kill_that_came_too_late_leaves_the_result() {
        let decision = decide(Status::Done, Some(Why::Killed), None, None, true);
        assert_eq!(decision, Decision::Done);
    }

    #[test]
    fn an_interrupted_job_is_killed_with_its_traceback() {
        let decision = decide(
            Status::Interrupted,
            Some(Why::Killed),
            Some(raised()),
            None,
            true,
        );
        let Decision::Failed(JobState::Killed, failure) = decision else {
            panic!("{decision:?}")
        };
        assert_eq!(
            (failure.verdict, failure.exception.as_str()),
            (Verdict::Killed, "Traceback")
        );
    }

    #[test]
    fn a_job_that_had_to_be_ended_by_force_has_the_same_verdict() {
        let death = verdict::died("f", crate::zygote::Exit::Signal(9));
        let limit = decide_death(Some(Why::TimeLimit), death.clone(), Some(60_000), true);
        let expected = (JobState::Killed, Verdict::TimeLimit { limit_ms: 60_000 });
        assert_eq!(verdict_of(limit), expected);
        let unasked = verdict_of(decide_death(None, death.clone(), None, true));
        assert_eq!(unasked, (JobState::Error, death.verdict));
    }

    #[test]
    fn what_a_stopping_worker_interrupts_is_an_outcome_only_if_it_must_not_run_again() {
        let why = Some(Why::WorkerStops);
        let again = decide(Status::Interrupted, why, Some(raised()), None, true);
        assert_eq!(again, Decision::Nothing);
        let never = decide(Status::Interrupted, why, Some(raised()), None, false);
        assert_eq!(verdict_of(never), (JobState::Error, Verdict::WorkerLost));
        let own = decide(Status::Failed, why, Some(raised()), None, true);
        assert_eq!(verdict_of(own), (JobState::Error, Verdict::Raised));
    }

    #[test]
    fn nothing_is_said_about_an_attempt_that_was_refused() {
        for status in [Status::Done, Status::Failed, Status::Interrupted] {
            let decision = decide(status, Some(Why::Refused), None, None, true);
            assert_eq!(decision, Decision::Nothing);
        }
    }
}
