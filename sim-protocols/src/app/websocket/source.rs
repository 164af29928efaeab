//! Messages: when there are some, and what stands in them.

use sim_core::{Rng, Time};

use super::WebSocketConfig;
use crate::app::values::SpanDist;

/// Bytes of a message's number and its time.
pub(super) const HEAD: usize = 16;

/// A message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Message {
    /// From 1.
    pub number: u64,
    pub created: Time,
}

impl Message {
    /// Its number, its time, and zeros.
    pub fn append(self, size: usize, out: &mut Vec<u8>) {
        let end = out.len() + size.max(HEAD);
        out.extend(self.number.to_be_bytes());
        out.extend(self.created.ps().to_be_bytes());
        out.resize(end, 0);
    }

    /// The message that stands at the beginning of some bytes.
    pub fn parse(bytes: &[u8]) -> Option<Message> {
        let head: &[u8; HEAD] = bytes.first_chunk()?;
        let word = |at: usize| u64::from_be_bytes(head[at..at + 8].try_into().expect("eight bytes"));
        Some(Message { number: word(0), created: Time::from_ps(word(8)) })
    }
}

/// The messages for one client.
pub(super) struct Source {
    rng: Rng,
    interval: SpanDist,
    left: Option<u64>,
    number: u64,
    next: Time,
}

impl Source {
    /// Messages from now on.
    pub fn new(config: &WebSocketConfig, mut rng: Rng, now: Time) -> Source {
        let next = now + config.interval.draw(&mut rng);
        Source { rng, interval: config.interval, left: config.count, number: 0, next }
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
            due.push(Message { number: self.number, created: self.next });
            self.left = self.left.map(|left| left - 1);
            self.next += self.interval.draw(&mut self.rng);
        }
        due
    }
}

#[cfg(test)]
mod tests {
    use sim_core::{Span, Streams};

    use super::*;

    #[test]
    fn messages_come_at_their_times_and_are_read_back() {
        let config = WebSocketConfig { count: Some(3), ..WebSocketConfig::default() };
        let mut source = Source::new(&config, Streams::new(1).open("x"), Time::ZERO);
        let second = |number| Time::ZERO + Span::from_secs(number);
        assert_eq!((source.next(), source.due(second(0))), (Some(second(1)), Vec::new()));
        let due = source.due(second(2));
        assert_eq!(due.iter().map(|message| message.created).collect::<Vec<_>>(), [second(1), second(2)]);
        assert_eq!((source.due(second(9)).len(), source.next()), (1, None));
        let mut bytes = Vec::new();
        due[1].append(20, &mut bytes);
        assert_eq!((bytes.len(), Message::parse(&bytes), Message::parse(&bytes[..15])), (20, Some(due[1]), None));
    }
}
