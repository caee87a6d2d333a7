//! Causality: who had seen what.

mod past;
pub use past::Past;
