//! Records: one Automerge document with a merge rule per field.
//!
//! Bytes from anyone pass the gate before the engine sees them: `scan` bounds and reads the
//! chunk's header, `decode` reads its columns operation by operation, `gate` judges each
//! against the op index of its own (`index`) and the schema (`layout`). The gate never asks
//! the engine, so a verdict depends on the change and its causal past alone.

mod admit;
mod column;
mod decode;
mod fresh;
mod gate;
mod genesis;
mod index;
mod layout;
mod op;
mod rule;
mod scan;
mod tally;
mod writes;

pub use gate::{JudgedChange, RecordGate};
pub use genesis::{GENESIS_ACTOR, VERSION_KEY, genesis};
pub use index::{OpKey, Slot, Stamp};
pub use layout::{LIFE_KEY, is_open_key, set_key, set_value};
pub use op::{FieldPath, RecordOp};
pub use rule::{Forbids, RecordRule, Region};
