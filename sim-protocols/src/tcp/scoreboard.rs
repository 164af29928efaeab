//! What is sent and not acknowledged: one entry for each segment, in order, with what SACK, loss detection and retransmission know of it
//! (RFC 6675 §3; losses are found by order of sending as in RFC 8985 §6.2 once three segments are SACKed above a hole).

use std::collections::VecDeque;

use sim_core::Time;

use crate::wire::Seq;

/// The segments above a hole that make it a loss (RFC 5681 §3.2, RFC 6675 §2).
pub(crate) const DUP_THRESHOLD: u32 = 3;

const SACKED: u8 = 1;
const LOST: u8 = 2;
const RETRANSMITTED: u8 = 4;
/// Retransmitted at least once, whether or not that is still under way.
const EVER: u8 = 8;
/// Its sender pushed it (PSH): so it does when it is sent again.
const PUSHING: u8 = 16;

/// A segment under way.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sent {
    /// When it was sent last.
    pub at: Time,
    pub seq: Seq,
    /// What it takes of the sequence space: less than an IP datagram.
    len: u16,
    marks: u8,
}

impl Sent {
    /// What it takes of the sequence space.
    pub fn len(&self) -> u32 {
        self.len.into()
    }

    pub fn end(&self) -> Seq {
        self.seq + self.len()
    }

    fn has(&self, mark: u8) -> bool {
        self.marks & mark != 0
    }
}

/// What an acknowledgement has delivered.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Delivered {
    /// Segments, by cumulative or selective acknowledgement.
    pub segments: u32,
    /// When the first cumulatively acknowledged segment that was sent only once was sent, and the last one.
    pub first_sent: Option<Time>,
    pub last_sent: Option<Time>,
    /// When the last newly SACKed segment that was sent only once was sent.
    pub sacked_sent: Option<Time>,
}

/// The segments under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scoreboard {
    sent: VecDeque<Sent>,
    pub sacked: u32,
    pub lost: u32,
    pub retransmitted: u32,
    /// Everything below this one was looked at by loss detection; and nothing below it is lost and waits for retransmission.
    lost_below: Seq,
    retransmit_from: Seq,
    /// Right edge of the highest SACKed segment.
    highest_sacked: Option<Seq>,
    /// The last sending time of what was delivered (RFC 8985's RACK.xmit_ts), and the end of that segment.
    delivered_at: Time,
    delivered_end: Seq,
    /// Retransmissions in the order in which they were sent.
    retransmissions: VecDeque<(Seq, Time)>,
    /// The blocks of the last ACK: what they say is known.
    known: [(Seq, Seq); 4],
}

impl Scoreboard {
    /// Segments under way, delivered ones included.
    #[inline]
    pub fn packets(&self) -> u32 {
        self.sent.len() as u32
    }

    /// Segments that are believed to be in the network.
    #[inline]
    pub fn in_flight(&self) -> u32 {
        (self.packets() + self.retransmitted).saturating_sub(self.sacked + self.lost)
    }

    #[inline]
    pub fn push(&mut self, seq: Seq, len: u32, at: Time) {
        debug_assert!(len <= u16::MAX.into(), "a segment fits into a datagram");
        if self.sent.is_empty() {
            (self.lost_below, self.retransmit_from) = (seq, seq);
        }
        self.sent.push_back(Sent { at, seq, len: len as u16, marks: 0 });
    }

    /// The segment that was sent last has a PSH.
    pub fn mark_pushing(&mut self) {
        if let Some(last) = self.sent.back_mut() {
            last.marks |= PUSHING;
        }
    }

    /// Whether this segment has a PSH.
    pub fn pushing(&self, seq: Seq) -> bool {
        self.sent.get(self.index(seq)).is_some_and(|sent| sent.has(PUSHING))
    }

    /// Makes several of each segment that is longer than `most`, as the path has become smaller.
    pub fn split(&mut self, most: u32) {
        for sent in std::mem::take(&mut self.sent) {
            let (mut seq, end) = (sent.seq, sent.end());
            while seq < end {
                let len = most.min(end - seq);
                if seq > sent.seq {
                    self.sacked += u32::from(sent.has(SACKED));
                    self.lost += u32::from(sent.has(LOST));
                    self.retransmitted += u32::from(sent.has(RETRANSMITTED));
                }
                let marks = if seq + len == end { sent.marks } else { sent.marks & !PUSHING };
                self.sent.push_back(Sent { seq, len: len as u16, marks, ..sent });
                seq += len;
            }
        }
    }

