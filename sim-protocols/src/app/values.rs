//! What parameters of applications are made of.

use sim_core::{Params, Time};

/// Words that a parameter may be.
macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($(#[$help:meta])* $variant:ident = $word:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
        pub enum $name {
            $($(#[$help])* $variant,)*
        }

        impl $name {
            /// The words, as files write them.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];

            /// The value of a word.
            pub fn by_name(word: &str) -> Option<$name> {
                match word {
                    $($word => Some($name::$variant),)*
                    _ => None,
                }
            }

            /// Asks for it by its word; the first one is the default.
            pub(crate) fn read(params: &mut dyn Params, key: &'static str, help: &'static str) -> $name {
                [$($name::$variant,)*][params.word(key, $name::WORDS, help)]
            }

            /// Its word.
            pub fn word(self) -> &'static str {
                $name::WORDS[self as usize]
            }
        }
    };
}

words! {
    /// What the bytes of a stream are.
    Data {
        /// Zeros, which nobody stores.
        #[default]
        Zeros = "zeros",
        /// Bytes that both ends compute from the flow's number and the offset; the receiver compares each of them.
        Pattern = "pattern",
    }
}

words! {
    /// Who opens a connection.
    Opening {
        /// The end that the flow comes from; the other one listens.
        #[default]
        Client = "client",
        /// Both at the same moment, from the flow's port to the flow's port (RFC 9293 §3.5, figure 7): their SYNs cross.
        Simultaneous = "simultaneous",
    }
}

words! {
    /// Who closes a connection first, hence who keeps it in TIME-WAIT.
    Closing {
        /// The end that opened it; the other one closes when it reads the end of the stream.
        #[default]
        Client = "client",
        /// The end that accepted it, when it has all that it waits for; the client closes when it reads the end of the stream.
        Server = "server",
        /// Both at about the same moment, so that their FINs cross (RFC 9293 §3.6, figure 13).
        Simultaneous = "simultaneous",
        /// Nobody: the client resets the connection.
        Reset = "reset",
    }
}

words! {
    /// When a sender of a fixed number of bytes closes.
    CloseWhen {
        /// At once: the FIN rides on the last segment.
        #[default]
        Written = "written",
        /// When all bytes have been acknowledged: the FIN goes alone.
        Acknowledged = "acknowledged",
    }
}

words! {
    /// How requests use connections.
    Connections {
        /// One connection for all of them.
        #[default]
        Kept = "kept",
        /// A new one for each, opened when the last one is closed.
        New = "new",
    }
}

words! {
    /// What the size and the rate of a datagram source count.
    Counted {
        /// The bytes that the application sends.
        #[default]
        Payload = "payload",
        /// IP packets, with their 28 bytes of headers: what queueing theory calls the size of a customer.
        Packet = "packet",
    }
}

/// Asks for `stop`, a moment of the simulation.
pub(super) fn stop(params: &mut dyn Params, help: &'static str) -> Option<Time> {
    moment(params, "stop", help)
}

/// Asks for a moment of the simulation that there may be.
pub(super) fn moment(params: &mut dyn Params, key: &'static str, help: &'static str) -> Option<Time> {
    params.given(key).then(|| Time::ZERO + params.span(key, None, help))
}

/// Asks for a number without which there is no end.
pub(super) fn count(params: &mut dyn Params, help: &'static str) -> Option<u64> {
    params.given("count").then(|| params.count("count", None, 1..=u64::MAX, help))
}
