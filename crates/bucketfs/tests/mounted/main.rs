//! Real mounts over objects in memory. Needs root.

mod memory;

use memory::Memory;
use nix::{libc, unistd::Uid};
use picloud_bucketfs::{Limits, Mounted, mount};
use std::{
    collections::BTreeSet,
    ffi::CString,
    fs::{self, File, OpenOptions},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::fd::AsRawFd as _,
    os::unix::{
        fs::{FileExt as _, MetadataExt as _, PermissionsExt as _},
        process::CommandExt as _,
    },
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::{Arc, atomic::Ordering},
    time::{Duration, Instant},
};

/// Ids of two sandboxes.
const ONE: u32 = 0x7000_0000 + 1_000;
const OTHER: u32 = 0x7001_0000 + 1_000;
const DRAFT_BYTES: u64 = 64 << 20;
const DRAFTS: usize = 40;

struct World {
    objects: Arc<Memory>,
    mounted: Mounted,
    runtime: tokio::runtime::Runtime,
    _dir: tempfile::TempDir,
}

/// None without root.
fn world() -> Option<World> {
    if !Uid::effective().is_root() || picloud_bucketfs::is_possible().is_err() {
        eprintln!("skipped: needs root and /dev/fuse");
        return None;
    }
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime");
    let dir = tempfile::tempdir().expect("a directory");
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755)).expect("open to others");
    let (at, drafts) = (dir.path().join("bucket"), dir.path().join("drafts"));
    for path in [&at, &drafts] {
        fs::create_dir(path).expect("a directory");
    }
    let objects = memory::new();
    let limits = Limits {
        cache_bytes: 8 << 20,
        draft_bytes: DRAFT_BYTES,
        drafts: DRAFTS,
        drafts_of_all: 1_000,
    };
    let far = Arc::clone(&objects);
    let mounted = mount(far, &at, &drafts, limits, runtime.handle()).expect("mounted");
    Some(World {
        objects,
        mounted,
        runtime,
        _dir: dir,
    })
}

impl World {
    fn at(&self, name: &str) -> PathBuf {
        self.mounted.dir().join(name)
    }

    /// Runs a script in the root of the mount, as somebody.
    fn shell(&self, uid: u32, script: &str) -> String {
        let out = Command::new("sh")
            .args(["-euc", script])
            .current_dir(self.mounted.dir())
            .uid(uid)
            .gid(uid)
            .output()
            .expect("a shell");
        assert!(
            out.status.success(),
            "{script}: {}",
            String::from_utf8_lossy(&out.stderr)
        );
        String::from_utf8_lossy(&out.stdout).into_owned()
    }
}

fn names(dir: &Path) -> BTreeSet<String> {
    let entries = fs::read_dir(dir).expect("a folder");
    let name = |e: io::Result<fs::DirEntry>| e.expect("an entry").file_name().into_string();
    entries.map(|e| name(e).expect("text")).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|n| (*n).to_owned()).collect()
}

fn errno<T>(outcome: io::Result<T>) -> i32 {
    match outcome {
        Ok(_) => 0,
        Err(error) => error.raw_os_error().unwrap_or(-1),
    }
}

