//! `picloud usage`

use crate::{
    context::Context,
    output::{self, Cell},
};
use anyhow::Result;
use clap::ValueEnum;
use picloud_types::api::usage::{UsageQuery, UsageReply, UsageRow, UsageSum};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  picloud usage                                   the last 30 days, day by day
  picloud usage --from 2026-11-01 --group-by label
  picloud usage --group-by account,core-type --all-accounts
  picloud --json usage --group-by none | jq .total.cost";

/// Show what jobs used, and what it costs
///
/// Sums of the jobs that ended between two days, in UTC; deleted ones count too. What is charged
/// is core time: run time to the millisecond, times cores, times the price of the core type.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// First day [default: 30 days before the last]
    #[arg(long, value_name = "YYYY-MM-DD")]
    from: Option<String>,
    /// Last day, included [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    to: Option<String>,
    /// What sums are kept apart by; several separated by commas
    #[arg(
        short,
        long,
        value_enum,
        value_name = "WHAT",
        value_delimiter = ',',
        default_value = "day"
    )]
    group_by: Vec<Group>,
    /// The jobs of all accounts (administrators)
    #[arg(long)]
    all_accounts: bool,
}

/// What sums are kept apart by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Day of the jobs' end
    Day,
    /// Core type
    CoreType,
    /// Label
    Label,
    /// Queue
    Queue,
    /// Account (administrators)
    Account,
    /// Nothing: one sum
    None,
}

impl Group {
    /// As the service calls it.
    fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::CoreType => "core_type",
            Self::Label => "label",
            Self::Queue => "queue",
            Self::Account => "account",
            Self::None => "",
        }
    }

    fn column(self) -> &'static str {
        match self {
            Self::Day => "DAY",
            Self::CoreType => "CORE",
            Self::Label => "LABEL",
            Self::Queue => "QUEUE",
            Self::Account => "ACCOUNT",
            Self::None => "",
        }
    }

    fn of(self, row: &UsageRow) -> &str {
        let value = match self {
            Self::Day => &row.day,
            Self::CoreType => &row.core_type,
            Self::Label => &row.label,
            Self::Queue => &row.queue,
            Self::Account => &row.account,
            Self::None => &None,
        };
        value.as_deref().filter(|v| !v.is_empty()).unwrap_or("-")
    }
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let mut groups = args.group_by.clone();
    groups.retain(|group| *group != Group::None);
    let names: Vec<&str> = groups.iter().map(|group| group.name()).collect();
    let query = UsageQuery {
        from: args.from.clone(),
        to: args.to.clone(),
        group_by: (!names.is_empty()).then(|| names.join(",")),
        all_accounts: args.all_accounts,
    };
    let reply = context.client()?.usage(&query).await?;
    let cost = format!("COST ({})", reply.currency);
    let columns: Vec<&str> = groups
        .iter()
        .map(|group| group.column())
        .chain(["JOBS", "CORE TIME", "CPU TIME", cost.as_str()])
        .collect();
    Ok(context
        .out
        .rows(&columns, &rows(&groups, &reply), &json!(reply))?)
}

fn rows(groups: &[Group], reply: &UsageReply) -> Vec<Vec<Cell>> {
    let row = |names: Vec<Cell>, sum| names.into_iter().chain(figures(sum)).collect();
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    if !groups.is_empty() {
        let names = |row: &UsageRow| groups.iter().map(|group| group.of(row).into()).collect();
        rows.extend(reply.rows.iter().map(|r| row(names(r), &r.sum)));
    }
    let mut total = vec![Cell::default(); groups.len()];
    if let Some(first) = total.first_mut() {
        *first = "total".into();
    }
    rows.push(row(total, &reply.total));
    rows
}

#[expect(clippy::cast_precision_loss, reason = "two units are shown")]
fn figures(sum: &UsageSum) -> [Cell; 4] {
    let time = |ms: f64| Cell::number(output::duration(Some(ms)));
    [
        Cell::number(sum.jobs),
        time(sum.core_ms as f64),
        time(sum.cpu_us as f64 / 1e3),
        Cell::number(format!("{:.4}", sum.cost)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_ends_with_the_total() {
        let sum = UsageSum {
            jobs: 2,
            core_ms: 61_000,
            cpu_us: 1_500_000,
            cost: 0.5,
        };
        let reply = UsageReply {
            from: "2026-11-01".into(),
            to: "2026-11-26".into(),
            currency: "USD".into(),
            total: sum,
            rows: vec![UsageRow {
                day: None,
                core_type: Some("c2".into()),
                label: Some(String::new()),
                queue: None,
                account: None,
                sum,
            }],
        };
        let texts = |groups: &[Group]| -> Vec<Vec<String>> {
            let text = |row: Vec<Cell>| row.into_iter().map(|cell| cell.text).collect();
            rows(groups, &reply).into_iter().map(text).collect()
        };
        let figures = ["2", "1 min 1 s", "1.5 s", "0.5000"];
        assert_eq!(
            texts(&[Group::CoreType, Group::Label]),
            [
                [&["c2", "-"], &figures[..]].concat(),
                [&["total", ""], &figures[..]].concat()
            ]
        );
        assert_eq!(texts(&[]), [figures]);
    }
}
