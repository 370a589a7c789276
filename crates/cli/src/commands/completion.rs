//! `picloud completion`

use crate::{command, output};
use anyhow::Result;
use clap_complete::Shell;

const EXAMPLES: &str = "\
Examples:
  picloud completion bash > ~/.local/share/bash-completion/completions/picloud
  picloud completion zsh > \"${fpath[1]}/_picloud\"
  picloud completion fish > ~/.config/fish/completions/picloud.fish";

/// Print a completion script for a shell
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut command(), "picloud", &mut script);
    Ok(output::write(&script)?)
}
