//! Settings of sockets: `fcntl`, `ioctl`, `setsockopt`, `getsockopt`.

use sim_core::Span;
use sim_protocols::tcp::FastOpenKey;

use super::ast::{Arg, Call};
use super::calls::{File, Poll, Process, Stop, done, fail};
use super::kernel::Id;
use super::settings::control;
use super::sockets::Role;
use super::symbols::constant;

const O_NONBLOCK: i64 = 0o4000;
const O_RDWR: i64 = 2;
/// Linux's `wmem_max` and `rmem_max`.
const BUFFER_MAX: i64 = 212_992;

/// A setting: its level and its name.
fn named(level: i64, option: i64) -> &'static str {
    const NAMES: &[(&str, &[&str])] = &[
        (
            "SOL_SOCKET",
            &[
                "SO_REUSEADDR",
                "SO_REUSEPORT",
                "SO_TYPE",
                "SO_ERROR",
                "SO_SNDBUF",
                "SO_RCVBUF",
                "SO_SNDBUFFORCE",
                "SO_RCVBUFFORCE",
                "SO_KEEPALIVE",
                "SO_LINGER",
                "SO_ACCEPTCONN",
                "SO_PROTOCOL",
                "SO_DOMAIN",
                "SO_PRIORITY",
                "SO_MARK",
                "SO_DONTROUTE",
                "SO_BROADCAST",
            ],
        ),
        (
            "SOL_TCP",
            &[
                "TCP_NODELAY",
                "TCP_MAXSEG",
                "TCP_CORK",
                "TCP_KEEPIDLE",
                "TCP_KEEPINTVL",
                "TCP_KEEPCNT",
                "TCP_SYNCNT",
                "TCP_LINGER2",
                "TCP_WINDOW_CLAMP",
                "TCP_QUICKACK",
                "TCP_CONGESTION",
                "TCP_USER_TIMEOUT",
                "TCP_FASTOPEN",
                "TCP_NOTSENT_LOWAT",
                "TCP_FASTOPEN_CONNECT",
                "TCP_FASTOPEN_KEY",
                "TCP_FASTOPEN_NO_COOKIE",
                "TCP_DEFER_ACCEPT",
                "TCP_INFO",
            ],
        ),
        ("SOL_IP", &["IP_TOS", "IP_TTL", "IP_MTU", "IP_BIND_ADDRESS_NO_PORT"]),
    ];
    let of_level = NAMES.iter().find(|(name, _)| constant(name) == Some(level));
    let found = of_level.and_then(|(_, names)| names.iter().find(|name| constant(name) == Some(option)));
    found.copied().unwrap_or("")
}

impl Process {
    pub fn fcntl(&mut self, call: &Call) -> Result<Poll, Stop> {
        let id = match self.file(call, 0)? {
            Some(File::Socket(id)) => id,
            Some(_) => return done(O_RDWR),
            None => return fail("EBADF"),
        };
        match self.int(call, 1)? {
            3 => done(O_RDWR | if self.socket_of(id).nonblock { O_NONBLOCK } else { 0 }),
            4 => {
                let flags = self.int(call, 2)?;
                self.socket_mut(id).nonblock = flags & O_NONBLOCK != 0;
                done(0)
            }
            other => Err(Stop::Missing(format!("fcntl {other}"))),
        }
    }

    pub fn ioctl(&mut self, call: &Call) -> Result<Poll, Stop> {
        let id = match self.id(call)? {
            Ok(id) => id,
            Err(error) => return fail(error),
        };
        let request = self.int(call, 1)?;
        let socket = self.socket_of(id);
        if matches!(socket.role, Role::Listener(_)) && request != 0x5421 {
            return fail("EINVAL");
        }
        let connection = socket.connection();
        let value = match request {
            0x541b => connection.map_or(0, |connection| {
                // Linux counts the FIN when it is all that is left, and no other way.
                connection.readable()
            }),
            0x5411 => connection.map_or(0, |connection| connection.unacknowledged()),
            0x894b => connection.map_or(0, |connection| connection.unsent()),
            0x5421 => {
                let on = self.pointed(call, 2)?;
                self.socket_mut(id).nonblock = on != 0;
                return done(0);
            }
            other => return Err(Stop::Missing(format!("ioctl {other:#x}"))),
        };
        self.compare("the value", call.args.get(2), value.into())?;
        done(0)
    }

