//! `where:` of an experiment: the points that it has.

use crate::diagnostics::nearest;
use crate::expression::{Check, Comparison, Condition, Expr, Path, Where, Wrong, parse_condition};
use crate::quantity::{Dimension, Written, parse_quantity};
use crate::read::{At, Sink};
use crate::yaml::Node;

use super::sample::refuse;

/// Conditions that all hold at the points that stay.
#[derive(Default)]
pub(super) struct Keep {
    checks: Vec<(Node, String, Condition)>,
}

/// A side of a comparison at a point.
#[derive(Clone, PartialEq, Debug)]
enum Side {
    Number {
        value: f64,
        dimension: Dimension,
        share: bool,
        bare: bool,
    },
    /// The value of a dimension that is no number, and which one.
    Word(String, usize),
    /// A word that no dimension is called.
    Lone(Path),
}

/// The dimensions, the values of all of them that there are, and those of one point.
struct Place<'a> {
    names: &'a [String],
    all: &'a dyn Fn(usize) -> Vec<String>,
    values: &'a [String],
}

impl Keep {
    /// A text, or a list of them.
    pub fn read(sink: &mut Sink, node: Option<&Node>) -> Keep {
        let mut keep = Keep::default();
        for item in node.map(|node| sink.list(node)).unwrap_or_default() {
            let Some(At { value: text, .. }) = sink.text(item) else { continue };
            match parse_condition(text) {
                Ok(check) => keep.checks.push((item.clone(), text.to_string(), check)),
                Err(wrong) => refuse(sink, item, text, wrong),
            }
        }
        keep
    }

    /// Which of some points stay. What is wrong is reported once for each condition.
    pub fn filter(
        &self,
        sink: &mut Sink,
        names: &[String],
        all: &dyn Fn(usize) -> Vec<String>,
        points: &[Vec<String>],
    ) -> Vec<bool> {
        let mut kept = vec![true; points.len()];
        for (node, text, check) in &self.checks {
            let before = kept.iter().filter(|kept| **kept).count();
            let mut left_out = 0;
            for (kept, values) in kept.iter_mut().zip(points) {
                match (Place { names, all, values }).holds(check) {
                    Ok(holds) => {
                        left_out += usize::from(!holds);
                        *kept &= holds;
                    }
                    Err(wrong) => {
                        refuse(sink, node, text, wrong);
                        return vec![true; points.len()];
                    }
                }
            }
            if before > 0 && !kept.contains(&true) {
                sink.error(node.at, "this leaves no point, so nothing runs");
                return vec![true; points.len()];
            }
            if left_out == 0 {
                sink.warn(node.at, "this holds at every point, so that it leaves none out");
            }
        }
        kept
    }
}

