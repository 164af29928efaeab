//! `clockwire completions` and `clockwire man`: what the command line tells shells and manuals about itself.

use std::io::Write as _;

use clap::Command;
use clap::builder::PossibleValuesParser;
use clap_complete::Shell;
use clap_mangen::Man;
use clap_mangen::roff::{Roff, roman};

use super::{Done, list};

/// What an exit code means.
const CODES: &[(&str, &str)] = &[
    ("0", "all is well"),
    ("1", "an expectation failed, runs differ, or a script did not pass"),
    ("2", "the input is wrong; nothing was written"),
];

/// Prints a script with which a shell completes verbs, options and names.
pub fn completions(mut command: Command, shell: Shell) -> Done {
    // Only here: the verb itself answers a wrong group with the nearest one.
    command = command.mut_subcommand("list", |list| {
        list.mut_arg("group", |group| group.value_parser(PossibleValuesParser::new(list::groups())))
    });
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, "clockwire", &mut script);
    print(&script)
}

/// Prints the manual of the program, or of one verb, as roff.
pub fn man(command: Command, verb: Option<&str>) -> Done {
    let mut root = command.disable_help_subcommand(true);
    root.build();
    let mut text = Vec::new();
    let found = match verb {
        None => root.clone(),
        Some(verb) => {
            let Some(found) = root.find_subcommand(verb) else {
                let known: Vec<String> = root.get_subcommands().map(|verb| verb.get_name().to_string()).collect();
                return Err(list::unknown("verbs", verb, &known.iter().map(String::as_str).collect::<Vec<_>>()));
            };
            found.clone()
        }
    };
    let page = |command: Command, text: &mut Vec<u8>| -> std::io::Result<()> {
        let man = Man::new(command.clone()).section("1").source(format!("clockwire {}", env!("CARGO_PKG_VERSION")));
        man.render_title(text)?;
        man.render_name_section(text)?;
        man.render_synopsis_section(text)?;
        man.render_description_section(text)?;
        if command.get_opts().next().is_some() || command.get_positionals().next().is_some() {
            man.render_options_section(text)?;
        }
        if command.has_subcommands() {
            verbs(&command, text)?;
        }
        let mut roff = Roff::new();
        roff.control("SH", ["EXIT STATUS"]);
        for (code, meaning) in CODES {
            roff.control("TP", []).text([roman(*code)]).text([roman(*meaning)]);
        }
        roff.to_writer(text)
    };
    page(found, &mut text).map_err(|why| format!("error: the manual cannot be written: {why}\n"))?;
    print(&text)
}

/// Each verb with its options, so that one page tells all.
fn verbs(root: &Command, text: &mut Vec<u8>) -> std::io::Result<()> {
    let mut roff = Roff::new();
    roff.control("SH", ["COMMANDS"]);
    for verb in root.get_subcommands() {
        roff.control("SS", [format!("clockwire {}", verb.get_name()).as_str()]);
        for about in verb.get_about().iter() {
            roff.text([roman(about.to_string())]);
        }
        for argument in verb.get_arguments().filter(|argument| !argument.is_hide_set()) {
            let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
            roff.control("TP", []).text([roman(argument.to_string())]).text([roman(help)]);
        }
    }
    roff.to_writer(text)
}

/// Prints what may be cut off by a reader that has enough.
fn print(text: &[u8]) -> Done {
    let _ = std::io::stdout().write_all(text);
    Ok(true)
}
