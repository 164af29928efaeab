//! `TCP_INFO` as assertions see it.

use sim_core::{Span, Time};
use sim_protocols::tcp::{Phase, State};

use super::sockets::{Role, Socket};
use super::values::{Scope, Value};

/// The fields that there are.
pub(super) const FIELDS: &[&str] = &[
    "tcpi_state",
    "tcpi_ca_state",
    "tcpi_retransmits",
    "tcpi_probes",
    "tcpi_backoff",
    "tcpi_options",
    "tcpi_snd_wscale",
    "tcpi_rcv_wscale",
    "tcpi_rto",
    "tcpi_ato",
    "tcpi_snd_mss",
    "tcpi_rcv_mss",
    "tcpi_unacked",
    "tcpi_sacked",
    "tcpi_lost",
    "tcpi_retrans",
    "tcpi_fackets",
    "tcpi_last_data_sent",
    "tcpi_last_ack_sent",
    "tcpi_last_data_recv",
    "tcpi_last_ack_recv",
    "tcpi_pmtu",
    "tcpi_rcv_ssthresh",
    "tcpi_rtt",
    "tcpi_snd_ssthresh",
    "tcpi_snd_cwnd",
    "tcpi_advmss",
    "tcpi_rcv_rtt",
    "tcpi_rcv_space",
    "tcpi_total_retrans",
    "tcpi_bytes_acked",
    "tcpi_bytes_received",
    "tcpi_bytes_sent",
    "tcpi_segs_out",
    "tcpi_segs_in",
    "tcpi_data_segs_out",
    "tcpi_notsent_bytes",
    "tcpi_min_rtt",
    "tcpi_busy_time",
    "tcpi_rwnd_limited",
    "tcpi_sndbuf_limited",
    "tcpi_snd_wnd",
    "tcpi_rcv_wnd",
    "tcpi_reordering",
    "tcpi_reord_seen",
    "tcpi_dsack_dups",
    "tcpi_delivered",
    "tcpi_delivered_ce",
];

/// The fields of a socket at a moment.
pub(super) fn snapshot(socket: &Socket, now: Time) -> Scope {
    let mut scope = Scope::default();
    let mut set = |name: &str, value: u64| scope.set(&format!("tcpi_{name}"), Value::Int(value.into()));
    let connection = match &socket.role {
        Role::Stream(connection) => connection,
        role => {
            let state = if matches!(role, Role::Listener(_)) { 10 } else { 7 };
            for name in FIELDS {
                set(&name[5..], 0);
            }
            set("state", state);
            return scope;
        }
    };
    let (info, more, counters) = (connection.info(), connection.tcp_info(now), *connection.counters());
    let us = |span: Span| span.ps() / Span::from_us(1).ps();
    let ms = |span: Span| span.ps() / Span::from_ms(1).ps();
    set("state", state_number(info.state));
    set(
        "ca_state",
        match info.phase {
            Phase::Open => 0,
            Phase::Disorder => 1,
            Phase::Cwr => 2,
            Phase::Recovery => 3,
            Phase::Loss => 4,
        },
    );
    set("retransmits", more.retransmits.into());
    set("probes", more.probes.into());
    set("backoff", more.backoff.into());
    set("options", more.options.into());
    set("snd_wscale", more.snd_wscale.into());
    set("rcv_wscale", more.rcv_wscale.into());
    set("rto", us(more.rto));
    set("ato", us(more.ato));
    set("snd_mss", more.snd_mss.into());
    set("rcv_mss", more.rcv_mss.into());
    set("unacked", info.unacked.into());
    set("sacked", info.sacked.into());
    set("lost", info.lost.into());
    set("retrans", more.retrans.into());
    set("fackets", 0);
    set("last_data_sent", ms(more.last_data_sent));
    set("last_ack_sent", 0);
    set("last_data_recv", ms(more.last_data_recv));
    set("last_ack_recv", ms(more.last_ack_recv));
    set("pmtu", u64::from(socket.config.mss) + 40);
    set("rcv_ssthresh", more.rcv_ssthresh.into());
    set("rtt", info.srtt.map_or(0, us));
    set("snd_ssthresh", info.ssthresh.into());
    set("snd_cwnd", info.cwnd.into());
    set("advmss", more.advmss.into());
    set("rcv_rtt", us(more.rcv_rtt));
    set("rcv_space", more.rcv_space.into());
    set("total_retrans", counters.retransmissions);
    set("bytes_acked", counters.bytes_acked);
    set("bytes_received", counters.bytes_received);
    set("bytes_sent", counters.bytes_sent);
    set("segs_out", counters.segments_sent);
    set("segs_in", counters.segments_received);
    set("data_segs_out", counters.data_segments_sent);
    set("notsent_bytes", more.notsent_bytes.into());
    // Linux has all bits set before the first sample.
    set("min_rtt", info.min_rtt.map_or(u32::MAX.into(), us));
    set("busy_time", us(more.busy_time));
    set("rwnd_limited", us(more.rwnd_limited));
    set("sndbuf_limited", us(more.sndbuf_limited));
    set("snd_wnd", more.snd_wnd.into());
    set("rcv_wnd", more.rcv_wnd.into());
    set("reordering", more.reordering.into());
    set("reord_seen", more.reord_seen.into());
    set("dsack_dups", more.dsack_dups);
    set("delivered", counters.delivered);
    set("delivered_ce", counters.delivered_marked);
    scope
}

/// Linux's number of a state.
fn state_number(state: State) -> u64 {
    match state {
        State::Established => 1,
        State::SynSent => 2,
        State::SynReceived => 3,
        State::FinWait1 => 4,
        State::FinWait2 => 5,
        State::TimeWait => 6,
        State::Closed => 7,
        State::CloseWait => 8,
        State::LastAck => 9,
        State::Closing => 11,
    }
}
