//! Where these tests run: a network of their own with addresses to choose from.

use crate::cgroup::{
    Cgroup,
    tests::child::{Child, Ready, groups, limits, until},
};
use nix::{
    libc,
    sched::{CloneFlags, unshare},
    sys::wait::WaitStatus,
};
use std::{
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsRawFd as _,
    time::Duration,
};

/// What the outside would call the machine, and its spare addresses.
pub(super) const HOST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 1);
pub(super) const FIRST: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 11);
pub(super) const SECOND: Ipv4Addr = Ipv4Addr::new(198, 51, 100, 12);
pub(super) const HOST_6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1);
pub(super) const FIRST_6: Ipv6Addr = Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 0x11);

/// Moves this thread, and what it starts, into a network with nothing but loopback, which has the
/// addresses above.
pub(super) fn private_network() {
    unshare(CloneFlags::CLONE_NEWNET).expect("root makes a network");
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    for (label, ip) in [
        (&b"lo"[..], Ipv4Addr::LOCALHOST),
        (b"lo:1", HOST),
        (b"lo:2", FIRST),
        (b"lo:3", SECOND),
    ] {
        // SAFETY: plain data, for which zeros are valid.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        for (to, from) in request.ifr_name.iter_mut().zip(label) {
            *to = from.cast_signed();
        }
        let address = libc::sockaddr_in {
            sin_family: libc::AF_INET as u16,
            sin_port: 0,
            sin_addr: libc::in_addr {
                s_addr: u32::from_ne_bytes(ip.octets()),
            },
            sin_zero: [0; 8],
        };
        // SAFETY: both are socket addresses of sixteen bytes.
        request.ifr_ifru.ifru_addr =
            unsafe { std::mem::transmute::<libc::sockaddr_in, libc::sockaddr>(address) };
        tell(&socket, libc::SIOCSIFADDR, &request);
        request.ifr_ifru.ifru_flags = libc::IFF_UP as i16;
        tell(&socket, libc::SIOCSIFFLAGS, &request);
    }

    #[repr(C)]
    struct Request6 {
        address: [u8; 16],
        prefix: u32,
        interface: i32,
    }
    let socket = UdpSocket::bind("[::]:0").expect("a socket");
    for ip in [HOST_6, FIRST_6] {
        // Loopback is the first interface of every network.
        let request = Request6 {
            address: ip.octets(),
            prefix: 128,
            interface: 1,
        };
        tell(&socket, libc::SIOCSIFADDR, &request);
        // The kernel looks for others that have the address, even here.
        until("the address is usable", || UdpSocket::bind((ip, 0)).is_ok());
    }
}

fn tell<T>(socket: &UdpSocket, command: libc::Ioctl, request: &T) {
    // SAFETY: the request is what the command reads.
    let answer = unsafe { libc::ioctl(socket.as_raw_fd(), command, std::ptr::from_ref(request)) };
    assert_eq!(answer, 0, "{command:#x}: {}", io::Error::last_os_error());
}

/// A group that programs can be attached to, or none and a reason.
pub(super) fn with_group(test: &str, then: impl FnOnce(Cgroup)) {
    let Some(groups) = groups(test) else { return };
    let group = groups.create("job", &limits()).expect("a group");
    if group.v2_dir().is_none() {
        println!("skipped: no hierarchy of v2 is mounted");
        return;
    }
    then(group);
}

/// Runs `work` in the group to its end; the number of the error it ended with, 0 for none.
pub(super) fn run(group: &Cgroup, work: impl FnOnce() -> io::Result<()>) -> i32 {
    let mut child = Child::start(group, |_: &Ready| match work() {
        Ok(()) => 0,
        Err(error) => error.raw_os_error().unwrap_or(255),
    });
    match child.wait() {
        WaitStatus::Exited(_, code) => code,
        other => panic!("{other:?}"),
    }
}

/// A server outside of the groups.
pub(super) fn server(ip: impl Into<IpAddr>) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((ip.into(), 0)).expect("a free port");
    listener.set_nonblocking(true).expect("a socket");
    let at = listener.local_addr().expect("an address");
    (listener, at)
}

/// Who connected to it. The client must have ended already, so nobody waits.
pub(super) fn peer(listener: &TcpListener) -> IpAddr {
    let (_, from) = listener.accept().expect("somebody connected");
    from.ip().to_canonical()
}

/// The same for datagrams.
pub(super) fn datagrams(ip: impl Into<IpAddr>) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((ip.into(), 0)).expect("a free port");
    socket.set_nonblocking(true).expect("a socket");
    let at = socket.local_addr().expect("an address");
    (socket, at)
}

pub(super) fn sender(socket: &UdpSocket) -> IpAddr {
    let (_, from) = socket.recv_from(&mut [0; 64]).expect("somebody sent");
    from.ip().to_canonical()
}

/// Sends and receives so many bytes over one connection between a process of the group and one
/// outside.
pub(super) fn transfer(group: &Cgroup, there: usize, back: usize) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let at = listener.local_addr().expect("an address");
    let buffer = vec![7; there];
    let mut child = Child::start(group, |_| {
        let talk = || {
            let mut stream = TcpStream::connect(at)?;
            stream.set_read_timeout(Some(Duration::from_secs(10)))?;
            stream.write_all(&buffer)?;
            stream.shutdown(std::net::Shutdown::Write)?;
            let mut buffer = [0; 4096];
            while stream.read(&mut buffer)? > 0 {}
            io::Result::Ok(())
        };
        i32::from(talk().is_err())
    });
    let (mut stream, _) = listener.accept().expect("the child connects");
    stream
        .set_read_timeout(Some(Duration::from_secs(10)))
        .expect("a socket");
    let mut received = Vec::new();
    stream.read_to_end(&mut received).expect("all of it");
    assert_eq!(received.len(), there);
    stream.write_all(&vec![7; back]).expect("the child reads");
    drop(stream);
    assert_eq!(child.wait(), WaitStatus::Exited(child.pid, 0));
}
