//! "Why is this job still waiting?", answered in words.

use crate::{CoreTypes, Fleet};
use picloud_types::{Jid, JobState, spec::Requirements};

/// A job that has not begun.
#[derive(Clone, Debug)]
pub struct WaitingJob {
    pub state: JobState,
    pub requirements: Requirements,
    /// Some of the jobs it waits for.
    pub waits_for: Vec<Jid>,
}

/// One sentence on what the job waits for. `fleet` lists all connected workers, busy or not; of
/// the offers' free parts only the source addresses are looked at. None when the job does not wait.
pub fn why_waiting(core_types: &CoreTypes, job: &WaitingJob, fleet: &Fleet) -> Option<String> {
    match job.state {
        JobState::Waiting => Some(dependencies(&job.waits_for)),
        JobState::Queued => Some(placement(core_types, &job.requirements, fleet)),
        JobState::Claimed => Some("handed to a worker, about to begin".to_owned()),
        _ => None,
    }
}

fn dependencies(waits_for: &[Jid]) -> String {
    let names: Vec<_> = waits_for.iter().take(10).map(ToString::to_string).collect();
    match names.as_slice() {
        [] => "waits for its dependencies".to_owned(),
        [one] => format!("waits for job {one} to end"),
        many => format!("waits for jobs {} to end", many.join(", ")),
    }
}

fn placement(core_types: &CoreTypes, asked: &Requirements, fleet: &Fleet) -> String {
    let Some(needs) = core_types.needs(asked) else {
        return format!(
            "core type {} is no longer configured on this server",
            asked.core_type
        );
    };
    if fleet.workers.is_empty() {
        return "no worker is connected".to_owned();
    }
    let with_python: Vec<_> = fleet
        .workers
        .iter()
        .filter(|w| w.pythons.contains(&asked.python))
        .collect();
    if with_python.is_empty() {
        return format!("no connected worker has Python {}", asked.python);
    }
    let mut fitting = with_python
        .iter()
        .filter(|w| w.is_large_enough(&needs))
        .peekable();
    if fitting.peek().is_some() {
        if needs.own_ip && fitting.all(|w| w.free_source_ips == Some(0)) {
            return "waiting for a worker with a free source address".to_owned();
        }
        return format!(
            "all workers that could run {} {} core(s) are busy; it starts when room comes free",
            asked.cores, asked.core_type
        );
    }
    let units = with_python
        .iter()
        .map(|w| w.total_units)
        .fold(0.0, f64::max);
    let memory = with_python
        .iter()
        .map(|w| w.total_memory_bytes)
        .max()
        .unwrap_or(0);
    format!(
        "no worker is large enough: {} {} core(s) need {} compute units and {} MB, the largest has {units} and {} MB",
        asked.cores,
        asked.core_type,
        needs.units,
        needs.memory_bytes / 1_000_000,
        memory / 1_000_000
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::WorkerOffer;
    use picloud_types::WorkerId;

    fn job(core_type: &str, cores: u32, python: &str) -> WaitingJob {
        let requirements = Requirements {
            python: python.into(),
            core_type: core_type.into(),
            cores,
            restartable: true,
        };
        WaitingJob {
            state: JobState::Queued,
            requirements,
            waits_for: vec![],
        }
    }

    fn worker() -> WorkerOffer {
        WorkerOffer {
            worker: WorkerId(1),
            pythons: vec!["3.11".into()],
            free_units: 0.0,
            free_memory_bytes: 0,
            total_units: 8.0,
            total_memory_bytes: 24_000_000_000,
            prefetch: 0,
            free_source_ips: None,
        }
    }

    fn check(job: &WaitingJob, workers: Vec<WorkerOffer>, expected: &str) {
        let said = why_waiting(&CoreTypes::defaults(), job, &Fleet { workers }).unwrap_or_default();
        assert!(
            said.contains(expected),
            "{said:?} does not say {expected:?}"
        );
    }

    #[test]
    fn each_cause_has_its_words() {
        check(&job("c1", 1, "3.11"), vec![], "no worker is connected");
        check(
            &job("c1", 1, "3.9"),
            vec![worker()],
            "no connected worker has Python 3.9",
        );
        check(&job("c1", 1, "3.11"), vec![worker()], "are busy");
        check(
            &job("f2", 4, "3.11"),
            vec![worker()],
            "no worker is large enough",
        );
        let with_pool = |free| WorkerOffer {
            free_source_ips: Some(free),
            ..worker()
        };
        check(
            &job("s1", 1, "3.11"),
            vec![with_pool(0), with_pool(0)],
            "waiting for a worker with a free source address",
        );
        check(
            &job("s1", 1, "3.11"),
            vec![with_pool(0), with_pool(1)],
            "are busy",
        );
        check(&job("s1", 1, "3.11"), vec![worker()], "are busy");
        check(&job("c1", 1, "3.11"), vec![with_pool(0)], "are busy");
        check(
            &job("zz", 1, "3.11"),
            vec![worker()],
            "no longer configured",
        );
        let mut waiting = job("c1", 1, "3.11");
        waiting.state = JobState::Waiting;
        waiting.waits_for = vec![Jid(3), Jid(9)];
        check(&waiting, vec![], "waits for jobs 3, 9");
    }

    #[test]
    fn a_job_that_runs_or_ended_waits_for_nothing() {
        for state in [JobState::Processing, JobState::Done, JobState::Stalled] {
            let mut over = job("c1", 1, "3.11");
            over.state = state;
            assert_eq!(
                why_waiting(&CoreTypes::defaults(), &over, &Fleet::default()),
                None
            );
        }
    }
}