impl Place<'_> {
    /// Each part is looked at, whatever the others say: what is wrong with it is reported.
    fn holds(&self, condition: &Condition) -> Result<bool, Wrong> {
        let each = |parts: &[Condition]| parts.iter().map(|part| self.holds(part)).collect::<Result<Vec<_>, _>>();
        match condition {
            Condition::All(parts) => Ok(!each(parts)?.contains(&false)),
            Condition::Any(parts) => Ok(each(parts)?.contains(&true)),
            Condition::One(check) => match &**check {
                Check::Compare(left, comparison, right) => self.compare(left, *comparison, right),
                Check::Between(value, low, high) => {
                    let above = self.compare(value, Comparison::AtLeast, low)?;
                    Ok(self.compare(value, Comparison::AtMost, high)? && above)
                }
            },
        }
    }

    fn compare(&self, left: &Expr, comparison: Comparison, right: &Expr) -> Result<bool, Wrong> {
        let (a, b) = (self.side(left)?, self.side(right)?);
        match (&a, &b) {
            (Side::Number { value: x, .. }, Side::Number { value: y, .. }) => {
                same_measure(&a, &b, right.place())?;
                Ok(comparison.holds(clean(*x, *y)))
            }
            (Side::Word(word, of), Side::Lone(path)) | (Side::Lone(path), Side::Word(word, of)) => {
                let known = (self.all)(*of);
                let known: Vec<&str> = known.iter().map(String::as_str).collect();
                let text = path.text();
                if !known.contains(&text.as_str()) {
                    let message = format!("`{}` is never `{text}`", self.names[*of]);
                    return Err(Wrong::new(message, path.place)
                        .help(meant(&text, &known))
                        .help(format!("it is one of {}", known.join(", "))));
                }
                words(word == &text, comparison, right.place())
            }
            (Side::Word(x, _), Side::Word(y, _)) => words(x == y, comparison, right.place()),
            (Side::Lone(path), _) | (_, Side::Lone(path)) => Err(self.unknown(path)),
            (Side::Word(word, of), _) | (_, Side::Word(word, of)) => {
                let message = format!("`{}` is `{word}` at a point, which is no number", self.names[*of]);
                Err(Wrong::new(message, left.place()))
            }
        }
    }

    fn side(&self, expr: &Expr) -> Result<Side, Wrong> {
        match expr {
            Expr::Number(value, dimension, written, _) => Ok(Side::Number {
                value: *value,
                dimension: *dimension,
                share: *written == Written::Share,
                bare: *written == Written::Bare,
            }),
            Expr::Path(path) => self.path(path),
            Expr::Negative(inner) => self.map(inner, |value| -value),
            Expr::Call(name, inner, None, place) => match name.as_str() {
                "abs" => self.map(inner, f64::abs),
                "point" => self.side(inner),
                _ => Err(Wrong::new(format!("there is no function `{name}` here"), *place)
                    .help(meant(name, &["abs", "point"]))
                    .help("there are abs and point: nothing is measured yet")),
            },
            Expr::Call(.., place) | Expr::Two(.., place) => {
                Err(Wrong::new("nothing is measured yet that such a function could tell of", *place))
            }
            Expr::Binary(left, sign, right, place) => self.binary(left, *sign, right, *place),
        }
    }

    fn binary(&self, left: &Expr, sign: char, right: &Expr, place: Where) -> Result<Side, Wrong> {
        let (a, b) = (self.number(left)?, self.number(right)?);
        let (
            Side::Number { value: x, dimension: p, share: s, .. },
            Side::Number { value: y, dimension: q, share: t, .. },
        ) = (&a, &b)
        else {
            unreachable!("both are numbers")
        };
        let absurd = || Wrong::new("this product of quantities is too much", place);
        let (value, dimension, share) = match sign {
            '*' => (x * y, p.times(*q).ok_or_else(absurd)?, false),
            '/' if *y == 0.0 => return Err(Wrong::new("this divides by zero at a point", place)),
            '/' => (x / y, p.over(*q).ok_or_else(absurd)?, false),
            _ => {
                same_measure(&a, &b, place)?;
                (if sign == '+' { x + y } else { clean(*x, *y) }, *p, *s || *t)
            }
        };
        Ok(Side::Number { value, dimension, share, bare: false })
    }

    fn map(&self, inner: &Expr, f: impl Fn(f64) -> f64) -> Result<Side, Wrong> {
        let mut side = self.number(inner)?;
        if let Side::Number { value, .. } = &mut side {
            *value = f(*value);
        }
        Ok(side)
    }

    /// A side that is a number.
    fn number(&self, expr: &Expr) -> Result<Side, Wrong> {
        match self.side(expr)? {
            Side::Lone(path) => Err(self.unknown(&path)),
            Side::Word(word, of) => Err(Wrong::new(
                format!("`{}` is `{word}` at a point, which is no number", self.names[of]),
                expr.place(),
            )),
            number => Ok(number),
        }
    }

    fn path(&self, path: &Path) -> Result<Side, Wrong> {
        if !path.point.is_empty() || path.window.is_some() {
            return Err(Wrong::new("brackets mean nothing here: a condition is about one point", path.place));
        }
        let Some(at) = self.names.iter().position(|name| *name == path.text()) else {
            return Ok(Side::Lone(path.clone()));
        };
        Ok(match parse_quantity(&self.values[at]) {
            Ok((value, dimension, written)) => {
                Side::Number { value, dimension, share: written == Written::Share, bare: false }
            }
            Err(_) => Side::Word(self.values[at].clone(), at),
        })
    }

    fn unknown(&self, path: &Path) -> Wrong {
        let known: Vec<&str> = self.names.iter().map(String::as_str).collect();
        Wrong::new(format!("the experiment has no dimension `{}`", path.text()), path.place)
            .help(meant(&path.text(), &known))
            .help(if known.is_empty() { "it has no sweep".into() } else { format!("there are {}", known.join(", ")) })
    }
}

/// The difference; what differs in the last digit of a float is equal: units were converted on the way.
fn clean(a: f64, b: f64) -> f64 {
    if (a - b).abs() <= 1e-12 * a.abs().max(b.abs()) { 0.0 } else { a - b }
}

fn words(equal: bool, comparison: Comparison, place: Where) -> Result<bool, Wrong> {
    match comparison {
        Comparison::Equal => Ok(equal),
        Comparison::Unequal => Ok(!equal),
        _ => Err(Wrong::new(format!("words have no order, so `{}` says nothing of them", comparison.sign()), place)
            .help("use `==` or `!=`")),
    }
}

/// That two numbers measure the same. As in `expect`, zero needs no unit, and a share is no bare number.
fn same_measure(a: &Side, b: &Side, place: Where) -> Result<(), Wrong> {
    let (
        Side::Number { value: x, dimension: p, share: s, bare: m },
        Side::Number { value: y, dimension: q, share: t, bare: n },
    ) = (a, b)
    else {
        return Ok(());
    };
    if *m && *x == 0.0 || *n && *y == 0.0 {
        return Ok(());
    }
    if p != q {
        return Err(Wrong::new(format!("one side is {}, the other is {}", p.words(), q.words()), place));
    }
    if *s && *n || *t && *m {
        return Err(Wrong::new("a share is compared with a bare number", place).help("write `80 %`"));
    }
    Ok(())
}

fn meant(name: &str, known: &[&str]) -> String {
    nearest(name, known.iter().copied()).map_or_else(String::new, |near| format!("did you mean `{near}`?"))
}
