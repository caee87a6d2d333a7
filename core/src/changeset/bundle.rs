//! A bundle: one file of schemas, control records and change sets, for export, import and judging
//! against a history.
//!
//! ```text
//! magic    8 bytes  "anabundl"
//! version  1 byte   1
//! item*    kind (1 byte: 1 schema, 2 control record, 3 change set), length (varint), bytes
//! end      kind 0 (1 byte), number of items (varint)
//! trailer  32 bytes blake3(BUNDLE tag ‖ every byte before it)
//! ```
//! Schemas and control records are carried as they are; whoever reads them judges them.
#![deny(clippy::arithmetic_side_effects)]

use crate::{
    changeset::{
        EnvelopeRule, Form, Malformed, SIGNED_BYTES_MAX, Signed, codec, codec::Reader, tags,
    },
    limits,
};

/// What every bundle begins with.
pub const BUNDLE_MAGIC: [u8; 8] = *b"anabundl";
/// The version that this build writes and the only one it reads.
pub const BUNDLE_VERSION: u8 = 1;

const TRAILER_BYTES: usize = 32;
const VARINT_BYTES_MAX: usize = 10;
const END: u8 = 0;
const SCHEMA: u8 = 1;
const CONTROL: u8 = 2;
const CHANGE_SET: u8 = 3;

/// Why bytes are no bundle, or no whole one. Offsets count from the file's start.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// It begins like something else.
    #[error(
        "not a bundle: the file does not begin with \"anabundl\"; name a file that an export wrote"
    )]
    Magic,
    /// The framing is cut short, unreadable or followed by more.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// An item of a kind that this version has not.
    #[error("item {number} at byte {at} has the unknown kind {kind}; read it with a newer build")]
    Kind {
        /// The item's number, from 0.
        number: u64,
        /// Where it begins.
        at: u64,
        /// Its kind.
        kind: u8,
    },
    /// An item longer than any of its kind may be.
    #[error("item {number} at byte {at} has {had} bytes, at most {max} are allowed for its kind")]
    TooLong {
        /// The item's number, from 0.
        number: u64,
        /// Where it begins.
        at: u64,
        /// Its length.
        had: u64,
        /// The bound.
        max: u64,
    },
    /// Items are missing or were put in.
    #[error("the bundle ends at byte {at} with {had} items, its end says {wanted}; fetch it again")]
    Count {
        /// Where the end stands.
        at: u64,
        /// The number it says.
        wanted: u64,
        /// The items there were.
        had: u64,
    },
    /// The trailer does not fit what stands before it.
    #[error(
        "the bundle is damaged: the hash at byte {at} is not that of the bytes before it; fetch it again"
    )]
    Damaged {
        /// Where the trailer stands.
        at: u64,
    },
    /// A change set that cannot be read. The rest of the bundle can.
    #[error("change set in item {number} at byte {at}: {rule}")]
    ChangeSet {
        /// The item's number, from 0.
        number: u64,
        /// Where its bytes begin; offsets in `rule` count from there.
        at: u64,
        /// What is wrong with it.
        rule: EnvelopeRule,
    },
}

/// Writes a bundle item by item.
#[derive(Clone, Debug)]
pub struct BundleWriter {
    bytes: Vec<u8>,
    count: u64,
}

impl Default for BundleWriter {
    fn default() -> Self {
        BundleWriter::new()
    }
}

impl BundleWriter {
    /// A bundle of no items.
    pub fn new() -> Self {
        let mut bytes = BUNDLE_MAGIC.to_vec();
        bytes.push(BUNDLE_VERSION);
        BundleWriter { bytes, count: 0 }
    }

    /// Adds a schema's bytes.
    ///
    /// # Errors
    /// More than [`limits::SCHEMA_BYTES_MAX`].
    pub fn schema(&mut self, bytes: &[u8]) -> Result<(), BundleError> {
        self.push(SCHEMA, bytes, limits::SCHEMA_BYTES_MAX)
    }

    /// Adds a control record's bytes.
    ///
    /// # Errors
    /// More than [`limits::CONTROL_BYTES_MAX`].
    pub fn control(&mut self, bytes: &[u8]) -> Result<(), BundleError> {
        self.push(CONTROL, bytes, limits::CONTROL_BYTES_MAX)
    }

    /// Adds a change set with its proof.
    ///
    /// # Errors
    /// More than [`SIGNED_BYTES_MAX`], which none that can be read has.
    pub fn change_set(&mut self, signed: &Signed) -> Result<(), BundleError> {
        self.push(CHANGE_SET, &signed.encode(), SIGNED_BYTES_MAX)
    }

    /// The whole bundle.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.push(END);
        self.bytes.extend_from_slice(&codec::encode(&self.count));
        let trailer = tags::hash(tags::BUNDLE, &[&self.bytes]);
        self.bytes.extend_from_slice(&trailer);
        self.bytes
    }

    fn push(&mut self, kind: u8, bytes: &[u8], max: usize) -> Result<(), BundleError> {
        let had = bytes.len() as u64;
        if had > max as u64 {
            return Err(BundleError::TooLong {
                number: self.count,
                at: self.bytes.len() as u64,
                had,
                max: max as u64,
            });
        }
        self.bytes.push(kind);
        self.bytes.extend_from_slice(&codec::encode(&had));
        self.bytes.extend_from_slice(bytes);
        self.count = self.count.saturating_add(1);
        Ok(())
    }
}

