//! `clockwire schema`: the JSON Schema (draft 2020-12) of an experiment file, so that editors complete and check.
//!
//! Nothing of it is written by hand: keys come from [`topologies::KEYS`], which tests hold against the reader of files, parameters of kinds
//! from the questions that the kinds ask the reader, too, units from their parsers. It accepts all that the reader may accept, so keys that
//! a file must have are not required (an included file may bring them), and what a sweep or a variant sets is open.

mod asked;

use serde_json::{Map, Value, json};
use sim_core::{Jitter, LINK_MODELS, Loss, Params, QUEUES, Quantity, QueueConfig, Reorder};
use sim_protocols::tcp::cc::{CONTROLS, ControlConfig};
use sim_protocols::{APPS, AppConfig, SERVICES, ServiceConfig, tcp};
use topologies::{GENERATORS, KEYS, Key, Kinds, LISTED_LOSS, Takes};

use crate::run::tables;
use asked::{Asked, asked, count, list, object, quantity, quantity_name, text, words};

/// A name: a letter, and letters, digits, `-` and `_` behind it; no `--`.
const NAME: &str = "^[A-Za-z_][A-Za-z0-9_]*(-[A-Za-z0-9_]+)*-?$";
/// An address with its prefix.
const ADDRESS: &str = r"^\s*([0-9]{1,3}\.){3}[0-9]{1,3}\s*/\s*[0-9]{1,2}\s*$";
/// The ends of a link.
const ENDS: &str = r"^\s*[^\s<>-][^\s<>]*\s*(--|->)\s*[^\s<>-][^\s<>]*\s*$";

/// The schema.
pub fn schema() -> Value {
    let mut definitions = Map::new();
    for of in Quantity::ALL {
        definitions.insert(quantity_name(of).into(), unit(of));
    }
    for section in KEYS {
        definitions.insert(slug(section.name), keys_of(section.name));
    }
    definitions.insert("tcp".into(), object(tcp_settings()));
    definitions.insert("queue".into(), queues());
    definitions.insert("loss".into(), losses());
    definitions.insert("plot".into(), plot_kinds());
    definitions.insert("control".into(), controls());
    let mut file = keys_of("the file");
    file["type"] = "object".into();
    file["$schema"] = "https://json-schema.org/draft/2020-12/schema".into();
    file["title"] = "An experiment of Clockwire".into();
    definitions.remove("the-file");
    file["$defs"] = definitions.into();
    file
}

fn slug(name: &str) -> String {
    name.replace(' ', "-")
}

/// A quantity: a decimal and one of the units.
fn unit(of: Quantity) -> Value {
    let units: Vec<&str> = of.units().collect();
    let decimal = format!(r"[0-9]{{1,20}}(\.[0-9]{{1,15}})?\s*({})", units.join("|"));
    let forms = if of == Quantity::Amount { format!(r"([0-9]+\s*packets?|{decimal})") } else { decimal };
    json!({
        "type": "string",
        "pattern": format!(r"^\s*{forms}\s*$"),
        "examples": [of.example()],
        "description": format!("{}, as in `{}`", of.what(), of.example()),
    })
}

/// The map of a section of [`KEYS`].
fn keys_of(name: &str) -> Value {
    let section = KEYS.iter().find(|section| section.name == name).expect("a section that the list of keys names");
    let mut properties = properties(section.keys);
    match name {
        "a workload entry" => {
            for app in APPS {
                let mut found = asked(|params| _ = AppConfig::read(app.name, params)).properties;
                if app.tcp {
                    found.extend(tcp_settings());
                }
                properties.insert(app.name.into(), described(object(found), app.help));
            }
        }
        "a service" => {
            for kind in SERVICES {
                let found = asked(|params| _ = ServiceConfig::read(kind.name, params));
                properties.insert(kind.name.into(), described(object(found.properties), kind.help));
            }
        }
        _ => {}
    }
    described(object(properties), section.help)
}

fn properties(keys: &[Key]) -> Map<String, Value> {
    keys.iter().map(|(key, help, takes)| (key.to_string(), described(takes_schema(takes), help))).collect()
}

/// A schema with a help of its own, which editors show instead of that of what it refers to.
fn described(mut schema: Value, help: &str) -> Value {
    schema["description"] = help.into();
    schema
}

fn takes_schema(takes: &Takes) -> Value {
    match takes {
        Takes::Anything => json!({}),
        Takes::Text => text(),
        Takes::Name => json!({ "type": "string", "pattern": NAME, "maxLength": 64 }),
        Takes::Address => json!({ "type": "string", "pattern": ADDRESS, "examples": ["10.0.2.10/24"] }),
        Takes::Always => json!({ "enum": [true, null] }),
        Takes::Flag => json!({ "type": "boolean" }),
        Takes::Count(min, max) => count(&(*min..=*max)),
        Takes::Unit(of) => quantity(*of),
        Takes::Words(all) => words(all().into_iter()),
        Takes::Section(name) => json!({ "$ref": format!("#/$defs/{}", slug(name)) }),
        Takes::Part(name, wanted) => {
            let section = KEYS.iter().find(|section| section.name == *name).expect("a section");
            let keys: Vec<Key> = section.keys.iter().filter(|(key, ..)| wanted.contains(key)).copied().collect();
            object(properties(&keys))
        }
        Takes::Keys(keys) => object(properties(keys)),
        Takes::Each(of) => {
            let names = json!({ "pattern": NAME, "maxLength": 64 });
            json!({ "type": ["object", "null"], "additionalProperties": takes_schema(of), "propertyNames": names })
        }
        Takes::Open(of) => json!({ "type": ["object", "null"], "additionalProperties": takes_schema(of) }),
        Takes::List(of) => list(&takes_schema(of)),
        Takes::Links(of) => {
            let link = json!({
                "type": "object",
                "patternProperties": { ENDS: takes_schema(of) },
                "additionalProperties": false,
                "minProperties": 1,
                "maxProperties": 1,
                "examples": [{ "a -- b": { "rate": "10 Mbit/s", "delay": "1 ms" } }],
            });
            json!({ "type": ["array", "null"], "items": link })
        }
        Takes::Either(forms) => json!({ "anyOf": forms.iter().map(takes_schema).collect::<Vec<_>>() }),
        Takes::Kind(kinds) => kind_schema(*kinds),
        Takes::Tcp => json!({ "$ref": "#/$defs/tcp" }),
        Takes::Asked(read) => object(asked(*read).properties),
    }
}

