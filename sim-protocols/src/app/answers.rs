//! What a server of HTTP says in each of its answers, whichever application gives it.
//!
//! Absent: the date of answers that libraries give by themselves, as they have no clock but the machine's: hyper's to what is no request (400, 414,
//! 431), h2's to a head beyond its limit, tokio-websockets' to what is no upgrade. gRPC does not pass here: tonic over hyper would say the date, but
//! grpc-go has a transport of its own, which sends `content-type` and what the application adds.

use http::header::{self, HeaderValue};
use http::{HeaderMap, Response};

use crate::aio::{self, dates};

/// An answer that is complete but for [`fields`].
pub(crate) fn said<B>(mut response: Response<B>) -> Response<B> {
    response.headers_mut().extend(fields());
    response
}

/// The fields, in the order in which they are sent: the server's name, and the present date of the simulation.
pub(crate) fn fields() -> HeaderMap {
    // RFC 9110 §6.6.1: "MUST generate a Date header field in all 2xx (Successful), 3xx (Redirection), and 4xx (Client Error) responses, and MAY" in
    // 1xx and 5xx. Ours is in 5xx, as that of hyper and nginx.
    let date = dates::http_date(dates::seconds(aio::now()));
    let date = HeaderValue::from_str(&date).expect("a date is ASCII");
    [(header::SERVER, HeaderValue::from_static("clockwire")), (header::DATE, date)].into_iter().collect()
}
