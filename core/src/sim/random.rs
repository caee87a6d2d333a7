//! Random valid edits of any schema: every shape, every rule, every type. What is asked fits the part
//! as the device sees it; now and then the part's own rules refuse it all the same, as they would an
//! application's.

use super::{Ask, Rng};
use crate::{
    body::{BodyOp, BodyView, Inline, Node, Run},
    document::EngineDoc,
    log::Entry,
    record::{Life, RecordOp, unnumbered},
    schema::{
        Authority, BodyLayout, FieldMap, LogShape, MergeRule, Part, PartShape, Residency, Schema,
        ValueType,
    },
    value::{Finite, Scalar, Value},
};
use std::collections::BTreeMap;

/// Short, so that thousands of edits stay cheap; with what is easily cut apart.
const WORDS: [&str; 8] = [
    "river",
    "delta",
    "bend 🌊",
    "",
    "ford",
    "a\u{301}",
    "weir and more",
    "🌊",
];
/// The part that says whether the entity lives.
pub(super) const RECORD: &str = "record";
/// Longest text or list that grows here; beyond it, what is there is taken away.
const LEN_MAX: u32 = 120;

/// Whether a member may write a part of every entity that they make.
fn is_written(part: &Part) -> bool {
    part.residency == Residency::Synced
        && matches!(part.authority, Authority::Member | Authority::Creator)
}

/// The parts of a schema that members write.
pub fn parts(schema: &Schema) -> impl Iterator<Item = (&str, &Part)> + '_ {
    let parts = schema.spec().parts.iter().filter(|(_, part)| {
        let empty = match &part.shape {
            PartShape::Record(fields) => fields.is_empty(),
            PartShape::Body(_) | PartShape::Log(_) => false,
        };
        is_written(part) && !empty
    });
    parts.map(|(name, part)| (name.as_str(), part))
}

/// Whether members write anything of this kind.
pub fn has_work(schema: &Schema) -> bool {
    parts(schema).next().is_some()
}

/// Something that can be asked of a part as it is; `document` is none where nobody wrote it yet.
pub fn ask(
    rng: &mut Rng,
    part: &str,
    shape: &PartShape,
    document: Option<&EngineDoc>,
) -> Option<Ask> {
    match shape {
        PartShape::Record(fields) => {
            let view = match document {
                Some(EngineDoc::Record(record)) => Some(record.project(&unnumbered)),
                _ => None,
            };
            if document.is_some() && rng.one_in(16) {
                return Some(match rng.one_in(2) {
                    true => Ask::Undo,
                    false => Ask::Redo,
                });
            }
            let deleted = view.as_ref().is_some_and(|view| view.life == Life::Deleted);
            if deleted && rng.one_in(3) {
                return Some(Ask::Record(vec![RecordOp::RestoreEntity]));
            }
            if view.is_some() && part == RECORD && rng.one_in(24) {
                return Some(Ask::Record(vec![RecordOp::DeleteEntity]));
            }
            let values = view.map(|view| view.fields).unwrap_or_default();
            let count = 1 + rng.below(2);
            let ops = (0..count).filter_map(|_| field_op(rng, &mut Vec::new(), fields, &values));
            let ops: Vec<RecordOp> = ops.collect();
            (!ops.is_empty()).then_some(Ask::Record(ops))
        }
        PartShape::Body(shape) => {
            if document.is_some() && rng.one_in(16) {
                return Some(match rng.one_in(2) {
                    true => Ask::Undo,
                    false => Ask::Redo,
                });
            }
            let view = match document {
                Some(EngineDoc::Body(body)) => Some(body.content()),
                _ => None,
            };
            Some(Ask::Body(vec![body_op(rng, shape.layout, view.as_ref())]))
        }
        PartShape::Log(shape) => Some(Ask::Entry(entry(rng, shape))),
    }
}

