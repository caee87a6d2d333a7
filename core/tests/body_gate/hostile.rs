//! Updates made to break the engine, replicas or the gate itself.

use crate::{
    story::{A, B, Story, rooted},
    wire::{Parent, Update, hex, text, unhex},
};
use anabranch_core::{
    body::{BodyGate, BodyRule},
    causal::Past,
    id::ChainIdx,
    limits,
    schema::{BodyLayout, BodyShape},
};

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
                let (mut gate, mut past) = (BodyGate::new(&shape), Past::default());
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
                        let judged = gate.judge_update(chain, &Past::default(), &base).unwrap();
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
    // Clients rise, as Yrs writes them, or fall, as Yjs does.
    for (chain, client) in [(B, 2), (ChainIdx(2), 3)] {
        let last = Some((client - 1, if client == 2 { 4 } else { 0 }));
        story.write(
            chain,
            &Update::of(client, 0, vec![text(last, None, None, "x")]),
        );
    }
    let of = |clients: [u64; 3]| clients.map(|client| (client, vec![(0, 1)])).to_vec();
    let mut code = |clients| story.code(A, &Update::deleting(of(clients)));
    assert_eq!(code([1, 2, 3]), "accepted");
    assert_eq!(code([3, 2, 1]), "accepted");
    assert_eq!(code([1, 3, 2]), "delete-clients");
    assert_eq!(code([2, 1, 3]), "delete-clients");
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
        &Past::default(),
        &Update::of(1, 0, vec![rooted("quick")]).encode(),
    );
    story.gate.admit(&again.unwrap());
    assert_eq!(story.gate.clock(A), 5);
}
