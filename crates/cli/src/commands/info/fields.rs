//! The fields of a job that `info` can show, named as in the Python package.

use super::used;
use crate::{
    commands::verdict,
    output::{Cell, Tone, moment},
};
use picloud_types::{
    Timestamp,
    api::info::{InfoPart, JobInfo},
};
use serde_json::{Value, json};

/// One field.
pub(super) struct Field {
    pub(super) name: &'static str,
    /// What must be asked for to have it.
    pub(super) needs: Option<InfoPart>,
    pub(super) value: fn(&JobInfo) -> Value,
}

/// What is shown when nothing is asked for; people do not see those that are empty.
pub(super) const DEFAULT: &[&str] = &[
    "status",
    "waiting_because",
    "verdict",
    "exception",
    "hint",
    "runtime",
    "cputime.user",
    "cputime.system",
    "cpu_percentage",
    "memory.usage",
    "memory.max_usage",
    "memory.failcnt",
    "disk.max_usage",
    "network.received",
    "network.sent",
    "ports",
    "core_ms",
    "cost",
    "worker",
    "stdout",
    "stderr",
];

pub(super) const fn basic(name: &'static str, value: fn(&JobInfo) -> Value) -> Field {
    Field {
        name,
        needs: None,
        value,
    }
}

const fn stream(name: &'static str, value: fn(&JobInfo) -> Value) -> Field {
    Field {
        name,
        needs: Some(InfoPart::Streams),
        value,
    }
}

/// All fields, in the order of `all`.
pub(super) fn all() -> impl Iterator<Item = &'static Field> {
    STATE.iter().chain(used::FIELDS).chain(REST)
}

const STATE: &[Field] = &[
    basic("status", |i| json!(i.status)),
    basic("function", |i| json!(i.spec.function_name)),
    basic("label", |i| json!(i.spec.label)),
    basic("queue", |i| json!(i.spec.queue)),
    basic("waiting_because", |i| json!(i.waiting_because)),
    basic("exception", |i| {
        json!(i.failure.as_ref().map(|f| &f.exception))
    }),
    basic("verdict", |i| json!(i.failure.as_ref().map(|f| &f.verdict))),
    basic("hint", |i| {
        json!(i.failure.as_ref().and_then(|f| f.hint.as_ref()))
    }),
    basic("runtime", |i| json!(i.runtime)),
    basic("created", |i| json!(i.created)),
    basic("started", |i| json!(i.started)),
    basic("finished", |i| json!(i.finished)),
];

const REST: &[Field] = &[
    basic("attempt", |i| json!(i.attempt)),
    basic("worker", |i| json!(i.worker)),
    basic("parent_jid", |i| json!(i.parent_jid)),
    basic("core_type", |i| json!(i.spec.core_type)),
    basic("cores", |i| json!(i.spec.cores)),
    basic("priority", |i| json!(i.spec.priority)),
    basic("python", |i| json!(i.spec.python)),
    basic("code_version", |i| json!(i.spec.code_version)),
    basic("attributes", |i| json!(i.spec)),
    stream("stdout", |i| stream_text(i, "stdout")),
    stream("stderr", |i| stream_text(i, "stderr")),
    stream("logging", |i| stream_text(i, "logging")),
    stream("pilog", |i| stream_text(i, "pilog")),
    stream("syslog", |i| stream_text(i, "syslog")),
    Field {
        name: "profile",
        needs: Some(InfoPart::Profile),
        value: |i| json!(i.profile),
    },
];

fn stream_text(info: &JobInfo, name: &str) -> Value {
    json!(info.streams.as_ref().and_then(|s| s.get(name)))
}

/// A field's value for people.
pub(super) fn cell(name: &str, value: &Value) -> Cell {
    if value.is_null() {
        return Cell::default();
    }
    if let Some(figure) = used::text(name, value) {
        return figure.into();
    }
    match (name, value) {
        ("status", Value::String(status)) => Cell::status(status),
        ("created" | "started" | "finished", time) => moment(time.as_i64().map(Timestamp)).into(),
        ("runtime", Value::Number(seconds)) => format!("{seconds} s").into(),
        ("verdict", data) => match serde_json::from_value(data.clone()) {
            Ok(verdict) => Cell::toned(verdict::line(&verdict), Tone::Bad),
            Err(_) => data.to_string().into(),
        },
        (_, Value::String(text)) => text.clone().into(),
        (_, other) => other.to_string().into(),
    }
}
