//! From text to schema: the whole text is read, and everything wrong with it is reported at once.

use crate::{
    limits,
    schema::{
        Authority, BodyLayout, BodyShape, FanOut, FieldMap, HistoryPolicy, Index, LogShape,
        OnDeleteEdit, Part, PartShape, Residency, Schema, SchemaError, SchemaErrors, SchemaFault,
        SchemaSpec, ValueType, codec, cut,
        read::{Reader, Spot},
        read_fields::Around,
        words::RULES,
    },
};
use std::collections::BTreeMap;
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

const TOP_KEYS: &[&str] = &[
    "kind",
    "version",
    "about",
    "route",
    "on_delete_edit",
    "history",
    "retention_days",
    "evict",
    "index",
    "fan_out",
    "record",
    "part",
    "body",
    "log",
    "lens",
];
const RECORD_KEYS: &[&str] = &["authority", "residency", "since", "fields"];
const BODY_KEYS: &[&str] = &["authority", "residency", "layout", "root"];
const LOG_KEYS: &[&str] = &["authority", "residency", "entry", "required"];

impl Schema {
    /// Reads a schema's text. The language stands in `core/docs/schema.md`.
    ///
    /// ```
    /// # use anabranch_core::schema::Schema;
    /// let task = Schema::parse(r#"
    ///     kind = "task"
    ///     version = 1
    ///     [record.fields]
    ///     title = "lww text"
    ///     tags = "set text"
    /// "#)?;
    /// assert_eq!(task.kind(), "task");
    /// # Ok::<(), anabranch_core::schema::SchemaErrors>(())
    /// ```
    ///
    /// # Errors
    /// Everything that is wrong with the text, by line and column.
    pub fn parse(text: &str) -> Result<Schema, SchemaErrors> {
        let one = |fault| {
            SchemaErrors::new(vec![SchemaError {
                line: 1,
                column: 1,
                path: String::new(),
                fault,
            }])
        };
        if text.len() > limits::SCHEMA_BYTES_MAX {
            return Err(one(SchemaFault::TooLarge {
                bytes: text.len(),
                bytes_max: limits::SCHEMA_BYTES_MAX,
            }));
        }
        let lines = Lines::of(text);
        let (document, syntax) = DeTable::parse_recoverable(text);
        let mut errors = Vec::new();
        let mut readable = true;
        for error in &syntax {
            let span = error.span().unwrap_or(0..0);
            // Only a key that stands twice leaves the rest of the text in its place.
            let (path, fault) = if error.message() == "duplicate key" {
                let key = text.get(span.clone()).unwrap_or_default();
                (cut(key), SchemaFault::Duplicate)
            } else {
                readable = false;
                let message = error.message().to_owned();
                (String::new(), SchemaFault::Syntax(message))
            };
            errors.push(lines.error(span.start, &path, fault));
        }
        if !readable {
            return Err(SchemaErrors::new(errors));
        }
        let mut reader = Reader::default();
        let spec = reader.schema(document.get_ref());
        for (path, fault) in super::check::check(&spec) {
            let at = reader.place(&path);
            reader.fault(at, &path, fault);
        }
        for (at, path, fault) in reader.faults {
            errors.push(lines.error(at, &path, fault));
        }
        if !errors.is_empty() {
            return Err(SchemaErrors::new(errors));
        }
        codec::seal(spec).map_err(one)
    }
}

impl Reader {
    fn schema(&mut self, root: &DeTable<'_>) -> SchemaSpec {
        let spot = Spot {
            path: String::new(),
            at: 0,
            table: root,
        };
        self.only(&spot, TOP_KEYS);
        let kind = self.text(&spot, "kind");
        if !spot.has("kind") {
            self.missing(&spot, "kind", "kind = \"task\"");
        }
        let version = self.count(&spot, "version", u32::MAX);
        if !spot.has("version") {
            self.missing(&spot, "version", "version = 1");
        }
        let parts = self.parts(&spot);
        let lens = self.lens(&spot, &parts);
        SchemaSpec {
            // A stand-in for what was reported above.
            kind: kind.unwrap_or_else(|| "unnamed".to_owned()),
            version: version.unwrap_or(u32::MAX),
            about: self.text(&spot, "about").unwrap_or_default(),
            parts,
            route: self.names(&spot, "route"),
            on_delete_edit: self
                .word(&spot, "on_delete_edit")
                .unwrap_or(OnDeleteEdit::Recover),
            history: self.word(&spot, "history").unwrap_or(HistoryPolicy::Full),
            retention_days: self.count(&spot, "retention_days", u32::MAX),
            evict: self.truth(&spot, "evict").unwrap_or(true),
            index: self.word(&spot, "index").unwrap_or(Index::FullText),
            fan_out: self.word(&spot, "fan_out").unwrap_or(FanOut::Optimistic),
            lens,
        }
    }

