//! The control log: who may write, which schemas and rules are in force, what is excluded. Signed
//! by the workspace's orderer and hash-chained.

mod log;
mod record;
mod standing;

pub use log::{Added, ControlError, ControlLog};
pub use record::{
    ControlBody, ControlDecodeError, ControlId, ControlRecord, Cut, Effect, RefuseReason, Role,
    SignedControl, Slot,
};
pub use standing::{Excluded, Member, Standing};
