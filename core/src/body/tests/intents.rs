//! Edits made again after a control record took an earlier one out, and who wrote what.

use super::*;

/// Edits made one on another by one writer, with what was meant.
struct Line {
    replica: Replica,
    made: Vec<(Vec<u8>, Vec<BodyIntent>)>,
}

impl Line {
    fn edit(&mut self, ops: &[BodyOp]) {
        let place = self.replica.place();
        self.replica.millis += 1_000;
        let (edit, intents) = self.replica.doc.edit_noting(&place, VIEW, ops).unwrap();
        self.made.push((edit.payload.clone(), intents));
        self.replica.sent(place, edit);
    }

    /// Makes all edits again under another client, on what `base` holds.
    fn again(&self, base: &[&Sent], layout: BodyLayout) -> Replica {
        let mut fresh = Replica::new(layout, 5);
        for sent in base {
            fresh.receive(sent);
        }
        let mut ids = IdMap::default();
        for (old, intents) in &self.made {
            let place = fresh.place();
            match fresh.doc.replay(&place, VIEW, intents, &ids) {
                Ok(edit) => {
                    ids.pair(old, &edit.payload);
                    fresh.sent(place, edit);
                }
                Err(EditError::NoChange) => {}
                Err(error) => panic!("{error} replaying {intents:?}"),
            }
        }
        fresh
    }
}

fn line(layout: BodyLayout, base: &[&Sent]) -> Line {
    let mut replica = Replica::new(layout, 0);
    for sent in base {
        replica.receive(sent);
    }
    Line {
        replica,
        made: vec![],
    }
}

#[test]
fn three_edits_on_each_other_are_made_again_under_a_new_client() {
    let text = BodyLayout::Text;
    let mut line = line(text, &[]);
    line.edit(&[splice(&[], 0, 0, "hello world")]);
    line.edit(&[splice(&[], 5, 1, " 😀 "), format(&[], 6, 2, bold())]);
    line.edit(&[splice(&[], 0, 6, "J"), splice(&[], 5, 0, "!")]);
    let again = line.again(&[], text);
    assert_eq!(again.tree(), line.replica.tree());
}

#[test]
fn block_operations_are_made_again_under_a_new_client() {
    let tree = BodyLayout::ProseMirror;
    let mut line = line(tree, &[]);
    line.edit(&[block(&[0], "p", "one"), block(&[1], "p", "two")]);
    line.edit(&[splice(&[1], 1, 1, "WW")]);
    line.edit(&[BodyOp::SplitBlock {
        block: vec![1],
        at: 2,
    }]);
    line.edit(&[format(&[2], 0, 2, bold())]);
    line.edit(&[BodyOp::MoveBlock {
        from: vec![0],
        to: vec![3],
    }]);
    let level = |value| BodyOp::SetAttribute {
        block: vec![2],
        name: "level".into(),
        value,
    };
    line.edit(&[level(Value::Int(2))]);
    line.edit(&[BodyOp::JoinBlock { block: vec![1] }]);
    line.edit(&[
        block(&[1], "hr", ""),
        BodyOp::DeleteBlock { block: vec![2] },
    ]);
    let again = line.again(&[], tree);
    assert_eq!(again.tree(), line.replica.tree());
}

#[test]
fn what_others_wrote_in_between_is_not_deleted_when_a_deletion_is_made_again() {
    let text = BodyLayout::Text;
    let mut other = Replica::new(text, 1);
    let base = other.edit(&[splice(&[], 0, 0, "abcdef")]);
    let mut line = line(text, &[&base]);
    line.edit(&[splice(&[], 1, 4, "X")]);
    assert_eq!(line.replica.text(), "aXf");
    let between = other.edit(&[splice(&[], 3, 0, "---")]);
    let again = line.again(&[&base, &between], text);
    assert_eq!(again.text(), "a---Xf");
}

