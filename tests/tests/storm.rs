//! No set of change sets that members with valid keys can make leaves two replicas that hold the same
//! change sets and the same control log in different states. Everything at once: honest work, copied
//! stores, gateways under one foreign client, forgeries that their authors signed, refusals, rulings,
//! revocations, a new schema version and a workspace key, in random orders and batches.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use anabranch_core::{
    changeset::{Signed, WorkspaceKey},
    control::{ControlBody, Cut, RefuseReason, Role, SignedControl},
    document::{Draft, State},
    id::{Actor, Chain, ChangeSetId, EntityId, Epoch, Lane, OriginId},
    replica::Replica,
    schema::Schema,
    sim::Rng,
    value::Value,
};
use common::*;
use std::collections::BTreeMap;

const V1: &str = r#"
kind = "note"
version = 1
route = ["state"]
[record.fields]
title = "lww text"
state = { rule = "lww", type = "text", max = 64 }
votes = "counter"
first = "once text"
words = "set text"
story = "text"
[body]
layout = "text"
[log.said]
[log.said.entry]
text = "text"
"#;

/// `title` is renamed, and there is a new set.
fn second() -> Schema {
    let text = V1.replace("version = 1", "version = 2").replace(
        "title = \"lww text\"\n",
        "name = { rule = \"lww\", type = \"text\", since = 2 }\nmore = { rule = \"set\", type = \"text\", since = 2 }\n",
    );
    schema(&format!("{text}[lens.rename]\ntitle = \"name\"\n"))
}

struct Storm {
    session: Session,
    /// How much of the control log everybody knows before the storm.
    known: u64,
    all: Vec<Signed>,
    key: WorkspaceKey,
    late: Schema,
}

/// One random edit; what the replica itself refuses is not made.
fn edit(session: &mut Session, station: usize, note: EntityId, rng: &mut Rng) {
    let word = ["river", "delta", "bend 🌊", "ford"][rng.below(4)];
    let now = NOW + rng.below(200) as u64;
    let newest = session.lab.stations[station]
        .replica
        .schemas()
        .newest("note")
        .unwrap()
        .version();
    let title = if newest == 1 { "title" } else { "name" };
    let ops = match rng.below(9) {
        0 => vec![put(title, word)],
        1 => vec![put("state", word), increment("votes", 1)],
        2 => vec![put("first", word)],
        3 => vec![add("words", word)],
        4 => vec![remove("words", word)],
        5 => vec![splice("story", 0, 0, word)],
        6 => {
            let one = entry("text", word);
            session
                .write_at(station, now, "note", note, "log.said", &Draft::Entry(&one))
                .ok();
            return;
        }
        _ => {
            let document = session.lab.stations[station]
                .replica
                .document(&note, "body");
            let units = document.map_or(0, |d| body(d).plain_text().encode_utf16().count() as u32);
            let delete = u32::from(units > 3 && rng.one_in(3));
            // Never within a character: words begin with a letter.
            let ops = [type_at(0, delete, word)];
            session
                .write_at(station, now, "note", note, "body", &Draft::Body(&ops))
                .ok();
            return;
        }
    };
    session
        .write_at(station, now, "note", note, "record", &Draft::Record(&ops))
        .ok();
}

fn forgery(session: &Session, station: usize, signed: &Signed, rng: &mut Rng) -> Option<Signed> {
    let dice = rng.below(9);
    let noise = rng.next();
    try_remade(
        &session.lab.stations[station].key,
        signed,
        |header, payload| match dice {
            0 => header.deps.clear(),
            1 => header.route = vec![("state".to_owned(), Value::from("lie"))],
            2 => header.hlc.0 = header.hlc.0.saturating_sub(noise % (400 << 16)),
            3 => header.hlc.0 += 1,
            4 => header.chain.lane = Lane(3),
            5 => {
                if let Some(byte) = payload
                    .len()
                    .checked_sub(1)
                    .and_then(|len| payload.get_mut(noise as usize % (len + 1)))
                {
                    *byte ^= 1 << (noise >> 60 & 7);
                }
            }
            6 => header.extension = noise.to_le_bytes().to_vec(),
            7 => header.chain.epoch = Epoch(1),
            _ => {
                header.deps.truncate(1);
                header.control.number = header.control.number.saturating_sub(noise % 4);
            }
        },
    )
}

