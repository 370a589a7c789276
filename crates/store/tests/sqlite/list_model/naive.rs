//! All jobs in a vector, looked through for every question.

use super::world::Many;
use picloud_store::{JobDetail, JobFilter};
use picloud_types::{Jid, JobState};

/// First id, count and, in grouped lists, states of a map.
pub(super) type Map = (Jid, u64, Option<Vec<(JobState, u64)>>);
pub(super) type Row = (Jid, Option<Map>);

pub(super) struct Naive {
    /// Newest first.
    jobs: Vec<JobDetail>,
}

impl Naive {
    /// Everything of the account, by its ids.
    pub(super) async fn read(world: &Many<'_>) -> Self {
        let mut jobs = world.all().await;
        jobs.reverse();
        Self { jobs }
    }

    pub(super) fn rows(&self, filter: &JobFilter) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        let mut seen = Vec::new();
        for job in self.jobs.iter().filter(|job| wanted(job, filter)) {
            let mut map = job.map.as_ref().map(|map| (map.first, map.count, None));
            if let (true, Some((first, count, states))) = (filter.grouped, &mut map) {
                if seen.contains(first) {
                    continue;
                }
                seen.push(*first);
                *states = Some(self.states(*first, *count));
            }
            rows.push((job.jid, map));
        }
        rows
    }

    fn states(&self, first: Jid, count: u64) -> Vec<(JobState, u64)> {
        let ids = first.0..first.0 + i64::try_from(count).expect("few");
        let of = |state| {
            let of_map = self.jobs.iter().filter(|job| ids.contains(&job.jid.0));
            of_map.filter(|job| job.state == state).count() as u64
        };
        let counts = JobState::ALL.into_iter().map(|state| (state, of(state)));
        counts.filter(|(_, count)| *count > 0).collect()
    }
}

fn wanted(job: &JobDetail, filter: &JobFilter) -> bool {
    let is = |asked: &Option<String>, has: Option<&str>| {
        asked.as_deref().is_none_or(|asked| has == Some(asked))
    };
    (filter.states.is_empty() || filter.states.contains(&job.state))
        && is(&filter.label, job.spec.label.as_deref())
        && is(&filter.function, Some(&job.spec.function_name))
        && is(&filter.core_type, Some(&job.spec.core_type))
        && filter
            .parent
            .is_none_or(|parent| job.parent == Some(parent))
        && filter
            .map
            .is_none_or(|map| job.map.as_ref().is_some_and(|of| of.first == map))
        && filter.created_from.is_none_or(|from| job.created >= from)
        && filter.created_until.is_none_or(|until| job.created < until)
        && filter.before.is_none_or(|before| job.jid < before)
        && filter
            .text
            .as_deref()
            .is_none_or(|text| has_text(job, text))
}

fn has_text(job: &JobDetail, text: &str) -> bool {
    let folded = |text: &str| text.to_lowercase().replace('\0', " ");
    let text = folded(text);
    let has = |place: &str| folded(place).contains(&text);
    if has(&job.spec.function_name) || job.spec.label.as_deref().is_some_and(has) {
        return true;
    }
    let error = job
        .failure
        .as_ref()
        .filter(|_| job.state == JobState::Error);
    text.chars().count() >= 3
        && error.is_some_and(|error| {
            let kind = error.exception_type.as_deref().unwrap_or_default();
            has(&format!("{kind}\n{}", error.exception.trim_end()))
        })
}
