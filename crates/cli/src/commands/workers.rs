//! `picloud workers`

use crate::{
    context::Context,
    output::{self, Cell, Tone},
};
use anyhow::Result;
use picloud_types::api::workers::WorkerRow;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  picloud workers
  picloud --json workers | jq '.[] | select(.connected | not).name'";

/// List the machines that run jobs (administrators)
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
        output::moment(Some(worker.last_seen)).into(),
        worker.version.clone().into(),
    ]
}
