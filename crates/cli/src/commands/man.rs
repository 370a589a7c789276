//! `picloud man`

use crate::command;
use anyhow::{Context as _, Result};
use clap::Command;
use clap_mangen::Man;
use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

const EXAMPLES: &str = "\
Examples:
  picloud man ~/.local/share/man/man1; man picloud-exec
  picloud man /usr/local/share/man/man1";

/// Write manual pages, one for each command
#[derive(clap::Args, Debug)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Directory they go to; it is made if it is missing
    directory: PathBuf,
}

pub(super) fn run(args: &Args) -> Result<()> {
    let directory = &args.directory;
    fs::create_dir_all(directory)
        .with_context(|| format!("could not make the directory {}", directory.display()))?;
    let mut root = command();
    root.build();
    write_all(directory, &root, "picloud")
}

/// A page, and those of the commands below. Commands nest two levels deep.
fn write_all(directory: &Path, command: &Command, name: &str) -> Result<()> {
    let path = directory.join(format!("{name}.1"));
    let page = page(command, name).context("manual pages are written to memory")?;
    fs::write(&path, page).with_context(|| format!("could not write {}", path.display()))?;
    for sub in command.get_subcommands() {
        if sub.get_name() != "help" && !sub.is_hide_set() {
            write_all(directory, sub, &format!("{name}-{}", sub.get_name()))?;
        }
    }
    Ok(())
}

fn page(command: &Command, name: &str) -> std::io::Result<Vec<u8>> {
    let examples = command.get_after_help().map(ToString::to_string);
    let is_root = !name.contains('-');
    let shown = command.clone().mut_args(|argument| {
        // They would drown what is the command's own, and stand on the page of `picloud`.
        let hidden = argument.is_hide_set() || (argument.is_global_set() && !is_root);
        argument.hide(hidden)
    });
    let man = Man::new(shown)
        .title(name.to_uppercase())
        .source(concat!("picloud ", env!("CARGO_PKG_VERSION")))
        .manual("picloud");
    let mut out = Vec::new();
    man.render_title(&mut out)?;
    man.render_name_section(&mut out)?;
    man.render_synopsis_section(&mut out)?;
    man.render_description_section(&mut out)?;
    if command.get_arguments().any(|a| !a.is_hide_set()) {
        man.render_options_section(&mut out)?;
    }
    if command.get_subcommands().any(|c| !c.is_hide_set()) {
        man.render_subcommands_section(&mut out)?;
    }
    // Help has them below everything; a page, under a heading of their own.
    if let Some(examples) = examples {
        let text = examples.trim_start_matches("Examples:\n");
        writeln!(out, ".SH EXAMPLES\n.nf")?;
        for line in text.lines() {
            writeln!(out, "{}", plain(line))?;
        }
        writeln!(out, ".fi")?;
    }
    if !is_root {
        writeln!(
            out,
            ".SH SEE ALSO\n.BR picloud (1)\nhas the global options."
        )?;
    }
    Ok(out)
}

/// A line that `man` shows as it is.
fn plain(line: &str) -> String {
    let escaped = line.replace('\\', "\\e").replace('-', "\\-");
    // These begin an instruction at the start of a line.
    if escaped.starts_with(['.', '\'']) {
        format!("\\&{escaped}")
    } else {
        escaped
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Names of pages, by the tree of commands.
    fn names(command: &Command, name: &str, found: &mut Vec<String>) {
        found.push(name.to_owned());
        for sub in command.get_subcommands().filter(|c| c.get_name() != "help") {
            names(sub, &format!("{name}-{}", sub.get_name()), found);
        }
    }

    #[test]
    fn every_command_has_a_page_with_examples() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let directory = dir.path().join("man1");
        let args = Args {
            directory: directory.clone(),
        };
        run(&args).expect("written");
        let mut expected = Vec::new();
        names(&command(), "picloud", &mut expected);
        assert!(expected.contains(&"picloud-bucket-put".to_owned()));
        for name in expected {
            let page = fs::read_to_string(directory.join(format!("{name}.1")))
                .unwrap_or_else(|e| panic!("{name} has no page: {e}"));
            for heading in [".SH NAME", ".SH SYNOPSIS", ".SH OPTIONS", ".SH EXAMPLES"] {
                assert!(page.contains(heading), "{name} has no {heading}");
            }
            assert_eq!(page.contains("secretkey"), name == "picloud", "{name}");
            let (_, examples) = page.split_once(".SH EXAMPLES").expect("there");
            assert!(examples.contains("picloud"), "{name} has no example");
        }
    }

    #[test]
    fn examples_stay_as_they_are() {
        assert_eq!(plain(r"echo \{a\} -n"), r"echo \e{a\e} \-n");
        assert_eq!(plain(".x"), r"\&.x");
    }
}
