//! Random edits on random replicas that exchange changes at random, against the naive model.

use crate::{
    model::{self, Change, Did},
    shadow::Shadow,
    world::*,
};
use anabranch_core::{
    record::{EditError, RecordOp, RecordView, unnumbered},
    value::Value,
};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Replicas with a record of what each change did.
struct Run {
    replicas: Vec<Replica>,
    shadows: Vec<Shadow>,
    changes: Vec<Change>,
    clocks: Vec<u64>,
    /// Every value put into a list or text is used once.
    next: u32,
}

/// One step, as random numbers.
type Dice = (u8, u8, u8, u16);

impl Run {
    fn new(count: usize) -> Self {
        let replicas = things(count);
        let shadows = replicas
            .iter()
            .map(|replica| Shadow::of(&replica.view()))
            .collect();
        Run {
            replicas,
            shadows,
            changes: Vec::new(),
            clocks: vec![0; count],
            next: 0,
        }
    }

    fn step(&mut self, (who, kind, what, more): Dice) {
        let who = who as usize % self.replicas.len();
        if kind.is_multiple_of(3) {
            self.exchange(who, what, more);
        } else {
            self.edit(who, what, more);
        }
    }

    /// Takes some changes that are ready into one replica, as one batch.
    fn exchange(&mut self, who: usize, what: u8, more: u16) {
        let all = made(&self.replicas);
        let mut turn = usize::from(more);
        let mut batch: Vec<Message> = Vec::new();
        let mut held = self.replicas[who].held.clone();
        for _ in 0..=(what % 5) {
            let ready: Vec<&Message> = all
                .iter()
                .filter(|m| {
                    m.seq == held[m.device] + 1
                        && m.past
                            .iter()
                            .zip(&held)
                            .all(|(needed, held)| needed <= held)
                })
                .collect();
            if ready.is_empty() {
                break;
            }
            let message = ready[turn % ready.len()];
            turn = turn.wrapping_mul(7).wrapping_add(3);
            held[message.device] += 1;
            batch.push(message.clone());
        }
        let batch: Vec<&Message> = batch.iter().collect();
        for patches in self.replicas[who].take(&batch) {
            self.shadows[who].apply(&patches);
        }
        self.shadows[who].check(&self.replicas[who].view());
    }

    fn edit(&mut self, who: usize, what: u8, more: u16) {
        let count = 1 + usize::from(more % 3);
        let mut ops = Vec::new();
        let mut did = Vec::new();
        let view = self.replicas[who].view();
        // Several operations of one edit on one field would need the state between them.
        let mut written = BTreeSet::new();
        for at in 0..count {
            let what = what.wrapping_add(at as u8 * 41);
            let more = more.wrapping_add(at as u16 * 977);
            let (op, effects) = self.operation(&view, what, more);
            let field = match &op {
                RecordOp::Put { field, .. }
                | RecordOp::Increment { field, .. }
                | RecordOp::Add { field, .. }
                | RecordOp::Remove { field, .. }
                | RecordOp::Append { field, .. }
                | RecordOp::Insert { field, .. }
                | RecordOp::Delete { field, .. }
                | RecordOp::Splice { field, .. } => field.clone(),
                RecordOp::DeleteEntity | RecordOp::RestoreEntity => Vec::new(),
            };
            if !written.insert(field.clone()) || changes_nothing(&view, &op) {
                continue;
            }
            ops.push(op);
            did.extend(effects);
        }
        self.clocks[who] += 1 + u64::from(more % 4);
        let past = self.replicas[who].held.clone();
        match self.replicas[who].edit(self.clocks[who], &ops) {
            Ok(edit) => {
                let seq = self.replicas[who].held[who];
                let hlc = stamp(self.clocks[who]);
                self.changes.push(Change {
                    device: who,
                    seq,
                    hlc,
                    past,
                    did,
                });
                self.shadows[who].apply(&edit.patches);
            }
            Err(
                EditError::Nothing
                | EditError::Deleted
                | EditError::AlreadySet { .. }
                | EditError::OutOfList { .. }
                | EditError::OutOfText { .. },
            ) => {}
            Err(error) => panic!("{ops:?}: {error}"),
        }
        self.shadows[who].check(&self.replicas[who].view());
    }

