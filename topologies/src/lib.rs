//! YAML in, a resolved plan out: ids, numbers, routes, cuts; the topology generators.
//!
//! The road of a file: [`load`] reads text into a tree that knows its places (`yaml`), merges includes, overrides and the
//! settings of each sweep point on that tree (`merge`), reads the tree into a verbatim specification (`spec`), and resolves
//! names, addresses, routes and cuts into a [`Plan`].

mod diagnostics;
mod experiment;
mod plan;
mod yaml;

pub use diagnostics::{Diagnostic, Diagnostics, Place, Severity};
pub use experiment::{Expect, Experiment, LoadOptions, Point, load};
pub use plan::{
    CapturePlan, Epoch, EventPlan, FlowPlan, HopPlan, LinkPlan, Named, NodeKind, NodePlan, Outputs, Plan, PlotSpec,
    PortPlan, RoutePlan,
};
