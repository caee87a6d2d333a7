//! Undo takes back what a view did, and nothing that anybody else did.

use super::*;

#[test]
fn typing_deleting_and_formatting_are_taken_back_and_done_again() {
    let mut here = Replica::new(BodyLayout::Text, 0);
    let mut there = Replica::new(BodyLayout::Text, 1);
    let mut states = vec![here.tree()];
    for op in [
        splice(&[], 0, 0, "hello world"),
        format(&[], 6, 5, bold()),
        splice(&[], 2, 6, "😀"),
        format(
            &[],
            0,
            4,
            marks([("bold", Value::from("x")), ("i", Value::Bool(true))]),
        ),
        splice(&[], 0, 4, ""),
    ] {
        there.receive(&here.edit(&[op]));
        states.push(here.tree());
    }
    for _ in 0..3 {
        for state in states.iter().rev().skip(1) {
            there.receive(&here.undo().unwrap());
            assert_eq!(here.tree(), *state);
            assert_eq!(there.tree(), *state);
        }
        assert!(here.undo().is_none());
        for state in states.iter().skip(1) {
            there.receive(&here.redo().unwrap());
            assert_eq!(here.tree(), *state);
            assert_eq!(there.tree(), *state);
        }
        assert!(here.redo().is_none());
    }
}

#[test]
fn block_operations_are_taken_back_and_done_again() {
    let mut here = Replica::new(BodyLayout::ProseMirror, 0);
    let mut there = Replica::new(BodyLayout::ProseMirror, 1);
    let mut states = vec![here.tree()];
    let attribute = |value| BodyOp::SetAttribute {
        block: vec![0],
        name: "level".into(),
        value,
    };
    for op in [
        block(&[0], "h", "title"),
        block(&[1], "p", "text"),
        attribute(Value::Int(1)),
        format(&[0], 1, 2, bold()),
        attribute(Value::Int(2)),
        BodyOp::SplitBlock {
            block: vec![0],
            at: 2,
        },
        block(&[2, 0], "li", "in"),
        BodyOp::MoveBlock {
            from: vec![0],
            to: vec![3],
        },
        attribute(Value::Null),
        BodyOp::JoinBlock { block: vec![1] },
        BodyOp::DeleteBlock { block: vec![0] },
    ] {
        there.receive(&here.edit(&[op]));
        states.push(here.tree());
    }
    for _ in 0..2 {
        for state in states.iter().rev().skip(1) {
            there.receive(&here.undo().unwrap());
            assert_eq!(here.tree(), *state);
            assert_eq!(there.tree(), *state);
        }
        for state in states.iter().skip(1) {
            there.receive(&here.redo().unwrap());
            assert_eq!(here.tree(), *state);
            assert_eq!(there.tree(), *state);
        }
    }
}

#[test]
fn edits_within_500_ms_are_one_step_and_views_have_their_own() {
    let mut here = Replica::new(BodyLayout::Text, 0);
    let other = ViewId(2);
    let mut edit = |view, millis, op: BodyOp| {
        here.millis = millis;
        let place = here.place();
        let edit = here.doc.edit(&place, view, &[op]).unwrap();
        here.sent(place, edit);
    };
    edit(VIEW, 1_000, splice(&[], 0, 0, "a"));
    edit(VIEW, 1_400, splice(&[], 1, 0, "b"));
    edit(other, 1_450, splice(&[], 0, 0, "[other]"));
    edit(VIEW, 1_899, splice(&[], 9, 0, "c"));
    edit(VIEW, 2_399, splice(&[], 10, 0, "d"));
    assert_eq!(here.text(), "[other]abcd");
    assert_eq!(here.doc.steps(VIEW), (2, 0));
    here.undo();
    assert_eq!(here.text(), "[other]abc");
    here.undo();
    assert_eq!(here.text(), "[other]");
    let place = here.place();
    let undone = here.doc.undo(&place, other).unwrap().unwrap();
    here.sent(place, undone);
    assert_eq!(here.text(), "");
    here.redo();
    assert_eq!(here.text(), "abc");
}

#[test]
fn a_new_edit_forgets_what_was_undone() {
    let mut here = Replica::new(BodyLayout::Text, 0);
    here.edit(&[splice(&[], 0, 0, "a")]);
    here.undo();
    here.edit(&[splice(&[], 0, 0, "b")]);
    assert!(here.redo().is_none());
    assert_eq!(here.text(), "b");
}

