//! Two connections over a path that does everything wrong, and one connection against anything at all.

use proptest::prelude::{ProptestConfig, Strategy, any, prop_assert, proptest};
use sim_core::{Rng, Streams};

use super::super::cc::{
    Bbr3Config, BbrConfig, CubicConfig, DctcpConfig, FixedConfig, RenoConfig, VegasConfig, WestwoodConfig,
};
use super::*;

const RANDOM_PROFILES: [Profile; 2] = [Profile::Rfc, Profile::Linux6];

/// Byte number `at` of a stream.
fn byte(at: u64) -> u8 {
    (at.wrapping_mul(0x9e37_79b9) >> 11) as u8
}

struct Side {
    tcp: Option<Connection>,
    config: Config,
    to_write: u64,
    written: u64,
    read: u64,
    /// Bytes that the application reads at a time.
    greed: u32,
    aborts_at: Time,
    edge: Option<Seq>,
}

struct Storm {
    now: Time,
    rng: Rng,
    sides: [Side; 2],
    /// Segments in flight: arrival, a tie-break, whither.
    flying: std::collections::BTreeMap<(Time, u64), (usize, Segment)>,
    count: u64,
    loss: u64,
    duplication: u64,
    spread: u64,
    /// Segments given to connections and taken from them, time-outs, reads and writes.
    operations: u64,
}

fn config(rng: &mut Rng) -> Config {
    let flip = |rng: &mut Rng| rng.below(2) == 0;
    let cc = match rng.below(8) {
        0 => ControlConfig::Fixed(FixedConfig { window: 1 + rng.below(30) as u32 }),
        1 => ControlConfig::Reno(RenoConfig::default()),
        2 => ControlConfig::Bbr(BbrConfig::default()),
        3 => ControlConfig::Dctcp(DctcpConfig::default()),
        4 => ControlConfig::Vegas(VegasConfig::default()),
        5 => ControlConfig::Westwood(WestwoodConfig::default()),
        6 => ControlConfig::Bbr3(Bbr3Config::default()),
        _ => ControlConfig::Cubic(CubicConfig::default()),
    };
    let recv_buffer = [300, 4_000, 70_000, 1 << 20][rng.below(4) as usize];
    Config {
        cc,
        mss: [88, 536, 1460, 9000][rng.below(4) as usize],
        send_buffer: [500, 5_000, 100_000][rng.below(3) as usize],
        recv_buffer,
        recv_buffer_max: if flip(rng) { 0 } else { recv_buffer << 3 },
        sack: flip(rng),
        timestamps: flip(rng),
        window_scaling: flip(rng),
        ecn: flip(rng),
        nagle: flip(rng),
        delayed_ack: flip(rng),
        idle_restart: flip(rng),
        pacing: rng.below(4) == 0,
        rack: flip(rng),
        tlp: flip(rng),
        frto: flip(rng),
        ack_compression: flip(rng),
        undo: flip(rng),
        reordering: [1, 3, 10][rng.below(3) as usize],
        tick: Span::from_ms([0, 0, 4, 100][rng.below(4) as usize]),
        gso: flip(rng),
        initial_window: 1 + rng.below(10) as u32,
        data_retries: 40,
        syn_retries: 40,
        rto_max: Span::from_secs(10),
        msl: Span::from_secs(1),
        ..Config::profile(RANDOM_PROFILES[rng.below(2) as usize])
    }
}

impl Storm {
    fn new(seed: u64) -> Storm {
        let mut rng = Streams::new(seed).open("storm");
        let mut side = |tcp_of: Option<Seq>| {
            let config = config(&mut rng);
            let tcp = tcp_of.map(|isn| Connection::connect(&Arc::new(config.clone()), CLIENT, SERVER, isn, Time::ZERO));
            let aborts_at =
                if rng.below(10) == 0 { Time::ZERO + Span::from_ms(rng.below(20_000)) } else { Time::NEVER };
            Side {
                tcp,
                config,
                to_write: [0, 1, 3_000, 200_000][rng.below(4) as usize],
                written: 0,
                read: 0,
                greed: [20, 1_000, u32::MAX][rng.below(3) as usize],
                aborts_at,
                edge: None,
            }
        };
        let sides = [side(Some(Seq(u32::MAX - 40_000))), side(None)];
        let (loss, duplication) = (rng.below(25), rng.below(10));
        let spread = [0, 1, 50][rng.below(3) as usize];
        Storm {
            now: Time::ZERO,
            sides,
            flying: Default::default(),
            count: 0,
            loss,
            duplication,
            spread,
            rng,
            operations: 0,
        }
    }

