//! The grammar of a script: options, events, times, shell texts and blocks of assertions. Packets and calls have files of their own.

use winnow::prelude::*;
use winnow::stream::Location;
use winnow::token::take_while;

use super::ast::{Action, Event, OptionLine, Place, Script, Shell, When};
use super::calls_grammar::call;
use super::lexer::{
    Fault, Input, Read, between, blank, expected, fault, here, input, need, place, seconds, sign, text, word,
};
use super::packet_grammar::packet;

/// Why a text is no script.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Malformed {
    /// Where.
    pub place: Place,
    /// What was expected there, or why what is there may not be.
    pub why: String,
}

/// Reads a script.
///
/// # Errors
/// It does not follow the grammar.
pub fn parse(source: &str) -> Result<Script, Malformed> {
    let mut rest = input(source);
    script(&mut rest).map_err(|Fault { at, why }| {
        let why = if why.is_empty() { "this is not understood".into() } else { why };
        Malformed { place: place(source, at), why }
    })
}

fn script(input: &mut Input<'_>) -> Read<Script> {
    let mut script = Script::default();
    blank(input)?;
    while input.starts_with("--") {
        script.options.push(option(input)?);
    }
    script.init = shell(input)?;
    while !input.is_empty() {
        if input.starts_with('`') {
            script.cleanup = shell(input)?;
            if !input.is_empty() {
                return expected(input, "the end of the script behind the last command, or a time in front of it");
            }
            break;
        }
        let at = input.current_token_start();
        let event = event(input)?;
        if script.events.is_empty() && !matches!(event.when, When::At(0) | When::After(0)) {
            return fault(at, "the first event is at time 0");
        }
        script.events.push(event);
    }
    if script.events.is_empty() {
        return expected(input, "an event");
    }
    Ok(script)
}

fn option(input: &mut Input<'_>) -> Read<OptionLine> {
    let at = here(input);
    need(input, "--")?;
    let name = take_while::<_, _, Fault>(0.., |c: char| c.is_ascii_alphanumeric() || c == '_').parse_next(input)?;
    if name.is_empty() {
        return expected(input, "the name of an option");
    }
    let mut value = None;
    if input.starts_with('=') {
        take_while::<_, _, Fault>(1, '=').parse_next(input)?;
        value = match text(input)? {
            Some(text) => Some(text),
            None => {
                let plain =
                    take_while::<_, _, Fault>(0.., |c: char| !c.is_whitespace() && c != '`').parse_next(input)?;
                if plain.is_empty() {
                    return expected(input, "the value of an option");
                }
                Some(plain.to_string())
            }
        };
    }
    blank(input)?;
    Ok(OptionLine { place: at, name: name.to_string(), value })
}

fn shell(input: &mut Input<'_>) -> Read<Option<Shell>> {
    let at = here(input);
    Ok(between(input, "`", "`")?.map(|text| Shell { place: at, text: text.trim().to_string() }))
}

fn event(input: &mut Input<'_>) -> Read<Event> {
    let (at, offset) = (here(input), input.current_token_start());
    let (when, until) = time(input)?;
    let start = input.current_token_start();
    let action = if input.starts_with(['<', '>']) {
        Action::Packet(Box::new(packet(input)?))
    } else if let Some(text) = between(input, "`", "`")? {
        Action::Shell(text.trim().to_string())
    } else if let Some(text) = between(input, "%{", "}%")? {
        Action::Code(text.to_string())
    } else if let Some(name) = word(input)? {
        Action::Call(Box::new(call(input, name)?))
    } else {
        return expected(input, "`<` or `>` and a packet, a call, a command in back quotes, or `%{`");
    };
    if until.is_some() && !matches!(action, Action::Call(_)) {
        return fault(start, "only a call has a time at which it returns");
    }
    let outbound = matches!(&action, Action::Packet(packet) if !packet.inbound);
    if matches!(when, When::Any | When::Between { .. }) && !outbound {
        return fault(offset, "only what the stack sends may come at any time, or in a range of it");
    }
    Ok(Event { place: at, when, until, action })
}

/// When something happens, and when it returns.
fn time(input: &mut Input<'_>) -> Read<(When, Option<u64>)> {
    if sign(input, "*")? {
        return Ok((When::Any, None));
    }
    let relative = sign(input, "+")?;
    let Some(from) = seconds(input)? else {
        return expected(input, "a time, such as `0`, `+.1`, `+0...0.2`, `1~2` or `*`");
    };
    if sign(input, "~")? {
        let start = input.current_token_start();
        if sign(input, "+")? != relative {
            return fault(start, "both ends of a range have a `+`, or none has");
        }
        return match seconds(input)? {
            Some(to) if to >= from => Ok((When::Between { from, to, relative }, None)),
            Some(_) => fault(start, "a range ends before it begins"),
            None => expected(input, "the end of a range of time"),
        };
    }
    let when = if relative { When::After(from) } else { When::At(from) };
    if !sign(input, "...")? {
        return Ok((when, None));
    }
    let start = input.current_token_start();
    match seconds(input)? {
        Some(until) if until >= from => Ok((when, Some(until))),
        Some(_) => fault(start, "a call returns before it begins"),
        None => expected(input, "the time at which the call returns, without a `+`"),
    }
}
