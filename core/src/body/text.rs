//! Editing one engine text: splice, format, embed. The engine walks its own hash maps where it is
//! given several formats at once, in an order that differs from run to run; so it is given one at
//! a time, by name, and equal edits give equal bytes.

use super::{
    Marks,
    body_view::{Inline, Run, read_text, units},
    marks::{Stands, to_any},
};
use crate::value::Value;
use std::{collections::BTreeSet, sync::Arc};
use yrs::{Any, ReadTxn, Text, TextRef, TransactionMut, types::Attrs};

/// Removes a range that was checked to lie within the text.
pub(super) fn remove(txn: &mut TransactionMut<'_>, text: &TextRef, at: u32, len: u32) {
    if len > 0 {
        text.remove_range(txn, at, len);
    }
}

/// Inserts text with the formats of what stands before it.
pub(super) fn insert(txn: &mut TransactionMut<'_>, text: &TextRef, at: u32, part: &str) {
    text.insert(txn, at, part);
}

/// Inserts runs with exactly their own marks, whatever stands around them.
pub(super) fn insert_runs(txn: &mut TransactionMut<'_>, text: &TextRef, at: u32, runs: &[Run]) {
    let before = marks_before(txn, text, at);
    let mut end = at;
    for run in runs {
        match &run.content {
            Inline::Text(part) => text.insert(txn, end, part),
            Inline::Embed(value) => {
                text.insert_embed(txn, end, json(value));
            }
        }
        end = end.saturating_add(run.content.units());
    }
    let names: BTreeSet<&String> = before
        .keys()
        .chain(runs.iter().flat_map(|run| run.marks.keys()))
        .collect();
    for name in names {
        let have = before.get(name);
        for (start, len, want) in stretches(at, runs, name) {
            if want != have {
                format(txn, text, start, len, name, want.unwrap_or(&Value::Null));
            }
        }
    }
}

/// The stretches of equal value of one mark along runs that begin at `at`.
fn stretches<'a>(at: u32, runs: &'a [Run], name: &str) -> Vec<(u32, u32, Option<&'a Value>)> {
    let mut out: Vec<(u32, u32, Option<&Value>)> = Vec::new();
    let mut start = at;
    for run in runs {
        let len = run.content.units();
        let want = run.marks.get(name).filter(|value| **value != Value::Null);
        match out.last_mut() {
            Some((_, had, value)) if *value == want => *had = had.saturating_add(len),
            _ => out.push((start, len, want)),
        }
        start = start.saturating_add(len);
    }
    out
}

/// Inserts text with exactly these marks.
pub(super) fn insert_marked(
    txn: &mut TransactionMut<'_>,
    text: &TextRef,
    at: u32,
    part: &str,
    marks: &Marks,
) {
    let run = Run {
        content: Inline::Text(part.to_owned()),
        marks: marks.clone(),
    };
    insert_runs(txn, text, at, &[run]);
}

/// Gives one mark to a range, or takes it away.
pub(super) fn format(
    txn: &mut TransactionMut<'_>,
    text: &TextRef,
    at: u32,
    len: u32,
    name: &str,
    value: &Value,
) {
    let attrs = Attrs::from([(Arc::from(name), json(value))]);
    text.format(txn, at, len, attrs);
}

/// Puts a value that is no text into a text.
pub(super) fn embed(txn: &mut TransactionMut<'_>, text: &TextRef, at: u32, value: &Value) {
    text.insert_embed(txn, at, json(value));
}

/// A value that was checked to be JSON when the operation was.
fn json(value: &Value) -> Any {
    to_any(value, Stands::Json).unwrap_or(Any::Null)
}

/// The marks that text inserted at a place would take over: those of the unit before it.
fn marks_before<T: ReadTxn>(txn: &T, text: &TextRef, at: u32) -> Marks {
    if at == 0 {
        return Marks::new();
    }
    let mut end = 0_u32;
    for run in read_text(txn, text) {
        end = end.saturating_add(run.content.units());
        if end >= at {
            return run.marks;
        }
    }
    Marks::new()
}

/// Whether a place lies between the halves of a character, found by reading the text.
pub(super) fn inside_pair<T: ReadTxn>(txn: &T, text: &TextRef, at: u32) -> bool {
    let mut start = 0_u32;
    for run in read_text(txn, text) {
        let Some(within) = at.checked_sub(start) else {
            return false;
        };
        let len = run.content.units();
        if within < len {
            return match &run.content {
                Inline::Text(part) => splits_pair(part, within),
                Inline::Embed(_) => false,
            };
        }
        start = start.saturating_add(len);
    }
    false
}

/// Whether unit `at` of a string is the second half of a character.
fn splits_pair(part: &str, at: u32) -> bool {
    let mut start = 0_u32;
    for char in part.chars() {
        if start >= at {
            return start > at;
        }
        start = start.saturating_add(if char.len_utf16() == 2 { 2 } else { 1 });
    }
    start > at
}

/// The tail of runs from a unit on, which is known to lie on a character's border.
pub(super) fn runs_from(runs: &[Run], at: u32) -> Vec<Run> {
    let mut tail = Vec::new();
    let mut start = 0_u32;
    for run in runs {
        let len = run.content.units();
        let end = start.saturating_add(len);
        if start >= at {
            tail.push(run.clone());
        } else if end > at
            && let Inline::Text(part) = &run.content
        {
            let rest = text_from(part, at.saturating_sub(start));
            tail.push(Run {
                content: Inline::Text(rest.to_owned()),
                marks: run.marks.clone(),
            });
        }
        start = end;
    }
    tail
}

/// What follows the first `at` UTF-16 units.
fn text_from(part: &str, at: u32) -> &str {
    let mut units_seen = 0_u32;
    for (byte, char) in part.char_indices() {
        if units_seen >= at {
            return part.get(byte..).unwrap_or_default();
        }
        units_seen = units_seen.saturating_add(units(char.encode_utf8(&mut [0; 4])));
    }
    ""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_and_tails_are_cut_at_characters() {
        assert!(splits_pair("a😀b", 2));
        assert!(!splits_pair("a😀b", 1) && !splits_pair("a😀b", 3) && !splits_pair("a😀", 3));
        assert_eq!(text_from("a😀b", 3), "b");
        assert_eq!(text_from("a😀b", 4), "");
    }
}
