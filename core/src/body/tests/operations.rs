//! Every operation, in both layouts, and every way it can be asked wrongly.

use super::*;

/// Runs edits on one replica and replays them on another; both must read as expected.
fn check(layout: BodyLayout, edits: &[Vec<BodyOp>], expect: &str) {
    let mut here = Replica::new(layout, 0);
    let mut there = Replica::new(layout, 1);
    for ops in edits {
        let sent = here.edit(ops);
        there.receive(&sent);
    }
    assert_eq!(here.tree(), expect);
    assert_eq!(there.tree(), expect);
    assert_eq!(here.doc.digest(), there.doc.digest());
    let saved = here.doc.save().unwrap();
    there.doc.load(&saved).unwrap();
    assert_eq!(here.doc.digest(), there.doc.digest());
}

#[test]
fn text_splice_format_and_embed() {
    let text = BodyLayout::Text;
    check(
        text,
        &[
            vec![splice(&[], 0, 0, "hello")],
            vec![splice(&[], 1, 3, "ipp")],
        ],
        "hippo",
    );
    let formatted = vec![
        vec![splice(&[], 0, 0, "hello world")],
        vec![format(&[], 6, 5, bold())],
    ];
    check(text, &formatted, "hello [world]{bold}");
    let unbold = marks([("bold", Value::Null)]);
    check(
        text,
        &[formatted.clone(), vec![vec![format(&[], 7, 2, unbold)]]].concat(),
        "hello [w]{bold}or[ld]{bold}",
    );
    // Typed text takes over the format before it, given marks are exact.
    check(
        text,
        &[formatted.clone(), vec![vec![splice(&[], 11, 0, "!")]]].concat(),
        "hello [world!]{bold}",
    );
    let italic = marks([("italic", Value::Bool(true))]);
    check(
        text,
        &[formatted.clone(), vec![vec![marked(&[], 8, "X", italic)]]].concat(),
        "hello [wo]{bold}[X]{italic}[rld]{bold}",
    );
    check(
        text,
        &[formatted, vec![vec![marked(&[], 11, "!", Marks::new())]]].concat(),
        "hello [world]{bold}!",
    );
    let image = Value::Map([("image".to_owned(), Value::from("a.png"))].into());
    let embed = BodyOp::Embed {
        text: vec![],
        at: 1,
        value: image,
    };
    check(
        text,
        &[
            vec![splice(&[], 0, 0, "ab")],
            vec![embed],
            vec![splice(&[], 2, 1, "c")],
        ],
        r#"a{"image":"a.png"}c"#,
    );
}

#[test]
fn marks_with_several_keys_and_values_travel() {
    let link = Value::Map(
        [
            ("href".to_owned(), Value::from("x")),
            ("target".to_owned(), Value::Null),
            ("n".to_owned(), Value::Int(3)),
        ]
        .into(),
    );
    let all = marks([
        ("bold", Value::Bool(true)),
        ("link", link),
        ("size", Value::Int(12)),
    ]);
    check(
        BodyLayout::Text,
        &[
            vec![splice(&[], 0, 0, "ab")],
            vec![marked(&[], 1, "X", all)],
        ],
        r#"a[X]{bold,link={"href":"x","n":3,"target":null},size=12}b"#,
    );
}

