//! Values of assertions, and what expressions make of them.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

use super::code::Expr;
use super::symbols::constant;

/// A value.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Value {
    /// A whole number.
    Int(i128),
    /// Another number.
    Float(f64),
    /// A text.
    Text(String),
    /// `True` or `False`.
    Bool(bool),
    /// Several values.
    Tuple(Vec<Value>),
    /// Nothing: what `print` gives.
    None,
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Value::Int(value) => write!(f, "{value}"),
            Value::Float(value) => write!(f, "{value}"),
            Value::Text(text) => f.write_str(text),
            Value::Bool(value) => f.write_str(if *value { "True" } else { "False" }),
            Value::Tuple(all) => {
                let all: Vec<String> = all.iter().map(Value::to_string).collect();
                write!(f, "({})", all.join(", "))
            }
            Value::None => f.write_str("None"),
        }
    }
}

impl Value {
    /// Whether it counts as true.
    pub fn truth(&self) -> bool {
        match self {
            Value::Int(value) => *value != 0,
            Value::Float(value) => *value != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Bool(value) => *value,
            Value::Tuple(all) => !all.is_empty(),
            Value::None => false,
        }
    }

    fn int(&self) -> Option<i128> {
        match self {
            Value::Int(value) => Some(*value),
            Value::Bool(value) => Some((*value).into()),
            _ => None,
        }
    }

    fn float(&self) -> Option<f64> {
        match self {
            Value::Float(value) => Some(*value),
            other => other.int().map(|value| value as f64),
        }
    }

    fn order(&self, other: &Value) -> Option<Ordering> {
        match (self.int(), other.int()) {
            (Some(left), Some(right)) => Some(left.cmp(&right)),
            _ => match (self, other) {
                (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
                _ => self.float()?.partial_cmp(&other.float()?),
            },
        }
    }
}

/// What names mean.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope {
    names: BTreeMap<String, Value>,
}

impl Scope {
    /// A name has this value from here on.
    pub fn set(&mut self, name: &str, value: Value) {
        self.names.insert(name.to_string(), value);
    }

    /// The names of another scope have their values there from here on.
    pub fn extend(&mut self, other: &Scope) {
        self.names.extend(other.names.clone());
    }

    fn name(&self, name: &str) -> Option<Value> {
        self.names.get(name).cloned().or_else(|| constant(name).map(|value| Value::Int(value.into())))
    }

    /// The values of the names in an expression, for people.
    pub fn shown(&self, expr: &Expr) -> String {
        let mut shown = Vec::new();
        self.collect(expr, &mut shown);
        shown.dedup();
        if shown.is_empty() { String::new() } else { format!(" ({})", shown.join(", ")) }
    }

    fn collect(&self, expr: &Expr, shown: &mut Vec<String>) {
        match expr {
            Expr::Name(name) => {
                if let Some(value) = self.names.get(name) {
                    shown.push(format!("{name} = {value}"));
                }
            }
            Expr::Unary(_, inside) => self.collect(inside, shown),
            Expr::Binary(_, left, right) => [left, right].iter().for_each(|side| self.collect(side, shown)),
            Expr::Chain(first, rest) => {
                self.collect(first, shown);
                rest.iter().for_each(|(_, value)| self.collect(value, shown));
            }
            Expr::Call(_, all) | Expr::Tuple(all) => all.iter().for_each(|value| self.collect(value, shown)),
            Expr::Choice(a, b, c) => [a, b, c].iter().for_each(|value| self.collect(value, shown)),
            Expr::Constant(_) => {}
        }
    }

    /// The value of an expression.
    pub fn eval(&self, expr: &Expr) -> Result<Value, String> {
        match expr {
            Expr::Constant(value) => Ok(value.clone()),
            Expr::Name(name) => self.name(name).ok_or_else(|| format!("the name `{name}` is not known")),
            Expr::Tuple(all) => all.iter().map(|value| self.eval(value)).collect::<Result<_, _>>().map(Value::Tuple),
            Expr::Unary(sign, inside) => unary(sign, self.eval(inside)?),
            Expr::Binary("and", left, right) => {
                let left = self.eval(left)?;
                if left.truth() { self.eval(right) } else { Ok(left) }
            }
            Expr::Binary("or", left, right) => {
                let left = self.eval(left)?;
                if left.truth() { Ok(left) } else { self.eval(right) }
            }
            Expr::Binary(sign, left, right) => binary(sign, &self.eval(left)?, &self.eval(right)?),
            Expr::Choice(condition, yes, no) => {
                if self.eval(condition)?.truth() {
                    self.eval(yes)
                } else {
                    self.eval(no)
                }
            }
            Expr::Chain(first, rest) => {
                let mut left = self.eval(first)?;
                for (sign, right) in rest {
                    let right = self.eval(right)?;
                    if !compare(sign, &left, &right)? {
                        return Ok(Value::Bool(false));
                    }
                    left = right;
                }
                Ok(Value::Bool(true))
            }
            Expr::Call(name, args) => {
                let args = args.iter().map(|arg| self.eval(arg)).collect::<Result<Vec<_>, _>>()?;
                function(name, &args)
            }
        }
    }
}

