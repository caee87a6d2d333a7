//! Signatures in a frame: once per flush, with as few tree nodes as the ones present need.
//!
//! A flush that is whole in the frame needs none: its tree is built from the rebuilt ids. Of a
//! part, the nodes beside those that can be computed are carried, level by level from the leaves,
//! from left to right; each change set's own path is then read off. The tree is the one of
//! `core/docs/change-set.md`.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    changeset::{
        ChangeSet, EnvelopeRule, FlushCache, FlushProof, Proof, Signature, Signed, Verified, tags,
    },
    id::ChangeSetId,
    limits,
    wire::bytes::{FormError, Reader, put_number},
};
use smallvec::{SmallVec, smallvec};
use std::collections::BTreeMap;

type Hash = [u8; 32];
/// Hashes by level and place.
type Nodes = BTreeMap<(u8, u16), Hash>;

/// Successive change sets of a frame that lie under one signature.
#[derive(Clone, Debug)]
pub(super) struct Group {
    count: u16,
    signature: Signature,
    /// How many change sets of the frame.
    members: usize,
    /// Their places in the flush and the nodes carried; none where the flush is whole.
    part: Option<(Vec<u16>, Vec<Hash>)>,
}

/// Writes the groups of a frame; of a single change set that is its flush, the signature alone.
pub(super) fn put(out: &mut Vec<u8>, mut proofs: &[(&Proof, ChangeSetId)], single: bool) {
    while let Some((first, _)) = proofs.first() {
        let members = group_len(proofs);
        let (group, rest) = proofs.split_at(members);
        let whole = members == usize::from(first.count) && first.index == 0;
        if !single {
            put_number(out, (members as u64).wrapping_shl(1) | u64::from(whole));
        }
        out.extend_from_slice(&first.signature.0);
        if !whole {
            put_part(out, first.count, group);
        }
        proofs = rest;
    }
}

/// How many from the first on share its signature, in rising order of place.
fn group_len(proofs: &[(&Proof, ChangeSetId)]) -> usize {
    let joined = proofs.windows(2).take_while(|pair| match pair {
        [(before, _), (next, _)] => {
            (before.signature, before.count) == (next.signature, next.count)
                && before.index < next.index
        }
        _ => false,
    });
    joined.count().saturating_add(1)
}

fn put_part(out: &mut Vec<u8>, count: u16, group: &[(&Proof, ChangeSetId)]) {
    put_number(out, u64::from(count));
    let mut expected = 0;
    let mut nodes = Nodes::new();
    for (proof, _) in group {
        put_number(out, u64::from(proof.index.saturating_sub(expected)));
        expected = proof.index.saturating_add(1);
        let mut path = proof.path.iter();
        for (level, place) in beside(proof.index, count) {
            if let Some(hash) = path.next() {
                nodes.insert((level, place), *hash);
            }
        }
    }
    let places: Vec<u16> = group.iter().map(|(proof, _)| proof.index).collect();
    for node in missing(&places, count) {
        out.extend_from_slice(nodes.get(&node).unwrap_or(&[0; 32]));
    }
}

/// Reads the groups that cover `members` change sets.
pub(super) fn read(
    r: &mut Reader<'_>,
    members: usize,
    single: bool,
) -> Result<SmallVec<[Group; 1]>, FormError> {
    if single {
        return Ok(smallvec![Group {
            count: 1,
            signature: Signature(r.array("flush signature")?),
            members: 1,
            part: None,
        }]);
    }
    let mut groups = SmallVec::new();
    let mut left = members;
    while left > 0 {
        let head = r.count(
            limits::FRAME_CHANGE_SETS_MAX
                .saturating_mul(2)
                .saturating_add(1),
            "flush members",
        )?;
        let (members, whole) = (head >> 1, head & 1 == 1);
        left = match left.checked_sub(members) {
            Some(rest) if members > 0 => rest,
            _ => {
                return Err(FormError::Range {
                    what: "flush members",
                });
            }
        };
        let signature = Signature(r.array("flush signature")?);
        let (count, part) = if whole {
            (members, None)
        } else {
            let count = r.count(limits::FLUSH_CHANGE_SETS_MAX, "flush count")?;
            (count, Some(read_part(r, count, members)?))
        };
        groups.push(Group {
            // At most FLUSH_CHANGE_SETS_MAX, which fits.
            count: u16::try_from(count).map_err(|_| FormError::Range {
                what: "flush count",
            })?,
            signature,
            members,
            part,
        });
    }
    Ok(groups)
}

