//! The service that all forms carry, so that their bytes can be compared: a small shop's items.

/// Something to sell.
#[derive(Clone, PartialEq, Eq, Debug, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Which one.
    pub id: i64,
    /// Its name.
    pub name: String,
    /// Its price in hundredths of a currency unit.
    pub price_cents: i64,
    /// Under what it is found. XML has no word for none at all.
    #[serde(default)]
    pub tags: Vec<String>,
    /// How many are left.
    pub stock: i32,
}

impl Item {
    /// An item of which nothing but its number is chosen: what a simulated server answers with.
    pub fn sample(id: i64) -> Item {
        Item {
            id,
            name: format!("item {id}"),
            price_cents: 995 + id.wrapping_mul(100) % 10_000,
            tags: vec!["sample".into(), format!("shelf-{}", id.rem_euclid(8))],
            stock: id.rem_euclid(50) as i32,
        }
    }
}

/// What can be asked.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Operation {
    /// One item by its number.
    Get,
    /// A page of items.
    List,
    /// A new item.
    Create,
}

impl Operation {
    /// All of them, in the order of their numbers.
    pub const ALL: [Operation; 3] = [Operation::Get, Operation::List, Operation::Create];

    /// The method's name.
    pub fn name(self) -> &'static str {
        match self {
            Operation::Get => "get",
            Operation::List => "list",
            Operation::Create => "create",
        }
    }

    /// The operation of a name.
    pub fn from_name(name: &str) -> Option<Operation> {
        Operation::ALL.into_iter().find(|operation| operation.name() == name)
    }
}

/// An operation with its arguments.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Call {
    /// `get(id) -> Item`.
    Get {
        /// Which one.
        id: i64,
    },
    /// `list(page, size) -> Vec<Item>`.
    List {
        /// Which page, from 0.
        page: i32,
        /// Items on a page.
        size: i32,
    },
    /// `create(item) -> id`.
    Create {
        /// What to add; the service chooses its number.
        item: Item,
    },
}

impl Call {
    /// Which operation.
    pub fn operation(&self) -> Operation {
        match self {
            Call::Get { .. } => Operation::Get,
            Call::List { .. } => Operation::List,
            Call::Create { .. } => Operation::Create,
        }
    }
}

/// What a call has led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reply {
    /// What `get` has found.
    Item(Item),
    /// What `list` has found.
    Items(Vec<Item>),
    /// The number that `create` has given.
    Created(i64),
    /// The fault of `get`: there is no such item.
    NotFound(i64),
}

impl Reply {
    /// The operation that is answered so.
    pub fn operation(&self) -> Operation {
        match self {
            Reply::Item(_) | Reply::NotFound(_) => Operation::Get,
            Reply::Items(_) => Operation::List,
            Reply::Created(_) => Operation::Create,
        }
    }
}

/// What a person reads where an item is missing.
pub(crate) fn not_found_text(id: i64) -> String {
    format!("no item {id}")
}