fn unary(sign: &str, value: Value) -> Result<Value, String> {
    match (sign, value.int(), &value) {
        ("not", ..) => Ok(Value::Bool(!value.truth())),
        ("-", Some(int), _) => int.checked_neg().map(Value::Int).ok_or_else(overflow),
        ("~", Some(int), _) => Ok(Value::Int(!int)),
        ("+", Some(int), _) => Ok(Value::Int(int)),
        ("-", _, Value::Float(float)) => Ok(Value::Float(-float)),
        ("+", _, Value::Float(float)) => Ok(Value::Float(*float)),
        _ => Err(format!("`{sign}` of {value}")),
    }
}

fn overflow() -> String {
    "a number beyond 127 bits".into()
}

fn compare(sign: &str, left: &Value, right: &Value) -> Result<bool, String> {
    if let ("in", Value::Tuple(all)) = (sign, right) {
        return Ok(all.iter().any(|value| equal(left, value)));
    }
    if matches!(sign, "==" | "!=") {
        return Ok(equal(left, right) == (sign == "=="));
    }
    let order = left.order(right).ok_or_else(|| format!("{left} and {right} have no order"))?;
    Ok(match sign {
        "<" => order.is_lt(),
        "<=" => order.is_le(),
        ">" => order.is_gt(),
        _ => order.is_ge(),
    })
}

fn equal(left: &Value, right: &Value) -> bool {
    left == right || left.order(right).is_some_and(Ordering::is_eq)
}

fn binary(sign: &str, left: &Value, right: &Value) -> Result<Value, String> {
    if let (Some(a), Some(b)) = (left.int(), right.int()) {
        return ints(sign, a, b);
    }
    match (sign, left, right) {
        ("+", Value::Text(a), Value::Text(b)) => return Ok(Value::Text(format!("{a}{b}"))),
        ("%", Value::Text(format), _) => return formatted(format, right).map(Value::Text),
        _ => {}
    }
    let (Some(a), Some(b)) = (left.float(), right.float()) else {
        return Err(format!("{left} {sign} {right} has no value"));
    };
    match sign {
        "+" => Ok(Value::Float(a + b)),
        "-" => Ok(Value::Float(a - b)),
        "*" => Ok(Value::Float(a * b)),
        "/" if b != 0.0 => Ok(Value::Float(a / b)),
        "//" if b != 0.0 => Ok(Value::Float((a / b).floor())),
        _ => Err(format!("{left} {sign} {right} has no value")),
    }
}

fn ints(sign: &str, a: i128, b: i128) -> Result<Value, String> {
    let shift = u32::try_from(b).ok().filter(|bits| *bits < 100);
    let value = match sign {
        "+" => a.checked_add(b),
        "-" => a.checked_sub(b),
        "*" => a.checked_mul(b),
        "/" if b != 0 => return Ok(Value::Float(a as f64 / b as f64)),
        "//" if b != 0 => Some(a.div_euclid(b) - i128::from(b < 0 && a.rem_euclid(b) != 0)),
        "%" if b != 0 => Some(a - b * (a.div_euclid(b) - i128::from(b < 0 && a.rem_euclid(b) != 0))),
        "/" | "//" | "%" => return Err("a division by zero".into()),
        "&" => Some(a & b),
        "|" => Some(a | b),
        "^" => Some(a ^ b),
        "<<" => shift.and_then(|bits| a.checked_mul(1 << bits)),
        ">>" => shift.map(|bits| a >> bits),
        "**" => shift.and_then(|power| a.checked_pow(power)),
        _ => None,
    };
    value.map(Value::Int).ok_or_else(overflow)
}