    /// The number that a pointer in an argument leads to.
    fn pointed(&self, call: &Call, at: usize) -> Result<i64, Stop> {
        match call.args.get(at) {
            Some(Arg::List(list)) if list.len() == 1 => self.value(&list[0]),
            Some(_) => self.int(call, at),
            None => Err(Stop::Script(format!("{} needs more arguments", call.name))),
        }
    }

    /// Compares what came with what the script expects where a pointer leads.
    fn compare(&self, what: &str, expected: Option<&Arg>, got: i64) -> Result<(), Stop> {
        let expected = match expected {
            Some(Arg::List(list)) if list.len() == 1 => &list[0],
            Some(other) => other,
            None => return Ok(()),
        };
        if matches!(expected, Arg::Any) {
            return Ok(());
        }
        let expected = self.value(expected)?;
        if expected == got {
            return Ok(());
        }
        Err(Stop::Wrong { expected: format!("{what} {expected}"), got: format!("{got}") })
    }

    pub fn setsockopt(&mut self, call: &Call) -> Result<Poll, Stop> {
        let id = match self.id(call)? {
            Ok(id) => id,
            Err(error) => return fail(error),
        };
        let (level, option) = (self.int(call, 1)?, self.int(call, 2)?);
        let name = named(level, option);
        match name {
            "TCP_CONGESTION" => return self.set_control(id, call.args.get(3)),
            "SO_LINGER" => return self.set_linger(id, call.args.get(3)),
            "TCP_FASTOPEN_KEY" => return self.set_keys(id, call.args.get(3)),
            "" => {
                let written = format!("{:?}", call.args.get(2));
                let word = match call.args.get(2) {
                    Some(Arg::Word(word)) => word,
                    _ => &written,
                };
                return Err(Stop::Missing(format!("setsockopt {word}")));
            }
            _ => {}
        }
        let value = self.pointed(call, 3)?;
        match name {
            "SO_REUSEADDR"
            | "SO_REUSEPORT"
            | "SO_PRIORITY"
            | "SO_MARK"
            | "SO_DONTROUTE"
            | "SO_BROADCAST"
            | "IP_BIND_ADDRESS_NO_PORT" => {
                self.socket_mut(id).plain.insert((level, option), value);
                done(0)
            }
            "SO_TYPE" | "SO_ERROR" | "SO_ACCEPTCONN" | "SO_PROTOCOL" | "SO_DOMAIN" | "IP_MTU" | "TCP_INFO" => {
                fail("ENOPROTOOPT")
            }
            "TCP_DEFER_ACCEPT" if value != 0 => Err(Stop::Missing("setsockopt TCP_DEFER_ACCEPT".into())),
            "TCP_DEFER_ACCEPT" => done(0),
            _ => {
                let set = self.set(id, name, value);
                self.kernel.flush(id);
                match set {
                    Ok(()) => done(0),
                    Err(error) => fail(error),
                }
            }
        }
    }

