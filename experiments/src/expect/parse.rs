//! The text of a check to its tree.

use crate::metrics::{Dimension, STATISTICS};

/// A check.
#[derive(Clone, PartialEq, Debug)]
pub enum Check {
    /// Two sides and how they are compared.
    Compare(Expr, Comparison, Expr),
    /// Inside of two bounds, both included.
    Between(Expr, Expr, Expr),
}

/// How two sides are compared.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
    /// `==`
    Equal,
    /// `!=`
    Unequal,
}

/// A side of a check.
#[derive(Clone, PartialEq, Debug)]
pub enum Expr {
    /// A quantity.
    Number(f64, Dimension),
    /// A measured one.
    Path(Path),
    /// A statistic or Jain's index of all values of a path.
    Call(String, Path),
    /// Two parts and the sign between them.
    Binary(Box<Expr>, char, Box<Expr>),
    /// The negative.
    Negative(Box<Expr>),
}

/// A measured quantity's name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Path {
    /// Names joined by dots.
    pub names: Vec<String>,
    /// Points: dimension and value.
    pub point: Vec<(String, String)>,
}

/// What is wrong with a check, and at which character.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// What.
    pub message: String,
    /// Where, in characters from 0.
    pub at: usize,
}

/// Reads a check.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(text: &str) -> Result<Check, Wrong> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0, depth: 0 };
    let left = reader.sum()?;
    reader.space();
    let check = if reader.word("between") {
        let low = reader.sum()?;
        if !reader.word("and") {
            return Err(reader.wrong("`and` is due, as in `between 0.9 and 1.1`"));
        }
        Check::Between(left, low, reader.sum()?)
    } else {
        let comparison = reader.comparison()?;
        Check::Compare(left, comparison, reader.sum()?)
    };
    reader.space();
    if reader.at < reader.chars.len() {
        return Err(reader.wrong("the check should end here"));
    }
    Ok(check)
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

/// Deeper parentheses are refused, so that no text exhausts the stack.
const DEPTH_MAX: usize = 40;

impl Reader {
    fn wrong(&self, message: &str) -> Wrong {
        Wrong { message: message.to_string(), at: self.at }
    }

    fn peek(&self) -> Option<char> {
        self.chars.get(self.at).copied()
    }

    fn space(&mut self) {
        while self.peek().is_some_and(char::is_whitespace) {
            self.at += 1;
        }
    }

    fn take(&mut self, token: &str) -> bool {
        self.space();
        let found = self.chars[self.at..].iter().copied().take(token.chars().count()).eq(token.chars());
        if found {
            self.at += token.chars().count();
        }
        found
    }

    fn word(&mut self, word: &str) -> bool {
        self.space();
        let before = self.at;
        if self.take(word) && !self.peek().is_some_and(is_name) {
            return true;
        }
        self.at = before;
        false
    }

    fn comparison(&mut self) -> Result<Comparison, Wrong> {
        let table = [
            ("<=", Comparison::AtMost),
            (">=", Comparison::AtLeast),
            ("==", Comparison::Equal),
            ("!=", Comparison::Unequal),
            ("<", Comparison::Less),
            (">", Comparison::Greater),
        ];
        match table.into_iter().find(|(token, _)| self.take(token)) {
            Some((_, comparison)) => Ok(comparison),
            None => Err(self.wrong("one of `<`, `<=`, `>`, `>=`, `==`, `!=` or `between … and …` is due")),
        }
    }

