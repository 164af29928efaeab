use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::yaml::{Mark, Sources};

fn read(text: &str) -> Node {
    Sources::default().parse("t.yaml", text, Path::new("")).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// The same meaning: places differ, and a number is its value.
fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::List(a), Value::List(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(&a.value, &b.value))
        }
        (Value::Map(a), Value::Map(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.key == b.key && same(&a.value.value, &b.value.value))
        }
        (a, b) => a == b,
    }
}

/// What an independent reader makes of a text.
fn second(value: serde_yaml::Value) -> Value {
    let node = |value| Node { value: second(value), at: Mark::default() };
    match value {
        serde_yaml::Value::Null => Value::Null,
        serde_yaml::Value::Bool(flag) => Value::Bool(flag),
        serde_yaml::Value::Number(number) => Value::Number(number.to_string()),
        serde_yaml::Value::String(text) => Value::Text(text),
        serde_yaml::Value::Sequence(list) => Value::List(list.into_iter().map(node).collect()),
        serde_yaml::Value::Mapping(map) => Value::Map(
            map.into_iter()
                .map(|(key, value)| Entry {
                    key: key.as_str().map_or_else(|| panic!("{key:?}"), str::to_string),
                    at: Mark::default(),
                    value: node(value),
                })
                .collect(),
        ),
        serde_yaml::Value::Tagged(tagged) => panic!("{tagged:?}"),
    }
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{1,8}",
        "[ -~]{0,12}",
        "\\PC{0,6}",
        "[0-9.eExo_+-]{1,6}",
        Just("null".to_string()),
        Just("r1 -- r2".to_string()),
        Just("a\nb\t\"c\\".to_string()),
        Just("20 ms".to_string()),
        Just("=".to_string()),
        Just("<<".to_string()),
        Just("---".to_string()),
    ]
}

fn node() -> impl Strategy<Value = Node> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u32>().prop_map(|n| Value::Number(n.to_string())),
        text().prop_map(Value::Text),
    ];
    let value = leaf.prop_recursive(4, 30, 5, |inner| {
        let node = inner.prop_map(|value| Node { value, at: Mark::default() });
        let entries = proptest::collection::btree_map(text(), node.clone(), 0..5);
        let entry = |(key, value)| Entry { key, at: Mark::default(), value };
        prop_oneof![
            proptest::collection::vec(node, 0..5).prop_map(Value::List),
            entries.prop_map(move |map| Value::Map(map.into_iter().map(entry).collect())),
        ]
    });
    value.prop_map(|value| Node { value, at: Mark::default() })
}

proptest! {
    #[test]
    fn what_is_shown_reads_back(sections in proptest::collection::btree_map("[a-z]{1,8}", node(), 1..5)) {
        let entry = |(key, value)| Entry { key, at: Mark::default(), value };
        let tree = Node { value: Value::Map(sections.into_iter().map(entry).collect()), at: Mark::default() };
        let text = file(&tree);
        prop_assert!(same(&read(&text).value, &tree.value), "{}\n{:?}\n{:?}", text, read(&text), tree);
        let other = second(serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{error}\n{text}")));
        prop_assert!(same(&other, &tree.value), "{}\n{:?}", text, other);
    }
}

#[test]
fn an_independent_reader_agrees_on_every_file_of_the_tree() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut seen = 0;
    for dir in [root.to_path_buf(), root.join("tests/data"), root.join("../experiments")] {
        let Ok(files) = std::fs::read_dir(&dir) else { continue };
        for path in files
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.extension().is_some_and(|e| e == "yaml"))
        {
            let text = std::fs::read_to_string(&path).expect("a readable file");
            let other =
                second(serde_yaml::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display())));
            assert!(same(&read(&text).value, &other), "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen >= 9);
}
