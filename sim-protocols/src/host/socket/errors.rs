//! Why a call on a socket fails: one small enum for each call, under the names of `errno`, each convertible into the [`std::io::Error`] that a
//! program on a real machine would get.

use std::io::ErrorKind;

use crate::tcp::CallError;

macro_rules! errors {
    ($($(#[$doc:meta])* $name:ident $(and $inner:ident)? {
        $($variant:ident, $errno:literal, $kind:ident, $words:literal;)*
    })*) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum $name {
            $(#[doc = concat!("`", $errno, "`: ", $words, ".")] $variant,)*
            $(/// What has become of the socket.
            Socket($inner),)?
        }

        impl $name {
            /// Its name in `errno.h`.
            pub fn errno(self) -> &'static str {
                match self {
                    $($name::$variant => $errno,)*
                    $($name::Socket(error) => $inner::errno(error),)?
                }
            }

            /// What [`std::io::Error::kind`] says of it.
            pub fn kind(self) -> ErrorKind {
                match self {
                    $($name::$variant => ErrorKind::$kind,)*
                    $($name::Socket(error) => $inner::kind(error),)?
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                let words = match self {
                    $($name::$variant => $words,)*
                    $($name::Socket(error) => return $inner::fmt(error, f),)?
                };
                write!(f, "{words} ({})", self.errno())
            }
        }

        impl std::error::Error for $name {}

        impl From<$name> for std::io::Error {
            fn from(error: $name) -> std::io::Error {
                std::io::Error::new(error.kind(), error)
            }
        }

        $(impl From<$inner> for $name {
            fn from(error: $inner) -> $name {
                $name::Socket(error)
            }
        }

        impl From<CallError> for $name {
            fn from(error: CallError) -> $name {
                match (error, $inner::of(error)) {
                    (_, Some(end)) => end.into(),
                    (CallError::WouldBlock, None) => $name::WouldBlock,
                    (_, None) => $name::NotConnected,
                }
            }
        })?
    )*};
}

errors! {
    /// Why a socket cannot have an address.
    BindError {
        InUse, "EADDRINUSE", AddrInUse, "the address is in use";
        NotAvailable, "EADDRNOTAVAIL", AddrNotAvailable, "this host does not have the address, or no port is left";
        Invalid, "EINVAL", InvalidInput, "the socket has an address already";
    }

    /// Why a socket cannot listen.
    ListenError {
        InUse, "EADDRINUSE", AddrInUse, "another socket listens there";
        Invalid, "EINVAL", InvalidInput, "the socket is connected";
        Unsupported, "EOPNOTSUPP", Unsupported, "the socket has no connections";
    }

    /// Why a socket cannot be connected; what comes of the attempt later is a [`SocketError`].
    ConnectError {
        InUse, "EADDRINUSE", AddrInUse, "there is a connection between these two addresses";
        NotAvailable, "EADDRNOTAVAIL", AddrNotAvailable, "no port is left";
        NetUnreachable, "ENETUNREACH", NetworkUnreachable, "no route leads there";
        Already, "EALREADY", Other, "an attempt is under way";
        IsConnected, "EISCONN", Other, "the socket is connected";
        Invalid, "EINVAL", InvalidInput, "the socket listens, or the port is zero";
        Access, "EACCES", PermissionDenied, "a broadcast address, and SO_BROADCAST is off";
    }

    /// Why there is no connection to accept.
    AcceptError {
        WouldBlock, "EAGAIN", WouldBlock, "no connection waits";
        Invalid, "EINVAL", InvalidInput, "the socket does not listen";
    }

    /// What has become of a socket's connection, or of a datagram that it sent (`SO_ERROR`).
    SocketError {
        Refused, "ECONNREFUSED", ConnectionRefused, "refused by the other end";
        Reset, "ECONNRESET", ConnectionReset, "reset by the other end";
        TimedOut, "ETIMEDOUT", TimedOut, "given up: nothing was acknowledged for too long";
        HostUnreachable, "EHOSTUNREACH", HostUnreachable, "there is no way to the other end";
        NetUnreachable, "ENETUNREACH", NetworkUnreachable, "there is no way to the other end's network";
        Aborted, "ECONNABORTED", ConnectionAborted, "aborted by this end";
        Pipe, "EPIPE", BrokenPipe, "the sending half is closed";
    }

    /// Why nothing could be sent.
    SendError and SocketError {
        WouldBlock, "EAGAIN", WouldBlock, "there is no room, or no connection yet";
        NotConnected, "ENOTCONN", NotConnected, "the socket is not connected";
        TooLong, "EMSGSIZE", Other, "longer than a datagram, or than the way carries, where it may not be cut";
        NoDestination, "EDESTADDRREQ", Other, "where to is not said";
        Access, "EACCES", PermissionDenied, "a broadcast address, and SO_BROADCAST is off";
        NotAvailable, "EADDRNOTAVAIL", AddrNotAvailable, "no port is left";
        Unsupported, "EOPNOTSUPP", Unsupported, "the socket is of another kind";
    }

    /// Why nothing could be received.
    RecvError and SocketError {
        WouldBlock, "EAGAIN", WouldBlock, "nothing is there yet";
        NotConnected, "ENOTCONN", NotConnected, "the socket is not connected";
        Unsupported, "EOPNOTSUPP", Unsupported, "the socket is of another kind";
    }

    /// Why a half cannot be shut.
    ShutdownError {
        NotConnected, "ENOTCONN", NotConnected, "the socket is not connected";
    }

    /// Why an option cannot be set or read.
    OptionError {
        Unknown, "ENOPROTOOPT", InvalidInput, "sockets of this kind do not have the option";
        Invalid, "EINVAL", InvalidInput, "not a value of the option";
        InUse, "EADDRINUSE", AddrInUse, "the socket is a member of the group";
        NotAvailable, "EADDRNOTAVAIL", AddrNotAvailable, "not a member, or no such interface";
    }
}

impl SocketError {
    /// A connection's errors; `None` for those that say nothing of its end.
    pub(super) fn of(error: CallError) -> Option<SocketError> {
        Some(match error {
            CallError::Refused => SocketError::Refused,
            CallError::Reset => SocketError::Reset,
            CallError::TimedOut => SocketError::TimedOut,
            CallError::Unreachable => SocketError::HostUnreachable,
            CallError::Aborted => SocketError::Aborted,
            CallError::Pipe => SocketError::Pipe,
            CallError::NotConnected | CallError::WouldBlock => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_become_those_of_the_standard_library() {
        let error: std::io::Error = SendError::from(SocketError::Pipe).into();
        assert_eq!(
            (error.kind(), error.to_string()),
            (ErrorKind::BrokenPipe, "the sending half is closed (EPIPE)".into())
        );
        let inner = error.into_inner().and_then(|inner| inner.downcast::<SendError>().ok());
        assert_eq!(inner.as_deref(), Some(&SendError::Socket(SocketError::Pipe)));
        assert_eq!(RecvError::from(CallError::WouldBlock), RecvError::WouldBlock);
        assert_eq!(SendError::from(CallError::Refused), SendError::Socket(SocketError::Refused));
    }
}
