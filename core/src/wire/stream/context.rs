//! What both ends of one direction of a stream know of what it carried.
//!
//! The two ends hold equal contexts because each moves its own on by the same change sets in the
//! same order. Nothing checks that they are equal but the signatures over what is rebuilt.
#![deny(clippy::arithmetic_side_effects)]

use super::{fields::Standing, pool::Pools};
use crate::{
    changeset::{Dep, EngineKind, Header},
    hlc::Hlc,
    id::{Chain, ChangeSetId, EntityId, WorkspaceId},
    limits,
    wire::{
        automerge::{self, Mark},
        yrs,
    },
};
use std::collections::{BTreeMap, VecDeque};

/// One direction's context.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Context {
    pub(super) pools: Pools,
    pub(super) documents: Vec<Document>,
    document_places: BTreeMap<DocumentKey, usize>,
    pub(super) writers: Vec<Writer>,
    writer_places: BTreeMap<(usize, Chain), usize>,
    known: BTreeMap<(usize, u64), Known>,
    /// Keys of `known`, oldest first.
    age: VecDeque<(usize, u64)>,
    geneses: automerge::Geneses,
    /// How much the engines' tables and the extensions of all documents hold.
    entries: usize,
    /// The writer of the last change set.
    pub(super) last: Option<usize>,
    /// The stamp of the last change set.
    pub(super) hlc: Hlc,
}

/// A document as the wire tells them apart.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DocumentKey {
    pub(super) workspace: WorkspaceId,
    pub(super) entity: EntityId,
    pub(super) part: String,
    pub(super) engine: EngineKind,
}

/// A document that the stream has carried something of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Document {
    pub(super) key: DocumentKey,
    /// What was carried and no later one depends on: writer and number.
    frontier: Vec<(usize, u64)>,
    /// The writer of its last change set.
    pub(super) last: Option<usize>,
    pub(super) crowd: yrs::Crowd,
    pub(super) tables: automerge::Tables,
}

/// A chain in a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Writer {
    pub(super) document: usize,
    pub(super) chain: Chain,
    /// The fields that seldom change, as of its last change set.
    pub(super) standing: Standing,
    /// Number and id of its last change set; 0 and none before the first.
    pub(super) seq: u64,
    pub(super) id: Option<ChangeSetId>,
    pub(super) pen: Pen,
}

/// Where a writer's engine last stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pen {
    Automerge(automerge::Pen),
    Yrs(yrs::Pen),
    Log,
}

/// A change set that was carried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) id: ChangeSetId,
    pub(super) mark: Option<Mark>,
}

impl Writer {
    /// The number of its next change set.
    pub(super) fn next(&self) -> Option<u64> {
        self.seq.checked_add(1)
    }
}

/// The parts of a context that an engine's codec works with.
pub(super) struct EngineParts<'a> {
    pub(super) pen: &'a mut Pen,
    pub(super) document: &'a mut Document,
    pub(super) geneses: &'a mut automerge::Geneses,
}

impl Document {
    fn entries(&self) -> usize {
        self.crowd.entries().saturating_add(self.tables.entries())
    }
}

/// Bytes of an extension that count as one entry.
const ENTRY_BYTES: usize = 64;
/// Most entries of a document's frontier; with more concurrent writers the oldest are named.
const FRONTIER_MAX: usize = 64;

impl Context {
    /// Whether another change set may be carried, of a new writer and document perhaps. The sender
    /// begins anew where not.
    pub(super) fn has_room(&self) -> bool {
        self.documents.len() < limits::STREAM_DOCUMENTS_MAX
            && self.writers.len() < limits::STREAM_WRITERS_MAX
            && self.entries < limits::STREAM_ENTRIES_MAX
    }

    pub(super) fn document(&self, key: &DocumentKey) -> Option<usize> {
        self.document_places.get(key).copied()
    }

    pub(super) fn writer(&self, document: usize, chain: &Chain) -> Option<usize> {
        self.writer_places.get(&(document, *chain)).copied()
    }

    /// Adds a document, for which there is room.
    pub(super) fn add_document(&mut self, key: DocumentKey) -> usize {
        let place = self.documents.len();
        self.document_places.insert(key.clone(), place);
        self.documents.push(Document {
            key,
            frontier: Vec::new(),
            last: None,
            crowd: yrs::Crowd::default(),
            tables: automerge::Tables::default(),
        });
        place
    }

