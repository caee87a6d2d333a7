//! What a batch of changes did to what readers see, as patches. Registers, sets and append-only
//! lists by comparing our own reading before and after; texts and lists as the engine tells it.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    FieldPath, JudgedChange,
    history::Stamp,
    layout::{LIFE_KEY, set_key},
    life::Life,
    names::Names,
    read::{Reader, Spot},
    rules::Candidate,
    session::steps,
    value::from_scalar,
};
use crate::{
    patch::Patch,
    schema::{MergeRule, OnDeleteEdit},
    value::Value,
};
use automerge::{Automerge, ObjId, ObjType, PatchAction};
use std::{
    borrow::Cow,
    collections::{BTreeMap, BTreeSet},
};

/// What is compared: the fields that a batch touches, and the entity's life.
#[derive(Debug)]
pub(crate) struct Glance {
    fields: BTreeMap<FieldPath, Seen>,
    life: Life,
}

/// One field as it is seen.
#[derive(Debug)]
enum Seen {
    Value(Option<Value>),
    Elements(BTreeSet<Value>),
    Entries(Vec<Candidate<Value>>),
    /// The engine tells what becomes of it.
    Told,
}

/// Patches by the field they are of; the entity's life under its key.
pub(crate) type Found = BTreeMap<FieldPath, Vec<Patch>>;

impl Glance {
    pub(crate) fn take(
        reader: &Reader<'_, Automerge>,
        touched: &BTreeSet<FieldPath>,
        policy: OnDeleteEdit,
    ) -> Self {
        let fields = touched.iter().filter_map(|path| {
            let seen = look(reader, path)?;
            Some((path.clone(), seen))
        });
        Glance {
            fields: fields.collect(),
            life: reader.life(policy),
        }
    }
}

fn look(reader: &Reader<'_, Automerge>, path: &FieldPath) -> Option<Seen> {
    let (rule, spots) = reader.spots(path)?;
    Some(match rule {
        MergeRule::Text | MergeRule::List(_) => Seen::Told,
        MergeRule::Append(_) => Seen::Entries(reader.entries(&spots)),
        MergeRule::Set(_) => match reader.at_path(path).value {
            Some(Value::List(elements)) => Seen::Elements(elements.into_iter().collect()),
            _ => Seen::Elements(BTreeSet::new()),
        },
        MergeRule::Lww(_)
        | MergeRule::Group(_)
        | MergeRule::Keep(_)
        | MergeRule::Once(_)
        | MergeRule::Counter
        | MergeRule::Map(_)
        | MergeRule::Open(_) => Seen::Value(reader.at_path(path).value),
    })
}

/// Whether patches of a field of this rule come from the engine.
pub(crate) fn is_told_by_engine(rule: &MergeRule) -> bool {
    match rule {
        MergeRule::Text | MergeRule::List(_) => true,
        MergeRule::Lww(_)
        | MergeRule::Group(_)
        | MergeRule::Keep(_)
        | MergeRule::Once(_)
        | MergeRule::Counter
        | MergeRule::Set(_)
        | MergeRule::Append(_)
        | MergeRule::Map(_)
        | MergeRule::Open(_) => false,
    }
}

/// The patches that lead from one glance to the other.
pub(crate) fn between(
    reader: &Reader<'_, Automerge>,
    mut before: Glance,
    after: Glance,
    raw: &[automerge::Patch],
) -> Found {
    let mut found = Found::new();
    for (path, now) in after.fields {
        let patches = match (before.fields.remove(&path), now) {
            (Some(Seen::Value(old)), Seen::Value(new)) if old == new => Vec::new(),
            (_, Seen::Value(new)) => vec![put(&path, new)],
            (Some(Seen::Elements(old)), Seen::Elements(new)) => elements(&path, &old, &new),
            (_, Seen::Elements(new)) => elements(&path, &BTreeSet::new(), &new),
            (Some(Seen::Entries(old)), Seen::Entries(new)) => entries(&path, &old, new),
            (_, Seen::Entries(new)) => entries(&path, &[], new),
            (_, Seen::Told) => told(reader, &path, raw),
        };
        found.insert(path, patches);
    }
    if before.life != after.life {
        found.insert(vec![LIFE_KEY.to_owned()], vec![life(after.life)]);
    }
    found
}

