//! Fast Open (RFC 7413): cookies, who may have one, and what a client remembers of a server.
//!
//! A client that has a server's cookie sends data with its SYN, a server that knows the cookie takes it before the handshake is over. What is
//! decided here is who sends which option; the connection does the rest. Left out: Linux's black-hole detection (it turns Fast Open off for
//! hours after one bad path), and a second key of the server.

use std::net::Ipv4Addr;

use sim_core::Params;

use crate::wire::{FastOpen, FastOpenCookie};

/// What an end does with Fast Open (the bits of Linux's `tcp_fastopen`).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FastOpenConfig {
    /// As a client it asks for cookies and sends data with its SYN where it has one (bit 1).
    pub client: bool,
    /// As a client it sends data with its SYN though it has no cookie (bit 4).
    pub client_without_cookie: bool,
    /// As a server it gives cookies and takes data with a SYN (bit 2).
    pub server: bool,
    /// As a server it takes data with a SYN that has no cookie (bit 0x200).
    pub server_without_cookie: bool,
    /// Connections that a listener takes in this way before their handshake is over, at the most (RFC 7413 §5.1); zero: none.
    pub queue: u32,
}

impl FastOpenConfig {
    /// Everything is on, as long as cookies are right.
    pub fn on() -> FastOpenConfig {
        FastOpenConfig { client: true, server: true, queue: 256, ..FastOpenConfig::default() }
    }

    pub(super) fn read(base: FastOpenConfig, params: &mut dyn Params) -> FastOpenConfig {
        let mut config = base;
        if params.given("fast_open") {
            const WORDS: &[&str] = &["off", "on", "without_cookies"];
            let word = params.word("fast_open", WORDS, "data in the SYN (RFC 7413), as client and as server");
            let without_cookie = word == 2;
            config = if word == 0 { FastOpenConfig::default() } else { FastOpenConfig::on() };
            (config.client_without_cookie, config.server_without_cookie) = (without_cookie, without_cookie);
        }
        let queue = params.count(
            "fast_open_queue",
            Some(256),
            0..=65_535,
            "connections with data in their SYN that a listener takes before their handshake is over",
        ) as u32;
        if config.server {
            config.queue = queue;
        }
        config
    }
}

/// What a client remembers of a server (RFC 7413 §4.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FastOpenTicket {
    /// The server's cookie, if it has given one.
    pub cookie: Option<FastOpenCookie>,
    /// The largest segment that the server takes, as its SYN,ACK has said.
    pub mss: Option<u16>,
    /// The option has the experimental number (RFC 7413 §4.1.1, RFC 6994): the server did not answer the other one.
    pub experimental: bool,
}

/// What a handshake has taught a client, to be kept for the next one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FastOpenLesson {
    /// The largest segment that the server takes.
    pub mss: u16,
    /// A new cookie.
    pub cookie: Option<FastOpenCookie>,
    /// The cookie was asked for with the experimental number.
    pub experimental: bool,
    /// It was asked for and did not come: the other number may do.
    pub try_other: bool,
    /// The SYN with data was lost, or it is lost always.
    pub dropped: bool,
}

/// What clients remember: a place for each server, the oldest forgotten first.
#[derive(Clone, Debug, Default)]
pub struct FastOpenCache {
    servers: Vec<(Ipv4Addr, FastOpenTicket)>,
}

/// Servers that are remembered (Linux: 1024 chains of five in its metrics).
const SERVERS_MAX: usize = 1024;

impl FastOpenCache {
    /// What is known of a server; nothing of one that was never seen.
    pub fn ticket(&self, server: Ipv4Addr) -> FastOpenTicket {
        self.servers.iter().find(|(known, _)| *known == server).map(|(_, ticket)| *ticket).unwrap_or_default()
    }

