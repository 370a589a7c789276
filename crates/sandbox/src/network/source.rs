//! Gives what runs in a control group a source address of its own, without a network of its own.
//!
//! Programs at the kernel's socket calls rewrite addresses before the kernel looks at them:
//!
//! - `connect` binds the socket to the own address first. Where it is bound already, to something
//!   else, the call is refused (`EPERM`).
//! - `bind` to anything becomes a bind to the own address: jobs may all listen on the same port.
//!   Loopback stays as it is, for servers that a job runs for itself. If the own address is itself
//!   in 127/8, only 127.0.0.1 stays.
//! - A datagram without a connection gets the own address, whatever the sender asked for.
//! - The other family reaches loopback only: no address there is the group's own. Sockets of IPv6
//!   that talk to IPv4 addresses (`::ffff:a.b.c.d`) are treated as IPv4.
//! - Other protocols than TCP and UDP have no such calls, so their sockets are refused, and so are
//!   raw ones.
//!
//! A packet can therefore leave with another address only by way of loopback itself. What a job
//! loses: `bind` to all addresses does not listen on 127.0.0.1, and a datagram socket that first sent
//! and then connects is refused.

use super::{
    Attached,
    bpf::{self, Hook},
    program::{Instruction, Label, Program, Register, Register::*, Width},
};
use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket},
    path::Path,
};

/// Offsets in the kernel's `bpf_sock_addr`: the address that a call names, and more.
const NAMED_IP4: i16 = 4;
const NAMED_IP6: i16 = 8;
const MESSAGE_SOURCE_IP4: i16 = 40;
const MESSAGE_SOURCE_IP6: i16 = 44;
const SOCKET: i16 = 64;
/// Offsets in `bpf_sock`: what the socket is, and is bound to.
const SOCKET_TYPE: i16 = 8;
const SOCKET_PROTOCOL: i16 = 12;
const SOCKET_IP4: i16 = 24;
const SOCKET_IP6: i16 = 28;

/// Functions of the kernel.
const GET_SOCKET_OPTION: u32 = 57;
const BIND: u32 = 64;

const AF_INET: u32 = 2;
const AF_INET6: u32 = 10;
const TCP: u32 = 6;
const UDP: u32 = 17;
const RAW: u32 = 3;
const LEVEL_IPV6: u32 = 41;
const IPV6_ONLY: u32 = 26;

const REFUSE: u32 = 0;
const ALLOW: u32 = 1;

/// See the module.
#[derive(Debug)]
#[non_exhaustive]
pub struct SourceAddress;

impl SourceAddress {
    /// Makes `ip`, which must be an address of this machine, the source of all that sockets of the
    /// group send, as long as the guard lives. Attach before anything runs in the group: sockets
    /// that are bound already are not touched. Needs root and Linux 5.12.
    pub fn attach(v2_dir: &Path, ip: IpAddr) -> io::Result<Attached> {
        // The kernel would refuse each connection later, with less to say.
        UdpSocket::bind((ip, 0)).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("{ip} is no address of this machine: {error}"),
            )
        })?;
        let mut programs = match ip {
            IpAddr::V4(own) => for_ip4(own),
            IpAddr::V6(own) => for_ip6(own),
        };
        programs.push((Hook::SocketCreate, refuse_other_protocols()));
        bpf::attach(v2_dir, &programs)
    }
}

fn for_ip4(own: Ipv4Addr) -> Vec<(Hook, Vec<Instruction>)> {
    let mapped = own.to_ipv6_mapped();
    vec![
        (Hook::Connect4, connect4(own)),
        (Hook::Bind4, bind4(kept(own), own)),
        (Hook::SendMessage4, send4(own)),
        (Hook::Connect6, connect6_mapped(mapped)),
        (Hook::Bind6, bind6_mapped(own)),
        (Hook::SendMessage6, loopback_only_6()),
    ]
}

