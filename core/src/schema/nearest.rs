//! The known word that a misspelt one most likely stands for.

use crate::limits::NAME_BYTES_MAX;

/// The candidate closest to `word` by edits (insert, drop, change, swap of neighbours), if at most
/// a third of the word has to change. Of equally close ones the first given.
pub fn nearest<'c>(word: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    if word.len() > NAME_BYTES_MAX {
        return None;
    }
    let lower = word.to_lowercase();
    let allowed = lower.chars().count().div_ceil(3);
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= NAME_BYTES_MAX && *candidate != word)
        .map(|candidate| (distance(&lower, candidate), candidate))
        .filter(|(edits, _)| *edits <= allowed)
        .min_by_key(|(edits, _)| *edits)
        .map(|(_, candidate)| candidate)
}

/// Optimal string alignment: the edit distance of Damerau (1964) and Levenshtein (1966) where no
/// place is edited twice. Rows are as long as `right`, which the caller bounds.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (line, letter) in left.chars().enumerate() {
        let mut next = vec![line.saturating_add(1)];
        for (column, other) in right.iter().enumerate() {
            let at = |row: &[usize], column: usize| row.get(column).copied().unwrap_or(usize::MAX);
            let changed = at(&row, column).saturating_add(usize::from(letter != *other));
            let dropped = at(&row, column.saturating_add(1)).saturating_add(1);
            let added = at(&next, column).saturating_add(1);
            let mut best = changed.min(dropped).min(added);
            if let Some(column_before) = column.checked_sub(1)
                && previous == Some(*other)
                && right.get(column_before) == Some(&letter)
            {
                best = best.min(at(&before, column_before).saturating_add(1));
            }
            next.push(best);
        }
        previous = Some(letter);
        before = std::mem::replace(&mut row, next);
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_of_the_pen_finds_its_word_and_another_word_does_not() {
        let words = ["title", "status", "authority"];
        assert_eq!(nearest("titel", words), Some("title"));
        assert_eq!(nearest("Status", words), Some("status"));
        assert_eq!(nearest("autority", words), Some("authority"));
        assert_eq!(nearest("colour", words), None);
        assert_eq!(nearest(&"x".repeat(10_000), words), None);
    }

    #[test]
    fn distance_counts_a_swap_as_one() {
        assert_eq!(distance("ab", "ba"), 1);
        assert_eq!(distance("", "abc"), 3);
        assert_eq!(distance("kitten", "sitting"), 3);
    }
}
