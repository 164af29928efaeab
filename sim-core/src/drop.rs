//! Why a packet was dropped.

macro_rules! causes {
    ($($variant:ident = $word:literal, $help:literal;)*) => {
        /// Why a packet was dropped.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        #[repr(u8)]
        pub enum DropCause {
            $(#[doc = $help] $variant,)*
        }

        impl DropCause {
            /// Their words in tables, by number.
            pub const WORDS: &'static [&'static str] = &[$($word,)*];
            /// What each of them means.
            pub const HELP: &'static [&'static str] = &[$($help,)*];
            /// How many there are.
            pub const COUNT: usize = DropCause::WORDS.len();
        }
    };
}

causes! {
    QueueFull = "queue_full", "the queue is at its limit";
    Early = "early", "the queue discipline chose it, though there was room";
    LinkDown = "link_down", "the link has lost its carrier";
    ForcedLoss = "forced_loss", "an exact loss list names it";
    Loss = "loss", "a random loss model took it";
    Checksum = "checksum", "a checksum was wrong";
    FrameCheck = "frame_check", "the frame check sequence was wrong";
    Malformed = "malformed", "a header does not make sense";
    NoRoute = "no_route", "no route to its destination";
    TtlExpired = "ttl_expired", "its time to live ran out";
    NotMine = "not_mine", "a host that does not forward was not its destination";
    NoNeighbour = "no_neighbour", "address resolution failed";
    NoSocket = "no_socket", "no socket takes it";
    Reassembly = "reassembly", "fragments that never became whole";
    Buffer = "buffer", "the socket's receive buffer is full";
    MustFragment = "must_fragment", "longer than the next link's MTU, and not to be fragmented";
    Firewall = "firewall", "a rule of a router's firewall forbids it";
    NoPort = "no_port", "the router that translates addresses has no port left for it";
}

impl DropCause {
    /// How many are of links; they stand first.
    pub const OF_LINKS: usize = DropCause::Loss as usize + 1;

    /// Its word in tables.
    pub fn word(self) -> &'static str {
        DropCause::WORDS[self as usize]
    }
}
