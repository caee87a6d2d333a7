//! Entities and edits of any schema, for proptest: values shrink as their types do. An edit is made
//! without knowing what it will meet; [`Edit::fitted`] brings its places into what is there.

use super::{
    Ask,
    random::{self, RECORD},
};
use crate::{
    body::{BodyOp, BodyView},
    document::EngineDoc,
    id::{EntityId, UserId},
    record::{RecordOp, unnumbered},
    schema::{BodyLayout, FieldMap, MergeRule, PartShape, Schema, ValueType},
    value::{Finite, Scalar, Value},
};
use proptest::{collection, option, prelude::*, sample};
use std::collections::BTreeMap;

/// Places are drawn below this, and brought into what is there.
const PLACES: u32 = 64;

/// An edit of a part.
#[derive(Clone, Debug, PartialEq)]
pub struct Edit {
    /// The part.
    pub part: String,
    /// What is asked of it.
    pub ask: Ask,
}

/// Entities of a schema's kind that a user makes: few, so that edits meet.
pub fn entities(schema: &Schema, creator: UserId) -> BoxedStrategy<EntityId> {
    let kind = schema.kind().to_owned();
    let random = any::<u8>().prop_map(|one| one % 4);
    random
        .prop_map(move |one| EntityId::new(creator, &kind, [one; 12]))
        .boxed()
}

/// Edits of the parts that members write; none where there are none.
pub fn edits(schema: &Schema) -> Option<BoxedStrategy<Edit>> {
    let mut all: Vec<BoxedStrategy<Edit>> = Vec::new();
    for (name, part) in random::parts(schema) {
        let name = name.to_owned();
        let asks = asks(&name, &part.shape);
        all.push(
            asks.prop_map(move |ask| Edit {
                part: name.clone(),
                ask,
            })
            .boxed(),
        );
    }
    (!all.is_empty()).then(|| proptest::strategy::Union::new(all).boxed())
}

/// What can be asked of a part.
fn asks(part: &str, shape: &PartShape) -> BoxedStrategy<Ask> {
    match shape {
        PartShape::Record(fields) => {
            let fields = proptest::strategy::Union::new(field_ops(&[], fields));
            let (gone, back) = (RecordOp::DeleteEntity, RecordOp::RestoreEntity);
            // The entity's life stands in its record alone.
            let op = match part {
                RECORD => prop_oneof![40 => fields, 1 => Just(gone), 2 => Just(back)].boxed(),
                _ => fields.boxed(),
            };
            let op = op.prop_map(|op| Ask::Record(vec![op]));
            prop_oneof![20 => op, 1 => Just(Ask::Undo), 1 => Just(Ask::Redo)].boxed()
        }
        PartShape::Body(shape) => {
            let op = body_ops(shape.layout).prop_map(|op| Ask::Body(vec![op]));
            prop_oneof![20 => op, 1 => Just(Ask::Undo), 1 => Just(Ask::Redo)].boxed()
        }
        PartShape::Log(shape) => {
            let fields = shape.entry.iter().map(|(name, of)| {
                let (name, needed) = (name.clone(), shape.required.contains(name));
                let value = option::of(values(of)).prop_flat_map({
                    let of = of.clone();
                    move |value| match value {
                        None if needed => values(&of).prop_map(Some).boxed(),
                        value => Just(value).boxed(),
                    }
                });
                value.prop_map(move |value| (name.clone(), value)).boxed()
            });
            let fields: Vec<_> = fields.collect();
            fields
                .prop_map(|fields| {
                    let scalar = |(name, value): (String, Option<Value>)| {
                        Some((name, Scalar::try_from(value?).ok()?))
                    };
                    Ask::Entry(fields.into_iter().filter_map(scalar).collect())
                })
                .boxed()
        }
    }
}

/// Values of a type, within its bounds.
pub fn values(of: &ValueType) -> BoxedStrategy<Value> {
    match of {
        ValueType::Bool => any::<bool>().prop_map(Value::Bool).boxed(),
        ValueType::Int { min, max } => (*min..=*max).prop_map(Value::Int).boxed(),
        ValueType::Float => any::<i32>()
            .prop_map(|eighths| Finite::new(f64::from(eighths) / 8.0))
            .prop_map(|number| number.map_or(Value::Null, Value::Float))
            .boxed(),
        ValueType::Text { units_max } => {
            // Twelve characters at most, two units for some: enough to be cut apart anywhere.
            let most = (*units_max as usize / 2).min(12);
            let chars = collection::vec(prop_oneof![Just('a'), Just('é'), Just('🌊')], 0..=most);
            chars
                .prop_map(|chars| Value::Text(chars.into_iter().collect()))
                .boxed()
        }
        ValueType::Bytes { bytes_max } => {
            let most = (*bytes_max as usize).min(16);
            collection::vec(any::<u8>(), 0..=most)
                .prop_map(Value::Bytes)
                .boxed()
        }
        ValueType::Time => any::<i32>().prop_map(|at| Value::Time(at.into())).boxed(),
        ValueType::Choice(words) => sample::select(words.clone()).prop_map(Value::Text).boxed(),
        ValueType::Entity => any::<u8>()
            .prop_map(|byte| Value::Text(format!("{byte:02x}").repeat(32)))
            .boxed(),
        ValueType::Entry(members) => group(members),
    }
}

