//! Starting and stopping a server.

use crate::harness::{Home, Server, said, wait_for};
use nix::sys::signal::Signal;
use serde_json::Value;
use std::{fs, os::unix::fs::PermissionsExt as _, path::Path, time::Duration};

fn mode(path: &Path) -> u32 {
    fs::metadata(path).expect("there").permissions().mode() & 0o777
}

/// The processes whose parent is `pid`.
fn children(pid: nix::unistd::Pid) -> Vec<i32> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).expect("it runs");
    let files = tasks.filter_map(|t| fs::read_to_string(t.ok()?.path().join("children")).ok());
    files
        .flat_map(|text| {
            text.split_whitespace()
                .filter_map(|n| n.parse().ok())
                .collect::<Vec<i32>>()
        })
        .collect()
}

#[test]
fn the_first_start_writes_key_and_profile_for_their_owner_only() {
    let server = Server::start(&["--no-worker"]);
    let home = &server.home;
    for name in [
        "ready.json",
        "config/profile.json",
        "data/client-profile.json",
    ] {
        assert_eq!(mode(&home.path(name)), 0o600, "{name}");
    }
    assert_eq!(
        (mode(&home.path("data")), mode(&home.path("config"))),
        (0o700, 0o700)
    );
    let profile: Value =
        serde_json::from_str(&fs::read_to_string(home.path("config/profile.json")).expect("read"))
            .expect("JSON");
    let name = profile["default"].as_str().expect("a default");
    assert_eq!(profile["profiles"][name]["server"], server.ready["url"]);
    assert_eq!(
        profile["profiles"][name]["api_key"],
        server.ready["api_key"]
    );
    assert!(
        server.log().contains("import cloud") && server.log().contains(server.url()),
        "{}",
        server.log()
    );
    assert_eq!(server.json(&["jobs"]), Value::Array(Vec::new()));
}

#[test]
fn the_first_start_and_a_command_print_links_that_sign_in() {
    let server = Server::start(&["--no-worker"]);
    let first = server.ready["dashboard_link"].as_str().expect("a link");
    let log = server.log();
    assert!(log.lines().any(|l| l.ends_with(first)), "{first} in {log}");
    let begins = format!("{}/welcome#", server.url());
    assert!(first.starts_with(&begins), "{first}");
    let said = server.run(&["dashboard"]).ended(0);
    assert!(said.out.starts_with(&begins), "one line to open: {said:?}");
    assert_eq!(said.out.lines().count(), 1);
    assert!(
        said.err.contains("account admin once, until 20"),
        "{said:?}"
    );
    let made = server.json(&["dashboard", "--account", "admin"]);
    let url = made["url"].as_str().expect("an address");
    assert!(url.starts_with(&begins) && url != first, "{made}");
    assert_eq!(made["account_name"], "admin");
    server.run(&["dashboard", "--account", "nobody"]).ended(3);
}

#[test]
fn a_later_start_has_the_same_key_and_writes_a_lost_profile_again() {
    let server = Server::start(&["--no-worker"]);
    let key = server.ready["api_secretkey"].clone();
    let home = server.stop();
    fs::remove_dir_all(home.path("config")).expect("removed");
    let server = Server::start_in(home, &["--no-worker"]);
    assert_eq!(server.ready["api_secretkey"], key);
    server.run(&["jobs"]).ended(0);
    let profile = fs::read_to_string(server.home.path("config/profile.json")).expect("read");
    assert!(profile.contains(server.url()), "{profile}");
}

#[test]
fn no_profile_leaves_profiles_alone() {
    let server = Server::start(&["--no-worker", "--no-profile"]);
    assert!(!server.home.path("config").exists());
}

#[test]
fn a_second_server_on_the_same_directory_is_refused_with_the_first_ones_address() {
    let server = Server::start(&["--no-worker"]);
    let said = server
        .run(&["serve", "--data-dir", "data", "--listen", "127.0.0.1:0"])
        .ended(1);
    assert!(
        said.err.contains(server.url()) && said.err.contains("--data-dir"),
        "{said:?}"
    );
}

#[test]
fn a_port_in_use_is_refused_with_the_fix() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    let said = Home::new()
        .run(&["serve", "--data-dir", "data", "--listen", &address])
        .ended(1);
    assert!(
        said.err.contains(&address) && said.err.contains("--listen"),
        "{said:?}"
    );
}

#[test]
fn a_signal_stops_in_order_with_code_0() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let mut server = Server::start(&[]);
        let worker = wait_for("the worker", || children(server.pid()).first().copied());
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(0), "{signal}: {}", server.log());
        assert!(
            !Path::new(&format!("/proc/{worker}")).exists(),
            "the worker is still there"
        );
    }
}

