//! Assertions, `%{ … }%`: the statements of Python that they are written in, read once and run at the end.

use super::values::{Scope, Value};

/// A statement.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Statement {
    /// `assert E, M`
    Assert(Expr, Option<Expr>, String),
    /// `name = E`, or `name += E` and the like.
    Set(String, Option<&'static str>, Expr),
    /// An expression for what it does: `print(…)`.
    Do(Expr),
    /// `pass`, and imports from the future.
    Nothing,
}

/// An expression.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Expr {
    /// A number or a text.
    Constant(Value),
    /// A variable.
    Name(String),
    /// `-a`, `~a`, `not a`, `+a`.
    Unary(&'static str, Box<Expr>),
    /// `a + b`, and `and`, `or`.
    Binary(&'static str, Box<Expr>, Box<Expr>),
    /// `a <= b < c`.
    Chain(Box<Expr>, Vec<(&'static str, Expr)>),
    /// `f(a, b)`.
    Call(String, Vec<Expr>),
    /// `(a, b)`.
    Tuple(Vec<Expr>),
    /// `a if b else c`.
    Choice(Box<Expr>, Box<Expr>, Box<Expr>),
}

#[derive(Clone, PartialEq, Debug)]
enum Token {
    Value(Value),
    Name(String),
    Sign(&'static str),
    End,
}

const SIGNS: &[&str] = &[
    "**=", "//=", "<<=", ">>=", "==", "!=", "<=", ">=", "<<", ">>", "//", "**", "+=", "-=", "*=", "/=", "%=", "&=",
    "|=", "^=", "<", ">", "=", "+", "-", "*", "/", "%", "&", "|", "^", "~", "(", ")", ",", "[", "]", ".", ":",
];

/// Levels of binary operators, from the loosest on; comparisons stand between `not` and `|`.
const LEVELS: &[&[&str]] = &[&["|"], &["^"], &["&"], &["<<", ">>"], &["+", "-"], &["*", "/", "//", "%"]];
const COMPARISONS: &[&str] = &["==", "!=", "<=", ">=", "<", ">"];

/// Reads a block.
///
/// # Errors
/// It uses what is not understood here.
pub(super) fn parse(text: &str) -> Result<Vec<Statement>, String> {
    let mut statements = Vec::new();
    for line in logical_lines(text) {
        let line = line.trim();
        if line.is_empty() || line == "pass" || line.starts_with("from __future__ import ") {
            continue;
        }
        let mut reader = Reader { tokens: tokens(line)?, at: 0, depth: 0 };
        let statement = reader.statement(line)?;
        if reader.tokens[reader.at] != Token::End {
            return Err(format!("`{line}` goes on where it should end"));
        }
        statements.push(statement);
    }
    Ok(statements)
}

/// Statements: ends of lines and `;` part them, but not inside of texts and parentheses.
fn logical_lines(text: &str) -> Vec<String> {
    let (mut lines, mut line, mut depth) = (Vec::new(), String::new(), 0_i32);
    let mut quote = None;
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match (quote, c) {
            (Some(_), '\\') => {
                line.push(c);
                line.extend(chars.next());
                continue;
            }
            (Some(mark), _) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '#') => {
                while chars.peek().is_some_and(|c| *c != '\n') {
                    chars.next();
                }
                continue;
            }
            (None, '\\') if chars.peek() == Some(&'\n') => {
                chars.next();
                continue;
            }
            (None, '(' | '[') => depth += 1,
            (None, ')' | ']') => depth -= 1,
            (None, '\n' | ';') if depth <= 0 => {
                lines.push(std::mem::take(&mut line));
                continue;
            }
            _ => {}
        }
        line.push(c);
    }
    lines.push(line);
    lines
}

fn tokens(line: &str) -> Result<Vec<Token>, String> {
    let mut tokens = Vec::new();
    let mut rest = line.trim_start();
    while let Some(first) = rest.chars().next() {
        let taken = if first.is_ascii_digit() || first == '.' && rest[1..].starts_with(|c: char| c.is_ascii_digit()) {
            let len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '.' && c != '_').unwrap_or(rest.len());
            tokens.push(Token::Value(number(&rest[..len])?));
            len
        } else if first.is_ascii_alphabetic() || first == '_' {
            let len = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
            tokens.push(Token::Name(rest[..len].to_string()));
            len
        } else if first == '\'' || first == '"' {
            let (text, len) = quoted(rest, first)?;
            // Texts that follow each other are one.
            match tokens.last_mut() {
                Some(Token::Value(Value::Text(before))) => before.push_str(&text),
                _ => tokens.push(Token::Value(Value::Text(text))),
            }
            len
        } else {
            let sign = SIGNS.iter().find(|sign| rest.starts_with(**sign));
            let sign = sign.ok_or_else(|| format!("`{first}` in an assertion"))?;
            tokens.push(Token::Sign(sign));
            sign.len()
        };
        rest = rest[taken..].trim_start();
    }
    tokens.push(Token::End);
    Ok(tokens)
}

fn number(text: &str) -> Result<Value, String> {
    let plain = text.replace('_', "");
    let digits = plain.trim_end_matches(['L', 'l']);
    let int = match digits.get(..2) {
        Some("0x" | "0X") => i128::from_str_radix(&digits[2..], 16).ok(),
        Some("0b") => i128::from_str_radix(&digits[2..], 2).ok(),
        Some("0o") => i128::from_str_radix(&digits[2..], 8).ok(),
        _ => digits.parse().ok(),
    };
    let float = || plain.parse().ok().map(Value::Float);
    int.map(Value::Int).or_else(float).ok_or_else(|| format!("the number `{text}` in an assertion"))
}

fn quoted(rest: &str, mark: char) -> Result<(String, usize), String> {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, other)) => text.push(other),
                None => break,
            },
            _ if c == mark => return Ok((text, at + 1)),
            _ => text.push(c),
        }
    }
    Err("a text without an end in an assertion".into())
}

