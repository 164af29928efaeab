//! What goes wrong, as a client or a server sees it.

use std::fmt;
use std::io;
use std::sync::Arc;

use rustls::{AlertDescription, CertificateError, Error};

/// Why there is no connection, or none any more.
#[derive(Clone, Debug)]
pub enum TlsError {
    /// The stream below has failed.
    Io(Arc<io::Error>),
    /// No name of a server.
    Name(String),
    /// The certificate, or one above it, is not valid any more.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// No trusted authority stands above it.
    UnknownIssuer,
    /// It is for other names.
    WrongName,
    /// Something else is wrong with it.
    Certificate(CertificateError),
    /// The other side has refused, with this alert (RFC 8446 §6.2).
    Alert(AlertDescription),
    /// A record was altered on its way, or is none.
    BadRecord,
    /// The other side does not speak TLS: what it begins with is no record.
    NotTls,
    /// The other side knows none of the application protocols (RFC 7301 §3.2).
    NoApplicationProtocol,
    /// The stream has ended without `close_notify`: what came may be cut short (RFC 8446 §6.1).
    Truncated,
    /// Any other violation of the protocol.
    Protocol(Error),
}

impl From<Error> for TlsError {
    fn from(error: Error) -> TlsError {
        match error {
            Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
                TlsError::Expired
            }
            Error::InvalidCertificate(CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. }) => {
                TlsError::NotYetValid
            }
            Error::InvalidCertificate(CertificateError::UnknownIssuer) => TlsError::UnknownIssuer,
            Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            ) => TlsError::WrongName,
            Error::InvalidCertificate(other) => TlsError::Certificate(other),
            Error::AlertReceived(alert) => TlsError::Alert(alert),
            Error::DecryptError | Error::InvalidMessage(_) => TlsError::BadRecord,
            Error::NoApplicationProtocol => TlsError::NoApplicationProtocol,
            other => TlsError::Protocol(other),
        }
    }
}

impl From<io::Error> for TlsError {
    /// What a [`TlsStream`](super::TlsStream) has said keeps its kind.
    fn from(error: io::Error) -> TlsError {
        match error.get_ref().and_then(|inner| inner.downcast_ref::<TlsError>()) {
            Some(inner) => inner.clone(),
            None if error.kind() == io::ErrorKind::UnexpectedEof => TlsError::Truncated,
            None => TlsError::Io(Arc::new(error)),
        }
    }
}

impl From<TlsError> for io::Error {
    fn from(error: TlsError) -> io::Error {
        let kind = match &error {
            TlsError::Io(error) => error.kind(),
            TlsError::Truncated => io::ErrorKind::UnexpectedEof,
            TlsError::Name(_) => io::ErrorKind::InvalidInput,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Io(error) => write!(f, "{error}"),
            TlsError::Name(name) => write!(f, "`{name}` is no name of a server"),
            TlsError::Expired => f.write_str("the certificate has expired"),
            TlsError::NotYetValid => f.write_str("the certificate is not valid yet"),
            TlsError::UnknownIssuer => f.write_str("the certificate's issuer is unknown"),
            TlsError::WrongName => f.write_str("the certificate is for other names"),
            TlsError::Certificate(error) => write!(f, "the certificate is refused: {error}"),
            TlsError::Alert(alert) => write!(f, "the other side has sent the alert {alert:?}"),
            TlsError::BadRecord => f.write_str("a record was altered"),
            TlsError::NotTls => f.write_str("the other side does not speak TLS"),
            TlsError::NoApplicationProtocol => f.write_str("no application protocol in common"),
            TlsError::Truncated => f.write_str("the stream has ended without close_notify"),
            TlsError::Protocol(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for TlsError {}
