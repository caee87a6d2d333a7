//! What a transaction changed, as patches. The engine tells which containers it touched and what
//! became of each text; paths and places in a tree come from comparing the touched containers with
//! what was last told of them, since the engine's own events do not say what was removed.
//!
//! Nothing is observed, and no tree is kept, while nobody listens.

use super::{
    Marks,
    blocks::{Piece, segments},
    body_view::read_attributes,
    doc::{Engine, Root},
    ids::ItemId,
    kept::{Kept, KeptNode, keep_children, unit_of, update_children},
    marks::{from_any, from_out},
};
use crate::{
    patch::{Patch, Step},
    value::Value,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
};
use yrs::{
    Any, BranchID, DeepObservable, Out, ReadTxn, Transact, Xml, XmlElementRef, XmlFragment,
    XmlFragmentRef, XmlOut,
    types::{Delta, Event},
};

/// The name under which the root is observed.
const OBSERVER: &str = "anabranch patches";

/// The listener on one engine document.
#[derive(Default)]
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
    /// The tree as it was last told.
    kept: Vec<KeptNode>,
}

/// What the engine told of a transaction.
#[derive(Default)]
struct Seen {
    /// Changes of texts, by the text's own unit; the root has none.
    texts: BTreeMap<Option<ItemId>, Vec<Patch>>,
    /// Blocks whose texts changed: the block's unit.
    with_texts: BTreeSet<Option<ItemId>>,
    /// Blocks whose children or attributes changed.
    with_children: BTreeSet<Option<ItemId>>,
}

impl Watch {
    pub(super) fn start(&mut self, engine: &Engine) {
        let seen = Arc::clone(&self.seen);
        let observe = move |txn: &yrs::TransactionMut<'_>, events: &yrs::types::Events<'_>| {
            let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
            for event in events.iter() {
                seen.note(txn, event);
            }
        };
        match &engine.root {
            Root::Text(text) => text.observe_deep(OBSERVER, observe),
            Root::Tree(tree) => {
                tree.observe_deep(OBSERVER, observe);
                self.kept = keep_children(&engine.doc.transact(), tree);
            }
        }
    }

    pub(super) fn stop(&mut self, engine: &Engine) {
        match &engine.root {
            Root::Text(text) => text.unobserve_deep(OBSERVER),
            Root::Tree(tree) => tree.unobserve_deep(OBSERVER),
        };
        *self = Watch::default();
    }

    /// Drops what was told since the last take.
    pub(super) fn forget(&mut self) {
        *self.lock() = Seen::default();
    }

