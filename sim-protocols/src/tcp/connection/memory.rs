//! Memory: what the send buffer takes and where its packets end, and how the receive buffer grows, after Linux 6.

use std::collections::VecDeque;

use sim_core::Time;

use super::super::config::Profile;
use super::super::fast_open::Opening;
use super::calls::PUSH;
use super::{Connection, Segment};
use crate::wire::Seq;

/// What an interface that cuts packets takes at once (Linux's gso_max_size, less the room for headers).
const GSO_BYTES: u32 = 65_536 - 320 - 1;

/// What few connections need.
#[derive(Clone, Debug, Default)]
pub(super) struct Rare {
    /// Where records end that are not to be merged, in order.
    pub records: VecDeque<Seq>,
    /// What Fast Open is about to do, or has done.
    pub opening: Opening,
    /// An acknowledgement that must leave before anything else.
    pub ahead: Option<Segment>,
}

/// The send side.
impl Connection {
    pub(super) fn rare(&mut self) -> &mut Rare {
        self.rare.get_or_insert_default()
    }

    /// What a packet of the send queue holds at most (Linux's size_goal): a segment, or many that the interface cuts.
    fn packet_bytes(&self) -> u32 {
        if !self.config.gso {
            return self.mss;
        }
        let most = GSO_BYTES.min(if self.max_window > 0 { self.max_window / 2 } else { GSO_BYTES });
        (most / self.mss).max(1) * self.mss
    }

    /// Bytes have been appended: where do packets end, and which of them push? Linux marks the packet that a write ends in, and takes the
    /// mark off again when the next write fills it up; besides, each half of the largest window pushes (tcp_sendmsg, forced_push).
    pub(super) fn queue(&mut self, start: Seq, len: u32) {
        let (goal, end) = (self.packet_bytes(), start + len);
        let mut tail = self.tail_start.max(self.nxt);
        let record_ended = self.rare.as_ref().is_some_and(|rare| rare.records.back() == Some(&start));
        if tail >= start || record_ended || start - tail >= goal {
            tail = start;
            self.nonagle &= !PUSH;
        } else if self.pushes.back() == Some(&start) {
            self.pushes.pop_back();
        }
        let half = self.max_window / 2;
        while half > 0 && end - tail > goal {
            // The first packet whose end is more than half a window behind the last push.
            let reach = (self.pushed + half).since(tail).max(0) as u32 / goal;
            let full = (reach + 1) * goal;
            if full >= end - tail {
                break;
            }
            tail += full;
            self.push_at(tail);
        }
        self.tail_start = tail + (end - tail - 1) / goal * goal;
        if !self.more || end > self.pushed + half {
            self.push_at(end);
        }
    }

    fn push_at(&mut self, place: Seq) {
        self.pushes.push_back(place);
        self.pushed = place;
    }

    /// Whether the packet that ends here pushes; marks before it are forgotten.
    #[inline]
    pub(super) fn pushes_at(&mut self, end: Seq) -> bool {
        while let Some(&place) = self.pushes.front() {
            if place > end {
                return false;
            }
            self.pushes.pop_front();
            if place == end {
                return true;
            }
        }
        false
    }

    /// The first of these bytes that belong to one record.
    #[inline]
    pub(super) fn within_record(&mut self, len: u32) -> u32 {
        let (una, nxt) = (self.una, self.nxt);
        let Some(rare) = &mut self.rare else { return len };
        while rare.records.front().is_some_and(|end| *end <= una) {
            rare.records.pop_front();
        }
        rare.records.iter().find(|end| **end > nxt).map_or(len, |end| len.min(*end - nxt))
    }

    /// Whether what is written next begins a packet of its own.
    fn ends_with_record(&self) -> bool {
        self.rare.as_ref().is_some_and(|rare| rare.records.back() == Some(&self.write_end()))
    }

    /// What the send buffer takes: bytes, and the bookkeeping of packets where that counts.
    pub(super) fn used_send_buffer(&self) -> u32 {
        let overhead = self.config.send_overhead;
        if overhead == 0 {
            return self.outgoing.len();
        }
        let sent = match self.config.gso {
            true => (self.outgoing.len() - self.unsent()).div_ceil(self.packet_bytes()),
            false => self.board.packets(),
        };
        self.outgoing.len() + overhead * (sent + self.unsent().div_ceil(self.packet_bytes()))
    }

    /// Bytes that fit into the send buffer. Where packets have a cost, a packet that has begun is filled, and a new one begins as long as the
    /// buffer is not full, though it may not all fit (sk_stream_memory_free).
    #[inline]
    pub(super) fn room(&self) -> u32 {
        let lowat = self.options().notsent_lowat;
        if self.config.send_overhead == 0 && lowat == u32::MAX {
            return self.sndbuf.saturating_sub(self.outgoing.len());
        }
        self.room_in_packets(lowat)
    }