fn group(members: &BTreeMap<String, ValueType>) -> BoxedStrategy<Value> {
    let fields = members.iter().map(|(name, of)| {
        let name = name.clone();
        values(of)
            .prop_map(move |value| (name.clone(), value))
            .boxed()
    });
    let fields: Vec<_> = fields.collect();
    fields
        .prop_map(|fields| Value::Map(fields.into_iter().collect()))
        .boxed()
}

fn field_ops(path: &[String], fields: &FieldMap) -> Vec<BoxedStrategy<RecordOp>> {
    let mut all = Vec::new();
    for (name, declared) in fields {
        let mut field = path.to_vec();
        field.push(name.clone());
        let put = |values: BoxedStrategy<Value>| {
            let field = field.clone();
            values
                .prop_map(move |value| RecordOp::Put {
                    field: field.clone(),
                    value,
                })
                .boxed()
        };
        let place = 0..PLACES;
        match &declared.rule {
            MergeRule::Lww(of) | MergeRule::Keep(of) => {
                all.push(put(
                    prop_oneof![7 => values(of), 1 => Just(Value::Null)].boxed()
                ));
            }
            MergeRule::Once(of) => all.push(put(values(of))),
            MergeRule::Group(members) => all.push(put(group(members))),
            MergeRule::Counter => {
                let by = (-9i64..=9).prop_map(move |by| RecordOp::Increment {
                    field: field.clone(),
                    by,
                });
                all.push(by.boxed());
            }
            MergeRule::Set(of) => {
                // The empty text is no element of a set.
                let element = values(of).prop_map(|value| match value.as_text() {
                    Some("") => Value::Text("a".to_owned()),
                    _ => value,
                });
                let ops = (element, 0..4u32).prop_map(move |(value, which)| match which {
                    0 => RecordOp::Remove {
                        field: field.clone(),
                        value,
                    },
                    _ => RecordOp::Add {
                        field: field.clone(),
                        value,
                    },
                });
                all.push(ops.boxed());
            }
            MergeRule::List(of) => {
                let ops = (values(of), place, 0..4u32);
                let ops = ops.prop_map(move |(value, at, count)| match count {
                    0 => RecordOp::Insert {
                        field: field.clone(),
                        at,
                        value,
                    },
                    count => RecordOp::Delete {
                        field: field.clone(),
                        at,
                        count,
                    },
                });
                all.push(ops.boxed());
            }
            MergeRule::Append(of) => {
                let ops = values(of).prop_map(move |value| RecordOp::Append {
                    field: field.clone(),
                    value,
                });
                all.push(ops.boxed());
            }
            MergeRule::Text => {
                let ops = (place, 0..4u32, "[aé🌊]{0,4}").prop_map(move |(at, delete, insert)| {
                    RecordOp::Splice {
                        field: field.clone(),
                        at,
                        delete,
                        insert,
                    }
                });
                all.push(ops.boxed());
            }
            MergeRule::Map(inner) => all.extend(field_ops(&field, inner)),
            MergeRule::Open(of) => {
                let ops = ("[a-c]", values(of)).prop_map(move |(key, value)| {
                    let field = [field.as_slice(), &[key]].concat();
                    RecordOp::Put { field, value }
                });
                all.push(ops.boxed());
            }
        }
    }
    all
}

fn body_ops(layout: BodyLayout) -> BoxedStrategy<BodyOp> {
    let splice = (0..PLACES, 0..PLACES, 0..4u32, "[aé🌊]{0,4}");
    let splice = splice.prop_map(move |(block, at, delete, insert)| {
        let text = match layout {
            BodyLayout::Text => Vec::new(),
            BodyLayout::ProseMirror => vec![block],
        };
        BodyOp::Splice {
            text,
            at,
            delete,
            insert,
            marks: None,
        }
    });
    let insert = (0..PLACES, "[aé🌊]{0,4}").prop_map(|(at, text)| BodyOp::InsertBlock {
        at: vec![at],
        tag: "paragraph".to_owned(),
        attributes: BTreeMap::new(),
        text,
    });
    let split = (0..PLACES, 0..PLACES).prop_map(|(block, at)| BodyOp::SplitBlock {
        block: vec![block],
        at,
    });
    let delete = (0..PLACES).prop_map(|block| BodyOp::DeleteBlock { block: vec![block] });
    match layout {
        BodyLayout::Text => splice.boxed(),
        BodyLayout::ProseMirror => {
            prop_oneof![6 => splice, 3 => insert, 1 => split, 1 => delete].boxed()
        }
    }
}

