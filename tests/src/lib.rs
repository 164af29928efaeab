//! The suite's shared helpers.
