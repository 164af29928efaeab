//! Everything fast that holds the whole of Clockwire, as one program.

mod bad_files;
mod command;
mod conformance;
mod conservation;
mod course;
mod coverage;
mod determinism;
mod exit_codes;
mod harness;
mod http;
mod https;
mod linux_tcp;
mod mutants;
mod oracle_on_experiments;
mod packetdrill;
mod probes;
mod profiles;
mod readme;
mod report;
mod rpc;
mod start;
mod swarm;
mod tidy;
mod web;
mod websocket;
mod yaml;
