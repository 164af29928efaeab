//! What all sources of datagrams share.

use sim_core::{Rate, Size};

use super::values::Counted;

/// Bytes of IP and UDP header.
pub(super) const HEADERS: u64 = 28;
/// The longest IP packet.
pub(super) const PACKET_MAX: u64 = 65_535;

pub(super) fn check(
    rate: Rate,
    size: Size,
    counted: Counted,
    count: Option<u64>,
) -> Result<(), (&'static str, String)> {
    let headers = if counted == Counted::Payload { HEADERS } else { 0 };
    match () {
        _ if rate.bps() == 0 => Err(("rate", "a source of rate zero sends nothing".into())),
        _ if size.bytes() == 0 => Err(("size", "datagrams of zero bytes have no rate".into())),
        _ if size.bytes() + headers > PACKET_MAX => {
            Err(("size", format!("a datagram carries {} B at most", PACKET_MAX - headers)))
        }
        _ if counted == Counted::Packet && size.bytes() < HEADERS => {
            Err(("size", format!("an IP packet with a UDP header has {HEADERS} B at least")))
        }
        _ if count == Some(0) => Err(("count", "zero datagrams do nothing".into())),
        _ => Ok(()),
    }
}
