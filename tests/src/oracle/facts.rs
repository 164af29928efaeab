//! What the plan says of link directions, in the oracle's words.

/// The most packets and the most bytes that wait, where the queue counts them.
pub type Limits = (Option<u64>, Option<u64>);

/// How fast a link sends.
#[derive(Clone, Debug)]
pub enum Speed {
    /// Infinitely fast.
    Infinite,
    /// In bit/s.
    Rate(u64),
    /// Delivery opportunities of 1500 bytes: their stamps in milliseconds. The list repeats with its last stamp as period.
    Trace(Vec<u64>),
}

/// What the plan says of one link direction.
#[derive(Clone, Debug, Default)]
pub struct PortFacts {
    /// The direction's name, as the table gives it.
    pub name: String,
    /// The node that sends.
    pub from: String,
    /// The node that receives.
    pub to: String,
    /// Whether a host sends, whose own packets have not met congestion yet.
    pub from_host: bool,
    /// Bytes that the link adds to each packet, and the least that it sends.
    pub overhead: u64,
    /// Shortest frame in bytes, overhead included.
    pub frame_min: u64,
    /// How fast it sends from a moment (picoseconds) on. Empty: not known.
    pub speed: Vec<(u64, Speed)>,
    /// Delay in picoseconds from a moment on.
    pub delay: Vec<(u64, u64)>,
    /// The most packets and the most bytes that wait, each where the queue counts them, from a moment on.
    pub limit: Vec<(u64, Limits)>,
    /// When the link was down: from, until (picoseconds).
    pub down: Vec<(u64, u64)>,
    /// The most that jitter adds to the delay, in picoseconds, where there is jitter.
    pub jitter: Option<u64>,
    /// Whether a packet with less jitter may overtake.
    pub unordered: bool,
    /// How much earlier than with the delay a packet may come that overtakes; `None` where none does.
    pub overtake: Option<Overtake>,
    /// The fates that its models can give, besides `delivered`, `queue_full` (a limit) and `link_down` (an event).
    pub fates: Vec<String>,
    /// Whether its queue may mark packets instead of dropping them.
    pub marks: bool,
    /// Its CoDel, where it has one.
    pub codel: Option<CoDel>,
}

/// Parameters of CoDel.
#[derive(Clone, Copy, Debug)]
pub struct CoDel {
    /// The standing delay that is accepted, in picoseconds.
    pub target: u64,
    /// For how long it may be exceeded, in picoseconds.
    pub interval: u64,
    /// Bytes that may always stand behind a packet: a full frame.
    pub frame_max: u64,
}

/// How much earlier a packet comes that overtakes.
#[derive(Clone, Copy, Debug)]
pub enum Overtake {
    /// So many picoseconds, and the whole delay at the most.
    By(u64),
    /// Half the delay, rounded up.
    HalfTheDelay,
}

impl Overtake {
    /// The delay of a packet that overtakes.
    pub fn delay(self, whole: u64) -> u64 {
        match self {
            Overtake::By(by) => whole.saturating_sub(by),
            Overtake::HalfTheDelay => whole - whole / 2,
        }
    }
}

/// The values of a schedule that may hold at a moment: where something else befalls at the very moment of a change, either may come first.
pub(super) fn at<T>(schedule: &[(u64, T)], when: u64) -> impl Iterator<Item = &T> {
    let next = move |index: usize| schedule.get(index + 1).map_or(u64::MAX, |(from, _)| *from);
    schedule
        .iter()
        .enumerate()
        .filter(move |(index, (from, _))| *from <= when && when <= next(*index))
        .map(|(_, (_, value))| value)
}