    fn operation(&mut self, view: &RecordView, what: u8, more: u16) -> (RecordOp, Vec<Did>) {
        let small = i64::from(more % 5);
        let field = |name: &str| path(&[name]);
        let put = |at: Vec<String>, value: Value| {
            let did = vec![Did::Put(at.clone(), value.clone())];
            (RecordOp::Put { field: at, value }, did)
        };
        match what % 17 {
            0 | 1 => put(field("rank"), Value::Int(small)),
            2 => put(field("rank"), Value::Null),
            3 => put(field("estimate"), Value::Int(small)),
            4 => put(field("subject"), Value::from(format!("s{}", more % 50))),
            5 if small % 4 == 0 => put(field("spot"), Value::Null),
            5 => put(field("spot"), spot(small as f64, 0.5)),
            6 => put(
                path(&["extra", ["a", "b", "c"][usize::from(more % 3)]]),
                "v".into(),
            ),
            7 => put(path(&["extra", "a"]), Value::Null),
            8 => {
                let by = small - 2;
                let at = if more.is_multiple_of(2) {
                    field("votes")
                } else {
                    path(&["more", "count"])
                };
                (
                    RecordOp::Increment {
                        field: at.clone(),
                        by,
                    },
                    vec![Did::Step(at, by)],
                )
            }
            9 | 10 => {
                let value = Value::from(format!("t{small}"));
                let op = RecordOp::Add {
                    field: field("tags"),
                    value: value.clone(),
                };
                (op, vec![Did::Add(field("tags"), value)])
            }
            11 => {
                let value = Value::from(format!("t{small}"));
                let op = RecordOp::Remove {
                    field: field("tags"),
                    value: value.clone(),
                };
                (op, vec![Did::Remove(field("tags"), value)])
            }
            12 => self.list(view, more),
            13 | 14 => self.text(view, more),
            15 => {
                let Value::Map(entry) =
                    Value::Map([("stars".to_owned(), Value::Int(i64::from(more)))].into())
                else {
                    unreachable!("a map")
                };
                let value = Value::Map(entry);
                let op = RecordOp::Append {
                    field: field("remarks"),
                    value: value.clone(),
                };
                (op, vec![Did::Append(field("remarks"), value)])
            }
            _ => {
                let alive = !more.is_multiple_of(3);
                let op = if alive {
                    RecordOp::RestoreEntity
                } else {
                    RecordOp::DeleteEntity
                };
                if view.life.is_alive() == alive
                    && view.life != anabranch_core::record::Life::Recovered
                {
                    // Nothing would be written, and the model has no word for that.
                    return put(path(&["more", "colour"]), Value::from(format!("c{more}")));
                }
                (op, vec![Did::Life(alive)])
            }
        }
    }

    fn list(&mut self, view: &RecordView, more: u16) -> (RecordOp, Vec<Did>) {
        let steps = path(&["steps"]);
        let Some(Value::List(items)) = view.get(&["steps"]) else {
            panic!("a list is always there");
        };
        if more.is_multiple_of(3) && !items.is_empty() {
            let at = usize::from(more) % items.len();
            let did = vec![Did::Delete(steps.clone(), items[at].clone())];
            return (
                RecordOp::Delete {
                    field: steps,
                    at: at as u32,
                    count: 1,
                },
                did,
            );
        }
        self.next += 1;
        let value = Value::from(format!("e{}", self.next));
        let at = usize::from(more) % (items.len() + 1);
        let did = vec![Did::Insert(steps.clone(), value.clone())];
        (
            RecordOp::Insert {
                field: steps,
                at: at as u32,
                value,
            },
            did,
        )
    }