fn eventually(what: &str, mut is_so: impl FnMut() -> bool) {
    let until = Instant::now() + Duration::from_secs(10);
    while !is_so() {
        assert!(Instant::now() < until, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Bytes that differ from place to place.
fn pattern(size: usize) -> Vec<u8> {
    (0..size).map(|i| (i / 7 + i / 4_096) as u8).collect()
}

#[test]
fn objects_are_files_and_slashes_are_folders() {
    let Some(world) = world() else { return };
    world.objects.insert("a.txt", "one");
    world.objects.insert("deep/er/b.txt", "two");
    assert_eq!(names(&world.at("")), set(&["a.txt", "deep"]));
    assert_eq!(names(&world.at("deep")), set(&["er"]));
    assert_eq!(
        fs::read_to_string(world.at("deep/er/b.txt")).expect("read"),
        "two"
    );
    let about = fs::metadata(world.at("a.txt")).expect("there");
    assert_eq!((about.len(), about.is_file()), (3, true));
    assert_eq!(errno(fs::read(world.at("none"))), libc::ENOENT);
    assert_eq!(errno(fs::read(world.at("a.txt/below"))), libc::ENOTDIR);
}

#[test]
fn a_file_becomes_an_object_when_it_is_closed_and_not_before() {
    let Some(world) = world() else { return };
    world.objects.insert("k", "old");
    let mut file = File::create(world.at("k")).expect("opened");
    file.write_all(b"new").expect("written");
    assert_eq!(world.objects.text("k").as_deref(), Some("old"));
    assert_eq!(file.metadata().expect("known").len(), 3);
    assert_eq!(
        fs::read_to_string(world.at("k")).expect("own writes are seen"),
        "new"
    );
    assert_eq!(world.shell(ONE, "cat k"), "old");
    drop(file);
    assert_eq!(world.objects.text("k").as_deref(), Some("new"));
    assert_eq!(world.shell(ONE, "cat k"), "new");
    fs::write(world.at("empty"), "").expect("written");
    assert_eq!(world.objects.text("empty").as_deref(), Some(""));
}

#[test]
fn appending_and_changing_keep_what_was_there() {
    let Some(world) = world() else { return };
    world.objects.insert("k", pattern(5 << 20));
    let open = |options: &mut OpenOptions| options.open(world.at("k")).expect("opened");
    open(OpenOptions::new().append(true))
        .write_all(b"end")
        .expect("written");
    let mut expected = pattern(5 << 20);
    expected.extend(b"end");
    assert!(world.objects.content("k").expect("there") == expected);
    let mut file = open(OpenOptions::new().read(true).write(true));
    file.seek(SeekFrom::Start(7)).expect("sought");
    file.write_all(b"middle").expect("written");
    let mut start = [0; 16];
    file.read_exact_at(&mut start, 0).expect("read");
    expected[7..13].copy_from_slice(b"middle");
    assert_eq!(start, expected[..16]);
    file.set_len(1_000).expect("cut");
    drop(file);
    assert!(world.objects.content("k").expect("there") == expected[..1_000]);
    let puts = world.objects.puts.load(Ordering::Relaxed);
    drop(open(OpenOptions::new().read(true).write(true)));
    assert_eq!(
        world.objects.puts.load(Ordering::Relaxed),
        puts,
        "nothing was changed"
    );
}

#[test]
fn a_path_can_be_cut_and_extended_without_being_opened() {
    let Some(world) = world() else { return };
    world.objects.insert("k", "0123456789");
    world.shell(0, "truncate -s 4 k && [ $(stat -c %s k) = 4 ]");
    assert_eq!(world.objects.text("k").as_deref(), Some("0123"));
    world.shell(0, "truncate -s 6 k");
    assert_eq!(world.objects.text("k").as_deref(), Some("0123\0\0"));
}

#[test]
fn a_large_file_is_read_whole_with_a_bounded_cache() {
    let Some(world) = world() else { return };
    let content = pattern(40 << 20);
    world.objects.insert("large", content.clone());
    assert!(fs::read(world.at("large")).expect("read") == content);
    let read = world.objects.read_bytes.load(Ordering::Relaxed);
    assert!(read < 60 << 20, "{read} bytes were fetched for 40 MiB");
    let file = File::open(world.at("large")).expect("opened");
    for offset in [39 << 20, 5, 20 << 20, (512 << 10) - 3] {
        let mut part = [0; 10];
        file.read_exact_at(&mut part, offset).expect("read");
        assert_eq!(part, content[offset as usize..offset as usize + 10]);
    }
}

#[test]
fn who_reads_goes_on_with_the_content_that_was_opened() {
    let Some(world) = world() else { return };
    let (old, new) = (vec![b'o'; 3 << 20], vec![b'n'; 2 << 20]);
    world.objects.insert("k", old.clone());
    let mut file = File::open(world.at("k")).expect("opened");
    let mut first = vec![0; 1_000];
    file.read_exact(&mut first).expect("read");
    fs::write(world.at("k"), &new).expect("written");
    assert!(fs::read(world.at("k")).expect("read") == new);
    let mut rest = Vec::new();
    file.read_to_end(&mut rest).expect("read");
    assert!(rest == old[1_000..], "{} bytes", rest.len());
}

#[test]
fn of_two_writers_the_last_to_close_wins_whole() {
    let Some(world) = world() else { return };
    let mut writers = Vec::new();
    for (uid, letter) in [(ONE, "a"), (OTHER, "b")] {
        let script = format!(
            "exec 3>k; for i in 1 2 3 4 5 6 7 8; do head -c 100000 /dev/zero | tr '\\0' {letter} >&3; done; echo ready; read go; exec 3>&-"
        );
        let mut child = Command::new("sh")
            .args(["-euc", &script])
            .current_dir(world.mounted.dir())
            .uid(uid)
            .gid(uid)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("a shell");
        let mut ready = [0; 6];
        let out = child.stdout.as_mut().expect("piped");
        out.read_exact(&mut ready).expect("it writes");
        writers.push((child, letter));
    }
    for (child, letter) in writers.iter_mut().rev() {
        child
            .stdin
            .take()
            .expect("piped")
            .write_all(b"go\n")
            .expect("told");
        assert!(child.wait().expect("ends").success());
        let expected = letter.repeat(800_000);
        assert!(
            world.objects.text("k").as_deref() == Some(expected.as_str()),
            "{letter}"
        );
    }
}

#[test]
fn files_and_folders_are_renamed_at_once() {
    let Some(world) = world() else { return };
    world.objects.insert("d/x/1", "1");
    world.objects.insert("d/x/2", "2");
    world.objects.insert("d/y", "y");
    let rename = |from: &str, to: &str| fs::rename(world.at(from), world.at(to));
    rename("d/x", "e").expect("renamed");
    assert_eq!(world.objects.keys(), ["d/y", "e/1", "e/2"]);
    assert_eq!(names(&world.at("e")), set(&["1", "2"]));
    assert_eq!(fs::read_to_string(world.at("e/2")).expect("read"), "2");
    rename("d/y", "e/1").expect("it replaces");
    assert_eq!(fs::read_to_string(world.at("e/1")).expect("read"), "y");
    assert_eq!(names(&world.at("d")), set(&[]), "a folder stays");
    fs::create_dir(world.at("made")).expect("made");
    rename("made", "made2").expect("renamed");
    assert_eq!(names(&world.at("")), set(&["d", "e", "made2"]));
    assert_eq!(errno(rename("e", "d/below")), 0);
    assert_eq!(errno(rename("made2", "d")), libc::ENOTEMPTY);
    assert_eq!(errno(rename("d/below/1", "made2")), libc::EISDIR);
    world.shell(0, "echo z > z; mv -n z d/below/1; [ -e z ]");
    assert_eq!(world.objects.text("d/below/1").as_deref(), Some("y"));
}

#[test]
fn a_file_that_is_open_is_renamed_and_removed_like_any_other() {
    let Some(world) = world() else { return };
    let mut file = File::create(world.at("a")).expect("opened");
    file.write_all(b"content").expect("written");
    fs::rename(world.at("a"), world.at("b")).expect("renamed");
    drop(file);
    assert_eq!(world.objects.keys(), ["b"]);
    let mut file = File::create(world.at("b")).expect("opened");
    file.write_all(b"other").expect("written");
    fs::remove_file(world.at("b")).expect("removed");
    drop(file);
    assert_eq!(world.objects.keys(), [""; 0]);
}

#[test]
fn trees_are_copied_moved_and_removed_by_ordinary_programs() {
    let Some(world) = world() else { return };
    world.shell(
        ONE,
        "mkdir -p t/u; for i in 1 2 3 4 5; do echo $i > t/u/$i; done; cp -r t v; cp -a t w; mv v x/ 2>/dev/null || mv v x
         tar cf - t | tar xf - -C w; [ $(find w -type f | wc -l) = 10 ]; rm -rf t w",
    );
    assert_eq!(
        world.objects.keys(),
        ["x/u/1", "x/u/2", "x/u/3", "x/u/4", "x/u/5"]
    );
    assert_eq!(names(&world.at("")), set(&["x"]));
    world.shell(OTHER, "rm -rf x");
    assert_eq!(world.objects.keys(), [""; 0]);
}

#[test]
fn a_folder_is_there_when_made_and_goes_when_it_is_empty() {
    let Some(world) = world() else { return };
    fs::create_dir(world.at("f")).expect("made");
    assert_eq!(errno(fs::create_dir(world.at("f"))), libc::EEXIST);
    fs::write(world.at("f/x"), "x").expect("written");
    assert_eq!(errno(fs::remove_dir(world.at("f"))), libc::ENOTEMPTY);
    fs::remove_file(world.at("f/x")).expect("removed");
    fs::remove_dir(world.at("f")).expect("it is empty");
    assert_eq!(names(&world.at("")), set(&[]));
    fs::create_dir_all(world.at("g/h")).expect("made");
    assert_eq!(errno(fs::remove_dir(world.at("g"))), libc::ENOTEMPTY);
}

#[test]
fn a_folder_of_objects_goes_with_them_wherever_they_are_removed() {
    let Some(world) = world() else { return };
    world.shell(ONE, "mkdir -p f/g; echo x >f/g/x");
    world.objects.take("f/g/x");
    eventually("it is known to be gone", || !world.at("f").exists());
    world.objects.insert("a/b/c", "x");
    world.shell(ONE, "rm -r a; mkdir a; rmdir a; ! test -e a");
    assert_eq!(world.objects.keys(), [""; 0]);
}

#[test]
fn what_somebody_who_is_about_to_be_stopped_writes_is_not_an_object() {
    let Some(world) = world() else { return };
    world.objects.insert("k", "old");
    let mut child = Command::new("sh")
        .args(["-ec", "exec 3>k 4>new; sh -c 'echo half >&3; echo half >&4'; echo ready; read go; exec 3>&- 4>&-; echo on >later"])
        .current_dir(world.mounted.dir())
        .uid(ONE)
        .gid(ONE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut word = [0; 6];
    let said = child.stdout.as_mut().expect("piped").read_exact(&mut word);
    said.expect("it is ready");
    world.mounted.abandon(OTHER);
    assert_eq!(world.shell(ONE, "cat k"), "half\n", "another's were meant");
    world.mounted.abandon(ONE + 7);
    let mut stdin = child.stdin.take().expect("piped");
    stdin.write_all(b"go\n").expect("it listens");
    assert!(
        child.wait().expect("it ends").success(),
        "closing is no error"
    );
    assert_eq!(world.objects.text("k").as_deref(), Some("old"));
    assert_eq!(world.objects.text("later").as_deref(), Some("on\n"));
    // Some shells close once what they open before anything is written to it.
    let new = world.objects.text("new").unwrap_or_default();
    assert_eq!(new, "");
}

#[test]
fn files_belong_to_whoever_looks() {
    let Some(world) = world() else { return };
    world.objects.insert("k", "k");
    for uid in [ONE, OTHER, ONE] {
        assert_eq!(world.shell(uid, "stat -c %u k"), format!("{uid}\n"));
        world.shell(uid, "chmod 600 k; touch k; echo $(id -u) > mine");
    }
    assert_eq!(
        errno(std::os::unix::fs::chown(world.at("k"), Some(7), None)),
        libc::EPERM
    );
}

#[test]
fn what_objects_cannot_be_is_refused() {
    let Some(world) = world() else { return };
    world.objects.insert("k", "k");
    assert_eq!(
        errno(std::os::unix::fs::symlink("/etc/passwd", world.at("l"))),
        libc::EPERM
    );
    assert_eq!(
        errno(fs::hard_link(world.at("k"), world.at("l"))),
        libc::EPERM
    );
    for name in ["a\u{1}b", "a\nb"] {
        assert_eq!(
            errno(fs::write(world.at(name), "")),
            libc::EINVAL,
            "{name:?}"
        );
    }
    let bytes = std::os::unix::ffi::OsStrExt::from_bytes(b"\xff");
    let path = world
        .mounted
        .dir()
        .join(Path::new::<std::ffi::OsStr>(bytes));
    assert_eq!(errno(fs::write(path, "")), libc::EINVAL);
    let long = ["x".repeat(200).as_str(); 6].join("/");
    let made = fs::create_dir_all(world.at(&long));
    assert_eq!(errno(made), libc::ENAMETOOLONG);
    assert_eq!(world.objects.keys(), ["k"]);
}

#[test]
fn what_the_server_refuses_is_an_error_of_closing() {
    let Some(world) = world() else { return };
    world.objects.is_full.store(true, Ordering::Relaxed);
    let file = File::create(world.at("k")).expect("opened");
    (&file).write_all(b"x").expect("written");
    let closed = nix::unistd::close(file);
    assert_eq!(closed, Err(nix::errno::Errno::EDQUOT));
    assert_eq!(world.objects.keys(), [""; 0]);
    assert_eq!(names(&world.at("")), set(&[]));
}

#[test]
fn one_sandbox_cannot_fill_the_disk_of_the_worker() {
    let Some(world) = world() else { return };
    let file = File::create(world.at("k")).expect("opened");
    assert_eq!(errno(file.set_len(DRAFT_BYTES + 1)), libc::ENOSPC);
    file.set_len(DRAFT_BYTES).expect("it may have so much");
    let other = File::create(world.at("l")).expect("opened");
    assert_eq!(errno((&other).write_all(b"x")), libc::ENOSPC);
    file.set_len(0).expect("given back");
    (&other).write_all(b"x").expect("there is room again");
}

#[test]
fn one_sandbox_cannot_use_up_the_descriptors_of_the_worker() {
    let Some(world) = world() else { return };
    let name = |number: usize| world.at(&number.to_string());
    let mut open: Vec<_> = (0..DRAFTS)
        .map(|number| File::create(name(number)).expect("opened"))
        .collect();
    assert_eq!(errno(File::create(name(DRAFTS))), libc::EMFILE);
    let of_another = "echo x >other; cat other";
    assert_eq!(world.shell(OTHER, of_another), "x\n");
    open.pop();
    // The kernel says that a file was closed a moment after it is.
    eventually("there is room again", || File::create(name(DRAFTS)).is_ok());
    let mut folders = Vec::new();
    let refused = loop {
        match fs::read_dir(world.mounted.dir()) {
            Ok(folder) => folders.push(folder),
            Err(error) => break error.raw_os_error(),
        }
        assert!(folders.len() < 10_000, "no end of open folders");
    };
    assert_eq!(refused, Some(libc::ENFILE));
    folders.clear();
    eventually("folders open again", || {
        fs::read_dir(world.mounted.dir()).is_ok()
    });
}

#[test]
fn a_child_that_closes_what_it_inherited_publishes_nothing() {
    let Some(world) = world() else { return };
    world.objects.insert("k", "old");
    let child = "sh -c 'echo line >&3'; env true";
    let script = format!("exec 3>k; {child}; cat k; {child}; exec 3>&-");
    assert_eq!(world.shell(ONE, &script), "line\n");
    assert_eq!(world.objects.text("k").as_deref(), Some("line\nline\n"));
    assert!(world.objects.puts.load(Ordering::Relaxed) == 1);
}

#[test]
fn a_program_that_begins_by_closing_a_file_does_not_wait_for_the_server() {
    let Some(world) = world() else { return };
    let path = CString::new(world.at("k").into_os_string().into_encoded_bytes()).expect("no null");
    let (mut ready, is_ready) = io::pipe().expect("a pipe");
    let (waits, mut go) = io::pipe().expect("a pipe");
    let opens = move || {
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_CLOEXEC;
        let mut word = [0_u8; 4];
        // SAFETY: a C string and buffers that live long enough.
        let written = unsafe {
            let file = libc::open(path.as_ptr(), flags, 0o600);
            let written = libc::write(file, b"text".as_ptr().cast(), 4);
            libc::write(is_ready.as_raw_fd(), b"text".as_ptr().cast(), 4);
            libc::read(waits.as_raw_fd(), word.as_mut_ptr().cast(), 4);
            written
        };
        match written {
            4 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        }
    };
    let mut command = Command::new("sleep");
    command.arg("60");
    // SAFETY: only system calls that are async-signal-safe are made after the fork.
    unsafe { command.pre_exec(opens) };
    // Comes back once all that is to be closed is closed.
    let starting = std::thread::spawn(move || command.spawn().expect("a program"));
    ready.read_exact(&mut [0; 4]).expect("it wrote");
    world.objects.is_away.store(true, Ordering::Relaxed);
    let began = Instant::now();
    go.write_all(b"go!!").expect("it waits");
    let mut child = starting.join().expect("no panic");
    let maps = fs::read_to_string(format!("/proc/{}/maps", child.id()));
    let took = began.elapsed();
    child.kill().expect("ended");
    child.wait().expect("ended");
    assert!(maps.expect("it is to be seen").contains("sleep"));
    assert!(took < Duration::from_secs(5), "{took:?}");
    world.objects.is_away.store(false, Ordering::Relaxed);
    let text = || world.objects.text("k").as_deref() == Some("text");
    eventually("it is an object", text);
}

#[test]
fn what_a_killed_process_was_writing_is_not_an_object() {
    let Some(world) = world() else { return };
    world.objects.insert("k", "old");
    let mut child = Command::new("sh")
        .args(["-c", "exec 3>k; sh -c 'echo half >&3'; echo ready; read go"])
        .current_dir(world.mounted.dir())
        .uid(ONE)
        .gid(ONE)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("a shell");
    let mut ready = [0; 6];
    let out = child.stdout.as_mut().expect("piped");
    out.read_exact(&mut ready).expect("it writes");
    child.kill().expect("killed");
    child.wait().expect("ends");
    eventually("the draft is given up", || {
        world.shell(ONE, "cat k") == "old"
    });
    assert_eq!(world.objects.puts.load(Ordering::Relaxed), 0);
}

#[test]
fn a_server_that_is_away_is_waited_for_but_not_for_ever() {
    let Some(world) = world() else { return };
    world.objects.insert("k", "k");
    world.objects.is_away.store(true, Ordering::Relaxed);
    let (path, began) = (world.at("k"), Instant::now());
    let waiting = std::thread::spawn(move || fs::read_to_string(path));
    eventually("it waits", || began.elapsed() > Duration::from_millis(300));
    world.objects.is_away.store(false, Ordering::Relaxed);
    assert_eq!(waiting.join().expect("no panic").expect("read"), "k");
    world.objects.is_away.store(true, Ordering::Relaxed);
    let began = Instant::now();
    assert_eq!(errno(fs::metadata(world.at("other"))), libc::EIO);
    assert!(
        began.elapsed() < Duration::from_secs(45),
        "{:?}",
        began.elapsed()
    );
}

#[test]
fn many_objects_are_listed_and_looked_at_page_by_page() {
    let Some(world) = world() else { return };
    for number in 0..10_000 {
        world.objects.insert(&format!("many/{number:05}"), "x");
    }
    let began = Instant::now();
    let lines = world.shell(ONE, "ls -l many | wc -l");
    eprintln!("ls -l of 10,000 objects: {:?}", began.elapsed());
    assert_eq!(lines.trim(), "10001");
    assert_eq!(names(&world.at("many")).len(), 10_000);
    assert!(began.elapsed() < Duration::from_secs(20));
}

#[test]
fn space_is_what_the_quota_leaves() {
    let Some(world) = world() else { return };
    world.objects.insert("k", vec![0; 8_192]);
    let about = nix::sys::statvfs::statvfs(&world.at("")).expect("known");
    let (total, free) = (about.blocks(), about.blocks_available());
    assert_eq!((total * 4_096, (total - free) * 4_096), (1 << 30, 8_192));
}

#[test]
fn the_end_of_the_mount_is_an_error_for_who_has_a_file_open() {
    let Some(world) = world() else { return };
    world.objects.insert("k", vec![0; 4 << 20]);
    let mut file = File::open(world.at("k")).expect("opened");
    let at = world.at("");
    let World {
        mounted, runtime, ..
    } = world;
    drop(mounted);
    let mut all = Vec::new();
    assert_ne!(errno(file.read_to_end(&mut all)), 0);
    assert_eq!(names(&at), set(&[]), "the directory below it");
    assert!(fs::metadata(&at).expect("there").ino() != 1);
    drop(runtime);
}
