//! The Merkle tree over a flush's ids.
//!
//! Leaf = blake3(LEAF ‖ id). From a row of nodes the next is made by hashing neighbours in pairs,
//! blake3(NODE ‖ left ‖ right); a last node without a neighbour moves up as it is. That is the tree
//! of RFC 6962 (Certificate Transparency), section 2.1. Root = blake3(ROOT ‖ count ‖ top), count as
//! `u16` little-endian: a path holds for one place in a flush of one size, and for no other.
#![deny(clippy::arithmetic_side_effects)]

use crate::{changeset::tags, id::ChangeSetId};

type Hash = [u8; 32];

/// A flush's tree, every row of it kept, so that each leaf's path can be read off.
pub(crate) struct Tree {
    /// From the leaves up; the last row is the top node alone.
    rows: Vec<Vec<Hash>>,
    count: u16,
}

impl Tree {
    /// The tree over ids in flush order; none for no ids or more than a count can say.
    pub(crate) fn new(ids: impl Iterator<Item = ChangeSetId>) -> Option<Self> {
        let leaves: Vec<Hash> = ids.map(|id| leaf(&id)).collect();
        let count = u16::try_from(leaves.len())
            .ok()
            .filter(|count| *count > 0)?;
        let mut rows = vec![leaves];
        while let Some(row) = rows.last().filter(|row| row.len() > 1) {
            let above = row
                .chunks(2)
                .map(|pair| match pair {
                    [left, right] => node(left, right),
                    alone => alone.first().copied().unwrap_or_default(),
                })
                .collect();
            rows.push(above);
        }
        Some(Tree { rows, count })
    }

    /// What is signed.
    pub(crate) fn root(&self) -> Hash {
        let top = self.rows.last().and_then(|row| row.first());
        root(self.count, &top.copied().unwrap_or_default())
    }

    /// The neighbours on the way from a leaf to the top, lowest first.
    pub(crate) fn path(&self, index: u16) -> Vec<Hash> {
        let mut place = usize::from(index);
        let mut path = Vec::with_capacity(path_len(index, self.count));
        for row in &self.rows {
            if let Some(neighbour) = row.get(place ^ 1) {
                path.push(*neighbour);
            }
            place >>= 1;
        }
        path
    }
}

/// The root that a leaf, its place and its path lead to; none where the path has not the length
/// that place and count demand, or the place is outside.
pub(crate) fn climb(id: &ChangeSetId, index: u16, count: u16, path: &[Hash]) -> Option<Hash> {
    if index >= count {
        return None;
    }
    let mut at = leaf(id);
    let mut path = path.iter();
    let (mut place, mut width) = (index, count);
    while width > 1 {
        if place ^ 1 < width {
            let neighbour = path.next()?;
            at = if place & 1 == 0 {
                node(&at, neighbour)
            } else {
                node(neighbour, &at)
            };
        }
        place >>= 1;
        width = width.div_ceil(2);
    }
    path.next().is_none().then(|| root(count, &at))
}

/// How many neighbours the path of a place has.
pub(crate) fn path_len(index: u16, count: u16) -> usize {
    let (mut place, mut width, mut len) = (index, count, 0usize);
    while width > 1 {
        if place ^ 1 < width {
            len = len.saturating_add(1);
        }
        place >>= 1;
        width = width.div_ceil(2);
    }
    len
}

fn leaf(id: &ChangeSetId) -> Hash {
    tags::hash(tags::LEAF, &[&id.0])
}

fn node(left: &Hash, right: &Hash) -> Hash {
    tags::hash(tags::NODE, &[left, right])
}

fn root(count: u16, top: &Hash) -> Hash {
    tags::hash(tags::ROOT, &[&count.to_le_bytes(), top])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits;

    fn ids(count: u16) -> Vec<ChangeSetId> {
        (0..count)
            .map(|n| ChangeSetId(*blake3::hash(&n.to_le_bytes()).as_bytes()))
            .collect()
    }

    /// RFC 6962's own recursive definition, as the model of ours by rows.
    fn model(ids: &[ChangeSetId]) -> Hash {
        if let [only] = ids {
            return leaf(only);
        }
        let (left, right) = ids.split_at(ids.len().next_power_of_two() / 2);
        node(&model(left), &model(right))
    }

    #[test]
    fn the_tree_of_every_size_is_the_one_of_rfc_6962() {
        for count in 1..=limits::FLUSH_CHANGE_SETS_MAX as u16 {
            let ids = ids(count);
            let tree = Tree::new(ids.iter().copied()).unwrap();
            assert_eq!(tree.root(), root(count, &model(&ids)), "{count} leaves");
        }
    }

    #[test]
    fn every_leaf_climbs_to_the_root_by_its_own_path_alone() {
        for count in (1..=70).chain([127, 128, 129, 255, 256, 257, 511, 512]) {
            let ids = ids(count);
            let tree = Tree::new(ids.iter().copied()).unwrap();
            for (index, id) in (0u16..).zip(&ids) {
                let path = tree.path(index);
                assert_eq!(path.len(), path_len(index, count));
                assert!(path.len() <= limits::MERKLE_PATH_MAX);
                assert_eq!(climb(id, index, count, &path), Some(tree.root()));
                assert_eq!(climb(id, count, count, &path), None, "outside");
                let mut longer = path.clone();
                longer.push([0; 32]);
                assert_eq!(climb(id, index, count, &longer), None);
                if let Some((_, shorter)) = path.split_last() {
                    assert_eq!(climb(id, index, count, shorter), None);
                }
                for other in 0..count.min(9) {
                    if other != index {
                        assert_ne!(climb(id, other, count, &path), Some(tree.root()));
                    }
                }
                assert_ne!(
                    climb(id, index, count + 1, &path),
                    Some(tree.root()),
                    "count is bound"
                );
            }
        }
    }

    #[test]
    fn an_inner_node_does_not_pass_for_a_leaf() {
        let four = ids(4);
        let tree = Tree::new(four.iter().copied()).unwrap();
        let inner = ChangeSetId(tree.rows[1][0]);
        let path = vec![tree.rows[1][1]];
        assert_ne!(climb(&inner, 0, 2, &path), Some(tree.root()));
    }

    #[test]
    fn no_ids_have_no_tree() {
        assert!(Tree::new(std::iter::empty()).is_none());
    }
}
