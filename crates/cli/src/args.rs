//! The arguments every command shares, and the list of commands.

use crate::commands::{
    account, bucket, completion, config, cron, dashboard, delete, doctor, exec, exec_shell, files,
    info, jobs, join, key, kill, logs, man, mapexec, queue, rest, result, serve, setup, status,
    usage, volume, wait_for, watch, worker, workers,
};
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

const EXAMPLES: &str = "\
Examples:
  picloud serve                                       run a server and a worker on this machine
  python -c \"import cloud; print(cloud.result(cloud.call(pow, 2, 10)))\"
  picloud exec 'uname -a'                             any program as a job
  picloud jobs                                        what ran, newest first
  picloud logs -f 7                                   what job 7 says, live

Exit codes: 0 fine, 1 usage or unexpected, 3 the service said no or a job failed.";

/// Python functions on your own machines.
#[derive(Debug, Parser)]
#[command(name = "picloud", version, about, after_help = EXAMPLES, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) globals: Globals,
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// Which server to talk to as whom, and how to print.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Globals {
    /// Server to talk to, http://HOST:PORT [env: PICLOUD_SERVER]
    #[arg(long, global = true, value_name = "URL")]
    pub(crate) server: Option<String>,
    /// API key [env: PICLOUD_API_KEY]
    #[arg(short = 'a', long, global = true, value_name = "KEY")]
    pub(crate) api_key: Option<String>,
    /// Secret of the API key; better in the environment, where other users do not see it [env: PICLOUD_API_SECRETKEY]
    // Secrets made by earlier versions may begin with a hyphen.
    #[arg(
        short = 'k',
        long,
        global = true,
        value_name = "SECRET",
        allow_hyphen_values = true
    )]
    pub(crate) api_secretkey: Option<String>,
    /// File of PEM certificates to trust in addition to the system's [env: PICLOUD_CA_FILE]
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) ca_file: Option<PathBuf>,
    /// Profile to use instead of the default one [env: PICLOUD_PROFILE]
    #[arg(long, global = true, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// How to print
    #[arg(
        short = 'o',
        long,
        global = true,
        value_enum,
        value_name = "FORMAT",
        default_value = "default",
        hide_default_value = true
    )]
    pub(crate) output: Format,
    /// The same as `--output json`
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Say more on stderr; twice for still more
    #[arg(short = 'v', long, global = true, action = clap::ArgAction::Count)]
    pub(crate) verbose: u8,
}

/// How answers are printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// Tables for people
    #[default]
    Default,
    /// The same without the line of column names
    NoHeader,
    /// JSON for programs
    Json,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Serve(Box<serve::Args>),
    Worker(Box<worker::Args>),
    Setup(setup::Args),
    Exec(Box<exec::Args>),
    ExecShell(Box<exec_shell::Args>),
    Mapexec(Box<mapexec::Args>),
    Status(status::Args),
    Join(join::Args),
    Result(result::Args),
    Info(info::Args),
    Kill(kill::Args),
    Delete(delete::Args),
    Jobs(jobs::Args),
    Logs(logs::Args),
    WaitFor(wait_for::Args),
    Watch(watch::Args),
    Usage(usage::Args),
    Rest(rest::Args),
    Cron(cron::Args),
    Bucket(bucket::Args),
    Files(files::Args),
    Volume(volume::Args),
    Queue(queue::Args),
    Workers(workers::Args),
    Dashboard(dashboard::Args),
    Doctor(doctor::Args),
    Key(key::Args),
    Account(account::Args),
    Config(config::Args),
    Completion(completion::Args),
    Man(man::Args),
}
