//! Objects and files: up, down, listed, shared and removed by the command line.

use crate::harness::{Home, Server, said};
use serde_json::json;
use std::{fs, path::PathBuf};

/// A server that only keeps objects.
fn server() -> Server {
    Server::start(&["--no-worker"])
}

fn write(home: &Home, name: &str, content: &str) -> PathBuf {
    let path = home.path(name);
    fs::create_dir_all(path.parent().expect("a parent")).expect("made");
    fs::write(&path, content).expect("written");
    path
}

#[test]
fn an_object_goes_up_and_down_whole_and_in_part() {
    let server = server();
    write(&server.home, "a.txt", "0123456789");
    let put = server.json(&["bucket", "put", "a.txt", "-p", "deep/er"]);
    assert_eq!(
        (&put["key"], &put["size"]),
        (&json!("deep/er/a.txt"), &json!(10))
    );
    assert_eq!(put["content_type"], "text/plain; charset=utf-8");

    let shown = server
        .run(&["bucket", "get", "deep/er/a.txt", "-"])
        .ended(0);
    assert_eq!(shown.out, "0123456789", "and nothing else");
    let part = [
        "bucket",
        "get",
        "deep/er/a.txt",
        "-",
        "--start-byte",
        "2",
        "--end-byte",
        "4",
    ];
    assert_eq!(server.run(&part).ended(0).out, "234");
    fs::remove_file(server.home.path("a.txt")).expect("removed");
    server
        .run(&["bucket", "get", "a.txt", "--prefix", "deep/er/"])
        .ended(0);
    server
        .run(&["bucket", "get", "deep/er/a.txt", "new/folder/"])
        .ended(0);
    for name in ["a.txt", "new/folder/a.txt"] {
        assert_eq!(
            fs::read_to_string(server.home.path(name)).expect("there"),
            "0123456789"
        );
    }
    let md5 = server
        .run(&["bucket", "get-md5", "deep/er/a.txt"])
        .ended(0)
        .out;
    assert_eq!(md5, "781e5e245d69b566979b86e28d23f2c7\n");
    let info = server
        .run(&["bucket", "info", "deep/er/a.txt"])
        .ended(0)
        .out;
    assert!(
        info.contains("10 bytes") && info.contains("text/plain"),
        "{info}"
    );
}

#[test]
fn what_is_not_there_is_3_and_what_cannot_be_is_1() {
    let server = server();
    write(&server.home, "a", "x");
    for (code, arguments) in [
        (3, &["get", "no/such"][..]),
        (3, &["info", "no/such"]),
        (3, &["get-md5", "no/such"]),
        (3, &["remove", "no/such"]),
        (3, &["make-public", "no/such"]),
        (3, &["make-private", "no/such"]),
        (3, &["is-public", "no/such"]),
        (3, &["rename", "no/such", "other"]),
        (3, &["sync-from-cloud", "no/such"]),
        (3, &["mpsafe-get", "no/such"]),
        (1, &["get", "a/../b"]),
        (1, &["put", "a", "/a"]),
        (1, &["put", "a", "b/"]),
        (1, &["put", "gone"]),
        (1, &["put", "."]),
        (
            1,
            &["get", "a", "-", "--start-byte", "5", "--end-byte", "4"],
        ),
        (1, &["remove-prefix"]),
        (1, &["remove-prefix", ""]),
        (1, &["make-public", "a", "-d", "nothing"]),
        (1, &["list", "--max-keys", "0"]),
        (1, &["sign", "a", "--expires", "0"]),
    ] {
        let said = server.run(&[&["bucket"], arguments].concat());
        assert_eq!(said.code, Some(code), "{arguments:?}: {said:?}");
        assert!(
            said.out.is_empty() && !said.err.is_empty(),
            "{arguments:?}: {said:?}"
        );
    }
    let said = server.run(&["--json", "bucket", "get", "no/such"]).ended(3);
    let error: serde_json::Value = serde_json::from_str(&said.err).expect("JSON");
    assert_eq!(error["error"]["kind"], "not_found", "{error}");
    assert!(!server.home.path("such").exists(), "nothing is left of it");
}

