//! What some controls need beyond acknowledgements: samples of the delivery rate (draft-cheng-iccrg-delivery-rate-estimation, Linux's
//! tcp_rate.c) and pacing. All of it stands in one box, which a connection without them does not have.

use std::collections::VecDeque;

use sim_core::{Ecn, Rate, Span, Time};

use super::super::cc::{Delivery, Heard, Lost, Mode, Needs, Path, Sample};
use super::super::scoreboard::Delivered;
use super::super::trace::{Cause, Phase, RateChange};
use super::Connection;
use super::timers::Timer;
use crate::wire::{Seq, TcpRepr};

/// So many segments of a connection leave before it is paced (Linux, as sch_fq).
const FREE_SEGMENTS: u64 = 10;
/// Linux's tcp_pacing_ss_ratio and tcp_pacing_ca_ratio: the rate in percent of a window in a round trip.
const SLOW_START_PERCENT: u64 = 200;
const AVOIDANCE_PERCENT: u64 = 120;

/// The box.
#[derive(Clone, Debug)]
pub(super) struct Governor {
    needs: Needs,
    sampler: Option<Sampler>,
    pacer: Option<Pacer>,
    /// Segments lost.
    lost: u64,
    prior_in_flight: u32,
    /// The mark of the last segment that came, for a receiver that echoes each change.
    marked_last: bool,
    tracing: bool,
    changes: VecDeque<RateChange>,
    told: Option<(Rate, Mode)>,
}

impl Governor {
    /// One for a control that needs one, or where pacing is wanted.
    pub fn open(needs: Needs, pacing: bool) -> Option<Box<Governor>> {
        let paced = pacing || needs.samples;
        (paced || needs != Needs::NOTHING).then(|| {
            Box::new(Governor {
                needs,
                sampler: needs.samples.then(Sampler::default),
                pacer: paced.then(Pacer::default),
                lost: 0,
                prior_in_flight: 0,
                marked_last: false,
                tracing: false,
                changes: VecDeque::new(),
                told: None,
            })
        })
    }
}

/// A segment under way, with what had been delivered and lost when it left.
#[derive(Clone, Copy, Debug)]
struct Flying {
    seq: Seq,
    end: Seq,
    /// When it was sent last.
    at: Time,
    /// When the first segment of the interval before it was sent, and when the last one was delivered.
    first_sent: Time,
    delivered_at: Time,
    delivered: u64,
    /// What had been found lost, modulo 2^32; and what was in flight, itself included.
    lost: u32,
    in_flight: u32,
    app_limited: bool,
    /// It was SACKed and has told what it can.
    done: bool,
}

/// What a connection had come to when a segment left: segments delivered, found lost (modulo 2^32), in flight.
#[derive(Clone, Copy, Debug)]
struct Left {
    delivered: u64,
    lost: u32,
    in_flight: u32,
}

/// Delivery rates.
#[derive(Clone, Debug, Default)]
struct Sampler {
    flying: VecDeque<Flying>,
    first_sent: Time,
    delivered_at: Time,
    /// Until so many are delivered, the application has limited what was sent.
    app_limited: Option<u64>,
    /// The last sent of what this acknowledgement delivers, and how long the sending of its interval took.
    newest: Option<(Flying, Span)>,
}

impl Sampler {
    fn sent(&mut self, seq: Seq, end: Seq, now: Time, left: Left) {
        if self.flying.is_empty() {
            (self.first_sent, self.delivered_at) = (now, now);
        }
        let new = Flying {
            seq,
            end,
            at: now,
            first_sent: self.first_sent,
            delivered_at: self.delivered_at,
            delivered: left.delivered,
            lost: left.lost,
            in_flight: left.in_flight,
            app_limited: self.app_limited.is_some(),
            done: false,
        };
        if self.flying.back().is_none_or(|last| last.end <= seq) {
            self.flying.push_back(new);
            return;
        }
        // Sent again, perhaps in other pieces than before.
        let from = self.flying.partition_point(|old| old.end <= seq);
        for old in self.flying.range_mut(from..).take_while(|old| old.seq < end) {
            *old = Flying { seq: old.seq, end: old.end, done: old.done, ..new };
        }
    }

