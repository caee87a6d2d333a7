//! Every merge rule on nets of 3 to 50 replicas against a naive model: the list of all change sets, each
//! with what its author had seen, and for each rule the shortest definition of what it shows. The model
//! was written from the rules' descriptions, not from the code.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use anabranch_core::{
    changeset::Signed,
    document::{Draft, EditError},
    hlc::Hlc,
    id::{ChangeSetId, EntityId, OriginId},
    record::{self, RecordOp, RecordView},
    replica::WriteError,
    sim::Rng,
    value::{Finite, Value},
};
use common::*;
use std::collections::{BTreeMap, BTreeSet};

/// A kind that has every rule.
const EVERY: &str = r#"
kind = "every"
version = 1
route = ["rank"]
[record.fields]
rank = { rule = "lww", type = "int", min = -1000, max = 1000 }
estimate = { rule = "keep", type = "int" }
subject = "once text"
votes = "counter"
tags = "set text"
steps = "list text"
story = "text"
extra = "open text"
remarks = "append text"
[record.fields.spot]
rule = "group"
fields = { lat = "float", lon = "float" }
[record.fields.more]
rule = "map"
[record.fields.more.fields]
colour = "lww text"
words = "set text"
count = "counter"
"#;

/// One change set as the model knows it.
#[derive(Clone, Debug)]
struct Change {
    id: ChangeSetId,
    key: (Hlc, OriginId, u64),
    past: BTreeSet<ChangeSetId>,
    op: RecordOp,
    /// What a deletion from a list took away.
    took: Option<Value>,
}

struct Net {
    session: Session,
    entity: EntityId,
    changes: Vec<Change>,
    next: usize,
}

impl Net {
    fn new(seed: u64, devices: usize) -> Net {
        let mut session = Session::of(seed, devices, vec![schema(EVERY)]);
        let entity = session.entity("every");
        Net {
            session,
            entity,
            changes: Vec::new(),
            next: 0,
        }
    }

    fn seen(&self, station: usize) -> BTreeSet<ChangeSetId> {
        let document = self.session.lab.stations[station]
            .replica
            .document(&self.entity, "record");
        let lines = document
            .iter()
            .flat_map(|document| document.graph().lines());
        lines
            .flat_map(|(_, line)| line.nodes())
            .map(|node| node.id)
            .collect()
    }

    fn shown(&self, station: usize) -> Option<RecordView> {
        self.session.lab.stations[station]
            .replica
            .document(&self.entity, "record")
            .map(view)
    }

    /// One random operation by one device at a random moment; many moments are equal.
    fn edit(&mut self, station: usize, rng: &mut Rng) {
        let shown = self.shown(station).unwrap_or_default();
        self.next += 1;
        let (op, took) = operation(&shown, self.next, rng);
        let now = NOW + rng.below(40) as u64;
        let past = self.seen(station);
        let draft = [op.clone()];
        match self.session.write_at(
            station,
            now,
            "every",
            self.entity,
            "record",
            &Draft::Record(&draft),
        ) {
            Ok(edited) => {
                let document = self.session.lab.stations[station]
                    .replica
                    .document(&self.entity, "record")
                    .unwrap();
                let kept = document.effective();
                let kept = kept
                    .iter()
                    .find(|kept| kept.change.id() == edited.id)
                    .unwrap();
                let header = kept.change.header();
                let key = (header.hlc, header.chain.origin, header.seq);
                self.changes.push(Change {
                    id: edited.id,
                    key,
                    past,
                    op,
                    took,
                });
            }
            Err(WriteError::Edit(EditError::Record(
                record::EditError::Nothing
                | record::EditError::AlreadySet { .. }
                | record::EditError::NoElement { .. },
            ))) => {}
            Err(error) => panic!("{op:?}: {error}"),
        }
    }

    fn give(&mut self, from: usize, to: usize) {
        let sealed = self.session.flush(from);
        self.session.lab.stations[to].receive(NOW, sealed);
    }

    /// Everything a device holds goes to another one, in one batch.
    fn give_all(&mut self, from: usize, to: usize) {
        self.session.flush(from);
        let all = self.session.lab.stations[from].replica.signed();
        self.session.lab.stations[to].receive(NOW, all);
    }
}

