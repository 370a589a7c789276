//! Which ports jobs listen on. Sockets know their user, and a sandbox has one nobody else has.

use picloud_types::{Port, Protocol};
use std::{
    collections::HashMap,
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

type ByUser = HashMap<u32, Vec<Port>>;

/// The last look.
#[derive(Debug, Default)]
pub(crate) struct Ports {
    seen: Mutex<Option<(Instant, ByUser)>>,
}

impl Ports {
    /// Ports that sockets of this user listen on, in order.
    pub(crate) fn of(&self, uid: u32) -> Vec<Port> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = seen.as_ref().is_some_and(|(at, _)| at.elapsed() < GOOD_FOR);
        if !fresh {
            *seen = Some((Instant::now(), look()));
        }
        let ports = seen.as_ref().and_then(|(_, ports)| ports.get(&uid));
        ports.cloned().unwrap_or_default()
    }
}

fn look() -> ByUser {
    let mut found = HashMap::new();
    for (file, protocol, state) in [
        ("tcp", Protocol::Tcp, TCP_LISTEN),
        ("tcp6", Protocol::Tcp, TCP_LISTEN),
        ("udp", Protocol::Udp, UDP_UNCONNECTED),
        ("udp6", Protocol::Udp, UDP_UNCONNECTED),
    ] {
        let table = fs::read_to_string(format!("/proc/net/{file}")).unwrap_or_default();
        add(&mut found, &table, protocol, state);
    }
    for ports in found.values_mut() {
        ports.sort_unstable();
        ports.dedup();
        ports.truncate(PORTS_MAX);
    }
    found
}

fn add(found: &mut ByUser, table: &str, protocol: Protocol, state: &str) {
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let [_, local, _, its_state, _, _, _, uid, ..] = fields[..] else {
            continue;
        };
        let port = local
            .rsplit(':')
            .next()
            .and_then(|p| u16::from_str_radix(p, 16).ok());
        if let (true, Some(port), Ok(uid)) = (its_state == state, port, uid.parse()) {
            found.entry(uid).or_default().push(Port { protocol, port });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_sockets_that_listen_count_and_only_for_their_user() {
        let table = "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1001        0 1 1\n\
            1: 0100007F:1F91 0100007F:0016 01 00000000:00000000 00:00000000 00000000  1001        0 2 1\n\
            2: 00000000:0050 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 3 1\n";
        let mut found = HashMap::new();
        add(&mut found, table, Protocol::Tcp, TCP_LISTEN);
        let port = Port {
            protocol: Protocol::Tcp,
            port: 8_080,
        };
        assert_eq!(found.get(&1_001), Some(&vec![port]));
    }

    #[test]
    fn a_port_of_this_process_is_seen() {
        let socket = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = socket.local_addr().expect("an address").port();
        let mine = Ports::default().of(nix::unistd::Uid::current().as_raw());
        assert!(mine.iter().any(|p| p.port == port), "{mine:?}");
    }
}
