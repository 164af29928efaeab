//! Setting options, reading them back, and what they do to connections.

use std::sync::Arc;

use super::options::{Kinds, OptionName, OptionValue, Settings, allowed};
use super::table::Role;
use super::{OptionError, SocketId, Sockets};
use crate::tcp::{Config, Connection, Options};

/// What Linux makes of buffer sizes at the least (`SOCK_MIN_SNDBUF`, `SOCK_MIN_RCVBUF`).
const SEND_LEAST: u32 = 4608;
const RECV_LEAST: u32 = 2304;

impl Sockets<'_> {
    /// Sets an option.
    ///
    /// # Errors
    /// As `setsockopt(2)`.
    pub fn set(&mut self, id: SocketId, name: OptionName, value: impl Into<OptionValue>) -> Result<(), OptionError> {
        let value = value.into();
        let socket = self.kernel.table.get_mut(id).ok_or(OptionError::Unknown)?;
        has(socket.role, name)?;
        if !allowed(name, value) {
            return Err(OptionError::Invalid);
        }
        if name == OptionName::MulticastInterface
            && let OptionValue::Address(address) = value
            && !address.is_unspecified()
            && !self.kernel.stack.is_mine(address)
        {
            return Err(OptionError::NotAvailable);
        }
        let role = socket.role;
        socket.settings.set(name, value);
        match role {
            Role::Stream(conn) => {
                let Some(conn) = self.kernel.of(conn) else { return Ok(()) };
                match (name, value) {
                    (OptionName::Ttl, OptionValue::Count(ttl)) => conn.ttl = ttl as u8,
                    (OptionName::Tos, OptionValue::Count(tos)) => conn.tos = tos as u8 & !3,
                    _ => apply(&mut conn.tcp, name, value),
                }
                self.push_stream(id);
            }
            Role::Datagram(at) => self.kernel.sockets[at as usize].apply(name, value),
            Role::Fresh | Role::Listener => {}
        }
        Ok(())
    }

    /// What an option is worth.
    ///
    /// # Errors
    /// As `getsockopt(2)`.
    pub fn get(&self, id: SocketId, name: OptionName) -> Result<OptionValue, OptionError> {
        let socket = self.kernel.table.get(id).ok_or(OptionError::Unknown)?;
        has(socket.role, name)?;
        if let Role::Stream(conn) = socket.role
            && let Some(conn) = self.kernel.get(conn)
            && let Some(live) = read(&conn.tcp, name)
        {
            return Ok(live);
        }
        let set = socket.settings.get(name).map(|value| match (name, value) {
            (OptionName::SendBuffer, OptionValue::Count(bytes)) => OptionValue::Count(doubled(bytes, SEND_LEAST)),
            (OptionName::RecvBuffer, OptionValue::Count(bytes)) => OptionValue::Count(doubled(bytes, RECV_LEAST)),
            (_, value) => value,
        });
        let datagrams = matches!(socket.role, Role::Datagram(_));
        let base = &self.kernel.flow(socket.flow).tcp;
        let udp = OptionValue::Count(u32::try_from(self.kernel.config.udp_buffer.bytes()).unwrap_or(u32::MAX));
        let default = match name {
            OptionName::SendBuffer | OptionName::RecvBuffer if datagrams => udp,
            _ => configured_default(base, name).unwrap_or(name.entry().default),
        };
        Ok(set.unwrap_or(default))
    }
}

/// Whether sockets of a kind have an option.
fn has(role: Role, name: OptionName) -> Result<(), OptionError> {
    let datagrams = matches!(role, Role::Datagram(_));
    match name.entry().kinds {
        Kinds::Streams if datagrams => Err(OptionError::Unknown),
        Kinds::Datagrams if !datagrams => Err(OptionError::Unknown),
        _ => Ok(()),
    }
}

/// What `SO_SNDBUF` and `SO_RCVBUF` count afterwards, as Linux has it.
pub(super) fn doubled(bytes: u32, least: u32) -> u32 {
    bytes.saturating_mul(2).max(least)
}

/// A flow's settings with those of a socket.
pub(super) fn configured(base: &Arc<Config>, settings: &Settings) -> Arc<Config> {
    if settings.is_empty() {
        return base.clone();
    }
    let mut config = (**base).clone();
    for (name, value) in settings.iter() {
        match (name, value) {
            (OptionName::MaxSegment, OptionValue::Count(bytes)) => config.mss = config.mss.min(bytes as u16),
            (OptionName::SynCount, OptionValue::Count(count)) => config.syn_retries = count,
            (OptionName::SendBuffer, OptionValue::Count(bytes)) => config.send_buffer = doubled(bytes, SEND_LEAST),
            (OptionName::RecvBuffer, OptionValue::Count(bytes)) => {
                (config.recv_buffer, config.recv_buffer_max) = (doubled(bytes, RECV_LEAST), 0);
            }
            (OptionName::WindowClamp, OptionValue::Count(bytes)) => config.options.window_clamp = bytes,
            (OptionName::QuickAck, OptionValue::Flag(on)) => config.options.quickack = on,
            _ => {}
        }
    }
    Arc::new(config)
}

