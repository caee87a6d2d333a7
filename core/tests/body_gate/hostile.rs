//! Updates made to break the engine, replicas or the gate itself.

use crate::{
    bodies::{self, ROOT},
    wire::{self, Block, Parent, Update, hex, text, unhex},
};
use anabranch_core::{
    body::{BodyGate, BodyRule, JudgedUpdate},
    causal::Past,
    id::ChainIdx,
    limits,
    schema::{BodyLayout, BodyShape},
};
use std::time::Instant;

/// Authors of chains 0, 1, 2.
const CLIENTS: [u64; 3] = [1, 2, 3];
const A: ChainIdx = ChainIdx(0);
const B: ChainIdx = ChainIdx(1);

/// A gate and the history it was fed.
struct Story {
    gate: BodyGate,
    past: Past,
}

impl Story {
    fn new(layout: BodyLayout) -> Self {
        let mut gate = BodyGate::new(&bodies::shape(layout));
        for (at, client) in CLIENTS.into_iter().enumerate() {
            assert!(gate.register(ChainIdx(at as u32), client));
        }
        Story {
            gate,
            past: Past::EMPTY,
        }
    }

    /// Chain A has written "quick" into a text.
    fn quick() -> Self {
        let mut story = Story::new(BodyLayout::Text);
        story.write(A, &Update::of(1, 0, vec![rooted("quick")]));
        story
    }

    fn judge(&mut self, chain: ChainIdx, update: &Update) -> Result<JudgedUpdate, BodyRule> {
        let past = self.past.clone();
        self.gate.judge_update(chain, &past, &update.encode())
    }

    fn write(&mut self, chain: ChainIdx, update: &Update) {
        let judged = self.judge(chain, update).unwrap();
        self.gate.admit(&judged);
        self.past.raise(chain, judged.seq());
    }

    fn code(&mut self, chain: ChainIdx, update: &Update) -> &'static str {
        match self.judge(chain, update) {
            Ok(_) => "accepted",
            Err(rule) => rule.code(),
        }
    }
}

fn rooted(string: &str) -> Block {
    text(None, None, Some(Parent::Root(ROOT.into())), string)
}

fn block(parent: Parent, reference: u8, content: &[u8], len: u32) -> Block {
    Block {
        reference,
        content: content.to_vec(),
        len,
        ..text(None, None, Some(parent), "")
    }
}

fn root() -> Parent {
    Parent::Root(ROOT.into())
}

const PARAGRAPH: &[u8] = b"\x03\x09paragraph";

#[test]
fn every_known_hostile_update_is_refused() {
    let corpus = include_str!("../data/hostile/yrs.tsv");
    let rows = corpus.lines().filter(|row| !row.starts_with('#'));
    let mut count = 0;
    for (what, bytes) in rows.map(|row| row.split_once('\t').unwrap()) {
        count += 1;
        let bytes = unhex(bytes);
        // Under every root name and every client that the corpus uses, on an empty body and on
        // one where each of them has written already.
        for (layout, root) in [
            (BodyLayout::Text, "text"),
            (BodyLayout::Text, "t"),
            (BodyLayout::ProseMirror, "xml"),
            (BodyLayout::ProseMirror, "p"),
        ] {
            let shape = BodyShape {
                layout,
                root: root.into(),
            };
            for written in [false, true] {
                let (mut gate, mut past) = (BodyGate::new(&shape), Past::EMPTY);
                let clients = (0..64).chain([272, 300]);
                for (at, client) in clients.clone().enumerate() {
                    let chain = ChainIdx(at as u32);
                    assert!(gate.register(chain, client));
                    if written && layout == BodyLayout::Text {
                        let base = text(
                            None,
                            None,
                            Some(Parent::Root(root.into())),
                            "abcdefghijklmnopqrstuvwxyz",
                        );
                        let base = Update::of(client, 0, vec![base]).encode();
                        // Each wrote first in what it had seen, so all stand side by side.
                        let judged = gate.judge_update(chain, &Past::EMPTY, &base).unwrap();
                        gate.admit(&judged);
                        past.raise(chain, 1);
                    }
                }
                for at in 0..clients.count() {
                    let verdict = gate.judge_update(ChainIdx(at as u32), &past, &bytes);
                    assert!(verdict.is_err(), "{what}: {}", hex(&bytes));
                }
            }
        }
    }
    assert!(count > 50);
}

