//! What the kernel of this machine does with groups of ours. Needs root.

use super::child::{self, Child, fork_sleeper, groups, limits, touch, until};
use crate::cgroup::{Cgroups, GroupLimits, Reading, Version};
use nix::{
    errno::Errno,
    sys::{
        signal::{Signal, kill},
        wait::WaitStatus,
    },
    time::{ClockId, clock_gettime},
};
use std::{fs, io::Write as _, os::unix::fs::FileExt as _, path::Path};

const MIB: u64 = 1 << 20;

#[test]
fn entrances_lead_into_every_hierarchy() {
    let Some(groups) = groups("entrances") else {
        return;
    };
    let group = groups.create("job", &limits()).expect("a group");
    let child = Child::start(&group, |ready| {
        ready.say();
        child::sleep()
    });
    child.ready();
    let text = fs::read_to_string(format!("/proc/{}/cgroup", child.pid)).expect("a file");
    let inside = text
        .lines()
        .filter(|line| line.ends_with("entrances/job"))
        .count();
    assert_eq!(inside, group.dirs.all().len(), "{text}");
    assert_eq!(group.pids().expect("pids"), [child.pid.as_raw()]);
    assert_eq!(group.read().expect("a reading").processes, 1);
    group.kill_all().expect("it ends");
}

#[test]
fn more_memory_than_granted_ends_the_process_and_is_counted() {
    let Some(groups) = groups("memory") else {
        return;
    };
    let group = groups.create("job", &limits()).expect("a group");
    let mut child = Child::start(&group, |_| {
        touch(77 << 20);
        0
    });
    let end = child.wait();
    assert!(
        matches!(end, WaitStatus::Signaled(_, Signal::SIGKILL, _)),
        "{end:?}"
    );
    let reading = group.read().expect("a reading");
    assert_eq!(reading.oom_kills, 1);
    assert_eq!(group.oom_kills().expect("a count"), 1);
    assert!(reading.memory_limit_hits >= 1, "{reading:?}");
    let peak = reading
        .memory_peak_bytes
        .expect("this kernel keeps the peak");
    assert!((60 * MIB..=64 * MIB).contains(&peak), "{peak}");
    group.remove().expect("nothing runs in it");
}

#[test]
fn what_a_process_holds_is_read_while_it_runs_near_its_limit() {
    let Some(groups) = groups("near") else { return };
    let group = groups.create("job", &limits()).expect("a group");
    let child = Child::start(&group, |ready| {
        touch(60 << 20);
        ready.say();
        child::sleep()
    });
    child.ready();
    let reading = group.read().expect("a reading");
    assert!(
        (59 * MIB..=64 * MIB).contains(&reading.memory_bytes),
        "{reading:?}"
    );
    assert_eq!((reading.oom_kills, reading.swap_bytes), (0, 0));
    group.kill_all().expect("it ends");
    let after = group.read().expect("a reading of an empty group");
    assert!(after.memory_bytes < MIB, "{after:?}");
    assert_eq!(after.processes, 0);
}

#[test]
fn files_in_memory_count_and_the_cache_of_files_on_disk_does_not() {
    let Some(groups) = groups("cache") else {
        return;
    };
    let group = groups.create("job", &limits()).expect("a group");
    let dir = tempfile::tempdir().expect("a directory");
    let on_disk = fs::File::create(dir.path().join("data")).expect("a file");
    let name = c"test";
    let in_memory = nix::sys::memfd::memfd_create(name, nix::sys::memfd::MFdFlags::empty());
    let in_memory = fs::File::from(in_memory.expect("a file in memory"));
    let block = vec![7; 1 << 20];
    let child = Child::start(&group, |ready| {
        for at in 0..40 {
            let _ = on_disk.write_all_at(&block, at * MIB);
        }
        for at in 0..8 {
            let _ = in_memory.write_all_at(&block, at * MIB);
        }
        ready.say();
        child::sleep()
    });
    child.ready();
    let reading = group.read().expect("a reading");
    assert!(
        (8 * MIB..10 * MIB).contains(&reading.memory_bytes),
        "{reading:?}"
    );
    group.kill_all().expect("it ends");
}

#[test]
fn forks_beyond_the_limit_are_refused_and_counted() {
    let Some(groups) = groups("forks") else {
        return;
    };
    let few = GroupLimits {
        processes: Some(10),
        ..limits()
    };
    let group = groups.create("job", &few).expect("a group");
    let mut child = Child::start(&group, |_| {
        for forks in 0..50 {
            match fork_sleeper() {
                Ok(()) => {}
                Err(Errno::EAGAIN) => return forks,
                Err(_) => return 98,
            }
        }
        97
    });
    // Nine beside the one that forks.
    assert_eq!(child.wait(), WaitStatus::Exited(child.pid, 9));
    assert_eq!(group.process_limit_hits().expect("a count"), 1);
    let reading = group.read().expect("a reading");
    assert_eq!((reading.processes, reading.process_limit_hits), (9, 1));
    group.kill_all().expect("all end");
    group.remove().expect("nothing runs in it");
}

