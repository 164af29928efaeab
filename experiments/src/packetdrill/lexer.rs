//! Words, numbers, texts and blanks, with the place at which one of them was expected and did not come.

use winnow::LocatingSlice;
use winnow::combinator::{alt, opt, repeat};
use winnow::error::ParserError;
use winnow::prelude::*;
use winnow::stream::{Location, Stateful};
use winnow::token::{any, literal, one_of, take_till, take_until, take_while};

use super::ast::{Micros, Place};

/// What is still to be read, and the whole of it.
pub(super) type Input<'a> = Stateful<LocatingSlice<&'a str>, &'a str>;

/// What was expected, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Fault {
    /// Bytes from the beginning.
    pub at: usize,
    /// What should stand there, or why what stands there may not.
    pub why: String,
}

pub(super) type Read<T> = Result<T, Fault>;

impl<'a> ParserError<Input<'a>> for Fault {
    type Inner = Fault;

    fn from_input(input: &Input<'a>) -> Fault {
        Fault { at: input.current_token_start(), why: String::new() }
    }

    fn into_inner(self) -> Result<Fault, Fault> {
        Ok(self)
    }

    // The branch that came farthest knows best what is missing.
    fn or(self, other: Fault) -> Fault {
        if other.at > self.at { other } else { self }
    }
}

/// The input of a text.
pub(super) fn input(text: &str) -> Input<'_> {
    Stateful { input: LocatingSlice::new(text), state: text }
}

/// The place of a byte in a text.
pub(super) fn place(text: &str, at: usize) -> Place {
    let before = text.get(..at.min(text.len())).unwrap_or(text);
    let line = before.matches('\n').count() as u32 + 1;
    let column = before.rsplit('\n').next().map_or(0, |line| line.chars().count()) as u32 + 1;
    Place { line, column }
}

/// Where the input stands.
pub(super) fn here(input: &Input<'_>) -> Place {
    place(input.state, input.current_token_start())
}

/// Refuses what comes next.
pub(super) fn expected<T>(input: &Input<'_>, what: &str) -> Read<T> {
    fault(input.current_token_start(), &format!("expected {what}"))
}

/// Refuses what stood at a place.
pub(super) fn fault<T>(at: usize, why: &str) -> Read<T> {
    Err(Fault { at, why: why.into() })
}

/// White space and comments.
pub(super) fn blank(input: &mut Input<'_>) -> Read<()> {
    loop {
        take_while::<_, _, Fault>(0.., char::is_whitespace).parse_next(input)?;
        if opt(literal::<_, _, Fault>("//")).parse_next(input)?.is_some() {
            take_till::<_, _, Fault>(0.., '\n').parse_next(input)?;
        } else if input.starts_with("/*") {
            let at = input.current_token_start();
            if (take_until::<_, _, Fault>(0.., "*/"), literal::<_, _, Fault>("*/")).parse_next(input).is_err() {
                return fault(at, "this comment has no end");
            }
        } else {
            return Ok(());
        }
    }
}

/// Whether a sign stands here, which is then taken with the blanks behind it.
pub(super) fn sign(input: &mut Input<'_>, text: &'static str) -> Read<bool> {
    let there = opt(literal::<_, _, Fault>(text)).parse_next(input)?.is_some();
    if there {
        blank(input)?;
    }
    Ok(there)
}

/// A sign that must stand here.
pub(super) fn need(input: &mut Input<'_>, text: &'static str) -> Read<()> {
    if sign(input, text)? { Ok(()) } else { expected(input, &format!("`{text}`")) }
}

fn part_of_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

/// The name that stands here, if one does.
pub(super) fn word<'a>(input: &mut Input<'a>) -> Read<Option<&'a str>> {
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_';
    let found = opt((one_of::<_, _, Fault>(begins), take_while(0.., part_of_word)).take()).parse_next(input)?;
    if found.is_some() {
        blank(input)?;
    }
    Ok(found)
}

/// Letters and digits, such as those of a cookie.
pub(super) fn digits_and_letters<'a>(input: &mut Input<'a>) -> Read<Option<&'a str>> {
    let found = opt(take_while::<_, _, Fault>(1.., part_of_word)).parse_next(input)?;
    blank(input)?;
    Ok(found)
}

