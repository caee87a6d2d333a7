//! A text that can be addressed by code points and by UTF-16 units.

/// One replacement, in UTF-16 units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Splice {
    /// Where.
    pub at: u32,
    /// How much goes.
    pub delete: u32,
    /// What comes.
    pub insert: String,
}

/// One replacement, in Unicode code points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CharSplice {
    /// Where.
    pub at: u32,
    /// How much goes.
    pub delete: u32,
    /// What comes.
    pub insert: String,
}

/// A replacement that does not lie within the text, or cuts a character in two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{delete} at {at} do not lie on whole characters of a text of {len}")]
pub struct OutOfRange {
    /// Where.
    pub at: u32,
    /// How much should have gone.
    pub delete: u32,
    /// The length of the text, counted as they are.
    pub len: usize,
}

/// A copy of a text, to convert positions with. Typing costs what the distance from the last place
/// costs: it is a gap buffer, with the units on both sides counted.
#[derive(Clone, Debug, Default)]
pub struct Mirror {
    before: Gapside,
    /// The text after the gap, last character first.
    after: Gapside,
}

#[derive(Clone, Debug, Default)]
struct Gapside {
    chars: Vec<char>,
    units: usize,
}

impl Gapside {
    fn push(&mut self, char: char) {
        self.units += char.len_utf16();
        self.chars.push(char);
    }

    fn pop(&mut self) -> Option<char> {
        let char = self.chars.pop()?;
        self.units -= char.len_utf16();
        Some(char)
    }
}

impl Mirror {
    /// A mirror of a text.
    pub fn new(text: &str) -> Self {
        let mut mirror = Mirror::default();
        text.chars().for_each(|char| mirror.before.push(char));
        mirror
    }

    /// Makes a replacement given in code points, and gives it in UTF-16 units.
    pub fn edit(&mut self, splice: &CharSplice) -> Result<Splice, OutOfRange> {
        let len = self.before.chars.len() + self.after.chars.len();
        let (at, delete) = (splice.at as usize, splice.delete as usize);
        if at + delete > len {
            return Err(OutOfRange {
                at: splice.at,
                delete: splice.delete,
                len,
            });
        }
        self.seek(|mirror| mirror.before.chars.len(), at);
        let at = self.before.units;
        let had = self.after.units;
        for _ in 0..delete {
            self.after.pop();
        }
        let deleted = had - self.after.units;
        splice
            .insert
            .chars()
            .for_each(|char| self.before.push(char));
        Ok(Splice {
            // Twice the code points, which are u32, at most: a text of 4 GB fits no memory here.
            at: u32::try_from(at).unwrap_or(u32::MAX),
            delete: u32::try_from(deleted).unwrap_or(u32::MAX),
            insert: splice.insert.clone(),
        })
    }

    /// Makes a replacement given in UTF-16 units: what came from elsewhere.
    pub fn apply(&mut self, splice: &Splice) -> Result<(), OutOfRange> {
        let len = self.before.units + self.after.units;
        let (at, delete) = (splice.at as usize, splice.delete as usize);
        let error = OutOfRange {
            at: splice.at,
            delete: splice.delete,
            len,
        };
        if at + delete > len {
            return Err(error);
        }
        self.seek(|mirror| mirror.before.units, at + delete);
        if self.before.units != at + delete {
            return Err(error);
        }
        let mut taken = Vec::new();
        while self.before.units > at {
            taken.extend(self.before.pop());
        }
        if self.before.units < at {
            taken
                .into_iter()
                .rev()
                .for_each(|char| self.before.push(char));
            return Err(error);
        }
        splice
            .insert
            .chars()
            .for_each(|char| self.before.push(char));
        Ok(())
    }

    /// The whole text.
    pub fn text(&self) -> String {
        let after = self.after.chars.iter().rev();
        self.before.chars.iter().chain(after).collect()
    }

    /// Moves the gap until `place` of it is `wanted`, or the first place past it.
    fn seek(&mut self, place: impl Fn(&Mirror) -> usize, wanted: usize) {
        while place(self) > wanted {
            match self.before.pop() {
                Some(char) => self.after.push(char),
                None => return,
            }
        }
        while place(self) < wanted {
            match self.after.pop() {
                Some(char) => self.before.push(char),
                None => return,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn chars(at: u32, delete: u32, insert: &str) -> CharSplice {
        let insert = insert.to_owned();
        CharSplice { at, delete, insert }
    }

    fn units(at: u32, delete: u32, insert: &str) -> Splice {
        let insert = insert.to_owned();
        Splice { at, delete, insert }
    }

    #[test]
    fn positions_after_a_wide_character_count_one_more_unit() {
        let mut mirror = Mirror::new("a🦀b");
        assert_eq!(mirror.edit(&chars(2, 0, "x")), Ok(units(3, 0, "x")));
        assert_eq!(mirror.edit(&chars(1, 2, "é")), Ok(units(1, 3, "é")));
        assert_eq!(mirror.text(), "aéb");
    }

    #[test]
    fn a_replacement_beyond_the_text_changes_nothing() {
        let mut mirror = Mirror::new("a🦀b");
        for (at, delete) in [(4, 0), (3, 1), (0, 4), (u32::MAX, u32::MAX)] {
            let error = mirror.edit(&chars(at, delete, "x")).unwrap_err();
            assert_eq!(error.len, 3);
        }
        for (at, delete) in [(5, 0), (2, 0), (2, 1), (1, 1), (0, 2), (u32::MAX, 1)] {
            let error = mirror.apply(&units(at, delete, "x")).unwrap_err();
            assert_eq!(error.len, 4, "{at} {delete}");
            assert_eq!(mirror.text(), "a🦀b");
        }
    }

    proptest! {
        #[test]
        fn both_ways_of_counting_lead_to_the_text_that_a_string_gives(
            edits in prop::collection::vec((any::<u32>(), 0u32..5, "[a-cé🦀]{0,4}"), 0..60),
        ) {
            let mut plain: Vec<char> = Vec::new();
            let (mut here, mut there) = (Mirror::default(), Mirror::default());
            for (at, delete, insert) in edits {
                let at = at % (plain.len() as u32 + 1);
                let delete = delete.min(plain.len() as u32 - at);
                let range = at as usize..(at + delete) as usize;
                let text: String = plain[..range.start].iter().collect();
                plain.splice(range, insert.chars());
                let splice = here.edit(&chars(at, delete, &insert)).unwrap();
                prop_assert_eq!(splice.at as usize, text.encode_utf16().count());
                there.apply(&splice).unwrap();
            }
            let plain: String = plain.into_iter().collect();
            prop_assert_eq!(here.text(), plain.as_str());
            prop_assert_eq!(there.text(), plain.as_str());
        }
    }
}