/// A new connection gets what was set before it was there and is not in its configuration.
pub(super) fn arrange(tcp: &mut Connection, settings: &Settings) {
    for (name, value) in settings.iter() {
        let configured = [
            OptionName::MaxSegment,
            OptionName::SendBuffer,
            OptionName::RecvBuffer,
            OptionName::WindowClamp,
            OptionName::QuickAck,
        ];
        if !configured.contains(&name) {
            apply(tcp, name, value);
        }
    }
}

/// An option changes a connection.
fn apply(tcp: &mut Connection, name: OptionName, value: OptionValue) {
    match (name, value) {
        (OptionName::NoDelay, OptionValue::Flag(on)) => tcp.set_nodelay(on),
        (OptionName::Cork, OptionValue::Flag(on)) => tcp.set_cork(on),
        (OptionName::QuickAck, OptionValue::Flag(on)) => tcp.set_quickack(on),
        (OptionName::KeepAlive, OptionValue::Flag(on)) => tcp.set_keepalive(on),
        (OptionName::KeepIdle, OptionValue::Span(span)) => tcp.set_keepalive_idle(span),
        (OptionName::KeepInterval, OptionValue::Span(span)) => tcp.set_keepalive_interval(span),
        (OptionName::KeepCount, OptionValue::Count(count)) => tcp.set_keepalive_count(count),
        (OptionName::UserTimeout, OptionValue::Span(span)) => tcp.set_user_timeout(span),
        (OptionName::FinTimeout, OptionValue::Span(span)) => tcp.set_fin_timeout(span),
        (OptionName::NotSentLowat, OptionValue::Count(bytes)) => tcp.set_notsent_lowat(bytes),
        (OptionName::WindowClamp, OptionValue::Count(bytes)) => tcp.set_window_clamp(bytes),
        (OptionName::MaxSegment, OptionValue::Count(bytes)) => tcp.set_maxseg(bytes as u16),
        (OptionName::SendBuffer, OptionValue::Count(bytes)) => tcp.set_send_buffer(doubled(bytes, SEND_LEAST)),
        (OptionName::RecvBuffer, OptionValue::Count(bytes)) => tcp.set_recv_buffer(doubled(bytes, RECV_LEAST)),
        _ => {}
    }
}

/// What settings say of an option that a connection does not change by itself.
fn kept(options: &Options, name: OptionName) -> Option<OptionValue> {
    Some(match name {
        OptionName::Cork => options.cork.into(),
        OptionName::KeepAlive => options.keepalive.into(),
        OptionName::KeepIdle => options.keepalive_idle.into(),
        OptionName::KeepInterval => options.keepalive_interval.into(),
        OptionName::KeepCount => options.keepalive_count.into(),
        OptionName::UserTimeout => options.user_timeout.into(),
        OptionName::FinTimeout => options.fin_timeout.into(),
        OptionName::NotSentLowat => options.notsent_lowat.into(),
        OptionName::WindowClamp => options.window_clamp.into(),
        _ => return None,
    })
}

/// What a connection says of an option.
fn read(tcp: &Connection, name: OptionName) -> Option<OptionValue> {
    Some(match name {
        OptionName::NoDelay => tcp.nodelay().into(),
        OptionName::QuickAck => tcp.quickack().into(),
        OptionName::MaxSegment => tcp.info().mss.into(),
        OptionName::SendBuffer => tcp.send_buffer().into(),
        OptionName::RecvBuffer => tcp.recv_buffer().into(),
        name => return kept(tcp.options(), name),
    })
}

/// What connections of a flow begin with.
fn configured_default(config: &Config, name: OptionName) -> Option<OptionValue> {
    Some(match name {
        OptionName::NoDelay => (!config.nagle).into(),
        OptionName::QuickAck => config.options.quickack.into(),
        OptionName::MaxSegment => u32::from(config.mss).into(),
        OptionName::SynCount => config.syn_retries.into(),
        OptionName::SendBuffer => config.send_buffer.into(),
        OptionName::RecvBuffer => config.recv_buffer.into(),
        name => return kept(&config.options, name),
    })
}
