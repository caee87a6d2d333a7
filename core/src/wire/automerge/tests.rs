#![allow(clippy::arithmetic_side_effects)]

use super::*;
use crate::limits;
use ::automerge::{
    ActorId, Automerge, Change, ChangeHash, ObjId, ObjType, ROOT, ReadDoc, ScalarValue,
    marks::{ExpandMark, Mark as TextMark},
    transaction::{CommitOptions, Transactable, Transaction},
};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// One end of a stream: pens, tables, geneses and the marks of what went over it.
#[derive(Clone, Default, PartialEq, Debug)]
struct End {
    pens: BTreeMap<Vec<u8>, Pen>,
    tables: Tables,
    geneses: Geneses,
    marks: BTreeMap<[u8; 32], Mark>,
}

#[derive(Default)]
struct Pair {
    here: End,
    there: End,
}

impl Pair {
    fn carry(&mut self, change: &Change) -> Vec<u8> {
        let bytes = change.raw_bytes();
        let frontier = |end: &End| {
            change
                .deps()
                .iter()
                .filter_map(|dep| end.marks.get(&dep.0).copied())
                .collect::<Vec<_>>()
        };
        let (seen, actor) = (frontier(&self.here), change.actor_id().to_bytes().to_vec());
        let given = Given {
            seq: change.seq(),
            time: change.timestamp(),
            prev: None,
            deps: &seen,
            first: seen.is_empty() && change.seq() == 1,
        };
        let mut budget = limits::CHANGE_OPS_MAX;
        let here = &mut self.here;
        let pen = here.pens.entry(actor.clone()).or_default();
        let (compact, mark) = pack(
            bytes,
            given,
            pen,
            &mut here.tables,
            &mut here.geneses,
            &mut budget,
        );
        let mut other = limits::CHANGE_OPS_MAX;
        let there = &mut self.there;
        let pen = there.pens.entry(actor).or_default();
        let back = unpack(
            &compact,
            given,
            pen,
            &mut there.tables,
            &mut there.geneses,
            &mut other,
        );
        let (back, mark_there) = back.expect("rebuilt");
        assert_eq!(back, bytes);
        assert_eq!((mark, budget), (mark_there, other));
        let mark = mark.expect("a change");
        assert_eq!(
            (ChangeHash(mark.hash), mark.max_op),
            (change.hash(), change.max_op())
        );
        for end in [&mut self.here, &mut self.there] {
            end.marks.insert(mark.hash, mark);
        }
        assert_eq!(self.here, self.there);
        compact
    }
}

fn actor(byte: u8) -> ActorId {
    ActorId::from([byte; 16])
}

fn commit(doc: &mut Automerge, time: i64, edit: impl FnOnce(&mut Transaction<'_>)) -> Change {
    let mut txn = doc.transaction();
    edit(&mut txn);
    txn.commit_with(CommitOptions::default().with_time(time));
    doc.get_last_local_change().expect("an edit")
}

/// A record as its genesis makes it, and its containers.
fn record() -> (Automerge, ObjId, ObjId, ObjId) {
    let mut doc = Automerge::new().with_actor(actor(0xee));
    let mut made = Vec::new();
    commit(&mut doc, 0, |txn| {
        for (name, kind) in [
            ("text", ObjType::Text),
            ("tags", ObjType::Map),
            ("list", ObjType::List),
        ] {
            made.push(txn.put_object(ROOT, name, kind).unwrap());
        }
        txn.put(ROOT, "count", ScalarValue::counter(0)).unwrap();
    });
    let [text, tags, list] = made.try_into().unwrap();
    (doc, text, tags, list)
}

const NOW: i64 = (1_795_000_000_000 << 16) | 3;

#[test]
fn a_field_put_fits_in_thirteen_bytes_and_a_typed_key_in_three() {
    let (genesis, text, tags, _) = record();
    let mut doc = genesis.fork().with_actor(actor(1));
    let mut pair = Pair::default();
    let mut at = NOW;
    let mut carry = |doc: &mut Automerge, edit: &dyn Fn(&mut Transaction<'_>)| {
        at += 7 << 16;
        pair.carry(&commit(doc, at, |txn| edit(txn))).len()
    };
    carry(&mut doc, &|txn| txn.put(ROOT, "status", "open").unwrap());
    carry(&mut doc, &|txn| txn.splice_text(&text, 0, 0, "h").unwrap());
    for (at, key) in (1..).zip("ello wörl".chars()) {
        let size = carry(&mut doc, &|txn| {
            txn.splice_text(&text, at, 0, &key.to_string()).unwrap()
        });
        assert_eq!(size, 2 + key.len_utf8());
    }
    let put = |value: &'static str| {
        move |txn: &mut Transaction<'_>| txn.put(ROOT, "status", value).unwrap()
    };
    carry(&mut doc, &put("done"));
    assert!(carry(&mut doc, &put("reviewing")) <= 13);
    let now = at + (7 << 16);
    let tag = |txn: &mut Transaction<'_>| txn.put(&tags, "red", now).unwrap();
    assert!(commit_size(&mut pair, &mut doc, now, tag) <= 12);
    let tag = |txn: &mut Transaction<'_>| txn.put(&tags, "blue", now + 1).unwrap();
    assert!(commit_size(&mut pair, &mut doc, now + 1, tag) <= 9);
}

