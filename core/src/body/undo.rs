//! Undo per view. (first cut)
use super::{Anchor, edit::Written, ids::IdRuns};
use crate::hlc::Hlc;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A view of a document with an undo of its own: a window, an editor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ViewId(pub u64);

/// A selection, as anchors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// Where it began.
    pub anchor: Anchor,
    /// Where the caret is.
    pub head: Anchor,
}

#[derive(Default)]
pub(super) struct Histories {
    _views: BTreeMap<ViewId, IdRuns>,
}
impl Histories {
    pub(super) fn note(&mut self, _view: ViewId, _at: Hlc, _written: &Written) {}
}
impl super::BodyDoc {
    /// Undo.
    pub fn undo(&mut self, _place: &crate::judge::Place, _view: ViewId) -> Result<Option<super::BodyEdit>, super::EditError> { Ok(None) }
    /// Redo.
    pub fn redo(&mut self, _place: &crate::judge::Place, _view: ViewId) -> Result<Option<super::BodyEdit>, super::EditError> { Ok(None) }
}