    fn text(&mut self, view: &RecordView, more: u16) -> (RecordOp, Vec<Did>) {
        let note = path(&["note"]);
        let chars: Vec<char> = view
            .get(&["note"])
            .and_then(Value::as_text)
            .expect("text")
            .chars()
            .collect();
        let at = usize::from(more) % (chars.len() + 1);
        let gone: Vec<char> = chars[at..]
            .iter()
            .take(usize::from(more % 4))
            .copied()
            .collect();
        let fresh: String = (0..more % 3)
            .map(|_| {
                self.next += 1;
                let plane = if self.next.is_multiple_of(3) {
                    0x1_F300
                } else {
                    0x4E00
                };
                char::from_u32(plane + self.next).expect("a character")
            })
            .collect();
        let units = |chars: &[char]| chars.iter().map(|c| c.len_utf16() as u32).sum::<u32>();
        let mut did: Vec<Did> = Vec::new();
        did.extend(
            gone.iter()
                .map(|c| Did::Delete(note.clone(), Value::from(c.to_string()))),
        );
        did.extend(
            fresh
                .chars()
                .map(|c| Did::Insert(note.clone(), Value::from(c.to_string()))),
        );
        let op = RecordOp::Splice {
            field: note,
            at: units(&chars[..at]),
            delete: units(&gone),
            insert: fresh,
        };
        (op, did)
    }

    /// Everyone gets everything: all equal, and as the model says.
    fn finish(mut self) {
        let view = settle(&mut self.replicas);
        let changes = &self.changes;
        let is = |field: &[&str], value: Value| {
            let shown = view.get(field).cloned().unwrap_or(Value::Null);
            assert_eq!(shown, value, "{field:?}");
        };
        is(&["rank"], model::lww(changes, &path(&["rank"])));
        is(&["estimate"], model::lww(changes, &path(&["estimate"])));
        is(&["spot"], model::lww(changes, &path(&["spot"])));
        is(
            &["subject"],
            model::once(changes, &path(&["subject"]), |_, _| None),
        );
        is(&["votes"], model::counter(changes, &path(&["votes"])));
        is(
            &["more", "count"],
            model::counter(changes, &path(&["more", "count"])),
        );
        is(
            &["more", "colour"],
            model::lww(changes, &path(&["more", "colour"])),
        );
        is(&["tags"], model::set(changes, &path(&["tags"])));
        is(&["remarks"], model::appended(changes, &path(&["remarks"])));
        is(&["extra"], model::open(changes, &path(&["extra"])));
        assert_eq!(view.life, model::life(changes));
        assert_eq!(view.version, changes.len() as u64);
        let newest = view.last_modified.map(|by| (by.hlc, by.author));
        assert_eq!(newest, model::newest(changes));

        let Some(Value::List(steps)) = view.get(&["steps"]) else {
            panic!("a list is always there");
        };
        let there: BTreeSet<Value> = steps.iter().cloned().collect();
        assert_eq!(there, model::standing(changes, &path(&["steps"])));
        assert_eq!(there.len(), steps.len());
        let note = view.get(&["note"]).and_then(Value::as_text).expect("text");
        let chars: BTreeSet<Value> = note.chars().map(|c| Value::from(c.to_string())).collect();
        assert_eq!(chars, model::standing(changes, &path(&["note"])));
        assert_eq!(chars.len(), note.chars().count());

        for field in ["rank", "estimate", "spot"] {
            let told = view
                .conflicts
                .iter()
                .find(|conflict| conflict.field == path(&[field]));
            let mut wanted = model::candidates(changes, &path(&[field]));
            let first = wanted.first().map(|(value, ..)| value.clone());
            if wanted
                .iter()
                .all(|(value, ..)| Some(value) == first.as_ref())
            {
                wanted.clear();
            }
            let told: Vec<_> = told
                .iter()
                .flat_map(|conflict| &conflict.candidates)
                .map(|one| (one.value.clone(), one.by.hlc, one.by.author))
                .collect();
            let wanted: Vec<_> = wanted
                .into_iter()
                .map(|(value, hlc, device)| (value, hlc, author_of(device)))
                .collect();
            assert_eq!(told, wanted, "{field}");
        }
        fits_its_schema(&view);
        self.look_back();
        self.replay_backwards(&view);
    }

    /// What every fifth author had seen: the same as where nothing else ever arrived.
    fn look_back(&self) {
        let messages = made(&self.replicas);
        for change in self.changes.iter().step_by(5) {
            let within = messages.iter().filter(|m| m.seq <= change.past[m.device]);
            let within: Vec<Message> = within.cloned().collect();
            let mut then = Replica::new(0, self.replicas.len(), &self.replicas[0].chain);
            then.take_all(&within);
            let now = &self.replicas[self.replicas.len() - 1];
            let past = now.past(&change.past);
            assert_eq!(now.doc.project_at(&past, &unnumbered), then.view());
        }
    }