fn commit_size(
    pair: &mut Pair,
    doc: &mut Automerge,
    now: i64,
    edit: impl FnOnce(&mut Transaction<'_>),
) -> usize {
    pair.carry(&commit(doc, now, edit)).len()
}

#[test]
fn a_chain_continued_in_the_middle_carries_its_dependency_once() {
    let (genesis, text, ..) = record();
    let mut doc = genesis.fork().with_actor(actor(1));
    for at in 0..5 {
        commit(&mut doc, NOW + at, |txn| {
            txn.splice_text(&text, at as usize, 0, "x").unwrap()
        });
    }
    let mut pair = Pair::default();
    let mut sizes = Vec::new();
    for at in 5..8 {
        let change = commit(&mut doc, NOW + at, |txn| {
            txn.splice_text(&text, at as usize, 0, "x").unwrap()
        });
        sizes.push(pair.carry(&change).len());
    }
    assert!(sizes[0] > 32 && sizes[1..] == [3, 3], "{sizes:?}");
}

#[test]
fn what_is_not_understood_travels_raw() {
    let (mut pen, mut tables, mut geneses) = Default::default();
    let given = Given {
        seq: 1,
        time: 0,
        prev: None,
        deps: &[],
        first: true,
    };
    for bytes in [
        &b""[..],
        b"junk",
        &[0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1, 0],
    ] {
        let mut budget = 10;
        let (compact, mark) = pack(
            bytes,
            given,
            &mut pen,
            &mut tables,
            &mut geneses,
            &mut budget,
        );
        assert_eq!((compact[0], &compact[1..], mark), (RAW, bytes, None));
        let back = unpack(
            &compact,
            given,
            &mut pen,
            &mut tables,
            &mut geneses,
            &mut budget,
        );
        assert_eq!(back, Ok((bytes.to_vec(), None)));
    }
}

#[test]
fn a_run_of_deletions_cannot_expand_past_the_budget() {
    let (mut pen, mut tables, mut geneses) = Default::default();
    let given = Given {
        seq: 1,
        time: 0,
        prev: None,
        deps: &[],
        first: true,
    };
    let mut compact = vec![ACTOR];
    compact.extend_from_slice(&[7; 16]);
    compact.extend_from_slice(&[DELETE_RUN, 0, 3, 0x80, 0x80, 0x04]);
    let mut budget = 1_000;
    let error = unpack(
        &compact,
        given,
        &mut pen,
        &mut tables,
        &mut geneses,
        &mut budget,
    );
    assert!(
        matches!(error, Err(crate::wire::FormError::TooMany { .. })),
        "{error:?}"
    );
}

#[derive(Clone, Debug)]
enum Edit {
    Put(u8, i8),
    Text(u16, String),
    Cut(u16, u8),
    Tag(u8),
    Untag(u8),
    Count(i8),
    Entry(u16, String),
    Drop(u16),
    Over(u16, f64),
    Group(u8),
    Mark(u16, u8),
}

fn edits() -> impl Strategy<Value = Vec<(u8, u8, Vec<Edit>)>> {
    let text = "[a-zé😀]{1,5}";
    let edit = prop_oneof![
        3 => (0..4u8, any::<i8>()).prop_map(|(key, value)| Edit::Put(key, value)),
        3 => (any::<u16>(), text).prop_map(|(at, text)| Edit::Text(at, text)),
        2 => (any::<u16>(), 1..5u8).prop_map(|(at, len)| Edit::Cut(at, len)),
        1 => (0..5u8).prop_map(Edit::Tag),
        1 => (0..5u8).prop_map(Edit::Untag),
        1 => any::<i8>().prop_map(Edit::Count),
        1 => (any::<u16>(), text).prop_map(|(at, text)| Edit::Entry(at, text)),
        1 => any::<u16>().prop_map(Edit::Drop),
        1 => (any::<u16>(), any::<f64>()).prop_map(|(at, value)| Edit::Over(at, value)),
        1 => (0..3u8).prop_map(Edit::Group),
        1 => (any::<u16>(), 1..6u8).prop_map(|(at, len)| Edit::Mark(at, len)),
    ];
    proptest::collection::vec(
        (0..3u8, any::<u8>(), proptest::collection::vec(edit, 1..5)),
        1..40,
    )
}

fn perform(txn: &mut Transaction<'_>, parts: (&ObjId, &ObjId, &ObjId), edit: &Edit, now: i64) {
    let (text, tags, list) = parts;
    let units = txn.length(text);
    let entries = txn.length(list);
    let at = |at: u16, len: usize| usize::from(at) % (len + 1);
    match edit {
        Edit::Put(key, value) => txn.put(ROOT, format!("f{key}"), i64::from(*value)).unwrap(),
        Edit::Text(place, new) => txn.splice_text(text, at(*place, units), 0, new).unwrap(),
        Edit::Cut(place, len) => {
            let place = at(*place, units);
            let len = usize::from(*len).min(units - place);
            txn.splice_text(text, place, len as isize, "").unwrap();
        }
        Edit::Tag(tag) => txn.put(tags, format!("t{tag}"), now).unwrap(),
        Edit::Untag(tag) => {
            let tag = format!("t{tag}");
            if txn.get(tags, tag.as_str()).unwrap().is_some() {
                txn.delete(tags, tag).unwrap();
            }
        }
        Edit::Count(by) => txn.increment(ROOT, "count", i64::from(*by)).unwrap(),
        Edit::Entry(place, new) => {
            let entry = txn
                .insert_object(list, at(*place, entries), ObjType::Map)
                .unwrap();
            txn.put(&entry, "at", ScalarValue::Timestamp(now)).unwrap();
            txn.put(&entry, "body", new.as_str()).unwrap();
        }
        Edit::Drop(place) if entries > 0 => {
            txn.delete(list, usize::from(*place) % entries).unwrap()
        }
        Edit::Over(place, value) if entries > 0 => txn
            .put(list, usize::from(*place) % entries, *value)
            .unwrap(),
        Edit::Drop(_) | Edit::Over(..) => {}
        Edit::Group(field) => {
            let group = txn
                .put_object(ROOT, format!("g{field}"), ObjType::Map)
                .unwrap();
            txn.put(&group, "lat", 1.5).unwrap();
            txn.put(&group, "lon", ScalarValue::Null).unwrap();
            txn.put(&group, "raw", ScalarValue::Bytes(vec![1; 20]))
                .unwrap();
        }
        Edit::Mark(place, len) => {
            let start = at(*place, units);
            let end = (start + usize::from(*len)).min(units);
            if start < end {
                let mark = TextMark::new("bold".to_owned(), true, start, end);
                txn.mark(text, mark, ExpandMark::Both).unwrap();
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_change_of_concurrent_authors_comes_back_byte_for_byte(edits in edits()) {
        let (genesis, text, tags, list) = record();
        let mut docs: Vec<Automerge> =
            (1..4u8).map(|byte| genesis.fork().with_actor(actor(byte * 50))).collect();
        let mut pair = Pair::default();
        let mut now = NOW;
        let mut raw = 0;
        for (author, merge, edits) in &edits {
            let author = usize::from(*author);
            if merge % 3 == 0 {
                let mut other = docs[usize::from(*merge) % 3].clone();
                docs[author].merge(&mut other).unwrap();
            }
            now += i64::from(*merge) << 14;
            let before = docs[author].get_heads();
            let mut txn = docs[author].transaction();
            for edit in edits {
                perform(&mut txn, (&text, &tags, &list), edit, now);
            }
            txn.commit_with(CommitOptions::default().with_time(now));
            if docs[author].get_heads() != before {
                let change = docs[author].get_last_local_change().unwrap();
                raw += usize::from(pair.carry(&change)[0] == RAW);
            }
        }
        prop_assert_eq!(raw, 0);
    }

    #[test]
    fn hostile_compact_bytes_end_in_a_change_or_a_typed_error(
        head in 0..64u8,
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
    ) {
        let (genesis, text, ..) = record();
        let mut doc = genesis.fork().with_actor(actor(1));
        let mut pair = Pair::default();
        for at in 0..3 {
            let change = commit(&mut doc, NOW + at, |txn| {
                txn.splice_text(&text, at as usize, 0, "x").unwrap();
                txn.put(ROOT, "status", at).unwrap();
            });
            pair.carry(&change);
        }
        let End { mut pens, mut tables, mut geneses, marks } = pair.there;
        let pen = pens.values_mut().next().unwrap();
        let frontier: Vec<Mark> = marks.values().copied().collect();
        let given = Given { seq: 4, time: NOW + 9, prev: None, deps: &frontier, first: false };
        let compact: Vec<u8> = std::iter::once(head & !RAW).chain(bytes).collect();
        let mut budget = limits::CHANGE_OPS_MAX;
        if let Ok((chunk, mark)) = unpack(&compact, given, pen, &mut tables, &mut geneses, &mut budget) {
            prop_assert!(mark.is_some());
            prop_assert!(chunk.len() < 64 << 10);
        }
    }
}