#[test]
fn the_selection_comes_back() {
    let mut here = Replica::new(BodyLayout::Text, 0);
    let mut there = Replica::new(BodyLayout::Text, 1);
    there.receive(&here.edit(&[splice(&[], 0, 0, "hello world")]));
    let anchor = here.doc.anchor(&vec![], 6, Side::After).unwrap();
    let head = here.doc.anchor(&vec![], 11, Side::Before).unwrap();
    here.doc.select(VIEW, Some(Selection { anchor, head }));
    there.receive(&here.edit(&[splice(&[], 6, 5, "X")]));
    here.receive(&there.edit(&[splice(&[], 0, 0, "__")]));
    let place = here.place();
    let edit = here.doc.undo(&place, VIEW).unwrap().unwrap();
    let selection = edit.selection.unwrap();
    assert_eq!(here.text(), "__hello world");
    assert_eq!(here.doc.resolve(&selection.anchor).unwrap().at, 8);
    assert_eq!(here.doc.resolve(&selection.head).unwrap().at, 13);
}

#[test]
fn a_block_in_which_others_wrote_stays() {
    let mut here = Replica::new(BodyLayout::ProseMirror, 0);
    let mut there = Replica::new(BodyLayout::ProseMirror, 1);
    there.receive(&here.edit(&[block(&[0], "p", "mine")]));
    here.receive(&there.edit(&[splice(&[0], 4, 0, "THEIRS")]));
    there.receive(&here.undo().unwrap());
    assert_eq!(here.tree(), "<p>THEIRS</p>");
    there.receive(&here.redo().unwrap());
    assert_eq!(there.tree(), "<p>mineTHEIRS</p>");
}

