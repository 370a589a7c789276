use super::place::{
    FIRST, FIRST_6, HOST, HOST_6, SECOND, datagrams, peer, private_network, run, sender, server,
    with_group,
};
use crate::{
    cgroup::tests::child::{groups, limits},
    network::SourceAddress,
};
use nix::libc;
use std::{
    io::{self, ErrorKind},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, UdpSocket},
    time::{Duration, Instant},
};

#[test]
fn two_groups_are_seen_with_an_address_each() {
    let Some(groups) = groups("two") else { return };
    let pool = [Ipv4Addr::new(127, 0, 0, 5), Ipv4Addr::new(127, 0, 0, 6)];
    let (listener, at) = server([127, 0, 0, 1]);
    let (socket, datagrams_at) = datagrams([127, 0, 0, 1]);
    for (id, ip) in ["first", "second"].into_iter().zip(pool) {
        let group = groups.create(id, &limits()).expect("a group");
        let Some(dir) = group.v2_dir() else {
            println!("skipped: no hierarchy of v2 is mounted");
            return;
        };
        let started = Instant::now();
        let attached = SourceAddress::attach(dir, ip.into()).expect("root attaches");
        println!("attached in {:?}", started.elapsed());
        let work = || {
            TcpStream::connect(at)?;
            let socket = UdpSocket::bind("0.0.0.0:0")?;
            socket.send_to(b"x", datagrams_at)?;
            Ok(())
        };
        assert_eq!(run(&group, work), 0);
        assert_eq!(peer(&listener), ip);
        assert_eq!(sender(&socket), ip);

        drop(attached);
        assert_eq!(run(&group, work), 0);
        assert_eq!(peer(&listener), Ipv4Addr::LOCALHOST, "its own no longer");
        assert_eq!(sender(&socket), Ipv4Addr::LOCALHOST);
    }
}

#[test]
fn loopback_and_other_destinations_see_the_same_address() {
    with_group("both", |group| {
        private_network();
        let _attached = SourceAddress::attach(group.v2_dir().expect("v2"), FIRST.into())
            .expect("root attaches");
        for server_ip in [HOST, Ipv4Addr::LOCALHOST, FIRST, SECOND] {
            let (listener, at) = server(server_ip);
            assert_eq!(run(&group, || TcpStream::connect(at).map(drop)), 0);
            assert_eq!(peer(&listener), FIRST, "{server_ip}");
            let (socket, at) = datagrams(server_ip);
            let send = || {
                let socket = UdpSocket::bind("0.0.0.0:0")?;
                socket.connect(at)?;
                socket.send(b"x").map(drop)
            };
            assert_eq!(run(&group, send), 0);
            assert_eq!(sender(&socket), FIRST, "{server_ip}");
        }
    });
}

#[test]
fn sockets_that_speak_both_families_are_seen_with_the_address_too() {
    with_group("mapped", |group| {
        private_network();
        let _attached = SourceAddress::attach(group.v2_dir().expect("v2"), FIRST.into())
            .expect("root attaches");
        let (listener, at) = server(HOST);
        let mapped = (HOST.to_ipv6_mapped(), at.port());
        assert_eq!(run(&group, || TcpStream::connect(mapped).map(drop)), 0);
        assert_eq!(peer(&listener), FIRST);

        let (socket, at) = datagrams(HOST);
        let mapped = (HOST.to_ipv6_mapped(), at.port());
        for any in ["[::]:0", "[::ffff:0.0.0.0]:0", "[::ffff:198.51.100.12]:0"] {
            let send = || UdpSocket::bind(any)?.send_to(b"x", mapped).map(drop);
            assert_eq!(run(&group, send), 0, "{any}");
            assert_eq!(sender(&socket), FIRST, "{any}");
        }
    });
}

#[test]
fn the_other_family_reaches_loopback_only() {
    with_group("family", |group| {
        private_network();
        let dir = group.v2_dir().expect("v2").to_owned();
        let connect = |to: IpAddr| {
            let (_listener, at) = server(to);
            run(&group, || TcpStream::connect(at).map(drop))
        };
        let send = |from: &'static str, to: IpAddr| {
            let (_socket, at) = datagrams(to);
            run(&group, || {
                UdpSocket::bind(from)?.send_to(b"x", at).map(drop)
            })
        };
        let attached = SourceAddress::attach(&dir, FIRST.into()).expect("root attaches");
        assert_eq!(connect(Ipv6Addr::LOCALHOST.into()), 0);
        assert_eq!(connect(HOST_6.into()), libc::EPERM);
        assert_eq!(send("[::1]:0", Ipv6Addr::LOCALHOST.into()), 0);
        assert_eq!(send("[::1]:0", HOST_6.into()), libc::EPERM);
        assert_eq!(send("[fd00::1]:0", HOST_6.into()), libc::EPERM);
        drop(attached);

        let _attached = SourceAddress::attach(&dir, FIRST_6.into()).expect("root attaches");
        assert_eq!(connect(Ipv4Addr::LOCALHOST.into()), 0);
        assert_eq!(connect(HOST.into()), libc::EPERM);
        assert_eq!(connect(Ipv4Addr::LOCALHOST.to_ipv6_mapped().into()), 0);
        assert_eq!(send("0.0.0.0:0", Ipv4Addr::LOCALHOST.into()), 0);
        assert_eq!(send("0.0.0.0:0", HOST.into()), libc::EPERM);
    });
}

