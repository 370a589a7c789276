//! `docs/reference/cli.md` is made of the same model as help and completion, so it cannot be
//! out of date. PICLOUD_UPDATE=1 writes it.

use clap::{Arg, Command};
use std::{fmt::Write as _, fs, path::Path};

const INTRODUCTION: &str = "\
# Command line

<!-- Written by `PICLOUD_UPDATE=1 cargo test -p picloud-cli --test reference`; a test compares it with the code. -->

`picloud` talks to the server of a client profile (`picloud setup`, or `picloud serve` on the same
machine). A flag wins over the environment, which wins over the profile. A stored key is only ever
sent to the server it was stored for.

Answers go to stdout, everything else to stderr. With `--json`, stdout has JSON and an error is one
JSON object on stderr.

| exit code | means |
| --- | --- |
| 0 | fine |
| 1 | wrong usage, no server, time is over, or anything unexpected |
| 3 | the service said no, a job failed, or a check of `doctor` failed |
| 130, 143 | ended by a second signal |

Job ids are written `1-4,7`, both ends included.

Colour is used on terminals only and never alone carries a meaning; `NO_COLOR` turns it off.
";

fn reference() -> String {
    let mut root = picloud_cli::command();
    root.build();
    let mut page = INTRODUCTION.to_owned();
    page.push_str("\n## Global options\n");
    arguments(
        &mut page,
        root.get_arguments().filter(|a| a.is_global_set()),
    );
    page.push_str("\n## Commands\n\n| command | does |\n| --- | --- |\n");
    for command in commands(&root) {
        let name = command.get_bin_name().unwrap_or_default();
        let anchor = name.replace(' ', "-");
        let _ = writeln!(page, "| [`{name}`](#{anchor}) | {} |", about(command));
        for sub in commands(command) {
            let name = sub.get_bin_name().unwrap_or_default();
            let _ = writeln!(
                page,
                "| [`{name}`](#{}) | {} |",
                name.replace(' ', "-"),
                about(sub)
            );
        }
    }
    for command in commands(&root) {
        section(&mut page, command, "##");
        for sub in commands(command) {
            section(&mut page, sub, "###");
        }
    }
    page
}

fn commands(command: &Command) -> impl Iterator<Item = &Command> {
    command.get_subcommands().filter(|c| c.get_name() != "help")
}

fn about(command: &Command) -> String {
    command
        .get_about()
        .map(ToString::to_string)
        .unwrap_or_default()
}

fn section(page: &mut String, command: &Command, level: &str) {
    let mut command = command.clone();
    let _ = write!(
        page,
        "\n{level} {}\n\n",
        command.get_bin_name().unwrap_or_default()
    );
    let text = command
        .get_long_about()
        .or(command.get_about())
        .map(ToString::to_string)
        .unwrap_or_default();
    let mut paragraphs = text.trim().split("\n\n");
    let _ = writeln!(page, "{}.", paragraphs.next().unwrap_or_default());
    for paragraph in paragraphs {
        let _ = writeln!(page, "\n{}", paragraph.replace('\n', " "));
    }
    let usage = command.render_usage().to_string();
    let _ = writeln!(page, "\n    {}", usage.trim_start_matches("Usage: "));
    let own = command
        .get_arguments()
        .filter(|a| !a.is_global_set() && a.get_id() != "help");
    arguments(page, own);
    if let Some(after) = command.get_after_help() {
        let (examples, rest) = split_examples(&after.to_string());
        let _ = writeln!(page, "\n```sh\n{examples}\n```");
        if !rest.is_empty() {
            let _ = writeln!(page, "\n{rest}");
        }
    }
}

/// The block of examples, and what stands below it.
fn split_examples(after: &str) -> (String, String) {
    let after = after.trim_start_matches("Examples:\n");
    let (examples, rest) = after.split_once("\n\n").unwrap_or((after, ""));
    let examples: Vec<&str> = examples.lines().map(str::trim_start).collect();
    (examples.join("\n"), rest.to_owned())
}

fn arguments<'a>(page: &mut String, arguments: impl Iterator<Item = &'a Arg>) {
    let rows: Vec<String> = arguments.filter(|a| !a.is_hide_set()).map(row).collect();
    if !rows.is_empty() {
        let _ = writeln!(
            page,
            "\n| argument | is |\n| --- | --- |\n{}",
            rows.join("\n")
        );
    }
}

fn row(arg: &Arg) -> String {
    let value = match arg.get_value_names() {
        Some(names) if arg.get_action().takes_values() => names.join(" "),
        _ => String::new(),
    };
    let name = match (arg.get_short(), arg.get_long()) {
        (Some(short), Some(long)) => format!("-{short}, --{long} {value}"),
        (None, Some(long)) => format!("--{long} {value}"),
        (Some(short), None) => format!("-{short} {value}"),
        (None, None) => value,
    };
    let mut help = arg
        .get_long_help()
        .or(arg.get_help())
        .map(ToString::to_string)
        .unwrap_or_default();
    let choices: Vec<String> = arg
        .get_possible_values()
        .iter()
        .filter(|v| !v.is_hide_set())
        .map(|v| format!("`{}`", v.get_name()))
        .collect();
    if arg.get_action().takes_values() && !choices.is_empty() {
        let _ = write!(help, " ({})", choices.join(", "));
    }
    let defaults: Vec<String> = arg
        .get_default_values()
        .iter()
        .map(|v| v.to_string_lossy().into_owned())
        .collect();
    if arg.get_action().takes_values() && !arg.is_hide_default_value_set() && !defaults.is_empty() {
        let _ = write!(help, " [default: {}]", defaults.join(","));
    }
    if let Some(variable) = arg.get_env() {
        let _ = write!(help, " [env: {}]", variable.to_string_lossy());
    }
    format!(
        "| `{}` | {} |",
        name.trim(),
        help.replace('\n', " ").replace('|', "\\|")
    )
}

#[test]
fn the_reference_of_the_command_line_is_up_to_date() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/reference/cli.md");
    let expected = reference();
    if std::env::var_os("PICLOUD_UPDATE").is_some() {
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, &expected).expect("written");
    }
    let found = fs::read_to_string(&path).unwrap_or_default();
    let differs = expected.lines().zip(found.lines()).find(|(a, b)| a != b);
    assert!(
        expected == found,
        "docs/reference/cli.md is out of date (PICLOUD_UPDATE=1 writes it); first difference: {differs:?}"
    );
}

#[test]
fn every_command_and_flag_is_explained_and_every_command_has_an_example() {
    let mut root = picloud_cli::command();
    root.build();
    let mut waiting: Vec<&Command> = commands(&root).collect();
    while let Some(command) = waiting.pop() {
        let name = command.get_bin_name().unwrap_or_default();
        assert!(
            command.get_about().is_some(),
            "{name} says nothing about itself"
        );
        let after = command
            .get_after_help()
            .map(ToString::to_string)
            .unwrap_or_default();
        assert!(
            after.contains("Examples:\n") && after.contains("picloud"),
            "{name} has no example"
        );
        for arg in command.get_arguments() {
            assert!(
                arg.get_help().is_some(),
                "{name}: {} is not explained",
                arg.get_id()
            );
        }
        waiting.extend(commands(command));
    }
}
