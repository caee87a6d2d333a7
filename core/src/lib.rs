//! Anabranch's decisions, sans-IO.

pub mod body;
pub mod causal;
pub mod changeset;
pub mod control;
pub mod document;
pub mod fault;
pub mod hlc;
pub mod id;
pub mod judge;
pub mod limits;
pub mod log;
pub mod patch;
pub mod record;
pub mod replica;
pub mod schema;
#[cfg(feature = "sim")]
pub mod sim;
pub mod value;
pub mod wire;