    #[cold]
    fn room_in_packets(&self, lowat: u32) -> u32 {
        let (goal, overhead, unsent) = (self.packet_bytes(), self.config.send_overhead, self.unsent());
        let begun = match unsent % goal {
            0 => 0,
            _ if self.ends_with_record() => 0,
            rest => goal - rest,
        };
        let unsent_room = lowat.saturating_sub(unsent.saturating_add(begun)).div_ceil(goal);
        if overhead == 0 {
            let free = self.sndbuf.saturating_sub(self.outgoing.len());
            return free.min(begun.saturating_add(unsent_room.saturating_mul(goal)));
        }
        let free = self.sndbuf.saturating_sub(self.used_send_buffer() + begun);
        begun + free.div_ceil(goal + overhead).min(unsent_room) * goal
    }
}

/// The receive side: dynamic right-sizing.
impl Connection {
    /// The round trip as the receiver sees it (tcp_rcv_rtt_update): from the echo of its own clock, or from a window to the next. The least
    /// counts; a larger one is smoothed, and only when nothing waits to be read.
    pub(super) fn receiver_rtt(&mut self, now: Time, len: u32, segment: &Segment) {
        let echoed = segment.repr.options.timestamps.filter(|_| self.timestamps).map(|clock| clock.ecr);
        let (clock, empty) = (self.clock(now), self.incoming.len() <= len);
        let tuning = &mut self.receiver.tuning;
        let sample = match echoed {
            Some(echo) if echo == tuning.last_echo => return,
            Some(echo) => {
                tuning.last_echo = echo;
                let ms = clock.wrapping_sub(echo);
                if len < self.receiver.mss || ms == 0 || ms > 1 << 22 {
                    return;
                }
                ms * 1000
            }
            None => {
                let (begin, until) = (tuning.measured_from, tuning.measure_until);
                if begin != Time::ZERO && self.receiver.nxt < until {
                    return;
                }
                tuning.measured_from = now;
                tuning.measure_until = self.receiver.nxt + self.receiver.edge.since(self.receiver.acked).max(0) as u32;
                if begin == Time::ZERO {
                    return;
                }
                u32::try_from(now.since(begin).us().max(1)).unwrap_or(u32::MAX >> 4)
            }
        };
        let sample8 = sample.saturating_mul(8);
        if tuning.rtt8 == 0 || sample8 < tuning.rtt8 {
            tuning.rtt8 = sample8;
        } else if empty && echoed.is_some() {
            tuning.rtt8 = tuning.rtt8 - tuning.rtt8 / 8 + sample;
        }
    }

    /// The application has read: once a round trip the buffer grows to what it takes at this rate, and twice that where the rate grows
    /// (Linux 6.18's tcp_rcv_space_adjust, tcp_rcvbuf_grow).
    pub(super) fn tune_receive_buffer(&mut self, now: Time) {
        let most = self.receiver.buffer_max;
        if most == 0 || self.config.profile != Profile::Linux6 {
            return;
        }
        let read = self.incoming.end() - u64::from(self.incoming.len());
        let (waiting, mss) = (u64::from(self.incoming.len()), u64::from(self.receiver.mss));
        let tuning = &mut self.receiver.tuning;
        // Linux judges packet by packet, the first with all others still waiting.
        let first = read.min(std::mem::replace(&mut tuning.seen, read) + mss);
        if tuning.rtt8 == 0 || now.since(tuning.since).us() < u64::from(tuning.rtt8 / 8) {
            return;
        }
        let copied = (first - tuning.from).saturating_sub(waiting + read - first) as u32;
        let before = tuning.space;
        (tuning.from, tuning.since) = (first, now);
        if copied <= before {
            return;
        }
        tuning.space = copied;
        self.grow_receive_buffer(copied, copied - before);
    }

    /// Room for twice of what is read in a round trip, for more where that has grown, and for what waits behind a hole.
    pub(super) fn grow_receive_buffer(&mut self, space: u32, growth: u32) {
        let most = self.receiver.buffer_max;
        if most == 0 || self.config.profile != Profile::Linux6 {
            return;
        }
        let ahead = self.early.ranges().iter().map(|(_, right)| right - self.incoming.end()).max().unwrap_or(0);
        let window = 2 * u64::from(space);
        let growth = window * u64::from(growth) / u64::from((space - growth).max(1));
        let window = window + 2 * growth + ahead;
        let buffer = (window * 256 / u64::from(self.receiver.ratio)).min(most.into()) as u32;
        if buffer > self.receiver.buffer {
            self.receiver.buffer = buffer;
            self.receiver.clamp = self.receiver.window_of(buffer).min(self.options().window_clamp);
        }
    }
}
