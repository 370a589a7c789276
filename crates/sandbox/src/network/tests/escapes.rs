//! What a job could try in order to be seen with another address. None may succeed.

use super::place::{
    FIRST, HOST, SECOND, datagrams, peer, private_network, run, sender, server, with_group,
};
use crate::{cgroup::Cgroup, network::SourceAddress};
use nix::{
    errno::Errno,
    libc,
    sys::socket::{
        self, AddressFamily, ControlMessage, MsgFlags, SockFlag, SockType, SockaddrIn, sockopt,
    },
};
use std::{
    io::{self, IoSlice},
    net::{Ipv4Addr, SocketAddr, SocketAddrV4, UdpSocket},
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

fn with_address(test: &str, then: impl FnOnce(&Cgroup)) {
    with_group(test, |group| {
        private_network();
        let _attached = SourceAddress::attach(group.v2_dir().expect("v2"), FIRST.into())
            .expect("root attaches");
        then(&group);
    });
}

fn stream() -> nix::Result<OwnedFd> {
    socket::socket(
        AddressFamily::Inet,
        SockType::Stream,
        SockFlag::empty(),
        None,
    )
}

fn named(ip: Ipv4Addr, port: u16) -> SockaddrIn {
    SocketAddrV4::new(ip, port).into()
}

fn at_v4(at: SocketAddr) -> SockaddrIn {
    match at {
        SocketAddr::V4(at) => at.into(),
        SocketAddr::V6(_) => panic!("the server is of IPv4"),
    }
}

#[test]
fn binding_to_another_address_first_does_not_help() {
    with_address("bind", |group| {
        let (listener, at) = server(HOST);
        let (socket, datagrams_at) = datagrams(HOST);
        // One that exists, all of them, and one that is not of this machine.
        for ip in [SECOND, Ipv4Addr::UNSPECIFIED, Ipv4Addr::new(203, 0, 113, 9)] {
            let connect = || {
                let socket = stream()?;
                socket::setsockopt(&socket, sockopt::IpFreebind, &true)?;
                socket::bind(socket.as_raw_fd(), &named(ip, 0))?;
                socket::connect(socket.as_raw_fd(), &at_v4(at))?;
                Ok(())
            };
            assert_eq!(run(group, connect), 0, "{ip}");
            assert_eq!(peer(&listener), FIRST, "{ip}");
            let send = || {
                UdpSocket::bind((ip, 0))?
                    .send_to(b"x", datagrams_at)
                    .map(drop)
            };
            assert_eq!(run(group, send), 0, "{ip}");
            assert_eq!(sender(&socket), FIRST, "{ip}");
        }
    });
}

#[test]
fn a_socket_bound_to_loopback_connects_nowhere() {
    with_address("loopback", |group| {
        for server_ip in [HOST, Ipv4Addr::LOCALHOST] {
            let (_listener, at) = server(server_ip);
            let connect = || {
                let socket = stream()?;
                socket::bind(socket.as_raw_fd(), &named(Ipv4Addr::LOCALHOST, 0))?;
                socket::connect(socket.as_raw_fd(), &at_v4(at))?;
                Ok(())
            };
            assert_eq!(run(group, connect), libc::EPERM, "{server_ip}");
        }
        let (socket, at) = datagrams(HOST);
        let send = || UdpSocket::bind("127.0.0.1:0")?.send_to(b"x", at).map(drop);
        assert_eq!(run(group, send), 0);
        assert_eq!(sender(&socket), FIRST);
    });
}

#[test]
fn a_socket_that_has_sent_cannot_connect_with_what_the_route_suggests() {
    with_address("sent", |group| {
        let (socket, at) = datagrams(HOST);
        let send = || {
            let socket = socket::socket(
                AddressFamily::Inet,
                SockType::Datagram,
                SockFlag::empty(),
                None,
            )?;
            let to = at_v4(at);
            socket::sendto(socket.as_raw_fd(), b"x", &to, MsgFlags::empty())?;
            socket::connect(socket.as_raw_fd(), &to)?;
            Ok(())
        };
        assert_eq!(run(group, send), libc::EPERM);
        assert_eq!(sender(&socket), FIRST);
    });
}

#[test]
fn connecting_again_keeps_the_address() {
    with_address("again", |group| {
        let (socket, at) = datagrams(HOST);
        let send = || {
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.connect((SECOND, 9))?;
            // AF_UNSPEC dissolves the association.
            let nothing = libc::sockaddr {
                sa_family: libc::AF_UNSPEC as u16,
                sa_data: [0; 14],
            };
            // SAFETY: the address is as long as is said.
            Errno::result(unsafe { libc::connect(socket.as_raw_fd(), &raw const nothing, 16) })?;
            socket.connect(at)?;
            socket.send(b"x").map(drop)
        };
        assert_eq!(run(group, send), 0);
        assert_eq!(sender(&socket), FIRST);
    });
}

#[test]
fn naming_the_source_with_each_datagram_does_not_help() {
    with_address("pktinfo", |group| {
        let (socket, at) = datagrams(HOST);
        for connected in [false, true] {
            let send = || {
                let socket = UdpSocket::bind("0.0.0.0:0")?;
                if connected {
                    socket.connect(at)?;
                }
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr {
                        s_addr: u32::from_ne_bytes(SECOND.octets()),
                    },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                let to = (!connected).then(|| at_v4(at));
                socket::sendmsg(
                    socket.as_raw_fd(),
                    &[IoSlice::new(b"x")],
                    &[ControlMessage::Ipv4PacketInfo(&info)],
                    MsgFlags::empty(),
                    to.as_ref(),
                )?;
                Ok(())
            };
            assert_eq!(run(group, send), 0);
            assert_eq!(sender(&socket), FIRST, "connected: {connected}");
        }
    });
}

#[test]
fn sending_with_the_first_packet_of_a_connection_does_not_help() {
    with_address("fast", |group| {
        let (listener, at) = server(HOST);
        let send = || {
            let socket = stream()?;
            socket::sendto(
                socket.as_raw_fd(),
                b"x",
                &at_v4(at),
                MsgFlags::from_bits_retain(libc::MSG_FASTOPEN),
            )?;
            io::Result::Ok(())
        };
        assert_eq!(run(group, send), 0);
        assert_eq!(peer(&listener), FIRST);
    });
}

#[test]
fn protocols_that_nobody_rewrites_are_refused() {
    with_address("protocols", |group| {
        let mut refused = 0;
        for (kind, protocol) in [
            (libc::SOCK_STREAM, libc::IPPROTO_MPTCP),
            (libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
            (libc::SOCK_DGRAM, libc::IPPROTO_UDPLITE),
            (libc::SOCK_STREAM, libc::IPPROTO_SCTP),
            (libc::SOCK_RAW, libc::IPPROTO_ICMP),
            (libc::SOCK_RAW, libc::IPPROTO_UDP),
        ] {
            let open = || {
                // SAFETY: takes numbers only.
                let socket = Errno::result(unsafe { libc::socket(libc::AF_INET, kind, protocol) })?;
                // SAFETY: just opened, and nothing else knows it.
                drop(unsafe { OwnedFd::from_raw_fd(socket) });
                io::Result::Ok(())
            };
            // Elsewhere it opens, if the kernel has the protocol.
            if open().is_ok() {
                assert_eq!(run(group, open), libc::EPERM, "{kind} {protocol}");
                refused += 1;
            }
        }
        println!("{refused} refused");
        assert!(refused >= 2, "root opens raw sockets");
    });
}
