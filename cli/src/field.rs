//! `field=value` on a command line: the schema says what the words mean.

use anabranch_core::{
    log::Entry,
    record::{RecordOp, RecordView},
    schema::{LogShape, MergeRule, Schema, ValueType},
    value::{Finite, Scalar, Value},
};

/// Why words are no assignment of a field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FieldError {
    /// There is no `=`.
    #[error("`{words}` is no assignment: write field=value, and field= to delete the value")]
    Form {
        /// The words.
        words: String,
    },
    /// The kind has no such field.
    #[error("kind `{kind}` has no field `{field}`{}", hint(nearest))]
    Unknown {
        /// The kind.
        kind: String,
        /// The field.
        field: String,
        /// The one probably meant.
        nearest: Option<String>,
    },
    /// The field's rule takes no assignment of one value.
    #[error("`{field}` is a {rule}, which one value cannot be assigned to")]
    Rule {
        /// The field.
        field: String,
        /// Its rule.
        rule: &'static str,
    },
    /// The words are no value of the field's type.
    #[error("`{words}` is no value of `{field}`: it wants {wants}")]
    Value {
        /// The field.
        field: String,
        /// The words.
        words: String,
        /// What it wants.
        wants: &'static str,
    },
}

fn hint(nearest: &Option<String>) -> String {
    nearest
        .as_ref()
        .map_or_else(String::new, |name| format!(": did you mean `{name}`?"))
}

/// The operation that an assignment asks for, in a record that shows `view`. Steps into maps are written `outer.inner`.
///
/// # Errors
/// See [`FieldError`].
pub fn assignment(schema: &Schema, view: &RecordView, words: &str) -> Result<RecordOp, FieldError> {
    let form = || FieldError::Form {
        words: words.to_owned(),
    };
    let (name, text) = words.split_once('=').ok_or_else(form)?;
    let path: Vec<String> = name.split('.').map(str::to_owned).collect();
    let (rule, path) = found(schema, name, path)?;
    let value = |of: &ValueType| value(name, of, text);
    Ok(match rule {
        MergeRule::Lww(of) | MergeRule::Keep(of) | MergeRule::Once(of) | MergeRule::Open(of) => {
            let value = match text {
                "" => Value::Null,
                _ => value(of)?,
            };
            RecordOp::Put { field: path, value }
        }
        MergeRule::Set(of) => RecordOp::Add {
            field: path,
            value: value(of)?,
        },
        MergeRule::Append(of) => RecordOp::Append {
            field: path,
            value: value(of)?,
        },
        MergeRule::Counter => RecordOp::Increment {
            field: path,
            by: match value(&ValueType::Int {
                min: i64::MIN,
                max: i64::MAX,
            })? {
                Value::Int(by) => by,
                _ => 0,
            },
        },
        MergeRule::Text => RecordOp::Splice {
            delete: units(view, &path),
            field: path,
            at: 0,
            insert: text.to_owned(),
        },
        MergeRule::Group(_) | MergeRule::List(_) | MergeRule::Map(_) => {
            return Err(FieldError::Rule {
                field: name.to_owned(),
                rule: rule.name(),
            });
        }
    })
}

/// The entry of a log that some assignments make.
///
/// # Errors
/// See [`FieldError`].
pub fn entry(kind: &str, shape: &LogShape, words: &[String]) -> Result<Entry, FieldError> {
    let mut entry = Entry::new();
    for words in words {
        let form = || FieldError::Form {
            words: words.clone(),
        };
        let (field, text) = words.split_once('=').ok_or_else(form)?;
        let of = shape.entry.get(field).ok_or_else(|| FieldError::Unknown {
            kind: kind.to_owned(),
            field: field.to_owned(),
            nearest: None,
        })?;
        // Entries hold single values only, and no other has words.
        let scalar = Scalar::try_from(value(field, of, text)?);
        entry.insert(field.to_owned(), scalar.unwrap_or(Scalar::Null));
    }
    Ok(entry)
}

/// The value of a field of a type that words mean.
///
/// # Errors
/// See [`FieldError`].
pub fn value_of(field: &str, of: &ValueType, words: &str) -> Result<Value, FieldError> {
    value(field, of, words)
}

/// How long a text is, in UTF-16 units.
fn units(view: &RecordView, path: &[String]) -> u32 {
    let path: Vec<&str> = path.iter().map(String::as_str).collect();
    let text = view.get(&path).and_then(Value::as_text).unwrap_or_default();
    u32::try_from(text.encode_utf16().count()).unwrap_or(u32::MAX)
}

