//! Without a server: usage, help, messages.

use crate::harness::{Home, said};
use serde_json::Value;

#[test]
fn wrong_usage_is_1_and_help_is_0() {
    let home = Home::new();
    for wrong in [
        &[][..],
        &["nosuch"],
        &["status"],
        &["status", "x"],
        &["kill"],
        &["kill", "--all", "1"],
        &["jobs", "--nosuch"],
    ] {
        let said = home.run(wrong).ended(1);
        assert!(
            said.out.is_empty() && (said.err.contains("Usage") || said.err.contains("--help")),
            "{wrong:?}: {said:?}"
        );
    }
    for right in [
        &["--help"][..],
        &["--version"],
        &["help", "jobs"],
        &["key", "create", "--help"],
    ] {
        assert!(!home.run(right).ended(0).out.is_empty());
    }
}

#[test]
fn help_of_every_command_shows_an_example() {
    let home = Home::new();
    for command in picloud_cli::command().get_subcommands() {
        let said = home.run(&[command.get_name(), "--help"]).ended(0);
        assert!(
            said.out.contains("Examples:"),
            "{}: {said:?}",
            command.get_name()
        );
    }
}

#[test]
fn without_a_profile_the_message_says_how_to_begin() {
    let said = Home::new().run(&["jobs"]).ended(1);
    assert!(
        said.err.contains("picloud serve") && said.err.contains("picloud setup"),
        "{said:?}"
    );
}

#[test]
fn a_server_that_is_down_is_1_and_says_how_to_start_one() {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port");
    let url = format!("http://{address}");
    let home = Home::new();
    let said = home
        .run(&["--server", &url, "-a", "1", "-k", "x", "jobs"])
        .ended(1);
    assert!(
        said.err.contains(&url) && said.err.contains("picloud serve"),
        "{said:?}"
    );

    let said = home
        .run(&["--json", "--server", &url, "-a", "1", "-k", "x", "jobs"])
        .ended(1);
    let error: Value = serde_json::from_str(&said.err).expect("an error in JSON");
    assert!(
        error["error"]["hint"]
            .as_str()
            .is_some_and(|h| h.contains("picloud serve")),
        "{error}"
    );
    assert!(said.out.is_empty());
}

#[test]
fn doctor_without_a_profile_fails_with_the_fix() {
    let home = Home::new();
    let said = home.run(&["doctor"]).ended(3);
    assert!(
        said.out.contains("fail") && said.out.contains("picloud setup"),
        "{said:?}"
    );
    let findings = home.run(&["--json", "doctor"]).ended(3).json();
    let failed = findings
        .as_array()
        .expect("a list")
        .iter()
        .filter(|f| f["verdict"] == "fail")
        .count();
    assert_eq!(failed, 1, "{findings}");
}

#[test]
fn setup_asks_nobody_where_nobody_can_answer() {
    let said = Home::new()
        .run(&["setup", "--server", "http://127.0.0.1:1", "-a", "1"])
        .ended(1);
    assert!(said.err.contains("PICLOUD_API_SECRETKEY"), "{said:?}");
}

#[test]
fn the_default_settings_are_a_settings_file() {
    let home = Home::new();
    let default = home.run(&["config", "default"]).ended(0).out;
    std::fs::write(
        home.path("picloud.toml"),
        default.replace("127.0.0.1:7878", "nowhere"),
    )
    .expect("written");
    let said = home.run(&["serve", "--config", "picloud.toml"]).ended(1);
    assert!(
        said.err.contains("nowhere"),
        "the file was read up to the address: {said:?}"
    );

    std::fs::write(home.path("picloud.toml"), "lisen = '127.0.0.1:1'").expect("written");
    let said = home.run(&["serve", "--config", "picloud.toml"]).ended(1);
    assert!(
        said.err.contains("\"lisen\"") && said.err.contains("config default"),
        "{said:?}"
    );
}

#[test]
fn other_machines_are_not_let_in_without_tls() {
    let said = Home::new()
        .run(&["serve", "--data-dir", "data", "--listen", "0.0.0.0:0"])
        .ended(1);
    assert!(
        said.err.contains("--tls self-signed") && said.err.contains("--allow-insecure"),
        "{said:?}"
    );
}

#[test]
fn completion_scripts_name_every_command() {
    let home = Home::new();
    for shell in ["bash", "zsh", "fish"] {
        let script = home.run(&["completion", shell]).ended(0).out;
        for command in picloud_cli::command().get_subcommands() {
            assert!(
                script.contains(command.get_name()),
                "{shell} lacks {}",
                command.get_name()
            );
        }
    }
}

#[test]
fn nothing_is_coloured_in_a_pipe() {
    let said = said(
        Home::new()
            .command(&["doctor"])
            .env("CLICOLOR_FORCE", "1")
            .env("TERM", "xterm"),
    );
    assert!(
        !said.out.contains('\x1b') && !said.err.contains('\x1b'),
        "{said:?}"
    );
}
