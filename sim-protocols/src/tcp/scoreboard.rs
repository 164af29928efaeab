//! What is sent and not acknowledged: one entry for each segment, in order, with what SACK, loss detection and retransmission know of it
//! (RFC 6675 §3). Losses are found by time (RACK, RFC 8985 §6.2) or by the number of segments SACKed above a hole (RFC 6675 §4).

use std::collections::VecDeque;

use sim_core::{Span, Time};

use crate::wire::Seq;

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
    /// The same of newly SACKed segments.
    pub first_sacked: Option<Time>,
    pub last_sacked: Option<Time>,
    /// Something was SACKed.
    pub sacked: bool,
    /// Something that was sent again is among what is cumulatively acknowledged.
    pub repeated: bool,
    /// Something of before the present recovery is among it that was sent only once.
    pub original: bool,
    /// The first of what was sent only once and has come behind what was sent later: it was reordered.
    pub reordered: Option<Seq>,
}

impl Delivered {
    /// The sending time of what measures the round trip (Karn's algorithm, RFC 6298 §3): the first segment that was sent only once.
    #[inline]
    pub fn timed(&self) -> Option<Time> {
        self.first_sent.filter(|_| !self.repeated).or(self.first_sacked)
    }

    /// The same for controls: the last segment, which no acknowledgement has waited for.
    #[inline]
    pub fn timed_last(&self) -> Option<Time> {
        self.last_sacked.or(self.last_sent.filter(|_| !self.repeated))
    }
}

/// What is known when an acknowledgement comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    pub now: Time,
    /// The end of the present recovery.
    pub high_seq: Seq,
    /// The right end of what was SACKed before it came.
    pub fack: Seq,
    /// The least round trip.
    pub min_rtt: Option<Span>,
    /// The clock that the acknowledgement echoes, and what is added to milliseconds to get it.
    pub echo: Option<(u32, u32)>,
}

impl Look {
    /// Whether the acknowledgement was provoked by something older than what was sent at `at`.
    pub fn is_of_before(&self, at: Time) -> bool {
        self.echo.is_some_and(|(echo, offset)| (echo.wrapping_sub((at.ms() as u32).wrapping_add(offset)) as i32) < 0)
    }
}

/// The segments under way.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scoreboard {
    sent: VecDeque<Sent>,
    /// The number of the oldest of these among all that were ever sent.
    first: u64,
    pub sacked: u32,
    pub lost: u32,
    pub retransmitted: u32,
    /// Everything below this one was looked at by loss detection; and nothing below it is lost and waits for retransmission.
    lost_below: u64,
    retransmit_from: u64,
    /// Right edge of the highest SACKed segment.
    highest_sacked: Option<Seq>,
    /// The last sending time of what was delivered (RFC 8985's RACK.xmit_ts), the end of that segment (RACK.end_seq), and the round trip of
    /// what was delivered last (RACK.rtt).
    delivered_at: Time,
    delivered_end: Seq,
    rack_rtt: Span,
    /// Something was delivered since losses were looked for.
    news: bool,
    /// Retransmissions and probes of the tail in the order in which they were sent.
    retransmissions: VecDeque<(u64, Time)>,
    /// The blocks of the last ACK: what they say is known.
    known: [(Seq, Seq); 4],
    /// The first bytes of segments that were found lost and not told of, where somebody asks.
    found: Option<Box<Found>>,
}

/// The first bytes of lost segments. It stands in a box of its own, as most scoreboards have none.
#[derive(Clone, Debug, Default)]
struct Found(Vec<Seq>);

impl Scoreboard {
    /// An empty one; whether it keeps in mind what it finds lost, for [`Scoreboard::take_found`].
    pub fn new(keeps_found: bool) -> Scoreboard {
        Scoreboard { found: keeps_found.then(Box::default), ..Scoreboard::default() }
    }

