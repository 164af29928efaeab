//! What an application may set on a connection besides its [`Config`](super::Config): before it opens it, by the configuration, and in
//! mid-connection, by the methods of [`Connection`](super::Connection) that are called as the socket options of Linux are.

use sim_core::{Params, Size, Span};

/// Settings of one connection, under the names of the socket options that set them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Options {
    /// `TCP_CORK`: segments that are not full wait, 200 ms at the most (a time-out, where that is longer). Default: off.
    pub cork: bool,
    /// `TCP_QUICKACK`: begins with quick acknowledgements, as Linux does; otherwise with acknowledgements that wait for data. Default: on.
    pub quickack: bool,
    /// `TCP_USER_TIMEOUT`: how long what was sent again may go unacknowledged, or a closed window stay closed, before the connection is
    /// given up (RFC 5482); zero: as long as the retries last, which is Linux's default.
    pub user_timeout: Span,
    /// `SO_KEEPALIVE`: asks an idle end whether it is still there (RFC 1122 §4.2.3.6). Default: off (MUST-25).
    pub keepalive: bool,
    /// `TCP_KEEPIDLE`: the silence before the first such question. Default: 2 h (MUST-28).
    pub keepalive_idle: Span,
    /// `TCP_KEEPINTVL`: from one to the next. Default: 75 s, Linux.
    pub keepalive_interval: Span,
    /// `TCP_KEEPCNT`: how many go unanswered before the connection is given up. Default: 9, Linux.
    pub keepalive_count: u32,
    /// `TCP_LINGER2`: how long a closed socket waits in FIN-WAIT-2 for the other end's FIN. Default: 60 s, Linux.
    pub fin_timeout: Span,
    /// `TCP_NOTSENT_LOWAT`: a writer may write as long as fewer bytes than this wait to be sent. Default: without limit.
    pub notsent_lowat: u32,
    /// `TCP_WINDOW_CLAMP`: the largest window that it offers. Default: what the buffer allows.
    pub window_clamp: u32,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            cork: false,
            quickack: true,
            user_timeout: Span::ZERO,
            keepalive: false,
            keepalive_idle: Span::from_secs(7200),
            keepalive_interval: Span::from_secs(75),
            keepalive_count: 9,
            fin_timeout: Span::from_secs(60),
            notsent_lowat: u32::MAX,
            window_clamp: u32::MAX,
        }
    }
}

impl Options {
    /// Asks for what a file gives; the rest stays as `base` has it.
    pub(super) fn read(base: &Options, params: &mut dyn Params) -> Options {
        let limit = |params: &mut dyn Params, key, default: u32, help| {
            if !params.given(key) {
                return default;
            }
            let size = params.size(key, Some(Size::from_bytes(1 << 16)), help);
            u32::try_from(size.bytes()).unwrap_or(u32::MAX).max(1)
        };
        Options {
            cork: params.flag("cork", base.cork, "segments that are not full wait, for 200 ms at the most"),
            quickack: params.flag("quickack", base.quickack, "begins with quick acknowledgements (linux-6)"),
            user_timeout: params.span(
                "user_timeout",
                Some(base.user_timeout),
                "how long what was sent again may go unacknowledged; 0 s: as long as `data_retries` last",
            ),
            keepalive: params.flag("keepalive", base.keepalive, "asks an idle end whether it is still there"),
            keepalive_idle: params.span(
                "keepalive_idle",
                Some(base.keepalive_idle),
                "the silence before the first such question",
            ),
            keepalive_interval: params.span(
                "keepalive_interval",
                Some(base.keepalive_interval),
                "from one such question to the next",
            ),
            keepalive_count: params.count(
                "keepalive_count",
                Some(base.keepalive_count.into()),
                1..=127,
                "such questions without an answer before the connection is given up",
            ) as u32,
            fin_timeout: params.span(
                "fin_timeout",
                Some(base.fin_timeout),
                "how long a socket that its application has closed waits for the other end's FIN",
            ),
            notsent_lowat: limit(
                params,
                "notsent_lowat",
                base.notsent_lowat,
                "a writer is held back while so many bytes wait to be sent",
            ),
            window_clamp: limit(params, "window_clamp", base.window_clamp, "the largest window that it offers"),
        }
    }
}

/// How bytes are written (the flags of `send`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct WriteFlags {
    /// `MSG_MORE`: more will follow soon; a segment that is not full waits for it.
    pub more: bool,
    /// `MSG_EOR`: a record ends here; what is written next begins a segment of its own.
    pub end_of_record: bool,
}

/// Why a call on a connection has failed, under the names of `errno`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallError {
    /// `ENOTCONN`: it is not, or no longer, connected.
    NotConnected,
    /// `EPIPE`: its sending half is closed.
    Pipe,
    /// `ECONNRESET`: the other end has reset it.
    Reset,
    /// `ECONNREFUSED`: the other end did not take it.
    Refused,
    /// `ETIMEDOUT`: it was given up.
    TimedOut,
    /// `EHOSTUNREACH`: there is no way to the other end.
    Unreachable,
    /// `ECONNABORTED`: it was aborted here.
    Aborted,
    /// `EAGAIN`: nothing can be taken or given now.
    WouldBlock,
}

impl std::fmt::Display for CallError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            CallError::NotConnected => "not connected",
            CallError::Pipe => "the sending half is closed",
            CallError::Reset => "reset by the other end",
            CallError::Refused => "refused by the other end",
            CallError::TimedOut => "timed out",
            CallError::Unreachable => "the other end is unreachable",
            CallError::Aborted => "aborted",
            CallError::WouldBlock => "nothing can be done at the moment",
        })
    }
}

impl std::error::Error for CallError {}
