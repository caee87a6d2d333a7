//! Updates of foreign editors: taken apart, and made straight, before a gateway seals them.

use crate::{
    story::{A, B, Story, rooted},
    wire::{self, Update, text},
};
use anabranch_core::{
    body::{BodyRule, Had, IdRuns, ItemId, Piece, split},
    hlc::Hlc,
    id::ChainIdx,
    judge::Place,
    limits,
    schema::{BodyLayout, catalogue},
};
use std::sync::Arc;

/// An update of several clients' sections and one delete set.
fn joined(updates: &[Update]) -> Vec<u8> {
    let mut out = vec![];
    wire::var(&mut out, updates.len() as u64);
    for update in updates {
        let alone = Update {
            deletes: vec![],
            ..update.clone()
        };
        let bytes = alone.encode();
        out.extend(&bytes[1..bytes.len() - 1]);
    }
    let deletes = Update {
        section: false,
        blocks: vec![],
        deletes: updates
            .iter()
            .flat_map(|update| update.deletes.clone())
            .collect(),
        ..Update::default()
    };
    out.extend(&deletes.encode()[1..]);
    out
}

fn split_at(update: &[u8], known: &[(u64, u32)], blocks: usize) -> Result<Vec<Piece>, BodyRule> {
    let clock = |client| {
        known
            .iter()
            .find(|(id, _)| *id == client)
            .map_or(0, |(_, clock)| *clock)
    };
    let deleted = IdRuns::default();
    let had = Had {
        clock: &clock,
        deleted: &deleted,
    };
    split(update, 2, &had, blocks)
}

#[test]
fn one_transaction_of_one_client_comes_back_as_it_is() {
    let mut update = Update::of(2, 3, vec![text(Some((1, 4)), None, None, "xé😀")]);
    update.deletes = vec![(1, vec![(0, 2)]), (2, vec![(0, 1), (3, 1)])];
    let bytes = update.encode();
    let pieces = split_at(&bytes, &[(1, 5), (2, 3)], usize::MAX).unwrap();
    assert_eq!(
        pieces,
        [Piece {
            client: 2,
            payload: bytes
        }]
    );
    let only = Update::deleting(vec![(1, vec![(0, 2)])]).encode();
    let pieces = split_at(&only, &[(1, 5)], usize::MAX).unwrap();
    assert_eq!(
        pieces,
        [Piece {
            client: 2,
            payload: only
        }]
    );
}

#[test]
fn clients_that_wrote_around_each_other_come_apart_in_causal_order() {
    let mut story = Story::quick();
    // A reloaded browser wrote as 3 before and as 2 now, each upon the other.
    let one = text(Some((1, 4)), None, None, "a");
    let two = text(Some((3, 0)), None, None, "b");
    let three = text(Some((2, 0)), None, None, "c");
    let mut last = Update::of(3, 0, vec![one, three]);
    last.deletes = vec![(1, vec![(0, 1)]), (3, vec![(1, 1)])];
    let bytes = joined(&[last, Update::of(2, 0, vec![two])]);
    let pieces = split_at(&bytes, &[(1, 5)], usize::MAX).unwrap();
    let order: Vec<u64> = pieces.iter().map(|piece| piece.client).collect();
    assert_eq!(order, [3, 2, 3, 2]);
    // Each passes the gate in its turn; what is deleted of older units is laid to the sender.
    let mut deleted = 0;
    for piece in &pieces {
        let chain = ChainIdx(piece.client as u32 - 1);
        let judged = story
            .gate
            .judge_update(chain, &story.past, &piece.payload)
            .unwrap();
        deleted += judged.deleted();
        story.gate.admit(&judged);
        story.past.raise(chain, judged.seq());
    }
    assert_eq!(deleted, 2);
}

#[test]
fn what_is_known_is_left_out_and_what_is_missing_is_said() {
    let update = Update::of(2, 0, vec![text(None, Some((1, 0)), None, "a😀bc")]);
    let mut bytes = update.encode();
    bytes.truncate(bytes.len() - 1);
    bytes.extend([2, 2, 1, 0, 1, 1, 1, 0, 2]);
    let deleted = {
        let mut deleted = IdRuns::default();
        deleted.insert(
            ItemId {
                client: 1,
                clock: 0,
            },
            1,
        );
        deleted
    };
    let had = |clock: u32| {
        let known = move |client| if client == 1 { 5 } else { clock };
        let deleted = &deleted;
        let bytes = &bytes;
        split(
            bytes,
            2,
            &Had {
                clock: &known,
                deleted,
            },
            usize::MAX,
        )
    };
    let piece = |blocks, clock, deletes| {
        let mut update = Update::of(2, clock, blocks);
        update.deletes = deletes;
        vec![Piece {
            client: 2,
            payload: update.encode(),
        }]
    };
    // Of the deletions, one of client 1 was known.
    let rest = text(Some((2, 2)), Some((1, 0)), None, "bc");
    let all = vec![(1, vec![(1, 1)]), (2, vec![(0, 1)])];
    assert_eq!(had(3).unwrap(), piece(vec![rest], 3, all.clone()));
    let only = Update::deleting(all).encode();
    assert_eq!(
        had(5).unwrap(),
        [Piece {
            client: 2,
            payload: only
        }]
    );

    let above = Update::of(2, 4, vec![rooted("x")]).encode();
    let rule = BodyRule::Clock {
        found: 4,
        expected: 3,
    };
    assert_eq!(split_at(&above, &[(2, 3)], usize::MAX), Err(rule));
    let unknown = Update::of(2, 0, vec![text(Some((1, 9)), None, None, "x")]).encode();
    let rule = BodyRule::Unknown {
        client: 1,
        clock: 9,
    };
    assert_eq!(split_at(&unknown, &[(1, 9)], usize::MAX), Err(rule));
}