fn storm(seed: u64) -> Storm {
    let mut session = Session::of(seed, 3, vec![schema(V1)]);
    let mut rng = Rng::new(seed ^ 0x0051_0a11);
    let gateways = [
        session.lab.admit(Role::Gateway),
        session.lab.admit(Role::Gateway),
    ];
    let known = session.known();
    let note = session.entity("note");
    let mut all: Vec<Signed> = Vec::new();
    let mut copy = None;
    let key = WorkspaceKey::new(1, [seed as u8; 32]);
    let late = second();
    for turn in 0..36 {
        let writers: Vec<usize> = [0, 1, 2].into_iter().chain(copy).collect();
        let station = writers[rng.below(writers.len())];
        edit(&mut session, station, note, &mut rng);
        if rng.one_in(2) {
            let sealed = session.flush(station);
            if let Some(signed) = sealed.last().filter(|_| rng.one_in(3)) {
                let forged = forgery(&session, station, signed, &mut rng);
                if rng.one_in(2) {
                    let to = writers[rng.below(writers.len())];
                    session.lab.stations[to].receive(NOW, forged.iter().cloned().collect());
                }
                all.extend(forged);
            }
            let to = writers[rng.below(writers.len())];
            session.lab.stations[to].receive(NOW, sealed);
        }
        if turn == 12 {
            copy = Some(session.clone_station(0));
        }
        if turn == 18 && seed.is_multiple_of(2) {
            session.lab.activate(late.clone());
        }
        if turn == 24 && seed.is_multiple_of(3) {
            session.lab.record(ControlBody::KeyEpoch {
                epoch: 1,
                fingerprint: key.fingerprint(),
            });
            for station in &mut session.lab.stations {
                station.replica.workspace_key(key.clone());
            }
        }
        if rng.one_in(9) {
            let sealed = session.all();
            if let Some(signed) = (!sealed.is_empty()).then(|| &sealed[rng.below(sealed.len())]) {
                let (slot, id) = (slot_of(signed), signed.change.id());
                session.lab.record(match rng.below(3) {
                    0 => ControlBody::Refuse {
                        slot,
                        id,
                        reason: RefuseReason::Quota,
                    },
                    1 => ControlBody::Fork { slot, winner: id },
                    _ => {
                        let origin =
                            OriginId(session.lab.stations[2].key.verifying_key().to_bytes());
                        let cut = if slot.chain.origin == origin {
                            vec![Cut { last: slot }]
                        } else {
                            Vec::new()
                        };
                        ControlBody::Revoke { origin, cut }
                    }
                });
            }
            for station in writers {
                session.lab.stations[station].replica.rebase(NOW).ok();
            }
        }
    }
    // Two gateways under one foreign client, each on nothing.
    let user = session.lab.stations[0].user;
    for gateway in gateways {
        let origin = OriginId(session.lab.stations[gateway].key.verifying_key().to_bytes());
        let chain = Chain {
            origin,
            epoch: Epoch(0),
            lane: Lane(0),
        };
        let hand = Hand {
            chain,
            author: user,
            foreign: Some(Actor::Yrs(77)),
        };
        let mut document = session.blank("note", note, "body");
        for word in ["one ", "two "] {
            let draft = [type_at(0, 0, word)];
            all.push(session.hand_write(
                &mut document,
                gateway,
                hand,
                NOW + all.len() as u64,
                &Draft::Body(&draft),
            ));
        }
    }
    all.extend(session.all());
    Storm {
        session,
        known,
        all,
        key,
        late,
    }
}

