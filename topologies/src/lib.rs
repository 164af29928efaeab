//! YAML in, a resolved plan out: ids, numbers, routes, cuts; the topology generators.
//!
//! The road of a file, each step with its module:
//!
//! | step | module |
//! | --- | --- |
//! | text to a tree whose nodes know their places | `yaml`, `wrong_yaml`, `files` (includes) |
//! | `--set`, sweeps, variants: trees laid on trees | `points/`, `merge` |
//! | what `where:` and `expect:` say | `expression`, `quantity` |
//! | `generate:` to hosts, routers and links | `generate/` |
//! | the tree to what was written, every error with its place | `spec/`, `read`, `diagnostics` |
//! | names to numbers, addresses, routes, checks | `resolve/` |
//! | what it means: the [`Plan`] | `plan`, `experiment` |
//! | a plan to shards, ports, probes | `cut`, `build` |
//! | a tree back to text | `emit` |

mod build;
mod cut;
mod diagnostics;
mod emit;
mod experiment;
pub mod expression;
mod files;
mod generate;
mod keys;
mod merge;
mod plan;
mod points;
mod quantity;
mod read;
mod resolve;
mod spec;
mod wrong_yaml;
mod yaml;

pub use build::{build, ip_config, probes, wire};
pub use diagnostics::{Diagnostic, Diagnostics, Place, Severity};
pub use experiment::{Expect, Experiment, LoadOptions, Point, SameAs, Until, WRITTEN_BY, load, load_text};
pub use generate::{GENERATORS, Generator};
pub use keys::{KEYS, Key, KeySection, Kinds, LISTED_LOSS, Takes};
pub use plan::{
    CapturePlan, EventPlan, FlowPlan, HopPlan, LinkPlan, Named, NodeKind, NodePlan, Outputs, Plan, PlotSpec, PortPlan,
    Reroute, RoutePlan,
};
pub use quantity::{Dimension, Written, parse_quantity};