#[test]
fn a_whole_tree_of_processes_is_ended() {
    let Some(groups) = groups("tree") else { return };
    let group = groups.create("job", &limits()).expect("a group");
    let child = Child::start(&group, |ready| {
        // Each of three rounds doubles them; all but the first are orphans of no interest to us.
        for _ in 0..3 {
            // SAFETY: parent and child go on with nothing but system calls.
            let _ = unsafe { nix::unistd::fork() };
        }
        ready.say();
        child::sleep()
    });
    for _ in 0..8 {
        child.ready();
    }
    assert_eq!(group.pids().expect("pids").len(), 8);
    group.kill_all().expect("all end");
    assert_eq!(group.pids().expect("pids"), [0; 0]);
    assert_eq!(group.read().expect("a reading").processes, 0);
    group.remove().expect("nothing runs in it");
}

#[test]
fn a_group_is_removed_while_its_process_is_just_ending() {
    let Some(groups) = groups("ending") else {
        return;
    };
    let group = groups.create("job", &limits()).expect("a group");
    let dir = group.dirs.memory.clone();
    let child = Child::start(&group, |ready| {
        touch(48 << 20);
        ready.say();
        child::sleep()
    });
    child.ready();
    kill(child.pid, Signal::SIGKILL).expect("it runs");
    group.remove().expect("it waits for the end");
    assert!(!dir.exists());
}

#[test]
fn processor_time_is_what_getrusage_says() {
    let Some(groups) = groups("cpu") else { return };
    let group = groups.create("job", &limits()).expect("a group");
    let mut child = Child::start(&group, |_| {
        let clock = ClockId::CLOCK_PROCESS_CPUTIME_ID;
        while clock_gettime(clock)
            .is_ok_and(|time| time.tv_sec() == 0 && time.tv_nsec() < 600_000_000)
        {}
        0
    });
    until("half of it is seen while it runs", || {
        group.cpu_us().expect("a figure") > 300_000
    });
    let before = group.read().expect("a reading");
    let (_, used_us) = child.wait_with_usage();
    let after = group.read().expect("a reading");
    let off = after.cpu_us.abs_diff(used_us) as f64 / used_us as f64;
    println!(
        "group {} us, getrusage {used_us} us, {:.2} % off",
        after.cpu_us,
        off * 100.0
    );
    assert!(off < 0.03, "{} against {used_us}", after.cpu_us);
    for reading in [before, after] {
        assert_eq!(reading.cpu_us, reading.cpu_user_us + reading.cpu_system_us);
    }
    assert!(after.cpu_user_us >= before.cpu_user_us && after.cpu_system_us >= before.cpu_system_us);
    assert!(
        after.cpu_system_us > 0,
        "the clock was asked in the kernel: {after:?}"
    );
}

#[test]
fn what_was_written_to_disk_is_counted_and_not_forgotten() {
    let Some(groups) = groups("disk") else { return };
    let group = groups.create("job", &limits()).expect("a group");
    let dir = tempfile::tempdir().expect("a directory");
    let mut file = fs::File::create(dir.path().join("data")).expect("a file");
    let block = vec![7; 8 << 20];
    let child = Child::start(&group, |ready| {
        let fine = file
            .write_all(&block)
            .and_then(|()| file.sync_all())
            .is_ok();
        if fine {
            ready.say();
        }
        child::sleep()
    });
    child.ready();
    let live = group.read().expect("a reading");
    assert!(
        (8 * MIB..12 * MIB).contains(&live.disk_write_bytes),
        "{live:?}"
    );
    group.kill_all().expect("it ends");
    let after = group.read().expect("a reading");
    assert!(after.disk_write_bytes >= live.disk_write_bytes);
}

