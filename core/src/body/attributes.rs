//! The order of an attribute's values. The gate keeps the order of sequences only; an attribute has
//! few values, so theirs is found when an undo asks for it.

#![deny(clippy::arithmetic_side_effects)]

use super::{
    ids::ItemId,
    state::{Seat, State},
};
use yrs::block::ItemContent;

impl State {
    /// The values one attribute ever had, in the engine's order; the last is the one that counts.
    /// As `Item::integrate` of yrs 0.28.1 does it: YATA, with no right origins.
    pub(super) fn attribute_order(&self, seat: &Seat) -> Vec<ItemId> {
        let mut waiting: Vec<(ItemId, Option<ItemId>)> = Vec::new();
        for block in self.blocks() {
            // One that was dropped still stands between others.
            let value = matches!(block.content, ItemContent::Any(_) | ItemContent::Deleted(_));
            if value && self.seat(block).as_ref() == Some(seat) {
                for by in 0..block.len {
                    let left = match by.checked_sub(1) {
                        Some(before) => Some(block.id.plus(before)),
                        None => block.left,
                    };
                    waiting.push((block.id.plus(by), left));
                }
            }
        }
        let mut order: Vec<(ItemId, Option<ItemId>)> = Vec::new();
        while !waiting.is_empty() {
            let before = waiting.len();
            waiting.retain(|(id, left)| {
                let ready = left.is_none_or(|left| order.iter().any(|(id, _)| *id == left));
                if ready {
                    let at = attribute_place(&order, *id, *left);
                    order.insert(at, (*id, *left));
                }
                !ready
            });
            if waiting.len() == before {
                break;
            }
        }
        order.into_iter().map(|(id, _)| id).collect()
    }
}

/// Where a value goes among those that are there.
fn attribute_place(order: &[(ItemId, Option<ItemId>)], id: ItemId, left: Option<ItemId>) -> usize {
    let place = |of: ItemId| order.iter().position(|(id, _)| *id == of);
    let mut at = left.and_then(place).map_or(0, |at| at.saturating_add(1));
    let first = at;
    let mut group_from = first;
    for (other_at, (other, origin)) in order.iter().enumerate().skip(first) {
        if *origin == left {
            if other.client < id.client {
                at = other_at.saturating_add(1);
                group_from = at;
            } else {
                break;
            }
        } else if let Some(origin_at) = origin.and_then(place)
            && origin_at >= first
        {
            if origin_at < group_from {
                at = other_at.saturating_add(1);
                group_from = at;
            }
        } else {
            break;
        }
    }
    at
}
