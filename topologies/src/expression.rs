//! The text of a check or an expression to its tree: `expect:`, columns of the summary, `where:` of a sweep. The grammar stands at `expect` of the runner.

use crate::quantity::{Dimension, Written, parse_quantity};

/// A check.
#[derive(Clone, PartialEq, Debug)]
pub enum Check {
    /// Two sides and how they are compared.
    Compare(Expr, Comparison, Expr),
    /// Inside of two bounds, both included.
    Between(Expr, Expr, Expr),
}

/// Checks joined by `and` and `or`.
#[derive(Clone, PartialEq, Debug)]
pub enum Condition {
    /// One check.
    One(Box<Check>),
    /// All hold.
    All(Vec<Condition>),
    /// One of them holds at least.
    Any(Vec<Condition>),
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

/// Comparisons by their signs, the longer ones first.
const COMPARISONS: [(&str, Comparison); 6] = [
    ("<=", Comparison::AtMost),
    (">=", Comparison::AtLeast),
    ("==", Comparison::Equal),
    ("!=", Comparison::Unequal),
    ("<", Comparison::Less),
    (">", Comparison::Greater),
];

impl Comparison {
    /// Its sign.
    pub fn sign(self) -> &'static str {
        COMPARISONS.iter().find(|(_, comparison)| *comparison == self).map_or("", |(sign, _)| sign)
    }

    /// Whether it holds for a difference `left - right`, exactly.
    pub fn holds(self, difference: f64) -> bool {
        match self {
            Comparison::Less => difference < 0.0,
            Comparison::AtMost => difference <= 0.0,
            Comparison::Greater => difference > 0.0,
            Comparison::AtLeast => difference >= 0.0,
            Comparison::Equal => difference == 0.0,
            Comparison::Unequal => difference != 0.0,
        }
    }
}

/// Characters of the check, from 0.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Where {
    /// The first.
    pub at: usize,
    /// How many.
    pub len: usize,
}

/// A side of a check.
#[derive(Clone, PartialEq, Debug)]
pub enum Expr {
    /// A quantity.
    Number(f64, Dimension, Written, Where),
    /// A measured one, or a word to compare with.
    Path(Path),
    /// A function of an expression; `count` and `share` may have a test for each value.
    Call(String, Box<Expr>, Option<(Comparison, Box<Expr>)>, Where),
    /// A function of two.
    Two(String, Box<Expr>, Box<Expr>, Where),
    /// Two parts, the sign between them and its place.
    Binary(Box<Expr>, char, Box<Expr>, Where),
    /// The negative.
    Negative(Box<Expr>),
}

impl Expr {
    /// Where it stands, or the part of it that stands for it in a message.
    pub fn place(&self) -> Where {
        match self {
            Expr::Number(.., place) | Expr::Call(.., place) | Expr::Two(.., place) | Expr::Binary(.., place) => *place,
            Expr::Path(path) => path.place,
            Expr::Negative(inner) => inner.place(),
        }
    }
}

/// A measured quantity's name.
#[derive(Clone, PartialEq, Debug)]
pub struct Path {
    /// Names joined by dots.
    pub names: Vec<String>,
    /// Points of the sweep: dimension and value.
    pub point: Vec<(String, String)>,
    /// From and until when rows count, in seconds.
    pub window: Option<(f64, f64)>,
    /// Where it stands.
    pub place: Where,
}

impl Path {
    /// As it was written, without brackets.
    pub fn text(&self) -> String {
        self.names.join(".")
    }
}

/// What is wrong with a check, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// What.
    pub message: String,
    /// Where.
    pub place: Where,
    /// What would be accepted.
    pub help: Vec<String>,
}

impl Wrong {
    /// What and where.
    pub fn new(message: impl Into<String>, place: Where) -> Wrong {
        Wrong { message: message.into(), place, help: Vec::new() }
    }