#[test]
fn lists_are_plain_lines_and_say_where_to_go_on() {
    let server = server();
    write(&server.home, "f", "x");
    let long = format!("long/{}", "x".repeat(200));
    for key in ["a", "b/1", "b/2", &long] {
        server.run(&["bucket", "put", "f", key]).ended(0);
    }
    let list = |arguments: &[&str]| {
        server
            .run(&[&["bucket", "list"], arguments].concat())
            .ended(0)
    };
    assert_eq!(list(&[]).out, format!("a\nb/1\nb/2\n{long}\n"));
    assert_eq!(list(&["-f"]).out, "a\nb/\nlong/\n");
    assert_eq!(list(&["-f", "-p", "b/"]).out, "b/1\nb/2\n");
    let cut = list(&["--max-keys", "2"]);
    assert_eq!(cut.out, "a\nb/1\n");
    assert!(cut.err.contains("--marker \"b/1\""), "{cut:?}");
    assert_eq!(list(&["--marker", "b/1", "--max-keys", "1"]).out, "b/2\n");
    assert!(list(&["--long"]).out.contains("1 B"));
    let json = server.json(&["bucket", "list", "--max-keys", "1"]);
    assert_eq!(
        (&json["truncated"], &json["entries"][0]["key"]),
        (&json!(true), &json!("a"))
    );
    assert_eq!(
        server.run(&["bucket", "iterlist", "-p", "b"]).ended(0).out,
        "b/1\nb/2\n"
    );
    let lines = server
        .run(&["--json", "bucket", "iterlist", "-f"])
        .ended(0)
        .out;
    assert_eq!(lines.lines().count(), 3);

    server
        .run(&["bucket", "rename", "a", "c", "-p", ""])
        .ended(0);
    assert_eq!(
        server.json(&["bucket", "remove-prefix", "b/"]),
        json!({"removed": 2})
    );
    assert_eq!(
        server.json(&["bucket", "remove", "c", "gone", "c"]),
        json!({"removed": 1})
    );
    assert_eq!(list(&[]).out, format!("{long}\n"));
    server.run(&["bucket", "remove-prefix", "--all"]).ended(0);
    assert_eq!(list(&[]).out, "");
}

#[test]
fn a_directory_is_synced_both_ways_and_only_what_differs() {
    let server = server();
    for number in 0..600 {
        write(
            &server.home,
            &format!("up/d{}/f{number}", number % 7),
            &format!("content {number}"),
        );
    }
    write(&server.home, "up/large", &"x".repeat(3 << 20));
    let up = ["bucket", "sync-to-cloud", "up", "t"];
    let down = ["bucket", "sync-from-cloud", "t", "down"];
    assert_eq!(server.json(&up)["transferred"], 601);
    assert_eq!(
        server.json(&up),
        json!({"transferred": 0, "transferred_bytes": 0, "unchanged": 601})
    );
    assert_eq!(server.json(&down)["transferred"], 601);
    write(&server.home, "up/d1/f1", "another 1");
    let changed = json!({"transferred": 1, "transferred_bytes": 9, "unchanged": 600});
    assert_eq!(
        (server.json(&up), server.json(&down)),
        (changed.clone(), changed)
    );
    let same = std::process::Command::new("diff")
        .arg("-r")
        .args([server.home.path("up"), server.home.path("down")])
        .status()
        .expect("diff runs");
    assert!(same.success());

    std::os::unix::fs::symlink("/tmp", server.home.path("down/away")).expect("linked");
    write(&server.home, "f", "x");
    server
        .run(&["bucket", "put", "f", "t/away/escaped"])
        .ended(0);
    let refused = server.run(&down).ended(1);
    assert!(refused.err.contains("because of a link"), "{refused:?}");

    assert_eq!(
        server.json(&["bucket", "sync-to-cloud", "f", "-p", "single"])["transferred"],
        1
    );
    assert_eq!(
        server.json(&["bucket", "sync-from-cloud", "single/f"])["unchanged"],
        1
    );
}

