//! Which rows of the journal each document is made of: what lets a document be opened alone. It is
//! derived; what is not written to the store yet is kept apart, so that the next derivation costs what
//! was added since the last.

use crate::{
    id::{DocumentId, WorkspaceId},
    limits,
    store::Position,
    wire::bytes::{Reader, put_bytes, put_number},
};
use std::collections::{BTreeMap, BTreeSet, btree_map::Entry};

/// Whose rows: those of a document, or a workspace's own (its control log, schemas and pens), which are
/// read whenever the journal is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Shelfmark {
    pub(super) workspace: WorkspaceId,
    pub(super) document: Option<DocumentId>,
}

impl Shelfmark {
    pub(super) fn common(workspace: &WorkspaceId) -> Self {
        Shelfmark {
            workspace: *workspace,
            document: None,
        }
    }

    pub(super) fn of(workspace: &WorkspaceId, document: &DocumentId) -> Self {
        Shelfmark {
            workspace: *workspace,
            document: Some(*document),
        }
    }
}

/// Positions that rise, as the differences between them.
#[derive(Clone, Debug, Default)]
struct Positions {
    packed: Vec<u8>,
    /// The place behind the last one.
    next: u64,
    /// Whether the document has a projection in the store.
    projected: bool,
}

impl Positions {
    fn push(&mut self, at: u64) {
        put_number(&mut self.packed, at.saturating_sub(self.next));
        self.next = at.saturating_add(1);
    }

    fn iter(&self) -> impl Iterator<Item = u64> + '_ {
        let mut reader = Reader::new(&self.packed);
        let mut next = 0u64;
        std::iter::from_fn(move || {
            let at = next.checked_add(reader.number("place").ok()?)?;
            next = at.saturating_add(1);
            Some(at)
        })
    }
}

/// Which rows each document is made of.
#[derive(Debug, Default)]
pub(super) struct Directory {
    /// Written to the store.
    written: BTreeMap<Shelfmark, Positions>,
    /// Not yet.
    fresh: BTreeMap<Shelfmark, Vec<u64>>,
    fresh_rows: u64,
}

impl Directory {
    /// A row was read or written.
    pub(super) fn add(&mut self, mark: Shelfmark, at: Position) {
        self.fresh.entry(mark).or_default().push(at.0);
        self.fresh_rows = self.fresh_rows.saturating_add(1);
    }

    /// The rows of a document, in order; none where there is no such document.
    pub(super) fn rows(&self, mark: &Shelfmark) -> Vec<Position> {
        let written = self.written.get(mark).into_iter().flat_map(Positions::iter);
        let fresh = self.fresh.get(mark).into_iter().flatten().copied();
        written.chain(fresh).map(Position).collect()
    }

    /// The place of the last row of a document.
    pub(super) fn last(&self, mark: &Shelfmark) -> Option<Position> {
        let fresh = self.fresh.get(mark).and_then(|rows| rows.last().copied());
        let written = || self.written.get(mark)?.next.checked_sub(1);
        fresh.or_else(written).map(Position)
    }

    pub(super) fn has(&self, mark: &Shelfmark) -> bool {
        self.written.contains_key(mark) || self.fresh.contains_key(mark)
    }

    /// Whether the store holds a projection of it.
    pub(super) fn is_projected(&self, mark: &Shelfmark) -> bool {
        self.written.get(mark).is_some_and(|one| one.projected)
    }

    /// The store holds no projection any more.
    pub(super) fn forget_projected(&mut self) {
        self.written
            .values_mut()
            .for_each(|one| one.projected = false);
    }

    /// The documents of a workspace, by id.
    pub(super) fn documents(&self, workspace: &WorkspaceId) -> Vec<DocumentId> {
        let of = |document| Shelfmark {
            workspace: *workspace,
            document,
        };
        let range = of(None)..=of(Some(DocumentId([u8::MAX; 32])));
        let written = self.written.range(range.clone()).map(|(mark, _)| mark);
        let fresh = self.fresh.range(range).map(|(mark, _)| mark);
        let mut documents: Vec<DocumentId> = written
            .chain(fresh)
            .filter_map(|mark| mark.document)
            .collect();
        documents.sort_unstable();
        documents.dedup();
        documents
    }

