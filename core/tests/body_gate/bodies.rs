//! Real yrs documents of both layouts, random edits on them, and their content as text.

use crate::rng::Rng;
use anabranch_core::schema::{BodyLayout, BodyShape};
use std::{
    collections::{BTreeMap, HashMap},
    fmt::Write,
};
use yrs::{
    Any, Doc, GetString, OffsetKind, Options, Out, ReadTxn, Text, TextRef, Transact,
    TransactionMut, Update, Xml, XmlElementPrelim, XmlElementRef, XmlFragment, XmlFragmentRef,
    XmlOut, XmlTextPrelim, XmlTextRef,
    block::ClientID,
    types::{Attrs, text::YChange},
    updates::decoder::Decode,
};

pub const ROOT: &str = "body";

pub fn shape(layout: BodyLayout) -> BodyShape {
    BodyShape {
        layout,
        root: ROOT.into(),
    }
}

pub enum Root {
    Text(TextRef),
    Tree(XmlFragmentRef),
}

pub fn new_doc(client: u64, layout: BodyLayout) -> (Doc, Root) {
    let mut options = Options::with_client_id(ClientID::new(client));
    options.offset_kind = OffsetKind::Utf16;
    options.skip_gc = true;
    options.cleanup_formatting = false;
    let doc = Doc::with_options(options);
    let root = root(&doc, layout);
    (doc, root)
}

pub fn root(doc: &Doc, layout: BodyLayout) -> Root {
    match layout {
        BodyLayout::Text => Root::Text(doc.get_or_insert_text(ROOT)),
        BodyLayout::ProseMirror => Root::Tree(doc.get_or_insert_xml_fragment(ROOT)),
    }
}

pub fn apply(doc: &Doc, update: &[u8]) -> Result<(), String> {
    let update = Update::decode_v1(update).map_err(|error| format!("decode: {error}"))?;
    let mut txn = doc.transact_mut();
    txn.apply_update(update)
        .map_err(|error| format!("apply: {error}"))
}

/// Text that stays recognisable: characters from two wide ranges, and some ASCII.
pub fn fresh(rng: &mut Rng) -> String {
    (0..1 + rng.below(4))
        .map(|_| match rng.below(8) {
            0 | 1 => char::from(b'a' + rng.below(26) as u8),
            2 | 3 => char::from_u32(0x20000 + rng.below(40_000) as u32).unwrap(),
            _ => char::from_u32(0x4e00 + rng.below(20_000) as u32).unwrap(),
        })
        .collect()
}

/// One random edit.
pub fn edit(root: &Root, txn: &mut TransactionMut<'_>, rng: &mut Rng) {
    match root {
        Root::Text(text) => edit_text(text, txn, rng),
        Root::Tree(tree) => edit_tree(tree, txn, rng),
    }
}

/// Where characters and embeds begin and end.
fn borders<R: ReadTxn>(text: &impl Text, txn: &R) -> Vec<u32> {
    let mut borders = vec![0];
    for unit in units(text, txn) {
        let last = *borders.last().unwrap();
        match unit {
            0xdc00..=0xdfff => *borders.last_mut().unwrap() += 1,
            _ => borders.push(last + 1),
        }
    }
    borders
}

/// The UTF-16 units of a text; an embed counts as U+FFFC.
pub fn units<R: ReadTxn>(text: &impl Text, txn: &R) -> Vec<u16> {
    let mut units = vec![];
    for piece in text.diff(txn, YChange::identity) {
        match piece.insert {
            Out::Any(Any::String(text)) => units.extend(text.encode_utf16()),
            _ => units.push(0xfffc),
        }
    }
    units
}

fn format(rng: &mut Rng) -> Attrs {
    let name = rng.pick(&["bold", "italic", "link", "color"]);
    let value = match (name, rng.below(3)) {
        (_, 0) => Any::Null,
        ("link", _) => Any::from(HashMap::from([("href".to_string(), Any::from("x/é"))])),
        ("color", _) => Any::from("#ff0"),
        _ => Any::from(true),
    };
    Attrs::from([(name.into(), value)])
}

fn edit_text(text: &impl Text, txn: &mut TransactionMut<'_>, rng: &mut Rng) {
    let borders = borders(text, txn);
    let from = rng.below(borders.len());
    let to = (from + 1 + rng.below(5)).min(borders.len() - 1);
    let (at, len) = (borders[from], borders[to].saturating_sub(borders[from]));
    match rng.below(10) {
        0..=3 => text.insert(txn, at, &fresh(rng)),
        4 => text.insert_with_attributes(txn, at, &fresh(rng), format(rng)),
        5 | 6 if len > 0 => text.remove_range(txn, at, len),
        7 | 8 if len > 0 => text.format(txn, at, len, format(rng)),
        9 => {
            let image = HashMap::from([("image".to_string(), Any::from("i.png"))]);
            text.insert_embed(txn, at, Any::from(image));
        }
        _ => text.insert(txn, borders[borders.len() - 1], &fresh(rng)),
    }
}

fn paragraph(parent: &impl XmlFragment, txn: &mut TransactionMut<'_>, at: u32, text: &str) {
    let block = parent.insert(txn, at, XmlElementPrelim::empty("paragraph"));
    block.push_back(txn, XmlTextPrelim::new(text));
}

