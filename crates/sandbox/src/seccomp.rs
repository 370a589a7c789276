//! The filter of system calls: what ordinary programs use is allowed, everything else is not.
//!
//! Left out are those that load code into the kernel, change what is mounted, the clock or the
//! machine, look into other processes' memory by the back door, or have had more faults than
//! users: keyrings, `io_uring`, `userfaultfd`, `bpf`, performance counters. A program sees
//! "operation not permitted"; for those that libraries have a fallback for, "not implemented".

use nix::libc::{self, *};
use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen::Dword, SeccompCmpOp,
    SeccompCondition, SeccompFilter, SeccompRule, TargetArch,
};
use std::collections::BTreeMap;

/// Allowed with any arguments, on every architecture.
const ALLOWED: &[c_long] = &[
    SYS_accept,
    SYS_accept4,
    SYS_adjtimex,
    SYS_bind,
    SYS_brk,
    SYS_capget,
    SYS_capset,
    SYS_chdir,
    SYS_clock_adjtime,
    SYS_clock_getres,
    SYS_clock_gettime,
    SYS_clock_nanosleep,
    SYS_close,
    SYS_close_range,
    SYS_connect,
    SYS_copy_file_range,
    SYS_dup,
    SYS_dup3,
    SYS_epoll_create1,
    SYS_epoll_ctl,
    SYS_epoll_pwait,
    SYS_epoll_pwait2,
    SYS_eventfd2,
    SYS_execve,
    SYS_execveat,
    SYS_exit,
    SYS_exit_group,
    SYS_faccessat,
    SYS_faccessat2,
    SYS_fadvise64,
    SYS_fallocate,
    SYS_fchdir,
    SYS_fchmod,
    SYS_fchmodat,
    SYS_fchown,
    SYS_fchownat,
    SYS_fcntl,
    SYS_fdatasync,
    SYS_fgetxattr,
    SYS_flistxattr,
    SYS_flock,
    SYS_fremovexattr,
    SYS_fsetxattr,
    SYS_fstat,
    SYS_fstatfs,
    SYS_fsync,
    SYS_ftruncate,
    SYS_futex,
    SYS_futex_waitv,
    SYS_get_mempolicy,
    SYS_get_robust_list,
    SYS_getcpu,
    SYS_getcwd,
    SYS_getdents64,
    SYS_getegid,
    SYS_geteuid,
    SYS_getgid,
    SYS_getgroups,
    SYS_getitimer,
    SYS_getpeername,
    SYS_getpgid,
    SYS_getpid,
    SYS_getppid,
    SYS_getpriority,
    SYS_getrandom,
    SYS_getresgid,
    SYS_getresuid,
    SYS_getrusage,
    SYS_getsid,
    SYS_getsockname,
    SYS_getsockopt,
    SYS_gettid,
    SYS_gettimeofday,
    SYS_getuid,
    SYS_getxattr,
    SYS_inotify_add_watch,
    SYS_inotify_init1,
    SYS_inotify_rm_watch,
    SYS_ioctl,
    SYS_ioprio_get,
    SYS_ioprio_set,
    SYS_kill,
    SYS_landlock_add_rule,
    SYS_landlock_create_ruleset,
    SYS_landlock_restrict_self,
    SYS_lgetxattr,
    SYS_linkat,
    SYS_listen,
    SYS_listxattr,
    SYS_llistxattr,
    SYS_lremovexattr,
    SYS_lseek,
    SYS_lsetxattr,
    SYS_madvise,
    SYS_mbind,
    SYS_membarrier,
    SYS_memfd_create,
    SYS_memfd_secret,
    SYS_mincore,
    SYS_mkdirat,
    SYS_mknodat,
    SYS_mlock,
    SYS_mlock2,
    SYS_mlockall,
    SYS_mmap,
    SYS_mprotect,
    SYS_mq_getsetattr,
    SYS_mq_notify,
    SYS_mq_open,
    SYS_mq_timedreceive,
    SYS_mq_timedsend,
    SYS_mq_unlink,
    SYS_mremap,
    SYS_mseal,
    SYS_msgctl,
    SYS_msgget,
    SYS_msgrcv,
    SYS_msgsnd,
    SYS_msync,
    SYS_munlock,
    SYS_munlockall,
    SYS_munmap,
    SYS_nanosleep,
    SYS_newfstatat,
    SYS_openat,
    SYS_openat2,
    SYS_pidfd_open,
    SYS_pidfd_send_signal,
    SYS_pipe2,
    SYS_pkey_alloc,
    SYS_pkey_free,
    SYS_pkey_mprotect,
    SYS_ppoll,
    SYS_prctl,
    SYS_pread64,
    SYS_preadv,
    SYS_preadv2,
    SYS_prlimit64,
    SYS_pselect6,
    SYS_ptrace,
    SYS_pwrite64,
    SYS_pwritev,
    SYS_pwritev2,
    SYS_read,
    SYS_readahead,
    SYS_readlinkat,
    SYS_readv,
    SYS_recvfrom,
    SYS_recvmmsg,
    SYS_recvmsg,
    SYS_remap_file_pages,
    SYS_removexattr,
    SYS_renameat2,
    SYS_restart_syscall,
    SYS_rseq,
    SYS_rt_sigaction,
    SYS_rt_sigpending,
    SYS_rt_sigprocmask,
    SYS_rt_sigqueueinfo,
    SYS_rt_sigreturn,
    SYS_rt_sigsuspend,
    SYS_rt_sigtimedwait,
    SYS_rt_tgsigqueueinfo,
    SYS_sched_get_priority_max,
    SYS_sched_get_priority_min,
    SYS_sched_getaffinity,
    SYS_sched_getattr,
    SYS_sched_getparam,
    SYS_sched_getscheduler,
    SYS_sched_rr_get_interval,
    SYS_sched_setaffinity,
    SYS_sched_setattr,
    SYS_sched_setparam,
    SYS_sched_setscheduler,
    SYS_sched_yield,
    SYS_seccomp,
    SYS_semctl,
    SYS_semget,
    SYS_semop,
    SYS_semtimedop,
    SYS_sendfile,
    SYS_sendmmsg,
    SYS_sendmsg,
    SYS_sendto,
    SYS_set_robust_list,
    SYS_set_tid_address,
    SYS_setfsgid,
    SYS_setfsuid,
    SYS_setgid,
    SYS_setgroups,
    SYS_setitimer,
    SYS_setpgid,
    SYS_setpriority,
    SYS_setregid,
    SYS_setresgid,
    SYS_setresuid,
    SYS_setreuid,
    SYS_setsid,
    SYS_setsockopt,
    SYS_setuid,
    SYS_setxattr,
    SYS_shmat,
    SYS_shmctl,
    SYS_shmdt,
    SYS_shmget,
    SYS_shutdown,
    SYS_sigaltstack,
    SYS_signalfd4,
    SYS_socketpair,
    SYS_splice,
    SYS_statfs,
    SYS_statx,
    SYS_symlinkat,
    SYS_sync,
    SYS_syncfs,
    SYS_sysinfo,
    SYS_tee,
    SYS_tgkill,
    SYS_timer_create,
    SYS_timer_delete,
    SYS_timer_getoverrun,
    SYS_timer_gettime,
    SYS_timer_settime,
    SYS_timerfd_create,
    SYS_timerfd_gettime,
    SYS_timerfd_settime,
    SYS_times,
    SYS_tkill,
    SYS_truncate,
    SYS_umask,
    SYS_uname,
    SYS_unlinkat,
    SYS_utimensat,
    SYS_vmsplice,
    SYS_wait4,
    SYS_waitid,
    SYS_write,
    SYS_writev,
];
/// The older ones that only this architecture has.
#[cfg(target_arch = "x86_64")]
const ALLOWED_HERE: &[c_long] = &[
    SYS_access,
    SYS_alarm,
    SYS_arch_prctl,
    SYS_chmod,
    SYS_chown,
    SYS_creat,
    SYS_dup2,
    SYS_epoll_create,
    SYS_epoll_wait,
    SYS_eventfd,
    SYS_fchmodat2,
    SYS_fork,
    SYS_futimesat,
    SYS_getdents,
    SYS_getpgrp,
    SYS_getrlimit,
    SYS_inotify_init,
    SYS_lchown,
    SYS_link,
    SYS_lstat,
    SYS_mkdir,
    SYS_mknod,
    SYS_open,
    SYS_pause,
    SYS_pipe,
    SYS_poll,
    SYS_readlink,
    SYS_rename,
    SYS_renameat,
    SYS_rmdir,
    SYS_select,
    SYS_setrlimit,
    SYS_signalfd,
    SYS_stat,
    SYS_symlink,
    SYS_sync_file_range,
    SYS_time,
    SYS_unlink,
    SYS_utime,
    SYS_utimes,
    SYS_vfork,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[c_long] = &[];

/// Libraries try these and go on without: the answer has to be that there is no such call.
///
/// `io_setup` is among them because what it takes is counted for the whole machine.
const ABSENT: &[c_long] = &[
    SYS_clone3,
    SYS_io_setup,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
];

/// Families of sockets. Missing on purpose: those that reach the machine below IP, its hypervisor
/// or its kernel (`AF_PACKET`, `AF_VSOCK`, `AF_ALG`, `AF_BLUETOOTH` and more). Of `AF_NETLINK` only
/// what libraries ask for addresses is there: its other parts tell of the machine's sockets and
/// devices, and have had faults.
const FAMILIES: &[c_int] = &[AF_UNIX, AF_INET, AF_INET6];

/// Flags of `clone` that make namespaces, and the one that makes a sibling: the runner would not
/// know of that process, and it would outlive the job.
const NOT_OF_JOBS: c_int = CLONE_PARENT
    | CLONE_NEWNS
    | CLONE_NEWCGROUP
    | CLONE_NEWUTS
    | CLONE_NEWIPC
    | CLONE_NEWUSER
    | CLONE_NEWPID
    | CLONE_NEWNET;

/// Ways to run that are harmless: the usual one, its 32-bit names, without random addresses
/// (debuggers), and the question which one it is.
const PERSONALITIES: &[u64] = &[0, 8, 0x2_0000, 0x2_0008, 0x4_0000, 0xffff_ffff];

/// Two programs for the kernel, to be installed in this order.
pub fn programs() -> Result<[Vec<u8>; 2], BackendError> {
    let architecture = TargetArch::try_from(std::env::consts::ARCH)?;
    let absent = SeccompFilter::new(
        ABSENT.iter().map(|&call| (call, Vec::new())).collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS as u32),
        architecture,
    )?;
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = BTreeMap::new();
    for &call in ALLOWED.iter().chain(ALLOWED_HERE).chain(ABSENT) {
        rules.insert(call, Vec::new());
    }
    let only = |argument, op, value| {
        let condition = SeccompCondition::new(argument, Dword, op, value)?;
        SeccompRule::new(vec![condition])
    };
    let flags = u64::from(NOT_OF_JOBS.unsigned_abs());
    rules.insert(SYS_clone, vec![only(0, SeccompCmpOp::MaskedEq(flags), 0)?]);
    let families = FAMILIES
        .iter()
        .map(|&f| only(0, SeccompCmpOp::Eq, u64::from(f.unsigned_abs())));
    let mut families: Vec<_> = families.collect::<Result<_, _>>()?;
    let equal = |argument, value: c_int| {
        let value = u64::from(value.unsigned_abs());
        SeccompCondition::new(argument, Dword, SeccompCmpOp::Eq, value)
    };
    families.push(SeccompRule::new(vec![
        equal(0, AF_NETLINK)?,
        equal(2, NETLINK_ROUTE)?,
    ])?);
    rules.insert(SYS_socket, families);
    let personalities = PERSONALITIES.iter().map(|&p| only(0, SeccompCmpOp::Eq, p));
    rules.insert(SYS_personality, personalities.collect::<Result<_, _>>()?);
    let allowed = SeccompFilter::new(
        rules,
        SeccompAction::Errno(libc::EPERM as u32),
        SeccompAction::Allow,
        architecture,
    )?;
    Ok([bytes(absent)?, bytes(allowed)?])
}