    /// The documents of a workspace with rows at a place or behind it, which is not long ago.
    pub(super) fn since(&self, at: Position, workspace: &WorkspaceId) -> BTreeSet<DocumentId> {
        let fresh = self.fresh.iter();
        let here = fresh.filter(|(mark, rows)| {
            mark.workspace == *workspace && rows.last().is_some_and(|last| *last >= at.0)
        });
        here.filter_map(|(mark, _)| mark.document).collect()
    }

    /// The rows that are of no document, in order.
    pub(super) fn common(&self) -> Vec<Position> {
        let own = self
            .written
            .iter()
            .filter(|(mark, _)| mark.document.is_none());
        let mut rows: Vec<Position> = own
            .flat_map(|(_, rows)| rows.iter())
            .map(Position)
            .collect();
        rows.sort_unstable();
        rows
    }

    /// How many rows were added since what is written.
    pub(super) fn fresh_rows(&self) -> u64 {
        self.fresh_rows
    }

    /// What was added before `upto`, and what is projected with this derivation, to be written.
    pub(super) fn segment(&self, upto: Position, projected: &BTreeSet<Shelfmark>) -> Vec<Vec<u8>> {
        let mut segments = Segments::default();
        let none = Vec::new();
        let marks: BTreeSet<&Shelfmark> = self.fresh.keys().chain(projected).collect();
        for mark in marks {
            let fresh = self.fresh.get(mark).unwrap_or(&none);
            let mut positions = Positions {
                projected: projected.contains(mark),
                ..Positions::default()
            };
            let before = fresh.iter().take_while(|at| **at < upto.0);
            before.for_each(|at| positions.push(*at));
            if positions.projected || !positions.packed.is_empty() {
                segments.add(mark, &positions);
            }
        }
        segments.finish()
    }

    /// What was added before `upto`, and what was projected, is written now.
    pub(super) fn wrote(&mut self, upto: Position, projected: &BTreeSet<Shelfmark>) {
        let mut left = 0u64;
        let written = &mut self.written;
        self.fresh.retain(|mark, rows| {
            let before = rows.partition_point(|at| *at < upto.0);
            if before > 0 {
                let positions = written.entry(*mark).or_default();
                rows.drain(..before).for_each(|at| positions.push(at));
            }
            left = left.saturating_add(rows.len() as u64);
            !rows.is_empty()
        });
        for mark in projected {
            written.entry(*mark).or_default().projected = true;
        }
        self.fresh_rows = left;
    }

    /// Everything that was added before `upto`, written or not, to be written in one piece.
    pub(super) fn all_before(
        &self,
        upto: Position,
        projected: &BTreeSet<Shelfmark>,
    ) -> Vec<Vec<u8>> {
        let mut segments = Segments::default();
        let none = Vec::new();
        let marks: BTreeSet<&Shelfmark> = self.written.keys().chain(self.fresh.keys()).collect();
        for mark in marks {
            let mut positions = self.written.get(mark).cloned().unwrap_or_default();
            positions.projected |= projected.contains(mark);
            let fresh = self.fresh.get(mark).unwrap_or(&none).iter();
            fresh
                .take_while(|at| **at < upto.0)
                .for_each(|at| positions.push(*at));
            if positions.projected || !positions.packed.is_empty() {
                segments.add(mark, &positions);
            }
        }
        segments.finish()
    }

    /// Takes in a segment that was written, in the order of writing. None where it is none.
    pub(super) fn read(&mut self, segment: &[u8]) -> Option<()> {
        let mut reader = Reader::new(segment);
        while !reader.is_empty() {
            let workspace = WorkspaceId(reader.array("workspace").ok()?);
            let (projected, document) = match reader.byte("owner").ok()? {
                COMMON => (false, None),
                DOCUMENT => (false, Some(DocumentId(reader.array("document").ok()?))),
                PROJECTED => (true, Some(DocumentId(reader.array("document").ok()?))),
                _ => return None,
            };
            let next = reader.number("end").ok()?;
            let packed = reader.bytes(usize::MAX, "places").ok()?.to_vec();
            let read = Positions {
                packed,
                next,
                projected,
            };
            let mark = Shelfmark {
                workspace,
                document,
            };
            match self.written.entry(mark) {
                Entry::Vacant(vacant) => {
                    vacant.insert(read);
                }
                Entry::Occupied(mut occupied) => {
                    let known = occupied.get_mut();
                    read.iter().for_each(|at| known.push(at));
                    known.projected |= projected;
                }
            }
        }
        Some(())
    }
}