#[test]
fn what_is_public_has_an_address_until_it_is_private() {
    let server = server();
    write(&server.home, "page", "hello");
    server.run(&["bucket", "put", "page"]).ended(0);
    assert_eq!(
        server.run(&["bucket", "is-public", "page"]).ended(0).out,
        "no\n"
    );
    let public = [
        "bucket",
        "make-public",
        "page",
        "-d",
        "content-type=text/html",
        "-d",
        "color=red",
    ];
    let url = server.run(&public).ended(0).out;
    let folder = server.run(&["bucket", "public-url-folder"]).ended(0).out;
    assert!(
        url.starts_with(folder.trim()) && url.ends_with("page\n"),
        "{url} {folder}"
    );
    assert_eq!(
        server.run(&["bucket", "is-public", "page"]).ended(0).out,
        url
    );
    let fetch = |url: &str| said(std::process::Command::new("curl").args(["-sSif", url.trim()]));
    let fetched = fetch(&url).ended(0).out.to_lowercase();
    assert!(
        fetched.contains("text/html") && fetched.contains("x-picloud-meta-color: red"),
        "{fetched}"
    );
    server.run(&["bucket", "make-private", "page"]).ended(0);
    fetch(&url).ended(22);
    let signed = server
        .run(&["bucket", "sign", "page", "--expires", "60"])
        .ended(0);
    assert!(fetch(&signed.out).ended(0).out.ends_with("hello"));
    let upload = server
        .run(&["bucket", "sign", "new", "--method", "put"])
        .ended(0);
    let sent = std::process::Command::new("curl")
        .args(["-sSfT", "page", upload.out.trim()])
        .current_dir(server.home.path(""))
        .status()
        .expect("curl runs");
    assert!(sent.success());
    assert_eq!(
        server.run(&["bucket", "get", "new", "-"]).ended(0).out,
        "hello"
    );
}

#[test]
fn a_file_that_many_want_is_downloaded_once_and_kept() {
    let server = server();
    write(&server.home, "f", "right");
    server.run(&["bucket", "put", "f"]).ended(0);
    let get =
        |more: &[&str]| server.json(&[&["bucket", "mpsafe-get", "f", "target"], more].concat());
    let mut waiting: Vec<_> = (0..4)
        .map(|_| {
            let mut command =
                server
                    .home
                    .command(&["--json", "bucket", "mpsafe-get", "f", "target"]);
            command
                .stdout(std::process::Stdio::piped())
                .spawn()
                .expect("the binary starts")
        })
        .collect();
    let downloads = waiting
        .drain(..)
        .map(|child| child.wait_with_output().expect("it ends").stdout)
        .filter(|out| String::from_utf8_lossy(out).contains("\"transferred\":true"));
    assert_eq!(downloads.count(), 1);
    write(&server.home, "target", "other");
    assert_eq!(get(&[])["transferred"], false);
    assert_eq!(
        fs::read_to_string(server.home.path("target")).expect("there"),
        "other"
    );
    assert_eq!(get(&["--do-sync"])["transferred"], true);
    assert_eq!(get(&["--do-sync", "--timeout", "5"])["transferred"], false);
    assert_eq!(
        fs::read_to_string(server.home.path("target")).expect("there"),
        "right"
    );
    assert!(!server.home.path(".target.picloud-lock").exists());
}

#[test]
fn files_are_the_objects_below_files() {
    let server = server();
    write(&server.home, "agfa.dump", "AGFA");
    server.run(&["files", "put", "agfa.dump"]).ended(0);
    server
        .run(&["files", "put", "agfa.dump", "second"])
        .ended(0);
    assert_eq!(
        server.run(&["files", "list"]).ended(0).out,
        "agfa.dump\nsecond\n"
    );
    assert_eq!(
        server.json(&["files", "list"]),
        json!(["agfa.dump", "second"])
    );
    assert_eq!(
        server.run(&["bucket", "list"]).ended(0).out,
        "files/agfa.dump\nfiles/second\n"
    );
    assert_eq!(
        server.run(&["files", "get", "second", "-"]).ended(0).out,
        "AGFA"
    );
    assert_eq!(
        server.json(&["files", "sync-to-cloud", "agfa.dump"])["unchanged"],
        1
    );
    assert_eq!(
        server.json(&["files", "sync-from-cloud", "second"])["transferred"],
        1
    );
    let md5 = server.json(&["files", "get-md5", "second"]);
    assert_eq!(md5["key"], "files/second");
    server.run(&["files", "delete", "second"]).ended(0);
    server.run(&["files", "delete", "second"]).ended(3);
    assert_eq!(server.run(&["files", "list"]).ended(0).out, "agfa.dump\n");
}

#[test]
fn a_quota_of_a_settings_file_is_held() {
    let home = Home::new();
    write(
        &home,
        "picloud.toml",
        "bucket_quota_bytes = 10\nobject_max_bytes = 8",
    );
    write(&home, "f", "0123456");
    let server = Server::start_in(home, &["--no-worker", "--config", "picloud.toml"]);
    server.run(&["bucket", "put", "f", "a"]).ended(0);
    let full = server.run(&["bucket", "put", "f", "b"]).ended(3);
    assert!(full.err.contains("10"), "{full:?}");
    write(&server.home, "f", "012345678");
    let large = server.run(&["bucket", "put", "f", "a"]).ended(3);
    assert!(large.err.contains('8'), "{large:?}");
}
