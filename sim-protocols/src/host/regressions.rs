//! Streams that once hung: each test is named after what must not.

use sim_core::{ForcedLoss, Impairments, PacketClass, Size, Span, Time};

use super::stats::Outcome;
use super::tables::{FLOWS, REQUESTS};
use super::tests::{Lab, cell, ms, table};
use crate::app::*;

#[test]
fn what_has_come_during_a_pause_is_read_when_it_ends() {
    // All of it, the FIN too, is there some 60 ms after the start; the reader looks away from 45 ms on.
    let pause = Some(Pause { after: ms(45), span: Span::from_secs(1) });
    let bytes = Some(Size::from_bytes(14_000).into());
    let app = BulkConfig { bytes, data: Data::Pattern, read_pause: pause, ..BulkConfig::default() };
    let outcome = Lab::pair().flow(0, 1, ms(0), AppConfig::Bulk(app)).run();
    let flows = table(&outcome, &FLOWS);
    assert_eq!((cell(flows, 0, "bytes"), cell(flows, 0, "damaged_bytes")), (14_000, 0));
    assert_eq!(cell(flows, 0, "outcome"), Outcome::Finished as u64);
}

#[test]
fn a_request_that_opens_the_connection_is_answered() {
    // The handshake's last ACK and the request behind it are lost: the request, sent again, comes to a connection that is not yet open.
    let lost = |class| ForcedLoss { flow: Some(1), class, numbers: vec![1] };
    let app = RequestConfig { count: Some(1), data: Data::Pattern, ..RequestConfig::default() };
    let mut lab = Lab::pair().flow(0, 1, ms(0), AppConfig::Request(app));
    lab.impairments =
        Impairments { forced: vec![lost(PacketClass::Ack), lost(PacketClass::Data)], ..Impairments::default() };
    let outcome = lab.run();
    assert_eq!(cell(table(&outcome, &REQUESTS), 0, "outcome"), Outcome::Finished as u64);
    assert_eq!(cell(table(&outcome, &FLOWS), 0, "outcome"), Outcome::Finished as u64);
}

#[test]
fn requests_that_are_stopped_while_their_client_thinks_end_their_flow() {
    for connections in [Connections::Kept, Connections::New] {
        for close in [Closing::Client, Closing::Server, Closing::Simultaneous, Closing::Reset] {
            let think = SpanDist::Fixed(ms(300));
            let stop = Some(Time::ZERO + ms(1_000));
            let app = RequestConfig { stop, think, connections, close, ..RequestConfig::default() };
            let outcome = Lab::pair().flow(0, 1, ms(0), AppConfig::Request(app)).run();
            let how = cell(table(&outcome, &FLOWS), 0, "outcome");
            assert_eq!(how, Outcome::Finished as u64, "{connections:?} {close:?}");
        }
    }
}

// tests: RFC 9293 §3.10.4
#[test]
fn a_close_before_the_syn_is_acknowledged_does_not_lose_the_syn() {
    // The SYNs cross at 20 ms, both ends close at 30 ms, and what acknowledges the SYNs is lost.
    let stop = Some(Time::ZERO + ms(30));
    let (open, close) = (Opening::Simultaneous, Closing::Simultaneous);
    let app = BulkConfig { stop, open, close, bytes: Some(Size::from_bytes(9_000).into()), ..BulkConfig::default() };
    let mut lab = Lab::pair().flow(0, 1, ms(0), AppConfig::Bulk(app));
    let lost = |class| ForcedLoss { flow: Some(1), class, numbers: vec![1] };
    let forced = vec![lost(PacketClass::SynAck), lost(PacketClass::Fin)];
    lab.impairments = Impairments { forced, ..Impairments::default() };
    lab.stop = Time::ZERO + Span::from_secs(90);
    let how = cell(table(&lab.run(), &FLOWS), 0, "outcome");
    assert_eq!(how, Outcome::Finished as u64);
}