#[test]
fn what_is_too_large_for_a_change_set_becomes_several() {
    let mut story = Story::new(BodyLayout::Text);
    let long = "delta 😀".repeat(60_000);
    let update = Update::of(2, 0, vec![rooted(&long)]).encode();
    assert!(update.len() > 2 * limits::PAYLOAD_BYTES_MAX);
    let pieces = split_at(&update, &[], usize::MAX).unwrap();
    for piece in &pieces {
        let judged = story
            .gate
            .judge_update(B, &story.past, &piece.payload)
            .unwrap();
        story.gate.admit(&judged);
        story.past.raise(B, judged.seq());
    }
    assert_eq!(story.gate.clock(B) as usize, long.encode_utf16().count());
    assert_eq!(story.gate.run_counts().1, 1, "it stands there as one run");

    let many = (0..5_000).map(|at| text(Some((1, at)), Some((1, at + 1)), None, "x"));
    let mut update = Update::of(2, 0, many.collect());
    update.deletes = vec![(1, (0..5_000).map(|at| (at * 2, 1)).collect())];
    let pieces = split_at(&update.encode(), &[(1, 10_000)], usize::MAX).unwrap();
    assert_eq!(pieces.len(), 3);
    let pieces = split_at(&update.encode(), &[(1, 10_000)], 100).unwrap();
    assert_eq!(pieces.len(), 51);
}

/// A redo of Yjs names one neighbour twice, or two that are not next to each other. Then the
/// neighbours are written between which the author's engine put it: behind concurrent work of
/// smaller clients, before that of larger ones.
#[test]
fn crooked_neighbours_are_made_straight() {
    for (author, client, other) in [(B, 2, 1), (A, 1, 2)] {
        let mut story = Story::new(BodyLayout::Text);
        let writer = if author == A { B } else { A };
        story.write(writer, &Update::of(other, 0, vec![rooted("quick")]));
        let place = Place {
            chain: author,
            seq: 1,
            hlc: Hlc(1),
            past: Arc::new(story.past.clone()),
            frontier: vec![],
            genesis_before: 0,
            schema: Arc::new(catalogue::schema("page").unwrap()),
        };
        let at = |clock| Some((other, clock));
        let between =
            |left, right| Update::of(client, 0, vec![text(left, right, None, "1")]).encode();
        let mut straight = |crooked: &[u8]| {
            assert!(
                story
                    .gate
                    .judge_update(author, &place.past, crooked)
                    .is_err()
            );
            let straight = story.gate.straighten(&place, crooked).unwrap();
            assert!(
                story
                    .gate
                    .judge_update(author, &place.past, &straight)
                    .is_ok()
            );
            straight
        };
        let end = between(at(4), None);
        for (left, right, behind, before) in [
            (at(0), at(0), &end, between(at(0), at(1))),
            (at(3), at(1), &end, between(at(3), at(4))),
            (at(1), None, &end, between(at(1), at(2))),
            (None, at(3), &between(at(2), at(3)), between(None, at(0))),
        ] {
            let wanted = if other < client { behind } else { &before };
            assert_eq!(
                &straight(&between(left, right)),
                wanted,
                "{left:?} {right:?}"
            );
        }
        // Later blocks stand beside the earlier ones of the same update.
        let two = |second| {
            let first = text(at(1), at(2), None, "xy");
            Update::of(client, 0, vec![first, second]).encode()
        };
        let honest = two(text(Some((client, 0)), Some((client, 1)), None, "z"));
        let bent = straight(&two(text(Some((client, 0)), at(2), None, "z")));
        assert_eq!(bent.len(), honest.len());
        // What is straight stays as it is, and every other rule holds.
        assert_eq!(story.gate.straighten(&place, &honest).unwrap(), honest);
        let unknown = between(Some((9, 0)), None);
        let rule = story.gate.straighten(&place, &unknown).unwrap_err();
        assert_eq!(rule.code(), "unit-unknown");
    }
}