struct Reader {
    tokens: Vec<Token>,
    at: usize,
    depth: u32,
}

impl Reader {
    fn sign(&mut self, sign: &str) -> bool {
        let there = matches!(&self.tokens[self.at], Token::Sign(found) if *found == sign);
        self.at += usize::from(there);
        there
    }

    fn name(&mut self, name: &str) -> bool {
        let there = matches!(&self.tokens[self.at], Token::Name(found) if found == name);
        self.at += usize::from(there);
        there
    }

    fn statement(&mut self, line: &str) -> Result<Statement, String> {
        if self.name("assert") {
            let what = self.expr()?;
            let message = if self.sign(",") { Some(self.expr()?) } else { None };
            return Ok(Statement::Assert(what, message, line.to_string()));
        }
        if let (Token::Name(name), Some(Token::Sign(sign))) =
            (self.tokens[self.at].clone(), self.tokens.get(self.at + 1).cloned())
        {
            let operator = match sign {
                "=" => Some(None),
                "+=" => Some(Some("+")),
                "-=" => Some(Some("-")),
                "*=" => Some(Some("*")),
                "|=" => Some(Some("|")),
                "&=" => Some(Some("&")),
                _ => None,
            };
            if let Some(operator) = operator {
                self.at += 2;
                return Ok(Statement::Set(name, operator, self.expr()?));
            }
        }
        for word in ["if", "for", "while", "def", "import", "from", "with", "try", "raise", "return"] {
            if self.name(word) {
                return Err(format!("`{word}` in an assertion"));
            }
        }
        // Python 2 prints without parentheses.
        if self.name("print") && !matches!(self.tokens[self.at], Token::Sign("(")) {
            self.list_to_end()?;
            return Ok(Statement::Nothing);
        }
        if self.at > 0 {
            self.at -= 1;
        }
        Ok(Statement::Do(self.expr()?))
    }

    fn list_to_end(&mut self) -> Result<(), String> {
        while self.tokens[self.at] != Token::End {
            self.expr()?;
            if !self.sign(",") {
                break;
            }
        }
        Ok(())
    }

    fn expr(&mut self) -> Result<Expr, String> {
        self.depth += 1;
        if self.depth > 60 {
            return Err("an assertion that is nested too deep".into());
        }
        let value = self.or()?;
        self.depth -= 1;
        if self.name("if") {
            let condition = self.or()?;
            if !self.name("else") {
                return Err("`if` without `else` in an assertion".into());
            }
            return Ok(Expr::Choice(Box::new(condition), Box::new(value), Box::new(self.expr()?)));
        }
        Ok(value)
    }

    fn or(&mut self) -> Result<Expr, String> {
        let mut left = self.and()?;
        while self.name("or") {
            left = Expr::Binary("or", Box::new(left), Box::new(self.and()?));
        }
        Ok(left)
    }

    fn and(&mut self) -> Result<Expr, String> {
        let mut left = self.not()?;
        while self.name("and") {
            left = Expr::Binary("and", Box::new(left), Box::new(self.not()?));
        }
        Ok(left)
    }

    fn not(&mut self) -> Result<Expr, String> {
        let mut times = 0;
        while self.name("not") {
            times += 1;
        }
        let inside = self.comparison()?;
        Ok((0..times).fold(inside, |inside, _| Expr::Unary("not", Box::new(inside))))
    }

    fn comparison(&mut self) -> Result<Expr, String> {
        let left = self.level(0)?;
        let mut chain = Vec::new();
        loop {
            let found = COMPARISONS.iter().find(|sign| self.sign(sign)).copied();
            let found = match found {
                None if self.name("in") => Some("in"),
                None if self.name("is") => Some(if self.name("not") { "!=" } else { "==" }),
                other => other,
            };
            let Some(sign) = found else { break };
            chain.push((sign, self.level(0)?));
        }
        Ok(if chain.is_empty() { left } else { Expr::Chain(Box::new(left), chain) })
    }