    fn index(&self, seq: Seq) -> usize {
        self.sent.partition_point(|sent| sent.end() <= seq)
    }

    /// A cumulative acknowledgement. A segment that is acknowledged in part stays, with its rest.
    #[inline]
    pub fn acknowledge(&mut self, ack: Seq, delivered: &mut Delivered) {
        while let Some(front) = self.sent.front_mut() {
            if front.end() > ack {
                if front.seq < ack {
                    front.len = (front.end() - ack) as u16;
                    front.seq = ack;
                }
                break;
            }
            let front = self.sent.pop_front().expect("there is a first one");
            if front.has(SACKED) {
                self.sacked -= 1;
            } else {
                delivered.segments += 1;
                self.note_delivered(&front);
            }
            if front.has(LOST) {
                self.lost -= 1;
            }
            if front.has(RETRANSMITTED) {
                self.retransmitted -= 1;
            }
            if !front.has(EVER) && !front.has(SACKED) {
                delivered.first_sent.get_or_insert(front.at);
                delivered.last_sent = Some(front.at);
            }
        }
        self.lost_below = self.lost_below.max(ack);
        self.retransmit_from = self.retransmit_from.max(ack);
        if self.highest_sacked.is_some_and(|highest| highest <= ack) {
            self.highest_sacked = None;
        }
        if self.sent.is_empty() {
            self.retransmissions.clear();
        }
    }

    #[inline]
    fn note_delivered(&mut self, sent: &Sent) {
        if sent.at > self.delivered_at || (sent.at == self.delivered_at && sent.end() > self.delivered_end) {
            self.delivered_at = sent.at;
            self.delivered_end = sent.end();
        }
    }

    /// Selective acknowledgements between `una` and `nxt`.
    pub fn sack(&mut self, blocks: &[(Seq, Seq)], una: Seq, nxt: Seq, delivered: &mut Delivered) {
        for &(left, right) in blocks {
            // RFC 2018 §8, RFC 6675: a block must lie in the window; one below it is a duplicate's report (RFC 2883).
            if right <= left || left < una || right > nxt {
                continue;
            }
            // A block that has grown at its right end tells only that.
            let known = self.known.iter().find(|(from, to)| *from == left && *to <= right && *to > una);
            let from = known.map_or(left, |(_, to)| *to);
            let mut at = self.index(from);
            while let Some(sent) = self.sent.get_mut(at) {
                if sent.end() > right {
                    break;
                }
                at += 1;
                if sent.seq < left || sent.has(SACKED) {
                    continue;
                }
                let was = *sent;
                sent.marks = sent.marks & !(LOST | RETRANSMITTED) | SACKED;
                self.sacked += 1;
                self.lost -= u32::from(was.has(LOST));
                self.retransmitted -= u32::from(was.has(RETRANSMITTED));
                delivered.segments += 1;
                if !was.has(EVER) {
                    delivered.sacked_sent = Some(was.at);
                }
                self.note_delivered(&was);
            }
            self.highest_sacked = Some(self.highest_sacked.map_or(right, |highest| highest.max(right)));
        }
        self.known = [(una, una); 4];
        for (place, block) in self.known.iter_mut().zip(blocks) {
            *place = *block;
        }
    }

