//! Every rule by a change that breaks it and nothing else, written by an author with a valid key.

use crate::{
    forge::{altered, forged},
    world::{Sent, World, actor, code, object, take},
};
use anabranch_core::{hlc::Hlc, record::RecordGate};
use automerge::{
    ActorId, ExpandedChange, ObjType, ROOT, ScalarValue,
    legacy::{ElementId, Key, ObjectId, Op, OpId, OpType},
    transaction::{Transactable, Transaction},
};

/// Two replicas with something in every field. The second one writes next.
fn setting() -> (World, RecordGate) {
    let mut world = World::new(2, 2);
    let stamp = world.next_hlc(0).as_time();
    world.must_write(0, |tx| {
        tx.put(ROOT, "title", "first").expect("put");
        tx.put(ROOT, "sender", "me").expect("put");
        tx.put(object(tx, &["tags"]), "oak", stamp).expect("put");
        tx.insert(object(tx, &["steps"]), 0, "one").expect("insert");
        tx.splice_text(object(tx, &["note"]), 0, 0, "text")
            .expect("splice");
        let group = tx.put_object(ROOT, "place", ObjType::Map).expect("put");
        tx.put(&group, "lat", 1.0).expect("put");
        tx.put(&group, "lon", 2.0).expect("put");
        let entry = tx
            .insert_object(object(tx, &["history"]), 0, ObjType::Map)
            .expect("insert");
        tx.put(&entry, "by", "me").expect("put");
    });
    world.pull(0, 1);
    let mut gate = world.gate();
    for sent in world.sent.values() {
        take(&mut gate, sent).expect("honest");
    }
    (world, gate)
}

fn verdict(gate: &RecordGate, sent: &Sent) -> &'static str {
    gate.judge(&sent.candidate())
        .map(|_| "accept")
        .unwrap_or_else(|rule| code(&rule))
}

