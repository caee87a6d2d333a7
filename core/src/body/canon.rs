//! Updates with the keys of every map in order. The engine keeps maps in hash maps and writes
//! them as they come, in another order in every process; equal edits shall give equal bytes.

use yrs::{
    Any, ID, IdSet,
    block::{ClientID, ItemContent},
    encoding::{read::Read, write::Write},
    updates::{
        decoder::{Decode, Decoder, DecoderV1},
        encoder::{Encode, Encoder, EncoderV1},
    },
};

/// Bits of a block's header.
const HAS_LEFT: u8 = 0x80;
const HAS_RIGHT: u8 = 0x40;
const HAS_KEY: u8 = 0x20;

/// The same update with all map keys sorted; none where it is not one this replica wrote.
pub(super) fn sorted(payload: &[u8]) -> Option<Vec<u8>> {
    let mut reader = DecoderV1::from(payload);
    let mut writer = EncoderV1::new();
    let sections: u32 = reader.read_var().ok()?;
    writer.write_var(sections);
    for _ in 0..sections {
        let blocks: u32 = reader.read_var().ok()?;
        writer.write_var(blocks);
        let client: ClientID = reader.read_client().ok()?;
        writer.write_client(client);
        let clock: u32 = reader.read_var().ok()?;
        writer.write_var(clock);
        for _ in 0..blocks {
            copy_block(&mut reader, &mut writer)?;
        }
    }
    IdSet::decode(&mut reader).ok()?.encode(&mut writer);
    Some(writer.to_vec())
}

fn copy_block(reader: &mut DecoderV1<'_>, writer: &mut EncoderV1) -> Option<()> {
    let info = reader.read_info().ok()?;
    writer.write_info(info);
    if info & HAS_LEFT != 0 {
        let id: ID = reader.read_left_id().ok()?;
        writer.write_left_id(&id);
    }
    if info & HAS_RIGHT != 0 {
        let id: ID = reader.read_right_id().ok()?;
        writer.write_right_id(&id);
    }
    if info & (HAS_LEFT | HAS_RIGHT) == 0 {
        let named = reader.read_parent_info().ok()?;
        writer.write_parent_info(named);
        if named {
            writer.write_string(reader.read_string().ok()?);
        } else {
            let id = reader.read_left_id().ok()?;
            writer.write_left_id(&id);
        }
        if info & HAS_KEY != 0 {
            writer.write_string(reader.read_string().ok()?);
        }
    }
    let content = ItemContent::decode(reader, info & 0x0f).ok()?;
    write_content(writer, &content);
    Some(())
}

/// Writes a block's content with all map keys in order.
pub(super) fn write_content(writer: &mut EncoderV1, content: &ItemContent) {
    match content {
        ItemContent::Embed(value) => writer.write_string(&sorted_json(value)),
        ItemContent::Format(name, value) => {
            writer.write_key(name);
            writer.write_string(&sorted_json(value));
        }
        ItemContent::Any(values) => {
            writer.write_len(u32::try_from(values.len()).unwrap_or(u32::MAX));
            for value in values {
                write_any(writer, value);
            }
        }
        // These hold no maps.
        ItemContent::String(_)
        | ItemContent::Type(_)
        | ItemContent::Binary(_)
        | ItemContent::Deleted(_)
        | ItemContent::Doc(_, _)
        | ItemContent::JSON(_) => content.encode(writer),
    }
}

fn sorted_json(value: &Any) -> String {
    let mut out = String::new();
    write_json(value, &mut out);
    out
}

fn write_json(value: &Any, out: &mut String) {
    match value {
        Any::Map(entries) => {
            let mut keys: Vec<&String> = entries.keys().collect();
            keys.sort();
            out.push('{');
            for (at, key) in keys.into_iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_leaf(&Any::from(key.as_str()), out);
                out.push(':');
                write_json(entries.get(key).unwrap_or(&Any::Null), out);
            }
            out.push('}');
        }
        Any::Array(items) => {
            out.push('[');
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    out.push(',');
                }
                write_json(item, out);
            }
            out.push(']');
        }
        Any::Null
        | Any::Undefined
        | Any::Bool(_)
        | Any::Number(_)
        | Any::String(_)
        | Any::Buffer(_) => write_leaf(value, out),
    }
}

/// A value without keys, as the engine writes it.
fn write_leaf(value: &Any, out: &mut String) {
    // The engine writes from the start of the buffer it is given.
    let mut leaf = String::new();
    value.to_json(&mut leaf);
    out.push_str(&leaf);
}

fn write_any(writer: &mut EncoderV1, value: &Any) {
    match value {
        Any::Map(entries) => {
            let mut keys: Vec<&String> = entries.keys().collect();
            keys.sort();
            writer.write_u8(118);
            writer.write_var(u64::try_from(keys.len()).unwrap_or(u64::MAX));
            for key in keys {
                writer.write_string(key);
                write_any(writer, entries.get(key).unwrap_or(&Any::Null));
            }
        }
        Any::Array(items) => {
            writer.write_u8(117);
            writer.write_var(u64::try_from(items.len()).unwrap_or(u64::MAX));
            for item in items.iter() {
                write_any(writer, item);
            }
        }
        Any::Null
        | Any::Undefined
        | Any::Bool(_)
        | Any::Number(_)
        | Any::String(_)
        | Any::Buffer(_) => value.encode(writer),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    #[test]
    fn keys_are_written_in_order() {
        let map = |n: i64| {
            Any::from(HashMap::from([
                ("b".to_owned(), Any::from(n)),
                ("a".to_owned(), Any::from(true)),
                ("c\"".to_owned(), Any::from("x")),
            ]))
        };
        let nested = Any::from(HashMap::from([("z".to_owned(), map(1))]));
        assert_eq!(sorted_json(&nested), r#"{"z":{"a":true,"b":1,"c\"":"x"}}"#);
        let mut writer = EncoderV1::new();
        write_any(&mut writer, &map(1));
        assert_eq!(
            writer.to_vec(),
            b"\x76\x03\x01a\x78\x01b\x7d\x01\x02c\"\x77\x01x"
        );
    }
}
