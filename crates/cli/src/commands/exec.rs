//! `picloud exec`

use super::shell::{
    Conditions, Jobs, Once, Place, Running, Source, Template, bytes_as_json, newest_python, of_one,
    show, submit, values,
};
use crate::context::Context;
use anyhow::Result;
use serde_json::json;

const EXAMPLES: &str = "\
Examples:
  picloud exec uname -a                                     prints the job's id
  picloud result $(picloud exec 'ls -l | head -3')          waits, prints what it wrote
  picloud exec -d text=@novel.txt 'wc -w < {text}'          the file goes along
  picloud exec -d name=Ada -t f2 -m 10 'echo hello {name}'
  picloud exec -r plot.png -v data 'python3 data/plot.py'   the result is plot.png
  picloud exec -s -d x=5 'echo $(( {x} * 2 ))'              here and now, to try it

The words are joined by single spaces and run under bash. {name} is a parameter, and its value is
put there as it is. ${VAR} is left to bash, and so is what has a backslash before its braces:
\\{a,b\\}. Quote the command so that this shell leaves it alone.";

/// Run a command as a job
///
/// Prints the job's id at once. The job's result is what the command writes to stdout, or the content of
/// --return FILE; a status other than 0 is a failure. stdout and stderr are kept as those of every job.
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// The command
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    command: Vec<String>,
    /// Value of a parameter of the command; @FILE is a file, which is copied to where it runs and whose name is put in
    #[arg(short, long = "data", value_name = "PARAMETER=VALUE")]
    data: Vec<Source>,
    /// Run it on this machine and print its result
    #[arg(short, long)]
    simulate: bool,
    #[command(flatten)]
    running: Running,
    #[command(flatten)]
    once: Once,
    #[command(flatten)]
    conditions: Conditions,
}

pub(super) async fn run(context: &Context, args: &Args) -> Result<()> {
    let command = Template::of(&args.command)?;
    let values = values(&args.data)?;
    let names: Vec<&str> = values.iter().map(|(name, _)| name.as_str()).collect();
    command.check(&names)?;
    if args.simulate {
        args.conditions.check_local()?;
        let result = Place::new()?.run(&command, &args.running, &values)?;
        return if context.json() {
            Ok(context.out.line("", &bytes_as_json(&result))?)
        } else {
            show(&result)
        };
    }
    let client = context.client()?;
    let service = client.service().await?;
    let mut spec = args
        .conditions
        .spec(command.text(), newest_python(&service)?)?;
    args.once.put_into(&mut spec);
    let (function, arguments) = of_one(&command, &args.running, &values)?;
    let jobs = Jobs {
        spec,
        once: &args.once,
        function,
        total: 1,
        alone: true,
    };
    let made = submit(&client, &service, jobs, std::iter::once(Ok(arguments))).await?;
    let jid = made.iter().next();
    Ok(context.out.line(&made.to_string(), &json!({"jid": jid}))?)
}