    fn delivers(&mut self, flying: Flying) {
        let later = |newest: &Flying| (flying.at, flying.end) > (newest.at, newest.end);
        if self.newest.as_ref().is_none_or(|(newest, _)| later(newest)) {
            self.newest = Some((flying, flying.at.since(flying.first_sent)));
            self.first_sent = flying.at;
        }
    }

    fn acknowledged(&mut self, ack: Seq, blocks: &[(Seq, Seq)]) {
        self.newest = None;
        while let Some(front) = self.flying.front().copied().filter(|front| front.end <= ack) {
            self.flying.pop_front();
            if !front.done {
                self.delivers(front);
            }
        }
        for &(left, right) in blocks {
            let from = self.flying.partition_point(|flying| flying.seq < left);
            for at in from..self.flying.len() {
                let flying = self.flying[at];
                if flying.end > right {
                    break;
                }
                if !flying.done {
                    self.flying[at].done = true;
                    self.delivers(flying);
                }
            }
        }
    }

    /// The segment under way to which a byte belongs.
    fn find(&self, seq: Seq) -> Option<&Flying> {
        let at = self.flying.partition_point(|flying| flying.end <= seq);
        self.flying.get(at).filter(|flying| flying.seq <= seq)
    }

    /// The sample of an acknowledgement, behind which `delivered` segments are delivered, `new` by itself, and `lost` are lost.
    fn sample(
        &mut self,
        now: Time,
        (delivered, new): (u64, u32),
        lost: u64,
        min_rtt: Option<Span>,
    ) -> Option<Delivery> {
        if self.app_limited.is_some_and(|limit| delivered > limit) {
            self.app_limited = None;
        }
        if new > 0 {
            self.delivered_at = now;
        }
        let (newest, sending) = self.newest.take()?;
        let acknowledging = now.since(newest.delivered_at);
        let interval = sending.max(acknowledging);
        // Shorter than any round trip: acknowledgements of what was sent twice, or reordered ones.
        if min_rtt.is_some_and(|least| interval.us() < least.us()) {
            return None;
        }
        Some(Delivery {
            segments: delivered - newest.delivered,
            interval_us: interval.us(),
            prior: newest.delivered,
            in_flight: newest.in_flight,
            lost: (lost as u32).wrapping_sub(newest.lost).into(),
            app_limited: newest.app_limited,
        })
    }
}

/// When the next segment may leave.
#[derive(Clone, Copy, Debug, Default)]
struct Pacer {
    /// Bytes of payload a second; 0 before there is a rate.
    rate: u64,
    next: Time,
}

impl Pacer {
    /// A segment leaves; what it came late is made good, up to half of its time.
    fn sent(&mut self, now: Time, bytes: u32, segments: u64) {
        let start = self.next.max(now);
        let late = start.since(self.next);
        self.next = start;
        if self.rate > 0 && segments >= FREE_SEGMENTS {
            let ps = u128::from(bytes) * 1_000_000_000_000 / u128::from(self.rate);
            let span = Span::from_ps(u64::try_from(ps).unwrap_or(u64::MAX / 4));
            self.next = start.saturating_add(span - late.min(span / 2));
        }
    }
}

impl Connection {
    /// What the control must know of the path.
    pub(super) fn path(&self, now: Time) -> Path {
        let sampler = self.governor.as_ref().and_then(|governor| governor.sampler.as_ref());
        Path {
            now,
            nxt: self.nxt,
            srtt: self.rtt.srtt(),
            min_rtt: self.rtt.min,
            mss: self.mss,
            app_limited: sampler.is_some_and(|sampler| sampler.app_limited.is_some()),
            cwnd_limited: self.cwnd_limited,
            sack: self.sack,
        }
    }

    /// The connection is established.
    pub(super) fn govern_from_here(&mut self, now: Time) {
        let path = self.path(now);
        self.control.on_established(&self.window, &path);
        self.counters.delivered = 1;
        self.set_pacing(now);
    }

    /// An acknowledgement has come: what it delivers, before anything forgets it.
    #[cold]
    pub(super) fn before_acknowledgement(&mut self, repr: &TcpRepr) {
        let in_flight = self.board.in_flight();
        let Some(governor) = &mut self.governor else { return };
        governor.prior_in_flight = in_flight;
        if let Some(sampler) = &mut governor.sampler {
            let blocks = if self.sack { repr.options.sack.as_slice() } else { &[] };
            sampler.acknowledged(repr.ack, blocks);
        }
    }

