"""Attacks on the kernel and on the machine's devices, mounts and control groups."""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import glob
import mmap
import os
import platform
import pty
import socket
import stat
import struct
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path

from escapes.attacks.tries import NUMBERS, attempts, call, in_child, libc, raw

_CLONE_FLAGS = {
    "NEWNS": 0x0002_0000,
    "NEWCGROUP": 0x0200_0000,
    "NEWUTS": 0x0400_0000,
    "NEWIPC": 0x0800_0000,
    "NEWUSER": 0x1000_0000,
    "NEWPID": 0x2000_0000,
    "NEWNET": 0x4000_0000,
}
_SIGCHLD = 17


def system_calls() -> dict[str, str]:
    """Those that a job has no business with, past every library."""
    buffer = ctypes.create_string_buffer(4096)
    tries: dict[str, Callable[[], object]] = {
        "mount": lambda: call("mount", b"none", b"/tmp", b"tmpfs", 0, None),
        "mount a cgroup": lambda: call("mount", b"none", b"/tmp", b"cgroup2", 0, None),
        "remount": lambda: call("mount", b"none", b"/", b"", 0x20 | 0x1000, None),
        "umount /proc": lambda: call("umount2", b"/proc", 2),
        "umount /proc/sys": lambda: call("umount2", b"/proc/sys", 2),
        "pivot_root": lambda: call("pivot_root", b"/tmp", b"/tmp"),
        "chroot": lambda: call("chroot", b"/tmp"),
        "fsopen": lambda: call("fsopen", b"proc", 0),
        "open_tree": lambda: call("open_tree", -100, b"/", 1),
        "mount_setattr": lambda: call("mount_setattr", -100, b"/", 0, buffer, 32),
        "init_module": lambda: call("init_module", buffer, 4096, b""),
        "finit_module": lambda: call("finit_module", 0, b"", 0),
        "delete_module": lambda: call("delete_module", b"loop", 0),
        "kexec_load": lambda: call("kexec_load", 0, 0, None, 0),
        "reboot": lambda: call("reboot", 0xFEE1DEAD, 672274793, 0, None),
        "add_key": lambda: call("add_key", b"user", b"name", b"text", 4, -3),
        "request_key": lambda: call("request_key", b"user", b"name", None, -3),
        "keyctl": lambda: call("keyctl", 0, -3, 0),
        "bpf": lambda: call("bpf", 0, buffer, 64),
        "perf_event_open": lambda: call("perf_event_open", buffer, 0, -1, -1, 0),
        "userfaultfd": lambda: call("userfaultfd", 1),
        "io_uring_setup": lambda: call("io_uring_setup", 4, buffer),
        "io_setup": lambda: call("io_setup", 4, buffer),
        "open_by_handle_at": lambda: call("open_by_handle_at", -100, buffer, 0),
        "name_to_handle_at": lambda: call("name_to_handle_at", -100, b"/", buffer, buffer, 0),
        "process_vm_readv": lambda: call("process_vm_readv", 1, buffer, 1, buffer, 1, 0),
        "process_vm_writev": lambda: call("process_vm_writev", 1, buffer, 1, buffer, 1, 0),
        "pidfd_getfd": lambda: call("pidfd_getfd", os.pidfd_open(1), 3, 0),
        "kcmp": lambda: call("kcmp", 1, os.getpid(), 0, 0, 0),
        "acct": lambda: call("acct", b"/tmp/acct"),
        "swapon": lambda: call("swapon", b"/tmp/swap", 0),
        "settimeofday": lambda: call("settimeofday", buffer, None),
        "clock_settime": lambda: call("clock_settime", 0, buffer),
        "sethostname": lambda: call("sethostname", b"x", 1),
        "syslog": lambda: call("syslog", 3, buffer, 4096),
        "quotactl": lambda: call("quotactl", 0, b"/dev/vda", 0, buffer),
        "fanotify_init": lambda: call("fanotify_init", 0, 0),
        "vhangup": lambda: call("vhangup"),
        "personality": lambda: call("personality", 0x0040_0000),
        "clone3": lambda: call("clone3", struct.pack("Q", _CLONE_FLAGS["NEWUSER"]) + bytes(56), 64),
    }
    if "iopl" in NUMBERS:
        tries["iopl"] = lambda: call("iopl", 3)
        tries["ioperm"] = lambda: call("ioperm", 0, 1024, 1)
        tries["modify_ldt"] = lambda: call("modify_ldt", 0, buffer, 64)
    for name, flag in _CLONE_FLAGS.items():
        tries[f"unshare {name}"] = partial(call, "unshare", flag)
        tries[f"clone {name}"] = partial(_clone, flag | _SIGCHLD)
    # A child that the runner would not see: a sibling of its own.
    tries["clone PARENT"] = lambda: _clone(0x8000 | _SIGCHLD)
    for path in sorted(glob.glob("/proc/1/ns/*") + glob.glob("/proc/self/ns/*")):
        tries[f"setns {path}"] = partial(_join, path)
    return attempts(tries)