#[test]
fn crooked_origins_are_refused() {
    let mut story = Story::quick();
    let at = |clock| Some((1, clock));
    let mut code = |left, right| {
        let crooked = Update::of(2, 0, vec![text(left, right, None, "1")]);
        story.code(B, &crooked)
    };
    // Honest: at the start, in the middle, at the end.
    assert_eq!(code(None, at(0)), "accepted");
    assert_eq!(code(at(1), at(2)), "accepted");
    assert_eq!(code(at(4), None), "accepted");
    // The right origin stands before the left one, or is the same.
    assert_eq!(code(at(3), at(1)), "block-order");
    assert_eq!(code(at(2), at(2)), "block-order");
    // Ordered, but not next to each other for the author.
    assert_eq!(code(at(0), at(2)), "block-order");
    assert_eq!(code(at(1), None), "block-order");
    assert_eq!(code(None, at(1)), "block-order");
    let rooted = Update::of(2, 0, vec![rooted("1")]);
    assert_eq!(story.code(B, &rooted), "block-order");
}

#[test]
fn crooked_origins_among_an_updates_own_blocks_are_refused() {
    let mut story = Story::quick();
    let mut code = |blocks| story.code(B, &Update::of(2, 0, blocks));
    let first = || text(Some((1, 1)), Some((1, 2)), None, "xy");
    let then = |left, right| vec![first(), text(left, right, None, "z")];
    assert_eq!(code(then(Some((2, 1)), Some((1, 2)))), "accepted");
    assert_eq!(code(then(Some((2, 0)), Some((2, 1)))), "accepted");
    assert_eq!(code(then(Some((1, 1)), Some((2, 0)))), "accepted");
    assert_eq!(code(then(Some((1, 1)), Some((1, 2)))), "block-order");
    assert_eq!(code(then(Some((2, 0)), Some((1, 2)))), "block-order");
    assert_eq!(code(then(Some((2, 1)), None)), "block-order");
    assert_eq!(code(then(Some((2, 2)), None)), "unit-unknown");
}

#[test]
fn what_was_not_in_the_declared_past_cannot_be_named() {
    let mut story = Story::quick();
    let before = story.past.clone();
    story.write(
        A,
        &Update::of(1, 5, vec![text(Some((1, 4)), None, None, "er")]),
    );
    let mut judge = |past: &Past, update: &Update| {
        let verdict = story.gate.judge_update(B, past, &update.encode());
        verdict.map(|judged| judged.deleted())
    };
    let now = {
        let mut now = before.clone();
        now.raise(A, 2);
        now
    };
    let delete = Update::deleting(vec![(1, vec![(4, 2)])]);
    assert_eq!(judge(&now, &delete), Ok(2));
    assert_eq!(
        judge(&before, &delete),
        Err(BodyRule::Unknown {
            client: 1,
            clock: 5
        })
    );
    let insert = Update::of(2, 0, vec![text(Some((1, 6)), None, None, "!")]);
    assert!(judge(&now, &insert).is_ok());
    assert_eq!(
        judge(&before, &insert),
        Err(BodyRule::Unknown {
            client: 1,
            clock: 6
        })
    );
    // The author saw "quick" only, so its end is right of 4, wherever "er" stands.
    let end = Update::of(2, 0, vec![text(Some((1, 4)), None, None, "!")]);
    assert!(judge(&before, &end).is_ok());
    assert_eq!(judge(&now, &end), Err(BodyRule::Order { clock: 0 }));
}