/// As the kernel reads it: an array of `struct sock_filter`.
fn bytes(filter: SeccompFilter) -> Result<Vec<u8>, BackendError> {
    let program: BpfProgram = filter.try_into()?;
    let parts = program.iter().flat_map(|step| {
        let mut bytes = [0; 8];
        bytes[..2].copy_from_slice(&step.code.to_ne_bytes());
        bytes[2..4].copy_from_slice(&[step.jt, step.jf]);
        bytes[4..].copy_from_slice(&step.k.to_ne_bytes());
        bytes
    });
    Ok(parts.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernel_takes_programs_of_this_length() {
        for program in programs().expect("the lists are valid") {
            let steps = program.len() / 8;
            assert!(
                program.len() % 8 == 0 && (1..=4_096).contains(&steps),
                "{steps}"
            );
        }
    }

    #[test]
    fn nothing_that_changes_the_machine_is_allowed() {
        let allowed: Vec<_> = ALLOWED.iter().chain(ALLOWED_HERE).collect();
        for call in [
            SYS_mount,
            SYS_umount2,
            SYS_bpf,
            SYS_keyctl,
            SYS_init_module,
            SYS_finit_module,
            SYS_setns,
            SYS_unshare,
            SYS_perf_event_open,
            SYS_userfaultfd,
            SYS_open_by_handle_at,
            SYS_reboot,
            SYS_swapon,
            SYS_settimeofday,
        ] {
            assert!(!allowed.contains(&&call), "{call}");
        }
    }
}
