//! `picloud info`

mod fields;
mod used;

use crate::{context::Context, failure::Failure, jids::Jids, output::Cell};
use anyhow::{Result, bail};
use fields::{DEFAULT, Field};
use picloud_types::{JidSet, api::info::InfoPart};
use serde_json::{Map, Value};

const EXAMPLES: &str = "\
Examples:
  picloud info 7                            how it went, what it used and said
  picloud info -f status,exception 1-4,7
  picloud info -f all 7
  picloud info -f waiting_because 7         why it does not run yet
  picloud info -f memory.max_usage,cost 1-4,7
  picloud --json info -f runtime 1-100 | jq '[.[].runtime] | add'";

/// Jobs of one request at most.
const PART: usize = 1000;

/// Show what is known of jobs
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    #[command(flatten)]
    jids: Jids,
    /// Fields to show, separated by commas, or `all`; without it those that tell how the job went
    #[arg(short, long, value_name = "F1,F2", value_delimiter = ',')]
    fields: Vec<String>,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let asked = !args.fields.is_empty();
    let chosen = choose(&args.fields)?;
    let with: Vec<InfoPart> = [InfoPart::Streams, InfoPart::Profile]
        .into_iter()
        .filter(|part| chosen.iter().any(|f| f.needs == Some(*part)))
        .collect();
    let client = context.client()?;
    let all = args.jids.set();
    let mut jids = all.iter();
    // As in the Python package, an object by job id, also for one job.
    let mut value = Map::new();
    let mut first = true;
    loop {
        let part: JidSet = jids.by_ref().take(PART).collect();
        if part.is_empty() {
            break;
        }
        let infos = client.info(part, with.clone()).await?;
        for (jid, info) in infos {
            let values: Vec<(&str, Value)> =
                chosen.iter().map(|f| (f.name, (f.value)(&info))).collect();
            if !context.json() {
                if !std::mem::take(&mut first) {
                    crate::output::write(b"\n")?;
                }
                let mut cells = vec![("jid", Cell::number(jid))];
                let texts = values
                    .iter()
                    .map(|(name, value)| (*name, fields::cell(name, value)));
                cells.extend(texts.filter(|(_, cell)| asked || !cell.text.is_empty()));
                context.out.record(&cells, &Value::Null)?;
            } else {
                value.insert(
                    jid.to_string(),
                    values.into_iter().map(|(n, v)| (n.to_owned(), v)).collect(),
                );
            }
        }
    }
    if context.json() {
        context.out.record(&[], &Value::Object(value))?;
    }
    Ok(())
}

fn choose(names: &[String]) -> Result<Vec<&'static Field>> {
    if names.is_empty() {
        let default = |f: &&Field| DEFAULT.contains(&f.name);
        return Ok(fields::all().filter(default).collect());
    }
    if names.iter().any(|n| n == "all") {
        return Ok(fields::all().collect());
    }
    let mut chosen = Vec::new();
    for name in names.iter().map(|n| n.trim()).filter(|n| !n.is_empty()) {
        match fields::all().find(|f| f.name == name) {
            Some(field) => chosen.push(field),
            None => {
                let known: Vec<&str> = fields::all().map(|f| f.name).collect();
                bail!(Failure::usage(
                    format!("jobs have no field {name:?}"),
                    format!("fields are {}, or all", known.join(", "))
                ))
            }
        }
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_come_in_the_order_asked() {
        let names = |text: &[&str]| {
            let words: Vec<String> = text.iter().map(|t| (*t).to_owned()).collect();
            choose(&words).map(|fields| fields.iter().map(|f| f.name).collect::<Vec<_>>())
        };
        assert_eq!(
            names(&["runtime", "status"]).expect("known"),
            ["runtime", "status"]
        );
        assert_eq!(names(&["all"]).expect("known").len(), fields::all().count());
        let default = names(&[]).expect("the default").len();
        assert_eq!(default, DEFAULT.len(), "every field of the default exists");
        let error = names(&["runtim"]).expect_err("unknown");
        assert!(error.to_string().contains("runtim"), "{error}");
    }
}
