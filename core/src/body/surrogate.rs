//! Second halves of surrogate pairs (F12). Yjs counts UTF-16 units; an edit that parts the two
//! halves of a character makes both into U+FFFD, silently. So the clocks of second halves are
//! kept: 4 bytes per character outside the basic plane.

#![deny(clippy::arithmetic_side_effects)]

/// Clocks of second halves of one client, ascending.
#[derive(Clone, Debug, Default)]
pub(super) struct SecondHalves {
    clocks: Vec<u32>,
}

impl SecondHalves {
    /// Whether a unit is the second half of a character.
    #[inline]
    pub(super) fn holds(&self, clock: u32) -> bool {
        !self.clocks.is_empty() && self.clocks.binary_search(&clock).is_ok()
    }

    /// Adds clocks, which must ascend and lie above all that are there.
    pub(super) fn extend(&mut self, clocks: &[u32]) {
        self.clocks.extend_from_slice(clocks);
    }

    /// Adds those of a text that starts at `clock`; answers its length in UTF-16 units.
    #[inline]
    pub(super) fn read(&mut self, text: &str, clock: u32) -> u32 {
        if text.is_ascii() {
            return u32::try_from(text.len()).unwrap_or(u32::MAX);
        }
        let mut units = 0u32;
        for char in text.chars() {
            units = units.saturating_add(1);
            if char.len_utf16() == 2 {
                self.clocks.push(clock.saturating_add(units));
                units = units.saturating_add(1);
            }
        }
        units
    }

    /// Whether a text has the second half of a character at a unit.
    pub(super) fn cuts(text: &str, unit: u32) -> bool {
        let mut halves = SecondHalves::default();
        halves.read(text, 0);
        halves.holds(unit)
    }

    /// Forgets everything but the memory.
    pub(super) fn clear(&mut self) {
        self.clocks.clear();
    }

    /// All clocks.
    pub(super) fn as_slice(&self) -> &[u32] {
        &self.clocks
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_are_utf16_and_second_halves_are_known() {
        let mut halves = SecondHalves::default();
        assert_eq!(halves.read("aé😀b𝒳", 10), 7);
        assert_eq!(halves.as_slice(), [13, 16]);
        assert!(halves.holds(13) && !halves.holds(12));
        assert_eq!(halves.read("plain", 17), 5);
        assert_eq!(halves.as_slice().len(), 2);
    }
}