#[test]
fn an_anchor_whose_unit_never_came_falls_back_to_its_index() {
    let text = BodyLayout::Text;
    let mut other = Replica::new(text, 1);
    let base = other.edit(&[splice(&[], 0, 0, "0😀")]);
    let excluded = other.edit(&[splice(&[], 3, 0, "gone")]);
    let mut line = line(text, &[&base, &excluded]);
    line.edit(&[splice(&[], 6, 0, "me")]);
    assert_eq!(line.replica.text(), "0😀gonme".to_owned() + "e");
    let again = line.again(&[&base], text);
    assert_eq!(again.text(), "0😀me");
}

#[test]
fn intents_are_kept_as_bytes() {
    let mut line = line(BodyLayout::ProseMirror, &[]);
    line.edit(&[block(&[0], "p", "one")]);
    line.edit(&[splice(&[0], 1, 1, "WW")]);
    for (_, intents) in &line.made {
        let bytes = postcard::to_allocvec(intents).unwrap();
        assert_eq!(
            postcard::from_bytes::<Vec<BodyIntent>>(&bytes).unwrap(),
            *intents
        );
    }
}

#[test]
fn random_lines_of_edits_are_made_again() {
    for seed in 0..60 {
        let layout = if seed % 2 == 0 {
            BodyLayout::Text
        } else {
            BodyLayout::ProseMirror
        };
        let mut random = Random::new(seed);
        let mut line = line(layout, &[]);
        for _ in 0..15 {
            let op = concurrency::random_op(&mut random, &line.replica.doc);
            let place = line.replica.place();
            line.replica.millis += 1_000;
            let ops: Vec<BodyOp> = op.into_iter().collect();
            if let Ok((edit, intents)) = line.replica.doc.edit_noting(&place, VIEW, &ops) {
                line.made.push((edit.payload.clone(), intents));
                line.replica.sent(place, edit);
            }
        }
        let again = line.again(&[], layout);
        assert_eq!(again.tree(), line.replica.tree(), "seed {seed}");
    }
}

#[test]
fn every_stretch_has_its_writer() {
    let mut here = Replica::new(BodyLayout::Text, 0);
    let mut there = Replica::new(BodyLayout::Text, 1);
    there.receive(&here.edit(&[splice(&[], 0, 0, "hello 😀!")]));
    here.receive(&there.edit(&[splice(&[], 5, 0, ", big")]));
    here.receive(&there.edit(&[format(&[], 0, 3, bold())]));
    there.receive(&here.edit(&[splice(&[], 1, 2, "")]));
    assert_eq!(here.text(), "hlo, big 😀!");
    let blame = here.doc.blame(&[]).unwrap();
    let stretches: Vec<(u32, u32, u32)> = blame
        .iter()
        .map(|blame| (blame.chain.0, blame.at, blame.len))
        .collect();
    assert_eq!(stretches, [(0, 0, 1), (0, 1, 2), (1, 3, 5), (0, 8, 4)]);
    assert_eq!(blame, there.doc.blame(&[]).unwrap());
    assert_eq!(here.doc.written_by(blame[2].unit), Some((ChainIdx(1), 1)));
    assert_eq!(
        here.doc.chain_of_client(blame[2].unit.client),
        Some(ChainIdx(1))
    );
    assert_eq!(here.doc.blame(&[0]), None);
}

#[test]
fn blocks_have_their_writers_too() {
    let mut here = Replica::new(BodyLayout::ProseMirror, 0);
    let mut there = Replica::new(BodyLayout::ProseMirror, 1);
    there.receive(&here.edit(&[block(&[0], "p", "one")]));
    let br = Value::Map([("tag".to_owned(), Value::from("br"))].into());
    let embed = BodyOp::Embed {
        text: vec![0],
        at: 3,
        value: br,
    };
    here.receive(&there.edit(&[embed, splice(&[0], 0, 0, "x")]));
    let blame = here.doc.blame(&[0]).unwrap();
    let stretches: Vec<(u32, u32, u32)> = blame
        .iter()
        .map(|blame| (blame.chain.0, blame.at, blame.len))
        .collect();
    assert_eq!(stretches, [(1, 0, 1), (0, 1, 3), (1, 4, 1)]);
}