    fn applications(&mut self) {
        for side in &mut self.sides {
            let Some(tcp) = &mut side.tcp else { continue };
            while tcp.next_event().is_some() {}
            if self.now >= side.aborts_at && tcp.state() != State::Closed {
                tcp.abort();
                continue;
            }
            self.operations += 2;
            // What has come can be read after the end, too.
            if tcp.state().synchronized() || tcp.state() == State::Closed {
                let mut bytes = Vec::new();
                tcp.read(side.greed).append_to(&mut bytes);
                for byte_read in bytes {
                    assert_eq!(byte_read, byte(side.read), "byte {} of the stream", side.read);
                    side.read += 1;
                }
            }
            let room = (side.to_write - side.written).min(tcp.writable().into()).min(1 + self.rng.below(4_000));
            if room > 0 {
                let bytes: Vec<u8> = (side.written..side.written + room).map(byte).collect();
                side.written += u64::from(tcp.write(Payload::from_bytes(bytes)));
            }
            if side.written >= side.to_write && tcp.state() >= State::Established {
                tcp.shutdown();
            }
        }
    }

    fn output(&mut self) {
        for from in 0..2 {
            let mut burst = 0;
            while let Some(segment) = self.sides[from].tcp.as_mut().and_then(|tcp| tcp.next_segment(self.now)) {
                burst += 1;
                self.operations += 1;
                assert!(burst < 10_000, "an endless burst");
                self.check(from, &segment);
                for _ in 0..if self.rng.below(100) < self.duplication { 2 } else { 1 } {
                    if self.rng.below(100) >= self.loss {
                        let at = self.now + Span::from_ms(10 + self.rng.below(self.spread + 1));
                        self.count += 1;
                        self.flying.insert((at, self.count), (1 - from, segment.clone()));
                    }
                }
            }
        }
    }

    /// What may leave.
    fn check(&mut self, from: usize, segment: &Segment) {
        let repr = &segment.repr;
        let config = &self.sides[from].config;
        assert!(segment.payload.len() <= u32::from(config.mss), "a segment is no longer than the MSS");
        if repr.flags.ack() && !repr.flags.rst() {
            let tcp = self.sides[from].tcp.as_ref().expect("it has sent");
            let scale = if repr.flags.syn() { 0 } else { tcp.window_scale() };
            let edge = repr.ack + (u32::from(repr.window) << scale);
            // RFC 9293 §3.8.6: a receiver should not take back what it has offered.
            assert!(
                self.sides[from].edge.is_none_or(|before| edge >= before),
                "the right edge moves to the right: {repr:?} {:?} {edge:?}",
                self.sides[from].edge
            );
            self.sides[from].edge = Some(edge);
        }
        if let Some(edge) = self.sides[1 - from].edge
            && !repr.flags.syn()
            && !repr.flags.rst()
        {
            let probe = 1;
            let end = repr.seq + segment.payload.len();
            assert!(
                end <= edge + probe,
                "nothing is sent behind the right edge {edge:?}: {:?} {}",
                repr,
                segment.payload.len()
            );
        }
    }

    /// Goes on to what happens next; `false` when nothing can happen any more.
    fn step(&mut self) -> bool {
        self.applications();
        self.output();
        let timer = self.sides.iter().filter_map(|side| side.tcp.as_ref()).map(Connection::deadline).min();
        let arrival = self.flying.first_key_value().map_or(Time::NEVER, |((at, _), _)| *at);
        let reads = self.sides.iter().any(|side| side.tcp.as_ref().is_some_and(|tcp| tcp.readable() > 0));
        let writes = self
            .sides
            .iter()
            .any(|side| side.tcp.as_ref().is_some_and(|tcp| tcp.writable() > 0) && side.written < side.to_write);
        // A slow reader comes back after a while.
        let app = if reads || writes { self.now + Span::from_ms(5) } else { Time::NEVER };
        let next = timer.unwrap_or(Time::NEVER).min(arrival).min(app);
        if next == Time::NEVER {
            return false;
        }
        self.now = next.max(self.now);
        if arrival <= self.now {
            let (_, (to, segment)) = self.flying.pop_first().expect("an arrival");
            self.operations += 1;
            self.arrive(to, &segment);
        }
        for side in &mut self.sides {
            if let Some(tcp) = side.tcp.as_mut().filter(|tcp| tcp.deadline() <= self.now) {
                self.operations += 1;
                tcp.on_timeout(self.now);
            }
        }
        true
    }

    fn arrive(&mut self, to: usize, segment: &Segment) {
        let side = &mut self.sides[to];
        match &mut side.tcp {
            Some(tcp) if tcp.state() != State::Closed => tcp.on_segment(self.now, segment),
            None if segment.repr.flags.syn() && !segment.repr.flags.ack() => {
                let config = Arc::new(side.config.clone());
                side.tcp = Some(Connection::accept(&config, SERVER, CLIENT, Seq(7), segment, self.now));
            }
            _ => {
                if let Some(reset) = reset_for(segment) {
                    let segment = Segment { repr: reset, payload: Payload::Empty, ecn: Ecn::NotEct, aside: None };
                    self.count += 1;
                    self.flying.insert((self.now + Span::from_ms(10), self.count), (1 - to, segment));
                }
            }
        }
    }
}