    /// Adds a writer, for which there is room, to a document; none where there is no such document.
    pub(super) fn add_writer(&mut self, document: usize, chain: Chain) -> Option<usize> {
        let place = self.writers.len();
        let engine = self.documents.get(document)?.key.engine;
        self.writer_places.insert((document, chain), place);
        self.writers.push(Writer {
            document,
            chain,
            standing: self.neighbour(document),
            seq: 0,
            id: None,
            pen: match engine {
                EngineKind::Automerge => Pen::Automerge(automerge::Pen::default()),
                EngineKind::Yrs => Pen::Yrs(yrs::Pen::default()),
                EngineKind::Log => Pen::Log,
            },
        });
        Some(place)
    }

    /// What a new writer's fields likely are: those of the document's last one, else the stream's.
    fn neighbour(&self, document: usize) -> Standing {
        let of_document = self.documents.get(document).and_then(|d| d.last);
        of_document
            .or(self.last)
            .and_then(|writer| self.writers.get(writer))
            .map(|writer| writer.standing.clone())
            .unwrap_or_default()
    }

    /// Lets an engine's codec work with what is known of a writer and its document; none where
    /// there is no such writer.
    pub(super) fn engine<T>(
        &mut self,
        writer: usize,
        work: impl FnOnce(EngineParts<'_>) -> T,
    ) -> Option<T> {
        let writer = self.writers.get_mut(writer)?;
        let document = self.documents.get_mut(writer.document)?;
        let before = document.entries();
        let result = work(EngineParts {
            pen: &mut writer.pen,
            document,
            geneses: &mut self.geneses,
        });
        let added = document.entries().saturating_sub(before);
        self.entries = self.entries.saturating_add(added);
        Some(result)
    }

    fn known(&self, writer: usize, seq: u64) -> Option<&Known> {
        self.known.get(&(writer, seq))
    }

    /// What a change set of `writer` depends on if its author has seen all that the stream has
    /// carried of the document, with the marks; none where an id is no longer remembered.
    pub(super) fn implied(&self, writer: usize) -> Option<Vec<(Dep, Option<Mark>)>> {
        let document = self.writers.get(writer)?.document;
        let mut deps = Vec::new();
        for (other, seq) in &self.documents.get(document)?.frontier {
            if *other != writer {
                deps.push(self.dep(*other, *seq)?);
            }
        }
        deps.sort_unstable_by_key(|(dep, _)| dep.chain);
        Some(deps)
    }

    /// A change set that was carried, as a dependency.
    pub(super) fn dep(&self, writer: usize, seq: u64) -> Option<(Dep, Option<Mark>)> {
        let known = self.known(writer, seq)?;
        let dep = Dep {
            chain: self.writers.get(writer)?.chain,
            seq,
            id: known.id,
        };
        Some((dep, known.mark))
    }

    /// Where this context holds a dependency of a document.
    pub(super) fn find(&self, document: &DocumentKey, dep: &Dep) -> Option<(usize, Option<Mark>)> {
        let writer = self.writer(self.document(document)?, &dep.chain)?;
        let known = self.known(writer, dep.seq).filter(|k| k.id == dep.id)?;
        Some((writer, known.mark))
    }

    /// Moves on over a change set: both ends call this with the same arguments.
    pub(super) fn carried(
        &mut self,
        place: usize,
        header: &Header,
        id: ChangeSetId,
        mark: Option<Mark>,
    ) {
        let Some(writer) = self.writers.get_mut(place) else {
            return;
        };
        let document = writer.document;
        writer.seq = header.seq;
        writer.id = Some(id);
        if writer.standing.extends_otherwise(header) {
            let added = header.extension.len() / ENTRY_BYTES;
            self.entries = self.entries.saturating_add(added);
        }
        writer.standing.take(header);
        self.last = Some(place);
        self.hlc = header.hlc;
        let seen: Vec<(usize, u64)> = header
            .deps
            .iter()
            .filter_map(|dep| Some((self.writer(document, &dep.chain)?, dep.seq)))
            .collect();
        if let Some(document) = self.documents.get_mut(document) {
            document.last = Some(place);
            document.frontier.retain(|(writer, seq)| {
                *writer != place && !seen.iter().any(|(w, s)| w == writer && s >= seq)
            });
            if document.frontier.len() >= FRONTIER_MAX {
                document.frontier.remove(0);
            }
            document.frontier.push((place, header.seq));
        }
        if self.known.len() >= limits::STREAM_KNOWN_MAX
            && let Some(oldest) = self.age.pop_front()
        {
            self.known.remove(&oldest);
        }
        let key = (place, header.seq);
        if self.known.insert(key, Known { id, mark }).is_none() {
            self.age.push_back(key);
        }
    }
}
