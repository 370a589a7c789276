//! Figures for Prometheus, counted where they happen.

use axum::http::Method;
use std::{
    collections::BTreeMap,
    fmt::Write,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

/// Upper bounds of the latency buckets, in microseconds.
const BUCKETS_US: [u64; 12] = [
    100, 250, 500, 1_000, 2_500, 5_000, 10_000, 50_000, 250_000, 1_000_000, 10_000_000, 60_000_000,
];

/// Counters of this process. They begin at zero with it, as Prometheus expects.
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    pub(crate) jobs_submitted: AtomicU64,
    pub(crate) jobs_claimed: AtomicU64,
    pub(crate) jobs_finished: AtomicU64,
    pub(crate) reports_refused: AtomicU64,
    pub(crate) core_ms_charged: AtomicU64,
    pub(crate) samples_stored: AtomicU64,
    pub(crate) objects_stored: AtomicU64,
    pub(crate) object_bytes_received: AtomicU64,
    pub(crate) object_bytes_sent: AtomicU64,
    pub(crate) messages_pushed: AtomicU64,
    pub(crate) messages_popped: AtomicU64,
    pub(crate) messages_handled: AtomicU64,
    pub(crate) messages_retried: AtomicU64,
    pub(crate) messages_failed: AtomicU64,
    routes: RwLock<BTreeMap<String, Arc<Route>>>,
}

#[derive(Debug, Default)]
struct Route {
    /// By first digit of the status, 1 to 5.
    statuses: [AtomicU64; 5],
    buckets: [AtomicU64; BUCKETS_US.len()],
    total_us: AtomicU64,
}

impl Metrics {
    /// One request was answered.
    pub(crate) fn request(&self, method: &Method, route: &str, status: u16, took: Duration) {
        let route = self.route(method, route);
        let class = usize::from(status / 100).clamp(1, 5) - 1;
        route.statuses[class].fetch_add(1, Relaxed);
        let took = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        route.total_us.fetch_add(took, Relaxed);
        if let Some(index) = BUCKETS_US.iter().position(|bound| took <= *bound) {
            route.buckets[index].fetch_add(1, Relaxed);
        }
    }

    fn route(&self, method: &Method, route: &str) -> Arc<Route> {
        // Paths of our routes are few, and what matched none was given one name.
        let name = format!("{method} {route}");
        if let Some(known) = self
            .routes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&name)
        {
            return Arc::clone(known);
        }
        let mut routes = self.routes.write().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(routes.entry(name).or_default())
    }

    /// Adds the counters in Prometheus' text form.
    pub(crate) fn write(&self, out: &mut String) {
        let counters = [
            (
                "picloud_jobs_submitted_total",
                "Jobs made since the server started.",
                &self.jobs_submitted,
            ),
            (
                "picloud_jobs_claimed_total",
                "Jobs handed to workers since the server started.",
                &self.jobs_claimed,
            ),
            (
                "picloud_jobs_finished_total",
                "Jobs that ended since the server started.",
                &self.jobs_finished,
            ),
            (
                "picloud_reports_refused_total",
                "Attempts refused because their lease was over.",
                &self.reports_refused,
            ),
            (
                "picloud_core_milliseconds_total",
                "Milliseconds of core time charged since the server started.",
                &self.core_ms_charged,
            ),
            (
                "picloud_samples_total",
                "Samples of running jobs stored since the server started.",
                &self.samples_stored,
            ),
            (
                "picloud_objects_stored_total",
                "Objects stored since the server started.",
                &self.objects_stored,
            ),
            (
                "picloud_object_bytes_received_total",
                "Bytes of those objects.",
                &self.object_bytes_received,
            ),
            (
                "picloud_object_bytes_sent_total",
                "Bytes of objects that answers promised since the server started.",
                &self.object_bytes_sent,
            ),
            (
                "picloud_messages_pushed_total",
                "Messages pushed, and sent on by handlers, since the server started.",
                &self.messages_pushed,
            ),
            (
                "picloud_messages_popped_total",
                "Messages popped by hand since the server started.",
                &self.messages_popped,
            ),
            (
                "picloud_messages_handled_total",
                "Messages that handlers finished with since the server started.",
                &self.messages_handled,
            ),
            (
                "picloud_messages_retried_total",
                "Messages that handlers are to see again, since the server started.",
                &self.messages_retried,
            ),
            (
                "picloud_messages_failed_total",
                "Messages that could not be handled since the server started.",
                &self.messages_failed,
            ),
        ];
        for (name, help, value) in counters {
            head(out, name, help, "counter");
            line(out, format_args!("{name} {}", value.load(Relaxed)));
        }
        let routes = self
            .routes
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        head(
            out,
            "picloud_http_requests_total",
            "Requests answered.",
            "counter",
        );
        for (name, route) in &routes {
            let (method, path) = name.split_once(' ').unwrap_or_default();
            for (class, count) in (1..)
                .zip(&route.statuses)
                .filter(|(_, count)| count.load(Relaxed) > 0)
            {
                let labels = format!("method=\"{method}\",route=\"{path}\",status=\"{class}xx\"");
                line(
                    out,
                    format_args!(
                        "picloud_http_requests_total{{{labels}}} {}",
                        count.load(Relaxed)
                    ),
                );
            }
        }
        let name = "picloud_http_request_seconds";
        head(
            out,
            name,
            "Time to an answer; long polls wait on purpose.",
            "histogram",
        );
        for (route_name, route) in &routes {
            let (method, path) = route_name.split_once(' ').unwrap_or_default();
            route.write_histogram(out, name, &format!("method=\"{method}\",route=\"{path}\""));
        }
    }
}

impl Route {
    fn write_histogram(&self, out: &mut String, name: &str, labels: &str) {
        let mut sum = 0;
        for (bound, count) in BUCKETS_US.iter().zip(&self.buckets) {
            sum += count.load(Relaxed);
            let seconds = Duration::from_micros(*bound).as_secs_f64();
            line(
                out,
                format_args!("{name}_bucket{{{labels},le=\"{seconds}\"}} {sum}"),
            );
        }
        let total: u64 = self.statuses.iter().map(|s| s.load(Relaxed)).sum();
        line(
            out,
            format_args!("{name}_bucket{{{labels},le=\"+Inf\"}} {total}"),
        );
        let seconds = Duration::from_micros(self.total_us.load(Relaxed)).as_secs_f64();
        line(out, format_args!("{name}_sum{{{labels}}} {seconds}"));
        line(out, format_args!("{name}_count{{{labels}}} {total}"));
    }
}

/// The two lines before a metric.
pub(crate) fn head(out: &mut String, name: &str, help: &str, kind: &str) {
    line(
        out,
        format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"),
    );
}

/// One line.
pub(crate) fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("writing to a string does not fail");
}