    /// A setting that is a number.
    fn set(&mut self, id: Id, name: &str, value: i64) -> Result<(), &'static str> {
        let range = |least: i64, most: i64| if (least..=most).contains(&value) { Ok(value) } else { Err("EINVAL") };
        let (on, number) = (value != 0, value.clamp(0, u32::MAX.into()) as u32);
        let seconds = |value: i64| Span::from_secs(value as u64);
        let socket = self.socket_mut(id);
        let options = &mut socket.config.options;
        match name {
            "TCP_NODELAY" => socket.config.nagle = !on,
            "TCP_CORK" => options.cork = on,
            "TCP_QUICKACK" => socket.quickack = Some(on),
            "SO_KEEPALIVE" => options.keepalive = on,
            "TCP_KEEPIDLE" => options.keepalive_idle = seconds(range(1, 32_767)?),
            "TCP_KEEPINTVL" => options.keepalive_interval = seconds(range(1, 32_767)?),
            "TCP_KEEPCNT" => options.keepalive_count = range(1, 127)? as u32,
            "TCP_USER_TIMEOUT" => options.user_timeout = Span::from_ms(range(0, i64::from(i32::MAX))? as u64),
            "TCP_LINGER2" => options.fin_timeout = seconds(range(-1, 120)?.max(0)),
            "TCP_NOTSENT_LOWAT" => options.notsent_lowat = if number == 0 { u32::MAX } else { number },
            "TCP_WINDOW_CLAMP" => options.window_clamp = number.max(2304 / 2),
            "TCP_SYNCNT" => {
                socket.config.syn_retries = range(1, 127)? as u32;
            }
            "TCP_MAXSEG" => {
                let mss = range(0, 32_767)?;
                if mss != 0 {
                    range(88, 32_767)?;
                    socket.config.mss = socket.config.mss.min(mss as u16);
                }
            }
            "SO_SNDBUF" | "SO_SNDBUFFORCE" => {
                let most = if name == "SO_SNDBUF" { BUFFER_MAX } else { 1 << 29 };
                socket.sndbuf = Some((2 * value.clamp(0, most)).max(4608) as u32);
                socket.sndbuf_fixed = true;
                socket.config.send_buffer = socket.sndbuf.unwrap_or(4608);
            }
            "SO_RCVBUF" | "SO_RCVBUFFORCE" => {
                let most = if name == "SO_RCVBUF" { BUFFER_MAX } else { 1 << 29 };
                socket.config.recv_buffer = (2 * value.clamp(0, most)).max(2304) as u32;
                socket.config.recv_buffer_max = 0;
            }
            "TCP_FASTOPEN" => {
                let queue = range(0, 65_535)? as u32;
                socket.fast_open_queue = Some(queue);
                if let Role::Listener(listener) = &mut socket.role {
                    listener.fast_open_queue = Some(queue);
                }
            }
            "TCP_FASTOPEN_CONNECT" => {
                if range(0, 1)? == 1 && !socket.config.fast_open.client {
                    return Err("EOPNOTSUPP");
                }
                if !matches!(socket.role, Role::Fresh) {
                    return Err("EINVAL");
                }
                socket.fast_open_connect = on;
            }
            "TCP_FASTOPEN_NO_COOKIE" => {
                socket.without_cookie = range(0, 1)? == 1;
                socket.config.fast_open.server_without_cookie |= on;
            }
            "IP_TOS" => socket.tos = value as u8 & !3,
            "IP_TTL" => socket.ttl = if value == -1 { 64 } else { range(1, 255)? as u8 },
            _ => return Err("ENOPROTOOPT"),
        }
        self.set_in_mid_connection(id, name);
        Ok(())
    }

    /// A connection that there is already takes a setting over.
    fn set_in_mid_connection(&mut self, id: Id, name: &str) {
        let socket = self.socket_mut(id);
        let (config, sndbuf, quickack) = (socket.config.clone(), socket.sndbuf, socket.quickack);
        let Some(connection) = socket.connection_mut() else { return };
        let options = config.options;
        match name {
            "TCP_NODELAY" => connection.set_nodelay(!config.nagle),
            "TCP_CORK" => connection.set_cork(options.cork),
            "TCP_QUICKACK" => connection.set_quickack(quickack.unwrap_or(true)),
            "SO_KEEPALIVE" => connection.set_keepalive(options.keepalive),
            "TCP_KEEPIDLE" => connection.set_keepalive_idle(options.keepalive_idle),
            "TCP_KEEPINTVL" => connection.set_keepalive_interval(options.keepalive_interval),
            "TCP_KEEPCNT" => connection.set_keepalive_count(options.keepalive_count),
            "TCP_USER_TIMEOUT" => connection.set_user_timeout(options.user_timeout),
            "TCP_LINGER2" => connection.set_fin_timeout(options.fin_timeout),
            "TCP_NOTSENT_LOWAT" => connection.set_notsent_lowat(options.notsent_lowat),
            "TCP_WINDOW_CLAMP" => connection.set_window_clamp(options.window_clamp),
            "TCP_MAXSEG" => connection.set_maxseg(config.mss),
            "SO_SNDBUF" | "SO_SNDBUFFORCE" => connection.set_send_buffer(sndbuf.unwrap_or(4608)),
            "SO_RCVBUF" | "SO_RCVBUFFORCE" => connection.set_recv_buffer(config.recv_buffer),
            _ => {}
        }
    }

    fn set_control(&mut self, id: Id, arg: Option<&Arg>) -> Result<Poll, Stop> {
        let name = match arg {
            Some(Arg::Text(name)) => name.clone(),
            Some(Arg::List(list)) => match list.first() {
                Some(Arg::Text(name)) => name.clone(),
                _ => return Err(Stop::Script("TCP_CONGESTION needs a name".into())),
            },
            _ => return Err(Stop::Script("TCP_CONGESTION needs a name".into())),
        };
        let Some(control) = control(&name) else { return Err(Stop::Missing(format!("the congestion control {name}"))) };
        let socket = self.socket_mut(id);
        if socket.connection().is_some() && socket.config.cc != control {
            return Err(Stop::Missing("another congestion control in mid-connection".into()));
        }
        socket.config.cc = control;
        done(0)
    }

    fn set_linger(&mut self, id: Id, arg: Option<&Arg>) -> Result<Poll, Stop> {
        let fields = match arg {
            Some(Arg::List(list)) => list.first(),
            other => other,
        };
        let (on, seconds) = match fields {
            Some(fields @ Arg::Struct(_)) => (fields.field("onoff"), fields.field("linger")),
            _ => return Err(Stop::Script("SO_LINGER needs {onoff=, linger=}".into())),
        };
        let number = |arg: Option<&Arg>| arg.map_or(Ok(0), |arg| self.value(arg));
        let (on, seconds) = (number(on)?, number(seconds)?);
        self.socket_mut(id).linger = (on != 0).then_some(seconds.clamp(0, 1 << 30) as u64);
        done(0)
    }

    /// One key of 16 bytes, or two; as a text or as numbers of 32 bits.
    fn set_keys(&mut self, id: Id, arg: Option<&Arg>) -> Result<Poll, Stop> {
        let bytes: Vec<u8> = match arg {
            Some(Arg::Text(text)) => text.bytes().collect(),
            Some(Arg::List(list)) => match list.as_slice() {
                [Arg::Text(text)] => text.bytes().collect(),
                numbers => {
                    let mut bytes = Vec::new();
                    for number in numbers {
                        bytes.extend((self.value(number)? as u32).to_le_bytes());
                    }
                    bytes
                }
            },
            _ => return Err(Stop::Script("TCP_FASTOPEN_KEY needs a key".into())),
        };
        let half = |at: usize| {
            let eight: [u8; 8] = bytes[at..at + 8].try_into().expect("eight bytes");
            u64::from_le_bytes(eight)
        };
        let keys = match bytes.len() {
            16 => (FastOpenKey::new([half(0), half(8)]), None),
            32 => (FastOpenKey::new([half(0), half(8)]), Some(FastOpenKey::new([half(16), half(24)]))),
            _ => return fail("EINVAL"),
        };
        self.socket_mut(id).keys = Some(keys);
        done(0)
    }

    pub fn getsockopt(&mut self, call: &Call) -> Result<Poll, Stop> {
        let id = match self.id(call)? {
            Ok(id) => id,
            Err(error) => return fail(error),
        };
        let (level, option) = (self.int(call, 1)?, self.int(call, 2)?);
        let name = named(level, option);
        let socket = self.socket_of(id);
        let (config, connection) = (&socket.config, socket.connection());
        let options = connection.map_or(&config.options, |connection| connection.options());
        let seconds = |span: Span| (span.ps() / Span::from_secs(1).ps()) as i64;
        let value = match name {
            "SO_ERROR" => {
                let error = self.error(id).unwrap_or(0);
                self.compare("the value", call.args.get(3), error)?;
                return done(0);
            }
            "TCP_CONGESTION" => {
                let expected = match call.args.get(3) {
                    Some(Arg::Text(name)) => Some(name),
                    Some(Arg::List(list)) => match list.first() {
                        Some(Arg::Text(name)) => Some(name),
                        _ => None,
                    },
                    _ => None,
                };
                return match expected {
                    Some(expected) if expected != config.cc.name() => {
                        Err(Stop::Wrong { expected: expected.clone(), got: config.cc.name().into() })
                    }
                    _ => done(0),
                };
            }
            "SO_LINGER" => {
                let (on, linger) = (i64::from(socket.linger.is_some()), socket.linger.unwrap_or(0) as i64);
                let fields = match call.args.get(3) {
                    Some(Arg::List(list)) => list.first(),
                    other => other,
                };
                if let Some(fields @ Arg::Struct(_)) = fields {
                    self.compare("onoff", fields.field("onoff"), on)?;
                    self.compare("linger", fields.field("linger"), linger)?;
                }
                return done(0);
            }
            "TCP_INFO" => return done(0),
            "SO_TYPE" => 1,
            "SO_PROTOCOL" => 6,
            "SO_DOMAIN" => 2,
            "SO_ACCEPTCONN" => i64::from(matches!(socket.role, Role::Listener(_))),
            "SO_SNDBUF" => connection.map_or(config.send_buffer, |connection| connection.send_buffer()).into(),
            "SO_RCVBUF" => connection.map_or(config.recv_buffer, |connection| connection.recv_buffer()).into(),
            "SO_KEEPALIVE" => options.keepalive.into(),
            "TCP_NODELAY" => connection.map_or(!config.nagle, |connection| connection.nodelay()).into(),
            "TCP_CORK" => options.cork.into(),
            "TCP_QUICKACK" => connection.is_none_or(|connection| connection.quickack()).into(),
            "TCP_MAXSEG" => connection
                .filter(|_| socket.established)
                .map_or(config.mss.min(536).into(), |connection| i64::from(connection.info().mss)),
            "TCP_KEEPIDLE" => seconds(options.keepalive_idle),
            "TCP_KEEPINTVL" => seconds(options.keepalive_interval),
            "TCP_KEEPCNT" => options.keepalive_count.into(),
            "TCP_USER_TIMEOUT" => (options.user_timeout.ps() / Span::from_ms(1).ps()) as i64,
            "TCP_LINGER2" => seconds(options.fin_timeout),
            "TCP_SYNCNT" => config.syn_retries.into(),
            "TCP_NOTSENT_LOWAT" => options.notsent_lowat.into(),
            "TCP_WINDOW_CLAMP" => options.window_clamp.into(),
            "TCP_FASTOPEN" => socket.fast_open_queue.unwrap_or(0).into(),
            "TCP_FASTOPEN_CONNECT" => socket.fast_open_connect.into(),
            "TCP_FASTOPEN_NO_COOKIE" => socket.without_cookie.into(),
            "TCP_DEFER_ACCEPT" => 0,
            "IP_TOS" => socket.tos.into(),
            "IP_TTL" => socket.ttl.into(),
            "IP_MTU" if connection.is_some() => i64::from(config.mss) + 40,
            "IP_MTU" => return fail("ENOTCONN"),
            "" | "TCP_FASTOPEN_KEY" => {
                let name = match call.args.get(2) {
                    Some(Arg::Word(word)) => word.clone(),
                    other => format!("{other:?}"),
                };
                return Err(Stop::Missing(format!("getsockopt {name}")));
            }
            _ => socket.plain.get(&(level, option)).copied().unwrap_or(0),
        };
        self.compare("the value", call.args.get(3), value)?;
        done(0)
    }
}
