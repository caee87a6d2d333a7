//! A naive model of every merge rule: the list of all changes, and for each rule the shortest
//! definition of what it shows. Written from the rules' descriptions, not from the code.

use crate::world::{author_of, origin_of};
use anabranch_core::{hlc::Hlc, id::OriginId, record::Life, value::Value};
use std::collections::{BTreeMap, BTreeSet};

/// What one operation did.
#[derive(Clone, Debug)]
pub enum Did {
    /// A register or group, an open map's key.
    Put(Vec<String>, Value),
    Step(Vec<String>, i64),
    Add(Vec<String>, Value),
    Remove(Vec<String>, Value),
    /// An entry of a list, or a character of a text; each value is used once.
    Insert(Vec<String>, Value),
    Delete(Vec<String>, Value),
    Append(Vec<String>, Value),
    Life(bool),
}

/// One change.
#[derive(Clone, Debug)]
pub struct Change {
    pub device: usize,
    pub seq: u64,
    pub hlc: Hlc,
    pub past: Vec<u64>,
    pub did: Vec<Did>,
}

type Key = (Hlc, OriginId, u64, usize);

#[derive(Clone, Copy)]
struct Event<'m> {
    change: &'m Change,
    at: usize,
    did: &'m Did,
}

impl Event<'_> {
    fn saw(&self, other: &Event<'_>) -> bool {
        let same = (self.change.device, self.change.seq) == (other.change.device, other.change.seq);
        if same {
            return self.at > other.at;
        }
        self.change.past[other.change.device] >= other.change.seq
    }

    fn key(&self) -> Key {
        let change = self.change;
        (change.hlc, origin_of(change.device), change.seq, self.at)
    }
}

fn events(changes: &[Change]) -> Vec<Event<'_>> {
    let all = changes.iter();
    all.flat_map(|change| {
        let did = change.did.iter().enumerate();
        did.map(move |(at, did)| Event { change, at, did })
    })
    .collect()
}

/// The puts of a register that no other put of it has seen, newest first.
pub fn candidates(changes: &[Change], field: &[String]) -> Vec<(Value, Hlc, usize)> {
    let all = events(changes);
    let puts: Vec<Event<'_>> = all
        .into_iter()
        .filter(|event| matches!(event.did, Did::Put(at, _) if at == field))
        .collect();
    let mut standing: Vec<&Event<'_>> = puts
        .iter()
        .filter(|put| !puts.iter().any(|other| other.saw(put)))
        .collect();
    standing.sort_by_key(|event| std::cmp::Reverse(event.key()));
    let told = standing.into_iter().map(|event| match event.did {
        Did::Put(_, value) => (value.clone(), event.change.hlc, event.change.device),
        _ => unreachable!("filtered"),
    });
    told.collect()
}

pub fn lww(changes: &[Change], field: &[String]) -> Value {
    let shown = candidates(changes, field).into_iter().next();
    shown.map_or(Value::Null, |(value, ..)| value)
}

pub fn once(
    changes: &[Change],
    field: &[String],
    number: impl Fn(usize, u64) -> Option<u64>,
) -> Value {
    let all = events(changes);
    let puts = all.iter().filter_map(|event| match event.did {
        Did::Put(at, value) if at == field => {
            let number = number(event.change.device, event.change.seq);
            Some(((number.unwrap_or(u64::MAX), event.key()), value.clone()))
        }
        _ => None,
    });
    puts.min_by_key(|(key, _)| *key)
        .map_or(Value::Null, |(_, value)| value)
}

pub fn counter(changes: &[Change], field: &[String]) -> Value {
    let steps = events(changes).into_iter().map(|event| match event.did {
        Did::Step(at, by) if at == field => *by,
        _ => 0,
    });
    Value::Int(steps.sum())
}

/// An element is there if some add of it was seen by no remove of it.
pub fn set(changes: &[Change], field: &[String]) -> Value {
    let all = events(changes);
    let mut elements = BTreeSet::new();
    for event in &all {
        let Did::Add(at, value) = event.did else {
            continue;
        };
        let removed = all.iter().any(|other| {
            matches!(other.did, Did::Remove(of, gone) if of == at && gone == value)
                && other.saw(event)
        });
        if at == field && !removed {
            elements.insert(value.clone());
        }
    }
    Value::List(elements.into_iter().collect())
}

/// What stands in a list or text, in no particular order.
pub fn standing(changes: &[Change], field: &[String]) -> BTreeSet<Value> {
    let all = events(changes);
    let mut there = BTreeSet::new();
    for event in &all {
        if let Did::Insert(at, value) = event.did
            && at == field
        {
            there.insert(value.clone());
        }
    }
    for event in &all {
        if let Did::Delete(at, value) = event.did
            && at == field
        {
            there.remove(value);
        }
    }
    there
}

pub fn appended(changes: &[Change], field: &[String]) -> Value {
    let mut entries: Vec<(Key, Value)> = events(changes)
        .into_iter()
        .filter_map(|event| match event.did {
            Did::Append(at, value) if at == field => Some((event.key(), value.clone())),
            _ => None,
        })
        .collect();
    entries.sort_by_key(|(key, _)| *key);
    Value::List(entries.into_iter().map(|(_, value)| value).collect())
}

pub fn open(changes: &[Change], field: &[String]) -> Value {
    let keys: BTreeSet<String> = events(changes)
        .into_iter()
        .filter_map(|event| match event.did {
            Did::Put(at, _) if at.len() == field.len() + 1 && at.starts_with(field) => {
                at.last().cloned()
            }
            _ => None,
        })
        .collect();
    let mut values = BTreeMap::new();
    for key in keys {
        let mut at = field.to_vec();
        at.push(key.clone());
        let value = lww(changes, &at);
        if value != Value::Null {
            values.insert(key, value);
        }
    }
    Value::Map(values)
}

/// `recover`: deleted unless a restore, or a change that writes a field, is apart from every
/// delete that stands.
pub fn life(changes: &[Change]) -> Life {
    let all = events(changes);
    let marks: Vec<&Event<'_>> = all
        .iter()
        .filter(|event| matches!(event.did, Did::Life(_)))
        .collect();
    let standing: Vec<&&Event<'_>> = marks
        .iter()
        .filter(|mark| !marks.iter().any(|other| other.saw(mark)))
        .collect();
    let deletes: Vec<&&&Event<'_>> = standing
        .iter()
        .filter(|mark| matches!(mark.did, Did::Life(false)))
        .collect();
    if deletes.is_empty() {
        return Life::Alive;
    }
    if deletes.len() < standing.len() {
        return Life::Recovered;
    }
    let apart = |edit: &Event<'_>| {
        deletes.iter().all(|delete| {
            let other =
                (edit.change.device, edit.change.seq) != (delete.change.device, delete.change.seq);
            other && !edit.saw(delete) && !delete.saw(edit)
        })
    };
    let edits = all
        .iter()
        .filter(|event| !matches!(event.did, Did::Life(_)));
    if edits.filter(|edit| apart(edit)).count() > 0 {
        Life::Recovered
    } else {
        Life::Deleted
    }
}

/// The author and stamp of the newest change.
pub fn newest(changes: &[Change]) -> Option<(Hlc, anabranch_core::id::UserId)> {
    let newest = changes
        .iter()
        .max_by_key(|c| (c.hlc, origin_of(c.device), c.seq))?;
    Some((newest.hlc, author_of(newest.device)))
}
