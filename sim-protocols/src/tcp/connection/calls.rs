//! What an application asks of its connection: reading, writing, closing, and the socket options that it may set in mid-connection.

use sim_core::{Payload, Span, Time};

use super::super::config::Profile;
use super::super::options::{CallError, Options, WriteFlags};
use super::super::state::{Move, State};
use super::timers::Timer;
use super::{Connection, Reason, Segment};
use crate::wire::{Seq, TcpFlags};

/// Bits of what lets a small segment leave, after Linux's `nonagle`: no Nagle's algorithm, none that is not full, all that is there now.
pub(super) const NODELAY: u8 = 1;
pub(super) const CORK: u8 = 2;
pub(super) const PUSH: u8 = 4;

/// Reading and writing.
impl Connection {
    /// Bytes written that are not acknowledged (`SIOCOUTQ`).
    #[inline]
    pub fn unacknowledged(&self) -> u32 {
        self.outgoing.len()
    }

    /// Bytes written that have never been sent (`SIOCOUTQNSD`).
    #[inline]
    pub fn unsent(&self) -> u32 {
        let sent = self.nxt.since(self.data_start).max(0) as u32;
        self.outgoing.len().saturating_sub(sent)
    }

    /// Bytes that [`Connection::write`] would take now.
    #[inline]
    pub fn writable(&self) -> u32 {
        if self.closing || self.told_closed { 0 } else { self.room() }
    }

    /// Appends to the stream; returns how many bytes were taken.
    pub fn write(&mut self, payload: Payload) -> u32 {
        self.write_with(payload, WriteFlags::default())
    }

    /// Appends to the stream with flags; returns how many bytes were taken. What may leave at once comes out of
    /// [`Connection::next_segment`], which is to be asked before the next call, as Linux sends inside of `send`.
    pub fn write_with(&mut self, payload: Payload, flags: WriteFlags) -> u32 {
        let len = payload.len().min(self.writable());
        let whole = len == payload.len();
        self.nospace = !whole;
        if len == 0 {
            return 0;
        }
        if self.governor.is_some() {
            self.look_for_limit();
        }
        let start = self.data_start + self.outgoing.len();
        if self.outgoing.len() == 0 {
            self.attention = true;
        }
        self.outgoing.push(if whole { payload } else { payload.slice(0, len) });
        // Linux pushes what a full buffer has taken.
        self.more = flags.more && whole;
        if self.config.profile == Profile::Linux6 {
            self.queue(start, len);
            if !whole {
                self.nonagle |= PUSH;
            }
        }
        if flags.end_of_record && whole {
            self.rare().records.push_back(start + len);
        }
        len
    }

    /// Appends to the stream as `send` does without waiting.
    ///
    /// # Errors
    /// There is no room, or no connection that takes it: what became of that one is told once, then it is `EPIPE`.
    pub fn send(&mut self, payload: Payload, flags: WriteFlags) -> Result<u32, CallError> {
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        if self.closing || self.told_closed {
            return Err(CallError::Pipe);
        }
        match (payload.is_empty(), self.write_with(payload, flags)) {
            (false, 0) => Err(CallError::WouldBlock),
            (_, taken) => Ok(taken),
        }
    }

    /// Bytes that can be read (`SIOCINQ`).
    #[inline]
    pub fn readable(&self) -> u32 {
        self.incoming.len()
    }

    /// Takes up to `max` bytes from the stream.
    #[inline]
    pub fn read(&mut self, max: u32) -> Payload {
        let payload = self.incoming.take(max);
        if !payload.is_empty() {
            self.after_read();
        }
        payload
    }

    /// Up to `max` bytes from the stream, which stay (`MSG_PEEK`).
    pub fn peek(&self, max: u32) -> Payload {
        self.incoming.peek(max)
    }

    /// Takes up to `max` bytes from the stream as `recv` does without waiting; nothing at its end.
    ///
    /// # Errors
    /// Nothing is there yet, or nothing will ever come: what became of the connection is told once.
    pub fn recv(&mut self, max: u32) -> Result<Payload, CallError> {
        if self.incoming.len() > 0 {
            return Ok(self.read(max));
        }
        if let Some(error) = self.take_error() {
            return Err(error);
        }
        if self.told_closed || self.read_closed || self.their_fin_came() {
            return Ok(Payload::Empty);
        }
        // One that was opened fast is its application's before the handshake is over.
        let open = self.state.synchronized() || self.state == State::SynReceived && self.accepted_fast();
        Err(if open { CallError::WouldBlock } else { CallError::NotConnected })
    }

