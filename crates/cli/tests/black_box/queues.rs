//! Queues by the command line.

use crate::harness::{Server, said};
use serde_json::{Value, json};

/// A server without anybody who handles anything.
fn server() -> Server {
    Server::start(&["--no-worker"])
}

fn counts(server: &Server) -> Vec<(String, u64)> {
    let queues = server.json(&["queue", "list"]);
    let queues = queues.as_array().expect("a list");
    let count = |queue: &Value| {
        let name = queue["name"].as_str().expect("a name").to_owned();
        (name, queue["count"].as_u64().expect("a number"))
    };
    queues.iter().map(count).collect()
}

#[test]
fn messages_go_in_and_come_out_as_lines() {
    let server = server();
    let pushed = server.run(&["queue", "push", "q", "1", "{\"a\": [2]}"]);
    assert_eq!(pushed.ended(0).out, "pushed 2\n");
    let text = server.json(&["queue", "push", "q", "--text", "not JSON"]);
    assert_eq!(text, json!({"pushed": 1}));
    assert_eq!(server.run(&["queue", "count", "q"]).ended(0).out, "3\n");
    let popped = server.run(&["queue", "pop", "q"]).ended(0).out;
    let mut lines: Vec<_> = popped.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["\"not JSON\"", "1", "{\"a\":[2]}"]);
    assert_eq!(server.run(&["queue", "pop", "q"]).ended(0).out, "");
    assert_eq!(server.run(&["queue", "pop", "none"]).ended(0).out, "");
}

#[test]
fn a_file_is_pushed_line_by_line() {
    let server = server();
    let lines: String = (0..2_500).map(|n| format!("{n}\n")).collect();
    std::fs::write(server.home.path("numbers"), lines + "\n").expect("written");
    let pushed = server.json(&["queue", "push", "q", "--lines", "numbers"]);
    assert_eq!(pushed, json!({"pushed": 2_500}));
    std::fs::write(server.home.path("bad"), "1\n2\nthree\n").expect("written");
    let bad = server
        .run(&["queue", "push", "q", "--lines", "bad"])
        .ended(1);
    assert!(
        bad.err.contains("line 3") && bad.err.contains("hint"),
        "{bad:?}"
    );
    let mut command = server.home.command(&["queue", "push", "q", "--lines", "-"]);
    command.stdin(std::fs::File::open(server.home.path("numbers")).expect("there"));
    let output = said(&mut command);
    assert_eq!(output.ended(0).out, "pushed 2500\n");
    let (name, count) = &counts(&server)[0];
    assert_eq!((name.as_str(), *count), ("q", 5_000));
}

#[test]
fn a_ticket_is_acknowledged_once() {
    let server = server();
    server.run(&["queue", "push", "q", "7"]).ended(0);
    let popped = server
        .run(&["queue", "pop", "q", "--deadline", "600"])
        .ended(0);
    let (ticket, message) = popped.out.trim_end().split_once('\t').expect("a ticket");
    assert_eq!(message, "7");
    server.run(&["queue", "ack", "q", ticket]).ended(0);
    let late = server.run(&["queue", "ack", "q", ticket]).ended(3);
    assert!(late.err.contains("too late"), "{late:?}");
    server.run(&["queue", "ack", "q", "nonsense"]).ended(3);
}

#[test]
fn messages_are_looked_at_changed_moved_and_removed() {
    let server = server();
    server
        .run(&["queue", "push", "q", "1", "2", "3", "4"])
        .ended(0);
    let peeked = server.json(&["queue", "peek", "q", "-n", "2"]);
    assert_eq!(peeked.as_array().map(Vec::len), Some(2));
    let id = peeked[0]["id"].to_string();
    let table = server.run(&["queue", "peek", "q"]).ended(0).out;
    assert_eq!(table.lines().count(), 5, "{table}");
    let change = [
        "queue",
        "requeue",
        "q",
        &id,
        "--message",
        "\"new\"",
        "--to",
        "r",
    ];
    server.run(&change).ended(0);
    server.run(&change).ended(3);
    assert_eq!(server.run(&["queue", "pop", "r"]).ended(0).out, "\"new\"\n");
    let id = peeked[1]["id"].to_string();
    assert_eq!(
        server
            .run(&["queue", "move", "q", "r", "--id", &id])
            .ended(0)
            .out,
        "1 message was moved\n"
    );
    assert_eq!(server.json(&["queue", "redrive", "r"]), json!({"moved": 0}));
    assert_eq!(server.json(&["queue", "purge", "q"]), json!({"moved": 2}));
    let expected = [("q".to_owned(), 0), ("r".to_owned(), 1)];
    assert_eq!(counts(&server), expected);
    server.run(&["queue", "delete", "q", "r"]).ended(0);
    assert!(counts(&server).is_empty());
}