fn operation(shown: &RecordView, next: usize, rng: &mut Rng) -> (RecordOp, Option<Value>) {
    let word = ["a", "b", "c"][rng.below(3)];
    let small = rng.below(5) as i64;
    let unique = format!("{next};");
    let float = |number: usize| Value::Float(Finite::new(number as f64).unwrap());
    let op = match rng.below(17) {
        0 => put("rank", small),
        1 => put("rank", Value::Null),
        2 => put("estimate", small),
        3 => put("subject", word),
        4 => increment("votes", small - 2),
        5 => add("tags", word),
        6 => remove("tags", word),
        7 => put("extra.k", word),
        8 => put(
            "extra.l",
            if small == 0 { Value::Null } else { word.into() },
        ),
        9 => RecordOp::Append {
            field: path("remarks"),
            value: unique.as_str().into(),
        },
        10 => {
            let spot = [
                ("lat".to_owned(), float(rng.below(3))),
                ("lon".to_owned(), float(next)),
            ];
            put("spot", Value::Map(BTreeMap::from(spot)))
        }
        11 => put("more.colour", word),
        12 => add("more.words", word),
        13 => increment("more.count", 1 + small),
        14 => {
            let text = shown
                .get(&["story"])
                .and_then(Value::as_text)
                .unwrap_or_default();
            let at = if rng.one_in(2) {
                0
            } else {
                text.encode_utf16().count() as u32
            };
            splice("story", at, 0, &unique)
        }
        other => {
            let entries = match shown.get(&["steps"]) {
                Some(Value::List(entries)) => entries.clone(),
                _ => Vec::new(),
            };
            if other == 15 || entries.is_empty() {
                let at = rng.below(entries.len() + 1) as u32;
                RecordOp::Insert {
                    field: path("steps"),
                    at,
                    value: unique.as_str().into(),
                }
            } else {
                let at = rng.below(entries.len());
                let op = RecordOp::Delete {
                    field: path("steps"),
                    at: at as u32,
                    count: 1,
                };
                return (op, Some(entries[at].clone()));
            }
        }
    };
    (op, None)
}

/// What the rules say, from the changes alone.
struct Model<'c>(&'c [Change]);

