//! Route values: usually those that the payload itself writes, and then not repeated.
#![deny(clippy::arithmetic_side_effects)]

use super::pool::Pools;
use crate::{
    limits,
    value::{Finite, Value},
    wire::{
        automerge,
        bytes::{FormError, Reader, put_bytes, put_number, put_signed},
    },
};

/// A route value as read.
#[derive(Clone, Debug)]
pub(super) enum Route {
    /// What the payload puts at the record's key of the same name.
    Written(String),
    Stated(String, Value),
}

const WRITTEN: u8 = 0;
const NULL: u8 = 1;
const FALSE: u8 = 2;
const TRUE: u8 = 3;
const INT: u8 = 4;
const FLOAT: u8 = 5;
const TEXT: u8 = 6;
const BYTES: u8 = 7;
const TIME: u8 = 8;

/// Writes the route values of a change set whose payload is `chunk`, if it is one of the record
/// engine and in clear.
pub(super) fn put(
    out: &mut Vec<u8>,
    pools: &mut Pools,
    routes: &[(String, Value)],
    chunk: Option<&[u8]>,
    budget: &mut usize,
) {
    let names: Vec<&str> = routes.iter().map(|(name, _)| name.as_str()).collect();
    let written = chunk.map(|chunk| automerge::root_values(chunk, &names, budget));
    let written = written.unwrap_or_default();
    let is_written = |at: usize, value| written.get(at).and_then(Option::as_ref) == Some(value);
    let mut all = routes.iter().enumerate();
    let all = all.all(|(at, (_, value))| is_written(at, value));
    put_number(out, (routes.len() as u64).wrapping_shl(1) | u64::from(all));
    for (at, (name, value)) in routes.iter().enumerate() {
        pools.put_name(out, name);
        if all {
            continue;
        }
        if is_written(at, value) {
            out.push(WRITTEN);
        } else {
            put_value(out, value);
        }
    }
}

fn put_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        // Lists and maps stand in no header that was checked.
        Value::Null | Value::List(_) | Value::Map(_) => out.push(NULL),
        Value::Bool(false) => out.push(FALSE),
        Value::Bool(true) => out.push(TRUE),
        Value::Int(number) => {
            out.push(INT);
            put_signed(out, *number);
        }
        Value::Float(number) => {
            out.push(FLOAT);
            out.extend_from_slice(&number.as_f64().to_le_bytes());
        }
        Value::Text(text) => {
            out.push(TEXT);
            put_bytes(out, text.as_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(BYTES);
            put_bytes(out, bytes);
        }
        Value::Time(millis) => {
            out.push(TIME);
            put_signed(out, *millis);
        }
    }
}

/// Reads the route values of one change set.
pub(super) fn read(r: &mut Reader<'_>, pools: &mut Pools) -> Result<Vec<Route>, FormError> {
    let head = r.count(
        limits::ROUTES_MAX.saturating_mul(2).saturating_add(1),
        "route values",
    )?;
    let mut routes = Vec::new();
    for _ in 0..head >> 1 {
        let name = pools.name(r, "route name")?;
        if head & 1 == 1 {
            routes.push(Route::Written(name));
            continue;
        }
        let max = limits::ROUTE_BYTES_MAX;
        routes.push(match r.byte("route value")? {
            WRITTEN => Route::Written(name),
            NULL => Route::Stated(name, Value::Null),
            FALSE => Route::Stated(name, Value::Bool(false)),
            TRUE => Route::Stated(name, Value::Bool(true)),
            INT => Route::Stated(name, Value::Int(r.signed("route value")?)),
            FLOAT => {
                let number = f64::from_le_bytes(r.array("route value")?);
                let range = FormError::Range {
                    what: "route value",
                };
                Route::Stated(name, Value::Float(Finite::new(number).ok_or(range)?))
            }
            TEXT => Route::Stated(name, Value::Text(r.text(max, "route value")?.to_owned())),
            BYTES => Route::Stated(name, Value::Bytes(r.bytes(max, "route value")?.to_vec())),
            TIME => Route::Stated(name, Value::Time(r.signed("route value")?)),
            value => {
                return Err(FormError::Unknown {
                    what: "route value",
                    value: u64::from(value),
                });
            }
        });
    }
    Ok(routes)
}

/// The values themselves, those that the payload writes looked up there.
pub(super) fn resolve(
    routes: Vec<Route>,
    chunk: Option<&[u8]>,
    budget: &mut usize,
) -> Result<Vec<(String, Value)>, FormError> {
    if routes.is_empty() {
        return Ok(Vec::new());
    }
    let names: Vec<&str> = routes
        .iter()
        .map(|route| match route {
            Route::Written(name) => name.as_str(),
            Route::Stated(..) => "",
        })
        .collect();
    let written = match chunk {
        Some(chunk) if names.iter().any(|name| !name.is_empty()) => {
            automerge::root_values(chunk, &names, budget)
        }
        Some(_) | None => Vec::new(),
    };
    let mut written = written.into_iter();
    routes
        .into_iter()
        .map(|route| {
            let value = written.next().flatten();
            match route {
                Route::Stated(name, value) => Ok((name, value)),
                Route::Written(name) => {
                    value.map(|value| (name, value)).ok_or(FormError::Context {
                        what: "a route value",
                    })
                }
            }
        })
        .collect()
}
