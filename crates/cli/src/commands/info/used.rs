//! What a job used, as fields: named and grouped as in the Python package. Figures called `usage`
//! are of this moment, so there only while the job runs.

use super::fields::{Field, basic};
use picloud_types::{
    Usage,
    api::info::{JobInfo, Live},
};
use serde_json::{Value, json};

/// All of them.
pub(super) const FIELDS: &[Field] = &[
    basic("cputime.user", |i| json!(i.cpu_user)),
    basic("cputime.system", |i| json!(i.cpu_system)),
    basic("cpu_percentage", |i| live(i, percentage)),
    basic("memory.usage", |i| {
        live(i, |l| json!(l.sample.memory_bytes))
    }),
    // 0 says that nobody looked: there is no process without memory.
    basic("memory.max_usage", |i| {
        json!(used(i).map(|u| u.memory_peak_bytes).filter(|n| *n > 0))
    }),
    basic("memory.failcnt", |i| {
        json!(used(i).map(|u| u.memory_failures))
    }),
    basic("swap.usage", |i| live(i, |l| json!(l.sample.swap_bytes))),
    basic("swap.max_usage", |i| {
        json!(used(i).map(|u| u.swap_peak_bytes))
    }),
    basic("disk.usage", |i| live(i, |l| json!(l.sample.disk_bytes))),
    basic("disk.max_usage", |i| {
        json!(used(i).map(|u| u.disk_peak_bytes))
    }),
    basic("disk.read", |i| json!(used(i).map(|u| u.disk_read_bytes))),
    basic("disk.written", |i| {
        json!(used(i).map(|u| u.disk_write_bytes))
    }),
    basic("network.received", |i| {
        json!(used(i).and_then(|u| u.net_received_bytes))
    }),
    basic("network.sent", |i| {
        json!(used(i).and_then(|u| u.net_sent_bytes))
    }),
    basic("ports", |i| live(i, ports)),
    basic("core_ms", |i| json!(i.core_ms)),
    basic("cost", |i| json!(i.cost)),
    basic("confinement", |i| json!(i.confinement)),
];

fn used(info: &JobInfo) -> Option<&Usage> {
    info.usage.as_ref()
}

fn live(info: &JobInfo, value: impl Fn(&Live) -> Value) -> Value {
    info.live.as_ref().map_or(Value::Null, value)
}

/// 100 is one core.
fn percentage(live: &Live) -> Value {
    let share = |cores: f64| (cores * 1000.0).round() / 10.0;
    json!({
        "user": share(live.cpu_user_cores),
        "system": share(live.cpu_system_cores),
        "total": share(live.cpu_cores),
    })
}

fn ports(live: &Live) -> Value {
    let mut ports = json!({"tcp": {}, "udp": {}});
    for found in &live.ports {
        ports[json!(found.protocol).as_str().unwrap_or_default()][found.port.to_string()] =
            json!({"address": live.address, "port": found.port});
    }
    ports
}

/// A figure's text for people; none for fields that are no figures of these.
pub(super) fn text(name: &str, value: &Value) -> Option<String> {
    let group = name.split('.').next().unwrap_or_default();
    match (group, name) {
        (_, "memory.failcnt") => Some(value.to_string()),
        ("memory" | "swap" | "disk" | "network", _) => value.as_u64().map(crate::output::bytes),
        ("cputime", _) => Some(format!("{value} s")),
        (_, "cpu_percentage") => Some(format!(
            "{} % of a core: {} user, {} system",
            value["total"], value["user"], value["system"]
        )),
        (_, "ports") => Some(ports_text(value)),
        (_, "core_ms") => Some(format!("{value} ms")),
        // Short jobs cost millionths; nobody reads exponents.
        (_, "cost") => value.as_f64().map(|cost| format!("{cost:.8}")),
        (_, "confinement") => Some(format!(
            "{}, {}",
            value["isolation"].as_str()?,
            value["limits"].as_str()?
        )),
        _ => None,
    }
}

fn ports_text(value: &Value) -> String {
    let mut texts = Vec::new();
    for (protocol, ports) in value.as_object().into_iter().flatten() {
        for (port, at) in ports.as_object().into_iter().flatten() {
            let address = at["address"].as_str().unwrap_or_default();
            texts.push(format!("{protocol} {address}:{port}"));
        }
    }
    texts.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_read_with_their_units() {
        for (name, value, expected) in [
            ("memory.max_usage", json!(212_400_000), "212.4 MB"),
            ("memory.failcnt", json!(3), "3"),
            ("cputime.user", json!(1.5), "1.5 s"),
            ("cost", json!(1.138_898e-6), "0.00000114"),
            (
                "cpu_percentage",
                json!({"user": 90.0, "system": 7.5, "total": 97.5}),
                "97.5 % of a core: 90.0 user, 7.5 system",
            ),
            (
                "ports",
                json!({"tcp": {"8000": {"address": "w", "port": 8000}}, "udp": {}}),
                "tcp w:8000",
            ),
            (
                "confinement",
                json!({"isolation": "sandbox", "limits": "cgroup2"}),
                "sandbox, cgroup2",
            ),
        ] {
            assert_eq!(text(name, &value).as_deref(), Some(expected), "{name}");
        }
        assert_eq!(text("status", &json!("done")), None);
    }
}