fn for_ip6(own: Ipv6Addr) -> Vec<(Hook, Vec<Instruction>)> {
    vec![
        (Hook::Connect6, connect6(own)),
        (Hook::Bind6, bind6(own)),
        (Hook::SendMessage6, send6(own)),
        (Hook::Connect4, loopback_only_4()),
        (Hook::Bind4, bind4(LOOPBACK, Ipv4Addr::LOCALHOST)),
        (Hook::SendMessage4, loopback_only_4()),
    ]
}

/// Addresses of IPv4 with some of their bits in common.
#[derive(Clone, Copy, Debug)]
struct Range {
    mask: Ipv4Addr,
    value: Ipv4Addr,
}

const LOOPBACK: Range = Range {
    mask: Ipv4Addr::new(255, 0, 0, 0),
    value: Ipv4Addr::new(127, 0, 0, 0),
};

/// What may be bound to beside the own address.
fn kept(own: Ipv4Addr) -> Range {
    if own.is_loopback() {
        return Range {
            mask: Ipv4Addr::BROADCAST,
            value: Ipv4Addr::LOCALHOST,
        };
    }
    LOOPBACK
}

/// An address as the kernel holds it in a word of memory.
fn word(ip: Ipv4Addr) -> u32 {
    u32::from_ne_bytes(ip.octets())
}

fn words(ip: Ipv6Addr) -> [u32; 4] {
    let octets = ip.octets();
    std::array::from_fn(|at| u32::from_ne_bytes([0, 1, 2, 3].map(|byte| octets[at * 4 + byte])))
}

/// Offsets of the four words of an address.
fn offsets(first: i16) -> [i16; 4] {
    [0, 4, 8, 12].map(|step| first + step)
}

/// The prefix of `::ffff:a.b.c.d`.
fn mapped_prefix() -> [u32; 3] {
    let words = words(Ipv4Addr::UNSPECIFIED.to_ipv6_mapped());
    [words[0], words[1], words[2]]
}

impl Program {
    fn labels<const COUNT: usize>(&mut self) -> [Label; COUNT] {
        std::array::from_fn(|_| self.label())
    }

    /// Goes to `label` unless the IPv6 address at `offset` of `from` is `ip`.
    fn unless_ip6(&mut self, from: Register, offset: i16, ip: &[u32], label: Label) -> &mut Self {
        for (at, &word) in offsets(offset).into_iter().zip(ip) {
            self.load(R2, from, at, Width::U32)
                .jump_unless(R2, word, label);
        }
        self
    }

    /// Goes to `label` if the IPv4 address at `offset` of `from` is in `range`.
    fn if_in(&mut self, from: Register, offset: i16, range: Range, label: Label) -> &mut Self {
        self.load(R2, from, offset, Width::U32)
            .and(R2, word(range.mask))
            .jump_if(R2, word(range.value), label)
    }

    /// Writes an IPv6 address into the context `to`.
    fn store_ip6(&mut self, to: Register, offset: i16, ip: Ipv6Addr) -> &mut Self {
        for (at, word) in offsets(offset).into_iter().zip(words(ip)) {
            self.set(R2, word).store(to, at, R2, Width::U32);
        }
        self
    }

    /// Binds the socket of the context `R6` to an address on the stack.
    fn call_bind(&mut self, address: i16, size: u32) -> &mut Self {
        self.copy(R1, R6)
            .stack(R2, address)
            .set(R3, size)
            .call(BIND)
    }

    /// The same for an IPv6 address, which is written there first.
    fn bind_to_ip6(&mut self, ip: Ipv6Addr) -> &mut Self {
        // struct sockaddr_in6: family, port, flow, address, scope.
        self.store_value(R10, -32, AF_INET6, Width::U16)
            .store_value(R10, -30, 0, Width::U16)
            .store_value(R10, -28, 0, Width::U32)
            .store_value(R10, -8, 0, Width::U32);
        for (at, word) in offsets(-24).into_iter().zip(words(ip)) {
            self.store_value(R10, at, word, Width::U32);
        }
        self.call_bind(-32, 28)
    }
}