    /// The window and the pacing rate after an acknowledgement, for controls that need more than [`Connection::adjust_window`] tells.
    #[cold]
    pub(super) fn govern(&mut self, now: Time, advanced: bool, lost: u32, delivered: &Delivered) {
        self.tell_losses(now, lost);
        let Some(governor) = &self.governor else { return };
        let needs = governor.needs;
        let rtt = delivered.timed_last().map(|sent| now.since(sent));
        if needs.every_ack {
            let heard = Heard {
                now,
                una: self.una,
                nxt: self.nxt,
                delivered: self.counters.delivered,
                marked: self.counters.delivered_marked,
                rtt,
                phase: self.phase,
                mss: self.mss,
            };
            self.control.on_heard(&mut self.window, &heard);
        }
        if needs.samples {
            self.sample(now, lost, rtt, delivered);
        } else {
            self.adjust_window(now, advanced, lost, delivered);
        }
        self.set_pacing(now);
    }

    fn sample(&mut self, now: Time, losses: u32, rtt: Option<Span>, delivered: &Delivered) {
        let path = self.path(now);
        let (una, in_flight, total) = (self.una, self.board.in_flight(), self.counters.delivered);
        let governor = self.governor.as_mut().expect("a control that samples has one");
        let sampler = governor.sampler.as_mut().expect("a control that samples has a sampler");
        let alone = sampler.newest.filter(|_| delivered.segments == 1).map(|(newest, _)| newest);
        let may_be_delayed = alone.is_some_and(|newest| {
            newest.end == una && newest.end - newest.seq < self.mss && newest.delivered + 1 == total
        });
        let sample = Sample {
            path,
            delivery: sampler.sample(now, (total, delivered.segments), governor.lost, path.min_rtt),
            acked: delivered.segments,
            losses,
            prior_in_flight: governor.prior_in_flight,
            in_flight,
            rtt,
            may_be_delayed: may_be_delayed && self.phase == Phase::Open,
            delivered: total,
            lost: governor.lost,
            wait: governor.pacer.map_or(Span::ZERO, |pacer| pacer.next.since(now)),
            phase: self.phase,
        };
        let before = self.window;
        if self.control.on_sample(&mut self.window, &sample) {
            self.limited_from_here();
        }
        if self.window != before {
            let exit = self.window.ssthresh != before.ssthresh;
            self.note(now, if exit { Cause::SlowStartExit } else { Cause::Model });
        }
    }

    /// What is sent until all that is in flight now is delivered says nothing of the path.
    fn limited_from_here(&mut self) {
        let in_flight = u64::from(self.board.in_flight());
        if let Some(governor) = &mut self.governor
            && let Some(sampler) = &mut governor.sampler
        {
            sampler.app_limited = Some((self.counters.delivered + in_flight).max(1));
        }
    }

    /// The application writes: if all before has left and there was room for more, the application was the limit.
    pub(super) fn look_for_limit(&mut self) {
        if self.unsent() < self.mss
            && self.board.in_flight() < self.window.cwnd
            && self.board.lost <= self.board.retransmitted
        {
            self.limited_from_here();
        }
    }

    /// Losses that no sample goes with: a time-out, what was spared and did not come, what an overtaken acknowledgement tells of.
    pub(super) fn govern_losses(&mut self, now: Time, lost: u32) {
        self.tell_losses(now, lost);
        self.set_pacing(now);
    }

    /// So many segments are newly lost; a control that needs it hears of each.
    fn tell_losses(&mut self, now: Time, lost: u32) {
        let Some(governor) = &mut self.governor else { return };
        governor.lost += u64::from(lost);
        if !governor.needs.losses {
            return;
        }
        let found = self.board.take_found();
        let Some(sampler) = &governor.sampler else { return };
        // The last of them has all of them behind it.
        let mut total = (governor.lost as u32).wrapping_sub(found.len() as u32);
        for seq in found {
            total = total.wrapping_add(1);
            let Some(flying) = sampler.find(seq) else { continue };
            let lost = Lost {
                now,
                seq,
                end: flying.end,
                in_flight: flying.in_flight,
                lost: total.wrapping_sub(flying.lost).into(),
                app_limited: flying.app_limited,
                delivered: self.counters.delivered,
                sack: self.sack,
            };
            self.control.on_lost(&self.window, &lost);
        }
    }