/// The rule of a field; of a key, that of the open map it stands in.
fn found<'s>(
    schema: &'s Schema,
    name: &str,
    path: Vec<String>,
) -> Result<(&'s MergeRule, Vec<String>), FieldError> {
    if let Some(field) = schema.field("record", &path) {
        return Ok((&field.rule, path));
    }
    let around = path.split_last().map(|(_, around)| around);
    let open = around.and_then(|around| schema.field("record", around));
    match open.map(|field| &field.rule) {
        Some(rule @ MergeRule::Open(_)) => Ok((rule, path)),
        _ => Err(FieldError::Unknown {
            kind: schema.kind().to_owned(),
            field: name.to_owned(),
            nearest: schema.nearest_field("record", &path),
        }),
    }
}

fn bytes(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    let whole = digits.len().is_multiple_of(2) && digits.iter().all(u8::is_ascii_hexdigit);
    let pairs = digits.chunks(2).map(|pair| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    });
    whole.then(|| pairs.collect()).flatten()
}

fn value(field: &str, of: &ValueType, text: &str) -> Result<Value, FieldError> {
    let wants = |wants| FieldError::Value {
        field: field.to_owned(),
        words: text.to_owned(),
        wants,
    };
    Ok(match of {
        ValueType::Bool => Value::Bool(text.parse().map_err(|_| wants("true or false"))?),
        ValueType::Int { .. } => Value::Int(text.parse().map_err(|_| wants("a whole number"))?),
        ValueType::Float => {
            let number = text.parse().ok().and_then(Finite::new);
            Value::Float(number.ok_or_else(|| wants("a number"))?)
        }
        ValueType::Text { .. } | ValueType::Choice(_) | ValueType::Entity => {
            Value::Text(text.to_owned())
        }
        ValueType::Time => {
            let time = text
                .parse()
                .map(|time: jiff::Timestamp| time.as_millisecond());
            Value::Time(time.map_err(|_| wants("a time such as 2026-11-21T18:00:00Z"))?)
        }
        ValueType::Bytes { .. } => {
            Value::Bytes(bytes(text).ok_or_else(|| wants("bytes, as pairs of hexadecimal digits"))?)
        }
        ValueType::Entry(_) => return Err(wants("an entry with fields of its own")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch_core::schema::catalogue;

    #[test]
    fn what_words_mean_is_what_the_schema_says() {
        let schema = Schema::parse(
            "kind = \"thing\"\nversion = 1\n[record.fields]\nname = \"lww text\"\nrank = \"lww int\"\n\
             votes = \"counter\"\nwords = \"set text\"\ndue = \"lww time\"\n",
        )
        .unwrap();
        let view = RecordView::default();
        let op = |words| assignment(&schema, &view, words);
        let field = |name: &str| vec![name.to_owned()];
        let put = |name, value| RecordOp::Put {
            field: field(name),
            value,
        };
        assert_eq!(op("name=a=b"), Ok(put("name", "a=b".into())));
        assert_eq!(op("name="), Ok(put("name", Value::Null)));
        assert_eq!(op("rank=-3"), Ok(put("rank", Value::Int(-3))));
        assert_eq!(
            op("due=1970-01-01T00:00:01Z"),
            Ok(put("due", Value::Time(1_000)))
        );
        assert_eq!(
            op("votes=2"),
            Ok(RecordOp::Increment {
                field: field("votes"),
                by: 2
            })
        );
        assert_eq!(
            op("words=river"),
            Ok(RecordOp::Add {
                field: field("words"),
                value: "river".into()
            })
        );
        for (words, said) in [
            ("name", "field=value"),
            ("nome=x", "did you mean `name`"),
            ("rank=high", "a whole number"),
            ("due=tomorrow", "a time such as"),
        ] {
            let error = op(words).unwrap_err().to_string();
            assert!(error.contains(said), "{error}");
        }
        // Every kind of the catalogue has a field that a command line can set.
        for entry in catalogue::catalogue() {
            let schema = entry.parse().unwrap();
            let fields = schema
                .part("record")
                .and_then(|part| part.fields())
                .unwrap();
            let text = fields.iter().find(|(_, field)| {
                matches!(
                    &field.rule,
                    MergeRule::Lww(ValueType::Text { .. })
                        | MergeRule::Once(ValueType::Text { .. })
                )
            });
            if let Some((name, _)) = text {
                assert!(
                    assignment(&schema, &view, &format!("{name}=x")).is_ok(),
                    "{}",
                    entry.kind
                );
            }
        }
    }
}
