//! Keys and accounts.

use crate::harness::Server;
use serde_json::Value;

#[test]
fn a_key_can_be_made_used_and_switched_off() {
    let server = Server::start(&["--no-worker"]);
    let made = server.json(&["key", "create", "--note", "laptop"]);
    let (key, secret) = (
        made["api_key"].to_string(),
        made["api_secretkey"].as_str().expect("a secret").to_owned(),
    );
    server.run(&["-a", &key, "-k", &secret, "jobs"]).ended(0);
    let listed = server.json(&["key", "list"]);
    let notes: Vec<&Value> = listed
        .as_array()
        .expect("a list")
        .iter()
        .map(|k| &k["note"])
        .collect();
    assert!(
        notes.contains(&&Value::from("laptop")) && !listed.to_string().contains(&secret),
        "{listed}"
    );

    server.run(&["key", "deactivate", &key]).ended(0);
    server.run(&["-a", &key, "-k", &secret, "jobs"]).ended(3);
    server.run(&["key", "activate", &key]).ended(0);
    server.run(&["-a", &key, "-k", &secret, "jobs"]).ended(0);
    server.run(&["key", "deactivate", "999"]).ended(3);

    // One that begins like an option is a wrong secret, not a wrong command line.
    server.run(&["-a", &key, "-k", "-x", "jobs"]).ended(3);
}

#[test]
fn an_account_sees_its_own_things_and_no_workers() {
    let server = Server::start(&["--no-worker"]);
    let made = server.json(&["account", "create", "ada"]);
    let (key, secret) = (
        made["key"]["api_key"].to_string(),
        made["key"]["api_secretkey"]
            .as_str()
            .expect("a secret")
            .to_owned(),
    );
    server.run(&["-a", &key, "-k", &secret, "jobs"]).ended(0);
    for refused in [
        &["workers"][..],
        &["account", "list"],
        &["account", "create", "eve"],
    ] {
        server
            .run(&[&["-a", &key, "-k", &secret], refused].concat())
            .ended(3);
    }
    server.run(&["account", "create", "ada"]).ended(3);
    assert!(
        server
            .run(&["account", "list"])
            .ended(0)
            .out
            .contains("ada")
    );
}
