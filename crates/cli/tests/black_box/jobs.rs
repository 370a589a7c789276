//! Jobs through every command that knows them.

use crate::harness::{Server, wait_for};
use picloud_client::{ApiClient, Options};
use picloud_types::{Jid, JobSpec, Payload, api::jobs::SubmitHeader};
use serde_json::{Value, json};

/// Makes jobs that call a built-in function: pickles of protocol 0 are easily written by hand.
pub(crate) fn submit(server: &Server, function: &str, args: &[&str], label: &str) -> Jid {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let secret = server.ready["api_secretkey"].as_str().expect("a secret");
        let client = ApiClient::new(
            &Options::new(server.url()),
            &server.ready["api_key"].to_string(),
            secret,
        )
        .expect("an address");
        let python = client
            .service()
            .await
            .expect("answered")
            .pythons
            .last()
            .cloned()
            .expect("a Python");
        let spec = JobSpec {
            python,
            function_name: function.to_owned(),
            label: Some(label.to_owned()),
            ..serde_json::from_value(json!({"python": ""})).expect("defaults")
        };
        let key = format!("{:032x}", rand::random::<u128>());
        let header = SubmitHeader {
            spec,
            count: args.len(),
            key,
            depends_on: "".parse().expect("none"),
            map: None,
        };
        let (module, name) = function.rsplit_once('.').expect("a module");
        let inline = |text: String| Payload::Inline(text.into_bytes().into());
        let args: Vec<Payload> = args.iter().map(|a| inline(format!("(({a}t(dt."))).collect();
        client
            .submit(&header, &inline(format!("c{module}\n{name}\n.")), &args)
            .await
            .expect("taken")
            .first_jid
    })
}

#[test]
fn a_job_goes_through_every_command() {
    let server = Server::start(&[]);
    let jid = submit(&server, "builtins.pow", &["I2\nI10\n"], "powers").to_string();
    server.run(&["join", "-t", "30", &jid]).ended(0);
    assert_eq!(server.run(&["result", &jid]).ended(0).out, "1024\n");
    assert_eq!(server.json(&["result", &jid])[0]["result"], 1024);
    assert_eq!(
        server.json(&["status", &jid]),
        json!([{"jid": jid.parse::<i64>().expect("a number"), "status": "done"}])
    );
    assert!(server.run(&["status", &jid]).ended(0).out.contains("done"));
    let info = server.json(&["info", "-f", "status,function,label", &jid]);
    assert_eq!(
        info[&jid],
        json!({"status": "done", "function": "builtins.pow", "label": "powers"})
    );
    assert!(
        server
            .run(&["info", "-f", "all", &jid])
            .ended(0)
            .out
            .contains("powers")
    );
    server.run(&["info", "-f", "nosuch", &jid]).ended(1);

    assert_eq!(
        server
            .json(&["jobs", "--label", "powers"])
            .as_array()
            .map(Vec::len),
        Some(1)
    );
    assert_eq!(server.json(&["jobs", "--label", "other"]), json!([]));
    let found = |filters: &[&str]| {
        let listed = server.json(&[&["jobs"], filters].concat());
        listed.as_array().map_or(0, Vec::len)
    };
    assert_eq!(found(&["--status", "done,error", "--core-type", "c1"]), 1);
    assert_eq!(found(&["--status", "queued,error"]), 0);
    assert_eq!(found(&["--since", "1h", "--text", "POW"]), 1);
    assert_eq!(found(&["--until", "1h"]), 0);
    assert_eq!(found(&["--since", "2026-01-01", "--grouped"]), 1);
    server.run(&["jobs", "--since", "soon"]).ended(1);
    server.run(&["jobs", "--status", "done,odd"]).ended(1);
    let listed = server.run(&["-o", "no-header", "jobs"]).ended(0).out;
    assert!(
        listed.contains("powers") && !listed.contains("STATUS"),
        "{listed}"
    );
    assert_eq!(
        server.json(&["kill", &jid]),
        json!({"killed": 0}),
        "it had ended"
    );

    let raw = server
        .home
        .command(&["result", "--raw", &jid])
        .output()
        .expect("ran")
        .stdout;
    assert_eq!(raw.last(), Some(&b'.'), "a pickle ends with a full stop");

    assert_eq!(server.json(&["delete", &jid]), json!({"deleted": 1}));
    for command in [
        &["status"][..],
        &["info"],
        &["delete"],
        &["result"],
        &["logs"],
    ] {
        let said = server.run(&[command, &[jid.as_str()]].concat()).ended(3);
        assert!(said.err.contains(&jid), "{said:?}");
    }
}