fn field_op(
    rng: &mut Rng,
    path: &mut Vec<String>,
    fields: &FieldMap,
    values: &BTreeMap<String, Value>,
) -> Option<RecordOp> {
    let (name, field) = pick(rng, fields)?;
    path.push(name.clone());
    let now = values.get(name);
    let field_path = path.clone();
    let len = u32::try_from(match now {
        Some(Value::List(items)) => items.len(),
        Some(Value::Text(text)) => text.encode_utf16().count(),
        Some(Value::Map(entries)) => entries.len(),
        _ => 0,
    })
    .unwrap_or(u32::MAX);
    let put = |value| RecordOp::Put {
        field: field_path.clone(),
        value,
    };
    Some(match &field.rule {
        MergeRule::Lww(of) | MergeRule::Keep(of) => match now.is_some() && rng.one_in(8) {
            true => put(Value::Null),
            false => put(value(rng, of)),
        },
        MergeRule::Group(members) => put(Value::Map(
            members
                .iter()
                .map(|(name, of)| (name.clone(), value(rng, of)))
                .collect(),
        )),
        MergeRule::Once(of) if now.is_none() || rng.one_in(8) => put(value(rng, of)),
        MergeRule::Once(_) => return None,
        MergeRule::Counter => RecordOp::Increment {
            field: field_path,
            by: [-2, -1, 1, 1, 2, 3].get(rng.below(6)).copied().unwrap_or(1),
        },
        MergeRule::Set(of) => match (now, rng.one_in(3) || len > LEN_MAX) {
            (Some(Value::List(items)), true) if !items.is_empty() => RecordOp::Remove {
                field: field_path,
                value: items.get(rng.below(items.len()))?.clone(),
            },
            _ => RecordOp::Add {
                field: field_path,
                value: value(rng, of),
            },
        },
        MergeRule::List(of) => match len > 0 && (rng.one_in(3) || len > LEN_MAX) {
            true => RecordOp::Delete {
                field: field_path,
                at: below(rng, len),
                count: 1,
            },
            false => RecordOp::Insert {
                field: field_path,
                at: below(rng, len.saturating_add(1)),
                value: value(rng, of),
            },
        },
        MergeRule::Append(of) => RecordOp::Append {
            field: field_path,
            value: value(rng, of),
        },
        MergeRule::Text => {
            let text = now.and_then(Value::as_text).unwrap_or_default();
            let (one, two) = (boundary(rng, text), boundary(rng, text));
            let (from, to) = (one.min(two), one.max(two));
            let delete = match len > LEN_MAX || rng.one_in(3) {
                true => to.saturating_sub(from),
                false => 0,
            };
            RecordOp::Splice {
                field: field_path,
                at: from,
                delete,
                insert: format!("{}.", word(rng)),
            }
        }
        MergeRule::Map(inner) => {
            let none = BTreeMap::new();
            let within = match now {
                Some(Value::Map(within)) => within,
                _ => &none,
            };
            let op = field_op(rng, path, inner, within);
            path.pop();
            return op;
        }
        MergeRule::Open(of) => {
            let key = ["a", "b", "c"].get(rng.below(3)).copied().unwrap_or("a");
            let mut field = field_path;
            field.push(key.to_owned());
            let value = match rng.one_in(4) {
                true => Value::Null,
                false => value(rng, of),
            };
            RecordOp::Put { field, value }
        }
    })
    .inspect(|_| drop(path.pop()))
}

fn pick<'a, K, V>(rng: &mut Rng, from: &'a BTreeMap<K, V>) -> Option<(&'a K, &'a V)> {
    from.iter().nth(rng.below(from.len()))
}

/// A random value of a type, within its bounds.
pub fn value(rng: &mut Rng, of: &ValueType) -> Value {
    match of {
        ValueType::Bool => Value::Bool(rng.one_in(2)),
        ValueType::Int { min, max } => {
            let low = *min.max(&-50);
            let low = if low > *max { *min } else { low };
            let span = usize::try_from(max.saturating_sub(low).clamp(0, 100)).unwrap_or(0);
            let step = i64::try_from(rng.below(span.saturating_add(1))).unwrap_or(0);
            Value::Int(low.saturating_add(step))
        }
        ValueType::Float => {
            let eighths = u32::try_from(rng.below(1_000)).unwrap_or(0);
            Finite::new(f64::from(eighths) / 8.0).map_or(Value::Null, Value::Float)
        }
        ValueType::Text { units_max } => {
            let fits = |word: &&str| word.encode_utf16().count() <= *units_max as usize;
            let word = WORDS.get(rng.below(WORDS.len())).filter(|word| fits(word));
            Value::Text(word.copied().unwrap_or_default().to_owned())
        }
        ValueType::Bytes { bytes_max } => {
            let len = rng.below((*bytes_max as usize).min(8).saturating_add(1));
            Value::Bytes(rng.bytes::<8>().into_iter().take(len).collect())
        }
        ValueType::Time => Value::Time(i64::try_from(rng.next() >> 24).unwrap_or(0)),
        ValueType::Choice(words) => Value::Text(
            words
                .get(rng.below(words.len()))
                .cloned()
                .unwrap_or_default(),
        ),
        ValueType::Entity => {
            let bytes = rng.bytes::<32>();
            Value::Text(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        }
        ValueType::Entry(members) => Value::Map(
            members
                .iter()
                .map(|(name, of)| (name.clone(), value(rng, of)))
                .collect(),
        ),
    }
}

fn entry(rng: &mut Rng, shape: &LogShape) -> Entry {
    let mut entry = Entry::new();
    for (name, of) in &shape.entry {
        let wanted = shape.required.contains(name) || rng.one_in(2);
        let scalar = wanted.then(|| Scalar::try_from(value(rng, of)));
        if let Some(Ok(scalar)) = scalar {
            entry.insert(name.clone(), scalar);
        }
    }
    entry
}

fn word(rng: &mut Rng) -> &'static str {
    WORDS
        .get(rng.below(WORDS.len()))
        .copied()
        .unwrap_or_default()
}

