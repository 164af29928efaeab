//! Everything fast that holds the whole of Clockwire, as one program.

mod readme;
mod tidy;
mod yaml;
