//! The states of a connection (RFC 9293 §3.3.2) and the transitions between them, in one table.
//!
//! ```text
//!                      connect                     listen, SYN
//!             CLOSED ----------> SYN-SENT            |
//!                                 |    \ SYN         v
//!                         SYN,ACK |     `------> SYN-RECEIVED
//!                                 v                  | ACK
//!                             ESTABLISHED <----------'
//!                    close  /             \ FIN
//!                FIN-WAIT-1                CLOSE-WAIT
//!         ACK of FIN |   \ FIN                | close
//!                FIN-WAIT-2  CLOSING       LAST-ACK
//!                    | FIN      | ACK of FIN  | ACK of FIN
//!                    `-> TIME-WAIT <-'       CLOSED
//! ```

/// The state of a connection. LISTEN belongs to the host: a connection begins when a SYN leaves or comes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum State {
    /// Over, or refused.
    Closed,
    /// A SYN has left.
    SynSent,
    /// A SYN has come, and one has left.
    SynReceived,
    /// Data flows.
    Established,
    /// Our FIN is queued or has left, theirs has not come.
    FinWait1,
    /// Our FIN is acknowledged, theirs has not come.
    FinWait2,
    /// Their FIN has come; we have not closed.
    CloseWait,
    /// Both FINs are under way; ours is not acknowledged.
    Closing,
    /// Their FIN has come, then ours has left.
    LastAck,
    /// Both closed; old segments may still wander.
    TimeWait,
}

/// The words of [`State`] in tables, by number.
pub const STATE_WORDS: &[&str] = &[
    "CLOSED",
    "SYN_SENT",
    "SYN_RECEIVED",
    "ESTABLISHED",
    "FIN_WAIT_1",
    "FIN_WAIT_2",
    "CLOSE_WAIT",
    "CLOSING",
    "LAST_ACK",
    "TIME_WAIT",
];

/// What moves a connection from state to state.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Move {
    /// The SYN,ACK to our SYN.
    SynAck,
    /// A SYN to our SYN (RFC 9293 §3.5, figure 8).
    Syn,
    /// The acknowledgement of our SYN.
    SynAcked,
    /// The application has closed.
    Close,
    /// Their FIN.
    Fin,
    /// The acknowledgement of our FIN.
    FinAcked,
    /// A reset, an abort, a time-out; or 2 MSL in TIME-WAIT are over.
    End,
}

/// Every lawful transition; [`Move::End`] leads to CLOSED from everywhere.
const TRANSITIONS: &[(State, Move, State)] = &[
    (State::SynSent, Move::SynAck, State::Established),
    (State::SynSent, Move::Syn, State::SynReceived),
    (State::SynReceived, Move::SynAcked, State::Established),
    (State::SynReceived, Move::Close, State::FinWait1),
    (State::SynReceived, Move::Fin, State::CloseWait),
    (State::Established, Move::Close, State::FinWait1),
    (State::Established, Move::Fin, State::CloseWait),
    (State::FinWait1, Move::FinAcked, State::FinWait2),
    (State::FinWait1, Move::Fin, State::Closing),
    (State::FinWait2, Move::Fin, State::TimeWait),
    (State::CloseWait, Move::Close, State::LastAck),
    (State::Closing, Move::FinAcked, State::TimeWait),
    (State::LastAck, Move::FinAcked, State::Closed),
];

impl State {
    /// The state behind a transition; `None` where there is no such one.
    pub(crate) fn after(self, movement: Move) -> Option<State> {
        if movement == Move::End {
            return Some(State::Closed);
        }
        TRANSITIONS.iter().find(|(from, by, _)| (*from, *by) == (self, movement)).map(|(.., to)| *to)
    }

    /// Its word in tables.
    pub fn word(self) -> &'static str {
        STATE_WORDS[self as usize]
    }

    /// Whether both SYNs are acknowledged.
    #[inline]
    pub fn synchronized(self) -> bool {
        self >= State::Established
    }

    /// Whether the other end may still send data.
    #[inline]
    pub fn may_receive(self) -> bool {
        matches!(self, State::Established | State::FinWait1 | State::FinWait2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // tests: RFC 9293 §3.3.2, figure 5
    #[test]
    fn the_whole_table() {
        let moves = [Move::SynAck, Move::Syn, Move::SynAcked, Move::Close, Move::Fin, Move::FinAcked, Move::End];
        let states = [
            State::Closed,
            State::SynSent,
            State::SynReceived,
            State::Established,
            State::FinWait1,
            State::FinWait2,
            State::CloseWait,
            State::Closing,
            State::LastAck,
            State::TimeWait,
        ];
        let mut table = String::new();
        for state in states {
            let row = moves.map(|movement| state.after(movement).map_or("-", State::word));
            table.push_str(&format!("{:12} {}\n", state.word(), row.join(" ")));
        }
        let expected = "\
CLOSED       - - - - - - CLOSED
SYN_SENT     ESTABLISHED SYN_RECEIVED - - - - CLOSED
SYN_RECEIVED - - ESTABLISHED FIN_WAIT_1 CLOSE_WAIT - CLOSED
ESTABLISHED  - - - FIN_WAIT_1 CLOSE_WAIT - CLOSED
FIN_WAIT_1   - - - - CLOSING FIN_WAIT_2 CLOSED
FIN_WAIT_2   - - - - TIME_WAIT - CLOSED
CLOSE_WAIT   - - - LAST_ACK - - CLOSED
CLOSING      - - - - - TIME_WAIT CLOSED
LAST_ACK     - - - - - CLOSED CLOSED
TIME_WAIT    - - - - - - CLOSED
";
        assert_eq!(table, expected);
    }
}
