//! Anchors stay where they are while others edit.

use super::*;

fn place(path: &[u32], at: u32) -> Option<Position> {
    Some(Position {
        path: path.to_vec(),
        at,
    })
}

#[test]
fn an_anchor_stays_between_its_neighbours() {
    let mut here = Replica::new(BodyLayout::Text, 0);
    here.edit(&[splice(&[], 0, 0, "abcdef")]);
    let before = here.doc.anchor(&vec![], 3, Side::Before).unwrap();
    let after = here.doc.anchor(&vec![], 3, Side::After).unwrap();
    here.edit(&[splice(&[], 0, 0, "__")]);
    assert_eq!(here.doc.resolve(&before), place(&[], 5));
    // What is inserted exactly there lies behind the one and before the other.
    here.edit(&[splice(&[], 5, 0, "XX")]);
    assert_eq!(here.doc.resolve(&before), place(&[], 5));
    assert_eq!(here.doc.resolve(&after), place(&[], 7));
    // Its unit deleted, it stays where that was.
    here.edit(&[splice(&[], 3, 5, "")]);
    assert_eq!(here.text(), "__aef");
    assert_eq!(here.doc.resolve(&before), place(&[], 3));
    assert_eq!(here.doc.resolve(&after), place(&[], 3));
    let bytes = postcard::to_allocvec(&before).unwrap();
    assert_eq!(postcard::from_bytes::<Anchor>(&bytes).unwrap(), before);
}

#[test]
fn edges_stay_edges() {
    let mut here = Replica::new(BodyLayout::Text, 0);
    let start = here.doc.anchor(&vec![], 0, Side::Before).unwrap();
    let end = here.doc.anchor(&vec![], 0, Side::After).unwrap();
    here.edit(&[splice(&[], 0, 0, "abc")]);
    assert_eq!(here.doc.resolve(&start), place(&[], 0));
    assert_eq!(here.doc.resolve(&end), place(&[], 3));
    assert_eq!(here.doc.anchor(&vec![], 4, Side::After), None);
    assert_eq!(here.doc.anchor(&vec![0], 0, Side::After), None);
}

#[test]
fn anchors_in_a_tree_follow_their_block() {
    let mut here = Replica::new(BodyLayout::ProseMirror, 0);
    here.edit(&[block(&[0], "p", "one"), block(&[1], "p", "two")]);
    let anchor = here.doc.anchor(&vec![1], 2, Side::Before).unwrap();
    let edge = here.doc.anchor(&vec![1], 3, Side::After).unwrap();
    here.edit(&[block(&[0], "h", "zero")]);
    assert_eq!(here.doc.resolve(&anchor), place(&[2], 2));
    let inline = Value::Map([("tag".to_owned(), Value::from("br"))].into());
    here.edit(&[BodyOp::Embed {
        text: vec![2],
        at: 0,
        value: inline,
    }]);
    assert_eq!(here.doc.resolve(&anchor), place(&[2], 3));
    assert_eq!(here.doc.resolve(&edge), place(&[2], 4));
    let on_inline = here.doc.anchor(&vec![2], 1, Side::Before).unwrap();
    assert_eq!(here.doc.resolve(&on_inline), place(&[2], 1));
    here.edit(&[splice(&[2], 0, 0, "__")]);
    assert_eq!(here.doc.resolve(&on_inline), place(&[2], 3));
    here.edit(&[BodyOp::DeleteBlock { block: vec![2] }]);
    assert_eq!(here.doc.resolve(&anchor), None);
    assert_eq!(here.doc.resolve(&edge), None);
}

#[test]
fn anchors_survive_the_edits_of_others() {
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let mut here = Replica::new(BodyLayout::Text, 0);
        let mut there = Replica::new(BodyLayout::Text, 1);
        there.receive(&here.edit(&[splice(&[], 0, 0, "0123456789|0123456789")]));
        let anchor = here.doc.anchor(&vec![], 10, Side::After).unwrap();
        for _ in 0..30 {
            let text = there.text();
            let bar = text.find('|').unwrap() as u32;
            let len = text.len() as u32;
            let op = if random.below(2) == 0 {
                splice(&[], random.below(len + 1), 0, "ab")
            } else if random.below(2) == 0 && bar > 0 {
                splice(&[], random.below(bar), 1, "")
            } else if bar + 1 < len {
                splice(&[], bar + 1 + random.below(len - bar - 1), 1, "")
            } else {
                format(&[], 0, 1, bold())
            };
            if let Ok(sent) = there.try_edit(&[op]) {
                here.receive(&sent);
            }
            let bar = here.text().find('|').unwrap() as u32;
            assert_eq!(here.doc.resolve(&anchor), place(&[], bar), "seed {seed}");
        }
    }
}