    /// What changed since the last take, in order.
    pub(super) fn take(&mut self, engine: &Engine) -> Vec<Patch> {
        let seen = std::mem::take(&mut *self.lock());
        match &engine.root {
            Root::Text(_) => seen.texts.into_values().flatten().collect(),
            Root::Tree(tree) => self.compare(&engine.doc.transact(), tree, &seen),
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Patches of a tree: outer blocks first, so that the paths of inner ones are true when they
    /// are reached.
    fn compare<T: ReadTxn>(&mut self, txn: &T, root: &XmlFragmentRef, seen: &Seen) -> Vec<Patch> {
        let touched: BTreeSet<Option<ItemId>> = seen
            .with_texts
            .union(&seen.with_children)
            .copied()
            .collect();
        let mut places: Vec<(Vec<u32>, Option<ItemId>)> = touched
            .into_iter()
            .filter_map(|block| Some((path_of(txn, root, block)?, block)))
            .collect();
        places.sort_by(|a, b| (a.0.len(), &a.0).cmp(&(b.0.len(), &b.0)));
        let mut patches = Vec::new();
        for (path, block) in places {
            let structure = seen.with_children.contains(&block);
            self.compare_one(txn, root, &path, structure, seen, &mut patches);
        }
        patches
    }

    fn compare_one<T: ReadTxn>(
        &mut self,
        txn: &T,
        root: &XmlFragmentRef,
        path: &[u32],
        structure: bool,
        seen: &Seen,
        patches: &mut Vec<Patch>,
    ) {
        let steps: Vec<Step> = path.iter().map(|step| Step::Index(*step)).collect();
        let Some((first, rest)) = path.split_first() else {
            update_children(txn, root, &steps, &mut self.kept, Some(patches));
            return;
        };
        let Some(element) = super::blocks::block_at(txn, root, path) else {
            return;
        };
        let Some(kept) = kept_at(&mut self.kept, *first, rest) else {
            return;
        };
        if structure {
            let now = read_attributes(txn, &element);
            for (name, value) in attribute_changes(&kept.attributes, &now) {
                let mut path = steps.clone();
                path.push(Step::Key(name));
                patches.push(Patch::Put { path, value });
            }
            kept.attributes = now;
            update_children(txn, &element, &steps, &mut kept.children, Some(patches));
        } else {
            // Only texts changed, and the engine told how.
            patches.extend(text_patches(txn, &element, &steps, seen));
            update_children(txn, &element, &steps, &mut kept.children, None);
        }
    }
}

impl Seen {
    fn note(&mut self, txn: &yrs::TransactionMut<'_>, event: &Event) {
        match event {
            Event::Text(event) => {
                let told = from_delta(&[], 0, event.delta(txn));
                self.texts.entry(None).or_default().extend(told);
            }
            Event::XmlText(event) => {
                let text = event.target();
                let told = from_delta(&[], 0, event.delta(txn));
                self.texts.insert(unit_of(text.as_ref()), told);
                if let Some(parent) = text.parent() {
                    self.with_texts.insert(block_of(&parent));
                }
            }
            Event::XmlFragment(event) => {
                self.with_children.insert(block_of(event.target()));
            }
            // The gate lets neither into a body.
            Event::Array(_) | Event::Map(_) => {}
        }
    }
}

fn block_of(out: &XmlOut) -> Option<ItemId> {
    unit_of(out.as_ref())
}

/// The path of a block that is still there.
fn path_of<T: ReadTxn>(txn: &T, root: &XmlFragmentRef, block: Option<ItemId>) -> Option<Vec<u32>> {
    let Some(unit) = block else {
        return Some(Vec::new());
    };
    let branch = BranchID::get_nested(txn, &unit.to_yrs())?;
    block_path(txn, root, &XmlElementRef::from(branch))
}

/// The path of an element, by child blocks; none if it or what it stands in was deleted.
pub(super) fn block_path<T: ReadTxn>(
    txn: &T,
    root: &XmlFragmentRef,
    element: &XmlElementRef,
) -> Option<Vec<u32>> {
    let mut path = Vec::new();
    let mut at = element.clone();
    loop {
        let (index, above) = match at.parent()? {
            XmlOut::Element(parent) => (index_in(txn, parent.as_ref(), &at)?, Some(parent)),
            XmlOut::Fragment(parent) => (index_in(txn, &parent, &at)?, None),
            XmlOut::Text(_) => return None,
        };
        path.push(index);
        match above {
            Some(parent) => at = parent,
            None => break,
        }
    }
    path.reverse();
    // A detached fragment cannot arise; the root is asked so that one would be noticed.
    super::blocks::block_at(txn, root, &path).filter(|found| found == element)?;
    Some(path)
}

fn index_in<T: ReadTxn>(txn: &T, parent: &XmlFragmentRef, child: &XmlElementRef) -> Option<u32> {
    let mut index = 0_u32;
    for node in parent.children(txn) {
        if let XmlOut::Element(element) = node {
            if element == *child {
                return Some(index);
            }
            index = index.saturating_add(1);
        }
    }
    None
}

fn kept_at<'a>(nodes: &'a mut [KeptNode], first: u32, rest: &[u32]) -> Option<&'a mut Kept> {
    let mut at = nth_kept(nodes, first)?;
    for step in rest {
        at = nth_kept(&mut at.children, *step)?;
    }
    Some(at)
}