#[test]
fn a_worker_that_dies_is_started_again() {
    let server = Server::start(&[]);
    let first = wait_for("the worker", || children(server.pid()).first().copied());
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(first), Signal::SIGKILL).expect("it runs");
    wait_for("another worker", || {
        children(server.pid())
            .first()
            .copied()
            .filter(|pid| *pid != first)
    });
    wait_for("a connected worker", || {
        let workers = server.json(&["workers"]);
        workers
            .as_array()
            .expect("a list")
            .iter()
            .any(|w| w["connected"] == true && w["pythons"] != Value::Array(vec![]))
            .then_some(())
    });
}

#[test]
fn the_worker_of_a_server_confines_jobs_as_the_server_was_told() {
    let server = Server::start(&["--isolation", "process", "--job-open-files", "512"]);
    let workers = server.json(&["workers"]);
    assert_eq!(workers[0]["confinement"]["isolation"], "process");
    let table = server.run(&["workers"]).ended(0).out;
    assert!(
        table.contains("ISOLATION") && table.contains("process"),
        "{table}"
    );
    let worker = wait_for("the worker", || children(server.pid()).first().copied());
    let said = fs::read_to_string(format!("/proc/{worker}/cmdline")).expect("it runs");
    assert!(said.contains("--job-open-files\x00512\x00"), "{said:?}");
    for wrong in [
        &["--isolation", "walls"][..],
        &["--job-processes", "0"],
        &["--source-ip", "here"],
    ] {
        let said = server.run(&[&["serve"], wrong].concat()).ended(1);
        assert!(said.err.contains(wrong[0]), "{said:?}");
    }
}

#[test]
fn a_worker_does_not_outlive_its_server() {
    let mut server = Server::start(&[]);
    let worker = wait_for("the worker", || children(server.pid()).first().copied());
    server.signal(Signal::SIGKILL);
    server.wait();
    let gone = || {
        let stat = fs::read_to_string(format!("/proc/{worker}/stat")).unwrap_or_default();
        (stat.is_empty() || stat.contains(") Z ")).then_some(())
    };
    wait_for("the end of the worker", gone);
}

#[test]
fn the_workers_token_is_no_argument() {
    let server = Server::start(&[]);
    let worker = wait_for("the worker", || children(server.pid()).first().copied());
    let token = fs::read_to_string(server.home.path("data/worker.token")).expect("a token");
    let arguments = fs::read_to_string(format!("/proc/{worker}/cmdline")).expect("it runs");
    assert!(
        arguments.contains("worker") && !arguments.contains(token.trim()),
        "{arguments:?}"
    );
}

#[test]
fn a_self_signed_server_is_trusted_through_its_profile() {
    let server = Server::start(&["--tls", "self-signed", "--no-worker"]);
    assert!(server.url().starts_with("https://"), "{}", server.ready);
    server.run(&["jobs"]).ended(0);
    let ca_file = server.ready["ca_file"]
        .as_str()
        .expect("a certificate file");
    assert!(Path::new(ca_file).is_absolute());
    // Without that file there is no trust.
    let key = server.ready["api_key"].to_string();
    let secret = server.ready["api_secretkey"].as_str().expect("a secret");
    let stranger = Home::new();
    let said = stranger
        .run(&["--server", server.url(), "-a", &key, "-k", secret, "jobs"])
        .ended(1);
    assert!(
        said.err.contains("certificate") && said.err.contains("--ca-file"),
        "{said:?}"
    );
}

#[test]
fn the_ready_descriptor_gets_the_same_line() {
    let home = Home::new();
    // The shell gives descriptor 5 to the server: Rust would close it.
    let script = "exec \"$0\" serve --no-worker --data-dir data --listen 127.0.0.1:0 --ready-fd 5 5>ready-line";
    let mut shell = std::process::Command::new("sh");
    shell
        .args(["-c", script, env!("CARGO_BIN_EXE_picloud")])
        .env("PICLOUD_CONFIG_DIR", home.path("config"));
    shell
        .env("HOME", home.path(""))
        .current_dir(home.path(""))
        .stderr(std::process::Stdio::null());
    let mut child = shell.spawn().expect("a shell");
    let ready: Value = wait_for("the line", || {
        serde_json::from_str(&fs::read_to_string(home.path("ready-line")).ok()?).ok()
    });
    assert_eq!(ready["pid"], child.id(), "{ready}");
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(i32::try_from(child.id()).expect("an id")),
        Signal::SIGTERM,
    )
    .expect("it runs");
    let code = wait_for("its end", || child.try_wait().expect("ours"));
    assert_eq!(code.code(), Some(0));
}