#[test]
fn a_character_is_never_cut_in_half() {
    let mut story = Story::new(BodyLayout::Text);
    story.write(A, &Update::of(1, 0, vec![rooted("a😀b")]));
    let insert = |left, right| {
        Update::of(
            2,
            0,
            vec![text(Some((1, left)), Some((1, right)), None, "x")],
        )
    };
    assert_eq!(story.code(B, &insert(0, 1)), "accepted");
    assert_eq!(story.code(B, &insert(1, 2)), "text-surrogate");
    assert_eq!(story.code(B, &insert(2, 3)), "accepted");
    let delete = |start, len| Update::deleting(vec![(1, vec![(start, len)])]);
    assert_eq!(story.code(B, &delete(1, 2)), "accepted");
    assert_eq!(story.code(B, &delete(0, 2)), "text-surrogate");
    assert_eq!(story.code(B, &delete(2, 1)), "text-surrogate");
    // Nor within one update.
    let own = Update::of(
        2,
        0,
        vec![
            text(Some((1, 0)), Some((1, 1)), None, "😀"),
            text(Some((2, 0)), Some((2, 1)), None, "x"),
        ],
    );
    assert_eq!(story.code(B, &own), "text-surrogate");
}

#[test]
fn delete_sets_have_one_form() {
    let mut story = Story::quick();
    let mut code = |deletes| story.code(B, &Update::deleting(deletes));
    assert_eq!(code(vec![(1, vec![(0, 1), (2, 3)])]), "accepted");
    assert_eq!(code(vec![(1, vec![(2, 1), (0, 1)])]), "delete-ranges");
    assert_eq!(code(vec![(1, vec![(0, 2), (2, 1)])]), "delete-ranges");
    assert_eq!(code(vec![(1, vec![(0, 0)])]), "delete-ranges");
    assert_eq!(code(vec![(1, vec![])]), "delete-clients");
    assert_eq!(code(vec![(1, vec![(4, 2)])]), "unit-unknown");
    assert_eq!(
        code(vec![(1, vec![(0, limits::CLOCK_MAX)])]),
        "unit-unknown"
    );
    assert_eq!(
        code(vec![(1, vec![(0, 1)]), (1, vec![(2, 1)])]),
        "delete-clients"
    );
    assert_eq!(code(vec![(9, vec![(0, 1)])]), "unit-unknown");
    assert_eq!(code(vec![]), "update-empty");
}

#[test]
fn clocks_and_clients_are_the_chains_own() {
    let mut story = Story::quick();
    let update =
        |client, clock| Update::of(client, clock, vec![text(Some((1, 4)), None, None, "x")]);
    assert_eq!(story.code(A, &update(1, 5)), "accepted");
    assert_eq!(story.code(A, &update(1, 4)), "clock-next");
    assert_eq!(story.code(A, &update(1, 6)), "clock-next");
    assert_eq!(story.code(B, &update(1, 5)), "client-foreign");
    assert_eq!(
        story.code(ChainIdx(9), &update(1, 5)),
        "client-unregistered"
    );
    let mut two = vec![
        2, 1, 2, 0, 0x84, 1, 4, 1, b'x', 1, 3, 0, 0x84, 1, 4, 1, b'x', 0,
    ];
    let verdict = story.gate.judge_update(B, &story.past, &two);
    assert_eq!(verdict.unwrap_err(), BodyRule::Sections { count: 2 });
    two.clear();
    assert!(story.gate.judge_update(B, &story.past, &two).is_err());
}

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
    for reference in [0, 1, 2, 3, 9, 10, 11, 15] {
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
    assert_eq!(text_body.code(B, &embed("{\"a\":1}".into())), "accepted");
    assert!(start.elapsed().as_secs() < 5, "{:?}", start.elapsed());
}

#[test]
fn a_second_chain_cannot_take_a_client() {
    let mut story = Story::quick();
    assert!(!story.gate.register(ChainIdx(7), 1));
    assert_eq!(story.gate.chain_of(1), Some(A));
    assert_eq!(
        story.code(ChainIdx(7), &Update::of(1, 0, vec![rooted("x")])),
        "client-unregistered"
    );
    // Nor is an admitted update taken in twice.
    let again = story.gate.judge_update(
        A,
        &Past::EMPTY,
        &Update::of(1, 0, vec![rooted("quick")]).encode(),
    );
    story.gate.admit(&again.unwrap());
    assert_eq!(story.gate.clock(A), 5);
}