#[test]
fn a_queue_is_paused_and_shown() {
    let server = server();
    server.run(&["queue", "push", "q", "1"]).ended(0);
    server.run(&["queue", "pause", "q"]).ended(0);
    assert_eq!(server.run(&["queue", "pop", "q"]).ended(0).out, "");
    let info = server.run(&["queue", "info", "q"]).ended(0).out;
    assert!(info.contains("paused:") && info.contains("4days"), "{info}");
    let list = server.run(&["queue", "list"]).ended(0).out;
    assert!(list.contains("(paused)"), "{list}");
    server.run(&["queue", "resume", "q"]).ended(0);
    server.run(&["queue", "retention", "q", "3600"]).ended(0);
    let info = server.json(&["queue", "info", "q"]);
    assert_eq!(
        (&info["paused"], &info["retention_s"]),
        (&json!(false), &json!(3600))
    );
    assert_eq!(server.run(&["queue", "pop", "q"]).ended(0).out, "1\n");
    let rates = server.json(&["queue", "rates", "q"]);
    let sum = |field: &str| -> u64 {
        let windows = rates.as_array().expect("a list").iter();
        windows.map(|w| w[field].as_u64().expect("a number")).sum()
    };
    assert_eq!((sum("enqueued"), sum("dequeued")), (1, 1));
    let rates = server.run(&["queue", "rates", "q"]).ended(0).out;
    assert!(rates.starts_with("FROM"), "{rates}");
}

#[test]
fn what_is_not_there_is_3_and_what_cannot_be_is_1() {
    let server = server();
    for (code, arguments) in [
        (3, &["info", "none"][..]),
        (3, &["count", "none"]),
        (3, &["list", "-n", "none"]),
        (3, &["peek", "none"]),
        (3, &["pause", "none"]),
        (3, &["purge", "none"]),
        (3, &["move", "none", "other"]),
        (3, &["redrive", "none"]),
        (3, &["requeue", "none", "1"]),
        (3, &["delete", "none"]),
        (3, &["versions", "none"]),
        (3, &["rollback", "none"]),
        (3, &["parallel", "none", "2"]),
        (3, &["detach", "none"]),
        (3, &["rates", "none"]),
        (3, &["ack", "none", "1-1"]),
        (1, &["info", "no name"]),
        (1, &["push", "q"]),
        (1, &["push", "q", "not JSON"]),
        (1, &["push", "q", "1", "--delay", "901"]),
        (1, &["push", "q", "--lines", "gone"]),
        (1, &["pop", "q", "-n", "0"]),
        (1, &["pop", "q", "--deadline", "2"]),
        (1, &["parallel", "q", "-1"]),
        (1, &["requeue", "q", "1", "--message", "not JSON"]),
        (1, &["retention", "q", "59"]),
    ] {
        let said = server.run(&[&["queue"], arguments].concat());
        assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
        assert!(
            said.out.is_empty() && !said.err.is_empty(),
            "{arguments:?}: {said:?}"
        );
    }
    assert!(counts(&server).is_empty(), "nothing was made by that");
    let said = server.run(&["--json", "queue", "info", "none"]).ended(3);
    let error: Value = serde_json::from_str(&said.err).expect("JSON");
    assert_eq!(error["error"]["kind"], "not_found", "{error}");
}
