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
//!
//! What passed is read by our own rules over all concurrent values, since the engine's winner
//! ignores time:
//!
//! | module | holds |
//! |---|---|
//! | `doc` | the document: judge, admit, apply, project, save |
//! | `history` | who wrote which change, when, having seen what |
//! | `rules`, `life`, `conflict` | how candidates are picked from; delete against edit |
//! | `names` | fields through lenses |
//! | `read`, `containers`, `view` | fields as readers see them, now or at an earlier point |
//! | `deltas` | what a batch did, as patches |
//! | `edit`, `session`, `collections`, `target`, `error` | local edits and what they refuse |
//! | `undo`, `steps`, `take_back` | undo per view |
//! | `since` | what happened since an earlier point, as a step that can be taken back |
//! | `anchor`, `blame` | places that survive edits; who wrote what |
//! | `value` | values and scalars |

mod admit;
mod anchor;
mod blame;
mod collections;
mod column;
mod conflict;
mod containers;
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
mod maps;
mod names;
mod op;
mod read;
mod rows;
mod rule;
mod rules;
mod scan;
mod sequences;
mod session;
mod since;
mod steps;
mod take_back;
mod tally;
mod target;
mod terms;
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
pub use gate::{JudgedChange, RecordGate, peek};
pub use genesis::{GENESIS_ACTOR, VERSION_KEY, genesis};
pub use history::Written;
pub use layout::{LIFE_KEY, set_key, set_value};
pub use life::Life;
pub use op::{FieldPath, RecordOp};
pub use rows::{OpKey, Slot, Stamp};
pub use rule::{Forbids, RecordRule, Region};
pub use rules::{Numbers, unnumbered};
pub use view::RecordView;
