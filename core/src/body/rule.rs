//! Why a Yrs update is refused; each variant says what was wrong and what its author can do.
//!
//! The engine trusts its input: of lightly mutated updates one in a thousand panics or hangs it,
//! and some are taken in now and make every later save fail. An update passes only if an honest
//! engine could have written it at the declared past:
//!
//! | rule | what it asks |
//! |---|---|
//! | F1 | one section of blocks at most, of the author's client, from its next clock on |
//! | F2 | content is text, embed, format, container or plain values, or was deleted in the same update and dropped, as Yjs does it: no gaps, binary, subdocuments |
//! | F3 | every id named was seen by the author, or stands earlier in the update |
//! | F4 | a block without neighbours names the schema's root or the unit of a container |
//! | F5 | neighbours stand in one container; attributes have no right one, and the attribute bit |
//! | F6 | the layout has a place for the content there |
//! | F7 | containers are elements with a proper tag or texts, nested at most 64 deep |
//! | F8 | no empty text; keys of 1 to 128 bytes without control characters |
//! | F9 | an attribute has one value, or the same update deletes it |
//! | F10 | values in the form engines write, counted within the bytes, nested at most 64 deep |
//! | F11 | formats and embeds are compact JSON that comes back unchanged; no embed is a string |
//! | F12 | no border between the halves of a character |
//! | F13 | deletes in one form, of units that the author had seen |
//! | F14 | the right neighbour was the left one's successor in what the author had seen |

use serde::{Deserialize, Serialize};

