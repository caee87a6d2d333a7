#![allow(clippy::arithmetic_side_effects)]

use super::*;
use crate::wire::bytes::FormError;
use ::yrs::{
    Any, ClientID, Doc, GetString, Map, OffsetKind, Options, Text, Transact, TransactionMut,
    Update, WriteTxn, XmlElementPrelim, XmlFragment, XmlTextPrelim, types::Attrs,
    updates::decoder::Decode,
};
use proptest::prelude::*;

fn doc(client: u64) -> Doc {
    Doc::with_options(Options {
        client_id: ClientID::new(client),
        offset_kind: OffsetKind::Utf16,
        skip_gc: true,
        ..Options::default()
    })
}

fn update(doc: &Doc, edit: impl FnOnce(&mut TransactionMut<'_>)) -> Vec<u8> {
    let mut txn = doc.transact_mut();
    edit(&mut txn);
    txn.encode_update_v1()
}

/// A stream of one document: every chain's pen, on both ends.
#[derive(Default)]
struct Pair {
    here: (BTreeMap<u64, Pen>, Crowd),
    there: (BTreeMap<u64, Pen>, Crowd),
}

impl Pair {
    fn carry(&mut self, chain: u64, bytes: &[u8]) -> Vec<u8> {
        let compact = pack(
            bytes,
            self.here.0.entry(chain).or_default(),
            &mut self.here.1,
        );
        let back = unpack(
            &compact,
            self.there.0.entry(chain).or_default(),
            &mut self.there.1,
        );
        assert_eq!(back.as_deref(), Ok(bytes), "compact {compact:02x?}");
        assert_eq!(self.here, self.there);
        compact
    }
}

#[test]
fn a_typed_key_is_two_bytes_and_a_backspace_one() {
    let doc = doc(0x1f_ffff_ffff_ff01);
    let mut pair = Pair::default();
    let mut sizes = Vec::new();
    for (at, key) in "hello wörld".chars().enumerate() {
        let bytes = update(&doc, |txn| {
            txn.get_or_insert_text("body")
                .insert(txn, at as u32, &key.to_string())
        });
        sizes.push(pair.carry(1, &bytes).len());
    }
    assert_eq!(sizes[1..7], [2; 6]);
    let backspace = |at| {
        update(&doc, |txn| {
            txn.get_or_insert_text("body").remove_range(txn, at, 1)
        })
    };
    assert_eq!(pair.carry(1, &backspace(10)).len(), 1);
    assert_eq!(pair.carry(1, &backspace(9)).len(), 1);
}

#[test]
fn an_unknown_author_can_be_continued_in_the_middle_of_its_clock() {
    let doc = doc(7);
    update(&doc, |txn| {
        txn.get_or_insert_text("body")
            .insert(txn, 0, "before the stream")
    });
    let mut pair = Pair::default();
    let bytes = update(&doc, |txn| {
        txn.get_or_insert_text("body").insert(txn, 17, "x")
    });
    assert!(pair.carry(1, &bytes).len() <= 8);
    let bytes = update(&doc, |txn| {
        txn.get_or_insert_text("body").insert(txn, 18, "y")
    });
    assert_eq!(pair.carry(1, &bytes).len(), 2);
}

#[test]
fn what_is_not_understood_travels_raw() {
    let mut pair = Pair::default();
    for bytes in [&b"\x02junk"[..], &[1, 1, 5, 0, 0, 9, 0], &[]] {
        let compact = pair.carry(1, bytes);
        assert_eq!(compact[1..], *bytes);
    }
}

#[test]
fn references_without_context_are_named_as_such() {
    let (mut pen, mut crowd) = (Pen::default(), Crowd::default());
    for compact in [&[0x28u8, b'x'][..], &[FORM_DELETE | DELETE_BEFORE << 3]] {
        let error = unpack(compact, &mut pen, &mut crowd);
        assert!(matches!(error, Err(FormError::Context { .. })), "{error:?}");
    }
}

#[derive(Clone, Debug)]
enum Edit {
    Type(u16, String),
    Delete(u16, u8),
    Replace(u16, u8, String),
    Bold(u16, u8),
    Set(u8, i64),
    Paragraph(String),
    Embed(u16),
}

fn edits() -> impl Strategy<Value = Vec<(u8, Edit)>> {
    let text = "[a-zé😀\\n]{1,6}";
    let edit = prop_oneof![
        4 => (any::<u16>(), text).prop_map(|(at, text)| Edit::Type(at, text)),
        2 => (any::<u16>(), 1..5u8).prop_map(|(at, len)| Edit::Delete(at, len)),
        1 => (any::<u16>(), 1..5u8, text).prop_map(|(at, len, text)| Edit::Replace(at, len, text)),
        1 => (any::<u16>(), 1..9u8).prop_map(|(at, len)| Edit::Bold(at, len)),
        1 => (0..4u8, any::<i64>()).prop_map(|(key, value)| Edit::Set(key, value >> 12)),
        1 => text.prop_map(Edit::Paragraph),
        1 => any::<u16>().prop_map(Edit::Embed),
    ];
    proptest::collection::vec((0..3u8, edit), 1..60)
}

/// A place in the text that splits no surrogate pair.
fn place(text: &str, at: u16) -> u32 {
    let count = text.chars().count();
    let at = usize::from(at) % (count + 1);
    text.chars().take(at).map(|c| c.len_utf16() as u32).sum()
}

fn perform(doc: &Doc, edit: &Edit) -> Vec<u8> {
    let body = doc.get_or_insert_text("body");
    let text = body.get_string(&doc.transact());
    let range = |at: u16, len: u8| {
        let start = place(&text, at);
        let units = text
            .chars()
            .scan(0u32, |from, c| {
                let here = *from;
                *from += c.len_utf16() as u32;
                Some((here, c))
            })
            .filter(|(here, _)| *here >= start)
            .take(usize::from(len))
            .map(|(_, c)| c.len_utf16() as u32)
            .sum::<u32>();
        (start, units)
    };
    update(doc, |txn| match edit {
        Edit::Type(at, new) => body.insert(txn, place(&text, *at), new),
        Edit::Delete(at, len) => {
            let (start, units) = range(*at, *len);
            body.remove_range(txn, start, units);
        }
        Edit::Replace(at, len, new) => {
            let (start, units) = range(*at, *len);
            body.remove_range(txn, start, units);
            body.insert(txn, start, new);
        }
        Edit::Bold(at, len) => {
            let (start, units) = range(*at, *len);
            body.format(
                txn,
                start,
                units,
                Attrs::from([("bold".into(), true.into())]),
            );
        }
        Edit::Set(key, value) => {
            let map = txn.get_or_insert_map("map");
            map.insert(txn, format!("k{key}"), Any::from(*value));
        }
        Edit::Paragraph(new) => {
            let page = txn.get_or_insert_xml_fragment("default");
            let element = page.push_back(txn, XmlElementPrelim::empty("paragraph"));
            element.push_back(txn, XmlTextPrelim::new(new.as_str()));
        }
        Edit::Embed(at) => {
            body.insert_embed(txn, place(&text, *at), Any::from("image"));
        }
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn every_update_of_concurrent_authors_comes_back_byte_for_byte(edits in edits()) {
        let docs: Vec<Doc> = (0..3).map(|i| doc(0xabcd_0000_0001 + i * 77_777)).collect();
        let mut pair = Pair::default();
        let mut unseen: Vec<Vec<Vec<u8>>> = vec![Vec::new(); 3];
        for (at, (author, edit)) in edits.iter().enumerate() {
            let author = usize::from(*author);
            if at % 4 == 0 {
                for bytes in unseen[author].drain(..) {
                    docs[author].transact_mut().apply_update(Update::decode_v1(&bytes).unwrap()).unwrap();
                }
            }
            let bytes = perform(&docs[author], edit);
            let compact = pair.carry(author as u64, &bytes);
            prop_assert_ne!(compact[0], FORM_CONTROL, "raw for {:02x?}", bytes);
            for (other, list) in unseen.iter_mut().enumerate() {
                if other != author {
                    list.push(bytes.clone());
                }
            }
        }
    }

    #[test]
    fn hostile_compact_bytes_end_in_an_update_or_a_typed_error(
        bytes in proptest::collection::vec(any::<u8>(), 0..64),
        warm in any::<bool>(),
    ) {
        let (mut pen, mut crowd) = (Pen::default(), Crowd::default());
        if warm {
            let doc = doc(99);
            for at in 0..4 {
                let typed = update(&doc, |txn| txn.get_or_insert_text("t").insert(txn, at, "x"));
                pack(&typed, &mut pen, &mut crowd);
            }
        }
        if let Ok(update) = unpack(&bytes, &mut pen, &mut crowd) {
            prop_assert!(update.len() <= 64 * 16 + 64);
        }
    }
}
