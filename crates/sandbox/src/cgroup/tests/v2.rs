//! v2 and other layouts, on trees of ordinary files that hold what the kernel would say. What
//! cannot be seen here is what the kernel makes of our writes.

use super::child::limits;
use crate::cgroup::{Cgroup, Cgroups, Dirs, GroupLimits, Reading, Version, limits as limits_files};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// A machine: files by path.
fn machine(files: &[(&str, &str)]) -> tempfile::TempDir {
    let root = tempfile::tempdir().expect("a directory");
    for (path, text) in files {
        let path = root.path().join(path);
        fs::create_dir_all(path.parent().expect("a parent")).expect("a directory");
        fs::write(path, text).expect("a file");
    }
    root
}

const UNIFIED: (&str, &str) = (
    "proc/self/mountinfo",
    "29 23 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw,nsdelegate\n",
);

/// What the kernel puts into a directory as it is made.
fn group_files(at: &str) -> Vec<(String, &'static str)> {
    let names = [
        "cgroup.procs",
        "cgroup.subtree_control",
        "cpu.weight",
        "cpu.max",
        "memory.max",
        "memory.swap.max",
        "memory.oom.group",
        "pids.max",
    ];
    let mut files: Vec<_> = names.map(|name| (format!("{at}/{name}"), "")).into();
    files.push((
        format!("{at}/cgroup.controllers"),
        "cpuset cpu io memory pids",
    ));
    files
}

fn says(root: &Path, path: &str) -> String {
    fs::read_to_string(root.join(path)).expect("a file")
}

#[test]
fn at_the_top_of_v2_processes_stay_and_controllers_are_handed_on() {
    let mut files = vec![
        UNIFIED,
        ("proc/self/cgroup", "0::/\n"),
        ("sys/fs/cgroup/cgroup.procs", "1\n2\n"),
        (
            "sys/fs/cgroup/cgroup.controllers",
            "cpuset cpu io memory pids\n",
        ),
        ("sys/fs/cgroup/cgroup.subtree_control", "memory\n"),
    ];
    let made = group_files("sys/fs/cgroup/picloud-w");
    files.extend(made.iter().map(|(path, text)| (path.as_str(), *text)));
    let root = machine(&files);
    let groups = Cgroups::discover(root.path(), "w").expect("v2");
    assert_eq!(groups.version(), Version::V2);
    assert_eq!(
        says(root.path(), "sys/fs/cgroup/cgroup.subtree_control"),
        "+cpu +pids +io"
    );
    let below = "sys/fs/cgroup/picloud-w/cgroup.subtree_control";
    assert_eq!(says(root.path(), below), "+cpu +memory +pids +io");
    assert!(!root.path().join("sys/fs/cgroup/picloud.own").exists());
}

#[test]
fn in_a_delegated_group_of_v2_its_processes_are_moved_aside() {
    let base = "sys/fs/cgroup/user.slice/worker.service";
    let mut files = vec![
        UNIFIED,
        ("proc/self/cgroup", "0::/user.slice/worker.service\n"),
        ("sys/fs/cgroup/cgroup.controllers", "cpu memory pids\n"),
        (
            "sys/fs/cgroup/user.slice/worker.service/cgroup.controllers",
            "cpu memory pids\n",
        ),
        (
            "sys/fs/cgroup/user.slice/worker.service/cgroup.subtree_control",
            "\n",
        ),
        (
            "sys/fs/cgroup/user.slice/worker.service/cgroup.type",
            "domain\n",
        ),
        (
            "sys/fs/cgroup/user.slice/worker.service/cgroup.procs",
            "0\n4711\n",
        ),
        (
            "sys/fs/cgroup/user.slice/worker.service/picloud.own/cgroup.procs",
            "",
        ),
    ];
    let made = group_files("sys/fs/cgroup/user.slice/worker.service/picloud-w");
    files.extend(made.iter().map(|(path, text)| (path.as_str(), *text)));
    let root = machine(&files);
    let groups = Cgroups::discover(root.path(), "w").expect("v2");
    assert_eq!(
        groups.parent.memory,
        root.path().join(base).join("picloud-w")
    );
    assert_eq!(
        says(root.path(), &format!("{base}/picloud.own/cgroup.procs")),
        "4711"
    );
    assert_eq!(
        says(root.path(), &format!("{base}/cgroup.subtree_control")),
        "+cpu +memory +pids"
    );
}

