//! Why there is no connection, or none any more: what a client calls it.

use std::error::Error;
use std::io;

use crate::aio::tls::TlsError;
use crate::aio::tls::rustls::AlertDescription;
use crate::dns::DnsError;
use crate::host::Outcome;

/// Why there is no answer, or not all of it. Its number is that of its word in columns `outcome` ([`ENDINGS`]).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u32)]
pub(crate) enum Fault {
    /// Nobody listened.
    Refused = 2,
    /// The connection was reset, or the stream.
    Reset = 3,
    /// The request's time was over, or TCP has given up.
    TimedOut = 4,
    /// There is no way.
    Unreachable = 5,
    /// The connection was closed before all of the answer was there.
    Closed = 6,
    /// The server's certificate has expired.
    CertificateExpired = 8,
    /// It is not valid yet.
    CertificateNotYetValid = 9,
    /// It is for other names.
    WrongName = 10,
    /// No trusted authority stands above it.
    UnknownIssuer = 11,
    /// Something else is wrong with it.
    BadCertificate = 12,
    /// A record was altered on its way here.
    BadRecord = 13,
    /// The other side has found a record altered, and says so (RFC 8446 §6.2, `bad_record_mac`).
    BadRecordAlert = 14,
    /// Any other alert of the other side.
    TlsAlert = 15,
    /// Another violation of the protocol of TLS.
    TlsError = 16,
    /// There is no such name, or it has no address.
    NoSuchName = 17,
    /// Those who should know names do not answer, or cannot.
    NameServerFailure = 18,
    /// One redirection after the other.
    TooManyRedirections = 19,
    /// What answers speaks no TLS.
    NoTls = 20,
}

/// Numbers of words of columns `outcome` that are no fault: the stop came first, all went well, the answer says that something is wrong.
pub(crate) const RUNNING: u32 = 0;
pub(crate) const FINISHED: u32 = 1;
pub(crate) const STATUS: u32 = 7;

/// Words of columns `outcome`. Behind `status` stand those of TLS, and of names.
pub(crate) const ENDINGS: &[&str] = &[
    "running",
    "finished",
    "refused",
    "reset",
    "timed_out",
    "unreachable",
    "closed",
    "status",
    "certificate_expired",
    "certificate_not_yet_valid",
    "wrong_name",
    "unknown_issuer",
    "bad_certificate",
    "bad_record",
    "bad_record_alert",
    "tls_alert",
    "tls_error",
    "no_such_name",
    "name_server_failure",
    "too_many_redirections",
    "no_tls",
];

impl Fault {
    /// The flow's outcome where this is the first thing that went wrong.
    pub fn outcome(self) -> Outcome {
        match self {
            Fault::Refused => Outcome::Refused,
            Fault::Reset => Outcome::Reset,
            Fault::TimedOut => Outcome::TimedOut,
            Fault::Unreachable => Outcome::Unreachable,
            _ => Outcome::Aborted,
        }
    }
}

impl Fault {
    /// Whether another attempt may end otherwise. What is wrong with a certificate, a protocol or a name is so the next time.
    pub fn passes(self) -> bool {
        use Fault::{Closed, NameServerFailure, Refused, Reset, TimedOut, Unreachable};
        matches!(self, Refused | Reset | TimedOut | Unreachable | Closed | NameServerFailure)
    }
}

impl From<DnsError> for Fault {
    fn from(error: DnsError) -> Fault {
        match error {
            DnsError::NxDomain | DnsError::NoRecord | DnsError::BadName => Fault::NoSuchName,
            _ => Fault::NameServerFailure,
        }
    }
}

impl From<io::ErrorKind> for Fault {
    fn from(kind: io::ErrorKind) -> Fault {
        match kind {
            io::ErrorKind::ConnectionRefused => Fault::Refused,
            io::ErrorKind::ConnectionReset | io::ErrorKind::ConnectionAborted => Fault::Reset,
            io::ErrorKind::TimedOut => Fault::TimedOut,
            io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable | io::ErrorKind::AddrNotAvailable => {
                Fault::Unreachable
            }
            _ => Fault::Closed,
        }
    }
}

impl From<&io::Error> for Fault {
    /// TLS puts its own errors inside of those of streams.
    fn from(error: &io::Error) -> Fault {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
            Some(inner) => inner.into(),
            None => error.kind().into(),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Fault {
        (&error).into()
    }
}

impl From<&TlsError> for Fault {
    fn from(error: &TlsError) -> Fault {
        match error {
            TlsError::Io(error) => (&**error).into(),
            TlsError::Expired => Fault::CertificateExpired,
            TlsError::NotYetValid => Fault::CertificateNotYetValid,
            TlsError::UnknownIssuer => Fault::UnknownIssuer,
            TlsError::WrongName | TlsError::Name(_) => Fault::WrongName,
            TlsError::Certificate(_) => Fault::BadCertificate,
            TlsError::BadRecord => Fault::BadRecord,
            TlsError::NotTls => Fault::NoTls,
            TlsError::Alert(AlertDescription::BadRecordMac) => Fault::BadRecordAlert,
            TlsError::Alert(_) => Fault::TlsAlert,
            TlsError::Truncated => Fault::Closed,
            TlsError::NoApplicationProtocol | TlsError::Protocol(_) => Fault::TlsError,
        }
    }
}

impl From<TlsError> for Fault {
    fn from(error: TlsError) -> Fault {
        (&error).into()
    }
}

impl From<hyper::Error> for Fault {
    fn from(error: hyper::Error) -> Fault {
        let mut cause = error.source();
        while let Some(error) = cause {
            if let Some(error) = error.downcast_ref::<io::Error>() {
                return error.into();
            }
            cause = error.source();
        }
        Fault::Closed
    }
}

impl From<h2::Error> for Fault {
    fn from(error: h2::Error) -> Fault {
        Fault::from(&error)
    }
}

impl From<&h2::Error> for Fault {
    fn from(error: &h2::Error) -> Fault {
        match error.get_io() {
            Some(error) => error.into(),
            None if error.is_reset() || error.is_go_away() => Fault::Reset,
            None => Fault::Closed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_have_the_numbers_of_their_faults() {
        let some = [
            (Fault::Refused, "refused"),
            (Fault::Closed, "closed"),
            (Fault::CertificateExpired, "certificate_expired"),
            (Fault::BadRecordAlert, "bad_record_alert"),
            (Fault::TlsError, "tls_error"),
            (Fault::NoTls, "no_tls"),
        ];
        for (number, word) in [(RUNNING, "running"), (FINISHED, "finished"), (STATUS, "status")] {
            assert_eq!(ENDINGS[number as usize], word);
        }
        some.into_iter().for_each(|(fault, word)| assert_eq!(ENDINGS[fault as usize], word));
        assert_eq!(Fault::from(io::Error::from(TlsError::Expired)), Fault::CertificateExpired);
        assert_eq!(Fault::from(TlsError::Truncated), Fault::Closed);
    }
}
