//! Records: one Automerge document with a merge rule per field.
//!
//! Bytes from anyone pass the gate before the engine sees them. The gate never asks the engine, so
//! a verdict depends on the change and its causal past alone, however a history was split into
//! batches.
//!
//! | module | holds |
//! |---|---|
//! | `scan`, `column`, `decode` | a change's bytes: frame, header, columns, operations one by one |
//! | `writes`, `maps`, `sequences`, `fresh` | what operations may do, by the rule of their field |
//! | `layout` | how fields lie in the document |
//! | `index`, `rows`, `admit`, `tally` | the op index: what was visible at any causal past |
//! | `genesis` | the first changes of every record |
//! | `rule`, `terms` | why a change is refused |
//! | `gate` | all of it together |

mod admit;
mod column;
mod decode;
mod fresh;
mod gate;
mod genesis;
mod index;
mod layout;
mod maps;
mod op;
mod rule;
mod rows;
mod scan;
mod sequences;
mod tally;
mod terms;
mod writes;

pub use gate::{JudgedChange, RecordGate};
pub use genesis::{GENESIS_ACTOR, VERSION_KEY, genesis};
pub use rows::{OpKey, Slot, Stamp};
pub use layout::{LIFE_KEY, is_open_key, set_key, set_value};
pub use op::{FieldPath, RecordOp};
pub use rule::{Forbids, RecordRule, Region};
