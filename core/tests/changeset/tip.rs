//! Chains and epochs.

use crate::fixtures::*;
use anabranch_core::{
    changeset::{Follows, Link, Tip},
    id::Epoch,
};

#[test]
fn a_chain_goes_on_by_number_and_id() {
    let line = line(&key(), 3);
    assert_eq!(line[0].header().follows(None), Follows::Next);
    assert_eq!(line[1].header().follows(None), Follows::Missing { from: 1 });
    let tip = Tip::of(&line[0]);
    assert_eq!(line[1].header().follows(Some(&tip)), Follows::Next);
    assert_eq!(
        line[2].header().follows(Some(&tip)),
        Follows::Missing { from: 2 }
    );
    assert_eq!(line[0].header().follows(Some(&tip)), Follows::Taken);
    let next = tip.next().unwrap();
    assert_eq!((next.seq, next.prev), (2, Some(line[0].id())));
}

#[test]
fn the_next_number_on_another_past_is_a_fork_below() {
    let line = line(&key(), 2);
    let tip = Tip {
        id: anabranch_core::id::ChangeSetId([0; 32]),
        ..Tip::of(&line[0])
    };
    assert_eq!(
        line[1].header().follows(Some(&tip)),
        Follows::Elsewhere { wanted: tip.id }
    );
}

#[test]
fn a_stamp_must_rise_within_a_chain() {
    let line = line(&key(), 2);
    let tip = Tip {
        hlc: line[1].header().hlc,
        ..Tip::of(&line[0])
    };
    assert_eq!(
        line[1].header().follows(Some(&tip)),
        Follows::ClockBack { floor: tip.hlc }
    );
}

#[test]
fn a_later_epoch_begins_at_one_and_names_where_it_came_from() {
    let line = line(&key(), 2);
    let tip = Tip::of(&line[1]);
    assert_eq!(tip.begin(Epoch(0)), None, "not later");
    let link = tip.begin(Epoch(1)).unwrap();
    let first = change(plain(&key()).at(link), b"");
    assert_eq!(
        (first.header().seq, first.header().chain.epoch),
        (1, Epoch(1))
    );
    assert_eq!(first.header().provenance(), Some(line[1].id()));
    assert_eq!(
        first.header().follows(None),
        Follows::Next,
        "a provenance is no dependency"
    );
    assert_eq!(line[1].header().provenance(), None, "prev of its own chain");
    assert_eq!(Link::first(tip.chain).prev, None);
}

#[test]
fn a_chain_ends_at_the_last_number() {
    let tip = Tip {
        seq: u64::MAX,
        ..Tip::of(&line(&key(), 1)[0])
    };
    assert_eq!(tip.next(), None);
}
