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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        hlc::Hlc,
        id::{Chain, Epoch, Lane, OriginId, UserId},
    };

    fn written(hlc: u64, origin: u8, epoch: u32, lane: u16, value: u8) -> Candidate<u8> {
        let stamp = Stamp {
            hlc: Hlc(hlc),
            chain: Chain {
                origin: OriginId([origin; 32]),
                epoch: Epoch(epoch),
                lane: Lane(lane),
            },
            seq: 1,
            op: 1,
            author: UserId([0; 16]),
            line: ChainIdx(u32::from(value)),
        };
        Candidate { stamp, value }
    }

    #[test]
    fn the_order_of_candidates_changes_nothing() {
        let all = [
            written(5, 9, 0, 0, 1),
            written(7, 1, 0, 0, 2),
            written(7, 2, 0, 0, 3),
        ];
        for (a, b, c) in [
            (0, 1, 2),
            (0, 2, 1),
            (1, 0, 2),
            (1, 2, 0),
            (2, 0, 1),
            (2, 1, 0),
        ] {
            let mut some = vec![all[a].clone(), all[b].clone(), all[c].clone()];
            assert_eq!(lww(&some).map(|one| one.value), Some(3));
            assert_eq!(once(&some, &unnumbered).map(|one| one.value), Some(1));
            append(&mut some);
            assert_eq!(
                some.iter().map(|one| one.value).collect::<Vec<_>>(),
                [1, 2, 3]
            );
        }
    }

    #[test]
    fn windows_and_incarnations_of_one_device_never_tie() {
        let two_lanes = [written(7, 1, 0, 1, 1), written(7, 1, 0, 0, 2)];
        assert_eq!(lww(&two_lanes).map(|one| one.value), Some(1));
        let two_epochs = [written(7, 1, 0, 5, 1), written(7, 1, 1, 0, 2)];
        assert_eq!(lww(&two_epochs).map(|one| one.value), Some(2));
    }

    #[test]
    fn any_order_number_beats_none_and_the_lowest_wins() {
        let all = [
            written(1, 1, 0, 0, 1),
            written(8, 1, 0, 0, 2),
            written(9, 1, 0, 0, 3),
        ];
        let numbers = |line: ChainIdx, _: u64| [None, None, Some(7), Some(6)][line.at()];
        assert_eq!(once(&all, &numbers).map(|one| one.value), Some(3));
    }
}