#[test]
fn an_address_of_ipv6_is_given_in_the_same_way() {
    with_group("six", |group| {
        private_network();
        let _attached = SourceAddress::attach(group.v2_dir().expect("v2"), FIRST_6.into())
            .expect("root attaches");
        for server_ip in [HOST_6, Ipv6Addr::LOCALHOST] {
            let (listener, at) = server(server_ip);
            assert_eq!(run(&group, || TcpStream::connect(at).map(drop)), 0);
            assert_eq!(peer(&listener), FIRST_6, "{server_ip}");
            let (socket, at) = datagrams(server_ip);
            for from in ["[::]:0", "[fd00::1]:0"] {
                let send = || UdpSocket::bind(from)?.send_to(b"x", at).map(drop);
                assert_eq!(run(&group, send), 0, "{from} {server_ip}");
                assert_eq!(sender(&socket), FIRST_6, "{from} {server_ip}");
            }
        }
    });
}

#[test]
fn a_job_reaches_its_own_servers() {
    with_group("servers", |group| {
        private_network();
        let _attached = SourceAddress::attach(group.v2_dir().expect("v2"), FIRST.into())
            .expect("root attaches");
        let of_loopback = || {
            let listener = TcpListener::bind("127.0.0.1:0")?;
            TcpStream::connect(listener.local_addr()?)?;
            expect(listener.accept()?.1.ip() == FIRST)
        };
        assert_eq!(run(&group, of_loopback), 0, "a server on loopback");
        let of_any = || {
            let listener = TcpListener::bind("0.0.0.0:0")?;
            expect(listener.local_addr()?.ip() == FIRST)?;
            TcpStream::connect(listener.local_addr()?)?;
            listener.accept().map(drop)
        };
        assert_eq!(run(&group, of_any), 0, "a server on every address");
        let answers = || {
            let server = UdpSocket::bind("127.0.0.1:0")?;
            let client = UdpSocket::bind("0.0.0.0:0")?;
            client.connect(server.local_addr()?)?;
            client.set_read_timeout(Some(Duration::from_secs(5)))?;
            client.send(b"x")?;
            let (_, from) = server.recv_from(&mut [0; 8])?;
            server.send_to(b"y", from)?;
            client.recv(&mut [0; 8]).map(drop)
        };
        assert_eq!(run(&group, answers), 0, "datagrams on loopback, and back");
        let of_six = || {
            let listener = TcpListener::bind("[::1]:0")?;
            TcpStream::connect(listener.local_addr()?)?;
            listener.accept().map(drop)
        };
        assert_eq!(
            run(&group, of_six),
            0,
            "a server on loopback of the other family"
        );
    });
}

#[test]
fn two_jobs_listen_on_one_port() {
    let Some(groups) = groups("ports") else {
        return;
    };
    private_network();
    for (id, ip) in [("first", FIRST), ("second", SECOND)] {
        let group = groups.create(id, &limits()).expect("a group");
        let Some(dir) = group.v2_dir() else {
            println!("skipped: no hierarchy of v2 is mounted");
            return;
        };
        let _attached = SourceAddress::attach(dir, ip.into()).expect("root attaches");
        let listen = || expect(TcpListener::bind("0.0.0.0:8080")?.local_addr()?.ip() == ip);
        assert_eq!(run(&group, listen), 0);
    }
}

#[test]
fn an_address_that_is_not_of_this_machine_is_refused_at_once() {
    with_group("foreign", |group| {
        let ip = Ipv4Addr::new(203, 0, 113, 9);
        let refused =
            SourceAddress::attach(group.v2_dir().expect("v2"), ip.into()).expect_err("not ours");
        assert_eq!(refused.kind(), ErrorKind::AddrNotAvailable);
        assert!(refused.to_string().contains("203.0.113.9"), "{refused}");
    });
}

fn expect(holds: bool) -> io::Result<()> {
    if holds {
        Ok(())
    } else {
        Err(io::Error::from_raw_os_error(200))
    }
}
