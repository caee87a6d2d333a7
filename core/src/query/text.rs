//! Parts of texts, in letters of either case: letter by letter by the lower case of Unicode.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    row::{ContentRow, Row},
    seen::Seen,
};

/// A part to look for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needle(String);

impl Needle {
    pub(super) fn new(part: &str) -> Self {
        Needle(lower(part))
    }

    pub(super) fn is_in(&self, text: &str) -> bool {
        let needle = self.0.as_bytes();
        let Some(first) = needle.first() else {
            return true;
        };
        if !text.is_ascii() {
            return lower(text).contains(&self.0);
        }
        let either = [*first, first.to_ascii_uppercase()];
        text.as_bytes().windows(needle.len()).any(|window| {
            // Most windows are let go by their first letter.
            window.first().is_some_and(|letter| either.contains(letter))
                && window.eq_ignore_ascii_case(needle)
        })
    }

    /// Whether any text of a row has it. None: the row is no projection.
    pub(super) fn is_in_any(&self, row: &Row<'_>) -> Option<bool> {
        for part in &row.parts {
            let found = match part.content {
                ContentRow::Record { fields, .. } => {
                    fields.any_named(|seen| self.is_within(seen))?
                }
                ContentRow::Body { text } => self.is_in(text),
                ContentRow::Log { .. } => false,
            };
            if found {
                return Some(true);
            }
        }
        Some(false)
    }

    fn is_within(&self, seen: Seen<'_>) -> Option<bool> {
        self.is_within_at(seen, 0)
    }

    fn is_within_at(&self, seen: Seen<'_>, depth: usize) -> Option<bool> {
        let deeper = depth
            .checked_add(1)
            .filter(|depth| *depth <= crate::limits::DEPTH_MAX)?;
        match seen {
            Seen::Text(text) => Some(self.is_in(text)),
            Seen::List(items) => items.any(|seen| self.is_within_at(seen, deeper)),
            Seen::Map(items) => items.any_named(|seen| self.is_within_at(seen, deeper)),
            Seen::Null
            | Seen::Bool(_)
            | Seen::Int(_)
            | Seen::Float(_)
            | Seen::Bytes(_)
            | Seen::Time(_) => Some(false),
        }
    }
}

/// Letter by letter, so that a part of a text has the lower case that it has within the text.
fn lower(text: &str) -> String {
    text.chars().flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_in_letters_of_either_case() {
        for (text, part) in [
            ("At the Weir", "wEIR"),
            ("At the Weir", ""),
            ("Über den Fluß", "ÜBER"),
            ("ΟΔΥΣΣΕΥΣ", "οδυσσ"),
            ("a\u{212a}b", "akb"), // the sign for Kelvin
            ("wweir", "weir"),
        ] {
            assert!(Needle::new(part).is_in(text), "{part} in {text}");
        }
        for (text, part) in [("At the Weir", "weirs"), ("", "a"), ("abc", "ä")] {
            assert!(!Needle::new(part).is_in(text), "{part} in {text}");
        }
    }
}