    /// What was found lost since this was asked last, in the order in which it was found.
    pub fn take_found(&mut self) -> Vec<Seq> {
        self.found.as_mut().map(|found| std::mem::take(&mut found.0)).unwrap_or_default()
    }

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
        (self.lost_below, self.retransmit_from) = (self.first, self.first);
        self.retransmissions.clear();
    }

    fn index(&self, seq: Seq) -> usize {
        self.sent.partition_point(|sent| sent.end() <= seq)
    }

    /// A cumulative acknowledgement. A segment that is acknowledged in part stays, with its rest.
    #[inline]
    pub fn acknowledge(&mut self, ack: Seq, look: &Look, delivered: &mut Delivered) {
        while let Some(front) = self.sent.front_mut() {
            if front.end() > ack {
                if front.seq < ack {
                    front.len = (front.end() - ack) as u16;
                    front.seq = ack;
                }
                break;
            }
            let front = self.sent.pop_front().expect("there is a first one");
            self.first += 1;
            if front.marks & !PUSHING == 0 {
                delivered.segments += 1;
                delivered.first_sent.get_or_insert(front.at);
                delivered.last_sent = Some(front.at);
                delivered.original |= front.end() <= look.high_seq;
                self.note_delivered(&front, look.now);
                if front.seq < look.fack {
                    delivered.reordered.get_or_insert(front.seq);
                }
            } else {
                self.acknowledge_marked(&front, look, delivered);
            }
        }
        self.lost_below = self.lost_below.max(self.first);
        self.retransmit_from = self.retransmit_from.max(self.first);
        if self.highest_sacked.is_some_and(|highest| highest <= ack) {
            self.highest_sacked = None;
        }
        if self.sent.is_empty() {
            self.retransmissions.clear();
        }
    }

    fn acknowledge_marked(&mut self, front: &Sent, look: &Look, delivered: &mut Delivered) {
        if front.has(LOST) {
            self.lost -= 1;
        }
        if front.has(RETRANSMITTED) {
            self.retransmitted -= 1;
        }
        delivered.repeated |= front.has(EVER);
        if front.has(SACKED) {
            self.sacked -= 1;
            return;
        }
        delivered.segments += 1;
        if !front.has(EVER) {
            delivered.first_sent.get_or_insert(front.at);
            delivered.last_sent = Some(front.at);
            delivered.original |= front.end() <= look.high_seq;
            if front.seq < look.fack {
                delivered.reordered.get_or_insert(front.seq);
            }
        }
        // RFC 8985 §6.2 step 2: what its first transmission may have brought tells nothing of the last one.
        if !front.has(EVER) || !look.is_of_before(front.at) && self.is_no_echo(front, look) {
            self.note_delivered(front, look.now);
        }
    }

    /// Whether what was sent again came back no sooner than a round trip.
    fn is_no_echo(&self, sent: &Sent, look: &Look) -> bool {
        look.min_rtt.is_none_or(|least| look.now.since(sent.at) >= least)
    }

    #[inline]
    fn note_delivered(&mut self, sent: &Sent, now: Time) {
        self.news = true;
        self.rack_rtt = now.since(sent.at);
        if sent.at > self.delivered_at || (sent.at == self.delivered_at && sent.end() > self.delivered_end) {
            self.delivered_at = sent.at;
            self.delivered_end = sent.end();
        }
    }

    /// Selective acknowledgements between `una` and `nxt`.
    pub fn sack(&mut self, blocks: &[(Seq, Seq)], una: Seq, nxt: Seq, look: &Look, delivered: &mut Delivered) {
        for &(left, right) in blocks {
            // RFC 2018 §8, RFC 6675: a block must lie in the window; one below it is a duplicate's report (RFC 2883).
            if right <= left || left < una || right > nxt {
                continue;
            }
            // A block that has grown at its right end tells only that.
            let known = self.known.iter().find(|(from, to)| *from == left && *to <= right && *to > una);
            let from = known.map_or(left, |(_, to)| *to);
            if from == right {
                continue;
            }
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
                self.take_sacked(&was, look, delivered);
            }
            self.highest_sacked = Some(self.highest_sacked.map_or(right, |highest| highest.max(right)));
        }
        self.known = [(una, una); 4];
        for (place, block) in self.known.iter_mut().zip(blocks) {
            *place = *block;
        }
    }

    fn take_sacked(&mut self, was: &Sent, look: &Look, delivered: &mut Delivered) {
        self.sacked += 1;
        self.lost -= u32::from(was.has(LOST));
        self.retransmitted -= u32::from(was.has(RETRANSMITTED));
        delivered.segments += 1;
        delivered.sacked = true;
        if was.has(EVER) {
            if self.is_no_echo(was, look) {
                self.note_delivered(was, look.now);
            }
            return;
        }
        delivered.first_sacked.get_or_insert(was.at);
        delivered.last_sacked = Some(was.at);
        delivered.original |= was.end() <= look.high_seq;
        if was.seq < look.fack {
            delivered.reordered = Some(delivered.reordered.map_or(was.seq, |lowest| lowest.min(was.seq)));
        }
        self.note_delivered(was, look.now);
    }

    /// The right end of what is SACKed; `una` if nothing is.
    pub fn highest_sacked(&self, una: Seq) -> Seq {
        self.highest_sacked.unwrap_or(una)
    }

    /// How many segments between these two numbers were sent more than once.
    pub fn repeated_in(&self, left: Seq, right: Seq) -> u32 {
        let from = self.index(left);
        self.sent.iter().skip(from).take_while(|sent| sent.end() <= right).filter(|sent| sent.has(EVER)).count() as u32
    }

    /// Whether anything could be found lost that is not yet: something is SACKed, or was sent again.
    #[inline]
    pub fn is_suspicious(&self) -> bool {
        self.highest_sacked.is_some() || !self.retransmissions.is_empty()
    }

    /// RACK (RFC 8985 §6.2 step 5, Linux's tcp_rack_detect_loss): lost is what was sent before something that is delivered, and not within its
    /// round trip and the reordering window, `window`; retransmissions as well. Returns how many were marked, and how long until the last of
    /// those that were spared would be.
    pub fn detect_by_time(&mut self, now: Time, window: Span) -> (u32, Span) {
        self.news = false;
        let latest = self.rack_rtt + window;
        let (mut marked, mut wait, mut settled) = (0, Span::ZERO, true);
        let mut at = self.lost_below;
        while let Some(sent) = self.sent.get_mut((at - self.first) as usize) {
            if sent.marks & (SACKED | LOST | EVER) == 0 {
                if sent.at > self.delivered_at || sent.at == self.delivered_at && sent.end() >= self.delivered_end {
                    break;
                }
                let since = now.since(sent.at);
                if since < latest {
                    wait = wait.max(latest - since);
                    settled = false;
                } else {
                    sent.marks |= LOST;
                    marked += 1;
                    self.lost += 1;
                    self.retransmit_from = self.retransmit_from.min(at);
                    note(&mut self.found, sent.seq);
                }
            }
            at += 1;
            if settled {
                self.lost_below = at;
            }
        }
        let mut at = 0;
        while let Some(&(number, when)) = self.retransmissions.get(at) {
            let sent = number.checked_sub(self.first).and_then(|index| self.sent.get_mut(index as usize));
            let sent = sent
                .filter(|sent| sent.at == when && !sent.has(SACKED) && (sent.has(RETRANSMITTED) || !sent.has(LOST)));
            let Some(sent) = sent else {
                // Delivered, found lost, or sent once more since.
                match at {
                    0 => drop(self.retransmissions.pop_front()),
                    _ => at += 1,
                }
                continue;
            };
            if when > self.delivered_at || when == self.delivered_at && sent.end() >= self.delivered_end {
                break;
            }
            let since = now.since(when);
            if since < latest {
                wait = wait.max(latest - since);
            } else {
                self.lost += u32::from(!sent.has(LOST));
                self.retransmitted -= u32::from(sent.has(RETRANSMITTED));
                sent.marks = sent.marks & !RETRANSMITTED | LOST;
                marked += 1;
                self.retransmit_from = self.retransmit_from.min(number);
                note(&mut self.found, sent.seq);
            }
            at += 1;
        }
        (marked, wait)
    }

    /// Whether something was delivered since losses were looked for by time.
    pub fn has_news(&self) -> bool {
        self.news
    }

    /// A reduction was undone: losses are to be looked for anew.
    pub fn look_again(&mut self) {
        self.news = true;
    }

    /// RFC 6675 §4, `IsLost`: lost is what has `threshold` segments SACKed above it. Returns how many were marked.
    pub fn detect_by_count(&mut self, threshold: u32) -> u32 {
        let Some(highest) = self.highest_sacked.filter(|_| self.sacked >= threshold) else { return 0 };
        let top = self.index(highest);
        let sacked = self.sent.range(..top).enumerate().rev().filter(|(_, sent)| sent.has(SACKED));
        let Some((edge, _)) = sacked.take(threshold as usize).last() else { return 0 };
        let mut marked = 0;
        for at in (self.lost_below - self.first) as usize..edge {
            let sent = &mut self.sent[at];
            if sent.marks & (SACKED | LOST) == 0 {
                sent.marks |= LOST;
                marked += 1;
                self.retransmit_from = self.retransmit_from.min(self.first + at as u64);
                note(&mut self.found, sent.seq);
            }
        }
        self.lost += marked;
        self.lost_below = self.lost_below.max(self.first + edge as u64);
        marked
    }

    /// Marks the oldest segment as lost, SACK or not (NewReno's partial acknowledgement, RFC 6582 §3.2). Returns how many were
    /// marked.
    pub fn lose_oldest(&mut self) -> u32 {
        match self.sent.front_mut() {
            Some(front) if front.marks & (SACKED | LOST) == 0 => {
                front.marks |= LOST;
                self.lost += 1;
                self.retransmit_from = self.first;
                note(&mut self.found, front.seq);
                1
            }
            _ => 0,
        }
    }

    /// Everything that is not SACKed counts as lost.
    pub fn lose_all(&mut self) {
        (self.lost, self.retransmitted) = (0, 0);
        for sent in &mut self.sent {
            if !sent.has(SACKED) && (!sent.has(LOST) || sent.has(RETRANSMITTED)) {
                note(&mut self.found, sent.seq);
            }
            sent.marks &= !RETRANSMITTED;
            if !sent.has(SACKED) {
                sent.marks |= LOST;
                self.lost += 1;
            }
        }
        self.retransmissions.clear();
        self.retransmit_from = self.first;
    }

    /// What is longer than `most` and not SACKed counts as lost (Linux's tcp_simple_retransmit).
    pub fn lose_longer(&mut self, most: u32) {
        for sent in self.sent.iter_mut().filter(|sent| u32::from(sent.len) > most && !sent.has(SACKED)) {
            self.lost += u32::from(!sent.has(LOST));
            self.retransmitted -= u32::from(sent.has(RETRANSMITTED));
            sent.marks = sent.marks & !RETRANSMITTED | LOST;
        }
        self.retransmit_from = self.first;
    }

    /// After a time-out everything that is not SACKed counts as lost, but what was sent so lately that its acknowledgement could not be here
    /// (RFC 8985 §6.3, Linux's tcp_timeout_mark_lost).
    pub fn lose_old(&mut self, now: Time) {
        let latest = self.rack_rtt;
        for (at, sent) in self.sent.iter_mut().enumerate() {
            if sent.has(SACKED) || at > 0 && now.since(sent.at) < latest {
                continue;
            }
            if !sent.has(LOST) || sent.has(RETRANSMITTED) {
                note(&mut self.found, sent.seq);
            }
            self.lost += u32::from(!sent.has(LOST));
            self.retransmitted -= u32::from(sent.has(RETRANSMITTED));
            sent.marks = sent.marks & !RETRANSMITTED | LOST;
        }
        self.retransmit_from = self.first;
    }

    /// Nothing is lost after all.
    pub fn forget_losses(&mut self) {
        for sent in &mut self.sent {
            sent.marks &= !LOST;
        }
        self.lost = 0;
        self.lost_below = self.first;
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
        let mut at = self.retransmit_from;
        while let Some(sent) = self.sent.get((at - self.first) as usize) {
            if sent.has(LOST) && !sent.has(RETRANSMITTED) {
                self.retransmit_from = at;
                return Some(*sent);
            }
            at += 1;
        }
        None
    }

    /// A segment was sent again; says when it was sent before.
    pub fn sent_again(&mut self, seq: Seq, now: Time) -> Time {
        let next = (self.retransmit_from - self.first) as usize;
        let at = if self.sent.get(next).is_some_and(|sent| sent.seq == seq) { next } else { self.index(seq) };
        let sent = self.sent.get_mut(at).expect("a segment that is sent again is under way");
        let before = std::mem::replace(&mut sent.at, now);
        if !sent.has(RETRANSMITTED) {
            self.retransmitted += 1;
        }
        self.lost += u32::from(!sent.has(LOST));
        sent.marks |= RETRANSMITTED | EVER | LOST;
        self.retransmissions.push_back((self.first + at as u64, now));
        before
    }

    /// The last segment is sent again to ask whether it has come: it may still arrive, so it does not count as lost. It is given back as it was.
    pub fn probed(&mut self, now: Time) -> Option<Sent> {
        let last = self.sent.back_mut()?;
        let before = *last;
        last.at = now;
        last.marks |= EVER;
        self.retransmissions.push_back((self.first + self.sent.len() as u64 - 1, now));
        Some(before)
    }

    /// When the oldest segment was sent last.
    #[inline]
    pub fn oldest_at(&self) -> Option<Time> {
        self.sent.front().map(|front| front.at)
    }

    /// Whether the oldest segment was ever sent again.
    pub fn oldest_repeated(&self) -> bool {
        self.sent.front().is_some_and(|front| front.has(EVER))
    }

    /// Without SACK: one more duplicate acknowledgement stands for one delivered segment. Returns false where there are more of them than
    /// segments that could have caused them.
    pub fn duplicate_ack(&mut self) -> bool {
        let holes = self.lost.clamp(1, self.packets().max(1));
        let fits = self.sacked + holes < self.packets();
        self.sacked += u32::from(fits);
        fits
    }

    /// Without SACK: forgets the duplicates that an advance explains. Returns how many segments it delivers that none of them has told of.
    pub fn forget_duplicates(&mut self, acked: u32) -> u32 {
        let news = acked.saturating_sub(self.sacked).max(u32::from(acked > 0));
        self.sacked = self.sacked.saturating_sub(acked.saturating_sub(1));
        self.sacked = self.sacked.min(self.packets().saturating_sub(self.lost));
        news
    }

    /// Without SACK: forgets all duplicates.
    pub fn reset_duplicates(&mut self) {
        self.sacked = 0;
    }
}

/// A segment was found lost.
fn note(found: &mut Option<Box<Found>>, seq: Seq) {
    if let Some(found) = found {
        found.0.push(seq);
    }
}
