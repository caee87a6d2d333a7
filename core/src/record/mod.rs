//! Records: one Automerge document with a merge rule per field.
//!
//! Bytes from anyone pass the gate before the engine sees them: `scan` bounds and reads the
//! chunk's header, `decode` reads its columns operation by operation, `gate` judges each
//! against the op index of its own (`index`) and the schema (`layout`). The gate never asks
//! the engine, so a verdict depends on the change and its causal past alone.

mod admit;
mod anchor;
mod blame;
mod column;
mod conflict;
mod decode;
mod deltas;
mod doc;
mod edit;
mod error;
mod fresh;
mod gate;
mod genesis;
mod history;
mod index;
mod layout;
mod life;
mod names;
mod op;
mod read;
mod rule;
mod rules;
mod scan;
mod session;
mod steps;
mod tally;
mod target;
mod undo;
mod value;
mod view;
mod writes;

pub use anchor::{Anchor, AnchoredTo, Side};
pub use blame::BlameRun;
pub use conflict::{Conflict, Contender};
pub use doc::RecordDoc;
pub use edit::RecordEdit;
pub use error::EditError;
pub use gate::{JudgedChange, RecordGate};
pub use genesis::{GENESIS_ACTOR, VERSION_KEY, genesis};
pub use history::Written;
pub use index::{OpKey, Slot, Stamp};
pub use layout::{LIFE_KEY, set_key, set_value};
pub use life::Life;
pub use op::{FieldPath, RecordOp};
pub use rule::{Forbids, RecordRule, Region};
pub use rules::{Numbers, unnumbered};
pub use view::RecordView;