impl Model<'_> {
    /// Writes of a register that nobody who wrote it later had seen, the one shown first.
    fn standing(&self, field: &str) -> Vec<Value> {
        let writes: Vec<(&Change, &Value)> = self
            .0
            .iter()
            .filter_map(|change| match &change.op {
                RecordOp::Put { field: of, value } if *of == path(field) => Some((change, value)),
                _ => None,
            })
            .collect();
        let replaced = |one: &Change| writes.iter().any(|(other, _)| other.past.contains(&one.id));
        let mut standing: Vec<_> = writes
            .iter()
            .filter(|(change, _)| !replaced(change))
            .collect();
        standing.sort_by_key(|(change, _)| std::cmp::Reverse(change.key));
        standing
            .into_iter()
            .map(|(_, value)| (*value).clone())
            .collect()
    }

    fn register(&self, field: &str) -> Option<Value> {
        self.standing(field)
            .into_iter()
            .next()
            .filter(|value| *value != Value::Null)
    }

    fn once(&self, field: &str) -> Option<Value> {
        let writes = self.0.iter().filter_map(|change| match &change.op {
            RecordOp::Put { field: of, value } if *of == path(field) => {
                Some((change.key, value.clone()))
            }
            _ => None,
        });
        writes.min_by_key(|(key, _)| *key).map(|(_, value)| value)
    }

    fn counter(&self, field: &str) -> Value {
        let steps = self.0.iter().map(|change| match &change.op {
            RecordOp::Increment { field: of, by } if *of == path(field) => *by,
            _ => 0,
        });
        Value::Int(steps.sum())
    }

    /// An element is there if some add of it was seen by no remove of it.
    fn set(&self, field: &str) -> Value {
        let mut elements = BTreeSet::new();
        for change in self.0 {
            let RecordOp::Add { field: of, value } = &change.op else {
                continue;
            };
            let removed = self.0.iter().any(|other| match &other.op {
                RecordOp::Remove {
                    field: of,
                    value: gone,
                } => *of == path(field) && gone == value && other.past.contains(&change.id),
                _ => false,
            });
            if *of == path(field) && !removed {
                elements.insert(value.clone());
            }
        }
        Value::List(elements.into_iter().collect())
    }

    fn appended(&self) -> Value {
        let entries = self.0.iter().filter_map(|change| match &change.op {
            RecordOp::Append { value, .. } => Some((change.key, value.clone())),
            _ => None,
        });
        let sorted: BTreeMap<_, Value> = entries.collect();
        Value::List(sorted.into_values().collect())
    }

    /// What stands in the list: every entry is inserted once, and gone if anybody deleted it.
    fn steps(&self) -> BTreeSet<Value> {
        let gone: BTreeSet<&Value> = self
            .0
            .iter()
            .filter_map(|change| change.took.as_ref())
            .collect();
        let inserted = self.0.iter().filter_map(|change| match &change.op {
            RecordOp::Insert { value, .. } => Some(value),
            _ => None,
        });
        inserted
            .filter(|value| !gone.contains(value))
            .cloned()
            .collect()
    }

    fn words(&self) -> BTreeSet<String> {
        let inserted = self.0.iter().filter_map(|change| match &change.op {
            RecordOp::Splice { insert, .. } => Some(insert.trim_end_matches(';').to_owned()),
            _ => None,
        });
        inserted.collect()
    }

    fn check(&self, view: &RecordView) {
        for field in [
            "rank",
            "estimate",
            "more.colour",
            "extra.k",
            "extra.l",
            "spot",
        ] {
            let names: Vec<&str> = field.split('.').collect();
            assert_eq!(view.get(&names).cloned(), self.register(field), "{field}");
            // Differing values written apart are told, all of them, and equal ones are not.
            let standing = self.standing(field);
            let differ = standing.iter().any(|value| *value != standing[0]);
            let told = view
                .conflicts
                .iter()
                .find(|conflict| conflict.field == path(field));
            assert_eq!(told.is_some(), differ, "{field}: {standing:?}");
            if let Some(told) = told {
                let values: Vec<Value> = told
                    .candidates
                    .iter()
                    .map(|one| one.value.clone())
                    .collect();
                assert_eq!(values, standing, "{field}");
            }
        }
        assert_eq!(view.get(&["subject"]).cloned(), self.once("subject"));
        for field in ["votes", "more.count"] {
            let names: Vec<&str> = field.split('.').collect();
            assert_eq!(view.get(&names), Some(&self.counter(field)), "{field}");
        }
        for field in ["tags", "more.words"] {
            let names: Vec<&str> = field.split('.').collect();
            assert_eq!(view.get(&names), Some(&self.set(field)), "{field}");
        }
        assert_eq!(view.get(&["remarks"]), Some(&self.appended()));
        let Some(Value::List(steps)) = view.get(&["steps"]) else {
            panic!("no list")
        };
        assert_eq!(steps.iter().cloned().collect::<BTreeSet<_>>(), self.steps());
        assert_eq!(steps.len(), self.steps().len(), "no entry stands twice");
        let story = view.get(&["story"]).and_then(Value::as_text).unwrap();
        let words: BTreeSet<String> = story
            .split(';')
            .filter(|word| !word.is_empty())
            .map(str::to_owned)
            .collect();
        assert_eq!(words, self.words(), "every word stays whole");
        assert_eq!(view.version, self.0.len() as u64);
        let newest = self.0.iter().map(|change| change.key).max();
        assert_eq!(
            view.last_modified.map(|by| (by.hlc, by.origin)),
            newest.map(|key| (key.0, key.1))
        );
    }
}

/// Random work with random exchange; each device is held to the model of what it has at every turn, all
/// to the model of everything in the end.
fn play(seed: u64, devices: usize, turns: usize) {
    let mut net = Net::new(seed, devices);
    let mut rng = Rng::new(seed ^ 0x5eed);
    for _ in 0..turns {
        let station = rng.below(devices);
        net.edit(station, &mut rng);
        let to = rng.below(devices);
        match rng.below(4) {
            0 => net.give(station, to),
            1 => net.give_all(station, to),
            _ => {}
        }
        let seen = net.seen(to);
        let have: Vec<Change> = net
            .changes
            .iter()
            .filter(|change| seen.contains(&change.id))
            .cloned()
            .collect();
        if let Some(shown) = net.shown(to).filter(|_| !have.is_empty()) {
            Model(&have).check(&shown);
        }
    }
    let entity = net.entity;
    let view = net.session.settled(entity);
    Model(&net.changes).check(&view);
    let digest = net.session.lab.stations[0].replica.digest();
    for station in &net.session.lab.stations {
        assert_eq!(station.replica.digest(), digest);
        let document = station.replica.document(&entity, "record").unwrap();
        assert_eq!(document.asides().count(), 0, "honest work is never refused");
        assert_eq!(document.effective().len(), net.changes.len());
    }
}