#[test]
fn an_attribute_that_others_set_since_stays() {
    let set = |value: &str| BodyOp::SetAttribute {
        block: vec![0],
        name: "align".into(),
        value: Value::from(value),
    };
    let mut here = Replica::new(BodyLayout::ProseMirror, 0);
    let mut there = Replica::new(BodyLayout::ProseMirror, 1);
    there.receive(&here.edit(&[block(&[0], "p", "")]));
    there.receive(&here.edit(&[set("left")]));
    there.receive(&here.edit(&[set("right")]));
    here.receive(&there.edit(&[set("theirs")]));
    // Two steps back at most: the values are overwritten, the block is empty and goes.
    assert!(here.undo().is_some());
    assert_eq!(here.tree(), "");
    here.redo();
    assert_eq!(here.tree(), r#"<p align="theirs"></p>"#);
}

#[test]
fn an_attribute_goes_back_through_all_its_values() {
    let mut here = Replica::new(BodyLayout::ProseMirror, 0);
    let mut there = Replica::new(BodyLayout::ProseMirror, 1);
    let mut states = vec![here.tree()];
    there.receive(&here.edit(&[block(&[0], "p", "x")]));
    for value in [
        Value::Int(1),
        Value::Int(2),
        Value::Null,
        Value::Int(3),
        Value::Int(4),
    ] {
        states.push(here.tree());
        let set = BodyOp::SetAttribute {
            block: vec![0],
            name: "level".into(),
            value,
        };
        there.receive(&here.edit(&[set]));
    }
    for state in states.iter().rev() {
        there.receive(&here.undo().unwrap());
        assert_eq!(here.tree(), *state);
        assert_eq!(there.tree(), *state);
    }
}

#[test]
fn an_attribute_that_others_removed_stays_removed() {
    let set = |value| BodyOp::SetAttribute {
        block: vec![0],
        name: "level".into(),
        value,
    };
    let mut here = Replica::new(BodyLayout::ProseMirror, 0);
    let mut there = Replica::new(BodyLayout::ProseMirror, 1);
    there.receive(&here.edit(&[block(&[0], "p", "x")]));
    there.receive(&here.edit(&[set(Value::Int(1))]));
    there.receive(&here.edit(&[set(Value::Int(2))]));
    here.receive(&there.edit(&[set(Value::Null)]));
    here.undo();
    assert_eq!(here.tree(), "");
    here.redo();
    assert_eq!(here.tree(), "<p>x</p>");
}

#[test]
fn what_is_missed_in_a_block_that_was_made_again_comes_back_there() {
    let mut here = Replica::new(BodyLayout::ProseMirror, 0);
    let mut there = Replica::new(BodyLayout::ProseMirror, 1);
    there.receive(&here.edit(&[block(&[0], "p", "one two three")]));
    there.receive(&here.edit(&[splice(&[0], 4, 4, "")]));
    there.receive(&here.edit(&[BodyOp::DeleteBlock { block: vec![0] }]));
    there.receive(&here.undo().unwrap());
    assert_eq!(here.tree(), "<p>one three</p>");
    here.receive(&there.edit(&[splice(&[0], 0, 0, "zero ")]));
    there.receive(&here.undo().unwrap());
    assert_eq!(here.tree(), "<p>zero one two three</p>");
    assert_eq!(there.tree(), here.tree());
}

#[test]
fn what_is_too_large_to_come_back_at_once_comes_back_in_steps() {
    let mut here = Replica::new(BodyLayout::Text, 0);
    let mut there = Replica::new(BodyLayout::Text, 1);
    for text in [
        "\u{4e16}".repeat(80_000),
        "x".to_owned() + &"😀".repeat(40_000),
    ] {
        there.receive(&here.edit(&[splice(&[], 0, 0, &text)]));
    }
    let whole = here.doc.digest();
    there.receive(&here.edit(&[splice(&[], 0, 160_001, "")]));
    assert_eq!(here.doc.steps(VIEW), (5, 0));
    for _ in 0..3 {
        there.receive(&here.undo().unwrap());
    }
    assert_eq!(here.doc.digest(), whole);
    assert_eq!(there.doc.digest(), whole);
}

/// Undoing all of one writer's steps leaves exactly what the others wrote.
#[test]
fn undo_of_ones_own_keeps_all_that_others_wrote() {
    for seed in 0..40 {
        let mut random = Random::new(seed);
        let mut replicas: Vec<Replica> =
            (0..3).map(|n| Replica::new(BodyLayout::Text, n)).collect();
        // Each writes in letters of its own and deletes only those.
        let letters = ['a', 'b', 'c'];
        let mut log: Vec<Sent> = Vec::new();
        for _ in 0..60 {
            let at = random.below(3) as usize;
            let replica = &mut replicas[at];
            let text = replica.text();
            let own: Vec<u32> = text
                .chars()
                .enumerate()
                .filter(|(_, char)| *char == letters[at])
                .map(|(at, _)| at as u32)
                .collect();
            let len = text.len() as u32;
            match random.below(6) {
                0 | 1 => {
                    let word = String::from(letters[at]).repeat(1 + random.below(3) as usize);
                    log.push(replica.edit(&[splice(&[], random.below(len + 1), 0, &word)]));
                }
                2 if !own.is_empty() => {
                    log.push(replica.edit(&[splice(&[], random.pick(&own), 1, "")]))
                }
                3 if len > 0 => log.extend(
                    replica
                        .try_edit(&[format(&[], random.below(len), 1, bold())])
                        .ok(),
                ),
                4 if at == 0 && random.below(3) == 0 => log.extend(replica.undo()),
                _ => {
                    for sent in &log {
                        if replica.ready(sent) {
                            replica.receive(sent);
                        }
                    }
                }
            }
        }
        let settle = |replicas: &mut Vec<Replica>, log: &[Sent]| {
            for replica in replicas {
                for _ in 0..log.len() {
                    for sent in log {
                        if replica.ready(sent) {
                            replica.receive(sent);
                        }
                    }
                }
            }
        };
        settle(&mut replicas, &log);
        let others = |text: &str| text.replace('a', "");
        let before = others(&replicas[0].text());
        let with_all = replicas[0].text();
        let mut undone = 0;
        while let Some(sent) = replicas[0].undo() {
            log.push(sent);
            undone += 1;
        }
        assert_eq!(replicas[0].text(), before, "seed {seed}");
        for _ in 0..undone {
            log.extend(replicas[0].redo());
        }
        assert_eq!(replicas[0].text(), with_all, "seed {seed}");
        settle(&mut replicas, &log);
        assert!(
            replicas
                .iter()
                .all(|replica| replica.tree() == replicas[0].tree())
        );
    }
}
