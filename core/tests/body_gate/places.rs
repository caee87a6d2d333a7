//! What may stand where, how deep and how much of it.

use crate::{
    bodies::ROOT,
    story::{A, B, PARAGRAPH, Story, block, root, rooted},
    wire::{self, Parent, Update, text},
};
use anabranch_core::{body::BodyRule, limits, schema::BodyLayout};
use std::time::Instant;

#[test]
fn only_what_the_layout_has_a_place_for_may_stand() {
    let mut tree = Story::new(BodyLayout::ProseMirror);
    tree.write(
        A,
        &Update::of(
            1,
            0,
            vec![
                block(root(), 7, PARAGRAPH, 1),
                block(Parent::Id((1, 0)), 7, &[6], 1),
                text(None, None, Some(Parent::Id((1, 1))), "text"),
            ],
        ),
    );
    let mut code = |parent, reference, content: &[u8], key: Option<&str>| {
        let mut block = block(parent, reference, content, 1);
        block.attribute = key.is_some();
        block.key = key.map(str::to_owned);
        tree.code(B, &Update::of(2, 0, vec![block]))
    };
    let (element, run) = (Parent::Id((1, 0)), Parent::Id((1, 1)));
    assert_eq!(
        code(element.clone(), 8, &[1, 125, 3], Some("level")),
        "accepted"
    );
    assert_eq!(code(run.clone(), 8, &[1, 125, 3], Some("lang")), "accepted");
    assert_eq!(code(root(), 8, &[1, 125, 3], Some("level")), "block-place");
    assert_eq!(code(root(), 8, &[1, 125, 3], None), "block-place");
    assert_eq!(code(root(), 4, &[1, b'x'], None), "block-place");
    assert_eq!(
        code(element.clone(), 4, &[1, b'x'], Some("level")),
        "block-place"
    );
    assert_eq!(code(element.clone(), 8, &[1, 125, 3], Some("")), "key-form");
    assert_eq!(
        code(element.clone(), 8, &[1, 125, 3], Some("a\nb")),
        "key-form"
    );
    assert_eq!(code(run, 7, PARAGRAPH, None), "block-place");
    for kind in [0, 1, 2, 4, 5, 7, 9, 15] {
        assert_eq!(code(element.clone(), 7, &[kind], None), "type-kind");
    }
    assert_eq!(code(root(), 7, b"\x03\x04<b/>", None), "type-tag");
    assert_eq!(code(root(), 7, b"\x03\x00", None), "type-tag");
    assert_eq!(code(Parent::Id((1, 2)), 4, &[1, b'x'], None), "parent-kind");
    assert_eq!(
        code(Parent::Root("other".into()), 7, PARAGRAPH, None),
        "parent-root"
    );
    for reference in [2, 3, 9, 10, 11, 15] {
        assert_eq!(code(root(), reference, &[1, b'x'], None), "block-content");
    }
    // An attribute has one value, no right neighbour, and the attribute bit.
    let mut twice = block(element.clone(), 8, &[2, 126, 126], 2);
    (twice.attribute, twice.key) = (true, Some("level".into()));
    let mut twice = Update::of(2, 0, vec![twice]);
    assert_eq!(tree.code(B, &twice), "attribute-values");
    twice.deletes = vec![(2, vec![(0, 2)])];
    assert_eq!(tree.code(B, &twice), "accepted");
}