/// Whose places follow: a workspace's own, a document's, those of a document that has a projection.
const COMMON: u8 = 0;
const DOCUMENT: u8 = 1;
const PROJECTED: u8 = 2;

/// Entries one after another, cut into pieces that a store can take.
#[derive(Default)]
struct Segments {
    whole: Vec<Vec<u8>>,
    open: Vec<u8>,
}

impl Segments {
    fn add(&mut self, mark: &Shelfmark, positions: &Positions) {
        let open = &mut self.open;
        open.extend_from_slice(mark.workspace.as_bytes());
        match (&mark.document, positions.projected) {
            (None, _) => open.push(COMMON),
            (Some(document), projected) => {
                open.push(if projected { PROJECTED } else { DOCUMENT });
                open.extend_from_slice(document.as_bytes());
            }
        }
        put_number(open, positions.next);
        put_bytes(open, &positions.packed);
        if open.len() >= limits::SEGMENT_BYTES {
            self.whole.push(std::mem::take(open));
        }
    }

    fn finish(mut self) -> Vec<Vec<u8>> {
        if !self.open.is_empty() {
            self.whole.push(self.open);
        }
        self.whole
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn mark(of: u8) -> Shelfmark {
        let workspace = WorkspaceId([of % 2; 16]);
        match of {
            0 | 1 => Shelfmark::common(&workspace),
            of => Shelfmark::of(&workspace, &DocumentId([of; 32])),
        }
    }

    proptest! {
        /// However often it is written, in pieces or anew: what is read back names the same rows.
        #[test]
        fn what_is_written_is_read_back(
            rows in prop::collection::vec((0u8..9, 0u32..40, any::<bool>()), 0..60),
        ) {
            let mut directory = Directory::default();
            let mut written: Vec<Vec<u8>> = Vec::new();
            let mut expected: BTreeMap<Shelfmark, Vec<Position>> = BTreeMap::new();
            let mut projected = BTreeSet::new();
            for (at, (of, lag, whole)) in (0u64..).zip(rows) {
                directory.add(mark(of), Position(at));
                expected.entry(mark(of)).or_default().push(Position(at));
                if lag % 5 > 0 {
                    continue;
                }
                let upto = Position(at.saturating_sub(u64::from(lag % 3)));
                let first: BTreeSet<Shelfmark> = expected
                    .keys()
                    .filter(|mark| mark.document.is_some() && lag % 2 == 0)
                    .copied()
                    .collect();
                match whole {
                    true => written = directory.all_before(upto, &first),
                    false => written.extend(directory.segment(upto, &first)),
                }
                directory.wrote(upto, &first);
                projected.extend(first);
            }
            let end = Position(u64::MAX);
            let none = BTreeSet::new();
            written.extend(directory.segment(end, &none));
            directory.wrote(end, &none);
            prop_assert_eq!(directory.fresh_rows(), 0);
            let mut read = Directory::default();
            for piece in &written {
                prop_assert!(read.read(piece).is_some());
            }
            for (mark, rows) in &expected {
                prop_assert_eq!(&read.rows(mark), rows);
                prop_assert_eq!(&directory.rows(mark), rows);
                prop_assert_eq!(read.last(mark), rows.last().copied());
                prop_assert_eq!(read.is_projected(mark), projected.contains(mark));
            }
            // Bytes that are none are refused or read; nothing else happens.
            if let Some(piece) = written.first_mut() {
                piece.pop();
                let _refused_or_shorter = Directory::default().read(piece);
            }
        }
    }
}