impl Edit {
    /// The same, its places brought into what a document holds; `document` is none where nobody wrote
    /// it yet.
    pub fn fitted(mut self, document: Option<&EngineDoc>) -> Edit {
        match (&mut self.ask, document) {
            (Ask::Record(ops), Some(EngineDoc::Record(record))) => {
                let view = record.project(&unnumbered);
                ops.iter_mut().for_each(|op| {
                    let value = |field: &[String]| {
                        let path: Vec<&str> = field.iter().map(String::as_str).collect();
                        view.get(&path)
                    };
                    fit_record(op, value);
                });
            }
            (Ask::Record(ops), _) => ops.iter_mut().for_each(|op| fit_record(op, |_| None)),
            (Ask::Body(ops), document) => {
                let view = match document {
                    Some(EngineDoc::Body(body)) => Some(body.content()),
                    _ => None,
                };
                ops.iter_mut().for_each(|op| fit_body(op, view.as_ref()));
            }
            (Ask::Entry(_) | Ask::Undo | Ask::Redo, _) => {}
        }
        self
    }
}

/// A place in a text, and how much of it from there, at borders of characters.
fn fit_text(text: &str, at: &mut u32, len: &mut u32) {
    let chars = text.chars().count();
    let before = *at as usize % chars.saturating_add(1);
    let units = |chars: usize, from: usize| -> u32 {
        let units: usize = text
            .chars()
            .skip(from)
            .take(chars)
            .map(char::len_utf16)
            .sum();
        u32::try_from(units).unwrap_or(0)
    };
    *at = units(before, 0);
    *len = units(*len as usize, before);
}

fn fit_record<'v>(op: &mut RecordOp, value: impl Fn(&[String]) -> Option<&'v Value>) {
    let list = |field: &[String]| match value(field) {
        Some(Value::List(items)) => u32::try_from(items.len()).unwrap_or(0),
        _ => 0,
    };
    match op {
        RecordOp::Insert { field, at, .. } => *at %= list(field).saturating_add(1),
        RecordOp::Delete { field, at, count } => {
            let len = list(field);
            *at %= len.max(1);
            *count = (*count).min(len.saturating_sub(*at));
        }
        RecordOp::Splice {
            field, at, delete, ..
        } => {
            let text = value(field).and_then(Value::as_text).unwrap_or_default();
            fit_text(text, at, delete);
        }
        RecordOp::Put { .. }
        | RecordOp::Increment { .. }
        | RecordOp::Add { .. }
        | RecordOp::Remove { .. }
        | RecordOp::Append { .. }
        | RecordOp::DeleteEntity
        | RecordOp::RestoreEntity => {}
    }
}

fn fit_body(op: &mut BodyOp, view: Option<&BodyView>) {
    let nodes = match view {
        Some(BodyView::Tree(nodes)) => nodes.as_slice(),
        Some(BodyView::Text(_)) | None => &[],
    };
    let blocks = u32::try_from(nodes.len()).unwrap_or(0);
    let on_block = match op {
        BodyOp::Splice { text, .. } => !text.is_empty(),
        BodyOp::SplitBlock { .. } | BodyOp::DeleteBlock { .. } => true,
        _ => false,
    };
    if blocks == 0 && on_block {
        // A tree without blocks gets its first.
        *op = BodyOp::InsertBlock {
            at: vec![0],
            tag: "paragraph".to_owned(),
            attributes: BTreeMap::new(),
            text: String::new(),
        };
    }
    let fit_block = |path: &mut Vec<u32>| path.iter_mut().for_each(|at| *at %= blocks.max(1));
    let text = |path: &[u32]| match (path.first(), view) {
        (None, Some(BodyView::Text(runs))) => random::text_of_runs(runs),
        (Some(at), _) => {
            let node = nodes.get(*at as usize);
            node.and_then(random::text_of).unwrap_or_default()
        }
        (None, _) => String::new(),
    };
    match op {
        BodyOp::Splice {
            text: path,
            at,
            delete,
            ..
        } => {
            fit_block(path);
            fit_text(&text(path), at, delete);
        }
        BodyOp::SplitBlock { block, at } => {
            fit_block(block);
            fit_text(&text(block), at, &mut 0);
        }
        BodyOp::InsertBlock { at, .. } => {
            at.iter_mut().for_each(|at| *at %= blocks.saturating_add(1));
        }
        BodyOp::DeleteBlock { block } => fit_block(block),
        BodyOp::Format { .. }
        | BodyOp::Embed { .. }
        | BodyOp::JoinBlock { .. }
        | BodyOp::MoveBlock { .. }
        | BodyOp::SetAttribute { .. } => {}
    }
}