/// What no honest Yrs or Yjs engine writes at the declared causal past. Offsets count bytes of the
/// update; clients and clocks are the engine's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
pub enum BodyRule {
    /// More than [`crate::limits::PAYLOAD_BYTES_MAX`].
    #[error("the update has {bytes} bytes: split the edit into smaller transactions")]
    Size {
        /// How many it has.
        bytes: u64,
    },
    /// The bytes stop in the middle of something.
    #[error("the update ends in the middle of something at byte {at}: send all of it")]
    Truncated {
        /// Where.
        at: u32,
    },
    /// A number is not written in the shortest way, or is out of its range.
    #[error("the number at byte {at} is out of range or not written in the shortest way")]
    Number {
        /// Where.
        at: u32,
    },
    /// A string is not UTF-8.
    #[error("the string at byte {at} is not UTF-8")]
    Utf8 {
        /// Where.
        at: u32,
    },
    /// Something follows the delete set.
    #[error("{bytes} bytes follow the end of the update: send one update per change set")]
    Trailing {
        /// How many.
        bytes: u32,
    },
    /// Neither blocks nor deletes.
    #[error("the update changes nothing: do not send it")]
    Empty,
    /// The chain has no client id here.
    #[error("no client id is bound to the writing chain: its writer must be registered first")]
    Unregistered,
    /// F1: blocks of more than one client.
    #[error("the update holds blocks of {count} clients: each author sends its own")]
    Sections {
        /// How many sections it declares.
        count: u64,
    },
    /// F1: blocks of another client than the chain's.
    #[error("the update holds blocks of client {found}, which is not the writing chain's")]
    Author {
        /// Whose they are.
        found: u64,
    },
    /// F1: the clock run does not continue the author's own.
    #[error("the update starts at clock {found}, but its author's next is {expected}")]
    Clock {
        /// Where it starts.
        found: u32,
        /// Where it should.
        expected: u32,
    },
    /// F1: no block, more than [`crate::limits::UPDATE_BLOCKS_MAX`], or more than bytes can hold.
    #[error("the update declares {count} blocks: none, or more than allowed in one change set")]
    Blocks {
        /// How many it declares.
        count: u64,
    },
    /// The clock would pass [`crate::limits::CLOCK_MAX`].
    #[error("the client's clock would pass its largest value: go on under a new client id")]
    ClockRange,
    /// F2: content that authors do not write: gaps, old JSON, binary, subdocuments.
    #[error("the block at byte {at} has content {reference}, which a change may not carry")]
    Content {
        /// Where.
        at: u32,
        /// The content's number.
        reference: u8,
    },
    /// F2: units without content that the update does not delete, none, or more than
    /// [`crate::limits::PAYLOAD_BYTES_MAX`].
    #[error(
        "the block at clock {clock} has no content left, but is not deleted in the update, or counts too many units"
    )]
    Tombstone {
        /// The block's clock.
        clock: u32,
    },
    /// F2: a bit of the block's header that means nothing.
    #[error("the block at byte {at} sets a header bit that has no meaning")]
    HeaderBit {
        /// Where.
        at: u32,
    },
    /// F3, F13: an id that the author had not seen.
    #[error("unit {client}:{clock} is named, but it is not in the change set's declared past")]
    Unknown {
        /// The id's client.
        client: u64,
        /// The id's clock.
        clock: u32,
    },
    /// F4: the parent is said by neither a name nor an id.
    #[error("the block at byte {at} says its parent in an unknown way")]
    ParentForm {
        /// Where.
        at: u32,
    },
    /// F4: a root that the schema does not name.
    #[error("the block at byte {at} writes into a root that the schema does not name")]
    Root {
        /// Where.
        at: u32,
    },
    /// F4: the parent is no element and no text.
    #[error("unit {client}:{clock} is named as a parent, but holds nothing")]
    ParentKind {
        /// The id's client.
        client: u64,
        /// The id's clock.
        clock: u32,
    },
    /// F5: the neighbours stand in different containers, or one is an attribute.
    #[error("the block at clock {clock} names neighbours that stand in different places")]
    Neighbours {
        /// The block's clock.
        clock: u32,
    },
    /// F5: an attribute names a right neighbour.
    #[error("the attribute at clock {clock} names a right neighbour; attributes have none")]
    AttributeRight {
        /// The block's clock.
        clock: u32,
    },
    /// F5: the attribute bit says otherwise than the neighbour.
    #[error(
        "the block at clock {clock} is marked as an attribute but its neighbour is none, or the reverse"
    )]
    AttributeBit {
        /// The block's clock.
        clock: u32,
    },
    /// F6: this content may not stand there.
    #[error("the block at clock {clock} puts content where the body's layout has no place for it")]
    Place {
        /// The block's clock.
        clock: u32,
    },
    /// F7: a shared type that bodies do not have.
    #[error(
        "the block at clock {clock} makes a shared type {reference}; only elements and texts may stand in a body"
    )]
    TypeKind {
        /// The block's clock.
        clock: u32,
        /// The type's number.
        reference: u8,
    },
    /// F7: an element's tag.
    #[error(
        "the element at clock {clock} has a tag that is no name of at most 64 ASCII letters, digits, '_', '-', '.'"
    )]
    Tag {
        /// The block's clock.
        clock: u32,
    },
    /// F7: nested deeper than [`crate::limits::DEPTH_MAX`].
    #[error("the block at clock {clock} is nested too deep: the limit is 64")]
    Depth {
        /// The block's clock.
        clock: u32,
    },
    /// F8: text without a character.
    #[error("the block at clock {clock} inserts an empty text")]
    EmptyText {
        /// The block's clock.
        clock: u32,
    },
    /// F8: a format, attribute or map key.
    #[error("the key at byte {at} is empty, longer than 128 bytes or has control characters")]
    Key {
        /// Where.
        at: u32,
    },
    /// F9: an attribute with several values that are not deleted at once.
    #[error("the attribute at clock {clock} carries several values, but does not delete them")]
    AttributeValues {
        /// The block's clock.
        clock: u32,
    },
    /// F10: a count of values that the bytes cannot hold.
    #[error(
        "the values at byte {at} are counted as {count}: none, or more than the bytes can hold"
    )]
    ValueCount {
        /// Where.
        at: u32,
        /// The count.
        count: u64,
    },
    /// F10: an unknown kind of value.
    #[error("the value at byte {at} is of unknown kind {tag}")]
    ValueTag {
        /// Where.
        at: u32,
        /// The kind's number.
        tag: u8,
    },
    /// F10: a number that does not come back unchanged.
    #[error("the number at byte {at} is not in the form an engine writes it")]
    ValueNumber {
        /// Where.
        at: u32,
    },
    /// F10, F11: values nested deeper than [`crate::limits::DEPTH_MAX`].
    #[error("the value at byte {at} is nested too deep: the limit is 64")]
    ValueDepth {
        /// Where.
        at: u32,
    },
    /// F11: no compact JSON.
    #[error("the format or embed at byte {at} is no compact JSON")]
    Json {
        /// Where.
        at: u32,
    },
    /// F11: a JSON number that does not come back unchanged.
    #[error("the JSON number at byte {at} cannot be kept exactly")]
    JsonNumber {
        /// Where.
        at: u32,
    },
    /// F11: an embedded string, which engines give back as text.
    #[error("the block at clock {clock} embeds a string: insert it as text, or embed a map")]
    EmbedText {
        /// The block's clock.
        clock: u32,
    },
    /// F12: the halves of a surrogate pair would be parted.
    #[error("a character at {client}:{clock} would be cut in half: edit whole characters")]
    Surrogate {
        /// The client of the second half.
        client: u64,
        /// Its clock.
        clock: u32,
    },
    /// F13: the delete set's clients are out of order, twice, or more than the bytes can hold.
    #[error("the delete set's clients are out of order or too many at byte {at}")]
    DeleteClients {
        /// Where.
        at: u32,
    },
    /// F13: delete ranges that are none, empty, overlapping, touching or out of order.
    #[error("the delete set's ranges are empty, touching or out of order at byte {at}")]
    DeleteRanges {
        /// Where.
        at: u32,
    },
    /// F13: more than [`crate::limits::UPDATE_RANGES_MAX`] ranges, or more than bytes can hold.
    #[error("the update declares {count} delete ranges: split the edit into smaller transactions")]
    DeleteCount {
        /// How many.
        count: u64,
    },
    /// F14: the right neighbour is not the left one's successor in what the author had seen.
    #[error(
        "the block at clock {clock} names neighbours that were not next to each other for its author"
    )]
    Order {
        /// The block's clock.
        clock: u32,
    },
}

