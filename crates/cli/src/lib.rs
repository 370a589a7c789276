//! The command line: parses arguments, calls one function, prints.
//!
//! Data goes to stdout through one `Output`, everything else to stderr. Exit codes: 0 fine, 1
//! usage or unexpected, 3 the service said no or a job failed.

mod args;
mod commands;
mod context;
mod failure;
mod files;
mod jids;
mod logging;
mod moments;
mod output;
mod profile;

use clap::{CommandFactory as _, Parser as _};
use context::Context;
use std::process::ExitCode;

/// The model of the command line: what help, completion and the reference are made of.
pub fn command() -> clap::Command {
    args::Cli::command()
}

/// Parses the process's arguments and does what they say.
pub fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Printing fails only when nobody reads; the code still tells.
            let _ = error.print();
            return if error.exit_code() == 0 {
                ExitCode::SUCCESS
            } else {
                ExitCode::from(failure::USAGE)
            };
        }
    };
    let context = Context::new(cli.globals);
    match commands::dispatch(&context, cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => ExitCode::from(failure::report(&error, context.json())),
    }
}