fn edit_tree(tree: &XmlFragmentRef, txn: &mut TransactionMut<'_>, rng: &mut Rng) {
    let (mut blocks, mut texts): (Vec<XmlElementRef>, Vec<XmlTextRef>) = (vec![], vec![]);
    for node in tree.successors(txn) {
        match node {
            XmlOut::Element(block) => blocks.push(block),
            XmlOut::Text(text) => texts.push(text),
            XmlOut::Fragment(_) => {}
        }
    }
    let count = tree.len(txn);
    if blocks.is_empty() || texts.is_empty() || rng.one_in(8) {
        let at = rng.below(count as usize + 1) as u32;
        return paragraph(tree, txn, at, &fresh(rng));
    }
    let (block, text) = (rng.pick(&blocks), rng.pick(&texts));
    match rng.below(12) {
        0 => {
            let at = rng.below(block.len(txn) as usize + 1) as u32;
            paragraph(&block, txn, at, &fresh(rng));
        }
        1 => {
            let level = Any::from(rng.below(6) as i64);
            block.insert_attribute(txn, "level", level);
        }
        2 => drop(block.insert_attribute(txn, "align", rng.pick(&["left", "right"]))),
        3 => block.remove_attribute(txn, &"level"),
        4 if count > 3 => tree.remove_range(txn, rng.below(count as usize) as u32, 1),
        5 if block.len(txn) > 0 => {
            block.remove_range(txn, rng.below(block.len(txn) as usize) as u32, 1);
        }
        // A split: the tail moves to a new block.
        6 => {
            let borders = borders(&text, txn);
            let at = rng.pick(&borders);
            let tail = borders[borders.len() - 1] - at;
            if tail > 0 {
                text.remove_range(txn, at, tail);
            }
            let place = rng.below(count as usize + 1) as u32;
            paragraph(tree, txn, place, &fresh(rng));
        }
        7 => drop(text.insert_attribute(txn, "lang", "de")),
        _ => edit_text(&text, txn, rng),
    }
}

/// Edits at fixed places, to see that a document can still be worked on.
pub fn work_on(root: &Root, txn: &mut TransactionMut<'_>) {
    fn in_text(text: &impl Text, txn: &mut TransactionMut<'_>) {
        text.insert(txn, 0, "Q");
        let len = text.len(txn);
        text.insert(txn, len, "Z");
        text.remove_range(txn, 0, 1);
    }
    match root {
        Root::Text(text) => in_text(text, txn),
        Root::Tree(tree) => {
            let texts = tree.successors(txn).filter_map(|node| match node {
                XmlOut::Text(text) => Some(text),
                XmlOut::Element(_) | XmlOut::Fragment(_) => None,
            });
            for text in texts.collect::<Vec<_>>() {
                in_text(&text, txn);
            }
            paragraph(tree, txn, 0, "first");
            let count = tree.len(txn);
            paragraph(tree, txn, count / 2, "middle");
            paragraph(tree, txn, count, "last");
        }
    }
}

/// Everything a reader sees, in one line per root.
pub fn picture(doc: &Doc, layout: BodyLayout) -> String {
    let root = root(doc, layout);
    let txn = doc.transact();
    let mut out = String::new();
    match &root {
        Root::Text(text) => {
            picture_text(text, &txn, &mut out);
            write!(out, " {} {:?}", text.len(&txn), text.get_string(&txn)).unwrap();
        }
        Root::Tree(tree) => {
            for node in tree.children(&txn) {
                picture_node(&node, &txn, &mut out);
            }
            write!(out, " {} {:?}", tree.len(&txn), tree.get_string(&txn).len()).unwrap();
        }
    }
    out
}

/// A value in one form: keys sorted, and numbers by what they are, since the engine itself reads
/// large whole numbers back as floats and counts them equal.
fn plain(any: &Any) -> String {
    match any {
        Any::Number(number) => match number.as_f64() {
            Some(float) => format!("{float:?}"),
            None => format!("{number:?}"),
        },
        Any::Array(items) => format!("{:?}", items.iter().map(plain).collect::<Vec<_>>()),
        Any::Map(entries) => {
            let plain = entries.iter().map(|(key, any)| (key, plain(any)));
            format!("{:?}", plain.collect::<BTreeMap<_, _>>())
        }
        other => format!("{other:?}"),
    }
}

fn picture_text<R: ReadTxn>(text: &impl Text, txn: &R, out: &mut String) {
    let mut before = None;
    for piece in text.diff(txn, YChange::identity) {
        let mut marks: Vec<_> = piece
            .attributes
            .iter()
            .flat_map(|marks| marks.iter())
            .collect();
        marks.sort_by(|left, right| left.0.cmp(right.0));
        let marks: Vec<_> = marks.iter().map(|(name, any)| (name, plain(any))).collect();
        let marks = format!("{marks:?}");
        if before.as_ref() != Some(&marks) {
            write!(out, "|{marks}|").unwrap();
            before = Some(marks);
        }
        match piece.insert {
            Out::Any(Any::String(text)) => out.push_str(&text),
            Out::Any(any) => write!(out, "({})", plain(&any)).unwrap(),
            other => write!(out, "({other:?})").unwrap(),
        }
    }
}

fn picture_node<R: ReadTxn>(node: &XmlOut, txn: &R, out: &mut String) {
    let attributes = |node: &dyn Fn() -> Vec<(String, String)>| {
        let mut attributes = node();
        attributes.sort();
        format!("{attributes:?}")
    };
    let text = |(name, value): (&str, Out)| match value {
        Out::Any(any) => (name.to_string(), plain(&any)),
        other => (name.to_string(), format!("{other:?}")),
    };
    match node {
        XmlOut::Element(block) => {
            let marks = attributes(&|| block.attributes(txn).map(text).collect());
            write!(out, "<{} {marks}>", block.tag()).unwrap();
            for child in block.children(txn) {
                picture_node(&child, txn, out);
            }
            out.push_str("</>");
        }
        XmlOut::Text(run) => {
            let marks = attributes(&|| run.attributes(txn).map(text).collect());
            write!(out, "({marks})").unwrap();
            picture_text(run, txn, out);
            out.push(';');
        }
        XmlOut::Fragment(_) => out.push_str("FRAGMENT"),
    }
}