fn connect4(own: Ipv4Addr) -> Vec<Instruction> {
    let mut program = Program::default();
    let [allow] = program.labels();
    // struct sockaddr_in: family, port, address, padding.
    program
        .copy(R6, R1)
        .store_value(R10, -16, AF_INET, Width::U16)
        .store_value(R10, -14, 0, Width::U16)
        .store_value(R10, -12, word(own), Width::U32)
        .store_value(R10, -8, 0, Width::U64)
        .call_bind(-16, 16)
        .jump_if(R0, 0, allow)
        // It is bound already. Most often to the own address, by `bind` or an earlier `connect`.
        .load(R7, R6, SOCKET, Width::U64)
        .load(R2, R7, SOCKET_IP4, Width::U32)
        .jump_if(R2, word(own), allow)
        .end(REFUSE)
        .place(allow)
        .end(ALLOW);
    program.finish()
}

fn bind4(kept: Range, own: Ipv4Addr) -> Vec<Instruction> {
    let mut program = Program::default();
    let [allow] = program.labels();
    program
        .if_in(R1, NAMED_IP4, kept, allow)
        .set(R2, word(own))
        .store(R1, NAMED_IP4, R2, Width::U32)
        .place(allow)
        .end(ALLOW);
    program.finish()
}

fn send4(own: Ipv4Addr) -> Vec<Instruction> {
    let mut program = Program::default();
    let [rewrite, allow] = program.labels();
    let loopback = kept(own);
    program
        // A server on loopback answers a client of the same job, which expects the address that
        // it sent to.
        .load(R7, R1, SOCKET, Width::U64)
        .load(R2, R1, NAMED_IP4, Width::U32)
        .jump_unless(R2, word(own), rewrite)
        .if_in(R7, SOCKET_IP4, loopback, allow)
        .place(rewrite)
        .set(R2, word(own))
        .store(R1, MESSAGE_SOURCE_IP4, R2, Width::U32)
        .place(allow)
        .end(ALLOW);
    program.finish()
}

/// IPv6 sockets, where the own address is of IPv4.
fn connect6_mapped(own: Ipv6Addr) -> Vec<Instruction> {
    let mut program = Program::default();
    let [plain, refuse, allow] = program.labels();
    program
        .copy(R6, R1)
        .unless_ip6(R6, NAMED_IP6, &mapped_prefix(), plain)
        .bind_to_ip6(own)
        .jump_if(R0, 0, allow)
        .load(R7, R6, SOCKET, Width::U64)
        .unless_ip6(R7, SOCKET_IP6, &words(own), refuse)
        .end(ALLOW)
        .place(plain)
        .jump_if_loopback6(allow)
        .place(refuse)
        .end(REFUSE)
        .place(allow)
        .end(ALLOW);
    program.finish()
}

impl Program {
    /// Goes to `label` if the context `R6` names `::1`, or `::`, which means the same to `connect`.
    fn jump_if_loopback6(&mut self, label: Label) -> &mut Self {
        let other = self.label();
        let [first, second, third, fourth] = words(Ipv6Addr::LOCALHOST);
        self.unless_ip6(R6, NAMED_IP6, &[first, second, third], other)
            .load(R2, R6, offsets(NAMED_IP6)[3], Width::U32)
            .jump_if(R2, fourth, label)
            .jump_if(R2, 0, label)
            .place(other)
    }
}

fn bind6_mapped(own: Ipv4Addr) -> Vec<Instruction> {
    let mut program = Program::default();
    let [not_mapped, not_any, rewrite, refuse, allow] = program.labels();
    program
        .copy(R6, R1)
        .unless_ip6(R6, NAMED_IP6, &mapped_prefix(), not_mapped)
        .if_in(R6, offsets(NAMED_IP6)[3], kept(own), allow)
        .jump(rewrite)
        .place(not_mapped)
        .unless_ip6(R6, NAMED_IP6, &words(Ipv6Addr::UNSPECIFIED), not_any)
        // `::` of a socket that may speak IPv4 too is the own address; of one that may not, only
        // loopback is left. Before Linux 6.1 the answer is 0.
        .store_value(R10, -8, 0, Width::U32)
        .copy(R1, R6)
        .set(R2, LEVEL_IPV6)
        .set(R3, IPV6_ONLY)
        .stack(R4, -8)
        .set(R5, 4)
        .call(GET_SOCKET_OPTION)
        .load(R2, R10, -8, Width::U32)
        .jump_if(R2, 0, rewrite)
        .store_ip6(R6, NAMED_IP6, Ipv6Addr::LOCALHOST)
        .end(ALLOW)
        .place(rewrite)
        .store_ip6(R6, NAMED_IP6, own.to_ipv6_mapped())
        .end(ALLOW)
        .place(not_any)
        .unless_ip6(R6, NAMED_IP6, &words(Ipv6Addr::LOCALHOST), refuse)
        .place(allow)
        .end(ALLOW)
        .place(refuse)
        .end(REFUSE);
    program.finish()
}