/// Gives each change the patches of the fields that it is the last to touch.
pub(crate) fn share_out(
    batch: &[JudgedChange],
    mut found: Found,
    names: &Names,
) -> Vec<Vec<Patch>> {
    let mut shared: Vec<Vec<Patch>> = Vec::with_capacity(batch.len());
    let mut life = found.remove([LIFE_KEY.to_owned()].as_slice());
    for judged in batch.iter().rev() {
        let mut patches = Vec::new();
        for path in &judged.touched {
            if found.is_empty() {
                break; // later changes had everything
            }
            let path = names.newest_path(path);
            patches.extend(
                path.and_then(|path| found.remove(&path))
                    .unwrap_or_default(),
            );
        }
        patches.extend(life.take().unwrap_or_default());
        shared.push(patches);
    }
    shared.reverse();
    shared
}

pub(crate) fn put(path: &[String], value: Option<Value>) -> Patch {
    Patch::Put {
        path: steps(path),
        value: value.unwrap_or(Value::Null),
    }
}

/// The entity's life as a patch: a word under its reserved key.
pub(crate) fn life(now: Life) -> Patch {
    put(&[LIFE_KEY.to_owned()], Some(Value::from(now.name())))
}

fn elements(path: &[String], old: &BTreeSet<Value>, new: &BTreeSet<Value>) -> Vec<Patch> {
    let one = |element: &Value, value: Option<Value>| {
        let mut path = path.to_vec();
        path.extend(set_key(element).map(Cow::into_owned));
        put(&path, value)
    };
    let gone = old.difference(new).map(|element| one(element, None));
    let come = new
        .difference(old)
        .map(|element| one(element, Some(element.clone())));
    gone.chain(come).collect()
}

/// Entries never go, so what is new is inserted, neighbours in one piece.
pub(crate) fn entries(
    path: &[String],
    old: &[Candidate<Value>],
    new: Vec<Candidate<Value>>,
) -> Vec<Patch> {
    let known: BTreeSet<Stamp> = old.iter().map(|entry| entry.stamp).collect();
    let mut patches: Vec<(u32, Vec<Value>)> = Vec::new();
    for (at, entry) in (0u32..).zip(new) {
        if known.contains(&entry.stamp) {
            continue;
        }
        match patches.last_mut() {
            Some((from, values))
                if (*from as usize).saturating_add(values.len()) == at as usize =>
            {
                values.push(entry.value);
            }
            _ => patches.push((at, vec![entry.value])),
        }
    }
    let insert = |(at, values)| Patch::Insert {
        path: steps(path),
        at,
        values,
    };
    patches.into_iter().map(insert).collect()
}

fn told(reader: &Reader<'_, Automerge>, path: &[String], raw: &[automerge::Patch]) -> Vec<Patch> {
    let Some((rule, spots)) = reader.spots(path) else {
        return Vec::new();
    };
    let objects = containers(reader, rule, &spots);
    let is_text = matches!(rule, MergeRule::Text);
    let own = raw.iter().filter(|patch| objects.contains(&patch.obj));
    own.filter_map(|patch| translate(path, is_text, &patch.action))
        .collect()
}

fn containers(reader: &Reader<'_, Automerge>, rule: &MergeRule, spots: &[Spot]) -> Vec<ObjId> {
    let of = if matches!(rule, MergeRule::Text) {
        ObjType::Text
    } else {
        ObjType::List
    };
    reader.containers(spots, of)
}

/// The gate lets into texts and lists nothing but insertions and deletions.
fn translate(path: &[String], is_text: bool, action: &PatchAction) -> Option<Patch> {
    let small = |number: usize| u32::try_from(number).ok();
    match action {
        PatchAction::SpliceText { index, value, .. } => Some(Patch::Splice {
            path: steps(path),
            at: small(*index)?,
            delete: 0,
            insert: value.make_string(),
            marks: BTreeMap::new(),
        }),
        PatchAction::Insert { index, values } => Some(Patch::Insert {
            path: steps(path),
            at: small(*index)?,
            values: values
                .iter()
                .map(|(value, _, _)| value.as_scalar().map_or(Value::Null, from_scalar))
                .collect(),
        }),
        PatchAction::DeleteSeq { index, length } if is_text => Some(Patch::Splice {
            path: steps(path),
            at: small(*index)?,
            delete: small(*length)?,
            insert: String::new(),
            marks: BTreeMap::new(),
        }),
        PatchAction::DeleteSeq { index, length } => Some(Patch::Remove {
            path: steps(path),
            at: small(*index)?,
            count: small(*length)?,
        }),
        PatchAction::PutMap { .. }
        | PatchAction::PutSeq { .. }
        | PatchAction::Increment { .. }
        | PatchAction::Conflict { .. }
        | PatchAction::DeleteMap { .. }
        | PatchAction::Mark { .. } => None,
    }
}
