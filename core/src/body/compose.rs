//! Updates written by hand: units made again beside those they replace, and deletions by name.
//! The engine's own undo numbers what it makes again in the order of a hash set and now and then
//! writes neighbours that were not next to each other; both would break what the gate rests on.

#![deny(clippy::arithmetic_side_effects)]

use super::{
    body_view::units,
    canon::write_content,
    ids::{IdRuns, ItemId},
    state::{HAS_KEY, HAS_LEFT, HAS_RIGHT, Parent},
};
use std::sync::Arc;
use yrs::{
    IdSet,
    block::{ClientID, ItemContent},
    encoding::write::Write,
    updates::encoder::{Encode, Encoder, EncoderV1},
};

/// The engine's number for a block of text.
const TEXT: u8 = 4;

/// An update in the making.
pub(super) struct Composer<'a> {
    root: &'a str,
    client: u64,
    start: u32,
    clock: u32,
    blocks: u32,
    body: EncoderV1,
    pub(super) deleted: IdRuns,
}

/// Where a block goes.
#[derive(Clone, Debug)]
pub(super) struct Spot {
    pub(super) parent: Parent,
    pub(super) left: Option<ItemId>,
    pub(super) right: Option<ItemId>,
    pub(super) key: Option<Arc<str>>,
}

impl<'a> Composer<'a> {
    pub(super) fn new(root: &'a str, client: u64, start: u32) -> Self {
        Composer {
            root,
            client,
            start,
            clock: start,
            blocks: 0,
            body: EncoderV1::new(),
            deleted: IdRuns::default(),
        }
    }

    /// How many units were made.
    pub(super) fn made(&self) -> u32 {
        self.clock.saturating_sub(self.start)
    }

    /// Whether it would change nothing.
    pub(super) fn is_empty(&self) -> bool {
        self.blocks == 0 && self.deleted.is_empty()
    }

    /// Makes units `from..from + len` of a content again; answers the first of the new ones.
    pub(super) fn put(
        &mut self,
        spot: &Spot,
        content: &ItemContent,
        from: u32,
        len: u32,
    ) -> ItemId {
        let id = ItemId {
            client: self.client,
            clock: self.clock,
        };
        self.place(spot, content.get_ref_number() & 0x0f);
        match content {
            ItemContent::String(text) => {
                self.body
                    .write_string(slice_units(text.as_str(), from, len));
            }
            // A block may hold several values that an attribute had one after the other.
            ItemContent::Any(values) => {
                let at = usize::try_from(from).unwrap_or(usize::MAX);
                let value = values.get(at).cloned().into_iter().collect();
                write_content(&mut self.body, &ItemContent::Any(value));
            }
            other => write_content(&mut self.body, other),
        }
        self.blocks = self.blocks.saturating_add(1);
        self.clock = self.clock.saturating_add(len);
        id
    }

    /// Writes a text as new units.
    pub(super) fn put_text(&mut self, spot: &Spot, text: &str) {
        self.place(spot, TEXT);
        self.body.write_string(text);
        self.blocks = self.blocks.saturating_add(1);
        self.clock = self.clock.saturating_add(units(text));
    }

    fn place(&mut self, spot: &Spot, reference: u8) {
        let bit = |is: bool, bit: u8| if is { bit } else { 0 };
        self.body.write_info(
            reference
                | bit(spot.left.is_some(), HAS_LEFT)
                | bit(spot.right.is_some(), HAS_RIGHT)
                | bit(spot.key.is_some(), HAS_KEY),
        );
        if let Some(left) = spot.left {
            self.body.write_left_id(&left.to_yrs());
        }
        if let Some(right) = spot.right {
            self.body.write_right_id(&right.to_yrs());
        }
        if spot.left.is_none() && spot.right.is_none() {
            self.body.write_parent_info(spot.parent.is_none());
            match spot.parent {
                None => self.body.write_string(self.root),
                Some(parent) => self.body.write_left_id(&parent.to_yrs()),
            }
            if let Some(key) = &spot.key {
                self.body.write_string(key);
            }
        }
    }

    /// The update's bytes.
    pub(super) fn finish(self) -> Vec<u8> {
        let mut out = EncoderV1::new();
        if self.blocks == 0 {
            out.write_var(0_u32);
        } else {
            out.write_var(1_u32);
            out.write_var(self.blocks);
            out.write_client(ClientID::new(self.client));
            out.write_var(self.start);
            out.write_all(&self.body.to_vec());
        }
        let mut deleted = IdSet::new();
        for (id, len) in self.deleted.iter() {
            deleted.insert(id.to_yrs(), len);
        }
        deleted.encode(&mut out);
        out.to_vec()
    }
}

/// Part of a text by UTF-16 units, which lie on characters' borders.
pub(super) fn slice_units(text: &str, from: u32, len: u32) -> &str {
    let mut units = 0_u32;
    let to = from.saturating_add(len);
    let (mut start, mut end) = (text.len(), text.len());
    for (byte, char) in text.char_indices() {
        if units == from {
            start = byte;
        }
        if units == to {
            end = byte;
            break;
        }
        units = units.saturating_add(if char.len_utf16() == 2 { 2 } else { 1 });
    }
    text.get(start..end).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_cut_by_units() {
        assert_eq!(slice_units("a😀bc", 1, 2), "😀");
        assert_eq!(slice_units("a😀bc", 3, 2), "bc");
        assert_eq!(slice_units("a😀bc", 0, 5), "a😀bc");
        assert_eq!(slice_units("abc", 3, 1), "");
    }
}