/// The name that stands here if it is this one.
pub(super) fn keyword(input: &mut Input<'_>, name: &str) -> Read<bool> {
    let start = input.checkpoint();
    if word(input)? == Some(name) {
        return Ok(true);
    }
    input.reset(&start);
    Ok(false)
}

/// A whole number without a sign, decimal or `0x…`; none where none begins.
pub(super) fn whole(input: &mut Input<'_>) -> Read<Option<u64>> {
    let at = input.current_token_start();
    let hex = (alt((literal::<_, _, Fault>("0x"), literal("0X"))), take_while(1.., |c: char| c.is_ascii_hexdigit()));
    let decimal = take_while::<_, _, Fault>(1.., |c: char| c.is_ascii_digit());
    let value = if let Some((_, digits)) = opt(hex).parse_next(input)? {
        u64::from_str_radix(digits, 16)
    } else if let Some(digits) = opt(decimal).parse_next(input)? {
        digits.parse()
    } else {
        return Ok(None);
    };
    blank(input)?;
    value.map(Some).or_else(|_| fault(at, "this number is too large"))
}

/// A number that must stand here and be no larger than `most`.
pub(super) fn number(input: &mut Input<'_>, most: u64, what: &str) -> Read<u64> {
    let at = input.current_token_start();
    match whole(input)? {
        Some(value) if value <= most => Ok(value),
        Some(_) => fault(at, &format!("{what} is at most {most}")),
        None => expected(input, what),
    }
}

/// Seconds with a decimal point, as microseconds; what is below one is dropped. The three points behind a number are not its own.
pub(super) fn seconds(input: &mut Input<'_>) -> Read<Option<Micros>> {
    let at = input.current_token_start();
    let digits = |c: char| c.is_ascii_digit();
    let before = take_while::<_, _, Fault>(0.., digits).parse_next(input)?;
    let point = input.starts_with('.') && !input.starts_with("..");
    let after = match point {
        true => (any::<_, Fault>, take_while(0.., digits)).map(|(_, digits)| digits).parse_next(input)?,
        false => "",
    };
    if before.is_empty() && after.is_empty() {
        return if point { fault(at, "expected digits on one side of the point") } else { Ok(None) };
    }
    blank(input)?;
    let micros: String = after.chars().chain("000000".chars()).take(6).collect();
    let value: Option<u64> = format!("{before}{micros}").parse().ok();
    match value.filter(|micros| *micros <= 1_000_000_000_000) {
        Some(micros) => Ok(Some(micros)),
        None => fault(at, "this time is beyond eleven days"),
    }
}

/// A text in quotation marks, if one begins here.
pub(super) fn text(input: &mut Input<'_>) -> Read<Option<String>> {
    if !input.starts_with('"') {
        return Ok(None);
    }
    let at = input.current_token_start();
    let escaped = (literal::<_, _, Fault>("\\"), any).map(|(_, c)| match c {
        'n' => '\n',
        't' => '\t',
        '0' => '\0',
        other => other,
    });
    let inside = repeat::<_, _, String, Fault, _>(0.., alt((escaped, one_of(|c| c != '"' && c != '\\'))));
    let found = (literal::<_, _, Fault>("\""), inside, literal("\"")).parse_next(input);
    match found {
        Ok((_, text, _)) => blank(input).map(|()| Some(text)),
        Err(_) => fault(at, "this text has no end"),
    }
}

/// What stands between two marks, as it is; none where the first does not stand.
pub(super) fn between<'a>(input: &mut Input<'a>, open: &'static str, close: &'static str) -> Read<Option<&'a str>> {
    let at = input.current_token_start();
    if opt(literal::<_, _, Fault>(open)).parse_next(input)?.is_none() {
        return Ok(None);
    }
    match (take_until::<_, _, Fault>(0.., close), literal(close)).parse_next(input) {
        Ok((text, _)) => blank(input).map(|()| Some(text)),
        Err(_) => fault(at, &format!("what begins with {open} has no end")),
    }
}