#[test]
fn limits_are_in_force_and_can_be_changed_both_ways() {
    let Some(groups) = groups("limits") else {
        return;
    };
    let first = GroupLimits {
        cpu_units: 2.5,
        cpu_max_cores: Some(0.5),
        ..limits()
    };
    let group = groups.create("job", &first).expect("a group");
    let says = |expected: [&str; 3]| {
        let (memory, weight, quota) = match groups.version() {
            Version::V1 => ("memory.limit_in_bytes", "cpu.shares", "cpu.cfs_quota_us"),
            Version::V2 => ("memory.max", "cpu.weight", "cpu.max"),
        };
        let read = |dir: &Path, name| fs::read_to_string(dir.join(name)).expect("a file");
        assert_eq!(read(&group.dirs.memory, memory).trim(), expected[0]);
        assert_eq!(read(&group.dirs.cpu, weight).trim(), expected[1]);
        assert_eq!(read(&group.dirs.cpu, quota).trim(), expected[2]);
    };
    let v1 = groups.version() == Version::V1;
    let pick = |one, two| if v1 { one } else { two };
    says([
        "67108864",
        pick("2560", "250"),
        pick("10000", "10000 20000"),
    ]);

    let more = GroupLimits {
        memory_bytes: Some(128 << 20),
        cpu_units: 1.0,
        cpu_max_cores: Some(1.5),
        processes: None,
    };
    group.set_limits(&more).expect("more");
    says([
        "134217728",
        pick("1024", "100"),
        pick("30000", "30000 20000"),
    ]);
    group.set_limits(&first).expect("less again");
    says([
        "67108864",
        pick("2560", "250"),
        pick("10000", "10000 20000"),
    ]);
    let all = GroupLimits {
        memory_bytes: None,
        cpu_max_cores: None,
        ..more
    };
    group.set_limits(&all).expect("no limits");
    says([
        pick("9223372036854771712", "max"),
        pick("1024", "100"),
        pick("-1", "max 20000"),
    ]);
}

#[test]
fn what_an_earlier_life_left_is_swept_away() {
    let Some(first) = groups("swept") else { return };
    let name = format!("test-{}-swept", std::process::id());
    let group = first.create("job", &limits()).expect("a group");
    let mut child = Child::start(&group, |ready| {
        ready.say();
        child::sleep()
    });
    child.ready();
    let dir = group.dirs.memory.clone();
    // A worker that is killed runs no destructors, but the kernel opens its lock.
    drop((group, first));

    let second = Cgroups::discover(Path::new("/"), &name).expect("it sweeps");
    assert!(matches!(
        child.wait(),
        WaitStatus::Signaled(_, Signal::SIGKILL, _)
    ));
    assert!(!dir.exists());
    let group = second.create("job", &limits()).expect("the name is free");
    assert_eq!(
        group.read().expect("a reading"),
        Reading {
            memory_peak_bytes: Some(0),
            ..Reading::default()
        }
    );
}

#[test]
fn what_a_worker_of_another_name_left_is_swept_away_once_it_is_no_more() {
    let Some(first) = groups("abandoned") else {
        return;
    };
    let group = first.create("job", &limits()).expect("a group");
    let mut child = Child::start(&group, |ready| {
        ready.say();
        child::sleep()
    });
    child.ready();
    let all = first.parent.all();

    let living = groups("beside");
    assert_eq!(group.pids().expect("pids").len(), 1, "its worker runs");
    drop((group, first, living));
    let _next = groups("next");
    assert!(matches!(
        child.wait(),
        WaitStatus::Signaled(_, Signal::SIGKILL, _)
    ));
    // Another test may be the one that sweeps, and not be done.
    until("all of it goes", || all.iter().all(|dir| !dir.exists()));
}

#[test]
fn two_workers_of_one_name_cannot_sweep_each_other() {
    let Some(_first) = groups("twice") else {
        return;
    };
    let name = format!("test-{}-twice", std::process::id());
    let refused = Cgroups::discover(Path::new("/"), &name).expect_err("the name is taken");
    assert!(refused.contains("another name"), "{refused}");
}

#[test]
fn closing_ends_and_removes_everything() {
    let Some(groups) = groups("close") else {
        return;
    };
    let group = groups.create("job", &limits()).expect("a group");
    let mut child = Child::start(&group, |ready| {
        ready.say();
        child::sleep()
    });
    child.ready();
    let all = groups.parent.all();
    groups.close().expect("all of it goes");
    assert!(matches!(
        child.wait(),
        WaitStatus::Signaled(_, Signal::SIGKILL, _)
    ));
    assert!(all.iter().all(|dir| !dir.exists()), "{all:?}");
    assert!(group.read().is_err(), "a group that is gone cannot be read");
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    let Some(groups) = groups("names") else {
        return;
    };
    for id in ["", "..", ".", "a/b", "a b", "../x"] {
        let refused = groups.create(id, &limits()).expect_err(id);
        assert_eq!(refused.kind(), std::io::ErrorKind::InvalidInput, "{id}");
    }
    groups
        .create("job", &limits())
        .expect("a group")
        .remove()
        .expect("empty");
    assert!(Cgroups::discover(Path::new("/"), "../x").is_err());
}