#[test]
fn setup_tries_before_it_writes() {
    let server = Server::start(&["--no-worker", "--no-profile"]);
    let home = &server.home;
    let key = server.ready["api_key"].to_string();
    let secret = server.ready["api_secretkey"].as_str().expect("a secret");

    let wrong = said(
        home.command(&["setup", "--server", server.url(), "-a", &key])
            .env("PICLOUD_API_SECRETKEY", "wrong"),
    )
    .ended(3);
    assert!(
        wrong.err.contains("nothing was stored") && !home.path("config").exists(),
        "{wrong:?}"
    );

    said(
        home.command(&[
            "setup",
            "--server",
            server.url(),
            "-a",
            &key,
            "--profile",
            "lab",
        ])
        .env("PICLOUD_API_SECRETKEY", secret),
    )
    .ended(0);
    assert_eq!(mode(&home.path("config/profile.json")), 0o600);
    server.run(&["jobs"]).ended(0);
    server.run(&["--profile", "lab", "jobs"]).ended(0);
    assert!(
        server
            .run(&["--profile", "bal", "jobs"])
            .ended(1)
            .err
            .contains("lab")
    );
}

#[test]
fn a_wrong_key_is_3_with_a_hint() {
    let server = Server::start(&["--no-worker"]);
    let said = server.run(&["-a", "1", "-k", "wrong", "jobs"]).ended(3);
    assert!(said.err.contains("hint:"), "{said:?}");
    let doctor = server.run(&["-a", "1", "-k", "wrong", "doctor"]).ended(3);
    assert!(
        doctor
            .out
            .lines()
            .any(|l| l.starts_with("key:") && l.contains("fail")),
        "{doctor:?}"
    );
}

#[test]
fn doctor_is_content_with_a_fresh_server() {
    let server = Server::start(&[]);
    let said = server.run(&["doctor"]).ended(0);
    for check in ["server:", "key:", "version:", "workers:", "clock:"] {
        assert!(
            said.out
                .lines()
                .any(|l| l.starts_with(check) && l.contains(" ok ")),
            "{check} {said:?}"
        );
    }
}

#[test]
fn ready_comes_soon() {
    // Not the benchmark, only a guard against waiting for something that never comes.
    let began = std::time::Instant::now();
    let server = Server::start(&[]);
    assert!(began.elapsed() < Duration::from_secs(8), "{}", server.log());
}

#[test]
fn a_second_signal_ends_at_once_and_takes_the_worker_along() {
    for (signal, code) in [(Signal::SIGTERM, 143), (Signal::SIGINT, 130)] {
        let mut server = Server::start(&["--stop-grace", "600"]);
        let worker = wait_for("the worker", || children(server.pid()).first().copied());
        crate::jobs::submit(&server, "time.sleep", &["I600\n"], "long");
        wait_for("a running job", || {
            let running = server.json(&["jobs", "--status", "processing"]);
            (running.as_array().map(Vec::len) == Some(1)).then_some(())
        });
        server.signal(signal);
        wait_for("the begin of the end", || {
            server.log().contains("stopping").then_some(())
        });
        server.signal(signal);
        assert_eq!(server.wait().code(), Some(code), "{}", server.log());
        let gone = || (!Path::new(&format!("/proc/{worker}")).exists()).then_some(());
        wait_for("the end of the worker", gone);
    }
}

#[test]
fn a_worker_that_cannot_work_ends_the_start_with_the_fix() {
    let home = Home::new();
    let mut command = home.command(&["serve", "--data-dir", "data", "--listen", "127.0.0.1:0"]);
    let said = said(
        command
            .env("VIRTUAL_ENV", "/nonexistent")
            .env("PATH", "/nonexistent"),
    )
    .ended(1);
    assert!(
        said.err.contains("Python") && said.err.contains("--no-worker"),
        "{said:?}"
    );
}

#[test]
fn a_lost_administrators_key_does_not_keep_the_server_from_running() {
    let home = Server::start(&["--no-worker"]).stop();
    fs::remove_file(home.path("data/client-profile.json")).expect("removed");
    let server = Server::start_in(home, &["--no-worker"]);
    assert_eq!(server.ready["api_key"], Value::Null);
    wait_for("word of it", || {
        server
            .log()
            .contains("not kept in the data directory")
            .then_some(())
    });
}