    fn sum(&mut self) -> Result<Expr, Wrong> {
        let mut left = self.product()?;
        while let Some(sign) = ['+', '-'].into_iter().find(|sign| self.take(&sign.to_string())) {
            left = Expr::Binary(Box::new(left), sign, Box::new(self.product()?));
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expr, Wrong> {
        let mut left = self.atom()?;
        while let Some(sign) = ['*', '/'].into_iter().find(|sign| self.take(&sign.to_string())) {
            left = Expr::Binary(Box::new(left), sign, Box::new(self.atom()?));
        }
        Ok(left)
    }

    fn atom(&mut self) -> Result<Expr, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong("too deep"));
        }
        self.space();
        let atom = match self.peek() {
            Some('(') => {
                self.at += 1;
                let inner = self.sum()?;
                if !self.take(")") {
                    return Err(self.wrong("`)` is due"));
                }
                inner
            }
            Some('-') => {
                self.at += 1;
                Expr::Negative(Box::new(self.atom()?))
            }
            Some(c) if c.is_ascii_digit() => self.quantity()?,
            Some(c) if is_name(c) => self.named()?,
            _ => return Err(self.wrong("a number with its unit, a name such as `bulk.goodput`, or a function is due")),
        };
        self.depth -= 1;
        Ok(atom)
    }

    fn quantity(&mut self) -> Result<Expr, Wrong> {
        let start = self.at;
        while self.peek().is_some_and(|c| c.is_ascii_digit() || c == '.') {
            self.at += 1;
        }
        let text: String = self.chars[start..self.at].iter().collect();
        let number: f64 = text.parse().map_err(|_| Wrong { message: format!("`{text}` is no number"), at: start })?;
        self.space();
        let from = self.at;
        while self.peek().is_some_and(|c| c.is_alphabetic() || c == '%') {
            self.at += 1;
        }
        // A rate's unit holds a slash: `Mbit/s`.
        let slash = self.peek() == Some('/') && self.chars.get(self.at + 1) == Some(&'s');
        if self.at > from && slash && !self.chars.get(self.at + 2).copied().is_some_and(is_name) {
            self.at += 2;
        }
        let unit: String = self.chars[from..self.at].iter().collect();
        if unit.is_empty() || unit == "and" {
            self.at = from;
            return Ok(Expr::Number(number, Dimension::NONE));
        }
        match unit_of(&unit) {
            Some((factor, dimension)) => Ok(Expr::Number(number * factor, dimension)),
            None => Err(Wrong { message: format!("`{unit}` is no unit"), at: from }),
        }
    }

    fn named(&mut self) -> Result<Expr, Wrong> {
        let start = self.at;
        let path = self.path()?;
        self.space();
        if self.peek() != Some('(') {
            return Ok(Expr::Path(path));
        }
        let function = path.names.join(".");
        if function != "jain" && !STATISTICS.contains(&function.as_str()) {
            let message = format!("`{function}` is no function; there are jain, {}", STATISTICS.join(", "));
            return Err(Wrong { message, at: start });
        }
        self.at += 1;
        self.space();
        let path = self.path()?;
        if !self.take(")") {
            return Err(self.wrong("`)` is due"));
        }
        Ok(Expr::Call(function, path))
    }

    fn path(&mut self) -> Result<Path, Wrong> {
        let start = self.at;
        loop {
            // A name may hold an arrow (`a->b`) or two dashes (`a--b`), which are no signs there.
            let rest = &self.chars[self.at..];
            let arrow = rest.starts_with(&['-', '>']) && rest.get(2).copied().is_some_and(is_name);
            let dashes = rest.starts_with(&['-', '-']) && rest.get(2).copied().is_some_and(is_name);
            let dash = rest.first() == Some(&'-') && rest.get(1).copied().is_some_and(is_name) && self.at > start;
            match self.peek() {
                _ if arrow || dashes => self.at += 2,
                _ if dash => self.at += 1,
                Some(c) if is_name(c) || c == '.' || c == '*' && self.glued() => self.at += 1,
                _ => break,
            }
        }
        let text: String = self.chars[start..self.at].iter().collect();
        if text.is_empty() {
            return Err(self.wrong("a name is due"));
        }
        let mut path = Path { names: text.split('.').map(String::from).collect(), point: Vec::new() };
        if self.peek() == Some('[') {
            self.at += 1;
            let inside: String = self.chars[self.at..].iter().take_while(|c| **c != ']').collect();
            self.at += inside.chars().count();
            if !self.take("]") {
                return Err(self.wrong("`]` is due"));
            }
            for part in inside.split(',') {
                let Some((dimension, value)) = part.split_once('=') else {
                    return Err(self.wrong("a point is written `[dimension=value]`"));
                };
                path.point.push((dimension.trim().to_string(), value.trim().to_string()));
            }
        }
        Ok(path)
    }

    /// Whether a `*` belongs to a name: `flow*.goodput`, not `flow.goodput * 2`.
    fn glued(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.chars.get(at)).copied();
        before.is_some_and(is_name) && self.chars.get(self.at + 1).is_none_or(|c| matches!(c, '.' | ')'))
    }
}

fn is_name(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// A unit as a factor to seconds, bits, bits per second or one.
fn unit_of(unit: &str) -> Option<(f64, Dimension)> {
    if unit == "%" {
        return Some((0.01, Dimension::NONE));
    }
    if matches!(unit, "packets" | "packet" | "segments" | "segment") {
        return Some((1.0, Dimension::NONE));
    }
    let one = format!("1 {unit}");
    if let Ok(span) = one.parse::<sim_core::Span>() {
        return Some((span.ps() as f64 / 1e12, Dimension::TIME));
    }
    if let Ok(rate) = one.parse::<sim_core::Rate>() {
        return Some((rate.bps() as f64, Dimension::RATE));
    }
    one.parse::<sim_core::Size>().ok().map(|size| (size.bytes() as f64 * 8.0, Dimension::BITS))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_are_read() {
        for text in [
            "bulk.goodput > 9.4 Mbit/s",
            "wan.drops == 0",
            "jain(flows) > 0.95",
            "wan.utilization > 80 %",
            "a.goodput / b.goodput between 0.9 and 1.1",
            "ping.rtt.p95[variant=codel] < 0.5 * ping.rtt.p95[variant=large, wan.delay=10 ms]",
            "sum(bulk*.goodput) + 1 kbit/s >= 2 * (x.goodput - y-z.goodput)",
            "r1->r2.queue_max <= 100 packets",
            "-3 < min(flows.rtt_min)",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
        let Ok(Check::Compare(_, Comparison::Greater, Expr::Number(rate, Dimension::RATE))) =
            parse("a.goodput > 9.4 Mbit/s")
        else {
            panic!("a comparison with a rate")
        };
        assert!((rate - 9.4e6).abs() < 1.0);
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, at, message) in [
            ("", 0, "a number with its unit"),
            ("bulk.goodput", 12, "one of `<`"),
            ("bulk.goodput > 9.4 Mbits", 19, "`Mbits` is no unit"),
            ("jane(flows) > 1", 0, "`jane` is no function"),
            ("a.b > 1 2", 8, "should end"),
            ("(a.b > 1", 5, "`)` is due"),
            ("a.b between 1 or 2", 14, "`or` is no unit"),
            ("a.b[x] > 1", 6, "[dimension=value]"),
        ] {
            let wrong = parse(text).expect_err(text);
            assert!(wrong.message.contains(message) && wrong.at == at, "{text}: {wrong:?}");
        }
        assert!(parse(&"(".repeat(100_000)).is_err());
    }
}