/// Gives everything to a replica that knew only the beginning, in an order of the seed's choice.
fn deliver(storm: &Storm, seed: u64) -> Replica {
    enum Piece<'s> {
        Change(&'s Signed),
        Record(&'s SignedControl),
        Schema,
        Key,
    }
    let mut rng = Rng::new(seed);
    let lab = &storm.session.lab;
    let founder = lab.control().line().next().unwrap().record.signer;
    let mut replica = Replica::new(lab.workspace, founder);
    for record in lab.control().line().take(storm.known as usize) {
        replica.control_record(record.clone()).unwrap();
    }
    let mut pieces: Vec<Piece<'_>> = storm.all.iter().map(Piece::Change).collect();
    pieces.extend(
        lab.control()
            .line()
            .skip(storm.known as usize)
            .map(Piece::Record),
    );
    pieces.extend([Piece::Schema, Piece::Schema, Piece::Key, Piece::Key]);
    rng.shuffle(&mut pieces);
    replica.schema(schema(V1));
    let mut batch = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Change(signed) => batch.push(verified(signed)),
            Piece::Record(record) => {
                replica.control_record(record.clone()).unwrap();
            }
            Piece::Schema => {
                replica.schema(storm.late.clone());
            }
            Piece::Key => {
                replica.workspace_key(storm.key.clone());
            }
        }
        if rng.one_in(2) {
            replica.receive(NOW, std::mem::take(&mut batch));
        }
    }
    replica.receive(NOW, batch);
    // A key that came before its control record was not taken.
    replica.workspace_key(storm.key.clone());
    replica
}

/// Every change set that is here, with where it stands.
fn standings(replica: &Replica) -> BTreeMap<ChangeSetId, State> {
    let mut states = BTreeMap::new();
    for document in replica.documents() {
        let effective = document
            .effective()
            .into_iter()
            .map(|kept| (kept.change.id(), State::Effective));
        states.extend(effective);
        states.extend(
            document
                .asides()
                .map(|aside| (aside.kept.change.id(), aside.state.clone())),
        );
    }
    states
}

#[test]
fn whatever_members_with_valid_keys_make_all_replicas_that_hold_it_are_in_one_state() {
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for seed in 0..40 {
        let storm = storm(seed);
        let first = deliver(&storm, 0);
        let (digest, states) = (first.digest(), standings(&first));
        for order in 1..6 {
            let other = deliver(&storm, order);
            assert_eq!(standings(&other), states, "seed {seed}, order {order}");
            assert_eq!(other.digest(), digest, "seed {seed}, order {order}");
        }
        // The replicas that took part hold the same in the end, and are in the same state.
        let mut session = storm.session;
        for station in &mut session.lab.stations {
            station.replica.workspace_key(storm.key.clone());
            let (_, refused) = station.receive(NOW, storm.all.clone());
            assert_eq!(refused, 0);
            // It may have work of its own that stopped counting before it was sealed.
            let mut own = standings(&station.replica);
            own.retain(|id, _| states.contains_key(id));
            assert_eq!(own, states, "seed {seed}, a replica that took part");
            assert_eq!(
                station.replica.digest(),
                digest,
                "seed {seed}, a replica that took part"
            );
        }
        for state in states.values() {
            *kinds
                .entry(match state {
                    State::Effective => "effective",
                    State::Held(_) => "held",
                    State::Refused(_) => "refused",
                    State::Excluded(_) => "excluded",
                    State::Forked { .. } => "forked",
                    State::Orphaned { .. } => "orphaned",
                    State::Stuck => "stuck",
                })
                .or_default() += 1;
        }
    }
    println!("{kinds:?}");
    for kind in ["effective", "refused", "excluded", "forked", "orphaned"] {
        assert!(
            kinds.get(kind).is_some_and(|count| *count > 10),
            "{kind}: {kinds:?}"
        );
    }
    assert_eq!(kinds.get("stuck"), None);
}