    fn parts(&mut self, root: &Spot<'_, '_>) -> BTreeMap<String, Part> {
        let mut parts = BTreeMap::new();
        let record = match self.table(root, "record") {
            Some(spot) => self.record(&spot),
            None => Part {
                shape: PartShape::Record(FieldMap::new()),
                authority: Authority::Member,
                residency: Residency::Synced,
            },
        };
        parts.insert("record".to_owned(), record);
        if let Some(spot) = self.table(root, "body") {
            parts.insert("body".to_owned(), self.body(&spot));
        }
        for group in ["part", "log"] {
            let Some(named) = self.table(root, group) else {
                continue;
            };
            for key in named.table.keys() {
                let name = key.get_ref().as_ref();
                let Some(spot) = self.table(&named, name) else {
                    continue;
                };
                self.places.insert(spot.path.clone(), key.span().start);
                let part = if group == "log" {
                    self.log(&spot)
                } else {
                    self.record(&spot)
                };
                parts.insert(spot.path, part);
            }
        }
        parts
    }

    fn record(&mut self, spot: &Spot<'_, '_>) -> Part {
        for (key, value) in spot.table.iter() {
            let name = key.get_ref().as_ref();
            let at = key.span().start;
            let path = spot.path_of(name);
            if RECORD_KEYS.contains(&name) {
                continue;
            }
            let fault = if like_field(value) {
                let table = spot.path.clone();
                SchemaFault::FieldOutsideFields { table }
            } else {
                SchemaFault::UnknownKey {
                    nearest: super::words::meant(name, RECORD_KEYS),
                    known: RECORD_KEYS,
                }
            };
            self.fault(at, &path, fault);
        }
        let since = self.count(spot, "since", u32::MAX).unwrap_or(1);
        let around = Around { since, depth: 1 };
        let fields = match self.table(spot, "fields") {
            Some(within) => self.fields(&within, around),
            None => FieldMap::new(),
        };
        self.part(spot, PartShape::Record(fields))
    }

    fn body(&mut self, spot: &Spot<'_, '_>) -> Part {
        self.only(spot, BODY_KEYS);
        let layout = self.word(spot, "layout");
        if !spot.has("layout") {
            self.missing(spot, "layout", "layout = \"prosemirror\" or \"text\"");
        }
        let root = self
            .text(spot, "root")
            .unwrap_or_else(|| "default".to_owned());
        let layout = layout.unwrap_or(BodyLayout::Text);
        self.part(spot, PartShape::Body(BodyShape { layout, root }))
    }

    fn log(&mut self, spot: &Spot<'_, '_>) -> Part {
        self.only(spot, LOG_KEYS);
        let entry = match self.table(spot, "entry") {
            Some(within) => self.members(&within, "log entry"),
            None => {
                if !spot.has("entry") {
                    self.missing(spot, "entry", "entry = { text = \"text\", at = \"time\" }");
                }
                // A stand-in, so that the log is not reported as empty as well.
                BTreeMap::from([("unread".to_owned(), ValueType::Bool)])
            }
        };
        let required = self.names(spot, "required");
        self.part(spot, PartShape::Log(LogShape { entry, required }))
    }

    fn part(&mut self, spot: &Spot<'_, '_>, shape: PartShape) -> Part {
        Part {
            shape,
            authority: self.word(spot, "authority").unwrap_or(Authority::Member),
            residency: self.word(spot, "residency").unwrap_or(Residency::Synced),
        }
    }
}

/// Whether a setting looks like a field that was put beside the settings.
fn like_field(value: &Spanned<DeValue<'_>>) -> bool {
    match value.get_ref() {
        DeValue::Table(table) => table.contains_key("rule"),
        DeValue::String(words) => words
            .split_whitespace()
            .next()
            .is_some_and(|first| RULES.contains(&first)),
        DeValue::Integer(_)
        | DeValue::Float(_)
        | DeValue::Boolean(_)
        | DeValue::Datetime(_)
        | DeValue::Array(_) => false,
    }
}

/// Where the lines of a text begin.
struct Lines<'t> {
    text: &'t str,
    starts: Vec<usize>,
}

impl<'t> Lines<'t> {
    fn of(text: &'t str) -> Self {
        let after_breaks = text.match_indices('\n').map(|(at, _)| at.saturating_add(1));
        Lines {
            text,
            starts: std::iter::once(0).chain(after_breaks).collect(),
        }
    }

    fn error(&self, at: usize, path: &str, fault: SchemaFault) -> SchemaError {
        let line = self.starts.partition_point(|start| *start <= at).max(1);
        let start = self
            .starts
            .get(line.saturating_sub(1))
            .copied()
            .unwrap_or(0);
        let before = self.text.get(start..at).unwrap_or_default();
        SchemaError {
            line: u32::try_from(line).unwrap_or(u32::MAX),
            column: u32::try_from(before.chars().count().saturating_add(1)).unwrap_or(u32::MAX),
            path: path.to_owned(),
            fault,
        }
    }
}