#[test]
fn bombs_are_refused_before_they_cost_anything() {
    let start = Instant::now();
    let mut tree = Story::new(BodyLayout::ProseMirror);
    let nested = |deep: u32| {
        let parent = |at: u32| {
            if at == 0 {
                root()
            } else {
                Parent::Id((1, at - 1))
            }
        };
        let blocks = (0..deep).map(|at| block(parent(at), 7, PARAGRAPH, 1));
        Update::of(1, 0, blocks.collect())
    };
    assert_eq!(tree.code(A, &nested(64)), "accepted");
    assert_eq!(tree.code(A, &nested(65)), "type-depth");
    assert_eq!(tree.code(A, &nested(5_000)), "block-count");
    tree.write(A, &nested(64));
    let deeper = Update::of(2, 0, vec![block(Parent::Id((1, 63)), 7, PARAGRAPH, 1)]);
    assert_eq!(tree.code(B, &deeper), "type-depth");

    let mut values = |content: Vec<u8>| {
        let mut block = block(Parent::Id((1, 0)), 8, &content, 1);
        (block.attribute, block.key) = (true, Some("level".into()));
        tree.code(B, &Update::of(2, 0, vec![block]))
    };
    let arrays = [vec![1], [117u8, 1].repeat(6_250), vec![126]].concat();
    assert_eq!(values(arrays), "value-depth");
    let mut claims = vec![1];
    for _ in 0..200 {
        claims.push(118);
        wire::var(&mut claims, 1 << 20);
        claims.push(0);
    }
    assert_eq!(values(claims), "value-count");

    let mut text_body = Story::new(BodyLayout::Text);
    text_body.write(A, &Update::of(1, 0, vec![rooted(&"x".repeat(200_000))]));
    let scattered = |count| Update::deleting(vec![(1, (0..count).map(|at| (at * 2, 1)).collect())]);
    assert_eq!(text_body.code(B, &scattered(4_096)), "accepted");
    assert_eq!(text_body.code(B, &scattered(60_000)), "delete-count");
    let splits = |count: u32| {
        let split = |at: u32| text(Some((1, at * 2)), Some((1, at * 2 + 1)), None, "y");
        Update::of(2, 0, (0..count).map(split).collect())
    };
    assert_eq!(text_body.code(B, &splits(4_096)), "accepted");
    assert_eq!(text_body.code(B, &splits(12_000)), "block-count");
    let large = Update::of(
        2,
        0,
        vec![text(Some((1, 199_999)), None, None, &"y".repeat(300_000))],
    );
    assert_eq!(text_body.code(B, &large), "update-size");
    let embed = |json: String| {
        let mut content = vec![];
        wire::bytes(&mut content, json.as_bytes());
        let mut embed = block(root(), 5, &content, 1);
        (embed.left, embed.parent) = (Some((1, 199_999)), None);
        Update::of(2, 0, vec![embed])
    };
    assert_eq!(
        text_body.code(B, &embed("[".repeat(100_000))),
        "value-depth"
    );
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

/// An engine hands an embedded string back as text, so two bodies that show the same would differ.
#[test]
fn an_embed_is_anything_but_a_string() {
    let mut body = Story::new(BodyLayout::Text);
    let mut code = |json: &str| {
        let mut content = vec![];
        wire::bytes(&mut content, json.as_bytes());
        body.code(A, &Update::of(1, 0, vec![block(root(), 5, &content, 1)]))
    };
    for json in ["\"text\"", "\"\""] {
        assert_eq!(code(json), "embed-text");
    }
    for json in ["{\"a\":1}", "[\"a\"]", "7", "null"] {
        assert_eq!(code(json), "accepted");
    }
}

/// Yjs drops the content of what is made and deleted in one transaction before it sends it: an item
/// without content where the container stays, units without a place where that went too.
#[test]
fn what_an_update_makes_and_deletes_may_come_without_its_content() {
    let mut tree = Story::new(BodyLayout::ProseMirror);
    // An element is gone, with a text of 3 units in it; a paragraph stays, with a text in which
    // 2 units are gone and an attribute that was set twice.
    let gone = |from: u32, len: u32| {
        let mut bytes = vec![1, 6, 1, 0];
        bytes.extend([1, 1]);
        wire::bytes(&mut bytes, ROOT.as_bytes());
        bytes.extend([1, 0, 4]);
        bytes.extend([0x80 | 7, 1, 0, 3, 9]);
        bytes.extend(b"paragraph");
        bytes.extend([7, 0, 1, 5, 6]);
        bytes.extend([1, 0, 1, 6, 2]);
        bytes.extend([0x20 | 1, 0, 1, 5, 5]);
        bytes.extend(b"level");
        bytes.push(1);
        bytes.extend([1, 1, 2, from as u8, len as u8, 7, 3]);
        bytes
    };
    let whole = gone(0, 5);
    let judged = tree.gate.judge_update(A, &tree.past, &whole);
    let judged = judged.unwrap_or_else(|rule| panic!("{rule}"));
    assert_eq!((judged.end(), judged.deleted()), (10, 8));
    for (from, len, clock) in [(0, 4, 1), (1, 4, 0)] {
        let verdict = tree.gate.judge_update(A, &tree.past, &gone(from, len));
        assert_eq!(verdict.unwrap_err(), BodyRule::Tombstone { clock });
    }
    tree.gate.admit(&judged);
    tree.past.raise(A, 1);
    // What has no place is named by nobody.
    for left in 1..5 {
        let beside = Update::of(2, 0, vec![text(Some((1, left)), None, None, "x")]);
        assert_eq!(tree.code(B, &beside), "block-place");
        let inside = Update::of(
            2,
            0,
            vec![text(None, None, Some(Parent::Id((1, left))), "x")],
        );
        assert_eq!(tree.code(B, &inside), "parent-kind");
    }
    let beside = Update::of(2, 0, vec![text(Some((1, 8)), None, None, "x")]);
    assert_eq!(tree.code(B, &beside), "accepted");
    let inside = Update::of(2, 0, vec![text(None, None, Some(Parent::Id((1, 0))), "x")]);
    assert_eq!(tree.code(B, &inside), "parent-kind");

    // As many units as an update could have brought, and no header bits where there is no place.
    let mut body = Story::new(BodyLayout::Text);
    let mut code = |header: u8, len: u32| {
        let mut bytes = vec![1, 1, 1, 0, header];
        wire::var(&mut bytes, u64::from(len));
        bytes.extend([1, 1, 1, 0]);
        wire::var(&mut bytes, u64::from(len));
        let verdict = body.gate.judge_update(A, &body.past, &bytes);
        verdict.map_or_else(|rule| rule.code(), |_| "accepted")
    };
    assert_eq!(code(0, 1), "accepted");
    assert_eq!(code(0, 256 << 10), "accepted");
    for len in [0, (256 << 10) + 1, limits::CLOCK_MAX] {
        assert_eq!(code(0, len), "block-tombstone");
    }
    assert_eq!(code(0x20, 1), "block-content");
}
