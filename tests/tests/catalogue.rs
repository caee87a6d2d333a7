//! Every schema of the standard catalogue at work: each part that has change sets is written through a
//! replica by who may, and read on another.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use anabranch_core::{
    body::{BodyOp, BodyView},
    control::Role,
    document::Draft,
    log::Entry,
    record::RecordOp,
    schema::{
        Authority, BodyLayout, FieldMap, MergeRule, PartShape, Residency, ValueType, catalogue,
    },
    value::{Finite, Scalar, Value},
};
use common::*;
use std::collections::BTreeMap;

/// A value that the type allows.
fn sample(of: &ValueType) -> Value {
    match of {
        ValueType::Bool => Value::Bool(true),
        ValueType::Int { min, max } => Value::Int(7.clamp(*min, *max)),
        ValueType::Float => Value::Float(Finite::new(1.5).unwrap()),
        ValueType::Text { units_max } => {
            Value::Text("text"[..4.min(*units_max as usize)].to_owned())
        }
        ValueType::Bytes { bytes_max } => Value::Bytes(vec![1; 32.min(*bytes_max as usize)]),
        ValueType::Time => Value::Time(1_750_000_000_000),
        ValueType::Choice(words) => Value::Text(words.last().unwrap().clone()),
        ValueType::Entity => Value::Text("ab".repeat(32)),
        ValueType::Entry(fields) => Value::Map(
            fields
                .iter()
                .map(|(name, of)| (name.clone(), sample(of)))
                .collect(),
        ),
    }
}

fn scalar(value: Value) -> Scalar {
    match value {
        Value::Null => Scalar::Null,
        Value::Bool(truth) => Scalar::Bool(truth),
        Value::Int(number) => Scalar::Int(number),
        Value::Float(number) => Scalar::Float(number),
        Value::Text(text) => Scalar::Text(text),
        Value::Bytes(bytes) => Scalar::Bytes(bytes),
        Value::Time(millis) => Scalar::Time(millis),
        Value::List(_) | Value::Map(_) => panic!("no scalar"),
    }
}

/// One operation on each field, and what the field shows after it.
fn fill(fields: &FieldMap, around: &[String], ops: &mut Vec<RecordOp>) -> BTreeMap<String, Value> {
    let mut shown = BTreeMap::new();
    for (name, declared) in fields {
        let mut field = around.to_vec();
        field.push(name.clone());
        let (op, value) = match &declared.rule {
            MergeRule::Lww(of) | MergeRule::Keep(of) | MergeRule::Once(of) => (
                RecordOp::Put {
                    field,
                    value: sample(of),
                },
                sample(of),
            ),
            MergeRule::Group(of) => {
                let value = sample(&ValueType::Entry(of.clone()));
                (
                    RecordOp::Put {
                        field,
                        value: value.clone(),
                    },
                    value,
                )
            }
            MergeRule::Counter => (RecordOp::Increment { field, by: 3 }, Value::Int(3)),
            MergeRule::Set(of) => (
                RecordOp::Add {
                    field,
                    value: sample(of),
                },
                Value::List(vec![sample(of)]),
            ),
            MergeRule::List(of) => (
                RecordOp::Insert {
                    field,
                    at: 0,
                    value: sample(of),
                },
                Value::List(vec![sample(of)]),
            ),
            MergeRule::Append(of) => (
                RecordOp::Append {
                    field,
                    value: sample(of),
                },
                Value::List(vec![sample(of)]),
            ),
            MergeRule::Text => {
                let insert = "written".to_owned();
                (
                    RecordOp::Splice {
                        field,
                        at: 0,
                        delete: 0,
                        insert,
                    },
                    "written".into(),
                )
            }
            MergeRule::Map(within) => {
                let inner = fill(within, &field, ops);
                shown.insert(name.clone(), Value::Map(inner));
                continue;
            }
            MergeRule::Open(of) => {
                field.push("key".to_owned());
                let value = BTreeMap::from([("key".to_owned(), sample(of))]);
                (
                    RecordOp::Put {
                        field,
                        value: sample(of),
                    },
                    Value::Map(value),
                )
            }
        };
        ops.push(op);
        shown.insert(name.clone(), value);
    }
    shown
}

#[test]
fn every_part_of_every_kind_is_written_on_one_replica_and_read_on_another() {
    let mut parts = 0;
    for item in catalogue::catalogue() {
        let kind = item.kind;
        let schema = item.parse().unwrap();
        let mut session = Session::of(1, 2, vec![schema.clone()]);
        let server = session.lab.admit(Role::Server);
        let owner = session.lab.admit_owner();
        let entity = session.lab.entity(session.lab.stations[0].user, kind);
        for (name, part) in &schema.spec().parts {
            let writer = match part.authority {
                Authority::Member | Authority::Creator => 0,
                Authority::Owner => owner,
                Authority::Server => server,
            };
            let mut ops = Vec::new();
            let mut shown = BTreeMap::new();
            let mut one = Entry::new();
            let words: Vec<BodyOp>;
            let draft = match &part.shape {
                PartShape::Record(fields) => {
                    shown = fill(fields, &[], &mut ops);
                    Draft::Record(&ops)
                }
                PartShape::Log(log) => {
                    let fields = log.entry.iter();
                    one = fields
                        .map(|(name, of)| (name.clone(), scalar(sample(of))))
                        .collect();
                    Draft::Entry(&one)
                }
                PartShape::Body(of) => {
                    words = match of.layout {
                        BodyLayout::Text => vec![type_at(0, 0, "written")],
                        BodyLayout::ProseMirror => vec![BodyOp::InsertBlock {
                            at: vec![0],
                            tag: "paragraph".to_owned(),
                            attributes: BTreeMap::new(),
                            text: "written".to_owned(),
                        }],
                    };
                    Draft::Body(&words)
                }
            };
            let written = session.write_at(writer, NOW, kind, entity, name, &draft);
            if part.residency == Residency::Local {
                assert!(written.is_err(), "{kind} {name} has no change sets");
                continue;
            }
            written.unwrap_or_else(|error| panic!("{kind} {name}: {error}"));
            parts += 1;
            session.settle();
            let document = session.lab.stations[1]
                .replica
                .document(&entity, name)
                .unwrap();
            assert_eq!(document.asides().count(), 0, "{kind} {name}");
            match &part.shape {
                PartShape::Record(_) => assert_eq!(view(document).fields, shown, "{kind} {name}"),
                PartShape::Log(_) => assert_eq!(entries(document), [one]),
                PartShape::Body(_) => {
                    let content: BodyView = body(document);
                    assert_eq!(content.plain_text().trim(), "written");
                }
            }
        }
    }
    assert!(parts >= 25, "{parts} parts");
}
