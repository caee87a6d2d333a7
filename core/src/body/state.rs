//! The engine's blocks as it writes them out: what each unit holds and where it stands, deleted
//! ones included. Read on demand, for what the engine's own face does not show: undo, blame.

#![deny(clippy::arithmetic_side_effects)]

use super::ids::{IdRuns, ItemId};
use std::{collections::BTreeMap, sync::Arc};
use yrs::{
    IdSet,
    block::ItemContent,
    encoding::read::Read,
    updates::decoder::{Decode, Decoder, DecoderV1},
};

/// Bits of a block's header.
pub(super) const HAS_LEFT: u8 = 0x80;
pub(super) const HAS_RIGHT: u8 = 0x40;
pub(super) const HAS_KEY: u8 = 0x20;
/// The header of units that have no place any more.
const COLLECTED: u8 = 0;

/// Blocks of an update or a whole state.
pub(super) struct State {
    clients: BTreeMap<u64, Vec<Stored>>,
    pub(super) deleted: IdRuns,
}

/// One block: consecutive units of one client with one content.
pub(super) struct Stored {
    pub(super) id: ItemId,
    pub(super) len: u32,
    pub(super) left: Option<ItemId>,
    pub(super) right: Option<ItemId>,
    /// Where it stands, if it says so itself.
    parent: Option<Parent>,
    pub(super) key: Option<Arc<str>>,
    pub(super) content: ItemContent,
}

/// A container: the root, or the unit that it is.
pub(super) type Parent = Option<ItemId>;

/// Where a unit stands: in a container's sequence, or as one of its attributes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Seat {
    pub(super) parent: Parent,
    pub(super) key: Option<Arc<str>>,
}

/// What one update wrote and deleted, in figures and words for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wrote {
    /// The text in it, piece after piece.
    pub text: String,
    /// How many blocks and embeds it made.
    pub blocks: u32,
    /// How many borders of formats, and attributes, it set.
    pub formats: u32,
    /// How many units it deleted.
    pub deleted: u32,
}

/// What an update wrote that passed the gate.
pub fn wrote(update: &[u8]) -> Wrote {
    let mut wrote = Wrote::default();
    let Some(state) = State::read(update) else {
        return wrote;
    };
    wrote.deleted = state.deleted.units();
    for block in state.blocks() {
        let count = match &block.content {
            ItemContent::String(text) => {
                wrote.text.push_str(text.as_str());
                continue;
            }
            _ if block.key.is_some() => &mut wrote.formats,
            ItemContent::Format(..) => &mut wrote.formats,
            _ => &mut wrote.blocks,
        };
        *count = count.saturating_add(1);
    }
    wrote
}

/// The units that an update deletes, which passed the gate.
pub(crate) fn deleted_by(update: &[u8]) -> IdRuns {
    State::read(update).map_or_else(IdRuns::default, |state| state.deleted)
}

impl State {
    /// Reads an update that passed the gate, or the engine's own state.
    pub(super) fn read(bytes: &[u8]) -> Option<State> {
        let mut reader = DecoderV1::from(bytes);
        let mut clients: BTreeMap<u64, Vec<Stored>> = BTreeMap::new();
        let sections: u32 = reader.read_var().ok()?;
        for _ in 0..sections {
            let blocks: u32 = reader.read_var().ok()?;
            let client = reader.read_client().ok()?.get();
            let mut clock: u32 = reader.read_var().ok()?;
            let stored = clients.entry(client).or_default();
            for _ in 0..blocks {
                let block = read_block(&mut reader, ItemId { client, clock })?;
                clock = clock.checked_add(block.len)?;
                stored.push(block);
            }
        }
        let deleted = IdRuns::from_yrs(&IdSet::decode(&mut reader).ok()?);
        Some(State { clients, deleted })
    }

    /// The block that holds a unit.
    pub(super) fn block(&self, id: ItemId) -> Option<&Stored> {
        let blocks = self.clients.get(&id.client)?;
        let after = blocks.partition_point(|block| block.id.clock <= id.clock);
        blocks
            .get(after.checked_sub(1)?)
            .filter(|block| block.end() > id.clock)
    }

    /// Whether a unit is there and not deleted.
    pub(super) fn lives(&self, id: ItemId) -> bool {
        self.block(id).is_some() && !self.deleted.contains(id)
    }

    /// All blocks, by client and clock.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &Stored> {
        self.clients.values().flatten()
    }

    /// Where a block stands: as it says, or where its neighbours do.
    pub(super) fn seat(&self, block: &Stored) -> Option<Seat> {
        let mut at = block;
        // Neighbours are older, so this ends; the bound guards against a state that lies.
        for _ in 0..self.clients.values().map(Vec::len).sum::<usize>() {
            if let Some(parent) = at.parent {
                return Some(Seat {
                    parent,
                    key: at.key.clone(),
                });
            }
            at = self.block(at.left.or(at.right)?)?;
        }
        None
    }
}

impl Stored {
    /// The clock after it.
    pub(super) fn end(&self) -> u32 {
        self.id.clock.saturating_add(self.len)
    }

    /// Whether it is a container.
    pub(super) fn is_container(&self) -> bool {
        matches!(self.content, ItemContent::Type(_))
    }

    /// Whether its units count in a text.
    pub(super) fn counts(&self) -> bool {
        self.content.is_countable()
    }
}

fn read_block(reader: &mut DecoderV1<'_>, id: ItemId) -> Option<Stored> {
    let info = reader.read_info().ok()?;
    if info == COLLECTED {
        let len = reader.read_len().ok()?;
        return Some(Stored {
            id,
            len,
            left: None,
            right: None,
            parent: None,
            key: None,
            content: ItemContent::Deleted(len),
        });
    }
    let mut neighbour = |bit| match info & bit {
        0 => Some(None),
        _ if bit == HAS_LEFT => Some(Some(ItemId::from_yrs(&reader.read_left_id().ok()?))),
        _ => Some(Some(ItemId::from_yrs(&reader.read_right_id().ok()?))),
    };
    let left = neighbour(HAS_LEFT)?;
    let right = neighbour(HAS_RIGHT)?;
    let mut parent = None;
    let mut key = None;
    if left.is_none() && right.is_none() {
        parent = Some(if reader.read_parent_info().ok()? {
            // The gate lets one root in only.
            reader.read_string().ok()?;
            None
        } else {
            Some(ItemId::from_yrs(&reader.read_left_id().ok()?))
        });
        if info & HAS_KEY != 0 {
            key = Some(Arc::from(reader.read_string().ok()?));
        }
    }
    let content = ItemContent::decode(reader, info & 0x0f).ok()?;
    Some(Stored {
        id,
        len: content.len_utf16(),
        left,
        right,
        parent,
        key,
        content,
    })
}
