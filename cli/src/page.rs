//! A page of text for people, coloured only where it is asked for.

use std::fmt::Write;

/// What a piece of text is, and so how it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tone {
    /// Nothing special.
    Plain,
    /// What the eye should find first.
    Strong,
    /// What may be passed over.
    Faint,
    /// It is as it should be.
    Good,
    /// It is not.
    Bad,
}

impl Tone {
    /// The SGR code before such text (ECMA-48, 8.3.117).
    fn code(self) -> Option<&'static str> {
        match self {
            Tone::Plain => None,
            Tone::Strong => Some("1"),
            Tone::Faint => Some("2"),
            Tone::Good => Some("32"),
            Tone::Bad => Some("31"),
        }
    }
}

/// A page. Each method adds a line or more and gives the page on.
#[derive(Debug, Default)]
pub struct Page {
    /// The text, piece by piece.
    pieces: Vec<(Tone, String)>,
}

impl Page {
    /// An empty page.
    pub fn new() -> Self {
        Page::default()
    }

    /// Adds a line.
    pub fn line(self, tone: Tone, text: impl Into<String>) -> Self {
        self.piece(tone, text).piece(Tone::Plain, "\n")
    }

    /// Adds an empty line.
    pub fn gap(self) -> Self {
        self.piece(Tone::Plain, "\n")
    }

    /// Adds rows in columns, each as wide as its widest cell; the first column is strong.
    pub fn table<const N: usize>(mut self, rows: &[[String; N]]) -> Self {
        let mut widths = [0; N];
        for row in rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = cell.chars().count().max(*width);
            }
        }
        for row in rows {
            for (at, (cell, width)) in row.iter().zip(widths).enumerate() {
                let tone = if at == 0 { Tone::Strong } else { Tone::Plain };
                self = self.piece(tone, cell.clone());
                if at + 1 < N {
                    let spaces = width - cell.chars().count() + 2;
                    self = self.piece(Tone::Plain, " ".repeat(spaces));
                }
            }
            self = self.gap();
        }
        self
    }

    /// Adds another page.
    pub fn then(mut self, page: Page) -> Self {
        self.pieces.extend(page.pieces);
        self
    }

    /// Adds text within a line.
    pub fn piece(mut self, tone: Tone, text: impl Into<String>) -> Self {
        self.pieces.push((tone, text.into()));
        self
    }

    /// The page as text. Control characters that stand in what it shows are made visible: a name
    /// from elsewhere must not be able to steer a terminal.
    pub fn render(&self, coloured: bool) -> String {
        let mut out = String::new();
        for (tone, text) in &self.pieces {
            let code = tone.code().filter(|_| coloured && !text.trim().is_empty());
            if let Some(code) = code {
                let _infallible = write!(out, "\x1b[{code}m");
            }
            for char in text.chars() {
                match char {
                    '\n' => out.push(char),
                    _ if char.is_control() => out.extend(char.escape_default()),
                    _ => out.push(char),
                }
            }
            if code.is_some() {
                out.push_str("\x1b[0m");
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_colour_adds_no_visible_text() {
        let rows = [["a", "1"], ["bcé", "2"]].map(|row| row.map(str::to_owned));
        let page = Page::new().line(Tone::Bad, "title").gap().table(&rows);
        let plain = page.render(false);
        assert_eq!(plain, "title\n\na    1\nbcé  2\n");
        let coloured = page.render(true);
        assert!(coloured.starts_with("\x1b[31mtitle\x1b[0m\n"));
        let mut stripped = coloured;
        for code in ["\x1b[31m", "\x1b[1m", "\x1b[0m"] {
            stripped = stripped.replace(code, "");
        }
        assert_eq!(stripped, plain);
    }

    #[test]
    fn what_is_shown_cannot_steer_the_terminal() {
        let page = Page::new().line(Tone::Plain, "a\x1b[2Jb\rc");
        assert_eq!(page.render(true), "a\\u{1b}[2Jb\\rc\n");
    }
}
