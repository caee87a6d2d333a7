//! What one block brings: text, an embed, a format border, a container, plain values or what is
//! left of deleted ones (F2, F7, F8, F10, F11), and how many units it is.

#![deny(clippy::arithmetic_side_effects)]

use super::{
    any, json,
    places::{ContainerKind, Content},
    read::Reader,
    rule::BodyRule,
    surrogate::SecondHalves,
};
use crate::limits::PAYLOAD_BYTES_MAX;

/// Longest element tag in bytes.
const TAG_BYTES_MAX: usize = 64;

/// Reads the content of a block at `clock`: what it is, and its length in units.
pub(super) fn read(
    reader: &mut Reader<'_>,
    reference: u8,
    clock: u32,
    halves: &mut SecondHalves,
) -> Result<(Content, u32), BodyRule> {
    let at = reader.at();
    match reference {
        1 => Ok((Content::Tombstone, tombstone(reader, clock)?)),
        4 => {
            let text = reader.str()?;
            if text.is_empty() {
                return Err(BodyRule::EmptyText { clock });
            }
            Ok((Content::String, halves.read(text, clock)))
        }
        5 => {
            let json = reader.str()?;
            json::compact(json, at)?;
            // Engines show an embedded string as text: a reader could not tell the two apart.
            if json.starts_with('"') {
                return Err(BodyRule::EmbedText { clock });
            }
            Ok((Content::Embed, 1))
        }
        6 => {
            reader.key()?;
            let at = reader.at();
            json::compact(reader.str()?, at)?;
            Ok((Content::Format, 1))
        }
        7 => Ok((Content::Type(type_kind(reader, clock)?), 1)),
        8 => {
            let count = reader.var()?;
            let len = u32::try_from(count).unwrap_or(0);
            if len == 0 || count > reader.left() as u64 {
                return Err(BodyRule::ValueCount { at, count });
            }
            any::values(reader, count)?;
            Ok((Content::Any, len))
        }
        reference => Err(BodyRule::Content { at, reference }),
    }
}

/// F2: how many units an engine has dropped the content of: as many as a change set could bring.
pub(super) fn tombstone(reader: &mut Reader<'_>, clock: u32) -> Result<u32, BodyRule> {
    match reader.clock()? {
        0 => Err(BodyRule::Tombstone { clock }),
        len if len as usize > PAYLOAD_BYTES_MAX => Err(BodyRule::Tombstone { clock }),
        len => Ok(len),
    }
}

/// F7: the shared types that bodies are made of.
fn type_kind(reader: &mut Reader<'_>, clock: u32) -> Result<ContainerKind, BodyRule> {
    match reader.byte()? {
        3 => {
            let tag = reader.str()?.as_bytes();
            let starts = |byte: &u8| byte.is_ascii_alphabetic() || *byte == b'_';
            let goes_on = |byte: &u8| byte.is_ascii_alphanumeric() || b"_.-".contains(byte);
            let named = tag.first().is_some_and(starts) && tag.iter().all(goes_on);
            if !named || tag.len() > TAG_BYTES_MAX {
                return Err(BodyRule::Tag { clock });
            }
            Ok(ContainerKind::Element)
        }
        6 => Ok(ContainerKind::XmlText),
        reference => Err(BodyRule::TypeKind { clock, reference }),
    }
}