#[test]
fn tree_blocks_texts_and_attributes() {
    let tree = BodyLayout::ProseMirror;
    let start = vec![vec![block(&[0], "p", "one"), block(&[1], "p", "two")]];
    let with = |more: Vec<BodyOp>| [start.clone(), vec![more]].concat();
    check(tree, &start, "<p>one</p><p>two</p>");
    check(
        tree,
        &with(vec![splice(&[1], 1, 1, "WW")]),
        "<p>one</p><p>tWWo</p>",
    );
    check(
        tree,
        &with(vec![format(&[0], 1, 2, bold())]),
        "<p>o[ne]{bold}</p><p>two</p>",
    );
    check(
        tree,
        &with(vec![block(&[1], "h", "")]),
        "<p>one</p><h></h><p>two</p>",
    );
    check(
        tree,
        &with(vec![block(&[1, 0], "li", "x")]),
        "<p>one</p><p><li>x</li>two</p>"
            .replace("<li>x</li>two", "two<li>x</li>")
            .as_str(),
    );
    let attribute = |value| BodyOp::SetAttribute {
        block: vec![0],
        name: "level".into(),
        value,
    };
    check(
        tree,
        &with(vec![attribute(Value::Int(2))]),
        "<p level=2>one</p><p>two</p>",
    );
    check(
        tree,
        &[
            with(vec![attribute(Value::Int(2))]),
            vec![vec![attribute(Value::Null)]],
        ]
        .concat(),
        "<p>one</p><p>two</p>",
    );
    check(
        tree,
        &with(vec![BodyOp::DeleteBlock { block: vec![0] }]),
        "<p>two</p>",
    );
    check(
        tree,
        &with(vec![BodyOp::JoinBlock { block: vec![1] }]),
        "<p>onetwo</p>",
    );
    check(
        tree,
        &with(vec![BodyOp::SplitBlock {
            block: vec![0],
            at: 1,
        }]),
        "<p>o</p><p>ne</p><p>two</p>",
    );
    check(
        tree,
        &with(vec![BodyOp::MoveBlock {
            from: vec![1],
            to: vec![0],
        }]),
        "<p>two</p><p>one</p>",
    );
    check(
        tree,
        &with(vec![BodyOp::MoveBlock {
            from: vec![0],
            to: vec![2],
        }]),
        "<p>two</p><p>one</p>",
    );
    let inline = Value::Map(
        [
            ("tag".to_owned(), Value::from("image")),
            (
                "attributes".to_owned(),
                Value::Map([("src".to_owned(), Value::from("a"))].into()),
            ),
        ]
        .into(),
    );
    let embed = BodyOp::Embed {
        text: vec![0],
        at: 2,
        value: inline,
    };
    let embedded = with(vec![embed]);
    check(
        tree,
        &embedded,
        r#"<p>on<image src="a"></image>e</p><p>two</p>"#,
    );
    // The inline block is one unit: text before it and after it can be told apart.
    check(
        tree,
        &[
            embedded.clone(),
            vec![vec![splice(&[0], 2, 0, "X"), splice(&[0], 4, 0, "Y")]],
        ]
        .concat(),
        r#"<p>onX<image src="a"></image>Ye</p><p>two</p>"#,
    );
    check(
        tree,
        &[embedded, vec![vec![splice(&[0], 1, 2, "")]]].concat(),
        "<p>oe</p><p>two</p>",
    );
}

#[test]
fn split_join_and_move_keep_formats_attributes_and_inner_blocks() {
    let tree = BodyLayout::ProseMirror;
    let mut attributes = BTreeMap::new();
    attributes.insert("level".to_owned(), Value::Int(1));
    let heading = BodyOp::InsertBlock {
        at: vec![0],
        tag: "h".into(),
        attributes,
        text: "abcdef".into(),
    };
    let start = vec![vec![heading], vec![format(&[0], 2, 3, bold())]];
    let split = vec![BodyOp::SplitBlock {
        block: vec![0],
        at: 3,
    }];
    let halves = [start.clone(), vec![split]].concat();
    check(
        tree,
        &halves,
        "<h level=1>ab[c]{bold}</h><h level=1>[de]{bold}f</h>",
    );
    let joined = [
        halves.clone(),
        vec![vec![BodyOp::JoinBlock { block: vec![1] }]],
    ]
    .concat();
    check(tree, &joined, "<h level=1>ab[cde]{bold}f</h>");
    let list = [
        halves,
        vec![vec![block(&[2], "ul", ""), block(&[2, 0], "li", "x")]],
        vec![vec![BodyOp::MoveBlock {
            from: vec![0],
            to: vec![2, 1],
        }]],
    ]
    .concat();
    check(
        tree,
        &list,
        "<h level=1>[de]{bold}f</h><ul><li>x</li><h level=1>ab[c]{bold}</h></ul>",
    );
}