impl BodyRule {
    /// A stable word for programs.
    pub fn code(&self) -> &'static str {
        match self {
            BodyRule::Size { .. } => "update-size",
            BodyRule::Truncated { .. } => "update-truncated",
            BodyRule::Number { .. } => "update-number",
            BodyRule::Utf8 { .. } => "update-utf8",
            BodyRule::Trailing { .. } => "update-trailing",
            BodyRule::Empty => "update-empty",
            BodyRule::Unregistered => "client-unregistered",
            BodyRule::Sections { .. } => "client-sections",
            BodyRule::Author { .. } => "client-foreign",
            BodyRule::Clock { .. } => "clock-next",
            BodyRule::Blocks { .. } => "block-count",
            BodyRule::ClockRange => "clock-range",
            BodyRule::Content { .. } => "block-content",
            BodyRule::Tombstone { .. } => "block-tombstone",
            BodyRule::HeaderBit { .. } => "block-header",
            BodyRule::Unknown { .. } => "unit-unknown",
            BodyRule::ParentForm { .. } => "parent-form",
            BodyRule::Root { .. } => "parent-root",
            BodyRule::ParentKind { .. } => "parent-kind",
            BodyRule::Neighbours { .. } => "block-neighbours",
            BodyRule::AttributeRight { .. } => "attribute-right",
            BodyRule::AttributeBit { .. } => "attribute-bit",
            BodyRule::Place { .. } => "block-place",
            BodyRule::TypeKind { .. } => "type-kind",
            BodyRule::Tag { .. } => "type-tag",
            BodyRule::Depth { .. } => "type-depth",
            BodyRule::EmptyText { .. } => "text-empty",
            BodyRule::Key { .. } => "key-form",
            BodyRule::AttributeValues { .. } => "attribute-values",
            BodyRule::ValueCount { .. } => "value-count",
            BodyRule::ValueTag { .. } => "value-tag",
            BodyRule::ValueNumber { .. } => "value-number",
            BodyRule::ValueDepth { .. } => "value-depth",
            BodyRule::Json { .. } => "json-form",
            BodyRule::JsonNumber { .. } => "json-number",
            BodyRule::EmbedText { .. } => "embed-text",
            BodyRule::Surrogate { .. } => "text-surrogate",
            BodyRule::DeleteClients { .. } => "delete-clients",
            BodyRule::DeleteRanges { .. } => "delete-ranges",
            BodyRule::DeleteCount { .. } => "delete-count",
            BodyRule::Order { .. } => "block-order",
        }
    }
}