fn nth_kept(nodes: &mut [KeptNode], index: u32) -> Option<&mut Kept> {
    nodes
        .iter_mut()
        .filter_map(|node| match node {
            KeptNode::Block(block) => Some(block),
            KeptNode::Text(_) => None,
        })
        .nth(usize::try_from(index).ok()?)
}

fn attribute_changes(
    old: &BTreeMap<String, Value>,
    new: &BTreeMap<String, Value>,
) -> Vec<(String, Value)> {
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    names
        .into_iter()
        .filter(|name| old.get(*name) != new.get(*name))
        .map(|name| (name.clone(), new.get(name).cloned().unwrap_or(Value::Null)))
        .collect()
}

/// What the engine told of the texts of a block, moved to their places in the block's text.
fn text_patches<T: ReadTxn>(
    txn: &T,
    block: &XmlElementRef,
    path: &[Step],
    seen: &Seen,
) -> Vec<Patch> {
    let mut patches = Vec::new();
    for segment in segments(txn, block) {
        let Piece::Text(text) = &segment.what else {
            continue;
        };
        if let Some(told) = seen.texts.get(&unit_of(text.as_ref())) {
            patches.extend(told.iter().map(|patch| moved(patch, path, segment.start)));
        }
    }
    patches
}

/// A patch of a text that stands at `by` in the block's text.
fn moved(patch: &Patch, to: &[Step], by: u32) -> Patch {
    let mut patch = patch.clone();
    match &mut patch {
        Patch::Splice { path, at, .. }
        | Patch::Format { path, at, .. }
        | Patch::Embed { path, at, .. } => {
            *path = to.to_vec();
            *at = at.saturating_add(by);
        }
        Patch::Put { .. } | Patch::Insert { .. } | Patch::Remove { .. } => {}
    }
    patch
}

/// The engine's account of a text, as patches.
fn from_delta(path: &[Step], start: u32, delta: &[Delta]) -> Vec<Patch> {
    let mut patches: Vec<Patch> = Vec::new();
    let mut at = start;
    for part in delta {
        match part {
            Delta::Retain(len, attrs) => {
                if let Some(attrs) = attrs {
                    patches.push(Patch::Format {
                        path: path.to_vec(),
                        at,
                        len: *len,
                        marks: changed_marks(attrs),
                    });
                }
                at = at.saturating_add(*len);
            }
            Delta::Deleted(len) => patches.push(Patch::Splice {
                path: path.to_vec(),
                at,
                delete: *len,
                insert: String::new(),
                marks: Marks::new(),
            }),
            Delta::Inserted(what, attrs) => {
                let marks = attrs.as_deref().map(changed_marks).unwrap_or_default();
                at = at.saturating_add(inserted(path, at, what, marks, &mut patches));
            }
        }
    }
    patches
}

/// Adds an insertion, as part of the removal at the same place if there is one; answers its length.
fn inserted(path: &[Step], at: u32, what: &Out, marks: Marks, patches: &mut Vec<Patch>) -> u32 {
    let Out::Any(Any::String(text)) = what else {
        patches.push(Patch::Embed {
            path: path.to_vec(),
            at,
            value: from_out(what),
            marks,
        });
        return 1;
    };
    let len = super::body_view::units(text);
    if let Some(Patch::Splice {
        at: last,
        insert,
        marks: last_marks,
        ..
    }) = patches.last_mut()
        && *last == at
        && insert.is_empty()
    {
        *insert = text.to_string();
        *last_marks = marks;
        return len;
    }
    patches.push(Patch::Splice {
        path: path.to_vec(),
        at,
        delete: 0,
        insert: text.to_string(),
        marks,
    });
    len
}

/// Marks of a delta; null where one ended.
fn changed_marks(attrs: &yrs::types::Attrs) -> Marks {
    attrs
        .iter()
        .map(|(name, value)| (name.to_string(), from_any(value)))
        .collect()
}
