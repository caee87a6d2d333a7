//! A schema as text again: `parse(print(s)) == s`, comments and the order of lines aside.

use crate::{
    limits,
    schema::{
        FanOut, Field, FieldMap, HistoryPolicy, Index, Lens, MergeRule, OnDeleteEdit, Part,
        PartShape, Schema, ValueType, words::Word,
    },
    value::Value,
};
use std::fmt::Write;

impl Schema {
    /// The text that declares this schema, in one canonical form. What would be assumed anyway is
    /// left out.
    pub fn to_toml(&self) -> String {
        let mut out = Printer::default();
        let spec = &self.spec;
        out.line("kind", &quoted(&spec.kind));
        out.line("version", &spec.version.to_string());
        if !spec.about.is_empty() {
            out.line("about", &quoted(&spec.about));
        }
        if !spec.route.is_empty() {
            out.line("route", &list(&spec.route));
        }
        out.word("on_delete_edit", spec.on_delete_edit, OnDeleteEdit::Recover);
        out.word("history", spec.history, HistoryPolicy::Full);
        if let Some(days) = spec.retention_days {
            out.line("retention_days", &days.to_string());
        }
        if !spec.evict {
            out.line("evict", "false");
        }
        out.word("index", spec.index, Index::FullText);
        out.word("fan_out", spec.fan_out, FanOut::Optimistic);
        // The record first: it is what a reader looks for.
        let record_first = |name: &&String| (name.as_str() != "record", (*name).clone());
        let mut names: Vec<&String> = spec.parts.keys().collect();
        names.sort_by_key(record_first);
        for name in names {
            if let Some(part) = spec.parts.get(name) {
                out.part(name, part);
            }
        }
        out.lens(&spec.lens);
        out.text
    }
}

#[derive(Default)]
struct Printer {
    text: String,
}

impl Printer {
    fn line(&mut self, key: &str, value: &str) {
        // Writing to a string cannot fail.
        let _ = writeln!(self.text, "{key} = {value}");
    }

    fn head(&mut self, table: &str) {
        let _ = writeln!(self.text, "\n[{table}]");
    }

    fn word<W: Word>(&mut self, key: &str, setting: W, assumed: W) {
        if setting != assumed {
            self.line(key, &quoted(setting.word()));
        }
    }

    fn part(&mut self, name: &str, part: &Part) {
        self.head(name);
        self.word(
            "authority",
            part.authority,
            crate::schema::Authority::Member,
        );
        self.word(
            "residency",
            part.residency,
            crate::schema::Residency::Synced,
        );
        match &part.shape {
            PartShape::Record(fields) => {
                if !fields.is_empty() {
                    self.head(&format!("{name}.fields"));
                    self.fields(&format!("{name}.fields"), fields);
                }
            }
            PartShape::Body(shape) => {
                self.line("layout", &quoted(shape.layout.word()));
                if shape.root != "default" {
                    self.line("root", &quoted(&shape.root));
                }
            }
            PartShape::Log(shape) => {
                if !shape.required.is_empty() {
                    self.line("required", &list(&shape.required));
                }
                self.head(&format!("{name}.entry"));
                for (key, of) in &shape.entry {
                    self.line(key, &member(of));
                }
            }
        }
    }

    /// One field a line; the maps of a record in tables of their own behind the others.
    fn fields(&mut self, path: &str, fields: &FieldMap) {
        for (key, declared) in fields {
            if !matches!(declared.rule, MergeRule::Map(_)) {
                self.line(key, &field(declared, 1));
            }
        }
        for (key, declared) in fields {
            if let MergeRule::Map(within) = &declared.rule {
                self.head(&format!("{path}.{key}"));
                self.line("rule", "\"map\"");
                for (key, value) in tail(declared, 1) {
                    self.line(key, &value);
                }
                self.head(&format!("{path}.{key}.fields"));
                for (key, nested) in within {
                    self.line(key, &field(nested, declared.since));
                }
            }
        }
    }

    fn lens(&mut self, lens: &[Lens]) {
        let mut renames = Vec::new();
        let mut defaults = Vec::new();
        for step in lens {
            match step {
                Lens::Rename { from, to } => renames.push((from, quoted(to))),
                Lens::Default { field, value } => defaults.push((field, literal(value))),
            }
        }
        for (table, lines) in [("lens.rename", renames), ("lens.default", defaults)] {
            if !lines.is_empty() {
                self.head(table);
            }
            for (key, value) in lines {
                // An old name may be one that this version would no longer allow.
                self.line(&quoted_key(key), &value);
            }
        }
    }
}

