//! Which ports jobs listen on. Sockets know their user, and a sandbox made by root has one nobody else has.
//! Elsewhere the user is the worker's own, and a socket is a job's if one of its processes has it open.

use crate::processes;
use picloud_types::{Port, Protocol};
use std::{
    collections::HashSet,
    fs,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// What was seen is good for so long: all processes ask each second, one look serves them.
const GOOD_FOR: Duration = Duration::from_millis(900);
/// Most ports told of one job.
const PORTS_MAX: usize = 64;
const TCP_LISTEN: &str = "0A";
const UDP_UNCONNECTED: &str = "07";

/// A socket that listens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Listening {
    uid: u32,
    inode: u64,
    port: Port,
}

/// The last look.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    seen: Mutex<Option<(Instant, Vec<Listening>)>>,
}

impl Ports {
    /// Ports that sockets of this user listen on, in order.
    pub(crate) fn of_user(&self, uid: u32) -> Vec<Port> {
        told(&self.look(), |socket| socket.uid == uid)
    }

    /// Ports that a process or its descendants listen on, in order.
    pub(crate) fn of_processes(&self, root: i32) -> Vec<Port> {
        let listening = self.look();
        if listening.is_empty() {
            return Vec::new();
        }
        let open = open_sockets(root);
        told(&listening, |socket| open.contains(&socket.inode))
    }

    fn look(&self) -> Vec<Listening> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match &*seen {
            Some((at, listening)) if at.elapsed() < GOOD_FOR => listening.clone(),
            _ => seen.insert((Instant::now(), look())).1.clone(),
        }
    }
}

fn told(listening: &[Listening], whose: impl Fn(&Listening) -> bool) -> Vec<Port> {
    let mut ports: Vec<Port> = listening
        .iter()
        .filter(|socket| whose(socket))
        .map(|socket| socket.port)
        .collect();
    ports.sort_unstable();
    ports.dedup();
    ports.truncate(PORTS_MAX);
    ports
}

/// Inodes of all sockets that a process and its descendants have open.
fn open_sockets(root: i32) -> HashSet<u64> {
    processes::below(root)
        .into_iter()
        .filter_map(|pid| fs::read_dir(format!("/proc/{pid}/fd")).ok())
        .flat_map(|open| open.flatten())
        .filter_map(|file| fs::read_link(file.path()).ok())
        .filter_map(|to| {
            let inode = to.to_str()?.strip_prefix("socket:[")?.strip_suffix(']')?;
            inode.parse().ok()
        })
        .collect()
}

fn look() -> Vec<Listening> {
    let mut found = Vec::new();
    for (file, protocol, state) in [
        ("tcp", Protocol::Tcp, TCP_LISTEN),
        ("tcp6", Protocol::Tcp, TCP_LISTEN),
        ("udp", Protocol::Udp, UDP_UNCONNECTED),
        ("udp6", Protocol::Udp, UDP_UNCONNECTED),
    ] {
        let table = fs::read_to_string(format!("/proc/net/{file}")).unwrap_or_default();
        add(&mut found, &table, protocol, state);
    }
    found
}

fn add(found: &mut Vec<Listening>, table: &str, protocol: Protocol, state: &str) {
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, its_state, _, _, _, uid, _, inode, ..] = fields[..] else {
            continue;
        };
        let port = local
            .rsplit(':')
            .next()
            .and_then(|p| u16::from_str_radix(p, 16).ok());
        if let (true, Some(port), Ok(uid), Ok(inode)) =
            (its_state == state, port, uid.parse(), inode.parse())
        {
            found.push(Listening {
                uid,
                inode,
                port: Port { protocol, port },
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_that_listen_count() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 1 1\n\
            1: 0100007F:1F91 0100007F:0016 01 00000000:00000000 00:00000000 00000000  1001        0 2 1\n\
            2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1\n";
        let mut found = Vec::new();
        add(&mut found, table, Protocol::Tcp, TCP_LISTEN);
        let socket = |uid, inode, port| Listening {
            uid,
            inode,
            port: Port {
                protocol: Protocol::Tcp,
                port,
            },
        };
        assert_eq!(found, [socket(1_001, 1, 8_080), socket(0, 3, 80)]);
    }

    #[test]
    fn a_port_of_this_process_is_seen() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("an address").port();
        let is_among = |ports: &[Port]| ports.iter().any(|p| p.port == port);
        let (uid, pid) = (nix::unistd::Uid::current().as_raw(), std::process::id());
        assert!(is_among(&Ports::default().of_user(uid)));
        assert!(!is_among(&Ports::default().of_user(uid + 1)));
        let pid = i32::try_from(pid).expect("a process");
        assert!(is_among(&Ports::default().of_processes(pid)));
    }

    #[test]
    fn a_port_of_another_process_of_this_user_is_not_a_jobs() {
        let _socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut other = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .expect("a process");
        let pid = i32::try_from(other.id()).expect("a process");
        let ports = Ports::default().of_processes(pid);
        other.kill().expect("it lives");
        other.wait().expect("it ends");
        assert_eq!(ports, []);
    }
}
