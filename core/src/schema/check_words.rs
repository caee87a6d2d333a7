//! What a name, a line and a word may be.

use crate::{
    limits,
    schema::{SchemaFault, check::Faults},
};

pub(crate) fn name(faults: &mut Faults, path: &str, name: &str) {
    if name.starts_with('~') {
        faults.push(path, SchemaFault::ReservedName);
    } else if !is_name(name) {
        let suggestion = like_name(name);
        faults.push(path, SchemaFault::BadName { suggestion });
    }
}

/// Whether a kind, field or part may be called so.
pub(crate) fn is_name(name: &str) -> bool {
    name.len() <= limits::NAME_BYTES_MAX
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .chars()
            .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// `createdAt` and `created-at` as `created_at`.
fn like_name(name: &str) -> Option<String> {
    let mut like = String::new();
    for c in name.chars().take(limits::NAME_BYTES_MAX) {
        if c.is_ascii_uppercase() && !like.is_empty() && !like.ends_with('_') {
            like.push('_');
        }
        match c {
            '-' | ' ' | '.' => like.push('_'),
            c => like.push(c.to_ascii_lowercase()),
        }
    }
    is_name(&like).then_some(like)
}

pub(crate) fn about(faults: &mut Faults, path: &str, line: &str) {
    if !line.is_empty() {
        word(faults, path, line, limits::SCHEMA_ABOUT_BYTES_MAX);
    }
}

pub(crate) fn word(faults: &mut Faults, path: &str, word: &str, bytes_max: usize) {
    let bytes = word.len();
    if bytes == 0 || bytes > bytes_max || word.chars().any(char::is_control) {
        faults.push(path, SchemaFault::BadWord { bytes, bytes_max });
    }
}
