//! What each register has to show, computed from what applications asked for alone: a second opinion on
//! the rule that the latest write wins.

use super::{Action, Ask, truth::invariant, world::World};
use crate::{
    document::{Document, EngineDoc},
    id::{ChangeSetId, DocumentId},
    record::{RecordOp, unnumbered},
    schema::{MergeRule, PartShape},
    value::Value,
};
use std::collections::{BTreeMap, BTreeSet};

/// The writes of an action to registers where the latest wins, and whether it is known what each does.
#[derive(Clone, Debug, Default)]
pub(super) struct Writes {
    puts: Vec<(Vec<String>, Value)>,
}

/// What was written to registers, as the applications asked for it.
#[derive(Default)]
pub(super) struct Register {
    writes: BTreeMap<ChangeSetId, Writes>,
    /// Documents in which it is not known what each edit wrote.
    unclear: BTreeSet<DocumentId>,
    /// Registers that were emptied, or given what they showed: whether that writes anything, and what
    /// then shows, is the schema's matter.
    given_again: BTreeSet<(DocumentId, Vec<String>)>,
}

impl World<'_, '_> {
    /// Notes what an edit will find written already.
    pub(super) fn foresee_edit(&mut self, at: usize, action: &Action) {
        let Ask::Record(ops) = &action.ask else {
            return;
        };
        let shown =
            self.view(at)
                .and_then(|view| match view.part(&action.entity, &action.part)? {
                    EngineDoc::Record(record) => Some(record.project(&unnumbered)),
                    EngineDoc::Body(_) | EngineDoc::Log(_) => None,
                });
        let document = DocumentId::of(&action.entity, &action.part);
        for op in ops {
            if let RecordOp::Put { field, value } = op {
                let path: Vec<&str> = field.iter().map(String::as_str).collect();
                let shown = shown.as_ref().and_then(|view| view.get(&path));
                if shown.unwrap_or(&Value::Null) == value || *value == Value::Null {
                    self.truth
                        .register
                        .given_again
                        .insert((document, field.clone()));
                }
            }
        }
    }

    /// Notes what an edit wrote.
    pub(super) fn truth_of_edit(&mut self, at: usize, action: &Action, id: ChangeSetId) {
        let document = DocumentId::of(&action.entity, &action.part);
        match &action.ask {
            Ask::Record(ops) => {
                let mut writes = Writes::default();
                for op in ops {
                    if let RecordOp::Put { field, value } = op {
                        writes.puts.push((field.clone(), value.clone()));
                    }
                }
                self.truth.register.writes.insert(id, writes);
            }
            Ask::Undo | Ask::Redo => drop(self.truth.register.unclear.insert(document)),
            Ask::Body(_) | Ask::Entry(_) => {}
        }
        let newest = self
            .replica(at)
            .and_then(|replica| replica.newest_intent(&document))
            .map(|intent| intent.id);
        if newest == Some(id) {
            self.count(invariant::INTENTS);
        }
    }
}

impl Register {
    /// What each register of a document has to show, computed from what was asked alone: of the writes
    /// that no other had seen, the one with the highest stamp, then origin. None where something wrote
    /// to the document that is not known here.
    pub(super) fn latest(&self, document: &Document) -> Option<Vec<(Vec<String>, Value)>> {
        if self.unclear.contains(&document.id()) {
            return None;
        }
        let schema = document.schema().filter(|schema| schema.version() == 1)?;
        let PartShape::Record(fields) = &schema.part(document.part())?.shape else {
            return None;
        };
        let mut by_path: BTreeMap<&[String], Vec<_>> = BTreeMap::new();
        for (chain, line) in document.graph().lines() {
            for (seq, node) in (1u64..).zip(line.nodes()) {
                let writes = self.writes.get(&node.id)?;
                for (path, value) in &writes.puts {
                    let [name] = path.as_slice() else {
                        continue;
                    };
                    if matches!(fields.get(name)?.rule, MergeRule::Lww(_)) {
                        let origin = line.writer.chain.origin;
                        let written = ((node.hlc, origin), chain, seq, &node.past, value);
                        by_path.entry(path).or_default().push(written);
                    }
                }
            }
        }
        let mut latest = Vec::new();
        for (path, writes) in by_path {
            if self.given_again.contains(&(document.id(), path.to_vec())) {
                continue;
            }
            let seen = |chain, seq| writes.iter().any(|other| other.3.contains(chain, seq));
            let unseen = writes.iter().filter(|one| !seen(one.1, one.2));
            // Of two writes in one change set the second stands.
            if let Some(last) = unseen.max_by_key(|one| one.0) {
                latest.push((path.to_vec(), last.4.clone()));
            }
        }
        Some(latest)
    }
}