#[test]
fn a_worker_that_starts_where_another_moved_its_shell_makes_groups_beside() {
    let mut files = vec![
        UNIFIED,
        ("proc/self/cgroup", "0::/app/picloud.own\n"),
        ("sys/fs/cgroup/app/picloud.own/cgroup.procs", "9\n"),
        ("sys/fs/cgroup/app/cgroup.controllers", "cpu memory pids\n"),
        (
            "sys/fs/cgroup/app/cgroup.subtree_control",
            "cpu memory pids\n",
        ),
        ("sys/fs/cgroup/app/cgroup.type", "domain\n"),
        ("sys/fs/cgroup/app/cgroup.procs", ""),
    ];
    let made = group_files("sys/fs/cgroup/app/picloud-w");
    files.extend(made.iter().map(|(path, text)| (path.as_str(), *text)));
    let root = machine(&files);
    let groups = Cgroups::discover(root.path(), "w").expect("v2");
    assert_eq!(
        groups.parent.memory,
        root.path().join("sys/fs/cgroup/app/picloud-w")
    );
}

#[test]
fn a_machine_with_both_limits_by_v1_and_keeps_v2_for_programs() {
    let root = machine(&[
        (
            "proc/self/mountinfo",
            "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n\
             35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
             39 31 0:36 / /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids\n\
             41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n",
        ),
        (
            "proc/self/cgroup",
            "4:memory:/outer\n3:pids:/\n2:cpu,cpuacct:/\n0::/\n",
        ),
        ("sys/fs/cgroup/cpu,cpuacct/picloud-w/cpu.shares", "1024"),
        ("sys/fs/cgroup/memory/outer/memory.stat", ""),
        ("sys/fs/cgroup/pids/cgroup.procs", ""),
        ("sys/fs/cgroup/unified/cgroup.controllers", "hugetlb\n"),
    ]);
    let groups = Cgroups::discover(root.path(), "w").expect("v1");
    let at = |path: &str| root.path().join("sys/fs/cgroup").join(path);
    let expected = Dirs {
        version: Version::V1,
        memory: at("memory/outer/picloud-w"),
        cpu: at("cpu,cpuacct/picloud-w"),
        cpuacct: at("cpu,cpuacct/picloud-w"),
        pids: at("pids/picloud-w"),
        blkio: None,
        unified: Some(at("unified/picloud-w")),
    };
    assert_eq!(groups.parent, expected);
    assert_eq!(
        groups.parent.all().len(),
        4,
        "what is mounted together is entered once"
    );
    assert!(groups.parent.all().iter().all(|dir| dir.is_dir()));
}

#[test]
fn under_v1_what_only_counts_is_done_without() {
    let root = machine(&[
        (
            "proc/self/mountinfo",
            "32 31 0:29 / /cg/all rw - cgroup cgroup rw,cpu,cpuacct,memory,pids\n\
             33 31 0:30 / /cg/blkio rw - cgroup cgroup rw,blkio\n\
             41 31 0:38 / /cg/unified rw - cgroup2 cgroup2 rw\n",
        ),
        (
            "proc/self/cgroup",
            "2:cpu,cpuacct,memory,pids:/\n1:blkio:/\n0::/\n",
        ),
        ("cg/all/picloud-w/cpu.shares", "1024"),
    ]);
    // Places where nobody can make a directory, not even root.
    for dir in ["cg/blkio", "cg/unified"] {
        std::os::unix::fs::symlink("/proc", root.path().join(dir)).expect("a link");
    }
    let groups = Cgroups::discover(root.path(), "w").expect("v1");
    assert_eq!(
        groups.parent.all(),
        [root.path().join("cg/all/picloud-w")],
        "one mount has all that limits"
    );
}

#[test]
fn what_is_missing_is_said_with_its_remedy() {
    let v1 = "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n\
              36 31 0:33 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu,cpuacct\n";
    let cases = [
        ("", "", "the memory controller", "mount -t cgroup2"),
        (
            v1,
            "4:memory:/\n",
            "the pids controller",
            "boot with it enabled",
        ),
        (
            UNIFIED.1,
            "0::/\n",
            "do not offer memory, cpu and pids",
            "Delegate=yes",
        ),
    ];
    for (mountinfo, cgroup, what, remedy) in cases {
        let root = machine(&[
            ("proc/self/mountinfo", mountinfo),
            ("proc/self/cgroup", cgroup),
            ("sys/fs/cgroup/cgroup.controllers", "hugetlb\n"),
            ("sys/fs/cgroup/memory/x", ""),
            ("sys/fs/cgroup/cpu/x", ""),
        ]);
        let error = Cgroups::discover(root.path(), "w").expect_err("something is missing");
        assert!(error.contains(what) && error.contains(remedy), "{error}");
    }
}