/// One thing in a bundle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BundleItem<'a> {
    /// A schema's bytes, not judged.
    Schema(&'a [u8]),
    /// A control record's bytes, not judged.
    Control(&'a [u8]),
    /// A change set, decoded and not verified.
    ChangeSet(Box<Signed>),
}

/// A bundle whose framing and trailer hold. It borrows the file's bytes: reading it takes the
/// memory of one change set at a time.
#[derive(Clone, Copy, Debug)]
pub struct Bundle<'a> {
    bytes: &'a [u8],
    count: u64,
}

impl<'a> Bundle<'a> {
    /// Checks magic, version, framing and trailer.
    ///
    /// # Errors
    /// Everything in [`BundleError`] but `ChangeSet`.
    pub fn open(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let mut items = Items::new(bytes)?;
        while items.frame()?.is_some() {}
        Ok(Bundle {
            bytes,
            count: items.number,
        })
    }

    /// How many items it holds.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// Its items in the file's order. One that cannot be read does not end the iteration.
    pub fn items(&self) -> impl Iterator<Item = Result<BundleItem<'a>, BundleError>> + 'a {
        // `open` has walked the framing, so it holds for as many items as were counted.
        let mut items = Items::new(self.bytes).ok();
        let count = self.count;
        std::iter::from_fn(move || {
            let items = items.as_mut().filter(|items| items.number < count)?;
            items.frame().transpose()
        })
        .map(|frame| frame?.read())
    }
}

/// An item's bytes before they are read.
struct Frame<'a> {
    number: u64,
    at: u64,
    kind: Kind,
    bytes: &'a [u8],
}

enum Kind {
    Schema,
    Control,
    ChangeSet,
}

impl<'a> Frame<'a> {
    fn read(self) -> Result<BundleItem<'a>, BundleError> {
        match self.kind {
            Kind::Schema => Ok(BundleItem::Schema(self.bytes)),
            Kind::Control => Ok(BundleItem::Control(self.bytes)),
            Kind::ChangeSet => Signed::decode(self.bytes)
                .map(|signed| BundleItem::ChangeSet(Box::new(signed)))
                .map_err(|rule| BundleError::ChangeSet {
                    number: self.number,
                    at: self.at,
                    rule,
                }),
        }
    }
}

/// Walks the framing.
struct Items<'a> {
    bytes: &'a [u8],
    reader: Reader<'a>,
    number: u64,
}

impl<'a> Items<'a> {
    fn new(bytes: &'a [u8]) -> Result<Self, BundleError> {
        let mut reader = Reader::new(bytes);
        let magic = reader.raw(Form::Bundle, bytes.len().min(BUNDLE_MAGIC.len()))?;
        if !BUNDLE_MAGIC.starts_with(magic) {
            return Err(BundleError::Magic);
        }
        let missing = BUNDLE_MAGIC.len().saturating_sub(magic.len());
        reader.raw(Form::Bundle, missing)?;
        reader.version(Form::Bundle, BUNDLE_VERSION)?;
        Ok(Items {
            bytes,
            reader,
            number: 0,
        })
    }

    /// The next item; none after the end, which is then checked with the trailer.
    fn frame(&mut self) -> Result<Option<Frame<'a>>, BundleError> {
        let at = self.reader.at();
        let number = self.number;
        let (kind, max) = match self.reader.raw(Form::BundleItem, 1)? {
            [END] => {
                self.end(at)?;
                return Ok(None);
            }
            [SCHEMA] => (Kind::Schema, limits::SCHEMA_BYTES_MAX),
            [CONTROL] => (Kind::Control, limits::CONTROL_BYTES_MAX),
            [CHANGE_SET] => (Kind::ChangeSet, SIGNED_BYTES_MAX),
            other => {
                let kind = other.first().copied().unwrap_or_default();
                return Err(BundleError::Kind { number, at, kind });
            }
        };
        let (had, _) = self
            .reader
            .value::<u64>(Form::BundleItem, VARINT_BYTES_MAX)?;
        let Some(len) = usize::try_from(had).ok().filter(|len| *len <= max) else {
            return Err(BundleError::TooLong {
                number,
                at,
                had,
                max: max as u64,
            });
        };
        let at = self.reader.at();
        let bytes = self.reader.raw(Form::BundleItem, len)?;
        self.number = number.saturating_add(1);
        Ok(Some(Frame {
            number,
            at,
            kind,
            bytes,
        }))
    }

    fn end(&mut self, at: u64) -> Result<(), BundleError> {
        let (wanted, _) = self.reader.value::<u64>(Form::Bundle, VARINT_BYTES_MAX)?;
        if wanted != self.number {
            return Err(BundleError::Count {
                at,
                wanted,
                had: self.number,
            });
        }
        let covered = self.reader.at();
        let trailer = self.reader.raw(Form::Bundle, TRAILER_BYTES)?;
        if !self.reader.rest().is_empty() {
            return Err(Malformed::Trailing {
                form: Form::Bundle,
                at: self.reader.at(),
                had: self.reader.rest().len() as u64,
            }
            .into());
        }
        let before = usize::try_from(covered)
            .ok()
            .and_then(|covered| self.bytes.get(..covered))
            .unwrap_or_default();
        if tags::hash(tags::BUNDLE, &[before]) != trailer {
            return Err(BundleError::Damaged { at: covered });
        }
        Ok(())
    }
}
