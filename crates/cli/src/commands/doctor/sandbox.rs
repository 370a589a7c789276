//! What a worker on this machine could do to keep jobs apart.

use super::Finding;
use picloud_worker::{Tried, survey};

/// Tries it, by doing it.
pub(super) fn check() -> Vec<Finding> {
    survey().into_iter().map(finding).collect()
}

fn finding(tried: Tried) -> Finding {
    match tried.outcome {
        Ok(found) => Finding::ok(tried.what, found),
        Err(missing) if tried.needed => Finding::fail(
            tried.what,
            missing,
            format!(
                "{}; without it a worker begins only with --isolation=process",
                tried.advice
            ),
        ),
        Err(missing) => Finding::warn(tried.what, missing, tried.advice),
    }
}
