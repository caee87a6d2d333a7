//! Whether a document obeys its schema: read from what is stored, without asking the gates.

use anabranch_core::{
    body::{BodyView, Inline, Node, Run},
    document::{Document, EngineDoc},
    limits,
    record::{LIFE_KEY, VERSION_KEY, set_value, unnumbered},
    schema::{BodyLayout, FieldMap, MergeRule, PartShape, ValueType, check_open_key},
    value::{Finite, Value},
};
use automerge::{Automerge, ObjId, ObjType, ROOT, ReadDoc, ScalarValue, Value as Held};

/// Panics where it does not.
pub(crate) fn check(document: &Document) {
    let schema = document.schema().expect("its kind is known");
    let shape = &schema
        .part(document.part())
        .expect("its part is declared")
        .shape;
    match (document.engine(), shape) {
        (EngineDoc::Record(record), PartShape::Record(fields)) => {
            let stored = Automerge::load(&record.save()).expect("a record loads");
            Reader(&stored).fields(&ROOT, fields, true);
            for (name, value) in &record.project(&unnumbered).fields {
                assert!(
                    fields.contains_key(name),
                    "field `{name}` is declared, it holds {value:?}"
                );
            }
        }
        (EngineDoc::Body(body), PartShape::Body(shape)) => match (body.content(), shape.layout) {
            (BodyView::Text(runs), BodyLayout::Text) => runs_hold(&runs),
            (BodyView::Tree(nodes), BodyLayout::ProseMirror) => {
                nodes.iter().for_each(|node| node_holds(node, 1))
            }
            (BodyView::Text(_) | BodyView::Tree(_), _) => panic!("a body keeps its layout"),
        },
        (EngineDoc::Log(log), PartShape::Log(shape)) => {
            for (.., entry) in log.entries() {
                let fields = entry
                    .iter()
                    .map(|(name, value)| (name.clone(), value.clone().into()));
                shape
                    .check(&Value::Map(fields.collect()))
                    .expect("an entry obeys its schema");
            }
        }
        (EngineDoc::Record(_) | EngineDoc::Body(_) | EngineDoc::Log(_), _) => {
            panic!("a part keeps its engine")
        }
    }
}

struct Reader<'a>(&'a Automerge);