fn kind_schema(kinds: Kinds) -> Value {
    match kinds {
        Kinds::Generators => {
            let found = GENERATORS.iter().map(|entry| (entry.name, entry.help, object(properties(entry.params))));
            // Nothing takes away what an included file generates.
            json!({ "anyOf": [{ "type": "null" }, kinds_of(found.collect(), &[])] })
        }
        Kinds::Queues => json!({ "$ref": "#/$defs/queue" }),
        Kinds::Losses => json!({ "$ref": "#/$defs/loss" }),
        Kinds::Jitters => {
            let found = Jitter::SHAPES.iter().map(|(name, shape)| {
                (*name, "extra delay of this shape", params_or_single(asked(|params| _ = Jitter::read(*shape, params))))
            });
            kinds_of(found.collect(), &[])
        }
        Kinds::Reorder => params_or_single(asked(|params| _ = Reorder::read(params))),
        Kinds::Tables => {
            let tables = tables();
            let all = tables.iter().map(|table| json!({ "const": table.name, "description": table.help }));
            json!({ "anyOf": all.collect::<Vec<_>>() })
        }
        Kinds::Plots => json!({ "$ref": "#/$defs/plot" }),
    }
}

/// A kind by its name alone, or with what stands below it; and words that are no kinds.
fn kinds_of(kinds: Vec<(&str, &str, Value)>, more: &[&str]) -> Value {
    let name = |(name, help, _): &(&str, &str, Value)| json!({ "const": name, "description": help });
    let mut forms: Vec<Value> = kinds.iter().map(name).collect();
    forms.extend(more.iter().map(|word| json!({ "const": word })));
    let below: Map<String, Value> =
        kinds.into_iter().map(|(name, help, schema)| (name.to_string(), described(schema, help))).collect();
    forms.push(json!({
        "type": "object", "properties": below, "additionalProperties": false, "minProperties": 1, "maxProperties": 1,
    }));
    json!({ "anyOf": forms })
}

/// Parameters, or the value of the first one alone.
fn params_or_single(found: Asked) -> Value {
    let single = found.single.and_then(|key| found.properties.get(&key).cloned());
    let all = object(found.properties);
    single.map_or(all.clone(), |single| json!({ "anyOf": [single, all] }))
}

fn params(read: impl FnMut(&mut dyn Params)) -> Value {
    params_or_single(asked(read))
}

fn queues() -> Value {
    let found =
        QUEUES.iter().map(|entry| (entry.name, entry.help, params(|params| _ = QueueConfig::read(entry.name, params))));
    kinds_of(found.collect(), &[])
}

fn controls() -> Value {
    let found = CONTROLS
        .iter()
        .map(|entry| (entry.name, entry.help, params(|params| _ = ControlConfig::read(entry.name, params))));
    kinds_of(found.collect(), &[])
}

fn losses() -> Value {
    let help = |name: &str| {
        let model = LINK_MODELS.iter().find(|entry| entry.name.strip_prefix("loss.") == Some(name));
        model.map_or("", |entry| entry.help)
    };
    let mut found: Vec<(&str, &str, Value)> =
        Loss::NAMES.iter().map(|name| (*name, help(name), params(|params| _ = Loss::read(name, params)))).collect();
    found.push(("list", help("list"), list(&object(properties(LISTED_LOSS)))));
    kinds_of(found, &["none"])
}

/// The settings of `tcp:`, congestion control among them.
fn tcp_settings() -> Map<String, Value> {
    let base = tcp::Config::default();
    let mut found = asked(|params| _ = tcp::Config::read(&base, params)).properties;
    let control = json!({ "$ref": "#/$defs/control" });
    found.insert("cc".into(), described(control, "the congestion control: a kind with its parameters"));
    found
}

fn plot_kinds() -> Value {
    let value = |takes: plots::Takes| match takes {
        plots::Takes::Text | plots::Takes::Flows | plots::Takes::Links => {
            json!({ "type": ["string", "number", "boolean"] })
        }
        plots::Takes::Flag => json!({ "enum": [true, false, "true", "false"] }),
        plots::Takes::Words(all) => words(all.iter().copied()),
        plots::Takes::Time => quantity(Quantity::Span),
        plots::Takes::Count => json!({ "type": ["integer", "string"] }),
    };
    let found = plots::kinds().iter().map(|kind| {
        let keys = kind.accepts().map(|key| (key.name.to_string(), described(list(&value(key.takes)), key.help)));
        (kind.name, kind.help, object(keys.collect()))
    });
    kinds_of(found.collect(), &[])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Settings of TCP stand among the parameters of an application: one word must not mean two things.
    #[test]
    fn no_application_has_a_parameter_that_tcp_has_too() {
        let settings = tcp_settings();
        for app in APPS.iter().filter(|app| app.tcp) {
            let own = asked(|params| _ = AppConfig::read(app.name, params)).properties;
            let twice: Vec<&String> = own.keys().filter(|key| settings.contains_key(*key)).collect();
            assert!(twice.is_empty(), "{}: {twice:?}", app.name);
        }
    }
}