    /// Another causal order, in one batch and one by one: the same view and digest.
    fn replay_backwards(&self, view: &RecordView) {
        let mut messages = made(&self.replicas);
        messages.reverse();
        let devices = self.replicas.len();
        let chain = &self.replicas[0].chain;
        let mut one = Replica::new(0, devices, chain);
        one.take_all(&messages);
        assert_eq!(&one.view(), view);

        let mut order = Vec::new();
        let mut held = vec![0; devices];
        while order.len() < messages.len() {
            let ready = messages.iter().find(|m| {
                m.seq == held[m.device] + 1
                    && m.past
                        .iter()
                        .zip(&held)
                        .all(|(needed, held)| needed <= held)
            });
            let ready = ready.expect("a causal order");
            held[ready.device] += 1;
            order.push(ready);
        }
        let mut whole = Replica::new(devices - 1, devices, chain);
        whole.take(&order);
        assert_eq!(&whole.view(), view);
        assert_eq!(whole.doc.digest(&unnumbered), one.doc.digest(&unnumbered));
        let snapshot = whole.doc.save();
        assert!(whole.doc.is_saved_by(&snapshot));
    }
}

/// A put of what is there already writes nothing, and the model has no word for that.
fn changes_nothing(view: &RecordView, op: &RecordOp) -> bool {
    let RecordOp::Put { field, value } = op else {
        return false;
    };
    let names: Vec<&str> = field.iter().map(String::as_str).collect();
    let shown = view.get(&names).cloned().unwrap_or(Value::Null);
    shown == *value
        && view
            .conflicts
            .iter()
            .all(|conflict| &conflict.field != field)
}

fn fits_its_schema(view: &RecordView) {
    let schema = schema(EVERY_RULE);
    let fields = schema
        .part("record")
        .and_then(|part| part.fields())
        .expect("fields");
    for (name, value) in &view.fields {
        let rule = &fields[name].rule;
        match (rule.name(), value) {
            ("set" | "list" | "append", Value::List(items)) => {
                assert!(items.iter().all(|item| rule.check(item).is_ok()), "{name}");
            }
            ("open", Value::Map(values)) => {
                assert!(
                    values.values().all(|value| rule.check(value).is_ok()),
                    "{name}"
                );
            }
            ("counter", Value::Int(_)) | ("text", Value::Text(_)) | ("map", Value::Map(_)) => {}
            _ => assert!(rule.check(value).is_ok(), "{name}: {value:?}"),
        }
    }
}

fn play(count: usize, dice: Vec<Dice>) {
    let mut run = Run::new(count);
    for step in dice {
        run.step(step);
    }
    run.finish();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_rule_gives_what_the_model_gives_on_3_to_6_replicas(
        count in 3usize..=6,
        dice in prop::collection::vec(any::<Dice>(), 0..60),
    ) {
        play(count, dice);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_rule_gives_what_the_model_gives_on_50_replicas(
        dice in prop::collection::vec(any::<Dice>(), 60..120),
    ) {
        play(50, dice);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn all_delivery_orders_of_up_to_six_changes_read_the_same(
        dice in prop::collection::vec(any::<Dice>(), 6..20),
    ) {
        let mut run = Run::new(3);
        for step in dice {
            if run.changes.len() < 6 {
                run.step(step);
            }
        }
        let messages = made(&run.replicas);
        let mut digests = BTreeSet::new();
        for order in orders(&messages, 3) {
            let mut replica = Replica::new(1, 3, &run.replicas[0].chain);
            let order: Vec<&Message> = order.iter().map(|at| &messages[*at]).collect();
            let (first, rest) = order.split_at(order.len() / 2);
            replica.take(first);
            for message in rest {
                replica.take(&[*message]);
            }
            digests.insert(replica.doc.digest(&unnumbered));
        }
        prop_assert!(digests.len() <= 1);
    }
}