    /// Adds a line of help, unless it is empty.
    #[must_use]
    pub fn help(mut self, help: impl Into<String>) -> Wrong {
        self.help.extend(Some(help.into()).filter(|help| !help.is_empty()));
        self
    }
}

/// Reads a check.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse(text: &str) -> Result<Check, Wrong> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0, depth: 0 };
    let check = reader.check()?;
    reader.end()?;
    Ok(check)
}

/// Reads checks that are joined by `and` and `or`. As in SQL `and` binds tighter, and parentheses say otherwise; the `and` of a `between` is its own.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse_condition(text: &str) -> Result<Condition, Wrong> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0, depth: 0 };
    let condition = reader.any()?;
    reader.end()?;
    Ok(condition)
}

/// Reads an expression.
///
/// # Errors
/// The first thing that is wrong.
pub fn parse_expr(text: &str) -> Result<Expr, Wrong> {
    let mut reader = Reader { chars: text.chars().collect(), at: 0, depth: 0 };
    let expr = reader.sum()?;
    reader.end()?;
    Ok(expr)
}

struct Reader {
    chars: Vec<char>,
    at: usize,
    depth: usize,
}

const BETWEEN: [char; 7] = ['b', 'e', 't', 'w', 'e', 'e', 'n'];
/// Deeper parentheses are refused, so that no text exhausts the stack.
const DEPTH_MAX: usize = 40;
/// More signs are refused, for a tree of them leans to one side.
const LENGTH_MAX: usize = 4000;

impl Reader {
    fn wrong(&self, message: &str) -> Wrong {
        Wrong::new(message, Where { at: self.at, len: 1 })
    }

    fn since(&self, at: usize) -> Where {
        Where { at, len: (self.at - at).max(1) }
    }

