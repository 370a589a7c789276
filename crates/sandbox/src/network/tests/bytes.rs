use super::place::{datagrams, run, transfer, with_group};
use crate::{
    cgroup::tests::child::{groups, limits},
    network::Meter,
};
use std::{io::ErrorKind, net::UdpSocket, time::Instant};

#[test]
fn bytes_are_counted_in_the_slot_of_their_group_and_no_other() {
    let Some(groups) = groups("slots") else {
        return;
    };
    let [busy, idle] = ["busy", "idle"].map(|id| groups.create(id, &limits()).expect("a group"));
    let (Some(busy_dir), Some(idle_dir)) = (busy.v2_dir(), idle.v2_dir()) else {
        println!("skipped: no hierarchy of v2 is mounted");
        return;
    };
    let meter = Meter::open(1000).expect("root counts");
    let started = Instant::now();
    let _busy = meter.attach(busy_dir, 998).expect("root attaches");
    println!("attached in {:?}", started.elapsed());
    let _idle = meter.attach(idle_dir, 999).expect("root attaches");

    transfer(&busy, 1 << 20, 200_000);
    let (received, sent) = meter.read(998);
    println!("1048576 there and 200000 back: sent {sent}, received {received}");
    assert!((1 << 20..1_200_000).contains(&sent), "{sent}");
    assert!((200_000..300_000).contains(&received), "{received}");
    assert_eq!(meter.read(999), (0, 0));
    assert_eq!(meter.read(997), (0, 0));

    transfer(&idle, 1000, 10);
    assert_eq!(meter.read(998), (received, sent));
    assert!(meter.read(999).1 > 1000);
}

#[test]
fn a_datagram_counts_with_its_headers() {
    with_group("datagram", |group| {
        let meter = Meter::open(1).expect("root counts");
        let _attached = meter
            .attach(group.v2_dir().expect("v2"), 0)
            .expect("root attaches");
        let (_server, at) = datagrams([127, 0, 0, 1]);
        let code = run(&group, || {
            let socket = UdpSocket::bind("127.0.0.1:0")?;
            for _ in 0..10 {
                socket.send_to(&[0; 100], at)?;
            }
            Ok(())
        });
        assert_eq!(code, 0);
        assert_eq!(meter.read(0), (0, 10 * (100 + 20 + 8)));
    });
}

#[test]
fn counting_ends_with_the_guard_and_goes_on_from_there() {
    with_group("detach", |group| {
        let meter = Meter::open(1).expect("root counts");
        let dir = group.v2_dir().expect("v2");
        let attached = meter.attach(dir, 0).expect("root attaches");
        transfer(&group, 1000, 10);
        let first = meter.read(0);
        assert!(first.1 > 1000);
        drop(attached);
        transfer(&group, 1000, 10);
        assert_eq!(meter.read(0), first);

        let _attached = meter.attach(dir, 0).expect("root attaches");
        transfer(&group, 1000, 10);
        let second = meter.read(0);
        assert!(second.1 > first.1 + 1000, "{first:?} {second:?}");
    });
}

#[test]
fn a_slot_that_does_not_exist_is_refused() {
    with_group("noslot", |group| {
        for slots in [0, u32::MAX] {
            let refused = Meter::open(slots).expect_err("no memory has that size");
            assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        }
        let meter = Meter::open(3).expect("root counts");
        let refused = meter
            .attach(group.v2_dir().expect("v2"), 3)
            .expect_err("0 to 2");
        assert_eq!(refused.kind(), ErrorKind::InvalidInput);
        assert_eq!(meter.read(3), (0, 0));
    });
}