fn field(field: &Field, since_around: u32) -> String {
    let mut settings = vec![("rule", quoted(field.rule.name()))];
    match &field.rule {
        MergeRule::Lww(of)
        | MergeRule::Keep(of)
        | MergeRule::Once(of)
        | MergeRule::Set(of)
        | MergeRule::List(of)
        | MergeRule::Append(of)
        | MergeRule::Open(of) => settings.extend(value_type(of)),
        MergeRule::Group(members) => {
            let members = members.iter().map(|(key, of)| (key.as_str(), member(of)));
            settings.push(("fields", table(members)));
        }
        MergeRule::Map(fields) => {
            let since = field.since;
            let fields = fields
                .iter()
                .map(|(key, nested)| (key.as_str(), self::field(nested, since)));
            settings.push(("fields", table(fields)));
        }
        MergeRule::Counter | MergeRule::Text => {}
    }
    settings.extend(tail(field, since_around));
    match settings.as_slice() {
        [(_, rule)] => rule.clone(),
        [(_, rule), ("type", of)] => format!("\"{} {}\"", bare(rule), bare(of)),
        _ => table(settings),
    }
}

/// What stands behind the rule and its type.
fn tail(field: &Field, since_around: u32) -> Vec<(&'static str, String)> {
    let mut settings = Vec::new();
    if field.since != since_around {
        settings.push(("since", field.since.to_string()));
    }
    if !field.about.is_empty() {
        settings.push(("about", quoted(&field.about)));
    }
    settings
}

fn member(of: &ValueType) -> String {
    let settings = value_type(of);
    match settings.as_slice() {
        [("type", word)] => word.clone(),
        _ => table(settings),
    }
}

fn value_type(of: &ValueType) -> Vec<(&'static str, String)> {
    let word = |word: &str| ("type", quoted(word));
    match of {
        ValueType::Bool => vec![word("bool")],
        ValueType::Float => vec![word("float")],
        ValueType::Time => vec![word("time")],
        ValueType::Entity => vec![word("entity")],
        ValueType::Int { min, max } => {
            let mut settings = vec![word("int")];
            if *min != i64::MIN {
                settings.push(("min", min.to_string()));
            }
            if *max != i64::MAX {
                settings.push(("max", max.to_string()));
            }
            settings
        }
        ValueType::Text { units_max } => bounded("text", *units_max, limits::TEXT_UNITS_MAX),
        ValueType::Bytes { bytes_max } => bounded("bytes", *bytes_max, limits::SCALAR_BYTES_MAX),
        ValueType::Choice(words) => vec![word("choice"), ("choices", list(words))],
        ValueType::Entry(members) => {
            let members = members.iter().map(|(key, of)| (key.as_str(), member(of)));
            vec![word("entry"), ("entry", table(members))]
        }
    }
}

fn bounded(word: &str, max: u32, assumed: usize) -> Vec<(&'static str, String)> {
    let mut settings = vec![("type", quoted(word))];
    if u64::from(max) != assumed as u64 {
        settings.push(("max", max.to_string()));
    }
    settings
}

fn table<'k>(settings: impl IntoIterator<Item = (&'k str, String)>) -> String {
    let settings: Vec<String> = settings
        .into_iter()
        .map(|(key, value)| format!("{key} = {value}"))
        .collect();
    format!("{{ {} }}", settings.join(", "))
}

fn list(words: &[String]) -> String {
    let words: Vec<String> = words.iter().map(|word| quoted(word)).collect();
    format!("[{}]", words.join(", "))
}

/// A default. The invariants let only single values and groups of them stand here.
fn literal(value: &Value) -> String {
    match value {
        Value::Null | Value::List(_) => "\"\"".to_owned(),
        Value::Bool(truth) => truth.to_string(),
        Value::Int(number) | Value::Time(number) => number.to_string(),
        Value::Float(number) => format!("{:?}", number.as_f64()),
        Value::Text(text) => quoted(text),
        Value::Bytes(bytes) => {
            let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            quoted(&digits)
        }
        Value::Map(values) => table(values.iter().map(|(key, of)| (key.as_str(), literal(of)))),
    }
}

fn bare(quoted: &str) -> &str {
    quoted.trim_matches('"')
}

fn quoted_key(key: &str) -> String {
    if super::check_words::is_name(key) {
        key.to_owned()
    } else {
        quoted(key)
    }
}

/// A TOML basic string.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len().saturating_add(2));
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