def _join(namespace: str) -> int:
    return call("setns", os.open(namespace, os.O_RDONLY), 0)


def _clone(flags: int) -> int:
    pid = call("clone", flags, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    return pid


def sockets() -> dict[str, str]:
    """Families and kinds that reach below IP, or the kernel."""
    kinds: dict[str, tuple[int, int, int]] = {
        "packet": (17, socket.SOCK_RAW, 0x0300),
        "packet of frames": (17, socket.SOCK_DGRAM, 0x0300),
        "raw icmp": (socket.AF_INET, socket.SOCK_RAW, 1),
        "raw ip": (socket.AF_INET, socket.SOCK_RAW, 255),
        "raw ipv6": (socket.AF_INET6, socket.SOCK_RAW, 58),
        "vsock": (40, socket.SOCK_STREAM, 0),
        "alg": (38, socket.SOCK_SEQPACKET, 0),
        "bluetooth": (31, socket.SOCK_RAW, 1),
        "can": (29, socket.SOCK_RAW, 1),
        "key": (15, socket.SOCK_RAW, 2),
        "xdp": (44, socket.SOCK_RAW, 0),
        "tipc": (30, socket.SOCK_STREAM, 0),
        "rds": (21, socket.SOCK_SEQPACKET, 0),
        "smc": (43, socket.SOCK_STREAM, 0),
        "netlink diag": (16, socket.SOCK_RAW, 4),
        "netlink audit": (16, socket.SOCK_RAW, 9),
        "netlink netfilter": (16, socket.SOCK_RAW, 12),
        "netlink connector": (16, socket.SOCK_RAW, 11),
        "netlink uevent": (16, socket.SOCK_RAW, 15),
        "netlink generic": (16, socket.SOCK_RAW, 16),
        "netlink crypto": (16, socket.SOCK_RAW, 21),
        "netlink xfrm": (16, socket.SOCK_RAW, 6),
    }
    return attempts({name: partial(socket.socket, *kind) for name, kind in kinds.items()})


def network_changes() -> dict[str, str]:
    """What of the machine's network a job could turn."""
    request = struct.pack("16sH14x", b"lo", 0)
    with socket.socket() as any_socket:
        number = any_socket.fileno()
        return attempts(
            {
                "switch lo off": lambda: fcntl.ioctl(number, 0x8914, request),
                "give lo an address": lambda: fcntl.ioctl(number, 0x8916, request),
                "bind to a low port": lambda: socket.socket().bind(("127.0.0.1", 81)),
                "bind to a device": lambda: any_socket.setsockopt(socket.SOL_SOCKET, 36, 1),  # a mark
                "be transparent": lambda: any_socket.setsockopt(socket.SOL_IP, 19, 1),
                "a tun device": lambda: os.open("/dev/net/tun", os.O_RDWR),
                "add a link": _add_link,
            }
        )


def _add_link() -> object:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        about = struct.pack("BxHiII", 0, 0, 0, 0, 0)
        kind = struct.pack("HH", 4 + 6, 1) + b"dummy\0" + bytes(2)
        info = struct.pack("HH", 4 + len(kind), 18) + kind
        body = about + info
        netlink.send(struct.pack("IHHII", 16 + len(body), 16, 0x605, 1, 0) + body)
        answer = netlink.recv(4096)
        (code,) = struct.unpack_from("i", answer, 16)
        if code:
            raise OSError(-code, os.strerror(-code))
        return answer


def devices() -> dict[str, str]:
    """Nodes that lead to memory, disks and the kernel's log."""
    tries: dict[str, Callable[[], object]] = {}
    for path in ("mem", "kmem", "port", "kmsg", "vda", "sda", "nvme0n1", "loop0", "fuse", "kvm", "vhost-net"):
        tries[path] = partial(os.open, f"/dev/{path}", os.O_RDWR)
    for name, mode, major, minor in (
        ("mem", stat.S_IFCHR, 1, 1),
        ("disk", stat.S_IFBLK, 254, 0),
        ("null", stat.S_IFCHR, 1, 3),
    ):
        for place in ("/tmp", "/dev/shm", os.getcwd()):
            device = os.makedev(major, minor)
            tries[f"mknod {name} in {place}"] = partial(os.mknod, f"{place}/{name}", mode | 0o600, device)
    tries["the terminal"] = lambda: os.open("/dev/tty", os.O_RDWR)
    for number in (0, 1, 2):
        tries[f"TIOCSTI on {number}"] = partial(fcntl.ioctl, number, 0x5412, b"x")
        tries[f"TIOCLINUX on {number}"] = partial(fcntl.ioctl, number, 0x541C, b"\x03")
    tries["chmod of /dev/null"] = lambda: os.chmod("/dev/null", 0)
    tries["unlink of /dev/null"] = lambda: os.unlink("/dev/null")
    tries["a file in /dev"] = partial(os.open, "/dev/new", os.O_WRONLY | os.O_CREAT)
    return attempts(tries)


def terminals() -> dict[str, str]:
    """A terminal of one's own is allowed; to type into it for others is the trick to prevent."""
    _, inner = pty.openpty()
    return attempts({"TIOCSTI on a terminal that is not ours": lambda: fcntl.ioctl(inner, 0x5412, b"x")})


def writes() -> dict[str, str]:
    """Files through which the machine is configured, and software that others run."""
    paths = [
        "/proc/sysrq-trigger",
        "/proc/sys/kernel/core_pattern",
        "/proc/sys/kernel/hostname",
        "/proc/sys/kernel/modprobe",
        "/proc/sys/kernel/yama/ptrace_scope",
        "/proc/sys/vm/overcommit_memory",
        "/proc/sys/vm/drop_caches",
        "/proc/sys/net/ipv4/ip_forward",
        "/proc/sys/fs/binfmt_misc/register",
        "/proc/irq/default_smp_affinity",
        "/proc/1/oom_score_adj",
        "/proc/1/mem",
        "/proc/1/environ",
        "/proc/1/uid_map",
        "/proc/self/uid_map",
        "/proc/self/setgroups",
        "/sys/kernel/uevent_helper",
        "/sys/power/state",
        "/sys/fs/cgroup/memory.max",
        "/sys/fs/cgroup/cpu.max",
        "/sys/fs/cgroup/cgroup.procs",
        "/sys/fs/cgroup/release_agent",
        "/sys/devices/system/cpu/cpu0/online",
        "/sys/devices/system/cpu/online",
        "/etc/passwd",
        "/etc/ld.so.preload",
        "/etc/ld.so.cache",
        "/etc/new",
        "/usr/bin/env",
        "/usr/lib/new",
        "/bin/sh",
        "/new",
        "/run/new",
        "/run/picloud/new",
        "/home/new",
        "/proc/new",
    ]
    masked = ("kcore", "kallsyms", "kmsg", "keys", "timer_list")
    paths += [f"/proc/{name}" for name in masked if os.path.exists(f"/proc/{name}")]
    harmless = {os.stat("/dev/null").st_rdev}

    def write(path: str) -> Callable[[], object]:
        def action() -> object:
            with open(path, "wb", buffering=0) as file:
                if os.fstat(file.fileno()).st_rdev in harmless:
                    raise PermissionError("only /dev/null is there")
                return file.write(b"0\n")

        return action

    return attempts({path: write(path) for path in paths})


def control_groups() -> dict[str, str]:
    """Everything that looks like a control group, wherever it is."""
    tries: dict[str, Callable[[], object]] = {}
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        for root in (f"/sys/fs/cgroup/{controllers}", "/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
            tries[f"{root}{path}"] = partial(os.open, f"{root}{path}/cgroup.procs", os.O_WRONLY)
    tries["a new group"] = lambda: os.mkdir("/sys/fs/cgroup/new")
    kinds = [os.readlink(link) for link in glob.glob("/proc/self/fd/*") if os.path.lexists(link)]
    namespaces = ("mnt:", "user:", "pid:", "net:", "ipc:", "uts:")
    leaked = [kind for kind in kinds if "cgroup" in kind or kind.startswith(namespaces)]

    def inherited() -> object:
        if not leaked:
            raise FileNotFoundError(2, "none")
        return leaked

    tries["descriptors inherited"] = inherited
    return attempts(tries)


def rise() -> dict[str, object]:
    """Identity and capabilities, before and after every way up."""
    tries: dict[str, Callable[[], object]] = {
        "setuid 0": lambda: os.setuid(0),
        "setresuid 0": lambda: os.setresuid(0, 0, 0),
        "setgid 0": lambda: os.setgid(0),
        "setgroups": lambda: os.setgroups([0]),
        "seteuid 65534": lambda: os.seteuid(65534),
        "realtime": lambda: os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1)),
        "nice -5": lambda: os.setpriority(os.PRIO_PROCESS, 0, -5),
        "raise descriptors": _raise_descriptors,
        "ambient capability": lambda: _prctl(47, 2, 21, 0, 0),
        "bounding set": lambda: _prctl(24, 21),
        "new privileges": lambda: _prctl(38, 0),
        "no filter": lambda: _prctl(22, 0),
        "map of memory": lambda: _prctl(35, 1, 4096, 0, 0),
    }
    outcome: dict[str, object] = dict(attempts(tries))
    lines = Path("/proc/self/status").read_text().splitlines()
    status = dict(line.split(":\t", 1) for line in lines if ":\t" in line)
    shown = (
        "CapInh",
        "CapPrm",
        "CapEff",
        "CapBnd",
        "CapAmb",
        "NoNewPrivs",
        "Seccomp",
        "Uid",
        "Gid",
        "Groups",
    )
    outcome["state"] = {name: status[name] for name in shown}
    return outcome


