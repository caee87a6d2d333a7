//! Records: one Automerge document with a merge rule per field.
//!
//! Bytes from anyone pass the gate before the engine sees them: `scan` bounds and reads the
//! chunk's header, `decode` reads its columns operation by operation, `gate` judges each
//! against the op index of its own (`index`) and the schema (`layout`). The gate never asks
//! the engine, so a verdict depends on the change and its causal past alone.

mod anchor;
mod blame;
mod conflict;
mod deltas;
mod doc;
mod edit;
mod error;
mod gate;
mod genesis;
mod history;
mod index;
mod life;
mod names;
mod op;
mod read;
mod rule;
mod rules;
mod session;
mod steps;
mod target;
mod undo;
mod value;
mod view;

pub use anchor::{Anchor, AnchoredTo, Side};
pub use blame::BlameRun;
pub use conflict::{Conflict, Contender};
pub use doc::RecordDoc;
pub use edit::RecordEdit;
pub use error::EditError;
pub use gate::{JudgedChange, RecordGate};
pub use genesis::{GENESIS_ACTOR, genesis};
pub use history::Written;
pub use index::{OpKey, Slot, Stamp};
pub use life::{LIFE_KEY, Life};
pub use op::{FieldPath, RecordOp};
pub use rule::RecordRule;
pub use rules::{Numbers, unnumbered};
pub use view::RecordView;