#[test]
fn a_failed_job_is_3_with_its_traceback() {
    let server = Server::start(&[]);
    let first = submit(&server, "builtins.int", &["V7\n", "Vx\n", "V9\n"], "ints").0;
    let (bad, all) = ((first + 1).to_string(), format!("{first}-{}", first + 2));
    for command in ["join", "result"] {
        let said = server.run(&[command, "-t", "30", &all]).ended(3);
        assert!(
            said.err.contains("ValueError") && said.err.contains(&bad),
            "{said:?}"
        );
    }
    server.run(&["join", "-i", &all]).ended(0);
    let results = server.json(&["result", "-i", &all]);
    assert_eq!(
        (&results[0]["result"], &results[2]["result"]),
        (&json!(7), &json!(9))
    );
    assert_eq!(results[1]["status"], "error");
    assert_eq!(
        results[1]["failure"]["verdict"]["kind"], "raised",
        "{results}"
    );
    let jobs = server.json(&["jobs", "--status", "error"]);
    assert!(
        jobs[0]["error"]
            .as_str()
            .is_some_and(|e| e.contains("ValueError")),
        "{jobs}"
    );
}

#[test]
fn logs_keep_streams_apart_and_follow_to_the_end() {
    let server = Server::start(&[]);
    let code = "import sys, time; print('to out'); print('to err', file=sys.stderr); time.sleep(0.3); print('later')";
    let jid = submit(&server, "builtins.exec", &[&format!("V{code}\n")], "talk").to_string();
    let followed = server.run(&["logs", "-f", &jid]).ended(0);
    assert_eq!(
        (followed.out.as_str(), followed.err.as_str()),
        ("to out\nlater\n", "to err\n")
    );
    assert_eq!(
        server
            .run(&["logs", "--stream", "stderr", &jid])
            .ended(0)
            .out,
        "to err\n"
    );
    let all = server.run(&["logs", "--stream", "all", &jid]).ended(0).out;
    assert!(
        all.contains("stdout  | to out\n") && all.contains("stderr  | to err\n"),
        "{all}"
    );
    let lines = server
        .run(&["--json", "logs", "--stream", "stdout", &jid])
        .ended(0)
        .out;
    let first: Value = serde_json::from_str(lines.lines().next().expect("a line")).expect("JSON");
    assert_eq!(first, json!({"stream": "stdout", "line": "to out"}));
}

#[test]
fn a_wait_that_is_too_short_is_1_and_kill_all_ends_what_runs() {
    let server = Server::start(&[]);
    let jid = submit(&server, "time.sleep", &["I600\n"], "long").to_string();
    for command in ["join", "result"] {
        let said = server.run(&[command, "-t", "0.2", &jid]).ended(1);
        assert!(said.err.contains("in time"), "{said:?}");
    }
    assert_eq!(server.json(&["kill", "--all"]), json!({"killed": 1}));
    server.run(&["join", "-t", "30", &jid]).ended(3);
    assert_eq!(server.json(&["status", &jid])[0]["status"], "killed");
}

#[test]
fn running_jobs_go_on_after_a_restart() {
    let server = Server::start(&["--stop-grace", "0"]);
    let first = submit(&server, "time.sleep", &["F0.2\n"; 20], "naps").0;
    let all = format!("{first}-{}", first + 19);
    let server = Server::start_in(server.stop(), &[]);
    server.run(&["join", "-t", "50", &all]).ended(0);
}

