//! What becomes of a script.

use super::ast::Place;

/// What became of a script.
#[derive(Clone, PartialEq, Debug)]
pub enum Verdict {
    /// Everything was as expected.
    Pass,
    /// Something was not.
    Fail(Failure),
    /// It asks for what does not exist here.
    NotRunnable {
        /// Where.
        place: Option<Place>,
        /// What.
        feature: String,
    },
    /// It is no script.
    Malformed {
        /// Where.
        place: Option<Place>,
        /// Why.
        why: String,
    },
}

impl Verdict {
    /// Its word in reports.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Pass => "pass",
            Verdict::Fail(_) => "fail",
            Verdict::NotRunnable { .. } => "not runnable",
            Verdict::Malformed { .. } => "malformed",
        }
    }
}

/// What was not as expected.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Failure {
    /// The line of the script.
    pub place: Place,
    /// In which respect.
    pub what: String,
    /// What the script expects.
    pub expected: String,
    /// What came.
    pub got: String,
    /// How much later than expected it came, in microseconds; negative: earlier.
    pub error_us: Option<i64>,
}

/// A script's verdict, and what is to be known besides.
#[derive(Clone, PartialEq, Debug)]
pub struct Judged {
    /// What became of it.
    pub verdict: Verdict,
    /// The least feature set, C0 to C8, that has all it uses.
    pub level: u8,
    /// Packets that were as expected.
    pub packets: u32,
    /// The largest time that any of them was off, in microseconds.
    pub worst_us: i64,
    /// What the original tool would pass over.
    pub warnings: Vec<String>,
}
