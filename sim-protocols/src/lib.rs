//! sim-protocols
