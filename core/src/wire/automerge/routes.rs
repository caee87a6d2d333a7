//! What a change puts at keys of the record's root, for the route values that repeat it.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    chunk::{Chunk, Key, Op, action},
    column::read_sleb,
};
use crate::{
    limits,
    value::{Finite, Value},
    wire::bytes::Reader,
};

/// For each name the last value that the change puts there; none where it puts none, where the
/// value could be no route's, or where the budget of operations ends before.
pub fn root_values(chunk: &[u8], names: &[&str], budget: &mut usize) -> Vec<Option<Value>> {
    let mut values = vec![None; names.len()];
    let Ok(Chunk { mut ops, .. }) = Chunk::parse(chunk) else {
        return values;
    };
    while let Ok(Some(op)) = ops.next() {
        let Some(left) = budget.checked_sub(1) else {
            break;
        };
        *budget = left;
        let Key::Map(key) = op.key else { continue };
        if op.obj.is_some() || op.action != action::SET {
            continue;
        }
        for (name, value) in names.iter().zip(&mut values) {
            if *name == key {
                *value = value_of(&op);
            }
        }
    }
    values
}

fn value_of(op: &Op<'_>) -> Option<Value> {
    let bytes = op.value.bytes;
    if bytes.len() > limits::ROUTE_BYTES_MAX {
        return None;
    }
    let number = || read_sleb(&mut Reader::new(bytes)).ok();
    match op.value.kind {
        0 => Some(Value::Null),
        1 => Some(Value::Bool(false)),
        2 => Some(Value::Bool(true)),
        4 => number().map(Value::Int),
        5 => {
            let bytes = <[u8; 8]>::try_from(bytes).ok()?;
            Finite::new(f64::from_le_bytes(bytes)).map(Value::Float)
        }
        6 => {
            let text = std::str::from_utf8(bytes).ok()?;
            Some(Value::Text(text.to_owned()))
        }
        7 => Some(Value::Bytes(bytes.to_vec())),
        9 => number().map(Value::Time),
        _ => None,
    }
}
