//! A reader that knows nothing but patches. It must always see what the record shows.

use anabranch_core::{
    patch::{Patch, Step},
    record::RecordView,
    value::Value,
};
use std::collections::BTreeMap;

const SETS: &[&str] = &["tags"];

pub struct Shadow {
    fields: BTreeMap<String, Value>,
    sets: BTreeMap<String, BTreeMap<String, Value>>,
    life: String,
}

impl Shadow {
    pub fn of(view: &RecordView) -> Self {
        let sets = SETS
            .iter()
            .map(|set| ((*set).to_owned(), BTreeMap::new()))
            .collect();
        Shadow {
            fields: view.fields.clone(),
            sets,
            life: view.life.name().to_owned(),
        }
    }

    pub fn apply(&mut self, patches: &[Patch]) {
        for patch in patches {
            self.one(patch);
        }
    }

    fn one(&mut self, patch: &Patch) {
        match patch {
            Patch::Put { path, value } => {
                let path = names(path);
                match path.as_slice() {
                    [life] if life == "~life" => {
                        self.life = value.as_text().expect("a word").to_owned();
                    }
                    [set, element] if self.sets.contains_key(set) => {
                        let elements = self.sets.get_mut(set).expect("known");
                        match value {
                            Value::Null => elements.remove(element),
                            value => elements.insert(element.clone(), value.clone()),
                        };
                    }
                    [field] => put(&mut self.fields, field, value),
                    [map, field] => match self.fields.get_mut(map) {
                        Some(Value::Map(fields)) => put(fields, field, value),
                        other => panic!("{map} is {other:?}"),
                    },
                    other => panic!("a path of {}", other.len()),
                }
            }
            Patch::Splice {
                path,
                at,
                delete,
                insert,
                ..
            } => {
                let Value::Text(text) = self.at(path) else {
                    panic!("a splice into no text");
                };
                let mut units: Vec<u16> = text.encode_utf16().collect();
                let (at, delete) = (*at as usize, *delete as usize);
                units.splice(at..at + delete, insert.encode_utf16());
                *text = String::from_utf16(&units).expect("whole characters");
            }
            Patch::Insert { path, at, values } => {
                let Value::List(items) = self.at(path) else {
                    panic!("an insertion into no list");
                };
                let at = *at as usize;
                items.splice(at..at, values.iter().cloned());
            }
            Patch::Remove { path, at, count } => {
                let Value::List(items) = self.at(path) else {
                    panic!("a removal from no list");
                };
                let at = *at as usize;
                items.drain(at..at + *count as usize);
            }
            Patch::Format { .. } | Patch::Embed { .. } => panic!("not in a record: {patch:?}"),
        }
    }

    fn at(&mut self, path: &[Step]) -> &mut Value {
        let path = names(path);
        let (first, rest) = path.split_first().expect("a path");
        let mut value = self.fields.get_mut(first).expect("a field");
        for name in rest {
            let Value::Map(fields) = value else {
                panic!("no map on the way");
            };
            value = fields.get_mut(name).expect("a field");
        }
        value
    }

    pub fn check(&self, view: &RecordView) {
        for (field, value) in &view.fields {
            match self.sets.get(field) {
                Some(set) => {
                    let mut elements: Vec<Value> = set.values().cloned().collect();
                    elements.sort();
                    assert_eq!(&Value::List(elements), value, "{field} by patches");
                }
                None => assert_eq!(self.fields.get(field), Some(value), "{field} by patches"),
            }
        }
        assert_eq!(self.fields.len(), view.fields.len());
        assert_eq!(self.life, view.life.name());
    }
}

fn names(path: &[Step]) -> Vec<String> {
    let name = |step: &Step| match step {
        Step::Key(name) => name.clone(),
        Step::Index(_) => panic!("records have no index steps"),
    };
    path.iter().map(name).collect()
}

fn put(fields: &mut BTreeMap<String, Value>, field: &str, value: &Value) {
    match value {
        Value::Null => fields.remove(field),
        value => fields.insert(field.to_owned(), value.clone()),
    };
}
