//! The recorded session on durable stores: two people type one document, mostly apart, and take in a
//! bundle of the other's work where the recording says that they had seen it.

use super::{
    broken,
    pair::{LONG, Pair},
};
use crate::answer::Failure;
use anabranch::{
    Node,
    core::{
        body::BodyOp,
        document::{Document, Draft, EngineDoc, State},
        engine::Scope,
        id::EntityId,
        patch::Cause,
    },
    play::{KIND, reflect, text_of_body},
    trace::{Concurrent, ConcurrentTxn, Mirror},
    transport::node::{Notice, Observer},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// What it came to.
#[derive(Debug, Default)]
pub(super) struct Session {
    pub edits: usize,
    pub exchanges: usize,
    pub not_accepted: usize,
    pub text_matches: bool,
    pub converged: bool,
    pub took: Duration,
}

/// One person at work.
struct Writer {
    /// The text in the trace's positions.
    mirror: Mirror,
    observer: Observer,
    written: usize,
    /// How many of the other's transactions this one has.
    had: usize,
}

/// Plays a session of two. `progress` is told how many transactions are done, of how many.
pub(super) fn play(
    pair: &mut Pair,
    trace: &Concurrent,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<Session, Failure> {
    let begun = Instant::now();
    let page = pair.ana.entity(pair.owner, KIND).map_err(broken)?;
    let mut writers = [
        writer(pair, &pair.ana, page)?,
        writer(pair, &pair.bo, page)?,
    ];
    let wanted = wanted(trace);
    let mut bundles: BTreeMap<(usize, usize), Vec<u8>> = BTreeMap::new();
    let mut session = Session::default();
    for (at, txn) in trace.txns.iter().enumerate() {
        let (reader, author) = (txn.agent, 1 - txn.agent);
        let seen = seen_of(txn, author);
        let [ana, bo] = &mut writers;
        let mine = if reader == 0 { ana } else { bo };
        if seen > mine.had {
            mine.had = seen;
            if let Some(bundle) = bundles.remove(&(author, seen)) {
                session.take(pair, reader, &bundle)?;
            }
            mine.reflect()?;
        }
        mine.write(pair, reader, page, txn)?;
        session.edits += txn.patches.len();
        if wanted.contains(&(reader, mine.written)) {
            let bundle = node(pair, reader).export(&pair.workspace).map_err(broken)?;
            bundles.insert((reader, mine.written), bundle);
        }
        if at % 200 == 0 {
            progress(at, trace.txns.len());
        }
    }
    pair.meet()?;
    session.exchanges += 2;
    progress(trace.txns.len(), trace.txns.len());
    let texts = [text(pair, &pair.ana, page)?, text(pair, &pair.bo, page)?];
    session.text_matches = texts.iter().all(|text| *text == trace.end);
    let [ana, bo] = pair.digests()?;
    session.converged = ana == bo;
    for node in [&pair.ana, &pair.bo] {
        let scope = Scope::Workspace(pair.workspace);
        if !node.durability(scope).wait(anabranch::Receipt::Local, LONG) {
            return Err(broken("the disk did not answer"));
        }
    }
    session.took = begun.elapsed();
    Ok(session)
}

impl Session {
    fn take(&mut self, pair: &mut Pair, reader: usize, bundle: &[u8]) -> Result<(), Failure> {
        let to: fn(&Pair) -> &Node = match reader {
            0 => |pair| &pair.ana,
            _ => |pair| &pair.bo,
        };
        let imported = pair.carry(bundle, to)?;
        let arrivals = imported.intake.arrivals.iter();
        let aside = arrivals.filter(|one| one.state != State::Effective).count();
        self.not_accepted += aside + imported.forged.len() + imported.broken.len();
        self.exchanges += 1;
        Ok(())
    }
}

impl Writer {
    /// Brings the mirror up to what the document shows.
    fn reflect(&mut self) -> Result<(), Failure> {
        while let Some(notice) = self.observer.try_next() {
            match notice {
                Notice::Patched(set) if set.cause == Cause::Local => {}
                Notice::Patched(set) => reflect(&mut self.mirror, &set.patches).map_err(broken)?,
                Notice::Reset | Notice::Stuck(_) => {
                    let text = self.observer.read(shown).map_err(broken)?;
                    self.mirror = Mirror::new(&text);
                }
            }
        }
        Ok(())
    }

    fn write(
        &mut self,
        pair: &Pair,
        reader: usize,
        page: EntityId,
        txn: &ConcurrentTxn,
    ) -> Result<(), Failure> {
        let mut ops = Vec::with_capacity(txn.patches.len());
        for patch in &txn.patches {
            let splice = self.mirror.edit(patch).map_err(broken)?;
            ops.push(BodyOp::Splice {
                text: Vec::new(),
                at: splice.at,
                delete: splice.delete,
                insert: splice.insert,
                marks: None,
            });
        }
        let place = pair.place(KIND, page, "body");
        let edited = node(pair, reader).edit(&place, &Draft::Body(&ops));
        edited.map_err(broken)?;
        self.written += 1;
        // Own patches are known already.
        while let Some(Notice::Reset) = self.observer.try_next() {
            self.mirror = Mirror::new(&self.observer.read(shown).map_err(broken)?);
        }
        Ok(())
    }
}

fn writer(pair: &Pair, node: &Node, page: EntityId) -> Result<Writer, Failure> {
    let observed = node.observe(&pair.workspace, page, "body", |_| ());
    let ((), observer) = observed.map_err(broken)?;
    Ok(Writer {
        mirror: Mirror::new(""),
        observer,
        written: 0,
        had: 0,
    })
}

fn node(pair: &Pair, agent: usize) -> &Node {
    match agent {
        0 => &pair.ana,
        _ => &pair.bo,
    }
}

fn seen_of(txn: &ConcurrentTxn, author: usize) -> usize {
    txn.seen.get(author).map_or(0, |seen| *seen as usize)
}

/// After which of an author's transactions somebody takes in their work.
fn wanted(trace: &Concurrent) -> BTreeSet<(usize, usize)> {
    let seen = trace.txns.iter().map(|txn| {
        let author = 1 - txn.agent.min(1);
        (author, seen_of(txn, author))
    });
    seen.collect()
}

fn text(pair: &Pair, node: &Node, page: EntityId) -> Result<String, Failure> {
    let text = node.read(&pair.workspace, &page, "body", shown);
    text.map_err(broken)
}

fn shown(document: Option<&mut Document>) -> String {
    match document.map(|one| one.engine()) {
        Some(EngineDoc::Body(body)) => text_of_body(body.content()),
        Some(EngineDoc::Record(_) | EngineDoc::Log(_)) | None => String::new(),
    }
}