    fn level(&mut self, level: usize) -> Result<Expr, String> {
        let Some(signs) = LEVELS.get(level) else { return self.unary() };
        let mut left = self.level(level + 1)?;
        while let Some(sign) = signs.iter().find(|sign| self.sign(sign)) {
            left = Expr::Binary(sign, Box::new(left), Box::new(self.level(level + 1)?));
        }
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expr, String> {
        let mut signs = Vec::new();
        while let Some(sign) = ["-", "~", "+"].into_iter().find(|sign| self.sign(sign)) {
            signs.push(sign);
        }
        let mut value = self.primary()?;
        if self.sign("**") {
            value = Expr::Binary("**", Box::new(value), Box::new(self.unary()?));
        }
        Ok(signs.into_iter().rev().fold(value, |value, sign| Expr::Unary(sign, Box::new(value))))
    }

    fn primary(&mut self) -> Result<Expr, String> {
        let token = self.tokens[self.at].clone();
        self.at += usize::from(token != Token::End);
        match token {
            Token::Value(value) => Ok(Expr::Constant(value)),
            Token::Name(name) if name == "True" || name == "False" => Ok(Expr::Constant(Value::Bool(name == "True"))),
            Token::Name(name) => {
                if !self.sign("(") {
                    return Ok(Expr::Name(name));
                }
                let args = self.list(")")?.0;
                Ok(Expr::Call(name, args))
            }
            Token::Sign("(") => {
                let (mut all, comma) = self.list(")")?;
                Ok(if all.len() == 1 && !comma { all.remove(0) } else { Expr::Tuple(all) })
            }
            Token::Sign("[") => Ok(Expr::Tuple(self.list("]")?.0)),
            Token::Sign(sign) => Err(format!("`{sign}` in an assertion where a value should stand")),
            Token::End => Err("an assertion that ends too early".into()),
        }
    }

    /// Values up to the closing sign, and whether a comma stood last.
    fn list(&mut self, close: &str) -> Result<(Vec<Expr>, bool), String> {
        let (mut all, mut comma) = (Vec::new(), false);
        while !self.sign(close) {
            if !all.is_empty() && !comma {
                return Err(format!("an assertion without `{close}`"));
            }
            all.push(self.expr()?);
            comma = self.sign(",");
        }
        Ok((all, comma))
    }
}

/// Names that a block reads, of those that begin as fields of `TCP_INFO` do.
pub(super) fn fields(statements: &[Statement]) -> Vec<String> {
    let mut found = Vec::new();
    for statement in statements {
        match statement {
            Statement::Assert(what, message, _) => {
                names(what, &mut found);
                if let Some(message) = message {
                    names(message, &mut found);
                }
            }
            Statement::Set(_, _, value) | Statement::Do(value) => names(value, &mut found),
            Statement::Nothing => {}
        }
    }
    found.retain(|name| name.starts_with("tcpi_"));
    found
}

fn names(expr: &Expr, found: &mut Vec<String>) {
    match expr {
        Expr::Constant(_) => {}
        Expr::Name(name) => found.push(name.clone()),
        Expr::Unary(_, inside) => names(inside, found),
        Expr::Binary(_, left, right) => [left, right].iter().for_each(|side| names(side, found)),
        Expr::Chain(first, rest) => {
            names(first, found);
            rest.iter().for_each(|(_, value)| names(value, found));
        }
        Expr::Call(_, all) | Expr::Tuple(all) => all.iter().for_each(|value| names(value, found)),
        Expr::Choice(a, b, c) => [a, b, c].iter().for_each(|value| names(value, found)),
    }
}

/// Why statements do not run to their end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Broken {
    /// An assertion that is not so.
    Untrue(String),
    /// An expression that has no value here.
    Unknown(String),
}

impl From<String> for Broken {
    fn from(why: String) -> Broken {
        Broken::Unknown(why)
    }
}

/// Runs statements with what is known; what lives on is left in `scope`.
///
/// # Errors
/// An assertion that is not so, or an expression that has no value.
pub(super) fn run(statements: &[Statement], scope: &mut Scope) -> Result<(), Broken> {
    for statement in statements {
        match statement {
            Statement::Nothing => {}
            Statement::Do(expr) => drop(scope.eval(expr)?),
            Statement::Set(name, operator, expr) => {
                let value = match operator {
                    None => scope.eval(expr)?,
                    Some(operator) => {
                        let old = Expr::Name(name.clone());
                        scope.eval(&Expr::Binary(operator, Box::new(old), Box::new(expr.clone())))?
                    }
                };
                scope.set(name, value);
            }
            Statement::Assert(what, message, line) => {
                if scope.eval(what)?.truth() {
                    continue;
                }
                let message = match message {
                    Some(message) => format!(": {}", scope.eval(message)?),
                    None => String::new(),
                };
                return Err(Broken::Untrue(format!("`{line}` is not so{message}{}", scope.shown(what))));
            }
        }
    }
    Ok(())
}
