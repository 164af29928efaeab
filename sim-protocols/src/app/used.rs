//! What a request has had of its connection, layer by layer.

use std::sync::Arc;

use super::dial::{Meter, Secured, UpDown};
use crate::tcp::Counters;

/// A connection as a request has found it.
pub(crate) struct Used {
    meter: Arc<Meter>,
    all: UpDown,
    overhead: UpDown,
    tcp: Counters,
    /// Its stream of HTTP/2.
    pub stream: Option<u32>,
}

/// What has passed on a connection since.
pub(crate) struct Passed {
    /// Bytes of the application, up and down: in HTTP/2 all frames of its stream.
    pub http: UpDown,
    /// Bytes of TLS that were not the application's.
    pub tls: UpDown,
    /// Payload of TCP: sent, what was sent again included; received, each byte once.
    pub tcp: UpDown,
    /// Packets, sent and received.
    pub packets: UpDown,
    /// Their headers of TCP, options included.
    pub headers: UpDown,
    /// Segments sent again.
    pub retransmissions: u64,
    /// Segments that came behind a hole.
    pub out_of_order: u64,
    pub secured: Secured,
}

impl Used {
    /// One that was opened for the request, or is used again.
    pub fn new(meter: Arc<Meter>, reused: bool) -> Used {
        let (all, overhead, tcp) = match reused {
            true => (meter.all(), meter.overhead(), meter.tcp()),
            false => Default::default(),
        };
        Used { meter, all, overhead, tcp, stream: None }
    }

    /// What has passed until now.
    pub fn passed(self) -> Passed {
        let Used { meter, all, overhead, tcp, stream } = self;
        let (now, around, counted) = (meter.all(), meter.overhead(), meter.tcp());
        Passed {
            http: match stream {
                Some(stream) => meter.take_stream(stream),
                None => [now[0] - all[0], now[1] - all[1]],
            },
            tls: [around[0].saturating_sub(overhead[0]), around[1].saturating_sub(overhead[1])],
            tcp: [
                counted.bytes_sent.saturating_sub(tcp.bytes_sent),
                counted.bytes_received.saturating_sub(tcp.bytes_received),
            ],
            packets: [
                counted.segments_sent.saturating_sub(tcp.segments_sent),
                counted.segments_received.saturating_sub(tcp.segments_received),
            ],
            headers: [
                counted.header_bytes_sent.saturating_sub(tcp.header_bytes_sent),
                counted.header_bytes_received.saturating_sub(tcp.header_bytes_received),
            ],
            retransmissions: counted.retransmissions.saturating_sub(tcp.retransmissions),
            out_of_order: counted.out_of_order.saturating_sub(tcp.out_of_order),
            secured: meter.secured(),
        }
    }
}
