//! What an application asks of a record. Operations are also intents: a rebase plays them again.

use crate::value::Value;
use serde::{Deserialize, Serialize};

/// A field's place: its name, or the names of the maps around it and its own.
pub type FieldPath = Vec<String>;

/// One thing asked of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum RecordOp {
    /// Writes a register (`lww`, `keep`, `once`, a key of an open map) or a whole group (a map
    /// value). Null deletes a `lww` or `keep` register or a group. On `keep` this also resolves a conflict.
    Put {
        /// The field.
        field: FieldPath,
        /// Its new value.
        value: Value,
    },
    /// Adds to a counter.
    Increment {
        /// The counter.
        field: FieldPath,
        /// How much; may be negative.
        by: i64,
    },
    /// Adds an element to a set.
    Add {
        /// The set.
        field: FieldPath,
        /// The element.
        value: Value,
    },
    /// Removes an element from a set.
    Remove {
        /// The set.
        field: FieldPath,
        /// The element.
        value: Value,
    },
    /// Puts a value into a list.
    Insert {
        /// The list.
        field: FieldPath,
        /// Before which entry.
        at: u32,
        /// The value.
        value: Value,
    },
    /// Takes entries out of a list.
    Delete {
        /// The list.
        field: FieldPath,
        /// The first of them.
        at: u32,
        /// How many.
        count: u32,
    },
    /// Appends an entry to an append-only list.
    Append {
        /// The list.
        field: FieldPath,
        /// The entry.
        value: Value,
    },
    /// Replaces text at one place. Positions count UTF-16 units.
    Splice {
        /// The text.
        field: FieldPath,
        /// Where.
        at: u32,
        /// How much goes.
        delete: u32,
        /// What comes.
        insert: String,
    },
    /// Deletes the entity.
    DeleteEntity,
    /// Takes the entity's deletion back.
    RestoreEntity,
}
