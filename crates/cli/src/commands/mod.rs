//! One file per command: its arguments, its examples, and what it does.

pub(crate) mod account;
pub(crate) mod bucket;
pub(crate) mod completion;
pub(crate) mod config;
mod confinement;
pub(crate) mod cron;
pub(crate) mod dashboard;
pub(crate) mod delete;
pub(crate) mod doctor;
pub(crate) mod exec;
pub(crate) mod exec_shell;
pub(crate) mod files;
pub(crate) mod info;
pub(crate) mod jobs;
pub(crate) mod join;
pub(crate) mod key;
pub(crate) mod kill;
pub(crate) mod logs;
pub(crate) mod man;
pub(crate) mod mapexec;
mod patience;
mod progress;
pub(crate) mod queue;
pub(crate) mod rest;
pub(crate) mod result;
pub(crate) mod serve;
pub(crate) mod setup;
mod shell;
mod signals;
pub(crate) mod status;
pub(crate) mod usage;
mod verdict;
pub(crate) mod volume;
pub(crate) mod wait_for;
pub(crate) mod watch;
pub(crate) mod worker;
pub(crate) mod workers;

use crate::{args::Command, context::Context, logging};
use anyhow::Result;
use tokio::runtime::{Builder, Runtime};

/// Does what one command says.
pub(crate) fn dispatch(context: &Context, command: Command) -> Result<()> {
    match command {
        Command::Serve(args) => return serve::run(context, &args),
        Command::Worker(args) => return worker::run(context, *args),
        Command::Config(args) => return config::run(&args),
        Command::Completion(args) => return completion::run(&args),
        Command::Man(args) => return man::run(&args),
        _ => {}
    }
    logging::start("warn", context.globals.verbose, logging::LogFormat::Text);
    client_runtime()?.block_on(async {
        match command {
            Command::Setup(args) => setup::run(context, &args).await,
            Command::Exec(args) => exec::run(context, &args).await,
            Command::ExecShell(args) => exec_shell::run(context, &args).await,
            Command::Mapexec(args) => mapexec::run(context, &args).await,
            Command::Status(args) => status::run(context, &args).await,
            Command::Join(args) => join::run(context, &args).await,
            Command::Result(args) => result::run(context, &args).await,
            Command::Info(args) => info::run(context, &args).await,
            Command::Kill(args) => kill::run(context, &args).await,
            Command::Delete(args) => delete::run(context, &args).await,
            Command::Jobs(args) => jobs::run(context, &args).await,
            Command::Logs(args) => logs::run(context, &args).await,
            Command::WaitFor(args) => wait_for::run(context, &args).await,
            Command::Watch(args) => watch::run(context, &args).await,
            Command::Usage(args) => usage::run(context, &args).await,
            Command::Rest(args) => rest::run(context, &args).await,
            Command::Cron(args) => cron::run(context, &args).await,
            Command::Bucket(args) => bucket::run(context, &args).await,
            Command::Files(args) => files::run(context, &args).await,
            Command::Volume(args) => volume::run(context, &args).await,
            Command::Queue(args) => queue::run(context, &args).await,
            Command::Workers(args) => workers::run(context, &args).await,
            Command::Dashboard(args) => dashboard::run(context, &args).await,
            Command::Doctor(args) => doctor::run(context, &args).await,
            Command::Key(args) => key::run(context, &args).await,
            Command::Account(args) => account::run(context, &args).await,
            Command::Serve(_)
            | Command::Worker(_)
            | Command::Config(_)
            | Command::Completion(_)
            | Command::Man(_) => Ok(()),
        }
    })
}

/// One thread: these commands ask one question and wait.
fn client_runtime() -> Result<Runtime> {
    Ok(Builder::new_current_thread().enable_all().build()?)
}