impl Reader<'_> {
    /// Every value that stands at a key, the hidden ones of concurrent writers too.
    fn at(&self, object: &ObjId, key: &str) -> Vec<(Held<'_>, ObjId)> {
        self.0.get_all(object, key).expect("an object")
    }

    fn fields(&self, object: &ObjId, fields: &FieldMap, root: bool) {
        for key in self.0.keys(object) {
            let values = self.at(object, &key);
            if root && key == VERSION_KEY {
                continue;
            }
            if root && key == LIFE_KEY {
                values.iter().for_each(|(value, _)| {
                    assert!(matches!(value, Held::Scalar(_)), "a life is a truth")
                });
                continue;
            }
            let field = fields
                .get(&key)
                .unwrap_or_else(|| panic!("key `{key}` is no field"));
            self.field(&field.rule, &key, values);
        }
    }

    fn field(&self, rule: &MergeRule, key: &str, values: Vec<(Held<'_>, ObjId)>) {
        for (value, id) in &values {
            match (rule, value) {
                (
                    MergeRule::Lww(_) | MergeRule::Keep(_) | MergeRule::Once(_),
                    Held::Scalar(scalar),
                ) => {
                    let value = read(scalar);
                    rule.check(&value)
                        .unwrap_or_else(|rule| panic!("`{key}` holds {value:?}: {rule}"));
                }
                (MergeRule::Group(_), Held::Object(ObjType::Map)) => {
                    let value = self.map(id);
                    rule.check(&value)
                        .unwrap_or_else(|rule| panic!("group `{key}` holds {value:?}: {rule}"));
                }
                (MergeRule::Group(_), Held::Scalar(scalar)) => {
                    assert_eq!(read(scalar), Value::Null, "`{key}` is put whole or deleted");
                }
                (MergeRule::Counter, Held::Scalar(scalar)) => {
                    assert!(
                        matches!(scalar.as_ref(), ScalarValue::Counter(_)),
                        "`{key}` is a counter"
                    );
                    assert_eq!(values.len(), 1, "nobody puts another counter");
                }
                (MergeRule::Text, Held::Object(ObjType::Text)) => {
                    assert!(
                        self.0.length(id) <= 3 * limits::TEXT_UNITS_MAX,
                        "a short text"
                    );
                    self.0.text(id).expect("a text");
                }
                (MergeRule::Set(of), Held::Object(ObjType::Map)) => self.set(of, id),
                (MergeRule::Open(of), Held::Object(ObjType::Map)) => self.open(of, id),
                (MergeRule::Map(fields), Held::Object(ObjType::Map)) => {
                    self.fields(id, fields, false)
                }
                (MergeRule::List(of), Held::Object(ObjType::List))
                | (MergeRule::Append(of), Held::Object(ObjType::List)) => self.list(of, id),
                (rule, value) => panic!("`{key}` is {}, but holds {value:?}", rule.name()),
            }
        }
    }

    fn set(&self, of: &ValueType, object: &ObjId) {
        for key in self.0.keys(object) {
            let element = set_value(of, &key)
                .unwrap_or_else(|| panic!("`{key}` is no element of a {:?}", of.kind()));
            of.check(&element)
                .unwrap_or_else(|rule| panic!("element {element:?}: {rule}"));
            for (value, _) in self.at(object, &key) {
                let scalar = matches!(&value, Held::Scalar(scalar) if matches!(scalar.as_ref(), ScalarValue::Int(_)));
                assert!(scalar, "an element's mark is a number, not {value:?}");
            }
        }
    }

    fn open(&self, of: &ValueType, object: &ObjId) {
        for key in self.0.keys(object) {
            check_open_key(&key).unwrap_or_else(|rule| panic!("open key `{key}`: {rule}"));
            self.field(&MergeRule::Lww(of.clone()), &key, self.at(object, &key));
        }
    }

    fn list(&self, of: &ValueType, object: &ObjId) {
        for at in 0..self.0.length(object) {
            for (value, id) in self.0.get_all(object, at).expect("a list") {
                let value = match value {
                    Held::Scalar(scalar) => read(&scalar),
                    Held::Object(ObjType::Map) => self.map(&id),
                    Held::Object(_) => panic!("a list holds single values and entries"),
                };
                of.check(&value)
                    .unwrap_or_else(|rule| panic!("item {at} is {value:?}: {rule}"));
            }
        }
    }

    /// A group's or entry's members: one value each, all single.
    fn map(&self, object: &ObjId) -> Value {
        let members = self.0.keys(object).map(|key| {
            let values = self.at(object, &key);
            let [(Held::Scalar(scalar), _)] = values.as_slice() else {
                panic!("member `{key}` holds {values:?}");
            };
            let value = read(scalar);
            (key, value)
        });
        Value::Map(members.collect())
    }
}

/// What a scalar of the engine stands for. What stands for nothing is a find.
fn read(scalar: &ScalarValue) -> Value {
    match scalar {
        ScalarValue::Null => Value::Null,
        ScalarValue::Boolean(truth) => Value::Bool(*truth),
        ScalarValue::Int(number) => Value::Int(*number),
        ScalarValue::F64(number) => Value::Float(
            Finite::new(*number).unwrap_or_else(|| panic!("{number} is no number of ours")),
        ),
        ScalarValue::Str(text) => Value::Text(text.to_string()),
        ScalarValue::Bytes(bytes) => Value::Bytes(bytes.clone()),
        ScalarValue::Timestamp(millis) => Value::Time(*millis),
        other => panic!("{other:?} stands for no value"),
    }
}

fn runs_hold(runs: &[Run]) {
    for run in runs {
        if let Inline::Text(text) = &run.content {
            assert!(!text.is_empty(), "a run of text holds some");
        }
        assert!(
            run.marks.values().all(|value| *value != Value::Null),
            "a mark is never null"
        );
    }
}

fn node_holds(node: &Node, depth: usize) {
    assert!(depth <= limits::DEPTH_MAX + 1, "the tree is bounded");
    match node {
        Node::Text(runs) => runs_hold(runs),
        Node::Block(block) => {
            let mut tag = block.tag.chars();
            let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
            assert!(
                tag.next()
                    .is_some_and(|c| c.is_ascii_alphabetic() || c == '_'),
                "tag `{}`",
                block.tag
            );
            assert!(
                tag.all(plain) && block.tag.len() <= limits::NAME_BYTES_MAX,
                "tag `{}`",
                block.tag
            );
            block
                .children
                .iter()
                .for_each(|child| node_holds(child, depth + 1));
        }
    }
}
