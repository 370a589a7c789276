//! The crates depend on each other as ARCHITECTURE.md draws it, and in no other way.

use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

type Arrows = BTreeMap<String, BTreeSet<String>>;

/// Reads lines such as `types <- store, blob <- server`: what is right of an arrow may use what is
/// left of it. Several chains may share a line, split by a comma and two spaces.
fn drawn(document: &str) -> Arrows {
    let mut arrows = Arrows::new();
    let chains = document
        .lines()
        .filter(|line| line.starts_with("    ") && line.contains("<-"))
        .flat_map(|line| line.trim().split("  "));
    for chain in chains {
        let links: Vec<Vec<&str>> = chain
            .split("<-")
            .map(|link| {
                link.split(',')
                    .map(str::trim)
                    .filter(|name| !name.is_empty())
                    .collect()
            })
            .collect();
        for pair in links.windows(2) {
            for user in &pair[1] {
                arrows
                    .entry((*user).to_owned())
                    .or_default()
                    .extend(pair[0].iter().map(|&used| used.to_owned()));
            }
        }
        for &name in links.iter().filter(|_| links.len() > 1).flatten() {
            arrows.entry(name.to_owned()).or_default();
        }
    }
    arrows
}

/// Everything that can be reached by following arrows.
fn reachable(arrows: &Arrows, from: &str) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from.to_owned()];
    while let Some(name) = next.pop() {
        for used in arrows.get(&name).into_iter().flatten() {
            if seen.insert(used.clone()) {
                next.push(used.clone());
            }
        }
    }
    seen
}

/// The workspace as cargo knows it. Dev-dependencies do not count: a test may use what it likes.
fn built() -> Arrows {
    let output = Command::new(env!("CARGO"))
        .args([
            "metadata",
            "--no-deps",
            "--offline",
            "--format-version",
            "1",
        ])
        .current_dir(xtask::root())
        .output()
        .expect("cargo runs this test, so it can be run");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata is JSON");
    let role = |package: &Value| {
        package["name"]
            .as_str()
            .and_then(|name| name.strip_prefix("picloud-"))
            .map(str::to_owned)
    };
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    list(&metadata["packages"])
        .iter()
        .filter_map(|package| {
            let used = list(&package["dependencies"])
                .iter()
                .filter(|used| used["kind"] != "dev")
                .filter_map(role)
                .collect();
            Some((role(package)?, used))
        })
        .collect()
}

fn architecture() -> String {
    std::fs::read_to_string(xtask::root().join("ARCHITECTURE.md"))
        .expect("ARCHITECTURE.md can be read")
}

#[test]
fn every_dependency_between_crates_is_drawn() {
    let (drawn, built) = (drawn(&architecture()), built());
    assert!(
        built.len() > 5,
        "cargo metadata lists the crates: {built:?}"
    );
    for (user, used) in &built {
        let allowed = reachable(&drawn, user);
        let missing: Vec<_> = used.difference(&allowed).collect();
        assert!(
            missing.is_empty(),
            "picloud-{user} uses {missing:?}, which ARCHITECTURE.md does not draw"
        );
    }
}

#[test]
fn every_crate_is_drawn_and_every_drawn_crate_exists() {
    let drawn: BTreeSet<_> = drawn(&architecture()).into_keys().collect();
    let built: BTreeSet<_> = built().into_keys().collect();
    assert_eq!(drawn, built);
}

#[test]
fn no_arrow_is_drawn_that_nobody_needs() {
    let (drawn, built) = (drawn(&architecture()), built());
    for (user, used) in &drawn {
        let needed = reachable(&built, user);
        let idle: Vec<_> = used.difference(&needed).collect();
        assert!(
            idle.is_empty(),
            "ARCHITECTURE.md draws picloud-{user} using {idle:?}, which it does not"
        );
    }
}

#[test]
fn a_drawing_is_read_as_it_looks() {
    let arrows = drawn(
        "text <- not drawn\n\n    a <- b, c <- d\n    a <- e <- d,  f <- e     x, y -- HTTP --> d\n",
    );
    let expected: [(&str, &[&str]); 6] = [
        ("a", &[]),
        ("b", &["a"]),
        ("c", &["a"]),
        ("d", &["b", "c", "e"]),
        ("e", &["a", "f"]),
        ("f", &[]),
    ];
    let expected: Arrows = expected
        .iter()
        .map(|(user, used)| {
            (
                user.to_string(),
                used.iter().map(ToString::to_string).collect(),
            )
        })
        .collect();
    assert_eq!(arrows, expected);
}
