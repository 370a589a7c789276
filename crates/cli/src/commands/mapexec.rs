//! `picloud mapexec`

use super::shell::{
    Conditions, Jobs, Once, Place, Running, Source, Template, Value, bytes_as_json, map_values,
    newest_python, of_map, of_row, show, submit, values,
};
use crate::{context::Context, failure::Failure};
use anyhow::{Result, bail};
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  picloud mapexec -n n=1,2,3 'seq {n}'                            three jobs, such as 4-6
  picloud result $(picloud mapexec -n n=1,2,3 'seq {n}')
  picloud mapexec -n who=Ada,Grace -n at=9,10 'echo {who} {at}'   Ada 9 and Grace 10
  picloud mapexec -d word=ship -N book=books.list 'grep -c {word} {book}'
  ls *.jpg | sed 's/^/@/' | picloud mapexec -N photo=- -r t.png 'convert {photo} -resize 50 t.png'
  picloud mapexec -k 100 'python3 -c \"import random; print(random.random())\"'

Lists of several parameters go in step: each job gets the next value of each, so they are of one
length. A comma that belongs to a value is written \\, and the rest is as in `picloud exec`.";

/// Run a command many times, a job each
///
/// Prints the first and the last id, both included.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The command
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    /// Value of a parameter that is the same for all jobs; @FILE is a file
    #[arg(short, long = "data", value_name = "PARAMETER=VALUE")]
    data: Vec<Source>,
    /// Values of a parameter, one for each job
    #[arg(short = 'n', long, value_name = "PARAMETER=V1,V2")]
    map_data: Vec<Source>,
    /// The same, one on each line of a file (- is stdin); blank lines are skipped, @FILE is beside that file
    #[arg(short = 'N', long, value_name = "PARAMETER=FILE")]
    arg_file: Vec<Source>,
    /// Run the same this many times
    #[arg(short = 'k', long, value_name = "N", conflicts_with_all = ["map_data", "arg_file"], value_parser = clap::value_parser!(u32).range(1..))]
    copies: Option<u32>,
    /// Run it on this machine, one after the other, and print the results
    #[arg(short, long)]
    simulate: bool,
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    conditions: Conditions,
    /// Secret of the API key
    // The same as the global option, but without its `-k`, which are copies here.
    #[arg(
        id = "api_secretkey",
        long = "api-secretkey",
        global = true,
        value_name = "SECRET",
        allow_hyphen_values = true,
        help_heading = "Global options"
    )]
    _secret: Option<String>,
}

/// What differs from job to job.
struct Rows {
    names: Vec<String>,
    columns: Vec<Vec<Value>>,
    total: usize,
}

impl Rows {
    fn of(args: &Args) -> Result<Self> {
        let (names, columns) = map_values(&args.map_data, &args.arg_file)?;
        let total = match (columns.first(), args.copies) {
            (Some(column), _) => column.len(),
            (None, Some(copies)) => usize::try_from(copies)?,
            (None, None) => bail!(Failure::usage(
                "nothing says how many jobs are meant",
                "give values with -n or -N, or a number with -k; one job is `picloud exec`",
            )),
        };
        Ok(Self {
            names,
            columns,
            total,
        })
    }

    fn row(&self, index: usize) -> impl Iterator<Item = (&String, &Value)> {
        let values = self.columns.iter().filter_map(move |c| c.get(index));
        self.names.iter().zip(values)
    }
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let command = Template::of(&args.command)?;
    let common = values(&args.data)?;
    let rows = Rows::of(args)?;
    let names = common.iter().map(|(name, _)| name).chain(&rows.names);
    let names: Vec<&str> = names.map(String::as_str).collect();
    if let Some(name) = rows
        .names
        .iter()
        .find(|name| common.iter().any(|(n, _)| n == *name))
    {
        bail!(Failure::usage(
            format!("{name} has both one value for all jobs and one for each"),
            "give it once"
        ));
    }
    command.check(&names)?;
    if args.simulate {
        return simulate(context, args, &command, &common, &rows);
    }
    let client = context.client()?;
    let service = client.service().await?;
    let mut spec = args
        .conditions
        .spec(command.text(), newest_python(&service)?)?;
    args.once.put_into(&mut spec);
    let jobs = Jobs {
        spec,
        once: &args.once,
        function: of_map(&command, &args.running, &common)?,
        total: rows.total as u64,
        alone: false,
    };
    let arguments = (0..rows.total).map(|index| of_row(rows.row(index)));
    let made = submit(&client, &service, jobs, arguments).await?;
    let Some((first, last)) = made.bounds() else {
        bail!("no job was made");
    };
    let value = json!({"jids": made, "first": first, "last": last, "count": made.len()});
    Ok(context.out.line(&format!("{first}-{last}"), &value)?)
}

fn simulate(
    context: &Context,
    args: &Args,
    command: &Template,
    common: &[(String, Value)],
    rows: &Rows,
) -> Result<()> {
    args.conditions.check_local()?;
    let mut found = Vec::new();
    for index in 0..rows.total {
        let mut values = common.to_vec();
        values.extend(
            rows.row(index)
                .map(|(name, value)| (name.clone(), value.clone())),
        );
        let result = Place::new()?.run(command, &args.running, &values)?;
        if context.json() {
            found.push(bytes_as_json(&result));
        } else {
            show(&result)?;
        }
    }
    if context.json() {
        context.out.line("", &json!(found))?;
    }
    Ok(())
}