#[test]
fn what_cannot_be_done_is_said_and_leaves_no_trace() {
    let text = || {
        let mut replica = Replica::new(BodyLayout::Text, 0);
        replica.edit(&[splice(&[], 0, 0, "a😀b")]);
        replica
    };
    let tree = || {
        let mut replica = Replica::new(BodyLayout::ProseMirror, 0);
        replica.edit(&[block(&[0], "p", "a😀b"), block(&[1], "ul", "")]);
        replica
    };
    let value = |op| matches!(op, EditError::Value { .. });
    type Wanted = fn(EditError) -> bool;
    let cases: Vec<(bool, BodyOp, Wanted)> = vec![
        (false, splice(&[], 5, 0, "x"), |e| {
            matches!(e, EditError::PastEnd { at: 5, len: 4, .. })
        }),
        (false, splice(&[], 3, 9, ""), |e| {
            matches!(e, EditError::PastEnd { at: 12, .. })
        }),
        (false, splice(&[], 1, u32::MAX, ""), |e| {
            matches!(e, EditError::PastEnd { .. })
        }),
        (false, splice(&[], 2, 0, "x"), |e| {
            matches!(e, EditError::InsidePair { at: 2, .. })
        }),
        (false, splice(&[], 0, 2, ""), |e| {
            matches!(e, EditError::InsidePair { at: 2, .. })
        }),
        (false, format(&[], 2, 1, bold()), |e| {
            matches!(e, EditError::InsidePair { .. })
        }),
        (false, splice(&[0], 0, 0, "x"), |e| {
            matches!(e, EditError::NoBlocks { .. })
        }),
        (false, block(&[0], "p", ""), |e| {
            matches!(e, EditError::NoBlocks { .. })
        }),
        (false, splice(&[], 0, 0, ""), |e| {
            matches!(e, EditError::NoChange)
        }),
        (false, format(&[], 0, 1, marks([("", Value::Null)])), |e| {
            matches!(e, EditError::Name { .. })
        }),
        (
            false,
            format(&[], 0, 1, marks([("a", Value::Bytes(vec![]))])),
            value,
        ),
        (
            false,
            BodyOp::Embed {
                text: vec![],
                at: 0,
                value: Value::from("x"),
            },
            value,
        ),
        (true, splice(&[0], 2, 0, "x"), |e| {
            matches!(e, EditError::InsidePair { at: 2, .. })
        }),
        (true, splice(&[0], 5, 0, "x"), |e| {
            matches!(e, EditError::PastEnd { .. })
        }),
        (true, splice(&[7], 0, 0, "x"), |e| {
            matches!(e, EditError::NoBlock { .. })
        }),
        (true, splice(&[], 0, 0, "x"), |e| {
            matches!(e, EditError::NoText { .. })
        }),
        (true, block(&[3], "p", ""), |e| {
            matches!(e, EditError::NoPlace { count: 2, .. })
        }),
        (true, block(&[0], "1p", ""), |e| {
            matches!(e, EditError::Tag { .. })
        }),
        (true, BodyOp::JoinBlock { block: vec![0] }, |e| {
            matches!(e, EditError::NothingBefore { .. })
        }),
        (
            true,
            BodyOp::MoveBlock {
                from: vec![1],
                to: vec![1, 0],
            },
            |e| matches!(e, EditError::IntoItself { .. }),
        ),
        (
            true,
            BodyOp::MoveBlock {
                from: vec![1],
                to: vec![1],
            },
            |e| matches!(e, EditError::NoChange),
        ),
        (
            true,
            BodyOp::SplitBlock {
                block: vec![0],
                at: 2,
            },
            |e| matches!(e, EditError::InsidePair { .. }),
        ),
        (
            true,
            BodyOp::Embed {
                text: vec![0],
                at: 0,
                value: Value::Map(BTreeMap::new()),
            },
            |e| matches!(e, EditError::InlineBlock { .. }),
        ),
        (true, BodyOp::DeleteBlock { block: vec![] }, |e| {
            matches!(e, EditError::NoBlock { .. })
        }),
    ];
    for (in_tree, op, wanted) in cases {
        let mut here = if in_tree { tree() } else { text() };
        let digest = here.doc.digest();
        let error = here
            .try_edit(std::slice::from_ref(&op))
            .map(|_| ())
            .unwrap_err();
        assert!(wanted(error.clone()), "{op:?} gave {error:?}");
        assert_eq!(here.doc.digest(), digest, "{op:?} left a trace");
        // The same after an operation that succeeds: the whole list is taken back.
        let good = if in_tree {
            splice(&[0], 0, 1, "Q")
        } else {
            splice(&[], 0, 1, "Q")
        };
        if error != EditError::NoChange {
            let error = here
                .try_edit(&[good.clone(), op.clone()])
                .map(|_| ())
                .unwrap_err();
            assert_eq!(
                here.doc.digest(),
                digest,
                "{op:?} left the first one: {error}"
            );
        }
        // And the next edit goes out and is accepted elsewhere.
        let mut there = if in_tree { tree() } else { text() };
        there.receive(&here.edit(&[good]));
        assert_eq!(there.doc.digest(), here.doc.digest());
    }
}

#[test]
fn a_pair_written_in_the_same_list_is_not_cut() {
    let mut here = Replica::new(BodyLayout::Text, 0);
    let error = here
        .try_edit(&[splice(&[], 0, 0, "😀"), splice(&[], 1, 0, "x")])
        .map(|_| ())
        .unwrap_err();
    assert!(matches!(error, EditError::InsidePair { op: 1, at: 1, .. }));
    assert_eq!(here.text(), "");
    here.edit(&[splice(&[], 0, 0, "😀"), splice(&[], 2, 0, "x")]);
    assert_eq!(here.text(), "😀x");
}