fn read_part(
    r: &mut Reader<'_>,
    count: usize,
    members: usize,
) -> Result<(Vec<u16>, Vec<Hash>), FormError> {
    let range = FormError::Range {
        what: "place in a flush",
    };
    let mut places = Vec::new();
    let mut expected = 0usize;
    for _ in 0..members {
        let place = r.count(count, "place in a flush")?.saturating_add(expected);
        if place >= count {
            return Err(range);
        }
        places.push(u16::try_from(place).map_err(|_| range.clone())?);
        expected = place.saturating_add(1);
    }
    let count = u16::try_from(count).map_err(|_| range)?;
    let mut carried = Vec::new();
    for _ in missing(&places, count) {
        carried.push(r.array("flush node")?);
    }
    Ok((places, carried))
}

impl Group {
    /// Takes its change sets from the front of `changes` and, once checked, adds them to `verified`.
    pub(super) fn verify(
        self,
        changes: &mut dyn Iterator<Item = ChangeSet>,
        flushes: &mut FlushCache,
        verified: &mut Vec<Verified>,
    ) -> Result<(), EnvelopeRule> {
        let (signature, count) = (self.signature, self.count);
        let mut changes = changes.take(self.members);
        let Some((places, carried)) = self.part else {
            if count > 1 {
                let flush = FlushProof { signature, count };
                verified.extend(flush.verify(changes.collect(), flushes)?);
                return Ok(());
            }
            // A leaf that is its own tree needs none built.
            let change = changes
                .next()
                .ok_or(EnvelopeRule::FlushIncomplete { wanted: 1, had: 0 })?;
            let (index, path) = (0, Vec::new());
            let proof = Proof {
                signature,
                index,
                count,
                path,
            };
            verified.push(Signed { change, proof }.verify(flushes)?);
            return Ok(());
        };
        let changes: Vec<ChangeSet> = changes.collect();
        let ids: Vec<ChangeSetId> = changes.iter().map(ChangeSet::id).collect();
        let nodes = climb(&ids, &places, count, carried);
        for (change, index) in changes.into_iter().zip(places) {
            let path = beside(index, count)
                .filter_map(|node| nodes.get(&node).copied())
                .collect();
            let proof = Proof {
                signature,
                index,
                count,
                path,
            };
            verified.push(Signed { change, proof }.verify(flushes)?);
        }
        Ok(())
    }
}

/// Every node that can be computed from the leaves at `places` and the nodes carried.
fn climb(ids: &[ChangeSetId], places: &[u16], count: u16, carried: Vec<Hash>) -> Nodes {
    let mut nodes: Nodes = missing(places, count).into_iter().zip(carried).collect();
    let leaves = places.iter().zip(ids);
    nodes.extend(leaves.map(|(place, id)| ((0, *place), tags::hash(tags::LEAF, &[&id.0]))));
    let (mut level, mut width) = (0u8, count);
    while width > 1 {
        let row: Vec<(u16, Hash)> = nodes
            .range((level, 0)..=(level, u16::MAX))
            .map(|((_, place), hash)| (*place, *hash))
            .collect();
        for (place, hash) in &row {
            let above = (level.saturating_add(1), place >> 1);
            if place ^ 1 >= width {
                nodes.insert(above, *hash);
            } else if place & 1 == 0
                && let Some(right) = nodes.get(&(level, place ^ 1)).copied()
            {
                nodes.insert(above, tags::hash(tags::NODE, &[hash, &right]));
            }
        }
        level = level.saturating_add(1);
        width = width.div_ceil(2);
    }
    nodes
}

/// The nodes beside the way from a leaf to the top.
fn beside(index: u16, count: u16) -> impl Iterator<Item = (u8, u16)> {
    let mut at = (0u8, index, count);
    std::iter::from_fn(move || {
        loop {
            let (level, place, width) = at;
            if width <= 1 {
                return None;
            }
            at = (level.saturating_add(1), place >> 1, width.div_ceil(2));
            if place ^ 1 < width {
                return Some((level, place ^ 1));
            }
        }
    })
}

/// The nodes that cannot be computed from the leaves at `places`, in the order they are carried.
fn missing(places: &[u16], count: u16) -> Vec<(u8, u16)> {
    let mut row = places.to_vec();
    let mut missing = Vec::new();
    let (mut level, mut width) = (0u8, count);
    while width > 1 {
        for place in &row {
            let neighbour = place ^ 1;
            if neighbour < width && row.binary_search(&neighbour).is_err() {
                missing.push((level, neighbour));
            }
        }
        row.iter_mut().for_each(|place| *place >>= 1);
        row.dedup();
        level = level.saturating_add(1);
        width = width.div_ceil(2);
    }
    missing
}
