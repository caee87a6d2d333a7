//! `anabranch schema`: the catalogue, one schema, and whether a text is one.

use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::{
    core::{
        limits::SCHEMA_BYTES_MAX,
        schema::{self, SchemaErrors, catalogue::catalogue},
        sim::play,
    },
    storage::{Fault, bounded},
};
use clap::Subcommand;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// The commands about schemas.
#[derive(Subcommand)]
pub enum Schema {
    /// List the schemas that ship with Anabranch.
    List,
    /// Print a schema as the text that declares it: `anabranch schema show task > task.toml`.
    Show {
        /// A kind from the list, or a file.
        schema: String,
    },
    /// Print a fuzz target for a schema, as a source for `cargo fuzz`.
    Fuzz {
        /// The file, or a kind from the list.
        schema: String,
    },
    /// Check a schema file, and say what to mend where.
    Check {
        /// The file.
        file: PathBuf,
    },
}

impl Schema {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        match self {
            Schema::List => list(),
            Schema::Show { schema } => show(&schema),
            Schema::Fuzz { schema } => fuzz(&schema),
            Schema::Check { file } => check(&file),
        }
    }
}

fn list() -> Result<Answer, Failure> {
    let mut rows = Vec::new();
    let mut json = Vec::new();
    for entry in catalogue() {
        let schema = entry
            .parse()
            .map_err(|errors| mistakes(entry.kind, errors))?;
        let spec = schema.spec();
        let parts: Vec<&str> = spec.parts.keys().map(String::as_str).collect();
        rows.push([
            spec.kind.clone(),
            entry.domain.to_owned(),
            format!("v{}", spec.version),
            parts.join(", "),
            spec.about.clone(),
        ]);
        json.push(json!({
            "kind": spec.kind,
            "domain": entry.domain,
            "version": spec.version,
            "id": schema.id().to_string(),
            "parts": parts,
            "about": spec.about,
        }));
    }
    Ok(Answer {
        page: Page::new().table(&rows),
        json: json!({ "schemas": json }),
        holds: true,
    })
}

/// The text of a kind of the catalogue, or of a file.
fn text_of(name: &str) -> Result<String, Failure> {
    match catalogue().iter().find(|entry| entry.kind == name) {
        Some(entry) => Ok(entry.text.to_owned()),
        None => read(Path::new(name)).map_err(|error| unknown(name, error)),
    }
}

fn fuzz(name: &str) -> Result<Answer, Failure> {
    let schema = schema::Schema::parse(&text_of(name)?).map_err(|errors| mistakes(name, errors))?;
    let source = play::target(&schema);
    Ok(Answer {
        json: json!({ "kind": schema.kind(), "source": source }),
        page: Page::new().piece(Tone::Plain, source),
        holds: true,
    })
}

fn show(name: &str) -> Result<Answer, Failure> {
    let text = text_of(name)?;
    let schema = schema::Schema::parse(&text).map_err(|errors| mistakes(name, errors))?;
    let spec = serde_json::to_value(schema.spec())
        .map_err(|error| Failure::new(Fault::Corruption, error))?;
    let json = json!({ "id": schema.id().to_string(), "schema": spec, "text": text });
    Ok(Answer {
        page: Page::new().piece(Tone::Plain, text),
        json,
        holds: true,
    })
}

fn check(file: &Path) -> Result<Answer, Failure> {
    let text = read(file)?;
    let name = file.display().to_string();
    match schema::Schema::parse(&text) {
        Ok(schema) => {
            let (id, kind) = (schema.id().to_string(), schema.kind());
            let version = schema.version();
            let json = json!({
                "file": name, "ok": true, "kind": kind, "version": version, "id": id, "errors": [],
            });
            let page = Page::new()
                .piece(Tone::Good, "ok")
                .piece(Tone::Plain, format!("  {name}: {kind} version {version}  "))
                .line(Tone::Faint, id);
            Ok(Answer {
                page,
                json,
                holds: true,
            })
        }
        Err(errors) => Ok(Answer {
            page: errors_page(&name, &text, &errors),
            json: errors_json(&name, &errors),
            holds: false,
        }),
    }
}

/// Each mistake with its line, and a mark below the place.
fn errors_page(name: &str, text: &str, errors: &SchemaErrors) -> Page {
    let mut page = Page::new();
    for error in errors.iter() {
        page = page
            .piece(
                Tone::Strong,
                format!("{name}:{}:{}", error.line, error.column),
            )
            .piece(Tone::Plain, ": ")
            .line(Tone::Bad, error.fault.to_string());
        let line = usize::try_from(error.line).unwrap_or(usize::MAX);
        if let Some(line) = text.lines().nth(line.saturating_sub(1)) {
            let column = usize::try_from(error.column).unwrap_or(usize::MAX);
            let before = line.chars().take(column.saturating_sub(1));
            let space: String = before
                .map(|char| if char == '\t' { char } else { ' ' })
                .collect();
            page = page
                .line(Tone::Plain, format!("    {}", line.replace('\t', " ")))
                .line(Tone::Faint, format!("    {}^", space.replace('\t', " ")));
        }
    }
    if errors.unreported() > 0 {
        page = page.line(Tone::Faint, format!("and {} more", errors.unreported()));
    }
    page
}

fn errors_json(name: &str, errors: &SchemaErrors) -> Value {
    let errors_json: Vec<Value> = errors
        .iter()
        .map(|error| {
            json!({
                "line": error.line,
                "column": error.column,
                "path": error.path,
                "code": error.fault.code(),
                "message": error.fault.to_string(),
            })
        })
        .collect();
    json!({
        "file": name, "ok": false, "errors": errors_json, "unreported": errors.unreported(),
    })
}

pub(super) fn read(file: &Path) -> Result<String, Failure> {
    let bytes = bounded::read(file, SCHEMA_BYTES_MAX)?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let error = anyhow::anyhow!("{} is not UTF-8 text from byte {at} on", file.display());
        Failure::new(Fault::Caller, error)
    })
}

fn unknown(name: &str, error: Failure) -> Failure {
    let nearest = schema::nearest(name, catalogue().iter().map(|entry| entry.kind));
    let meant = nearest.map_or(String::new(), |kind| format!(", did you mean `{kind}`?"));
    let error = anyhow::anyhow!(
        "`{name}` is no kind of the catalogue{meant} (`anabranch schema list` shows all), \
         and as a file: {error}"
    );
    Failure::new(Fault::Caller, error)
}

pub(super) fn mistakes(name: &str, errors: SchemaErrors) -> Failure {
    let error = anyhow::anyhow!("{name}: this is no schema:\n{errors}");
    Failure::new(Fault::Caller, error)
}