    /// A segment leaves: data, a FIN, or neither. Returns its ECN field.
    #[cold]
    pub(super) fn govern_sending(&mut self, now: Time, seq: Seq, bytes: u32, took: u32, ecn: Ecn) -> Ecn {
        let in_flight = self.board.in_flight();
        let Some(governor) = &mut self.governor else { return ecn };
        if took > 0 {
            if let Some(sampler) = &mut governor.sampler {
                let left = Left { delivered: self.counters.delivered, lost: governor.lost as u32, in_flight };
                sampler.sent(seq, seq + took, now, left);
            }
            if let Some(pacer) = &mut governor.pacer {
                pacer.sent(now, bytes, self.counters.data_segments_sent);
            }
        }
        // RFC 8257 §3.5 and Linux: what is sent again, and what carries nothing, may be marked as well.
        if governor.needs.ecn && self.ecn { Ecn::Ect0 } else { ecn }
    }

    /// Whether pacing holds back what could leave; then it leaves when the timer expires.
    pub(super) fn is_paced(&mut self, now: Time) -> bool {
        let Some(next) = self.paced_until(now) else { return false };
        if self.unsent() > 0 || self.fin_waits() || self.board.lost > self.board.retransmitted {
            self.timers.arm(Timer::Pace, next);
        }
        if std::mem::take(&mut self.new_left) {
            self.validate_window(now, false);
        }
        true
    }

    /// When pacing lets the next segment leave, if not now.
    pub(super) fn paced_until(&self, now: Time) -> Option<Time> {
        let pacer = self.governor.as_ref()?.pacer.as_ref()?;
        (pacer.next > now).then_some(pacer.next)
    }

    /// The control's rate, or Linux's tcp_update_pacing_rate: the window in a round trip, and more than that, so that it can grow.
    fn set_pacing(&mut self, now: Time) {
        let Some(governor) = &mut self.governor else { return };
        let Some(pacer) = &mut governor.pacer else { return };
        pacer.rate = match self.control.pacing() {
            Some(rate) => rate,
            None => {
                let slow = self.window.cwnd < self.window.ssthresh / 2;
                let percent = if slow { SLOW_START_PERCENT } else { AVOIDANCE_PERCENT };
                let segments = u64::from(self.window.cwnd.max(self.board.packets()));
                let bytes = u128::from(u64::from(self.mss) * percent) * u128::from(segments) * 10_000;
                let rate = self.rtt.srtt().map(|srtt| bytes / u128::from(srtt.us().max(1)));
                u64::try_from(rate.unwrap_or(0)).unwrap_or(u64::MAX)
            }
        };
        if governor.tracing {
            let told = (Rate::from_bps(pacer.rate.saturating_mul(8)), self.control.believes());
            if governor.told != Some(told) {
                governor.told = Some(told);
                let (pacing, mode) = told;
                governor.changes.push_back(RateChange { time: now, pacing, mode, cwnd: self.window.cwnd });
            }
        }
    }

    /// Whether changes of the pacing rate are kept to be told.
    pub fn set_rate_tracing(&mut self, tracing: bool) {
        if let Some(governor) = &mut self.governor {
            governor.tracing = tracing;
        }
    }

    /// The next change of the pacing rate, or of what the control believes, when tracing.
    #[inline]
    pub fn next_rate_change(&mut self) -> Option<RateChange> {
        self.governor.as_mut()?.changes.pop_front()
    }

    /// RFC 8257 §3.2: a receiver acknowledges at once where the marks change, what came before with what it was; so that the sender knows how
    /// many segments were marked, delayed acknowledgements or not. Returns whether that is done here.
    pub(super) fn echoes_changes(&mut self, now: Time, marked: bool) -> bool {
        let Some(governor) = self.governor.as_mut().filter(|governor| governor.needs.ecn) else { return false };
        if std::mem::replace(&mut governor.marked_last, marked) != marked {
            if self.timers.running(Timer::DelayedAck) && self.receiver.pending {
                let before = self.acknowledge_alone(now);
                self.rare().ahead = Some(before);
            }
            self.ack_at_once(now);
        }
        self.ecn_echo = marked;
        true
    }
}
