//! The schema of what a kind asks for through [`Params`].
//!
//! A kind may ask for some parameters only behind a word, a flag or another parameter. So it is asked again with each other answer, and with
//! each answer to what that brings up; what it then asks for besides is accepted too.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use serde_json::{Map, Value, json};
use sim_core::{Amount, InputFile, Params, Prob, Quantity, Rate, Size, Span};

/// What one kind takes.
pub struct Asked {
    /// Its parameters.
    pub properties: Map<String, Value>,
    /// The one that a single value stands for.
    pub single: Option<String>,
}

/// More combinations of answers than this are not tried. A test holds the schema against every file of the tree.
const TRIES: usize = 400;

/// All that `read` may ask for.
pub fn asked(mut read: impl FnMut(&mut dyn Params)) -> Asked {
    let mut out = Asked { properties: Map::new(), single: None };
    let mut known = BTreeSet::new();
    let mut queue = vec![BTreeMap::new()];
    let mut next = 0;
    while next < queue.len().min(TRIES) {
        let answers: BTreeMap<String, usize> = queue[next].clone();
        next += 1;
        let mut one = One { answers: answers.clone(), ..One::default() };
        read(&mut one);
        for (key, schema) in one.found {
            merge(&mut out.properties, key, schema);
        }
        out.single = out.single.or(one.single);
        for (key, choices) in one.choices {
            for answer in 1..choices {
                if known.insert((key.clone(), answer)) {
                    let mut more = answers.clone();
                    more.insert(key.clone(), answer);
                    queue.push(more);
                }
            }
        }
    }
    out
}

/// A key that is there already keeps its schema; a section gets what is new below it.
fn merge(into: &mut Map<String, Value>, key: String, schema: Value) {
    let Some(old) = into.get_mut(&key) else {
        into.insert(key, schema);
        return;
    };
    for below in ["/properties", "/additionalProperties/properties"] {
        if let (Some(Value::Object(old)), Some(Value::Object(new))) = (old.pointer_mut(below), schema.pointer(below)) {
            for (key, schema) in new.clone() {
                merge(old, key, schema);
            }
        }
    }
}

/// A map with these keys and no others; nothing behind the key is an empty one.
pub fn object(properties: Map<String, Value>) -> Value {
    json!({ "type": ["object", "null"], "properties": properties, "additionalProperties": false })
}

/// One, or a list of them; nothing behind the key is an empty one.
pub fn list(of: &Value) -> Value {
    json!({ "anyOf": [of, { "type": ["array", "null"], "items": of }] })
}

/// Words, which may look like numbers.
pub fn words<'a>(words: impl Iterator<Item = &'a str>) -> Value {
    let mut all = Vec::new();
    for word in words {
        all.push(json!(word));
        if let Ok(number @ (Value::Number(_) | Value::Bool(_))) = serde_json::from_str::<Value>(word) {
            all.push(number);
        }
    }
    json!({ "enum": all })
}

/// A quantity, which the definitions hold.
pub fn quantity(of: Quantity) -> Value {
    json!({ "$ref": format!("#/$defs/{}", quantity_name(of)) })
}

/// What a quantity's definition is called.
pub fn quantity_name(of: Quantity) -> &'static str {
    match of {
        Quantity::Span => "time",
        Quantity::Rate => "rate",
        Quantity::Size => "size",
        Quantity::Prob => "probability",
        Quantity::Amount => "amount",
    }
}

/// Whole numbers of a range.
pub fn count(range: &RangeInclusive<u64>) -> Value {
    match *range.end() {
        u64::MAX => json!({ "type": "integer", "minimum": range.start() }),
        end => json!({ "type": "integer", "minimum": range.start(), "maximum": end }),
    }
}

/// A text; a number counts as one.
pub fn text() -> Value {
    json!({ "type": ["string", "number"] })
}

/// One way through a kind's questions.
#[derive(Default)]
struct One {
    /// What is answered otherwise than at first, by path.
    answers: BTreeMap<String, usize>,
    /// The keys above, each with a point behind it.
    prefix: String,
    found: Vec<(String, Value)>,
    single: Option<String>,
    optional: BTreeSet<&'static str>,
    /// What could have been answered otherwise: so many answers.
    choices: BTreeMap<String, usize>,
}

impl One {
    fn note(&mut self, key: &'static str, mut schema: Value, default: Option<Value>, help: &str) {
        let optional = self.optional.contains(key);
        if let Value::Object(schema) = &mut schema {
            schema.insert("description".into(), help.into());
            if let Some(default) = default.filter(|_| !optional) {
                schema.insert("default".into(), default);
            }
        }
        if !optional && self.single.is_none() {
            self.single = Some(key.into());
        }
        self.found.push((key.into(), schema));
    }

    fn choose(&mut self, key: &str, choices: usize) -> usize {
        let path = format!("{}{key}", self.prefix);
        let answer = self.answers.get(&path).copied().unwrap_or(0);
        let most = self.choices.entry(path).or_default();
        *most = choices.max(*most);
        answer
    }

    fn below(&mut self, key: &str, read: &mut dyn FnMut(&mut One)) -> Map<String, Value> {
        let prefix = format!("{}{key}.", self.prefix);
        let mut inner = One { answers: self.answers.clone(), prefix, ..One::default() };
        read(&mut inner);
        for (key, choices) in inner.choices {
            self.choices.insert(key, choices);
        }
        let mut properties = Map::new();
        inner.found.into_iter().for_each(|(key, schema)| merge(&mut properties, key, schema));
        properties
    }