#[test]
fn what_a_job_used_is_shown_live_afterwards_and_in_sums() {
    let server = Server::start(&[]);
    let code = "import time; end = time.time() + 2.3\nwhile time.time() < end: sum(range(1000))";
    let code = code.replace('\n', "\\u000a");
    let jid = submit(&server, "builtins.exec", &[&format!("V{code}\n")], "busy").to_string();

    let watched = server.run(&["watch", &jid]).ended(0);
    let lines: Vec<&str> = watched.out.lines().collect();
    assert!(
        lines[0].contains("CORES") && lines.len() > 2,
        "a heading, samples and a summary: {watched:?}"
    );
    let last = lines[lines.len() - 1];
    assert!(
        last.starts_with(&format!("job {jid} is done, ran 2.")) && last.contains("cost"),
        "{last}"
    );

    let again = server.run(&["--json", "watch", &jid]).ended(0).out;
    let values: Vec<Value> = again
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let seconds: Vec<u64> = values.iter().filter_map(|v| v["second"].as_u64()).collect();
    assert!(
        seconds.len() >= 2 && seconds.is_sorted_by(|a, b| a < b),
        "{seconds:?}"
    );
    let end = values.last().expect("the end");
    assert_eq!(end["status"], "done", "{end}");
    assert!(
        end["usage"]["memory_peak_bytes"].as_u64() > Some(1_000_000),
        "{end}"
    );

    let info = server.run(&["info", &jid]).ended(0).out;
    for part in ["memory.max_usage:", "MB", "cputime.user:", "cost:"] {
        assert!(info.contains(part), "no {part} in {info}");
    }
    assert!(
        !info.contains("verdict:"),
        "what does not apply is not shown: {info}"
    );
    let asked = server.json(&["info", "-f", "memory.max_usage,core_ms", &jid]);
    assert!(asked[&jid]["core_ms"].as_u64() >= Some(2_300), "{asked}");

    let usage = server.json(&["usage", "--group-by", "label,core-type"]);
    assert_eq!(
        (&usage["total"]["jobs"], &usage["rows"][0]["label"]),
        (&json!(1), &json!("busy"))
    );
    let table = server.run(&["usage"]).ended(0).out;
    assert!(
        table.contains("COST (USD)") && table.contains("total"),
        "{table}"
    );
    server.run(&["usage", "--from", "yesterday"]).ended(3);
}

#[test]
fn watching_a_job_that_fails_ends_with_its_verdict_and_3() {
    let server = Server::start(&[]);
    let jid = submit(&server, "os._exit", &["I9\n"], "leaves").to_string();
    let said = server.run(&["watch", &jid]).ended(3);
    assert!(
        said.out.contains("is error") && said.out.contains("exited with code 9"),
        "{said:?}"
    );
    let info = server.run(&["info", &jid]).ended(0).out;
    assert!(
        info.contains("verdict:") && info.contains("exited with code 9"),
        "{info}"
    );
    server.run(&["watch", "99"]).ended(3);
    server.run(&["watch", "1-3"]).ended(1);
}

#[test]
fn a_job_out_of_memory_is_told_with_its_evidence_and_what_would_have_fitted() {
    let server = Server::start(&[]);
    let jid = submit(&server, "builtins.bytearray", &["I1000000000\n"], "large").to_string();
    let said = server.run(&["watch", &jid]).ended(3);
    assert!(
        said.out.contains("out of memory: limit 300.0 MB") && said.err.contains("_type=\"c2\""),
        "{said:?}"
    );
    let info = server.run(&["info", &jid]).ended(0).out;
    for part in ["1 x c2 would have fitted", "MemoryError", "_type=\"c2\""] {
        assert!(info.contains(part), "no {part} in {info}");
    }
}

#[test]
fn watching_goes_on_when_the_server_comes_back() {
    let server = Server::start(&["--stop-grace", "0"]);
    let jid = submit(&server, "time.sleep", &["F2.2\n"], "nap").to_string();
    let log = std::fs::File::create(server.home.path("watched")).expect("a file");
    let mut watching = server
        .home
        .command(&["--json", "watch", &jid])
        .stdout(log)
        .spawn()
        .expect("the binary starts");
    let path = server.home.path("watched");
    let seen = |part: &str| std::fs::read_to_string(&path).is_ok_and(|text| text.contains(part));
    wait_for("a first sample", || seen("cpu_cores").then_some(()));
    let address = server.url().trim_start_matches("http://").to_owned();
    let server = Server::start_in(server.stop(), &["--listen", &address]);
    let status = wait_for("the end of the watch", || {
        watching.try_wait().expect("ours")
    });
    assert!(status.success(), "{status}");
    let path = server.home.path("watched");
    let text = std::fs::read_to_string(path).expect("read");
    assert!(
        text.contains("\"attempt\":2") && text.contains("\"status\":\"done\""),
        "{text}"
    );
}
