//! Causality: who had seen what.

mod graph;
mod past;

pub use graph::{Graph, Line, Node, Redundant, Seen};
pub use past::{Past, Since};
