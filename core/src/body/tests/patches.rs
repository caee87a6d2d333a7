//! Patches lead from what a listener knew to what is there now.

use super::{concurrency::random_op, *};
use crate::patch::{Patch, Step};

/// A reader that knows nothing but patches: per block its attributes and its units, each a
/// character with its marks, an embed or a block.
#[derive(Clone, Debug, PartialEq)]
enum Unit {
    Char(char, Marks),
    Half,
    Embed(Value, Marks),
    Block(Mirror),
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Mirror {
    tag: String,
    attributes: BTreeMap<String, Value>,
    units: Vec<Unit>,
}

impl Mirror {
    fn of(view: &BodyView) -> Mirror {
        match view {
            BodyView::Text(runs) => Mirror {
                units: Mirror::of_runs(runs),
                ..Mirror::default()
            },
            BodyView::Tree(nodes) => Mirror {
                units: nodes.iter().flat_map(Mirror::of_node).collect(),
                ..Mirror::default()
            },
        }
    }

    fn of_node(node: &Node) -> Vec<Unit> {
        match node {
            Node::Text(runs) => Mirror::of_runs(runs),
            Node::Block(block) => vec![Unit::Block(Mirror {
                tag: block.tag.clone(),
                attributes: block.attributes.clone(),
                units: block.children.iter().flat_map(Mirror::of_node).collect(),
            })],
        }
    }

    fn of_runs(runs: &[Run]) -> Vec<Unit> {
        let mut units = Vec::new();
        for run in runs {
            match &run.content {
                Inline::Text(text) => units.extend(Mirror::of_text(text, &run.marks)),
                Inline::Embed(value) => units.push(Unit::Embed(value.clone(), run.marks.clone())),
            }
        }
        units
    }

    fn of_text(text: &str, marks: &Marks) -> Vec<Unit> {
        let mut units = Vec::new();
        for char in text.chars() {
            units.push(Unit::Char(char, marks.clone()));
            if char.len_utf16() == 2 {
                units.push(Unit::Half);
            }
        }
        units
    }

    fn of_value(value: &Value, marks: &Marks) -> Unit {
        let Value::Map(map) = value else { panic!() };
        let Some(Value::Text(tag)) = map.get("tag") else {
            return Unit::Embed(value.clone(), marks.clone());
        };
        let Some(Value::Map(attributes)) = map.get("attributes") else {
            panic!()
        };
        let Some(Value::List(children)) = map.get("children") else {
            panic!()
        };
        let mut units = Vec::new();
        for child in children {
            match child {
                Value::List(runs) => {
                    for run in runs {
                        let Value::Map(run) = run else { panic!() };
                        let Some(Value::Map(marks)) = run.get("marks") else {
                            panic!()
                        };
                        match run.get("text") {
                            Some(Value::Text(text)) => units.extend(Mirror::of_text(text, marks)),
                            _ => units.push(Unit::Embed(run["embed"].clone(), marks.clone())),
                        }
                    }
                }
                block => units.push(Mirror::of_value(block, &Marks::new())),
            }
        }
        Unit::Block(Mirror {
            tag: tag.clone(),
            attributes: attributes.clone(),
            units,
        })
    }

    fn at(&mut self, path: &[Step]) -> &mut Mirror {
        let Some((Step::Index(index), rest)) = path.split_first() else {
            return self;
        };
        let block = self
            .units
            .iter_mut()
            .filter_map(|unit| match unit {
                Unit::Block(block) => Some(block),
                _ => None,
            })
            .nth(*index as usize)
            .expect("a block at the path");
        block.at(rest)
    }