/// `'%d of %s' % (a, b)`
fn formatted(format: &str, values: &Value) -> Result<String, String> {
    let one = [values.clone()];
    let mut values = match values {
        Value::Tuple(all) => all.iter(),
        _ => one.iter(),
    };
    let mut text = String::new();
    let mut chars = format.chars();
    while let Some(c) = chars.next() {
        if c != '%' {
            text.push(c);
            continue;
        }
        let kind = chars.find(|c| !c.is_ascii_digit() && !matches!(c, '.' | '-' | '+' | ' ' | '#' | 'l'));
        if kind == Some('%') {
            text.push('%');
            continue;
        }
        let value = values.next().ok_or("a format with more places than values")?;
        match (kind, value.int()) {
            (Some('x'), Some(value)) => text.push_str(&format!("{value:x}")),
            (Some('d' | 'i' | 'u'), Some(value)) => text.push_str(&value.to_string()),
            _ => text.push_str(&value.to_string()),
        }
    }
    Ok(text)
}

fn function(name: &str, args: &[Value]) -> Result<Value, String> {
    let pick = |better: Ordering| {
        let mut best = args.first().cloned().ok_or_else(|| format!("`{name}` of nothing"))?;
        for value in &args[1..] {
            if value.order(&best) == Some(better) {
                best = value.clone();
            }
        }
        Ok(best)
    };
    match (name, args) {
        ("print", _) => Ok(Value::None),
        ("abs", [value]) => match (value.int(), value.float()) {
            (Some(int), _) => int.checked_abs().map(Value::Int).ok_or_else(overflow),
            (_, Some(float)) => Ok(Value::Float(float.abs())),
            _ => Err(format!("`abs` of {value}")),
        },
        ("int", [value]) => match (value, value.int(), value.float()) {
            (_, Some(int), _) => Ok(Value::Int(int)),
            (_, _, Some(float)) => Ok(Value::Int(float as i128)),
            (Value::Text(text), ..) => text.trim().parse().map(Value::Int).map_err(|_| format!("`int` of {text}")),
            _ => Err(format!("`int` of {value}")),
        },
        ("float", [value]) => value.float().map(Value::Float).ok_or_else(|| format!("`float` of {value}")),
        ("str" | "repr", [value]) => Ok(Value::Text(value.to_string())),
        ("hex", [value]) => value.int().map(|int| Value::Text(format!("{int:#x}"))).ok_or("`hex` of no number".into()),
        ("bool", [value]) => Ok(Value::Bool(value.truth())),
        ("min", _) => pick(Ordering::Less),
        ("max", _) => pick(Ordering::Greater),
        _ => Err(format!("the function `{name}` in an assertion")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::code;
    use super::*;

    fn result(text: &str) -> Result<(), code::Broken> {
        let mut scope = Scope::default();
        scope.set("tcpi_snd_cwnd", Value::Int(10));
        scope.set("tcpi_options", Value::Int(7));
        code::run(&code::parse(text)?, &mut scope)
    }

    #[test]
    fn what_assertions_are_written_in() {
        for good in [
            "assert tcpi_snd_cwnd == 10",
            "\n  assert 9 <= tcpi_snd_cwnd <= 10, 'cwnd = %d' % tcpi_snd_cwnd; assert 1\n# and\nassert True\n",
            "assert (tcpi_options & TCPI_OPT_SYN_DATA) == 0, tcpi_options",
            "assert tcpi_options & TCPI_OPT_SACK != 0 and not (1 > 2 or 2 > 3)",
            "a = 2; a += 3\nassert a == 5 and -a // 2 == -3 and -a % 3 == 1 and 7 / 2 == 3.5 and ~a & 7 == 2",
            "print(\"x\", 1)\nprint 'old'\nassert min(3, 1, 2) == 1 and abs(-4) == max(4, 3)",
            "assert (tcpi_snd_cwnd ==\n  10), \"a ; b # c\"",
            "assert tcpi_snd_cwnd in (9, 10) if 1 else 0",
            "pass",
        ] {
            assert_eq!(result(good), Ok(()), "{good}");
        }
        let message = result("assert tcpi_snd_cwnd == 9, 'not %d' % 9").expect_err("it is 10");
        let told = "`assert tcpi_snd_cwnd == 9, 'not %d' % 9` is not so: not 9 (tcpi_snd_cwnd = 10)";
        assert_eq!(message, code::Broken::Untrue(told.into()));
        for bad in
            ["import os", "assert", "x = (", "assert 1 +", "if a: b", "assert nobody == 1", "open('x')", "a b", "''"]
        {
            assert!(result(bad).is_err() || bad == "''", "{bad}");
        }
    }
}
