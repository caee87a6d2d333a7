//! How each merge rule picks among values that were written without knowledge of each other.
//! Pure: equal sets of candidates give equal answers, in whatever order they come.
#![deny(clippy::arithmetic_side_effects)]

use super::history::Stamp;
use crate::id::ChainIdx;

/// The order number of a change set, if its orderer has given it one.
pub type Numbers<'a> = dyn Fn(ChainIdx, u64) -> Option<u64> + 'a;

/// No change set has a number yet: the answer of a replica that has met no orderer.
pub fn unnumbered(_: ChainIdx, _: u64) -> Option<u64> {
    None
}

/// One written value that nothing its author's successors wrote has replaced. A genesis writes no
/// values, so each has a stamp.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Candidate<T> {
    pub stamp: Stamp,
    pub value: T,
}

/// Last writer wins: the highest (HLC, origin). Also what `keep` shows.
pub(crate) fn lww<T>(candidates: &[Candidate<T>]) -> Option<&Candidate<T>> {
    candidates.iter().max_by_key(|candidate| candidate.stamp)
}

/// First writer wins: the lowest order number, and among values not yet numbered the lowest
/// (HLC, origin). Any number beats none, so a back-dated write cannot replace an ordered one.
pub(crate) fn once<'a, T>(
    candidates: &'a [Candidate<T>],
    numbers: &Numbers<'_>,
) -> Option<&'a Candidate<T>> {
    candidates.iter().min_by_key(|candidate| {
        let number = numbers(candidate.stamp.line, candidate.stamp.seq);
        (number.is_none(), number, candidate.stamp)
    })
}

/// The order in which an append-only list is shown: (HLC, origin, number, operation).
pub(crate) fn append<T>(entries: &mut [Candidate<T>]) {
    entries.sort_by_key(|entry| entry.stamp);
}

/// Drops what the author of another candidate had seen and thereby replaced. The engine does this
/// within one key; two names of one field (a lens) are two keys.
pub(crate) fn unreplaced<T>(
    candidates: Vec<Candidate<T>>,
    saw: impl Fn(&Stamp, &Stamp) -> bool,
) -> Vec<Candidate<T>> {
    let stamps: Vec<Stamp> = candidates.iter().map(|c| c.stamp).collect();
    candidates
        .into_iter()
        .filter(|candidate| !stamps.iter().any(|other| saw(other, &candidate.stamp)))
        .collect()
}