type Edit = fn(&mut Transaction<'_>);
type Alter = fn(&mut ExpandedChange);

fn ghost() -> OpId {
    OpId::new(7_777, &ActorId::from(actor(0)))
}

fn nothing(_: &mut ExpandedChange) {}

fn title(tx: &mut Transaction<'_>) {
    tx.put(ROOT, "title", "second").expect("put");
}

fn typed(tx: &mut Transaction<'_>) {
    tx.splice_text(object(tx, &["note"]), 2, 0, "x")
        .expect("splice");
}

#[test]
fn each_forgery_is_refused_by_its_rule() {
    let cases: Vec<(&str, &str, Edit, Alter)> = vec![
        ("nothing altered", "accept", title, nothing),
        ("a gap in seq", "record-seq", title, |e| e.seq += 1),
        ("another time", "record-time", title, |e| e.time += 1),
        ("the lowest time", "record-time", title, |e| {
            e.time = i64::MIN
        }),
        ("another actor", "record-actor", title, |e| {
            e.actor_id = ActorId::from(actor(0))
        }),
        ("start_op too low", "record-start-op", title, |e| {
            e.start_op = 1.try_into().expect("1")
        }),
        ("start_op too high", "record-start-op", title, |e| {
            e.start_op = (u64::from(u32::MAX) - 2).try_into().expect("high");
        }),
        ("a dependency dropped", "record-deps", title, |e| {
            e.deps.clear()
        }),
        ("a dependency made up", "record-deps", title, |e| {
            e.deps.push(automerge::ChangeHash([7; 32]));
        }),
        ("a message", "record-message", title, |e| {
            e.message = Some("hi".into())
        }),
        ("an author footer", "record-trailing", title, |e| {
            e.extra_bytes = vec![1, 1, 7]
        }),
        ("no operation", "record-empty", title, |e| {
            e.operations.clear()
        }),
        ("a pred that does not exist", "record-preds", title, |e| {
            e.operations[0].pred = vec![ghost()].into();
        }),
        ("a fake conflict", "record-preds", title, |e| {
            e.operations[0].pred = vec![].into()
        }),
        (
            "an object that does not exist",
            "record-object",
            title,
            |e| {
                e.operations[0].obj = ObjectId::Id(ghost());
            },
        ),
        ("an object that is none", "record-object", title, |e| {
            e.operations[0].obj =
                ObjectId::Id(e.operations[0].pred.iter().next().expect("one").clone());
        }),
        (
            "an element that does not exist",
            "record-element",
            typed,
            |e| {
                e.operations[0].key = Key::Seq(ElementId::Id(ghost()));
            },
        ),
        ("an element of itself", "record-element", typed, |e| {
            let own = OpId::new(e.start_op.get(), &e.actor_id);
            e.operations[0].key = Key::Seq(ElementId::Id(own));
        }),
        ("an insert that overwrites", "record-preds", typed, |e| {
            e.operations[0].pred = vec![ghost()].into();
        }),
        ("a key in a text", "record-key", typed, |e| {
            e.operations[0].key = Key::Map("x".into())
        }),
        ("an element in a map", "record-key", title, |e| {
            e.operations[0].key = Key::Seq(ElementId::Head);
        }),
        ("an insert into a map", "record-key", title, |e| {
            e.operations[0].insert = true
        }),
        ("an unsigned number", "record-scalar", title, |e| {
            put(e, ScalarValue::Uint(1))
        }),
        ("a counter in a register", "record-scalar", title, |e| {
            put(e, ScalarValue::counter(1))
        }),
        ("a number that is none", "record-scalar", title, |e| {
            put(e, ScalarValue::F64(f64::NAN))
        }),
        ("minus zero", "record-scalar", title, |e| {
            put(e, ScalarValue::F64(-0.0))
        }),
        ("a type of the future", "record-scalar", title, |e| {
            put(
                e,
                ScalarValue::Unknown {
                    type_code: 11,
                    bytes: vec![1],
                },
            );
        }),
        ("a table", "record-action", title, |e| {
            e.operations[0].action = OpType::Make(ObjType::Table);
        }),
        ("a mark", "record-marks", typed, |e| {
            e.operations[0].action = OpType::MarkEnd(true)
        }),
        (
            "an unknown field",
            "schema-field-unknown",
            |tx| tx.put(ROOT, "tile", 1).expect("put"),
            nothing,
        ),
        (
            "genesis' own note",
            "schema-field-unknown",
            |tx| tx.put(ROOT, "~schema", 1).expect("put"),
            nothing,
        ),
        (
            "another type",
            "value-type",
            |tx| tx.put(ROOT, "title", 1).expect("put"),
            nothing,
        ),
        (
            "out of bounds",
            "value-out-of-bounds",
            |tx| tx.put(ROOT, "rank", 1_000_001).expect("put"),
            nothing,
        ),
        (
            "too long",
            "value-too-long",
            |tx| tx.put(ROOT, "title", "x".repeat(41)).expect("put"),
            nothing,
        ),
        (
            "too many bytes",
            "value-too-many-bytes",
            |tx| tx.put(ROOT, "seal", vec![0; 17]).expect("put"),
            nothing,
        ),
        (
            "none of the choices",
            "value-choice",
            |tx| tx.put(ROOT, "status", "ajar").expect("put"),
            nothing,
        ),
        (
            "a register deleted",
            "register-delete",
            |tx| tx.delete(ROOT, "title").expect("delete"),
            nothing,
        ),
        (
            "a map in a register",
            "register-shape",
            |tx| {
                tx.put_object(ROOT, "title", ObjType::Map).expect("put");
            },
            nothing,
        ),
        (
            "the life emptied",
            "value-type",
            |tx| tx.put(ROOT, "~life", ScalarValue::Null).expect("put"),
            nothing,
        ),
        (
            "once again",
            "once-again",
            |tx| tx.put(ROOT, "sender", "you").expect("put"),
            nothing,
        ),
        ("once twice in one change", "once-again", title, |e| {
            let mut op = e.operations[0].clone();
            op.key = Key::Map("sender".into());
            op.pred = vec![].into();
            e.operations = vec![op];
        }),
        (
            "a counter put",
            "counter-put",
            |tx| tx.put(ROOT, "views", 1).expect("put"),
            nothing,
        ),
        (
            "a counter deleted",
            "counter-put",
            |tx| tx.delete(ROOT, "views").expect("delete"),
            nothing,
        ),
        (
            "steps without end",
            "record-counter-step",
            |tx| tx.increment(ROOT, "views", i64::MAX).expect("increment"),
            nothing,
        ),
        (
            "a container replaced",
            "container-replaced",
            |tx| {
                tx.put_object(ROOT, "tags", ObjType::Map).expect("put");
            },
            nothing,
        ),
        (
            "a container deleted",
            "container-replaced",
            |tx| tx.delete(ROOT, "note").expect("delete"),
            nothing,
        ),
        (
            "half a group",
            "value-missing",
            |tx| {
                let group = tx.put_object(ROOT, "place", ObjType::Map).expect("put");
                tx.put(&group, "lat", 1.0).expect("put");
            },
            nothing,
        ),
        (
            "a group with more",
            "value-unknown",
            |tx| {
                let group = tx.put_object(ROOT, "place", ObjType::Map).expect("put");
                tx.put(&group, "alt", 1.0).expect("put");
            },
            nothing,
        ),
        (
            "a part of an old group",
            "group-part",
            |tx| {
                tx.put(object(tx, &["place"]), "lat", 3.0).expect("put");
            },
            nothing,
        ),
        (
            "a group as a scalar",
            "group-part",
            |tx| tx.put(ROOT, "place", 1).expect("put"),
            nothing,
        ),
        (
            "an add without the stamp",
            "set-add",
            |tx| {
                tx.put(object(tx, &["tags"]), "elm", 1).expect("put");
            },
            nothing,
        ),
        (
            "a removal of nothing",
            "record-preds",
            |tx| {
                tx.delete(object(tx, &["tags"]), "oak").expect("delete");
            },
            |e| e.operations.push(e.operations[0].clone()),
        ),
        (
            "an entry overwritten",
            "list-overwrite",
            |tx| {
                tx.put(object(tx, &["steps"]), 0, "two").expect("put");
            },
            nothing,
        ),
        (
            "append deleted",
            "append-only",
            |tx| {
                tx.delete(object(tx, &["history"]), 0).expect("delete");
            },
            nothing,
        ),
        (
            "append overwritten",
            "append-only",
            |tx| {
                tx.put(object(tx, &["history"]), 0, "gone").expect("put");
            },
            nothing,
        ),
        (
            "an old entry changed",
            "append-only",
            |tx| {
                let (_, entry) = automerge::ReadDoc::get(tx, object(tx, &["history"]), 0)
                    .expect("get")
                    .expect("there");
                tx.put(&entry, "by", "you").expect("put");
            },
            nothing,
        ),
        (
            "append of another type",
            "value-type",
            |tx| {
                tx.insert(object(tx, &["history"]), 0, "me")
                    .expect("insert");
            },
            nothing,
        ),
        ("two characters at once", "text-unit", typed, |e| {
            put(e, ScalarValue::Str("ab".into()))
        }),
        ("a number in a text", "text-unit", typed, |e| {
            put(e, ScalarValue::Int(1))
        }),
        ("a block in a text", "text-unit", typed, |e| {
            e.operations[0].action = OpType::Make(ObjType::Map);
        }),
        (
            "a deletion twice",
            "record-preds",
            |tx| {
                tx.splice_text(object(tx, &["note"]), 0, 1, "")
                    .expect("splice");
            },
            |e| e.operations.push(e.operations[0].clone()),
        ),
        (
            "a key that may be none",
            "value-key",
            |tx| {
                tx.put(object(tx, &["extra"]), "~x", "v").expect("put");
            },
            nothing,
        ),
        (
            "a control character",
            "value-key",
            |tx| {
                tx.put(object(tx, &["extra"]), "a\nb", "v").expect("put");
            },
            nothing,
        ),
        (
            "an open key deleted",
            "register-delete",
            |tx| {
                tx.put(object(tx, &["extra"]), "k", "v").expect("put");
                tx.delete(object(tx, &["extra"]), "k").expect("delete");
            },
            nothing,
        ),
    ];
    let (world, gate) = setting();
    for (what, expected, edit, alter) in cases {
        let sent = forged(&world, 1, edit, alter);
        assert_eq!(verdict(&gate, &sent), expected, "{what}");
    }
}

fn put(change: &mut ExpandedChange, value: ScalarValue) {
    change.operations[0].action = OpType::Put(value);
}

#[test]
fn a_set_takes_the_one_spelling_of_each_element() {
    let (world, gate) = setting();
    let stamp = world.next_hlc(1).as_time();
    for (key, expected) in [
        ("7", "accept"),
        ("-7", "accept"),
        ("07", "set-add"),
        ("x", "set-add"),
    ] {
        let sent = forged(
            &world,
            1,
            |tx| tx.put(object(tx, &["lucky"]), key, stamp).expect("put"),
            nothing,
        );
        assert_eq!(verdict(&gate, &sent), expected, "{key}");
    }
}

#[test]
fn what_a_concurrent_change_made_is_not_there() {
    let (mut world, mut gate) = setting();
    let apart = world.must_write(0, |tx| {
        tx.put(ROOT, "rank", 1).expect("put");
        tx.splice_text(object(tx, &["note"]), 0, 0, "q")
            .expect("splice");
    });
    let judged = take(&mut gate, &apart).expect("honest");
    let [rank, typed_op] =
        [0, 1].map(|at| OpId::new(apart_start(&apart) + at, &ActorId::from(actor(0))));
    let over = forged(
        &world,
        1,
        |tx| tx.put(ROOT, "rank", 2).expect("put"),
        |e| {
            e.operations[0].pred = vec![rank.clone()].into();
        },
    );
    assert_eq!(verdict(&gate, &over), "record-preds");
    let behind = forged(&world, 1, typed, |e| {
        e.operations[0].key = Key::Seq(ElementId::Id(typed_op.clone()));
    });
    assert_eq!(verdict(&gate, &behind), "record-element");
    // Once heard of, it is.
    world.pull(0, 1);
    let after = forged(
        &world,
        1,
        |tx| tx.put(ROOT, "rank", 2).expect("put"),
        nothing,
    );
    assert_eq!(verdict(&gate, &after), "accept");
    assert!(judged.touched.contains(&vec!["note".to_owned()]));
}

fn apart_start(sent: &Sent) -> u64 {
    let change = automerge::Change::from_bytes(sent.payload.clone()).expect("valid");
    change.start_op().get()
}

#[test]
fn sizes_are_judged_in_the_authors_view_and_may_be_overshot_by_concurrency() {
    let mut world = World::new(1, 2);
    let mut gate = world.gate();
    let full = world.must_write(0, |tx| {
        tx.splice_text(object(tx, &["note"]), 0, 0, &"x".repeat(4_999))
            .expect("splice");
        for at in 0..512 {
            tx.insert(object(tx, &["steps"]), at, "s").expect("insert");
            tx.put(object(tx, &["extra"]), format!("k{at}"), "v")
                .expect("put");
        }
    });
    take(&mut gate, &full).expect("at the bounds");
    let apart = world.must_write(1, |tx| {
        tx.splice_text(object(tx, &["note"]), 0, 0, &"y".repeat(5_000))
            .expect("splice");
        tx.insert(object(tx, &["steps"]), 0, "s").expect("insert");
        tx.put(object(tx, &["extra"]), "more", "v").expect("put");
    });
    take(&mut gate, &apart).expect("its author had not seen the rest");

    for (expected, edit) in [
        (
            "record-text-too-long",
            (|tx| {
                tx.splice_text(object(tx, &["note"]), 0, 0, "😀")
                    .expect("splice")
            }) as Edit,
        ),
        ("accept", |tx| {
            tx.splice_text(object(tx, &["note"]), 0, 0, "é")
                .expect("splice")
        }),
        ("accept", |tx| {
            tx.splice_text(object(tx, &["note"]), 0, 9, "😀")
                .expect("splice")
        }),
        ("record-too-many-entries", |tx| {
            tx.insert(object(tx, &["steps"]), 0, "s").expect("insert")
        }),
        ("record-too-many-entries", |tx| {
            tx.put(object(tx, &["extra"]), "one", "v").expect("put")
        }),
        ("accept", |tx| {
            tx.put(object(tx, &["extra"]), "k7", "w").expect("put")
        }),
        ("accept", |tx| {
            tx.delete(object(tx, &["steps"]), 5).expect("delete");
            tx.insert(object(tx, &["steps"]), 0, "s").expect("insert");
        }),
    ] {
        assert_eq!(verdict(&gate, &forged(&world, 0, edit, nothing)), expected);
    }
    world.pull(0, 1);
    let over = forged(
        &world,
        1,
        |tx| {
            tx.splice_text(object(tx, &["note"]), 0, 99, "a")
                .expect("splice")
        },
        nothing,
    );
    assert_eq!(
        verdict(&gate, &over),
        "accept",
        "what is too long may shrink"
    );
}

#[test]
fn a_whole_text_can_be_replaced_in_one_change() {
    let mut world = World::new(1, 1);
    let mut gate = world.gate();
    let first = world.must_write(0, |tx| {
        tx.splice_text(object(tx, &["note"]), 0, 0, &"a".repeat(5_000))
            .expect("splice");
    });
    take(&mut gate, &first).expect("fits");
    let second = world.must_write(0, |tx| {
        tx.splice_text(object(tx, &["note"]), 0, 5_000, &"b".repeat(5_000))
            .expect("splice");
    });
    take(&mut gate, &second).expect("fits");
}

#[test]
fn a_back_dated_once_is_a_concurrent_value_and_leaves_the_choice_to_the_rule() {
    // "Email.subject was set a year ago; M puts it with the genesis alone as past and HLC 1."
    let (mut world, mut gate) = setting();
    world.replicas[1] = World::new(2, 2).replicas[1].clone();
    world.replicas[1].hlc = Hlc(1);
    let late = world.must_write(1, |tx| tx.put(ROOT, "sender", "M").expect("put"));
    take(&mut gate, &late).expect("its author had not seen it set");
    let slot = anabranch_core::record::Slot::Key {
        object: None,
        key: "sender".into(),
    };
    let stamps: Vec<Hlc> = gate
        .visible(&slot, None)
        .iter()
        .map(|op| gate.stamp(op).expect("known").hlc)
        .collect();
    assert_eq!(stamps.len(), 2, "both stand, each with its stamp");
    assert!(stamps.contains(&Hlc(2)));
}

#[test]
fn two_replicas_that_add_to_a_container_of_version_two_keep_both() {
    // "D born at v1; v2 adds tags; P and Q, offline, both write a tag."
    let mut world = World::new(1, 2);
    let mut gate = world.gate();
    let old = world.must_write(0, title);
    take(&mut gate, &old).expect("honest");
    world.pull(0, 1);
    let second = crate::world::schemas(2).pop().expect("v2");
    world.schemas.push(second.clone());
    gate.extend(second);
    let upgraded = gate.genesis()[1].clone();
    for replica in &mut world.replicas {
        replica
            .doc
            .apply_changes([upgraded.clone()])
            .expect("applies");
    }
    let mut stamps = Vec::new();
    for at in 0..2 {
        let stamp = world.next_hlc(at).as_time();
        stamps.push(stamp);
        let add = world.must_write(at, |tx| {
            tx.put(object(tx, &["labels"]), "same", stamp).expect("put")
        });
        take(&mut gate, &add).expect("honest");
    }
    world.pull(0, 1);
    let both =
        automerge::ReadDoc::get_all(&world.replicas[1].doc, world.object(&["labels"]), "same");
    assert_eq!(both.expect("readable").len(), 2);
}

#[test]
fn a_change_of_version_one_cannot_write_what_version_two_brought() {
    let mut world = World::new(2, 1);
    let gate = world.gate();
    let sent = world.must_write(0, |tx| tx.put(ROOT, "mood", "x").expect("put"));
    assert_eq!(verdict(&gate, &sent), "accept");
    let mut older = altered(&sent, |e| {
        e.deps = vec![gate.genesis()[0].hash()];
        e.start_op = (gate.genesis()[0].max_op() + 1)
            .try_into()
            .expect("above 0");
    });
    older.place.schema = world.schemas[0].clone();
    assert_eq!(verdict(&gate, &older), "schema-field-unknown");
    // Nor is version 2's genesis in its past.
    let mut unseen = sent.clone();
    unseen.place.schema = world.schemas[0].clone();
    assert_eq!(verdict(&gate, &unseen), "record-deps");
}

#[test]
fn millions_of_operations_in_a_hundred_bytes_are_refused() {
    let (world, gate) = setting();
    let sent = forged(&world, 1, typed, |e| {
        let twin: Op = e.operations[0].clone();
        e.operations = vec![twin; 17_000];
    });
    assert_eq!(verdict(&gate, &sent), "record-too-many-ops");
}
