//! What the tests of all forms share.

use proptest::prelude::*;

use super::model::{Call, Item, Reply};

/// Bytes from digits; anything else between them is for the eye.
pub(super) fn hex(digits: &str) -> Vec<u8> {
    let digits: Vec<u8> = digits.bytes().filter(u8::is_ascii_hexdigit).collect();
    let value = |digit: u8| (digit as char).to_digit(16).expect("a digit") as u8;
    digits.chunks(2).map(|pair| value(pair[0]) << 4 | value(pair[1])).collect()
}

/// Where to cut a message: everywhere, or in two hundred places where it is long.
pub(super) fn cuts(length: usize) -> impl Iterator<Item = usize> {
    (0..length).step_by(1 + length / 200)
}

/// Text of all kinds of characters.
pub(super) fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[ -~]{0,40}", "\\PC{0,12}", "[\u{0}\u{7f}\u{80}\u{7ff}\u{800}\u{ffff}\u{10000}\u{1f600}]{0,6}"]
}

/// Items.
pub(super) fn items() -> impl Strategy<Value = Item> {
    let tags = prop::collection::vec(text(), 0..4);
    (any::<i64>(), text(), any::<i64>(), tags, any::<i32>()).prop_map(|(id, name, price_cents, tags, stock)| Item {
        id,
        name,
        price_cents,
        tags,
        stock,
    })
}

/// Calls of the common service.
pub(super) fn calls() -> impl Strategy<Value = Call> {
    prop_oneof![
        any::<i64>().prop_map(|id| Call::Get { id }),
        (any::<i32>(), any::<i32>()).prop_map(|(page, size)| Call::List { page, size }),
        items().prop_map(|item| Call::Create { item }),
    ]
}

/// Replies of the common service, each with the operation that it answers.
pub(super) fn replies() -> impl Strategy<Value = Reply> {
    prop_oneof![
        items().prop_map(Reply::Item),
        prop::collection::vec(items(), 0..5).prop_map(Reply::Items),
        any::<i64>().prop_map(Reply::Created),
        any::<i64>().prop_map(Reply::NotFound),
    ]
}