def _prctl(*arguments: int) -> int:
    ctypes.set_errno(0)
    outcome = int(libc.prctl(*(ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0))))
    if outcome < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return outcome


def _raise_descriptors() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_NOFILE, (1 << 16, 1 << 16))


def setuid_programs() -> dict[str, str]:
    """Every program with a set-user-id or capability mark there is, and one made here."""
    found = set()
    for where in ("/usr/bin", "/usr/sbin", "/usr/lib", "/usr/libexec"):
        for path in glob.glob(f"{where}/*") + glob.glob(f"{where}/*/*"):
            with contextlib.suppress(OSError):
                if os.stat(path).st_mode & (stat.S_ISUID | stat.S_ISGID) and os.path.isfile(path):
                    found.add(os.path.realpath(path))
    own = "/tmp/id"
    with open("/usr/bin/id", "rb") as source, open(own, "wb") as copy:
        copy.write(source.read())
    os.chmod(own, 0o6755)
    said = {"own copy of id": subprocess.run([own, "-u"], capture_output=True, text=True).stdout.strip()}
    for program, *arguments in (
        ("su", "-c", "id -u", "root"),
        ("sudo", "-n", "id", "-u"),
        ("newuidmap", str(os.getpid()), "0", "0", "1"),
        ("newgidmap", str(os.getpid()), "0", "0", "1"),
        ("mount", "-t", "tmpfs", "none", "/mnt"),
        ("passwd", "-d", "root"),
        ("chsh", "-s", "/bin/sh", "root"),
        ("unshare", "-Ur", "id", "-u"),
        ("nsenter", "-t", "1", "-m", "id"),
        ("crontab", "-l"),
    ):
        try:
            done = subprocess.run(
                [program, *arguments], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=10
            )
            said[program] = f"{done.returncode} {done.stdout.strip()}"
        except OSError as error:
            said[program] = type(error).__name__
        except subprocess.TimeoutExpired:
            said[program] = "hung"
    for path in found:
        # Under no-new-privileges the mark means nothing: the process is who it was.
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            process = subprocess.Popen(
                [path], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            try:
                status = Path(f"/proc/{process.pid}/status").read_text()
                said[path] = status.partition("Uid:")[2].split()[1]
            finally:
                process.kill()
                process.wait()
                assert process.stdin is not None
                process.stdin.close()
    return said


def other_architectures() -> dict[str, object]:
    """The same calls under the numbers of 32-bit programs, which filters have been known to forget."""
    if platform.machine() != "x86_64":
        return {}
    said: dict[str, object] = {}
    x32 = 0x4000_0000
    mount = partial(raw, x32 | 165, b"a", b"/", b"b", 0, None)
    said.update(attempts({"x32 getpid": partial(raw, x32 | 39), "x32 mount": mount}))
    said["i386 getpid"] = in_child(lambda: _interrupt_80(20))
    said["i386 mount"] = in_child(lambda: _interrupt_80(21))
    return said


def _interrupt_80(number: int) -> int:
    # mov eax, number; int 0x80; ret
    code = b"\xb8" + struct.pack("<I", number) + b"\xcd\x80\xc3"
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return int(ctypes.CFUNCTYPE(ctypes.c_int)(address)())
