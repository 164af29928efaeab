//! The `clockwire` command.
fn main() {}