#[test]
fn too_large_an_edit_is_told_to_split_and_leaves_no_trace() {
    let mut here = Replica::new(BodyLayout::Text, 0);
    let error = here
        .try_edit(&[splice(&[], 0, 0, &"x".repeat(300_000))])
        .map(|_| ());
    assert!(matches!(
        error,
        Err(EditError::TooLarge { what: "bytes", .. })
    ));
    assert_eq!(here.text(), "");
    here.edit(&[splice(&[], 0, 0, &"xy".repeat(10_000))]);
    let scattered: Vec<BodyOp> = (0..5_000).map(|n| splice(&[], n, 1, "")).collect();
    let error = here.try_edit(&scattered).map(|_| ());
    assert!(matches!(
        error,
        Err(EditError::TooLarge {
            what: "delete ranges",
            ..
        })
    ));
    assert_eq!(here.text().len(), 20_000);
    let blocks: Vec<BodyOp> = (0..5_000).map(|n| splice(&[], n * 2, 0, "z")).collect();
    let error = here.try_edit(&blocks).map(|_| ());
    assert!(matches!(
        error,
        Err(EditError::TooLarge { what: "blocks", .. })
    ));
    assert_eq!(here.text().len(), 20_000);
}

#[test]
fn equal_edits_give_equal_bytes() {
    let write = || {
        let mut here = Replica::new(BodyLayout::ProseMirror, 0);
        let map = |n| Value::Map((0..n).map(|k| (format!("k{k}"), Value::Int(k))).collect());
        let many: Marks = (0..6).map(|k| (format!("m{k}"), map(5))).collect();
        let attributes = (0..6).map(|k| (format!("a{k}"), map(5))).collect();
        let ops = [
            BodyOp::InsertBlock {
                at: vec![0],
                tag: "p".into(),
                attributes,
                text: "abc".into(),
            },
            format(&[0], 0, 2, many.clone()),
            marked(&[0], 1, "x", many),
            BodyOp::SplitBlock {
                block: vec![0],
                at: 2,
            },
        ];
        here.edit(&ops).payload
    };
    let first = write();
    for _ in 0..10 {
        assert_eq!(write(), first);
    }
}

#[test]
fn one_device_writes_under_the_client_of_whichever_lane_writes() {
    let mut here = Replica::new(BodyLayout::Text, 0);
    let mut there = Replica::new(BodyLayout::Text, 2);
    for (turn, word) in ["a", "b", "c", "d"].into_iter().enumerate() {
        here.chain = ChainIdx(turn as u32 % 2);
        let sent = here.edit(&[splice(&[], turn as u32, 0, word)]);
        there.receive(&sent);
    }
    assert_eq!(here.text(), "abcd");
    assert_eq!(there.text(), "abcd");
    let unknown = EditError::UnknownChain { chain: ChainIdx(9) };
    here.chain = ChainIdx(9);
    assert_eq!(
        here.try_edit(&[splice(&[], 0, 0, "x")]).map(|_| ()),
        Err(unknown)
    );
}

#[test]
fn an_engine_that_fails_sets_the_document_aside_until_it_is_rebuilt() {
    let mut here = Replica::new(BodyLayout::Text, 0);
    let mut there = Replica::new(BodyLayout::Text, 1);
    let first = here.edit(&[splice(&[], 0, 0, "abc")]);
    there.receive(&first);
    let next = here.edit(&[splice(&[], 3, 0, "d")]);
    let candidate = Candidate {
        place: &next.place,
        payload: &next.payload,
    };
    // Bytes that are no update at all touch nothing.
    let mut judged = there.doc.judge(&candidate).unwrap();
    judged.payload = vec![1, 1];
    assert!(there.doc.apply(judged).is_err());
    assert!(!there.doc.is_poisoned());
    assert_eq!(there.text(), "abc");
    // A block whose parent is a letter: the engine stops half way.
    let mut judged = there.doc.judge(&candidate).unwrap();
    judged.payload = vec![1, 1, 7, 3, 4, 0, 7, 0, 1, b'd', 0];
    assert!(there.doc.apply(judged).is_err());
    assert!(there.doc.is_poisoned());
    assert_eq!(there.text(), "");
    assert_eq!(there.doc.save(), None);
    let error = there.try_edit(&[splice(&[], 0, 0, "x")]).map(|_| ());
    assert_eq!(error, Err(EditError::Poisoned));
    there.doc.load(&here.doc.save().unwrap()).unwrap();
    assert_eq!(there.text(), "abcd");
}
