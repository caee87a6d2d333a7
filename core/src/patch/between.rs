//! What lies between two revisions of one text or list: runs, in the order in which they stand, of what both
//! have, what only the earlier one has (it was deleted since), what only the later one has (it was inserted
//! since). Places of an edit count the first two, those of the document now the first and the third.
//!
//! This is the transformation of operational transformation with one sequence as its state, after Sun and
//! Ellis (1998); where something was inserted since at the very place of an own insertion, the own one
//! stands before it.
#![deny(clippy::arithmetic_side_effects)]

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Run {
    Both(u32),
    Gone(u32),
    Came(u32),
}

/// What lies between two revisions of one text or list.
#[derive(Clone, Debug)]
pub(super) struct Between {
    runs: Vec<Run>,
}

impl Between {
    pub(super) fn new() -> Self {
        // Whatever stands behind the last change is in both.
        Between {
            runs: vec![Run::Both(u32::MAX)],
        }
    }

    /// Something was replaced since, in places of now.
    pub(super) fn changed(&mut self, at: u32, delete: u32, insert: u32) {
        let mut index = self.split(at, Run::now);
        let mut left = delete;
        while left > 0 {
            let Some(run) = self.runs.get(index).copied() else {
                break;
            };
            let len = run.now();
            if len == 0 {
                index = index.saturating_add(1);
                continue;
            }
            if len > left {
                self.cut(index, left);
            }
            let taken = len.min(left);
            left = left.saturating_sub(taken);
            match run {
                Run::Both(_) => {
                    if let Some(run) = self.runs.get_mut(index) {
                        *run = Run::Gone(taken);
                    }
                    index = index.saturating_add(1);
                }
                Run::Came(_) | Run::Gone(_) => {
                    self.runs.remove(index);
                }
            }
        }
        if insert > 0 {
            let index = self.split(at, Run::now);
            self.runs.insert(index, Run::Came(insert));
        }
    }

    /// An own replacement, in places of the earlier revision: what it is now, one step after the other.
    /// Each is where, how much goes, and whether the insertion happens there.
    pub(super) fn own(&mut self, at: u32, delete: u32, insert: u32) -> Vec<(u32, u32, bool)> {
        let mut steps = Vec::new();
        let mut index = self.split(at, Run::then);
        let mut now = self.now_before(index);
        let begin = now;
        let mut left = delete;
        while left > 0 {
            let Some(run) = self.runs.get(index).copied() else {
                break;
            };
            let len = run.then();
            if len == 0 {
                now = now.saturating_add(run.now());
                index = index.saturating_add(1);
                continue;
            }
            if len > left {
                self.cut(index, left);
            }
            let taken = len.min(left);
            left = left.saturating_sub(taken);
            self.runs.remove(index);
            if let Run::Both(_) = run {
                match steps.last_mut() {
                    Some((at, gone, _)) if *at == now => *gone = u32::saturating_add(*gone, taken),
                    _ => steps.push((now, taken, false)),
                }
            }
        }
        if insert > 0 {
            let index = self.split(at, Run::then);
            self.runs.insert(index, Run::Both(insert));
            match steps.first_mut() {
                Some((at, _, inserts)) if *at == begin => *inserts = true,
                _ => {
                    steps.insert(0, (begin, 0, true));
                }
            }
            // Everything that goes behind the insertion stands further on by then.
            let behind = steps.iter_mut().skip(1);
            behind.for_each(|(at, ..)| *at = at.saturating_add(insert));
        }
        steps
    }

    /// Where the run at an index begins now.
    fn now_before(&self, index: usize) -> u32 {
        let before = self.runs.iter().take(index);
        before.fold(0, |sum, run| sum.saturating_add(run.now()))
    }

    /// The index of the run that begins at a place, before runs of no length there; one is cut for it
    /// if need be.
    fn split(&mut self, at: u32, len: fn(&Run) -> u32) -> usize {
        let mut left = at;
        for index in 0..self.runs.len() {
            let run = self.runs.get(index).map_or(0, len);
            if left == 0 {
                return index;
            }
            if run > left {
                self.cut(index, left);
                return index.saturating_add(1);
            }
            left = left.saturating_sub(run);
        }
        self.runs.len()
    }