/// Whatever the path does, bytes arrive as they were written, nothing gets stuck, and everything ends. Returns how often a connection was
/// asked to do something.
fn weather(seed: u64) -> u64 {
    let mut storm = Storm::new(seed);
    let mut steps = 0;
    while storm.step() {
        steps += 1;
        assert!(steps < 2_000_000, "seed {seed}: no end");
    }
    let aborted = storm.sides.iter().any(|side| side.aborts_at <= storm.now);
    for (at, side) in storm.sides.iter().enumerate() {
        let state = side.tcp.as_ref().map_or(State::Closed, Connection::state);
        // An end whose other end has aborted may be left with nothing to send (RFC 9293 §3.5.1: half-open).
        assert!(aborted || state == State::Closed, "seed {seed}: side {at} is stuck in {state:?}");
        let other = &storm.sides[1 - at];
        assert!(side.read <= other.written, "seed {seed}: side {at} has read what was not written");
        assert!(aborted || side.read == other.written, "seed {seed}: side {at} has not read all");
    }
    storm.operations
}

/// How often connections are asked to do something.
const OPERATIONS: u64 = 50_000_000;

#[test]
fn any_path_carries_the_streams_and_every_connection_ends() {
    let (mut seed, mut operations) = (0, 0);
    while operations < OPERATIONS {
        operations += weather(seed);
        seed += 1;
    }
}

fn anything() -> impl Strategy<Value = (u8, i32, i32, u16, u16, u32, u8)> {
    (any::<u8>(), -3_000..3_000, -3_000..3_000, any::<u16>(), 0_u16..2_000, 0_u32..3_000, any::<u8>())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, ..ProptestConfig::default() })]

    /// Segments that nobody would send, at any moment: no panic, no storm, no state that is not in the table.
    #[test]
    fn anything_may_come(seed in any::<u64>(), segments in proptest::collection::vec(anything(), 1..80)) {
        let mut rng = Streams::new(seed).open("anything");
        let config = Arc::new(config(&mut rng));
        let (ours, theirs) = (Seq(u32::MAX - 1_000), Seq(u32::MAX - 500));
        let mut tcp = Connection::connect(&config, CLIENT, SERVER, ours, Time::ZERO);
        let mut now = Time::ZERO;
        let mut sent = 0_u64;
        for (number, (flags, seq, ack, window, len, wait, options)) in segments.iter().enumerate() {
            tcp.write(Payload::Zeros(rng.below(2_000) as u32));
            while tcp.next_segment(now).is_some() {
                sent += 1;
                prop_assert!(sent < 50_000, "an endless burst");
            }
            let near = |base: Seq, by: i32| Seq(base.0.wrapping_add_signed(by));
            let mut repr = TcpRepr {
                seq: near(theirs, *seq),
                ack: near(ours, *ack),
                window: *window,
                flags: TcpFlags(if number == 0 { 0x12 } else { *flags }),
                ..TcpRepr::default()
            };
            if number == 0 {
                (repr.seq, repr.ack) = (theirs, ours + 1);
                repr.options.sack_permitted = true;
                repr.options.window_scale = Some(options % 16);
            }
            if options & 1 != 0 {
                repr.options.timestamps = Some(Timestamps { val: rng.below(1_000) as u32, ecr: rng.below(100_000) as u32 });
            }
            if options & 2 != 0 {
                for _ in 0..rng.below(5) {
                    let left = near(ours, rng.below(6_000) as i32 - 3_000);
                    repr.options.sack.push(left, left + rng.below(3_000) as u32);
                }
            }
            let before = tcp.counters().pure_acks_sent;
            let data_before = tcp.counters().data_segments_sent;
            tcp.on_segment(now, &Segment { repr, payload: Payload::Zeros((*len).into()), ecn: Ecn::Ce, aside: None });
            let mut burst = 0;
            while tcp.next_segment(now).is_some() {
                burst += 1;
                prop_assert!(burst < 5_000, "an endless burst");
            }
            prop_assert!(tcp.counters().pure_acks_sent <= before + 1, "one acknowledgement for a segment at the most");
            prop_assert!(tcp.counters().data_segments_sent >= data_before);
            while tcp.next_event().is_some() {}
            if options & 4 != 0 {
                tcp.read(rng.below(5_000) as u32);
            }
            match options >> 5 {
                7 => tcp.shutdown(),
                6 => tcp.on_mtu(rng.below(2_000) as u32),
                5 => tcp.on_unreachable(now, near(ours, *ack), Obstacle::Disconnected),
                _ => {}
            }
            let until = now + Span::from_ms((*wait).into());
            while tcp.deadline() <= until {
                now = tcp.deadline().max(now);
                tcp.on_timeout(now);
                let mut burst = 0;
                while tcp.next_segment(now).is_some() {
                    burst += 1;
                    prop_assert!(burst < 5_000, "an endless burst");
                }
            }
            now = until;
        }
    }
}