#[test]
fn m25_every_rule_shows_what_the_model_shows_on_3_to_8_replicas() {
    for (seed, devices) in (0..10).zip([3, 4, 5, 6, 7, 8].into_iter().cycle()) {
        play(seed, devices, 50);
    }
}

#[test]
fn m25_every_rule_shows_what_the_model_shows_on_50_replicas() {
    play(50, 50, 90);
}

/// Change sets of a small session, and the model of them.
fn few(seed: u64, count: usize) -> (Net, Vec<Signed>) {
    let mut net = Net::new(seed, 3);
    let mut rng = Rng::new(seed);
    while net.changes.len() < count {
        let station = rng.below(3);
        net.edit(station, &mut rng);
        if rng.one_in(3) {
            net.give_all(station, rng.below(3));
        }
    }
    let all = net.session.all();
    (net, all)
}

#[test]
fn all_orders_of_small_sets_show_one_record() {
    for seed in 0..12 {
        let (net, all) = few(seed, 5);
        let digest = one_state(&net.session.lab, &all.iter().collect::<Vec<_>>());
        let mut replica = net.session.lab.empty_replica();
        replica.receive(NOW, all.iter().map(verified).collect());
        assert_eq!(replica.digest(), digest, "one batch or one by one");
        Model(&net.changes).check(&view(replica.document(&net.entity, "record").unwrap()));
    }
}

#[test]
fn merging_is_commutative_associative_and_idempotent() {
    for seed in 20..28 {
        let (net, all) = few(seed, 12);
        let mut rng = Rng::new(seed);
        let mut parts: [Vec<Signed>; 3] = Default::default();
        for signed in &all {
            parts[rng.below(3)].push(signed.clone());
        }
        let merged = |order: &[&Vec<Signed>]| {
            let mut replica = net.session.lab.empty_replica();
            for part in order {
                replica.receive(NOW, part.iter().map(verified).collect());
            }
            replica
        };
        let [a, b, c] = &parts;
        let wanted = merged(&[a, b, c]).digest();
        for order in [[a, c, b], [b, a, c], [b, c, a], [c, a, b], [c, b, a]] {
            assert_eq!(merged(&order).digest(), wanted, "commutative");
        }
        // (a + b) + c and a + (b + c): what one replica had taken in is handed on as it holds it.
        let left = merged(&[a, b]).signed();
        let right = merged(&[b, c]).signed();
        assert_eq!(merged(&[&left, c]).digest(), wanted, "associative");
        assert_eq!(merged(&[a, &right]).digest(), wanted, "associative");
        assert_eq!(
            merged(&[a, b, c, a, b, c, &left, &right]).digest(),
            wanted,
            "idempotent"
        );
        Model(&net.changes).check(&view(
            merged(&[c, b, a]).document(&net.entity, "record").unwrap(),
        ));
    }
}

#[test]
fn whatever_is_merged_fits_its_schema() {
    for seed in 40..44 {
        let (net, all) = few(seed, 15);
        let mut replica = net.session.lab.empty_replica();
        replica.receive(NOW, all.iter().map(verified).collect());
        let shown = view(replica.document(&net.entity, "record").unwrap());
        let schema = schema(EVERY);
        let fields = schema.part("record").unwrap().fields().unwrap();
        for (name, value) in &shown.fields {
            use anabranch_core::schema::MergeRule;
            match (&fields[name].rule, value) {
                (MergeRule::Lww(of) | MergeRule::Keep(of) | MergeRule::Once(of), value) => {
                    of.check(value).unwrap()
                }
                (
                    MergeRule::Set(of) | MergeRule::List(of) | MergeRule::Append(of),
                    Value::List(items),
                ) => {
                    items.iter().for_each(|item| of.check(item).unwrap());
                }
                (MergeRule::Open(of), Value::Map(items)) => {
                    items.values().for_each(|item| of.check(item).unwrap())
                }
                (MergeRule::Counter, Value::Int(_))
                | (MergeRule::Text, Value::Text(_))
                | (MergeRule::Group(_) | MergeRule::Map(_), Value::Map(_)) => {}
                (rule, value) => panic!("{name}: {} shows {value:?}", rule.name()),
            }
        }
    }
}
