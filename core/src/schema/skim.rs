#![deny(clippy::arithmetic_side_effects)]
//! A walk over the postcard bytes of a [`SchemaSpec`](crate::schema::SchemaSpec) that builds
//! nothing: it bounds nesting and counts, and with them the stack and memory of what serde builds
//! afterwards. It follows the order of the fields in `types.rs`; a difference between the two
//! shows as an honest schema refused, which the round trips of every catalogue schema would catch.

use crate::limits;

/// How far the bytes could be followed when they could not be followed to their end.
pub(crate) fn skim(bytes: &[u8]) -> Result<(), usize> {
    let mut cursor = Cursor { bytes, at: 0 };
    match cursor.spec() {
        Some(()) if cursor.at == bytes.len() => Ok(()),
        Some(()) | None => Err(cursor.at),
    }
}

struct Cursor<'b> {
    bytes: &'b [u8],
    at: usize,
}

/// A step that cannot be taken is `None`: the caller reports where the cursor stands.
type Walk = Option<()>;

impl Cursor<'_> {
    fn spec(&mut self) -> Walk {
        self.string()?;
        self.varint()?;
        self.string()?;
        for _ in 0..self.count(limits::SCHEMA_PARTS_MAX)? {
            self.string()?;
            self.part()?;
        }
        self.strings(limits::ROUTES_MAX)?;
        self.variant(3)?; // on_delete_edit
        self.variant(2)?; // history
        if self.flag()? {
            self.varint()?; // retention_days
        }
        self.flag()?; // evict
        self.variant(2)?; // index
        self.variant(2)?; // fan_out
        // Each field may be renamed and have a default.
        for _ in 0..self.count(limits::SCHEMA_FIELDS_MAX.saturating_mul(2))? {
            self.lens()?;
        }
        Some(())
    }

    fn part(&mut self) -> Walk {
        match self.variant(3)? {
            0 => self.fields(1)?,
            1 => {
                self.variant(2)?;
                self.string()?;
            }
            _ => {
                self.members(1)?;
                self.strings(limits::SCHEMA_FIELDS_MAX)?;
            }
        }
        self.variant(4)?; // authority
        self.variant(3)?; // residency
        Some(())
    }

    fn fields(&mut self, depth: usize) -> Walk {
        if depth > limits::SCHEMA_DEPTH_MAX {
            return None;
        }
        for _ in 0..self.count(limits::SCHEMA_FIELDS_MAX)? {
            self.string()?;
            match self.variant(11)? {
                1 => self.members(1)?,                      // group
                4 | 8 => {}                                 // counter, text
                9 => self.fields(depth.saturating_add(1))?, // map
                _ => self.value_type(0)?,
            }
            self.varint()?;
            self.string()?;
        }
        Some(())
    }

    fn members(&mut self, depth: usize) -> Walk {
        for _ in 0..self.count(limits::SCHEMA_FIELDS_MAX)? {
            self.string()?;
            self.value_type(depth)?;
        }
        Some(())
    }

    fn value_type(&mut self, depth: usize) -> Walk {
        match self.variant(9)? {
            1 => {
                self.varint()?;
                self.varint()?;
            }
            3 | 4 => {
                self.varint()?;
            }
            6 => self.strings(limits::SCHEMA_CHOICES_MAX)?,
            8 if depth == 0 => self.members(1)?,
            8 => return None,
            _ => {}
        }
        Some(())
    }

    fn lens(&mut self) -> Walk {
        match self.variant(2)? {
            0 => {
                self.string()?;
                self.string()
            }
            _ => {
                self.string()?;
                self.value(0)
            }
        }
    }

    /// A default: a single value, or a map of them for a group.
    fn value(&mut self, depth: usize) -> Walk {
        match self.variant(9)? {
            0 => Some(()),
            1 => self.flag().map(|_| ()),
            2 | 6 => self.varint().map(|_| ()),
            3 => self.skip(8),
            4 | 5 => self.string(),
            8 if depth == 0 => {
                for _ in 0..self.count(limits::SCHEMA_FIELDS_MAX)? {
                    self.string()?;
                    self.value(1)?;
                }
                Some(())
            }
            _ => None,
        }
    }

    fn strings(&mut self, most: usize) -> Walk {
        for _ in 0..self.count(most)? {
            self.string()?;
        }
        Some(())
    }

    /// A string or byte string, whatever its bytes.
    fn string(&mut self) -> Walk {
        let len = usize::try_from(self.varint()?).ok()?;
        self.skip(len)
    }

    fn skip(&mut self, len: usize) -> Walk {
        let end = self.at.checked_add(len)?;
        if end > self.bytes.len() {
            return None;
        }
        self.at = end;
        Some(())
    }

    fn count(&mut self, most: usize) -> Option<usize> {
        let count = usize::try_from(self.varint()?).ok()?;
        (count <= most).then_some(count)
    }

    fn variant(&mut self, variants: u64) -> Option<u64> {
        self.varint().filter(|variant| *variant < variants)
    }

    fn flag(&mut self) -> Option<bool> {
        self.variant(2).map(|flag| flag == 1)
    }

    /// Seven bits a byte, lowest first, as postcard writes every number but floats.
    fn varint(&mut self) -> Option<u64> {
        let mut number = 0u64;
        for shift in (0..64u32).step_by(7) {
            let byte = *self.bytes.get(self.at)?;
            self.at = self.at.checked_add(1)?;
            number |= u64::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }
}
