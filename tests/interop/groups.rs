//! Datagrams to groups and to all, on links of both kinds; and what does not cross a router.

use std::net::Ipv4Addr;
use std::time::Duration;

use sim_core::{DROPS, Span};
use sim_protocols::OptionName;
use sim_protocols::aio::{self, Link, Sim, UdpSocket};

const GROUP: Ipv4Addr = Ipv4Addr::new(239, 1, 2, 3);
const PORT: u16 = 4000;

/// A host in the middle and one on each side of it, over links; `far` is behind a router.
fn network(ethernet: bool) -> Sim {
    let mut sim = Sim::new(9);
    let link = if ethernet { Link::new(Span::from_ms(1)).ethernet() } else { Link::new(Span::from_ms(1)) };
    sim.host("a").host("b").host("c").router("r").host("far");
    sim.link("b", "a", link.clone()).link("b", "c", link.clone()).link("b", "r", link.clone()).link("r", "far", link);
    sim.bytes_on_every_hop();
    sim
}

/// What a host hears within a second, where it has joined.
async fn hear(join: bool) -> Vec<String> {
    let socket = UdpSocket::bind(("0.0.0.0", PORT)).await.expect("the port is free");
    if join {
        socket.join_multicast_v4(GROUP, Ipv4Addr::UNSPECIFIED).expect("a group");
    }
    let mut heard = Vec::new();
    let mut buf = [0; 100];
    while let Ok(Ok((len, from))) = aio::timeout(Duration::from_secs(1), socket.recv_from(&mut buf)).await {
        heard.push(format!("{} from {}", String::from_utf8_lossy(&buf[..len]), from.ip()));
    }
    heard
}

#[test]
fn a_group_is_its_members_on_the_link() {
    for ethernet in [false, true] {
        let mut sim = network(ethernet);
        let (a, c, far) = (
            sim.spawn("a", "hear", hear(true)),
            sim.spawn("c", "hear", hear(false)),
            sim.spawn("far", "hear", hear(true)),
        );
        let own = sim.spawn("b", "hear", hear(true));
        sim.spawn("b", "say", async {
            aio::sleep(Duration::from_millis(10)).await;
            let socket = UdpSocket::unbound();
            socket.set(OptionName::MulticastTtl, 8).expect("a datagram socket has it");
            for (interface, word) in [("10.0.0.1", "left"), ("10.0.1.1", "right"), ("10.0.2.1", "away")] {
                let address: Ipv4Addr = interface.parse().expect("an address");
                socket.set(OptionName::MulticastInterface, address).expect("an own address");
                socket.send_to(word.as_bytes(), (GROUP, PORT)).await.expect("a way");
            }
        });
        let run = sim.run(Span::from_secs(10)).expect("no task turns in a circle");
        assert_eq!(a.take(), ["left from 10.0.0.1"], "ethernet: {ethernet}");
        // It has not joined; beyond the router nobody is asked.
        assert_eq!((c.take().len(), far.take().len()), (0, 0));
        // The own member is on the first interface alone.
        assert_eq!(own.take(), ["left from 10.0.0.1"]);
        assert_eq!(run.rows(&DROPS).len(), 2);
    }
}

#[test]
fn who_leaves_a_group_hears_no_more() {
    let mut sim = network(false);
    let heard = sim.spawn("a", "hear", async {
        let socket = UdpSocket::bind(("0.0.0.0", PORT)).await.expect("the port is free");
        socket.join_multicast_v4(GROUP, Ipv4Addr::UNSPECIFIED).expect("a group");
        assert!(socket.join_multicast_v4(GROUP, Ipv4Addr::UNSPECIFIED).is_err(), "once is enough");
        aio::sleep(Duration::from_millis(15)).await;
        socket.leave_multicast_v4(GROUP, Ipv4Addr::UNSPECIFIED).expect("a member");
        aio::sleep(Duration::from_millis(100)).await;
        let mut count = 0;
        while aio::timeout(Duration::from_millis(1), socket.recv(&mut [0; 10])).await.is_ok() {
            count += 1;
        }
        count
    });
    sim.spawn("b", "say", async {
        let socket = UdpSocket::unbound();
        let mut beat = aio::interval(Duration::from_millis(10));
        for _ in 0..5 {
            beat.tick().await;
            socket.send_to(b"hey", (GROUP, PORT)).await.expect("a way");
        }
    });
    sim.run(Span::from_secs(10)).expect("no task turns in a circle");
    assert_eq!(heard.take(), 2);
}

#[test]
fn broadcasts_are_for_all_on_the_link() {
    for ethernet in [false, true] {
        let mut sim = network(ethernet);
        let (a, c, far) = (
            sim.spawn("a", "hear", hear(false)),
            sim.spawn("c", "hear", hear(false)),
            sim.spawn("far", "hear", hear(false)),
        );
        let refused = sim.spawn("b", "say", async {
            aio::sleep(Duration::from_millis(10)).await;
            let socket = UdpSocket::unbound();
            let refused = socket.send_to(b"no", ("255.255.255.255", PORT)).await;
            socket.set_broadcast(true).expect("a datagram socket has it");
            socket.send_to(b"limited", ("255.255.255.255", PORT)).await.expect("a way");
            socket.send_to(b"directed", ("10.0.1.255", PORT)).await.expect("a way");
            // RFC 2644 §4: a router does not let it through; the network is not ours, so it is no broadcast to us.
            socket.send_to(b"beyond", ("10.0.3.255", PORT)).await.expect("a way");
            refused.expect_err("SO_BROADCAST is off").kind()
        });
        sim.run(Span::from_secs(10)).expect("no task turns in a circle");
        assert_eq!(a.take(), ["limited from 10.0.0.1"], "ethernet: {ethernet}");
        assert_eq!(c.take(), ["directed from 10.0.1.1"]);
        assert_eq!((far.take().len(), refused.take()), (0, std::io::ErrorKind::PermissionDenied));
    }
}