    /// What ended the connection, if it was not closed in order (`SO_ERROR`); told once.
    pub fn take_error(&mut self) -> Option<CallError> {
        Some(match self.error.take()? {
            Reason::Finished => return None,
            // Linux: a reset that comes behind their FIN breaks the pipe that is left.
            Reason::Reset if self.their_fin_came() => CallError::Pipe,
            Reason::Reset => CallError::Reset,
            Reason::Refused => CallError::Refused,
            Reason::TimedOut => CallError::TimedOut,
            Reason::Unreachable => CallError::Unreachable,
            Reason::Aborted => CallError::Aborted,
        })
    }

    /// Whether a writer would be woken (`POLLOUT`): a third of the buffer is free and little waits to be sent (sk_stream_is_writeable).
    pub fn is_writeable(&self) -> bool {
        let used = self.used_send_buffer();
        self.sndbuf.saturating_sub(used) >= used / 2
            && used < self.sndbuf
            && u64::from(self.unsent()) * 2 < u64::from(self.options().notsent_lowat)
    }

    /// Whether [`Connection::take_error`] has something to tell.
    pub fn has_error(&self) -> bool {
        self.error.is_some()
    }

    /// Whether our direction was closed.
    pub fn is_closing(&self) -> bool {
        self.closing
    }

    fn their_fin_came(&self) -> bool {
        self.fin_at.is_some_and(|at| self.receiver.nxt > at)
    }
}

/// Closing.
impl Connection {
    /// Closes our direction (`SHUT_WR`): a FIN follows the last byte.
    pub fn shutdown(&mut self) {
        if self.closing || self.told_closed {
            return;
        }
        self.closing = true;
        match self.state {
            // RFC 9293 §3.10.4: nothing was exchanged yet, so there is nothing to close in order.
            State::SynSent => self.end(Reason::Aborted),
            // RFC 9293 §3.10.4: in SYN-RECEIVED it is queued until the connection is established.
            State::Established | State::CloseWait => self.go(Move::Close),
            State::SynReceived if self.accepted_fast() => self.go(Move::Close),
            _ => {}
        }
    }

    /// Reads no more (`SHUT_RD`). As in Linux nothing is said to the other end, and what it still sends can be read until our half is
    /// closed as well; from then on it is answered with a reset.
    pub fn shutdown_read(&mut self) {
        self.read_closed = true;
    }

    /// Closes the socket: nobody will read or write any more. `linger`: as `SO_LINGER` has it, zero for a reset at once; how long the call
    /// may block is the caller's affair.
    pub fn close(&mut self, linger: Option<Span>) {
        // RFC 1122 §4.2.2.13, RFC 2525 §2.17: data that nobody has read is lost, and the other end must learn of it.
        if linger == Some(Span::ZERO) || self.incoming.len() > 0 {
            if self.state == State::TimeWait || self.told_closed {
                return;
            }
            return self.abort();
        }
        self.read_closed = true;
        self.orphan = true;
        self.attention = true;
        self.shutdown();
    }

    /// Ends the connection with a reset (RFC 9293 §3.10.5).
    pub fn abort(&mut self) {
        let informs = self.state.synchronized() && self.state != State::TimeWait || self.state == State::SynReceived;
        if informs && !self.told_closed {
            self.send_reset();
        }
        self.end(Reason::Aborted);
    }

    /// A reset of our own leaves, at the present place.
    pub(super) fn send_reset(&mut self) {
        let mut segment = self.bare(TcpFlags::RST | TcpFlags::ACK);
        segment.repr.seq = self.nxt;
        self.reset_due = Some(Box::<Segment>::new(segment));
    }
}

/// Socket options.
impl Connection {
    /// What is set at the moment.
    #[inline]
    pub fn options(&self) -> &Options {
        self.own.as_deref().unwrap_or(&self.config.options)
    }

    fn change(&mut self) -> &mut Options {
        self.own.get_or_insert_with(|| Box::new(self.config.options))
    }

    /// Whether Nagle's algorithm is off (`TCP_NODELAY`).
    pub fn nodelay(&self) -> bool {
        self.nonagle & NODELAY != 0
    }

    /// `TCP_NODELAY`. Switched on, it also pushes what waits.
    pub fn set_nodelay(&mut self, on: bool) {
        if on {
            self.nonagle |= NODELAY | PUSH;
            self.more = false;
        } else {
            self.nonagle &= !NODELAY;
        }
    }

