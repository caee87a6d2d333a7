//! Where a page ends.
#![deny(clippy::arithmetic_side_effects)]

use super::literal;
use std::fmt;

/// The place of a page's last row in its order. The next page begins behind it, whatever has come or
/// gone before it since, the row itself included. Written as hexadecimal digits.
#[derive(Clone, PartialEq, Eq)]
pub struct PageEnd {
    pub(super) tag: Tag,
    pub(super) key: Vec<u8>,
}

/// Names an order: the end of a page means nothing in another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tag([u8; 8]);

impl Tag {
    /// Of the fields, their directions, and the words of choices among them.
    pub(super) fn of<'o>(
        order: impl Iterator<Item = ((&'o String, bool), &'o Vec<String>)>,
    ) -> Self {
        let order: Vec<_> = order.collect();
        let mut hasher = blake3::Hasher::new();
        hasher.update(b"anabranch query order v1\0");
        // Strings and truth values always encode.
        hasher.update(&postcard::to_allocvec(&order).unwrap_or_default());
        let mut tag = [0; 8];
        hasher.finalize_xof().fill(&mut tag);
        Tag(tag)
    }
}

impl PageEnd {
    /// Reads what `Display` writes. Any bytes are some place in some order.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = literal::bytes(text)?;
        let (tag, key) = bytes.split_first_chunk()?;
        Some(PageEnd {
            tag: Tag(*tag),
            key: key.to_vec(),
        })
    }
}

impl fmt::Display for PageEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Tag(tag) = &self.tag;
        let mut bytes = tag.iter().chain(&self.key);
        bytes.try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for PageEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PageEnd({self})")
    }
}
