//! Messages: when there are some, and what stands in them.

use sim_core::{Rng, Streams, Time};

use super::WebSocketConfig;
use crate::app::{SizeDist, SpanDist};

/// Bytes of a message's number, its length and its time.
pub(super) const HEAD: usize = 16;

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Message {
    /// From 1.
    pub number: u64,
    pub created: Time,
    /// Bytes of all of it.
    pub size: usize,
}

impl Message {
    /// Its number and its length in four bytes each, its time in eight, and zeros.
    pub fn append(self, out: &mut Vec<u8>) {
        let end = out.len() + self.size;
        out.extend((self.number as u32).to_be_bytes());
        out.extend((self.size as u32).to_be_bytes());
        out.extend(self.created.ps().to_be_bytes());
        out.resize(end, 0);
    }

    /// The message that stands at the beginning of some bytes; none where they are fewer than it says.
    pub fn parse(bytes: &[u8]) -> Option<Message> {
        let head: &[u8; HEAD] = bytes.first_chunk()?;
        let word = |at: usize| u32::from_be_bytes(head[at..at + 4].try_into().expect("four bytes"));
        let created = u64::from_be_bytes(head[8..].try_into().expect("eight bytes"));
        let message = Message { number: word(0).into(), created: Time::from_ps(created), size: word(4) as usize };
        (HEAD..=bytes.len()).contains(&message.size).then_some(message)
    }
}

/// The messages for one client.
pub(super) struct Source {
    times: Rng,
    sizes: Rng,
    interval: SpanDist,
    size: SizeDist,
    left: Option<u64>,
    number: u64,
    next: Time,
    /// Who sends them: the connection that was opened last.
    pub owner: u64,
}

impl Source {
    /// Messages from now on, with chance from streams below this name.
    pub fn new(config: &WebSocketConfig, streams: &Streams, name: &str, now: Time) -> Source {
        let (mut times, sizes) = (streams.open(name), streams.open(&format!("{name}/sizes")));
        let (interval, size) = (config.interval.clone(), config.size.clone());
        let next = now + interval.draw(&mut times);
        Source { times, sizes, interval, size, left: config.count, number: 0, next, owner: 0 }
    }

    /// When there is another one; never once all have been there.
    pub fn next(&self) -> Option<Time> {
        (self.left != Some(0)).then_some(self.next)
    }

    /// The messages until now that have not been taken yet.
    pub fn due(&mut self, now: Time) -> Vec<Message> {
        let mut due = Vec::new();
        while self.next().is_some_and(|next| next <= now) {
            self.number += 1;
            let size = (self.size.draw(&mut self.sizes) as usize).clamp(HEAD, SIZE_MAX);
            due.push(Message { number: self.number, created: self.next, size });
            self.left = self.left.map(|left| left - 1);
            self.next += self.interval.draw(&mut self.times);
        }
        due
    }
}

/// The longest message: 1 MiB.
pub(super) const SIZE_MAX: usize = 1 << 20;

#[cfg(test)]
mod tests {
    use sim_core::Span;

    use super::*;

    #[test]
    fn messages_come_at_their_times_and_are_read_back() {
        let config = WebSocketConfig { count: Some(3), ..WebSocketConfig::default() };
        let mut source = Source::new(&config, &Streams::new(1), "x", Time::ZERO);
        let second = |number| Time::ZERO + Span::from_secs(number);
        assert_eq!((source.next(), source.due(second(0))), (Some(second(1)), Vec::new()));
        let due = source.due(second(2));
        assert_eq!(due.iter().map(|message| message.created).collect::<Vec<_>>(), [second(1), second(2)]);
        assert_eq!((source.due(second(9)).len(), source.next()), (1, None));
        let mut bytes = Vec::new();
        due[1].append(&mut bytes);
        assert_eq!((bytes.len(), Message::parse(&bytes)), (100, Some(due[1])));
        for less in 0..100 {
            assert_eq!(Message::parse(&bytes[..less]), None, "{less} bytes of it");
        }
        bytes[7] = 15;
        assert_eq!(Message::parse(&bytes), None, "shorter than its own head");
    }
}