    fn end(&mut self) -> Result<(), Wrong> {
        self.space();
        if self.at < self.chars.len() { Err(self.wrong("nothing more is due here")) } else { Ok(()) }
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
        let length = token.chars().count();
        let found = self.chars[self.at..].iter().copied().take(length).eq(token.chars());
        self.at += if found { length } else { 0 };
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

    fn any(&mut self) -> Result<Condition, Wrong> {
        let mut found = vec![self.all()?];
        while self.word("or") {
            found.push(self.all()?);
        }
        Ok(if found.len() == 1 { found.remove(0) } else { Condition::Any(found) })
    }

    fn all(&mut self) -> Result<Condition, Wrong> {
        let mut found = vec![self.one()?];
        while self.word("and") {
            found.push(self.one()?);
        }
        Ok(if found.len() == 1 { found.remove(0) } else { Condition::All(found) })
    }

    fn one(&mut self) -> Result<Condition, Wrong> {
        if !self.encloses_checks() {
            return self.check().map(|check| Condition::One(Box::new(check)));
        }
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong("the check is nested too deeply"));
        }
        self.at += 1;
        let inner = self.any()?;
        if !self.take(")") {
            return Err(self.wrong("`)` is due here"));
        }
        self.depth -= 1;
        Ok(inner)
    }

    /// Whether parentheses open here around checks, not around a part of a sum: a comparison stands between them, not as an argument.
    fn encloses_checks(&mut self) -> bool {
        self.space();
        let (mut depth, mut inside_calls) = (0, 0);
        for at in self.at..self.chars.len() {
            let before = self.chars[..at].last().copied();
            let call = inside_calls > 0 || at > self.at && before.is_some_and(is_name);
            match self.chars[at] {
                '(' => (depth, inside_calls) = (depth + 1, inside_calls + i32::from(call)),
                ')' => (depth, inside_calls) = (depth - 1, inside_calls - i32::from(inside_calls > 0)),
                // That of `a->b` is none.
                '>' if before == Some('-') => {}
                '<' | '>' | '=' | '!' if inside_calls == 0 => return depth > 0,
                'b' if inside_calls == 0 && !call && self.chars[at..].starts_with(&BETWEEN) => return depth > 0,
                _ => {}
            }
            if depth == 0 {
                return false;
            }
        }
        false
    }

    fn check(&mut self) -> Result<Check, Wrong> {
        let left = self.sum()?;
        if self.word("between") {
            let low = self.sum()?;
            if !self.word("and") {
                return Err(self.wrong("`and` is due here, as in `between 0.9 and 1.1`"));
            }
            return Ok(Check::Between(left, low, self.sum()?));
        }
        let comparison = self.comparison()?.ok_or_else(|| {
            self.wrong("a comparison is due here: `<`, `<=`, `>`, `>=`, `==`, `!=` or `between … and …`")
        })?;
        Ok(Check::Compare(left, comparison, self.sum()?))
    }

    fn comparison(&mut self) -> Result<Option<Comparison>, Wrong> {
        if let Some((_, comparison)) = COMPARISONS.into_iter().find(|(token, _)| self.take(token)) {
            return Ok(Some(comparison));
        }
        if self.peek() == Some('=') {
            return Err(self.wrong("`=` is no comparison; did you mean `==`?"));
        }
        Ok(None)
    }

    fn sum(&mut self) -> Result<Expr, Wrong> {
        if self.chars.len() > LENGTH_MAX {
            return Err(self.wrong("the check is too long"));
        }
        let mut left = self.product()?;
        while let Some(sign) = ['+', '-'].into_iter().find(|sign| self.take(&sign.to_string())) {
            let place = Where { at: self.at - 1, len: 1 };
            left = Expr::Binary(Box::new(left), sign, Box::new(self.product()?), place);
        }
        Ok(left)
    }

    fn product(&mut self) -> Result<Expr, Wrong> {
        let mut left = self.atom()?;
        while let Some(sign) = ['*', '/'].into_iter().find(|sign| self.take(&sign.to_string())) {
            let place = Where { at: self.at - 1, len: 1 };
            left = Expr::Binary(Box::new(left), sign, Box::new(self.atom()?), place);
        }
        Ok(left)
    }

    fn atom(&mut self) -> Result<Expr, Wrong> {
        self.depth += 1;
        if self.depth > DEPTH_MAX {
            return Err(self.wrong("the check is nested too deeply"));
        }
        self.space();
        let atom = match self.peek() {
            Some('(') => {
                self.at += 1;
                let inner = self.sum()?;
                if !self.take(")") {
                    return Err(self.wrong("`)` is due here"));
                }
                inner
            }
            Some('-') => {
                self.at += 1;
                Expr::Negative(Box::new(self.atom()?))
            }
            Some(c) if c.is_ascii_digit() => self.quantity()?,
            Some(c) if is_name(c) => self.named()?,
            _ => {
                return Err(
                    self.wrong("a number with its unit, a name such as `bulk.goodput`, or a function is due here")
                );
            }
        };
        self.depth -= 1;
        Ok(atom)
    }

    fn quantity(&mut self) -> Result<Expr, Wrong> {
        let start = self.at;
        self.digits();
        if self.peek() == Some('.') && self.chars.get(self.at + 1).is_some_and(char::is_ascii_digit) {
            self.at += 1;
            self.digits();
        }
        let end = self.at;
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
        if unit.is_empty() || matches!(unit.as_str(), "and" | "or" | "between") {
            self.at = end;
        }
        let text: String = self.chars[start..self.at].iter().collect();
        let (value, dimension, written) = parse_quantity(&text).map_err(|why| Wrong::new(why, self.since(start)))?;
        Ok(Expr::Number(value, dimension, written, self.since(start)))
    }

    fn digits(&mut self) {
        while self.peek().is_some_and(|c| c.is_ascii_digit()) {
            self.at += 1;
        }
    }

    fn named(&mut self) -> Result<Expr, Wrong> {
        let start = self.at;
        let path = self.path()?;
        if self.peek() != Some('(') {
            return Ok(Expr::Path(path));
        }
        let place = self.since(start);
        self.at += 1;
        let argument = self.sum()?;
        if self.take(",") {
            let second = self.sum()?;
            if !self.take(")") {
                return Err(self.wrong("`)` is due here"));
            }
            return Ok(Expr::Two(path.text(), Box::new(argument), Box::new(second), place));
        }
        let test = match self.comparison()? {
            Some(comparison) => Some((comparison, Box::new(self.sum()?))),
            None => None,
        };
        if !self.take(")") {
            return Err(self.wrong("`)` is due here"));
        }
        Ok(Expr::Call(path.text(), Box::new(argument), test, place))
    }

    fn path(&mut self) -> Result<Path, Wrong> {
        let start = self.at;
        let mut text = String::new();
        let mut path = Path { names: Vec::new(), point: Vec::new(), window: None, place: Where::default() };
        loop {
            // A name may hold an arrow (`a->b`), two dashes (`a--b`) or one, which are no signs there: those have spaces.
            let name = |ahead: usize| self.chars.get(self.at + ahead).copied().is_some_and(is_name);
            let next = self.chars.get(self.at + 1).copied();
            let more = match self.peek() {
                Some('-') if matches!(next, Some('-' | '>')) && name(2) => 2,
                Some('-') if name(1) => 1,
                Some('*') if self.glued() => 1,
                Some('.') if name(1) || next == Some('*') => 1,
                Some(c) if is_name(c) => 1,
                Some('[') if self.at > start => {
                    self.brackets(&mut path)?;
                    continue;
                }
                _ => break,
            };
            text.extend(&self.chars[self.at..self.at + more]);
            self.at += more;
        }
        path.names = text.split('.').map(String::from).collect();
        path.place = self.since(start);
        Ok(path)
    }

    /// Whether a `*` belongs to a name: `flow*.goodput` and `*.goodput`, not `flow.goodput * 2`.
    fn glued(&self) -> bool {
        let before = self.at.checked_sub(1).and_then(|at| self.chars.get(at)).copied();
        let after = self.chars.get(self.at + 1).copied();
        before.is_some_and(|c| is_name(c) || c == '-')
            && after.is_none_or(|c| matches!(c, '.' | ')' | '[') || is_name(c))
    }

    /// `[variant=codel, wan.delay=10 ms]`, `[5 s..60 s]`.
    fn brackets(&mut self, path: &mut Path) -> Result<(), Wrong> {
        let start = self.at;
        let inside: String = self.chars[start + 1..].iter().take_while(|c| **c != ']').collect();
        self.at += inside.chars().count() + 1;
        if self.peek() != Some(']') {
            return Err(self.wrong("`]` is due here"));
        }
        self.at += 1;
        let place = self.since(start);
        for part in inside.split(',') {
            if let Some((dimension, value)) = part.split_once('=') {
                path.point.push((dimension.trim().to_string(), value.trim().to_string()));
                continue;
            }
            let Some((from, to)) = part.split_once("..") else {
                return Err(Wrong::new("brackets hold a point of the sweep or a window of time", place)
                    .help("as in `[wan.delay=10 ms]` or `[5 s..60 s]`"));
            };
            let time = |text: &str, open: f64| match text.trim() {
                "" => Ok(open),
                text => match parse_quantity(text) {
                    Ok((value, Dimension::TIME, _)) => Ok(value),
                    Ok(_) => Err(Wrong::new(format!("`{text}` is not a time"), place).help("as in `[5 s..60 s]`")),
                    Err(why) => Err(Wrong::new(why, place)),
                },
            };
            let window = (time(from, 0.0)?, time(to, f64::INFINITY)?);
            if window.0 >= window.1 {
                return Err(Wrong::new("the window ends before it begins", place));
            }
            path.window = Some(window);
        }
        Ok(())
    }
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
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
            "x.rtt.p95[variant=codel] < 0.5 * x.rtt.p95[variant=large, wan.delay=10 ms]",
            "sum(bulk*.goodput) + 1 kbit/s >= 2 * (x.goodput - y-z.goodput)",
            "r1->r2.queue_max <= 100 packets",
            "a--b.forward.drops < 5",
            "-3 < min(flows.rtt_min)",
            "bulk.throughput[5 s..60 s].mean > 1 Mbit/s",
            "bulk.throughput[5 s..].mean > 1 Mbit/s",
            "count(web.latency > 100 ms) < 3",
            "share(web.outcome == finished) > 99 %",
            "f.goodput / (1460 B / 80 ms * sqrt(1.5 / point(wan.loss))) between 0.8 and 1.2",
            "flow.outcome == finished",
            "settling(x.throughput[5 s..], 5 %) < 3 s",
        ] {
            assert!(parse(text).is_ok(), "{text}: {:?}", parse(text));
        }
    }

    #[test]
    fn what_is_wrong_is_said_with_its_place() {
        for (text, at, message) in [
            ("", 0, "a number with its unit"),
            ("bulk.goodput", 12, "a comparison is due here"),
            ("bulk.goodput > 9.4 mbit/s", 15, "did you mean `9.4 Mbit/s`?"),
            ("a.b > 1 2", 8, "nothing more is due"),
            ("(a.b > 1", 5, "`)` is due"),
            ("a.b between 1 or 2", 14, "`and` is due here"),
            ("a.b[x] > 1", 3, "brackets hold a point"),
            ("a.b[9 s..5 s].max > 1", 3, "ends before it begins"),
            ("a.b = 1", 4, "did you mean `==`?"),
        ] {
            let wrong = parse(text).expect_err(text);
            assert!(wrong.message.contains(message) && wrong.place.at == at, "{text}: {wrong:?}");
        }
        assert!(parse(&"(".repeat(100_000)).is_err());
        assert!(parse(&"1+".repeat(100_000)).is_err());
    }

    #[test]
    fn conditions_are_joined_as_in_sql() {
        fn show(condition: &Condition) -> String {
            let join =
                |parts: &[Condition], by: &str| format!("({})", parts.iter().map(show).collect::<Vec<_>>().join(by));
            match condition {
                Condition::One(check) => match &**check {
                    Check::Compare(Expr::Path(path), ..) => path.text(),
                    Check::Compare(..) => "_".to_string(),
                    Check::Between(..) => "between".to_string(),
                },
                Condition::All(parts) => join(parts, " and "),
                Condition::Any(parts) => join(parts, " or "),
            }
        }
        for (text, wanted) in [
            ("a > 1", "a"),
            ("a > 1 or b > 1 and c > 1", "(a or (b and c))"),
            ("a > 1 and b > 1 or c > 1", "((a and b) or c)"),
            ("(a > 1 or b > 1) and c > 1", "((a or b) and c)"),
            ("((a > 1) or ((b > 1) and (c < 2 or d == 1)))", "(a or (b and (c or d)))"),
            ("a between 1 and 2 and b == 5 or c == 3 ms", "((between and b) or c)"),
            ("(a between 1 and 2 or b != x) and c > 1", "((between or b) and c)"),
            ("(a + b) * 2 > 3 or (a) > 1", "(_ or a)"),
            ("(abs(a) - 1) > 3 and (count(a > 1) + 1) > 2", "(_ and _)"),
            ("(a->b.delay + 1 ms) > 3 ms and order > 1", "(_ and order)"),
        ] {
            assert_eq!(parse_condition(text).map(|condition| show(&condition)), Ok(wanted.to_string()), "{text}");
        }
        for (text, at, message) in [
            ("a > 1 or", 8, "a number with its unit"),
            ("(a > 1 or b > 2", 15, "`)` is due"),
            ("a > b xor b > 2", 6, "nothing more is due"),
            ("(a > 1) > 2", 8, "nothing more is due"),
        ] {
            let wrong = parse_condition(text).expect_err(text);
            assert!(wrong.message.contains(message) && wrong.place.at == at, "{text}: {wrong:?}");
        }
        assert!(parse_condition(&"(a>1 or ".repeat(400)).is_err());
    }
}