    fn take(&mut self, patch: &Patch) {
        let clean = |marks: &Marks| -> Marks {
            let set = marks.iter().filter(|(_, value)| **value != Value::Null);
            set.map(|(name, value)| (name.clone(), value.clone()))
                .collect()
        };
        match patch {
            Patch::Put { path, value } => {
                let (Some(Step::Key(name)), above) = (path.last(), &path[..path.len() - 1]) else {
                    panic!()
                };
                let attributes = &mut self.at(above).attributes;
                match value {
                    Value::Null => attributes.remove(name),
                    value => attributes.insert(name.clone(), value.clone()),
                };
            }
            Patch::Splice {
                path,
                at,
                delete,
                insert,
                marks,
            } => {
                let (at, end) = (*at as usize, (*at + *delete) as usize);
                let units = Mirror::of_text(insert, &clean(marks));
                self.at(path).units.splice(at..end, units);
            }
            Patch::Format {
                path,
                at,
                len,
                marks,
            } => {
                let range = *at as usize..(*at + *len) as usize;
                for unit in &mut self.at(path).units[range] {
                    if let Unit::Char(_, had) | Unit::Embed(_, had) = unit {
                        had.extend(marks.clone());
                        had.retain(|_, value| *value != Value::Null);
                    }
                }
            }
            Patch::Embed {
                path,
                at,
                value,
                marks,
            } => {
                let unit = Mirror::of_value(value, &clean(marks));
                self.at(path).units.insert(*at as usize, unit);
            }
            Patch::Insert { path, at, values } => {
                let units = values
                    .iter()
                    .map(|value| Mirror::of_value(value, &Marks::new()));
                let at = *at as usize;
                self.at(path)
                    .units
                    .splice(at..at, units.collect::<Vec<_>>());
            }
            Patch::Remove { path, at, count } => {
                let range = *at as usize..(*at + *count) as usize;
                self.at(path).units.drain(range);
            }
        }
    }
}

fn follow(layout: BodyLayout, seed: u64) {
    let mut random = Random::new(seed);
    let mut replicas: Vec<Replica> = (0..3).map(|n| Replica::new(layout, n)).collect();
    let mut mirrors: Vec<Mirror> = vec![Mirror::default(); 3];
    for replica in &mut replicas {
        replica.doc.listen(true);
    }
    let mut log: Vec<Sent> = Vec::new();
    for step in 0..80 {
        let at = random.below(3) as usize;
        let replica = &mut replicas[at];
        let patches = if random.below(3) > 0 {
            let ops: Vec<BodyOp> = (0..1 + random.below(2))
                .filter_map(|_| random_op(&mut random, &replica.doc))
                .collect();
            let place = replica.place();
            replica.millis += 1_000;
            let made = match random.below(6) {
                0 => replica.doc.undo(&place, VIEW).unwrap(),
                _ => match replica.doc.edit(&place, VIEW, &ops) {
                    Ok(edit) => Some(edit),
                    Err(
                        error @ (EditError::Stuck | EditError::Refused(_) | EditError::Poisoned),
                    ) => {
                        panic!(
                            "seed {seed} step {step}: {error} at {ops:?} {}",
                            replica.tree()
                        )
                    }
                    Err(_) => None,
                },
            };
            made.map_or(vec![], |edit| {
                let patches = edit.patches.clone();
                log.push(replica.sent(place, edit));
                patches
            })
        } else {
            let ready: Vec<&Sent> = log.iter().filter(|sent| replica.ready(sent)).collect();
            if ready.is_empty() {
                continue;
            }
            replica.receive(random.pick(&ready))
        };
        for patch in &patches {
            mirrors[at].take(patch);
        }
        let now = Mirror::of(&replica.doc.content());
        assert_eq!(mirrors[at], now, "seed {seed} step {step}: {patches:?}");
    }
}

#[test]
fn patches_of_texts_lead_from_the_old_to_the_new() {
    for seed in 0..40 {
        follow(BodyLayout::Text, seed);
    }
}

#[test]
fn patches_of_trees_lead_from_the_old_to_the_new() {
    for seed in 0..40 {
        follow(BodyLayout::ProseMirror, seed);
    }
}

#[test]
fn a_typed_key_is_one_patch_at_its_place() {
    let mut here = Replica::new(BodyLayout::ProseMirror, 0);
    let mut there = Replica::new(BodyLayout::ProseMirror, 1);
    there.receive(&here.edit(&[block(&[0], "p", "aaaa")]));
    there.doc.listen(true);
    let patches = there.receive(&here.edit(&[splice(&[0], 2, 0, "a")]));
    let expect = Patch::Splice {
        path: vec![Step::Index(0)],
        at: 2,
        delete: 0,
        insert: "a".into(),
        marks: Marks::new(),
    };
    assert_eq!(patches, [expect]);
    there.doc.listen(false);
    assert_eq!(there.receive(&here.edit(&[splice(&[0], 2, 0, "a")])), []);
}