    /// Takes a lesson to heart. A cookie is kept until there is a new one; where the SYN with data was lost, it is forgotten, so that the next
    /// SYN goes alone and asks anew.
    pub fn learn(&mut self, server: Ipv4Addr, lesson: &FastOpenLesson) {
        let mut ticket = self.ticket(server);
        ticket.mss = Some(lesson.mss);
        if lesson.cookie.is_some() {
            ticket.cookie = lesson.cookie;
            ticket.experimental = lesson.experimental;
        } else if lesson.dropped {
            ticket.cookie = None;
        } else if lesson.try_other && ticket.cookie.is_none() {
            ticket.experimental = !lesson.experimental;
        }
        self.servers.retain(|(known, _)| *known != server);
        if self.servers.len() == SERVERS_MAX {
            self.servers.remove(0);
        }
        self.servers.push((server, ticket));
    }

    /// Forgets all servers.
    pub fn clear(&mut self) {
        self.servers.clear();
    }
}

/// What a server does with a SYN.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FastOpenVerdict {
    /// The SYN's data counts, and the server may answer before the handshake is over.
    pub accepted: bool,
    /// The option of the SYN,ACK: a cookie for a client that has none, or not the right one.
    pub answer: Option<FastOpen>,
}

/// The key that a server makes its cookies with.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FastOpenKey([u64; 2]);

impl FastOpenKey {
    /// A key; of bytes, each half begins with its lowest.
    pub const fn new(halves: [u64; 2]) -> FastOpenKey {
        FastOpenKey(halves)
    }

    /// The cookie for a client: eight bytes that nobody without the key can make (RFC 7413 §4.1.2). As in Linux SipHash-2-4 over both
    /// addresses.
    pub fn cookie(&self, client: Ipv4Addr, server: Ipv4Addr) -> FastOpenCookie {
        let mut message = [0; 8];
        message[..4].copy_from_slice(&client.octets());
        message[4..].copy_from_slice(&server.octets());
        FastOpenCookie::new(&siphash(self.0, &message).to_le_bytes()).expect("eight bytes are a lawful length")
    }

    /// What is done with a SYN that has `option` and `data`, while `pending` connections of its listener were accepted in this way and are not
    /// established (RFC 7413 §4.2.2; Linux's tcp_try_fastopen).
    pub fn judge(
        &self,
        config: &FastOpenConfig,
        (client, server): (Ipv4Addr, Ipv4Addr),
        option: Option<FastOpen>,
        data: bool,
        pending: u32,
    ) -> FastOpenVerdict {
        let none = FastOpenVerdict::default();
        if !config.server || !(data || option.is_some()) || pending >= config.queue {
            return none;
        }
        if config.server_without_cookie {
            return FastOpenVerdict { accepted: true, answer: None };
        }
        let Some(option) = option else { return none };
        let right = self.cookie(client, server);
        if option.cookie == Some(right) {
            return FastOpenVerdict { accepted: true, answer: None };
        }
        FastOpenVerdict { accepted: false, answer: Some(FastOpen { cookie: Some(right), ..option }) }
    }
}

/// What a connection that is opened fast knows of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Opening {
    /// A client: what it knew, while its first SYN has not left.
    pub ticket: Option<FastOpenTicket>,
    /// A client has asked for a cookie, or shown one.
    pub asked: bool,
    pub experimental: bool,
    /// Bytes of data that its SYN had.
    pub sent: u32,
    /// It was more than one SYN.
    pub repeated: bool,
    /// All of the SYN's data was acknowledged with it.
    pub acked: bool,
    /// What was learned, for the host to take.
    pub lesson: Option<FastOpenLesson>,
    /// A server: the option of its SYN,ACK.
    pub answer: Option<FastOpen>,
    /// A server: it may send before the handshake is over.
    pub accepted: bool,
}

/// SipHash-2-4 (Aumasson and Bernstein, 2012): a keyed hash of a short message.
fn siphash(key: [u64; 2], message: &[u8]) -> u64 {
    let mut v = [
        key[0] ^ 0x736f_6d65_7073_6575,
        key[1] ^ 0x646f_7261_6e64_6f6d,
        key[0] ^ 0x6c79_6765_6e65_7261,
        key[1] ^ 0x7465_6462_7974_6573,
    ];
    let mut take = |word: u64| {
        v[3] ^= word;
        sip_rounds(&mut v, 2);
        v[0] ^= word;
    };
    let whole = message.chunks_exact(8);
    let mut last = [0; 8];
    last[..whole.remainder().len()].copy_from_slice(whole.remainder());
    last[7] = message.len() as u8;
    for chunk in whole {
        take(u64::from_le_bytes(chunk.try_into().expect("eight bytes")));
    }
    take(u64::from_le_bytes(last));
    v[2] ^= 0xff;
    sip_rounds(&mut v, 4);
    v[0] ^ v[1] ^ v[2] ^ v[3]
}

