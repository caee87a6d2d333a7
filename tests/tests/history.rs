//! A document as it was, and who wrote what of it.
#![allow(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic)]

mod common;

use anabranch_core::{
    causal::Past,
    document::{Document, Draft, EngineDoc},
    id::{DocumentId, UserId},
    judge::Grounds,
    replica::Replica,
    schema::catalogue,
};
use common::*;
use std::collections::BTreeMap;

fn at(replica: &Replica, document: &Document, past: &Past) -> Document {
    let keys = BTreeMap::new();
    let grounds = Grounds {
        workspace: replica.workspace(),
        standing: replica.standing(),
        schemas: replica.schemas(),
        keys: &keys,
    };
    document.at(past, &grounds).unwrap()
}

/// Whatever any replica ever showed can be shown again, from what it holds later: records, bodies, logs.
#[test]
fn a_document_at_an_earlier_point_is_what_the_replica_showed_then() {
    for seed in 0..4 {
        let mut session = Session::new(seed, 3);
        let mut seen: Vec<(usize, DocumentId, Past, [u8; 32], String)> = Vec::new();
        let page = session.entity("page");
        let task = session.entity("task");
        let mut rng = anabranch_core::sim::Rng::new(seed);
        for _ in 0..40 {
            let station = rng.below(3);
            session.edit_one(station, page, task, &mut rng);
            if rng.one_in(3) {
                let sealed = session.flush(station);
                session.lab.stations[rng.below(3)].receive(NOW, sealed);
            }
            for document in session.lab.stations[station].replica.documents() {
                let past = document.graph().present().clone();
                seen.push((
                    station,
                    document.id(),
                    past,
                    document.digest(),
                    shown(document),
                ));
            }
        }
        session.settle();
        for (station, id, past, digest, text) in seen {
            let replica = &session.lab.stations[station].replica;
            let document = replica
                .documents()
                .find(|document| document.id() == id)
                .unwrap();
            let then = at(replica, document, &past);
            assert_eq!(shown(&then), text, "seed {seed}");
            assert_eq!(then.digest(), digest);
        }
    }
}

#[test]
fn an_author_s_own_view_can_be_shown_to_another() {
    let mut session = Session::new(1, 2);
    let page = session.entity("page");
    session.title(0, page, "seen");
    session.settle();
    session.title(0, page, "not seen");
    session.tag(1, page, "written without knowing it");
    session.settle();
    let replica = &session.lab.stations[0].replica;
    let document = replica.document(&page, "record").unwrap();
    let (chain, line) = document.graph().lines().last().unwrap();
    let past = line.nodes()[0].past.clone().with(chain, 1);
    let then = at(replica, document, &past);
    assert_eq!(title(&then).unwrap(), "seen");
    assert_eq!(tags(&then), ["written without knowing it"]);
    assert_eq!(title(document).unwrap(), "not seen");
}

/// Who wrote what of a text: (author, text) from front to back.
fn told(document: &Document, field: &str) -> Vec<(UserId, String)> {
    let (text, runs): (String, Vec<(UserId, u32, u32)>) = match document.engine() {
        EngineDoc::Record(record) => {
            let view = view(document);
            let text = view.get(&[field]).unwrap().as_text().unwrap().to_owned();
            let runs = record.blame(&path(field)).unwrap();
            (
                text,
                runs.iter()
                    .map(|run| (run.author, run.at, run.len))
                    .collect(),
            )
        }
        EngineDoc::Body(of) => {
            let line = |chain| document.graph().line(chain).unwrap().writer.author;
            let runs = of.blame(&[]).unwrap();
            (
                body(document).plain_text(),
                runs.iter()
                    .map(|run| (line(run.chain), run.at, run.len))
                    .collect(),
            )
        }
        EngineDoc::Log(_) => panic!("no text"),
    };
    let units: Vec<u16> = text.encode_utf16().collect();
    let mut told: Vec<(UserId, String)> = Vec::new();
    for (author, at, len) in runs {
        let part = String::from_utf16(&units[at as usize..(at + len) as usize]).unwrap();
        match told.last_mut() {
            Some((last, text)) if *last == author => text.push_str(&part),
            _ => told.push((author, part)),
        }
    }
    told
}

#[test]
fn every_stretch_of_a_text_has_its_author_in_a_record_and_in_a_body() {
    let schemas = vec![
        catalogue::schema("task").unwrap(),
        catalogue::schema("markdown").unwrap(),
    ];
    let mut session = Session::of(2, 2, schemas);
    let (task, page) = (session.entity("task"), session.entity("markdown"));
    let write = |session: &mut Session, station: usize, at: u32, delete: u32, text: &str| {
        session.record(station, "task", task, &[splice("notes", at, delete, text)]);
        let ops = [type_at(at, delete, text)];
        session
            .write_at(station, NOW, "markdown", page, "body", &Draft::Body(&ops))
            .unwrap();
        session.settle();
    };
    write(&mut session, 0, 0, 0, "the river 🌊 bends");
    write(&mut session, 1, 4, 0, "slow ");
    write(&mut session, 1, 18, 0, "gently ");
    write(&mut session, 0, 0, 1, "T");
    let (a, b) = (session.lab.stations[0].user, session.lab.stations[1].user);
    let wanted = [
        (a, "The "),
        (b, "slow "),
        (a, "river 🌊 "),
        (b, "gently "),
        (a, "bends"),
    ]
    .map(|(u, t)| (u, t.to_owned()));
    for station in &session.lab.stations {
        assert_eq!(
            told(station.replica.document(&task, "record").unwrap(), "notes"),
            wanted
        );
        assert_eq!(
            told(station.replica.document(&page, "body").unwrap(), ""),
            wanted
        );
    }
}
