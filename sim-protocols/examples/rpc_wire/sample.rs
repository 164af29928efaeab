//! What all sides agree on: `Sample.java` and `readers.py` have the same.

use sim_protocols::rpc::model::{Call, Item, Reply};

/// The item that is asked for; there is one.
pub const ID: i64 = 5_000_000_007;
/// The number that a new item gets.
pub const CREATED: i64 = 5_000_000_008;
/// An item that is missing.
pub const MISSING: i64 = 5_000_000_009;

/// The item.
pub fn item(id: i64) -> Item {
    Item {
        id,
        name: "Käse 10 €".into(),
        price_cents: 12_345_678_901,
        tags: vec!["dairy".into(), "ö".into()],
        stock: 12,
    }
}

/// Every call, with the names of its files.
pub fn calls() -> Vec<(&'static str, Call)> {
    vec![
        ("get", Call::Get { id: ID }),
        ("list", Call::List { page: 0, size: 3 }),
        ("create", Call::Create { item: item(ID) }),
    ]
}

/// Every kind of reply.
pub fn replies() -> Vec<(&'static str, Reply)> {
    vec![
        ("item", Reply::Item(item(ID))),
        ("items", Reply::Items((0..3).map(Item::sample).collect())),
        ("created", Reply::Created(CREATED)),
        ("missing", Reply::NotFound(MISSING)),
    ]
}

/// What a server answers.
pub fn serve(call: &Call) -> Reply {
    match call {
        Call::Get { id: ID } => Reply::Item(item(ID)),
        Call::Get { id } => Reply::NotFound(*id),
        Call::List { page, size } => {
            Reply::Items((page * size..(page + 1) * size).map(i64::from).map(Item::sample).collect())
        }
        Call::Create { .. } => Reply::Created(CREATED),
    }
}