fn sip_rounds(v: &mut [u64; 4], rounds: u32) {
    for _ in 0..rounds {
        v[0] = v[0].wrapping_add(v[1]);
        v[2] = v[2].wrapping_add(v[3]);
        v[1] = v[1].rotate_left(13) ^ v[0];
        v[3] = v[3].rotate_left(16) ^ v[2];
        v[0] = v[0].rotate_left(32).wrapping_add(v[3]);
        v[2] = v[2].wrapping_add(v[1]);
        v[3] = v[3].rotate_left(21) ^ v[0];
        v[1] = v[1].rotate_left(17) ^ v[2];
        v[2] = v[2].rotate_left(32);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // The example of the paper (appendix A): key 00 01 … 0f, message 00 01 … 0e.
    #[test]
    fn the_papers_example() {
        let message: Vec<u8> = (0..15).collect();
        assert_eq!(siphash([0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908], &message), 0xa129_ca61_49be_45e5);
    }

    // tests: RFC 7413 §4.1.2, §4.2.2
    #[test]
    fn a_server_knows_its_own_cookies_alone() {
        let ends = (Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2));
        let (key, other) = (FastOpenKey::new([1, 2]), FastOpenKey::new([1, 3]));
        let config = FastOpenConfig::on();
        let ask = FastOpen::default();
        let granted = key.judge(&config, ends, Some(ask), false, 0);
        let cookie = key.cookie(ends.0, ends.1);
        assert_eq!((granted.accepted, granted.answer), (false, Some(FastOpen { cookie: Some(cookie), ..ask })));
        let show = FastOpen { cookie: Some(cookie), ..ask };
        assert!(key.judge(&config, ends, Some(show), true, 0).accepted);
        // A new key, another client, a full queue, nothing said, a server that does not do it.
        let refused = other.judge(&config, ends, Some(show), true, 0);
        assert_eq!((refused.accepted, refused.answer.is_some()), (false, true));
        assert!(!key.judge(&config, (ends.1, ends.0), Some(show), true, 0).accepted);
        let none = FastOpenVerdict::default();
        assert_eq!(key.judge(&config, ends, Some(show), true, 256), none);
        assert_eq!(key.judge(&config, ends, None, true, 0), none);
        assert_eq!(key.judge(&FastOpenConfig::default(), ends, Some(show), true, 0), none);
        let trusting = FastOpenConfig { server_without_cookie: true, ..config };
        assert!(key.judge(&trusting, ends, None, true, 0).accepted);
    }

    // tests: RFC 7413 §4.1.3
    #[test]
    fn a_client_forgets_a_cookie_whose_syn_was_lost_and_the_oldest_server() {
        let mut cache = FastOpenCache::default();
        let server = Ipv4Addr::new(10, 0, 0, 2);
        let cookie = FastOpenCookie::new(&[7; 8]);
        let lesson = FastOpenLesson { mss: 1460, cookie, experimental: false, try_other: false, dropped: false };
        cache.learn(server, &lesson);
        assert_eq!(cache.ticket(server), FastOpenTicket { cookie, mss: Some(1460), experimental: false });
        cache.learn(server, &FastOpenLesson { cookie: None, dropped: true, ..lesson });
        assert_eq!(cache.ticket(server), FastOpenTicket { cookie: None, mss: Some(1460), experimental: false });
        cache.learn(server, &FastOpenLesson { cookie: None, try_other: true, ..lesson });
        assert!(cache.ticket(server).experimental);
        for at in 0..SERVERS_MAX as u32 {
            cache.learn(Ipv4Addr::from_bits(0x0a01_0000 + at), &lesson);
        }
        assert_eq!(cache.ticket(server), FastOpenTicket::default());
    }
}