    fn unit<T: ToString>(&mut self, key: &'static str, of: Quantity, default: Option<T>, help: &str) -> Option<T> {
        self.note(key, quantity(of), default.as_ref().map(|value| value.to_string().into()), help);
        default
    }
}

impl Params for One {
    fn given(&mut self, key: &'static str) -> bool {
        self.optional.insert(key);
        // Asked for first, since that brings more up.
        self.choose(&format!("{key}?"), 2) == 0
    }

    fn span(&mut self, key: &'static str, default: Option<Span>, help: &'static str) -> Span {
        self.unit(key, Quantity::Span, default, help).unwrap_or(Span::from_ms(1))
    }

    fn rate(&mut self, key: &'static str, default: Option<Rate>, help: &'static str) -> Rate {
        self.unit(key, Quantity::Rate, default, help).unwrap_or(Rate::from_bps(1_000_000))
    }

    fn size(&mut self, key: &'static str, default: Option<Size>, help: &'static str) -> Size {
        self.unit(key, Quantity::Size, default, help).unwrap_or(Size::from_bytes(1000))
    }

    fn prob(&mut self, key: &'static str, default: Option<Prob>, help: &'static str) -> Prob {
        self.unit(key, Quantity::Prob, default, help).unwrap_or(Prob::ZERO)
    }

    fn amount(&mut self, key: &'static str, default: Option<Amount>, help: &'static str) -> Amount {
        self.unit(key, Quantity::Amount, default, help).unwrap_or(Amount::Packets(1))
    }

    fn count(
        &mut self,
        key: &'static str,
        default: Option<u64>,
        range: RangeInclusive<u64>,
        help: &'static str,
    ) -> u64 {
        self.note(key, count(&range), default.map(Value::from), help);
        default.unwrap_or(*range.start())
    }

    fn flag(&mut self, key: &'static str, default: bool, help: &'static str) -> bool {
        self.note(key, json!({ "type": "boolean" }), Some(default.into()), help);
        default ^ (self.choose(key, 2) == 1)
    }

    fn word(&mut self, key: &'static str, all: &'static [&'static str], help: &'static str) -> usize {
        self.note(key, words(all.iter().copied()), all.first().map(|word| Value::from(*word)), help);
        self.choose(key, all.len())
    }

    fn text(&mut self, key: &'static str, default: Option<&str>, what: &'static str, help: &'static str) -> String {
        self.note(key, text(), default.map(Value::from), &format!("{help} ({what})"));
        default.unwrap_or("x").to_string()
    }

    fn texts(&mut self, key: &'static str, what: &'static str, help: &'static str) -> Vec<String> {
        self.note(key, list(&text()), None, &format!("{help} (one or several, each {what})"));
        Vec::new()
    }

    fn kind(
        &mut self,
        key: &'static str,
        kinds: &'static [&'static str],
        help: &'static str,
        read: &mut dyn FnMut(usize, &mut dyn Params),
    ) -> usize {
        let answer = self.choose(key, kinds.len());
        let mut properties = Map::new();
        for (at, kind) in kinds.iter().enumerate() {
            let below = self.below(&format!("{key}.{kind}"), &mut |inner| read(at, inner));
            properties.insert((*kind).into(), object(below));
        }
        // The answer has the last word.
        self.below(&format!("{key}.{}", kinds[answer]), &mut |inner| read(answer, inner));
        let map = json!({
            "type": "object",
            "properties": properties,
            "additionalProperties": false,
            "minProperties": 1,
            "maxProperties": 1,
        });
        let schema = json!({ "anyOf": [words(kinds.iter().copied()), map] });
        self.note(key, schema, kinds.first().map(|kind| Value::from(*kind)), help);
        answer
    }

    fn file(&mut self, key: &'static str, help: &'static str) -> Option<InputFile> {
        self.optional.insert(key);
        self.note(key, text(), None, &format!("{help} (a path)"));
        None
    }

    fn section(&mut self, key: &'static str, help: &'static str, read: &mut dyn FnMut(&mut dyn Params)) {
        let properties = self.below(key, &mut |inner| read(inner));
        let mut schema = object(properties);
        schema["description"] = help.into();
        self.found.push((key.into(), schema));
    }

    fn each(&mut self, key: &'static str, help: &'static str, read: &mut dyn FnMut(&str, &mut dyn Params)) {
        let properties = self.below(key, &mut |inner| read("name", inner));
        let of = object(properties);
        let schema = json!({ "type": ["object", "null"], "additionalProperties": of, "description": help });
        self.found.push((key.into(), schema));
    }

    fn refuse_text(&mut self, _key: &'static str, _at: usize, _why: String) {}
    fn names_host(&mut self, _key: &'static str, _at: usize, _host: &str) {}
    fn refuse(&mut self, _key: &'static str, _why: String) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_behind_a_word_or_another_parameter_is_found() {
        let found = asked(|params| {
            if params.given("bytes") {
                params.size("bytes", None, "how much");
            } else {
                params.span("length", None, "how long");
            }
            if params.word("kind", &["a", "2"], "which") == 1 && params.flag("more", false, "whether") {
                params.count("deep", Some(3), 1..=9, "behind both");
            }
        });
        let keys: Vec<&String> = found.properties.keys().collect();
        assert_eq!(keys, ["bytes", "deep", "kind", "length", "more"]);
        assert_eq!(
            found.properties["deep"],
            json!({ "type": "integer", "minimum": 1, "maximum": 9, "default": 3, "description": "behind both" })
        );
        assert_eq!(found.properties["kind"]["enum"], json!(["a", "2", 2]));
    }
}