    /// Marks as lost every hole below the highest SACKed segment, once enough are SACKed (or recovery has begun); and each retransmission
    /// that was sent before something that has been delivered since. Returns how many were marked.
    pub fn detect_losses(&mut self, recovering: bool) -> u32 {
        let Some(highest) = self.highest_sacked else { return 0 };
        if !recovering && self.sacked < DUP_THRESHOLD {
            return 0;
        }
        let mut marked = 0;
        if self.lost_below < highest {
            let mut at = self.index(self.lost_below);
            while let Some(sent) = self.sent.get_mut(at) {
                if sent.end() > highest {
                    break;
                }
                if sent.marks & (SACKED | LOST) == 0 {
                    sent.marks |= LOST;
                    marked += 1;
                    self.lost += 1;
                    self.retransmit_from = self.retransmit_from.min(sent.seq);
                }
                at += 1;
            }
            self.lost_below = highest;
        }
        while let Some(&(seq, at)) = self.retransmissions.front() {
            if at >= self.delivered_at {
                break;
            }
            self.retransmissions.pop_front();
            let index = self.index(seq);
            if let Some(sent) = self.sent.get_mut(index).filter(|sent| sent.at == at && sent.has(RETRANSMITTED)) {
                sent.marks &= !RETRANSMITTED;
                self.retransmitted -= 1;
                self.retransmit_from = self.retransmit_from.min(sent.seq);
                marked += 1;
            }
        }
        marked
    }

    /// Marks the oldest segment as lost, SACK or not (NewReno's partial acknowledgement, RFC 6582 §3.2).
    pub fn lose_oldest(&mut self) {
        if let Some(front) = self.sent.front_mut()
            && front.marks & (SACKED | LOST) == 0
        {
            front.marks |= LOST;
            self.lost += 1;
            self.retransmit_from = self.retransmit_from.min(front.seq);
        }
    }

    /// After a time-out everything that is not SACKed counts as lost.
    pub fn lose_all(&mut self) {
        (self.lost, self.retransmitted) = (0, 0);
        for sent in &mut self.sent {
            sent.marks &= !RETRANSMITTED;
            if !sent.has(SACKED) {
                sent.marks |= LOST;
                self.lost += 1;
            }
        }
        self.retransmissions.clear();
        if let Some(front) = self.sent.front() {
            self.retransmit_from = front.seq;
        }
    }

    /// The first segment, a SYN, was lost and is sent again.
    pub fn lose_first(&mut self, seq: Seq, now: Time) {
        if self.sent.front().is_some_and(|front| front.seq == seq) {
            self.sent_again(seq, now);
        }
    }

    /// Forgets all selective acknowledgements (RFC 2018 §8: the receiver may have taken them back).
    pub fn renege(&mut self) {
        for sent in &mut self.sent {
            sent.marks &= !SACKED;
        }
        self.sacked = 0;
        self.highest_sacked = None;
        self.known = Default::default();
    }

    /// Whether the first segment is SACKED though it is not acknowledged: the receiver has taken it back.
    pub fn reneged(&self) -> bool {
        self.sent.front().is_some_and(|front| front.has(SACKED))
    }

    /// The first segment that is lost and was not sent again since.
    pub fn next_lost(&mut self) -> Option<Sent> {
        if self.lost <= self.retransmitted {
            return None;
        }
        let mut at = self.index(self.retransmit_from);
        while let Some(sent) = self.sent.get(at) {
            if sent.has(LOST) && !sent.has(RETRANSMITTED) {
                self.retransmit_from = sent.seq;
                return Some(*sent);
            }
            at += 1;
        }
        None
    }

    /// A segment was sent again.
    pub fn sent_again(&mut self, seq: Seq, now: Time) {
        let at = self.index(seq);
        let sent = self.sent.get_mut(at).expect("a segment that is sent again is under way");
        sent.at = now;
        if !sent.has(RETRANSMITTED) {
            self.retransmitted += 1;
        }
        if !sent.has(LOST) {
            self.lost += 1;
        }
        sent.marks |= RETRANSMITTED | EVER | LOST;
        self.retransmissions.push_back((sent.seq, now));
    }

    /// Without SACK: one more duplicate acknowledgement stands for one delivered segment.
    pub fn duplicate_ack(&mut self) {
        if self.sacked + self.lost < self.packets() {
            self.sacked += 1;
        }
    }

    /// Without SACK: forgets the duplicates that an advance explains.
    pub fn forget_duplicates(&mut self, acked: u32) {
        self.sacked = self.sacked.saturating_sub(acked.saturating_sub(1));
        self.sacked = self.sacked.min(self.packets().saturating_sub(self.lost));
    }

    /// Without SACK: forgets all duplicates.
    pub fn reset_duplicates(&mut self) {
        self.sacked = 0;
    }
}
