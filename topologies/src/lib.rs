//! YAML in, a resolved plan out: ids, numbers, routes, cuts; the topology generators.
//!
//! The road of a file: [`load`] reads text into a tree that knows its places (`yaml`), merges includes, overrides and the
//! settings of each sweep point on that tree (`merge`), reads the tree into a verbatim specification (`spec`), and resolves
//! names, addresses, routes and cuts into a [`Plan`].

mod build;
mod cut;
mod diagnostics;
mod emit;
mod experiment;
mod files;
mod generate;
mod merge;
mod plan;
mod points;
mod read;
mod resolve;
mod spec;
mod yaml;

pub use build::{probes, wire};
pub use diagnostics::{Diagnostic, Diagnostics, Place, Severity};
pub use experiment::{Expect, Experiment, LoadOptions, Point, load, load_text};
pub use generate::{GENERATORS, Generator};
pub use plan::{
    CapturePlan, EventPlan, FlowPlan, HopPlan, LinkPlan, Named, NodeKind, NodePlan, Outputs, Plan, PlotSpec, PortPlan,
    Reroute, RoutePlan,
};