    fn cut(&mut self, index: usize, len: u32) {
        let Some(run) = self.runs.get_mut(index) else {
            return;
        };
        let (head, tail) = match *run {
            Run::Both(all) => (Run::Both(len), Run::Both(all.saturating_sub(len))),
            Run::Gone(all) => (Run::Gone(len), Run::Gone(all.saturating_sub(len))),
            Run::Came(all) => (Run::Came(len), Run::Came(all.saturating_sub(len))),
        };
        *run = head;
        self.runs.insert(index.saturating_add(1), tail);
    }

    /// The parts of a range that are still there, in places of now.
    pub(super) fn kept(&mut self, at: u32, len: u32) -> Vec<(u32, u32)> {
        let mut index = self.split(at, Run::then);
        let mut now = self.now_before(index);
        let mut left = len;
        let mut kept = Vec::new();
        while left > 0 {
            let Some(run) = self.runs.get(index).copied() else {
                break;
            };
            if run.then() > left {
                self.cut(index, left);
            }
            let taken = run.then().min(left);
            left = left.saturating_sub(taken);
            if let Run::Both(_) = run {
                kept.push((now, taken));
                now = now.saturating_add(taken);
            } else {
                now = now.saturating_add(run.now());
            }
            index = index.saturating_add(1);
        }
        kept
    }
}

impl Run {
    /// How long it is in the earlier revision.
    fn then(&self) -> u32 {
        match self {
            Run::Both(len) | Run::Gone(len) => *len,
            Run::Came(_) => 0,
        }
    }

    /// How long it is now.
    fn now(&self) -> u32 {
        match self {
            Run::Both(len) | Run::Came(len) => *len,
            Run::Gone(_) => 0,
        }
    }
}

#[cfg(test)]
#[allow(clippy::arithmetic_side_effects)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A text whose letters know where they come from.
    fn splice(text: &mut Vec<u32>, at: u32, delete: u32, insert: &[u32]) {
        let at = at as usize;
        text.splice(at..at + delete as usize, insert.iter().copied());
    }

    fn edits() -> impl Strategy<Value = Vec<(u32, u32, u32)>> {
        prop::collection::vec((0u32..1_000, 0u32..6, 0u32..4), 0..8)
    }

    proptest! {
        /// What the edits delete goes, whatever is inserted stays, and nothing else changes: on a text of
        /// letters that are all different, so that each is known again.
        #[test]
        fn an_edit_carried_over_does_to_each_letter_what_it_meant_to(
            theirs in edits(),
            ours in edits(),
        ) {
            let base: Vec<u32> = (0..40).collect();
            let mut now = base.clone();
            let mut between = Between::new();
            let mut fresh = 1_000u32;
            for (at, delete, insert) in theirs {
                let at = at % (now.len() as u32 + 1);
                let delete = delete.min(now.len() as u32 - at);
                let inserted: Vec<u32> = (0..insert).map(|more| fresh + more).collect();
                fresh += insert;
                splice(&mut now, at, delete, &inserted);
                between.changed(at, delete, insert);
            }
            let theirs = now.clone();
            let mut mine = base.clone();
            for (at, delete, insert) in ours {
                let at = at % (mine.len() as u32 + 1);
                let delete = delete.min(mine.len() as u32 - at);
                let inserted: Vec<u32> = (0..insert).map(|more| fresh + more).collect();
                fresh += insert;
                splice(&mut mine, at, delete, &inserted);
                for (at, delete, inserts) in between.own(at, delete, insert) {
                    prop_assert!((at + delete) as usize <= now.len(), "outside the text");
                    splice(&mut now, at, delete, if inserts { &inserted } else { &[] });
                }
            }
            // Each letter is there if neither deleted it.
            let is_there = |letter: &u32| {
                let known_to_them = base.contains(letter) || theirs.contains(letter);
                let known_to_me = base.contains(letter) || mine.contains(letter);
                (!known_to_them || theirs.contains(letter)) && (!known_to_me || mine.contains(letter))
            };
            let expected: std::collections::BTreeSet<u32> =
                theirs.iter().chain(&mine).copied().filter(is_there).collect();
            prop_assert_eq!(now.iter().copied().collect::<std::collections::BTreeSet<_>>(), expected);
            prop_assert!(now.len() <= theirs.len() + mine.len());
            // Letters stand in the order in which each side has them.
            for side in [&theirs, &mine] {
                let order: Vec<u32> = side.iter().copied().filter(|one| now.contains(one)).collect();
                let shown: Vec<u32> = now.iter().copied().filter(|one| side.contains(one)).collect();
                prop_assert_eq!(shown, order);
            }
        }
    }
}
