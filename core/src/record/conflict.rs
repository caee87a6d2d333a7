//! Values that were written apart from each other and differ. A register shows one of them; the
//! others are not lost, and one write of the field settles it.

use super::{FieldPath, Written};
use crate::value::Value;
use serde::{Deserialize, Serialize};

/// A field with several values, none of whose authors had seen the others.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conflict {
    /// The field.
    pub field: FieldPath,
    /// The value that readers see until someone decides; null where it is a deletion.
    pub shown: Value,
    /// Every value, the shown one first, then by falling (HLC, origin). Writing one of them into
    /// the field ends the conflict; that of a `once` field stays, since the field does.
    pub candidates: Vec<Contender>,
}

/// One of the values.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Contender {
    /// The value; null where the field was deleted.
    pub value: Value,
    /// Who wrote it, and when.
    pub by: Written,
}
