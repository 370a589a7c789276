//! What accounts used, and what it costs.

use super::openapi::json;
use crate::{
    app::{App, Shared, now},
    auth::Caller,
    body::InQuery,
    days::Day,
    refusal::{Answer, Refusal},
};
use axum::{Json, extract::State};
use picloud_store::{UsageFilter, UsageSums};
use picloud_types::{
    AccountId, ErrorKind,
    api::usage::{UsageGroup, UsageQuery, UsageReply, UsageRow, UsageSum},
};
use std::collections::HashMap;

/// Most days of one answer.
const DAYS_MAX: i64 = 400;
/// Days before the last one, where the first is not given.
const DAYS_DEFAULT: i64 = 30;
/// Most rows of one answer.
const ROWS_MAX: u32 = 10_000;

const GROUPS: [(&str, UsageGroup); 5] = [
    ("day", UsageGroup::Day),
    ("core_type", UsageGroup::CoreType),
    ("label", UsageGroup::Label),
    ("queue", UsageGroup::Queue),
    ("account", UsageGroup::Account),
];

/// What was used, and what it costs
#[utoipa::path(get, path = "/v1/usage", tag = "account", params(UsageQuery),
    responses((status = 200, description = "Sums of what ended between two days", body = UsageReply)))]
pub(super) async fn usage(
    State(app): State<Shared>,
    caller: Caller,
    InQuery(query): InQuery<UsageQuery>,
) -> Answer<Json<UsageReply>> {
    let by = groups(query.group_by.as_deref().unwrap_or_default())?;
    let wants_others = query.all_accounts || by.contains(&UsageGroup::Account);
    if wants_others && !caller.admin {
        return Err(Refusal::new(
            ErrorKind::Forbidden,
            "only an administrator may see the usage of other accounts",
        )
        .hint("leave out all_accounts, and account in group_by"));
    }
    let (first, last) = days(&query, Day::of(now()))?;
    let filter = UsageFilter {
        account: (!query.all_accounts).then_some(caller.account),
        first_day: first.0,
        last_day: last.0,
        by: by.clone(),
        limit: ROWS_MAX + 1,
    };
    let sums = app.store.usage_read(filter).await?;
    if sums.len() > ROWS_MAX as usize {
        return Err(Refusal::new(
            ErrorKind::TooLarge,
            format!("the answer would have more than {ROWS_MAX} rows"),
        )
        .hint("ask for fewer days, or group by less"));
    }
    let names = if by.contains(&UsageGroup::Account) {
        names(&app).await?
    } else {
        HashMap::new()
    };
    let rows: Vec<_> = sums.into_iter().map(|sum| row(sum, &names)).collect();
    json(UsageReply {
        from: first.to_string(),
        to: last.to_string(),
        currency: app.currency.clone(),
        total: total(&rows),
        rows,
    })
}

fn groups(text: &str) -> Answer<Vec<UsageGroup>> {
    let parts = text
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    parts
        .map(|part| {
            let known = GROUPS.iter().find(|(name, _)| *name == part);
            known.map(|(_, group)| *group).ok_or_else(|| {
                let names = GROUPS.map(|(name, _)| name).join(", ");
                Refusal::bad_request(format!("group_by takes {names}; {part:?} is none of them"))
            })
        })
        .collect()
}

fn days(query: &UsageQuery, today: Day) -> Answer<(Day, Day)> {
    let read = |name: &str, text: &Option<String>| {
        let day = text.as_deref().map(|text| {
            text.parse::<Day>().map_err(|()| {
                Refusal::bad_request(format!("{name} is a day such as {today}, not {text:?}"))
            })
        });
        day.transpose()
    };
    let last = read("to", &query.to)?.unwrap_or(today);
    let first = read("from", &query.from)?.unwrap_or(Day((last.0 - DAYS_DEFAULT).max(0)));
    if first > last {
        return Err(Refusal::bad_request(format!(
            "from, {first}, is after to, {last}"
        )));
    }
    let count = last.0 - first.0 + 1;
    if count > DAYS_MAX {
        return Err(Refusal::bad_request(format!(
            "from {first} to {last} are {count} days, and one answer covers {DAYS_MAX}"
        ))
        .hint("ask in parts"));
    }
    Ok((first, last))
}

async fn names(app: &App) -> Answer<HashMap<AccountId, String>> {
    let accounts = app.store.account_list().await?;
    Ok(accounts.into_iter().map(|a| (a.id, a.name)).collect())
}

fn row(sum: UsageSums, names: &HashMap<AccountId, String>) -> UsageRow {
    let name = |id: AccountId| names.get(&id).cloned().unwrap_or_else(|| id.to_string());
    UsageRow {
        day: sum.day.map(|day| Day(day).to_string()),
        core_type: sum.core_type,
        label: sum.label,
        queue: sum.queue,
        account: sum.account.map(name),
        sum: UsageSum {
            jobs: sum.jobs,
            core_ms: sum.core_ms,
            cpu_us: sum.cpu_us,
            cost: sum.cost_pico / 1e12,
        },
    }
}

fn total(rows: &[UsageRow]) -> UsageSum {
    rows.iter()
        .fold(UsageSum::default(), |total, row| UsageSum {
            jobs: total.jobs.saturating_add(row.sum.jobs),
            core_ms: total.core_ms.saturating_add(row.sum.core_ms),
            cpu_us: total.cpu_us.saturating_add(row.sum.cpu_us),
            cost: total.cost + row.sum.cost,
        })
}
