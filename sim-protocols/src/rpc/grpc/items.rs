//! The messages and methods of `items.proto`, and how they stand for the common service ([`crate::rpc::model`]).

use crate::rpc::model;

/// A method of `clockwire.ItemService`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Method {
    /// An item by its number.
    Get,
    /// A page of items in one message.
    List,
    /// A new item.
    Create,
    /// The items of a page, each in a message of its own.
    Watch,
}

impl Method {
    /// All of them.
    pub const ALL: [Method; 4] = [Method::Get, Method::List, Method::Create, Method::Watch];

    /// Its path in requests (PROTOCOL-HTTP2, Requests: `"/" Service-Name "/" {method name}`).
    pub fn path(self) -> &'static str {
        match self {
            Method::Get => "/clockwire.ItemService/Get",
            Method::List => "/clockwire.ItemService/List",
            Method::Create => "/clockwire.ItemService/Create",
            Method::Watch => "/clockwire.ItemService/Watch",
        }
    }

    /// The method of a path.
    pub fn of_path(path: &str) -> Option<Method> {
        Method::ALL.into_iter().find(|method| method.path() == path)
    }
}

/// `Item`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct Item {
    /// Which one.
    #[prost(int64, tag = "1")]
    pub id: i64,
    /// Its name.
    #[prost(string, tag = "2")]
    pub name: String,
    /// Its price in hundredths of a currency unit.
    #[prost(int64, tag = "3")]
    pub price_cents: i64,
    /// Under what it is found.
    #[prost(string, repeated, tag = "4")]
    pub tags: Vec<String>,
    /// How many are left.
    #[prost(int32, tag = "5")]
    pub stock: i32,
}

/// `GetRequest`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct GetRequest {
    /// Which item.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

/// `ListRequest`, of `List` and of `Watch`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct ListRequest {
    /// Which page, from 0.
    #[prost(int32, tag = "1")]
    pub page: i32,
    /// Items on a page.
    #[prost(int32, tag = "2")]
    pub size: i32,
}

/// `ListResponse`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct ListResponse {
    /// The items of the page.
    #[prost(message, repeated, tag = "1")]
    pub items: Vec<Item>,
}

/// `CreateRequest`.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub struct CreateRequest {
    /// What to add.
    #[prost(message, optional, tag = "1")]
    pub item: Option<Item>,
}

/// `CreateResponse`.
#[derive(Clone, Copy, PartialEq, Eq, prost::Message)]
pub struct CreateResponse {
    /// The number that the service has given.
    #[prost(int64, tag = "1")]
    pub id: i64,
}

impl From<model::Item> for Item {
    fn from(item: model::Item) -> Item {
        let model::Item { id, name, price_cents, tags, stock } = item;
        Item { id, name, price_cents, tags, stock }
    }
}

impl From<Item> for model::Item {
    fn from(item: Item) -> model::Item {
        let Item { id, name, price_cents, tags, stock } = item;
        model::Item { id, name, price_cents, tags, stock }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::rpc::grpc::frame;
    use crate::rpc::testing::{hex, items};

    /// From the encoding's description: field 1 of wire type 0 is 08, 150 is 96 01; field 2 of wire type 2 is 12 and a length.
    #[test]
    fn bytes_are_those_of_the_encoding() {
        assert_eq!(GetRequest { id: 150 }.encode_to_vec(), hex("08 96 01"));
        assert_eq!(frame(&GetRequest { id: 7 }), hex("00 00000002 08 07"));
        let item = Item { name: "ab".into(), tags: vec!["x".into(), "".into()], stock: 1, ..Item::default() };
        assert_eq!(item.encode_to_vec(), hex("12 02 6162 22 01 78 22 00 28 01"));
        // Defaults are not written; negative numbers have ten bytes.
        assert_eq!(CreateResponse { id: -1 }.encode_to_vec(), hex("08 ffffffffffffffffff 01"));
        assert_eq!(ListRequest::default().encode_to_vec(), hex(""));
    }

    #[test]
    fn methods_have_paths() {
        for method in Method::ALL {
            assert_eq!(Method::of_path(method.path()), Some(method));
        }
        assert_eq!(Method::of_path("/clockwire.ItemService/get"), None);
    }

    proptest! {
        #[test]
        fn items_are_carried(item in items(), cut in any::<prop::sample::Index>()) {
            let message = Item::from(item.clone());
            let bytes = message.encode_to_vec();
            prop_assert_eq!(model::Item::from(Item::decode(&bytes[..]).expect("it is whole")), item);
            // Whatever bytes there are, reading does not panic.
            drop(Item::decode(&bytes[..cut.index(bytes.len() + 1)]));
        }
    }
}