fn below(rng: &mut Rng, bound: u32) -> u32 {
    u32::try_from(rng.below(bound as usize)).unwrap_or(0)
}

/// A place in a text that is no middle of a pair.
fn boundary(rng: &mut Rng, text: &str) -> u32 {
    let wanted = rng.below(text.chars().count().saturating_add(1));
    let before: usize = text.chars().take(wanted).map(char::len_utf16).sum();
    u32::try_from(before).unwrap_or(0)
}

/// A block's text, one unit for each thing in it that is none; none where blocks stand in it.
pub(super) fn text_of(node: &Node) -> Option<String> {
    let Node::Block(block) = node else {
        return None;
    };
    let mut text = String::new();
    for child in &block.children {
        let Node::Text(runs) = child else {
            return None;
        };
        text.push_str(&text_of_runs(runs));
    }
    Some(text)
}

pub(super) fn text_of_runs(runs: &[Run]) -> String {
    let content = runs.iter().map(|run| match &run.content {
        Inline::Text(text) => text.as_str(),
        Inline::Embed(_) => "\u{fffc}",
    });
    content.collect()
}

fn body_op(rng: &mut Rng, layout: BodyLayout, view: Option<&BodyView>) -> BodyOp {
    let (place, text, blocks) = match (layout, view) {
        (BodyLayout::Text, Some(BodyView::Text(runs))) => (vec![], text_of_runs(runs), 0),
        (BodyLayout::Text, _) => (vec![], String::new(), 0),
        (BodyLayout::ProseMirror, Some(BodyView::Tree(nodes))) => {
            let at = rng.below(nodes.len());
            match nodes.get(at).and_then(text_of) {
                Some(text) if !rng.one_in(4) => {
                    (vec![u32::try_from(at).unwrap_or(0)], text, nodes.len())
                }
                _ => return insert_block(rng, nodes.len()),
            }
        }
        (BodyLayout::ProseMirror, _) => return insert_block(rng, 0),
    };
    let at = boundary(rng, &text);
    let len = u32::try_from(text.encode_utf16().count()).unwrap_or(0);
    let marks = BTreeMap::from([("bold".to_owned(), Value::Bool(true))]);
    let tree = layout == BodyLayout::ProseMirror;
    match rng.below(10) {
        _ if len > LEN_MAX => BodyOp::Splice {
            text: place,
            at: 0,
            delete: len,
            insert: String::new(),
            marks: None,
        },
        0 if len > 0 => BodyOp::Splice {
            text: place,
            at: 0,
            delete: len,
            insert: word(rng).to_owned(),
            marks: None,
        },
        1 if len > 0 => BodyOp::Format {
            text: place,
            at: 0,
            len,
            marks,
        },
        2 if !tree => BodyOp::Embed {
            text: place,
            at,
            value: Value::Map(BTreeMap::from([("src".into(), "x".into())])),
        },
        3 if blocks > 0 => BodyOp::SplitBlock { block: place, at },
        4 if blocks > 1 => BodyOp::DeleteBlock { block: place },
        5 if blocks > 0 => BodyOp::SetAttribute {
            block: place,
            name: "level".into(),
            value: Value::Int(i64::from(below(rng, 4))),
        },
        6 if tree && place.first().is_some_and(|at| *at > 0) => BodyOp::JoinBlock { block: place },
        7 if blocks > 1 => BodyOp::MoveBlock {
            from: place,
            to: vec![u32::try_from(rng.below(blocks)).unwrap_or(0)],
        },
        8 => BodyOp::Splice {
            text: place,
            at,
            delete: 0,
            insert: "marked".into(),
            marks: Some(marks),
        },
        _ => BodyOp::Splice {
            text: place,
            at,
            delete: 0,
            insert: format!("{}x", word(rng)),
            marks: None,
        },
    }
}

fn insert_block(rng: &mut Rng, blocks: usize) -> BodyOp {
    let tags = ["paragraph", "heading"];
    BodyOp::InsertBlock {
        at: vec![u32::try_from(rng.below(blocks.saturating_add(1))).unwrap_or(0)],
        tag: tags
            .get(rng.below(2))
            .copied()
            .unwrap_or("paragraph")
            .to_owned(),
        attributes: BTreeMap::from([("level".to_owned(), Value::Int(1))]),
        text: word(rng).to_owned(),
    }
}
