//! Things a reader would stumble over, found before they do.

use std::path::{Component, Path, PathBuf};
use xtask::{SourceFile, files, root};

const LINES_MAX: usize = 700;

/// Fails with every finding at once, so that one run is enough to mend them all.
fn refuse(findings: &[String], advice: &str) {
    assert!(findings.is_empty(), "{advice}\n  {}", findings.join("\n  "));
}

fn is_source(path: &str) -> bool {
    [
        ".rs", ".py", ".pyi", ".sh", ".ts", ".tsx", ".js", ".css", ".sql",
    ]
    .iter()
    .any(|end| path.ends_with(end))
}

/// `path:line: text` of every line that holds one of the words, whatever their case.
fn lines_with(file: &SourceFile, words: &[&str]) -> Vec<String> {
    let found = |line: &str| {
        let line = line.to_lowercase();
        words.iter().any(|word| line.contains(word))
    };
    file.text
        .lines()
        .enumerate()
        .filter(|(_, line)| found(line))
        .map(|(number, line)| format!("{}:{}: {}", file.path, number + 1, line.trim()))
        .collect()
}

// The words below are put together from halves, or this file would be the first finding.

#[test]
fn nothing_is_left_to_do() {
    let words = [
        concat!("to", "do!"),
        concat!("// to", "do"),
        concat!("# to", "do"),
        concat!("fix", "me"),
        concat!("unimple", "mented!("),
        concat!("xx", "x:"),
    ];
    let findings: Vec<_> = files()
        .iter()
        .filter(|file| is_source(&file.path))
        .flat_map(|file| lines_with(file, &words))
        .collect();
    refuse(
        &findings,
        "finish these, or take them out and open an issue",
    );
}

#[test]
fn files_speak_of_the_project_only() {
    let words = [
        concat!("/wo", "rk/"),
        concat!("/fa", "rm/"),
        concat!("clau", "de"),
        concat!("anthr", "opic"),
        concat!("chat", "gpt"),
        concat!("co-authored", "-by"),
        concat!("ai assis", "tant"),
        concat!("language mo", "del"),
        concat!("sub", "agent"),
        concat!("py", "pi.org"),
        concat!("python", "hosted"),
        concat!("crates", ".io"),
        concat!("npm", "js."),
    ];
    // Lock files name the registry in every entry; they are written by tools.
    let findings: Vec<_> = files()
        .iter()
        .filter(|file| !file.path.ends_with(".lock") && !file.path.ends_with("package-lock.json"))
        .flat_map(|file| lines_with(file, &words))
        .collect();
    refuse(
        &findings,
        "these lines hold paths of one machine, names of tools or hosts of registries",
    );
}

#[test]
fn files_are_short_enough_to_read() {
    let findings: Vec<_> = files()
        .iter()
        .filter(|file| is_source(&file.path))
        .map(|file| (file.text.lines().count(), &file.path))
        .filter(|&(lines, _)| lines > LINES_MAX)
        .map(|(lines, path)| format!("{path}: {lines} lines"))
        .collect();
    refuse(&findings, "split these by subject");
}

#[test]
fn lines_end_clean_and_files_end_with_a_newline() {
    let mut findings = Vec::new();
    for file in files().iter().filter(|file| {
        is_source(&file.path) || file.path.ends_with(".md") || file.path.ends_with(".toml")
    }) {
        let untidy = |line: &str| {
            line.ends_with([' ', '\t', '\r'])
                || (line.starts_with('\t') && file.path.ends_with(".py"))
        };
        findings.extend(
            file.text
                .lines()
                .enumerate()
                .filter(|(_, line)| untidy(line))
                .map(|(n, _)| format!("{}:{}", file.path, n + 1)),
        );
        if !file.text.is_empty() && !file.text.ends_with('\n') {
            findings.push(format!("{}: no newline at the end", file.path));
        }
    }
    refuse(
        &findings,
        "white space at the end of lines, or none at the end of the file",
    );
}

#[test]
fn rust_tests_are_named_as_claims() {
    let findings: Vec<_> = files()
        .iter()
        .filter(|file| file.path.ends_with(".rs"))
        .flat_map(|file| lines_with(file, &[concat!("fn te", "st_")]))
        .collect();
    refuse(&findings, "say what the test claims");
}

/// The targets of `[text](target)` in a document, outside code.
fn links(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut in_code = false;
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code || line.starts_with("    ") {
            continue;
        }
        for (at, _) in line.match_indices("](") {
            if let Some(end) = line[at + 2..].find(')') {
                found.push(line[at + 2..at + 2 + end].to_owned());
            }
        }
    }
    found
}

/// The anchor a heading gets when the document is shown as a page.
fn anchors(text: &str) -> Vec<String> {
    let headings = text
        .lines()
        .filter(|line| line.starts_with('#'))
        .map(|line| line.trim_start_matches('#').trim());
    headings
        .map(|heading| {
            let kept = heading.to_lowercase();
            let kept = kept
                .chars()
                .filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

/// Folds `a/../b`; the file system is not asked, so a link may not leave the project.
fn folded(path: &Path) -> Option<PathBuf> {
    let mut folded = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => folded.pop().then_some(())?,
            Component::Normal(part) => folded.push(part),
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(folded)
}

#[test]
fn links_between_documents_lead_somewhere() {
    let files = files();
    let mut findings = Vec::new();
    for file in files.iter().filter(|file| file.path.ends_with(".md")) {
        for link in links(&file.text) {
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            let (path, anchor) = link.split_once('#').unwrap_or((&link, ""));
            let target = match path {
                "" => Some(PathBuf::from(&file.path)),
                path => folded(
                    &Path::new(&file.path)
                        .parent()
                        .expect("a file lies in a directory")
                        .join(path),
                ),
            };
            let there = target
                .as_ref()
                .is_some_and(|target| root().join(target).exists());
            let heading_there = anchor.is_empty()
                || files.iter().any(|other| {
                    Some(Path::new(&other.path)) == target.as_deref()
                        && anchors(&other.text).iter().any(|found| found == anchor)
                });
            if !there || !heading_there {
                findings.push(format!("{}: {link}", file.path));
            }
        }
    }
    refuse(&findings, "these links lead nowhere");
}

#[test]
fn every_example_is_told_of_in_the_documents() {
    let files = files();
    let documents: String = files
        .iter()
        .filter(|file| file.path.starts_with("docs/") || file.path == "README.md")
        .map(|file| file.text.as_str())
        .collect();
    let findings: Vec<_> = files
        .iter()
        .filter_map(|file| {
            file.path
                .strip_prefix("examples/")?
                .split_once('/')
                .map(|(example, _)| format!("examples/{example}"))
        })
        .filter(|example| !documents.contains(example.as_str()))
        .collect();
    refuse(&findings, "mention these in docs/");
}

#[test]
fn links_and_anchors_are_read_as_a_page_shows_them() {
    assert_eq!(
        links("see [a](b.md) and [c](#d)\n```\n[no](x)\n```\n"),
        ["b.md", "#d"]
    );
    assert_eq!(
        anchors("# Call & map\ntext\n## `cloud.call`, in short\n"),
        ["call--map", "cloudcall-in-short"]
    );
    assert_eq!(
        folded(Path::new("docs/../README.md")),
        Some(PathBuf::from("README.md"))
    );
    assert_eq!(folded(Path::new("../outside")), None);
}
