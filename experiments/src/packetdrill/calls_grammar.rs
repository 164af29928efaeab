//! The grammar of system calls and their arguments.

use winnow::prelude::*;
use winnow::stream::Location;

use super::ast::{Arg, Call};
use super::lexer::{Input, Read, between, expected, fault, need, sign, text, whole, word};

/// How deep lists and structures may stand in each other.
const DEPTH_MAX: u32 = 24;

/// A call behind its name.
pub(super) fn call(input: &mut Input<'_>, name: &str) -> Read<Call> {
    need(input, "(")?;
    let args = list(input, ")", 0)?;
    need(input, "=")?;
    let result = arg(input, 0)?;
    let errno = if input.starts_with('E') { word(input)?.map(str::to_string) } else { None };
    // What stands in parentheses is for people.
    between(input, "(", ")")?;
    Ok(Call { name: name.to_string(), args, result, errno })
}

/// Arguments up to the closing sign.
fn list(input: &mut Input<'_>, close: &'static str, depth: u32) -> Read<Vec<Arg>> {
    let mut args = Vec::new();
    if sign(input, close)? {
        return Ok(args);
    }
    loop {
        args.push(arg(input, depth + 1)?);
        if sign(input, close)? {
            return Ok(args);
        }
        if !sign(input, ",")? {
            return expected(input, &format!("`,` or `{close}`"));
        }
    }
}

fn arg(input: &mut Input<'_>, depth: u32) -> Read<Arg> {
    let first = simple(input, depth)?;
    if !input.starts_with('|') {
        return Ok(first);
    }
    let mut all = vec![first];
    while sign(input, "|")? {
        all.push(simple(input, depth)?);
    }
    Ok(Arg::Or(all))
}

fn simple(input: &mut Input<'_>, depth: u32) -> Read<Arg> {
    if depth > DEPTH_MAX {
        return fault(input.current_token_start(), "this stands too deep");
    }
    if sign(input, "...")? {
        return Ok(Arg::Any);
    }
    if sign(input, "~")? {
        return Ok(Arg::Not(Box::new(simple(input, depth + 1)?)));
    }
    if sign(input, "[")? {
        return Ok(Arg::List(list(input, "]", depth)?));
    }
    if sign(input, "{")? {
        return braces(input, depth);
    }
    if let Some(text) = text(input)? {
        return Ok(Arg::Text(text));
    }
    if let Some(name) = word(input)? {
        return Ok(match sign(input, "(")? {
            true => Arg::Call(name.to_string(), list(input, ")", depth)?),
            false => Arg::Word(name.to_string()),
        });
    }
    let at = input.current_token_start();
    let negative = sign(input, "-")?;
    match whole(input)? {
        Some(value) => match (i64::try_from(value), negative) {
            (Ok(value), false) => Ok(Arg::Int(value)),
            (Ok(value), true) => Ok(Arg::Int(-value)),
            // Unsigned numbers of 64 bits are kept by their bits.
            (Err(_), false) => Ok(Arg::Int(value as i64)),
            (Err(_), true) => fault(at, "this number is too small"),
        },
        None => expected(input, "an argument"),
    }
}

/// `{name=value, …}`, or `{value, …}`.
fn braces(input: &mut Input<'_>, depth: u32) -> Read<Arg> {
    let start = input.checkpoint();
    let mut fields = Vec::new();
    while let Some(name) = word(input)? {
        if sign(input, "(")? {
            list(input, ")", depth)?;
        }
        if !sign(input, "=")? {
            break;
        }
        fields.push((name.to_string(), arg(input, depth + 1)?));
        if sign(input, "}")? {
            return Ok(Arg::Struct(fields));
        }
        if !sign(input, ",")? {
            return expected(input, "`,` or `}`");
        }
    }
    if !fields.is_empty() {
        return expected(input, "a field, such as `events=POLLIN`");
    }
    input.reset(&start);
    Ok(Arg::Tuple(list(input, "}", depth)?))
}
