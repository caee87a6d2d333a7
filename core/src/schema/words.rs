//! The words of the language that stand for one of several settings, in one place for the reader
//! and the printer, and what people write in their stead.

use crate::schema::{Authority, BodyLayout, FanOut, HistoryPolicy, Index, OnDeleteEdit, Residency};

/// A setting that is said in one word.
pub(crate) trait Word: Copy + PartialEq + 'static {
    /// All words, in the order of [`Word::ALL`].
    const KNOWN: &'static [&'static str];
    /// All settings.
    const ALL: &'static [Self];

    /// The setting a word stands for.
    fn of(word: &str) -> Option<Self> {
        let at = Self::KNOWN.iter().position(|known| *known == word)?;
        Self::ALL.get(at).copied()
    }

    /// The word for a setting.
    fn word(self) -> &'static str {
        let at = Self::ALL.iter().position(|setting| *setting == self);
        at.and_then(|at| Self::KNOWN.get(at)).copied().unwrap_or("")
    }
}

macro_rules! words {
    ($($setting:ident { $($word:literal => $variant:ident),* })*) => {$(
        impl Word for $setting {
            const KNOWN: &'static [&'static str] = &[$($word),*];
            const ALL: &'static [Self] = &[$($setting::$variant),*];
        }
    )*};
}

words! {
    Authority { "member" => Member, "owner" => Owner, "creator" => Creator, "server" => Server }
    Residency { "synced" => Synced, "local" => Local, "server_only" => ServerOnly }
    OnDeleteEdit { "recover" => Recover, "delete_wins" => DeleteWins, "hlc" => Hlc }
    HistoryPolicy { "full" => Full, "horizon" => Horizon }
    Index { "full_text" => FullText, "none" => None }
    FanOut { "optimistic" => Optimistic, "confirmed" => Confirmed }
    BodyLayout { "text" => Text, "prosemirror" => ProseMirror }
}

/// The rules, as [`crate::schema::MergeRule::name`] gives them.
pub(crate) const RULES: &[&str] = &[
    "lww", "group", "keep", "once", "counter", "set", "list", "append", "text", "map", "open",
];

/// The types of values.
pub(crate) const TYPES: &[&str] = &[
    "bool", "int", "float", "text", "bytes", "time", "choice", "entity", "entry",
];

/// Words of other languages for what has another name here.
const ELSEWHERE: &[(&str, &str)] = &[
    ("string", "text"),
    ("str", "text"),
    ("varchar", "text"),
    ("integer", "int"),
    ("i64", "int"),
    ("number", "float"),
    ("double", "float"),
    ("boolean", "bool"),
    ("flag", "bool"),
    ("date", "time"),
    ("datetime", "time"),
    ("timestamp", "time"),
    ("enum", "choice"),
    ("blob", "bytes"),
    ("binary", "bytes"),
    ("reference", "entity"),
    ("ref", "entity"),
    ("uuid", "entity"),
    ("object", "entry"),
    ("struct", "entry"),
    ("register", "lww"),
    ("last_writer_wins", "lww"),
    ("atomic", "group"),
    ("multi_value", "keep"),
    ("write_once", "once"),
    ("immutable", "once"),
    ("add_wins", "set"),
    ("array", "list"),
    ("append_only", "append"),
    ("nested", "map"),
    ("dictionary", "open"),
    ("rich_text", "prosemirror"),
    ("xml", "prosemirror"),
];

/// The known word that `word` most likely stands for.
pub(crate) fn meant(word: &str, known: &'static [&'static str]) -> Option<&'static str> {
    let elsewhere = ELSEWHERE
        .iter()
        .find(|(other, ours)| *other == word && known.contains(ours))
        .map(|(_, ours)| *ours);
    elsewhere.or_else(|| super::nearest::nearest(word, known.iter().copied()))
}