fn connect6(own: Ipv6Addr) -> Vec<Instruction> {
    let mut program = Program::default();
    let [plain, refuse, allow] = program.labels();
    program
        .copy(R6, R1)
        .unless_ip6(R6, NAMED_IP6, &mapped_prefix(), plain)
        .if_in(R6, offsets(NAMED_IP6)[3], LOOPBACK, allow)
        .jump(refuse)
        .place(plain)
        .bind_to_ip6(own)
        .jump_if(R0, 0, allow)
        .load(R7, R6, SOCKET, Width::U64)
        .unless_ip6(R7, SOCKET_IP6, &words(own), refuse)
        .place(allow)
        .end(ALLOW)
        .place(refuse)
        .end(REFUSE);
    program.finish()
}

fn bind6(own: Ipv6Addr) -> Vec<Instruction> {
    let mut program = Program::default();
    let [not_loopback, not_mapped, allow] = program.labels();
    program
        .copy(R6, R1)
        .unless_ip6(R6, NAMED_IP6, &words(Ipv6Addr::LOCALHOST), not_loopback)
        .jump(allow)
        .place(not_loopback)
        .unless_ip6(R6, NAMED_IP6, &mapped_prefix(), not_mapped)
        .if_in(R6, offsets(NAMED_IP6)[3], LOOPBACK, allow)
        .end(REFUSE)
        .place(not_mapped)
        .store_ip6(R6, NAMED_IP6, own)
        .place(allow)
        .end(ALLOW);
    program.finish()
}

fn send6(own: Ipv6Addr) -> Vec<Instruction> {
    let mut program = Program::default();
    let [rewrite, allow] = program.labels();
    program
        .copy(R6, R1)
        // As with IPv4: an answer from loopback to a client of the same job.
        .load(R7, R6, SOCKET, Width::U64)
        .unless_ip6(R6, NAMED_IP6, &words(own), rewrite)
        .unless_ip6(R7, SOCKET_IP6, &words(Ipv6Addr::LOCALHOST), rewrite)
        .jump(allow)
        .place(rewrite)
        .store_ip6(R6, MESSAGE_SOURCE_IP6, own)
        .place(allow)
        .end(ALLOW);
    program.finish()
}

fn loopback_only_4() -> Vec<Instruction> {
    let mut program = Program::default();
    let [allow] = program.labels();
    program
        .if_in(R1, NAMED_IP4, LOOPBACK, allow)
        .end(REFUSE)
        .place(allow)
        .end(ALLOW);
    program.finish()
}

fn loopback_only_6() -> Vec<Instruction> {
    let mut program = Program::default();
    let [allow] = program.labels();
    program
        .copy(R6, R1)
        .jump_if_loopback6(allow)
        .end(REFUSE)
        .place(allow)
        .end(ALLOW);
    program.finish()
}

fn refuse_other_protocols() -> Vec<Instruction> {
    let mut program = Program::default();
    let [refuse, allow] = program.labels();
    program
        .load(R2, R1, SOCKET_TYPE, Width::U32)
        .jump_if(R2, RAW, refuse)
        .load(R2, R1, SOCKET_PROTOCOL, Width::U32)
        .jump_if(R2, TCP, allow)
        .jump_if(R2, UDP, allow)
        .place(refuse)
        .end(REFUSE)
        .place(allow)
        .end(ALLOW);
    program.finish()
}