    /// `TCP_CORK`. Switched off, what waits may leave, if Nagle's algorithm lets it.
    pub fn set_cork(&mut self, on: bool) {
        self.change().cork = on;
        if on {
            self.nonagle |= CORK;
        } else {
            self.nonagle &= !CORK;
            self.more = false;
            if self.nodelay() {
                self.nonagle |= PUSH;
            }
        }
    }

    /// `TCP_QUICKACK`: leaves or enters the mode in which acknowledgements wait for data, and sends the one that is due.
    pub fn set_quickack(&mut self, on: bool) {
        self.change().quickack = on;
        self.quick_ack_mode(on);
    }

    /// Whether acknowledgements are quick at the moment, and do not wait for data.
    pub fn quickack(&self) -> bool {
        !self.receiver.waits_for_data()
    }

    /// `TCP_USER_TIMEOUT`; zero for none.
    pub fn set_user_timeout(&mut self, timeout: Span) {
        self.change().user_timeout = timeout;
    }

    /// `SO_KEEPALIVE`.
    pub fn set_keepalive(&mut self, on: bool) {
        self.change().keepalive = on;
        self.attention = true;
    }

    /// `TCP_KEEPIDLE`.
    pub fn set_keepalive_idle(&mut self, idle: Span) {
        self.change().keepalive_idle = idle;
        // What runs already runs for the old time.
        self.timers.stop(Timer::KeepAlive);
        self.attention = true;
    }

    /// `TCP_KEEPINTVL`.
    pub fn set_keepalive_interval(&mut self, interval: Span) {
        self.change().keepalive_interval = interval;
    }

    /// `TCP_KEEPCNT`.
    pub fn set_keepalive_count(&mut self, count: u32) {
        self.change().keepalive_count = count;
    }

    /// `TCP_LINGER2`.
    pub fn set_fin_timeout(&mut self, timeout: Span) {
        self.change().fin_timeout = timeout;
    }

    /// `TCP_NOTSENT_LOWAT`; [`u32::MAX`] for none.
    pub fn set_notsent_lowat(&mut self, bytes: u32) {
        self.change().notsent_lowat = bytes;
    }

    /// `TCP_WINDOW_CLAMP`; [`u32::MAX`] for none.
    pub fn set_window_clamp(&mut self, bytes: u32) {
        self.change().window_clamp = bytes;
        self.receiver.clamp = self.receiver.clamp.min(bytes);
        self.receiver.allowed = self.receiver.allowed.min(bytes);
    }

    /// `SO_SNDBUF`, as it counts afterwards: what Linux reads back, twice what was set.
    pub fn set_send_buffer(&mut self, bytes: u32) {
        self.sndbuf = bytes;
    }

    /// The size of the send buffer.
    pub fn send_buffer(&self) -> u32 {
        self.sndbuf
    }

    /// `SO_RCVBUF`, as it counts afterwards: what Linux reads back, twice what was set. It does not grow any more.
    pub fn set_recv_buffer(&mut self, bytes: u32) {
        self.receiver.fix_buffer(bytes);
    }

    /// The size of the receive buffer, as it is at the moment.
    pub fn recv_buffer(&self) -> u32 {
        self.receiver.buffer
    }

    /// `TCP_MAXSEG` in mid-connection: segments carry at most so much. Before it is opened [`super::super::Config::mss`] says it, and
    /// announces it too.
    pub fn set_maxseg(&mut self, mss: u16) {
        let options = if self.timestamps { 12 } else { 0 };
        self.mss_max = self.mss_max.min(u32::from(mss.max(88)) - options);
        self.bound_mss();
    }

    /// Where the last byte written stands.
    pub(super) fn write_end(&self) -> Seq {
        self.data_start + self.outgoing.len()
    }

    /// The application's settings take effect that need the time; also what an empty buffer has begun and ended.
    #[cold]
    pub(super) fn attend(&mut self, now: Time) {
        self.attention = false;
        self.watch_business(now);
        self.tune_receive_buffer(now);
        if self.options().keepalive != self.timers.running(Timer::KeepAlive) && self.state.synchronized() {
            self.restart_keepalive(now);
        }
        if self.orphan && self.state == State::FinWait2 && !self.timers.running(Timer::Wait) {
            self.wait_for_fin(now);
        }
    }
}
