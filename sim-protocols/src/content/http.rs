//! Start lines of HTTP/1 (RFC 9112 §2.1), frames of HTTP/2 (RFC 9113 §4.1).

use httparse::{EMPTY_HEADER, Request, Response};

use super::{list, short};

/// The first line of a request or of a response, whose other lines may be in the next segment.
pub(super) fn line(bytes: &[u8]) -> Option<String> {
    let text = |line: String| Some(short(&line));
    let mut fields = [EMPTY_HEADER; 128];
    let mut request = Request::new(&mut fields);
    // What is wrong further down the head changes nothing of its first line.
    let _ = request.parse(bytes);
    if let (Some(method), Some(path), Some(version)) = (request.method, request.path, request.version) {
        return text(format!("{method} {path} HTTP/1.{version}"));
    }
    let mut fields = [EMPTY_HEADER; 128];
    let mut response = Response::new(&mut fields);
    let _ = response.parse(bytes);
    let (version, code) = (response.version?, response.code?);
    let reason = response.reason.unwrap_or_default();
    text(format!("HTTP/1.{version} {code} {reason}").trim_end().to_string())
}

/// What a client of HTTP/2 begins with (RFC 9113 §3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of a frame's header.
const HEADER: usize = 9;
/// A frame is longer by agreement alone (RFC 9113 §4.2), which none of ours makes.
const LENGTH_MAX: usize = 16_384;
/// No connection of ours has so many streams.
const STREAM_MAX: u32 = 1 << 24;

/// Kinds of frames in the order of their numbers (RFC 9113 §6): name, flags that are defined, whether it belongs to a stream (either, where there is
/// nothing), its length where that is fixed.
const FRAMES: [(&str, u8, Option<bool>, Option<usize>); 10] = [
    ("DATA", 0x09, Some(true), None),
    ("HEADERS", 0x2d, Some(true), None),
    ("PRIORITY", 0, Some(true), Some(5)),
    ("RST_STREAM", 0, Some(true), Some(4)),
    ("SETTINGS", 0x01, Some(false), None),
    ("PUSH_PROMISE", 0x0c, Some(true), None),
    ("PING", 0x01, Some(false), Some(8)),
    ("GOAWAY", 0, Some(false), None),
    ("WINDOW_UPDATE", 0, None, Some(4)),
    ("CONTINUATION", 0x04, Some(true), None),
];

/// The frames that begin in a segment, with their streams as tshark has them: `HEADERS[1], DATA[1]`.
pub(super) fn frames(bytes: &[u8]) -> Option<String> {
    let (mut words, mut rest) = match bytes.strip_prefix(PREFACE) {
        Some(rest) => (vec!["PRI".to_string()], rest),
        None => (Vec::new(), bytes),
    };
    while let Some((header, behind)) = rest.split_first_chunk::<HEADER>() {
        words.push(frame(header)?);
        let length = length(header);
        // The last one goes on in the next segment.
        rest = behind.get(length..).unwrap_or_default();
    }
    list(words)
}

fn length(header: &[u8; HEADER]) -> usize {
    usize::from(header[0]) << 16 | usize::from(header[1]) << 8 | usize::from(header[2])
}

/// A frame by its header, where all of that is as the RFC has it.
fn frame(header: &[u8; HEADER]) -> Option<String> {
    let (name, flags, streamed, fixed) = FRAMES.get(usize::from(header[3]))?;
    let stream = u32::from_be_bytes([header[5], header[6], header[7], header[8]]);
    let length = length(header);
    let settings = *name != "SETTINGS" || length.is_multiple_of(6);
    let fits = fixed.map_or(length <= LENGTH_MAX && settings, |fixed| fixed == length);
    let placed = streamed.is_none_or(|streamed| streamed == (stream > 0)) && stream < STREAM_MAX;
    (header[4] & !flags == 0 && fits && placed).then(|| format!("{name}[{stream}]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_lines_are_told_as_they_stand() {
        let said = |bytes: &str| line(bytes.as_bytes());
        assert_eq!(said("GET /a?b HTTP/1.1\r\nHost: x\r\n\r\n").as_deref(), Some("GET /a?b HTTP/1.1"));
        assert_eq!(said("POST / HTTP/1.0\r\nHo").as_deref(), Some("POST / HTTP/1.0"));
        assert_eq!(said("HTTP/1.1 404 Not Found\r\n\r\nbody").as_deref(), Some("HTTP/1.1 404 Not Found"));
        assert_eq!(said("HTTP/1.1 200 \r\n").as_deref(), Some("HTTP/1.1 200"));
        for none in ["", "GET", "GET /", "hello world\r\n", "{\"a\": 1}\r\n", "+OK\r\n"] {
            assert_eq!(said(none), None, "{none}");
        }
    }

    /// The preface and the frames of a first request, as RFC 9113 §3.4, §6.5 and §6.2 have them.
    #[test]
    fn frames_are_told_with_their_streams() {
        let settings = b"\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0\x64";
        let headers = b"\0\0\x02\x01\x05\0\0\0\x01\x82\x84";
        let first = [PREFACE, settings, headers].concat();
        assert_eq!(frames(&first).as_deref(), Some("PRI, SETTINGS[0], HEADERS[1]"));
        let data = [b"\0\x40\0\0\0\0\0\0\x01".as_slice(), &[7; 1000]].concat();
        assert_eq!(frames(&data).as_deref(), Some("DATA[1]"));
        // Flags that are not defined, a stream where there is none, none where there is one, SETTINGS of seven bytes.
        for wrong in [
            b"\0\0\0\0\x02\0\0\0\x01",
            b"\0\0\0\x04\0\0\0\0\x01",
            b"\0\0\x01\0\0\0\0\0\0",
            b"\0\0\x07\x04\0\0\0\0\0",
            b"\0\0\0\x0a\0\0\0\0\x01",
        ] {
            assert_eq!(frames(wrong), None, "{wrong:?}");
        }
    }
}
