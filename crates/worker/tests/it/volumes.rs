//! Volumes: what is laid out, what is fetched for it, and what is refused.

use crate::{pickles, rig::Rig};
use bytes::Bytes;
use nix::unistd::Uid;
use picloud_types::{
    Hash, Jid, JobState, Verdict,
    api::{
        volumes::{CHUNK_BYTES, EntryKind, Tree, TreeEntry},
        workers::Mount,
    },
};
use std::path::Path;

/// Volumes are shown in sandboxes, which these make as root; elsewhere they say so.
fn possible() -> bool {
    let root = Uid::effective().is_root();
    if !root {
        eprintln!("skipped: needs root");
    }
    root
}

fn entry(path: &str, kind: EntryKind) -> TreeEntry {
    TreeEntry {
        path: path.to_owned(),
        kind,
        mode: 0o600,
        modified_ms: 1_500_000_000_123,
    }
}

/// A file whose chunks the server has from now on.
fn file(rig: &Rig, path: &str, content: &[u8]) -> TreeEntry {
    let mut chunks = Vec::new();
    for chunk in content.chunks(CHUNK_BYTES as usize) {
        chunks.push(Hash::of(chunk));
        let bytes = Bytes::copy_from_slice(chunk);
        rig.server.known().blobs.insert(Hash::of(chunk), bytes);
    }
    let size = content.len() as u64;
    entry(path, EntryKind::File { size, chunks })
}

/// From now on jobs have a volume that is this tree.
fn show(rig: &Rig, mount_path: &str, entries: Vec<TreeEntry>) -> Hash {
    let manifest = serde_json::to_vec(&Tree { entries }).expect("it is data");
    let tree = Hash::of(&manifest);
    let mut known = rig.server.known();
    known.blobs.insert(tree, manifest.into());
    known.mounts = vec![Mount {
        volume: "data".to_owned(),
        mount_path: mount_path.to_owned(),
        tree: Some(tree),
    }];
    tree
}

fn job(rig: &Rig, code: &str) -> Jid {
    let mut spec = rig.spec();
    spec.volumes = vec!["data".to_owned()];
    rig.eval(spec, &[code])[0]
}

async fn is_refused(rig: &Rig, jid: Jid, expected: &str) {
    let report = rig.server.outcome(jid).await.0;
    assert_eq!(report.state, JobState::Error, "{expected}");
    let verdict = report.failure.expect("it failed").verdict;
    match verdict {
        Verdict::CouldNotStart { reason } if reason.contains(expected) => {}
        other => panic!("{expected}: {other:?}"),
    }
}

const READ: &str = "open('/home/picloud/data/d/f').read()[:5]";

#[tokio::test(flavor = "multi_thread")]
async fn of_a_changed_tree_only_what_changed_is_fetched() {
    if !possible() {
        return;
    }
    let rig = Rig::start().await;
    let mut large = vec![b'l'; 2 * CHUNK_BYTES as usize + 7];
    let dir = || entry("d", EntryKind::Dir);
    let small = file(&rig, "d/f", b"small");
    let first = vec![dir(), small.clone(), file(&rig, "large", &large)];
    show(&rig, "/home/picloud/data", first);
    let result = rig.server.result(job(&rig, READ)).await;
    assert!(pickles::holds(&result, "small"));
    rig.server.known().fetched.clear();
    large[CHUNK_BYTES as usize] = b'x';
    let second = vec![dir(), small, file(&rig, "large", &large)];
    let tree = show(&rig, "/home/picloud/data", second);
    let code = "(lambda s: repr([s.st_mtime, oct(s.st_mode), open('/home/picloud/data/large').read().count('x')]))\
                (__import__('os').stat('/home/picloud/data/d/f'))";
    let result = rig.server.result(job(&rig, code)).await;
    assert!(
        pickles::holds(&result, "[1500000000.123, '0o100644', 1]"),
        "{}",
        String::from_utf8_lossy(&result)
    );
    let changed = Hash::of(&large[CHUNK_BYTES as usize..2 * CHUNK_BYTES as usize]);
    assert_eq!(rig.server.known().fetched, [tree, changed]);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tree_that_would_leave_its_directory_starts_no_job() {
    if !possible() {
        return;
    }
    let rig = Rig::start().await;
    let link = |path: &str, target: &str| {
        let target = target.to_owned();
        entry(path, EntryKind::Link { target })
    };
    let out = rig.state.path().join("out");
    for entries in [
        vec![entry("../../../../out", EntryKind::Dir)],
        vec![file(&rig, out.to_str().expect("a path"), b"x")],
        vec![
            link("a", rig.state.path().to_str().expect("a path")),
            file(&rig, "a/out", b"x"),
        ],
        vec![
            entry("a", EntryKind::Dir),
            link("a/b", "../../../.."),
            file(&rig, "a/b/out", b"x"),
        ],
    ] {
        show(&rig, "/home/picloud/data", entries);
        is_refused(&rig, job(&rig, READ), "its list of files is refused").await;
    }
    assert!(!out.exists());
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_volume_that_is_damaged_or_in_the_way_starts_no_job() {
    if !possible() {
        return;
    }
    let rig = Rig::start().await;
    let good = file(&rig, "f", b"content");
    let chunk = Hash::of(b"content");
    rig.server
        .known()
        .blobs
        .insert(chunk, Bytes::from_static(b"damaged"));
    show(&rig, "/home/picloud/data", vec![good.clone()]);
    is_refused(&rig, job(&rig, READ), "arrived damaged").await;
    rig.server.known().blobs.remove(&chunk);
    is_refused(&rig, job(&rig, READ), "no longer has the content").await;
    let good = file(&rig, "f", b"content");
    for place in ["/usr/picloud-volume", "/etc", "/bin/x", "/usr"] {
        show(&rig, place, vec![good.clone()]);
        is_refused(
            &rig,
            job(&rig, READ),
            "belongs to the system of this worker",
        )
        .await;
    }
    assert!(!Path::new("/usr/picloud-volume").exists());
    // The worker has not suffered.
    rig.server.known().mounts.clear();
    let jid = rig.eval(rig.spec(), &["1 + 1"])[0];
    assert_eq!(rig.server.outcome(jid).await.0.state, JobState::Done);
    rig.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_sandbox_a_volume_starts_no_job() {
    let rig = Rig::unprotected().await;
    let entries = vec![file(&rig, "f", b"content")];
    show(&rig, "/home/picloud/data", entries);
    is_refused(&rig, job(&rig, READ), "volumes need a sandbox").await;
    rig.server.known().mounts.clear();
    is_refused(&rig, job(&rig, READ), "volume data was deleted").await;
    rig.end().await;
}
