//! A script as it was written: what each line says, before anything of it is judged.

/// A place in a script: line and column, from 1.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Place {
    /// Line.
    pub line: u32,
    /// Column, in characters.
    pub column: u32,
}

/// A whole script.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Script {
    /// `--name=value` at its head.
    pub options: Vec<OptionLine>,
    /// The shell command before the first event.
    pub init: Option<Shell>,
    /// What happens.
    pub events: Vec<Event>,
    /// The shell command behind the last event.
    pub cleanup: Option<Shell>,
}

/// An option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OptionLine {
    /// Where it stands.
    pub place: Place,
    /// Its name without dashes.
    pub name: String,
    /// What stands behind `=`.
    pub value: Option<String>,
}

/// A text between back quotes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shell {
    /// Where it stands.
    pub place: Place,
    /// The text.
    pub text: String,
}

/// Microseconds.
pub type Micros = u64;

/// When an event happens.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum When {
    /// `1.5`: from the start of the script.
    At(Micros),
    /// `+1.5`: from when the last event was finished.
    After(Micros),
    /// `*`: whenever it comes.
    Any,
    /// `1~2`, `+1~+2`: in between; whether from when the last event was finished.
    Between {
        /// The earliest moment.
        from: Micros,
        /// The latest.
        to: Micros,
        /// Counted from the end of the last event.
        relative: bool,
    },
}

/// Something that happens.
#[derive(Clone, PartialEq, Debug)]
pub struct Event {
    /// Where it stands.
    pub place: Place,
    /// When it happens.
    pub when: When,
    /// When a call that waits returns, on the same base.
    pub until: Option<Micros>,
    /// What happens.
    pub action: Action,
}

/// What happens.
#[derive(Clone, PartialEq, Debug)]
pub enum Action {
    /// A packet.
    Packet(Box<Packet>),
    /// A system call.
    Call(Box<Call>),
    /// A shell command.
    Shell(String),
    /// Assertions.
    Code(String),
}

/// A packet in one of the two directions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Packet {
    /// Whether it goes to the stack, `<`.
    pub inbound: bool,
    /// What is said of its IP header.
    pub ip: IpInfo,
    /// Headers around it: the word that begins one.
    pub encapsulation: Option<String>,
    /// Source and destination ports.
    pub ports: Option<(u16, u16)>,
    /// What it is.
    pub kind: PacketKind,
}

/// What is said of an IP header.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct IpInfo {
    /// The ECN field.
    pub ecn: Option<EcnWord>,
    /// The whole octet of traffic class.
    pub tos: Option<u8>,
    /// IPv6's label of a flow.
    pub flow_label: Option<u32>,
    /// The time to live.
    pub ttl: Option<u8>,
}

/// Words for the ECN field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EcnWord {
    /// `noecn`.
    None,
    /// `ect0`.
    Ect0,
    /// `ect1`.
    Ect1,
    /// `ect01`: either.
    Either,
    /// `ce`.
    Ce,
}

/// Kinds of packets.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum PacketKind {
    /// TCP.
    Tcp(TcpSpec),
    /// UDP with so many bytes.
    Udp(u32),
    /// ICMP.
    Icmp(IcmpSpec),
}

/// A TCP segment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct TcpSpec {
    /// Bits of the header, as on the wire.
    pub flags: u8,
    /// AccECN is used: the bit `A`, or a counter in digits.
    pub accurate_ecn: bool,
    /// The number of its first byte.
    pub seq: u32,
    /// Bytes of payload.
    pub len: u32,
    /// What it acknowledges.
    pub ack: Option<u32>,
    /// The window field.
    pub window: Option<u16>,
    /// The urgent pointer.
    pub urgent: Option<u16>,
    /// Its options; `None` for `<...>`: whatever they are.
    pub options: Option<Vec<TcpOption>>,
}

/// A TCP option.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TcpOption {
    /// Padding.
    Nop,
    /// The end of the list.
    Eol,
    /// Maximum segment size.
    Mss(u16),
    /// Window scale.
    WindowScale(u8),
    /// Selective acknowledgements are welcome.
    SackOk,
    /// Selective acknowledgements.
    Sack(Vec<(u32, u32)>),
    /// Clocks.
    Timestamps {
        /// The sender's.
        val: u32,
        /// The last one that it has seen.
        ecr: u32,
    },
    /// Fast Open, with a cookie in hexadecimal digits or a symbol.
    FastOpen {
        /// The cookie.
        cookie: Option<String>,
        /// The number of experiments.
        experimental: bool,
    },
    /// An MD5 signature.
    Md5(String),
    /// AccECN.
    AccurateEcn,
}

/// An ICMP message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct IcmpSpec {
    /// For IPv6.
    pub v6: bool,
    /// Its type.
    pub kind: String,
    /// Its code.
    pub code: Option<String>,
    /// The MTU that it announces.
    pub mtu: Option<u32>,
    /// The sequence number that is echoed.
    pub seq: u32,
}

/// A system call.
#[derive(Clone, PartialEq, Debug)]
pub struct Call {
    /// Its name.
    pub name: String,
    /// Its arguments.
    pub args: Vec<Arg>,
    /// What it returns.
    pub result: Arg,
    /// The error behind `-1`.
    pub errno: Option<String>,
}

/// An argument, or a result.
#[derive(Clone, PartialEq, Debug)]
pub enum Arg {
    /// `...`: the runner's affair.
    Any,
    /// A number.
    Int(i64),
    /// A quoted text.
    Text(String),
    /// A name: of a constant, or defined by an option.
    Word(String),
    /// `A|B`.
    Or(Vec<Arg>),
    /// `~A`.
    Not(Box<Arg>),
    /// `[a, b]`: what a pointer leads to.
    List(Vec<Arg>),
    /// `{a, b}`.
    Tuple(Vec<Arg>),
    /// `{name=value, name(note)=value}`.
    Struct(Vec<(String, Arg)>),
    /// `htons(8080)`.
    Call(String, Vec<Arg>),
}

impl Arg {
    /// A field of a structure.
    pub fn field(&self, name: &str) -> Option<&Arg> {
        match self {
            Arg::Struct(fields) => fields.iter().find(|(field, _)| field == name).map(|(_, value)| value),
            _ => None,
        }
    }
}