fn group(files: &[(&str, &str)]) -> (tempfile::TempDir, Cgroup, PathBuf) {
    let root = machine(files);
    let dir = root.path().to_owned();
    let group = Cgroup::open(Dirs::v2(&dir));
    (root, group, dir)
}

#[test]
fn limits_of_v2_are_written_as_the_kernel_takes_them() {
    let made = group_files("g");
    let files: Vec<_> = made
        .iter()
        .map(|(path, text)| (path.as_str(), *text))
        .collect();
    let root = machine(&files);
    let dirs = Dirs::v2(&root.path().join("g"));
    let some = GroupLimits {
        cpu_units: 2.5,
        cpu_max_cores: Some(1.5),
        ..limits()
    };
    limits_files::set(&dirs, &some).expect("plain files");
    for (file, text) in [
        ("memory.max", "67108864"),
        ("memory.swap.max", "0"),
        ("memory.oom.group", "1"),
        ("cpu.weight", "250"),
        ("cpu.max", "30000 20000"),
        ("pids.max", "20"),
    ] {
        assert_eq!(says(root.path(), &format!("g/{file}")), text, "{file}");
    }
    // A kernel without swap, and no limits at all.
    fs::remove_file(root.path().join("g/memory.swap.max")).expect("a file");
    let none = GroupLimits {
        memory_bytes: None,
        cpu_max_cores: None,
        processes: None,
        ..some
    };
    limits_files::set(&dirs, &none).expect("plain files");
    for (file, text) in [
        ("memory.max", "max"),
        ("cpu.max", "max 20000"),
        ("pids.max", "max"),
    ] {
        assert_eq!(says(root.path(), &format!("g/{file}")), text, "{file}");
    }
    // Without a limit on memory there is no sandbox.
    fs::remove_file(root.path().join("g/memory.max")).expect("a file");
    assert!(limits_files::set(&dirs, &some).is_err());
}

#[test]
fn a_reading_of_v2_has_every_figure() {
    let (_root, group, dir) = group(&[
        ("cgroup.procs", "101\n102\n"),
        (
            "cpu.stat",
            "usage_usec 1500\nuser_usec 1100\nsystem_usec 399\nnice_usec 0\n",
        ),
        (
            "memory.stat",
            "anon 4096\nfile 999999\nkernel 77\nshmem 8192\n",
        ),
        (
            "memory.events",
            "low 0\nhigh 0\nmax 12\noom 3\noom_kill 2\noom_group_kill 1\n",
        ),
        ("memory.peak", "1234567\n"),
        ("memory.swap.current", "0\n"),
        ("pids.events", "max 5\n"),
        (
            "io.stat",
            "8:0 rbytes=10 wbytes=20 rios=1 wios=2 dbytes=0 dios=0\n",
        ),
    ]);
    let expected = Reading {
        cpu_us: 1500,
        cpu_user_us: 1100,
        cpu_system_us: 400,
        memory_bytes: 12288,
        memory_limit_hits: 12,
        memory_peak_bytes: Some(1_234_567),
        swap_bytes: 0,
        oom_kills: 2,
        process_limit_hits: 5,
        disk_read_bytes: 10,
        disk_write_bytes: 20,
        processes: 2,
    };
    assert_eq!(group.read().expect("a reading"), expected);
    assert_eq!(group.cpu_us().expect("a figure"), 1500);
    assert_eq!(group.pids().expect("pids"), [101, 102]);
    assert_eq!(group.v2_dir(), Some(dir.as_path()));
    assert_eq!(group.entrances().expect("files").len(), 1);

    // Files stay open and are read anew.
    fs::write(dir.join("memory.events"), "max 13\noom_kill 3\n").expect("a file");
    assert_eq!(group.oom_kills().expect("a count"), 3);
}

#[test]
fn an_older_kernel_of_v2_has_fewer_figures() {
    let (_root, group, _) = group(&[
        ("cgroup.procs", ""),
        ("cpu.stat", "usage_usec 5\nuser_usec 6\n"),
        ("memory.stat", "anon 4096\n"),
        ("memory.events", "max 0\noom_kill 0\n"),
        ("pids.events", "max 0\n"),
    ]);
    let reading = group.read().expect("a reading");
    assert_eq!((reading.memory_peak_bytes, reading.swap_bytes), (None, 0));
    assert_eq!((reading.cpu_user_us, reading.cpu_system_us), (5, 0));
}
