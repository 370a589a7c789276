//! `picloud workers`

use crate::{
    context::Context,
    output::{self, Cell, Tone},
};
use anyhow::Result;
use picloud_types::api::workers::{Isolation, Limits, WorkerRow};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  picloud workers
  picloud --json workers | jq '.[] | select(.connected | not).name'
  picloud --json workers | jq '.[] | select(.confinement.isolation == \"process\").name'";

/// List the machines that run jobs (administrators)
///
/// ISOLATION is what stands between a job and the machine: `sandbox`, `rootless` (the same, made
/// without being root) or `process`, which is nothing. LIMITS is what holds a job to its memory and
/// share: control groups, or limits of single processes only. SOURCE IPS is the size of the pool
/// of addresses for core types such as s1.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {}

pub(super) async fn run(context: &Context, _: &Args) -> Result<()> {
    let workers = context.client()?.workers().await?;
    let columns = [
        "WORKER",
        "NAME",
        "STATE",
        "RUNNING",
        "UNITS",
        "MEMORY",
        "PYTHONS",
        "ISOLATION",
        "LIMITS",
        "SOURCE IPS",
        "LAST SEEN",
        "VERSION",
    ];
    let rows: Vec<Vec<Cell>> = workers.iter().map(row).collect();
    Ok(context.out.rows(&columns, &rows, &json!(workers))?)
}

fn row(worker: &WorkerRow) -> Vec<Cell> {
    let state = if worker.connected {
        Cell::toned("connected", Tone::Good)
    } else {
        Cell::toned("gone", Tone::Bad)
    };
    vec![
        Cell::number(worker.worker),
        worker.name.clone().into(),
        state,
        Cell::number(worker.running),
        Cell::number(worker.compute_units),
        Cell {
            right: true,
            ..output::bytes(worker.memory_bytes).into()
        },
        worker.pythons.join(" ").into(),
        isolation(worker.confinement.isolation),
        limits(worker.confinement.limits),
        Cell::number(
            worker
                .source_ips
                .map_or_else(String::new, |n| n.to_string()),
        ),
        output::moment(Some(worker.last_seen)).into(),
        worker.version.clone().into(),
    ]
}

fn isolation(isolation: Isolation) -> Cell {
    match isolation {
        Isolation::Sandbox => "sandbox".into(),
        Isolation::RootlessSandbox => "rootless".into(),
        Isolation::Process => Cell::toned("process", Tone::Bad),
    }
}

fn limits(limits: Limits) -> Cell {
    match limits {
        Limits::Cgroup2 => "cgroup2".into(),
        Limits::Cgroup1 => "cgroup1".into(),
        Limits::Process => Cell::toned("process", Tone::Bad),
    }
}
