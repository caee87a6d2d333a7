//! Ids, times, values and what a change did, in few words.

use super::{
    desk::{Change, Did},
    record::is_empty,
};
use anabranch::core::{
    control::Role,
    document::State,
    hlc::Hlc,
    id::{EntityId, OriginId},
    value::Value,
};
use serde_json::{Value as Json, json};
use std::{collections::BTreeSet, fmt::Display};

/// The beginning of an id that is a hash.
pub fn short(id: &impl Display) -> String {
    id.to_string().chars().take(8).collect()
}

/// The end of an entity's id: it begins with its creator's.
pub fn end(entity: &EntityId) -> String {
    let id = entity.to_string();
    id.chars().skip(id.len().saturating_sub(8)).collect()
}

/// A stamp as a time of UTC.
pub fn when(hlc: Hlc) -> String {
    let millis = i64::try_from(hlc.millis()).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).map_or_else(
        |_| hlc.to_string(),
        |time| time.strftime("%Y-%m-%d %H:%M:%S").to_string(),
    )
}

/// Who wrote something, seen from this device.
pub fn who(origin: &OriginId, own: &OriginId) -> String {
    match origin == own {
        true => "this device".to_owned(),
        false => format!("device {}", short(origin)),
    }
}

/// What a device may do, with its article.
pub fn role(role: Role) -> &'static str {
    match role {
        Role::Reader => "a reader",
        Role::Member => "a member",
        Role::Owner => "an owner",
        Role::Server => "a server",
        Role::Gateway => "a gateway",
    }
}

/// So many of something.
pub fn count(number: usize, one: &str) -> String {
    match (number, one.strip_suffix('y')) {
        (1, _) => format!("1 {one}"),
        (_, Some(stem)) => format!("{number} {stem}ies"),
        (_, None) => format!("{number} {one}s"),
    }
}

/// At most so many characters, on one line.
pub fn cut(text: &str, most: usize) -> String {
    let line: String = text
        .chars()
        .map(|char| if char == '\n' { ' ' } else { char })
        .collect();
    match line.chars().count() > most {
        true => {
            line.chars()
                .take(most.saturating_sub(3))
                .collect::<String>()
                + "..."
        }
        false => line,
    }
}

/// Text in lines of at most so many characters, cut between words.
pub fn wrap(text: &str, most: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match lines.last_mut() {
            Some(line) if line.chars().count() + word.chars().count() < most => {
                line.push(' ');
                line.push_str(word);
            }
            _ => lines.push(word.to_owned()),
        }
    }
    lines
}

/// Whether a change counts, in a word.
pub fn state(state: &State) -> &'static str {
    match state {
        State::Effective => "effective",
        State::Held(_) => "held",
        State::Refused(_) => "refused",
        State::Excluded(_) => "excluded",
        State::Forked { .. } => "forked",
        State::Orphaned { .. } => "orphaned",
        State::Stuck => "stuck",
    }
}

/// What a change did.
pub fn did(did: &Did) -> String {
    match did {
        Did::Field { field, was, is } => match (was, is) {
            (Value::List(was), Value::List(is)) => {
                let (old, new): (BTreeSet<&Value>, BTreeSet<&Value>) =
                    (was.iter().collect(), is.iter().collect());
                let gone = old
                    .difference(&new)
                    .map(|one| format!("-{}", in_words(one)));
                let come = new
                    .difference(&old)
                    .map(|one| format!("+{}", in_words(one)));
                let both: Vec<String> = come.chain(gone).collect();
                format!("{field} {}", both.join(" "))
            }
            (_, Value::Null) => format!("{field} emptied"),
            (_, is) => format!("{field} = {}", in_words(is)),
        },
        Did::Life(life) => format!("entity {}", life.name()),
        Did::Body(wrote) => {
            let mut parts = Vec::new();
            if !wrote.text.is_empty() {
                parts.push(format!("+{:?}", cut(&wrote.text, 40)));
            }
            for (count, what) in [(wrote.blocks, "blocks"), (wrote.formats, "formats")] {
                if count > 0 {
                    parts.push(format!("{count} {what}"));
                }
            }
            if wrote.deleted > 0 {
                parts.push(format!("-{} units", wrote.deleted));
            }
            parts.join(", ")
        }
        Did::Entry(entry) => in_words(entry),
    }
}

/// The same for programs.
pub fn did_json(did: &Did) -> Json {
    match did {
        Did::Field { field, was, is } => {
            json!({ "field": field, "was": was.to_json(), "is": is.to_json() })
        }
        Did::Life(life) => json!({ "life": life.name() }),
        Did::Body(wrote) => json!({
            "text": wrote.text, "blocks": wrote.blocks, "formats": wrote.formats,
            "deleted": wrote.deleted,
        }),
        Did::Entry(entry) => json!({ "entry": entry.to_json() }),
    }
}

/// A change for programs.
pub fn change_json(change: &Change) -> Json {
    json!({
        "id": change.id.to_string(),
        "part": change.part,
        "time_ms": change.hlc.millis(),
        "stamp": change.hlc.0,
        "author": change.author.to_string(),
        "device": change.origin.to_string(),
        "number": change.seq,
        "state": state(&change.state),
        "after": change.after.iter().map(ToString::to_string).collect::<Vec<_>>(),
        "did": change.did.iter().map(did_json).collect::<Vec<_>>(),
    })
}

/// A value as a person would write it.
pub fn in_words(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Float(value) => value.as_f64().to_string(),
        Value::Text(text) => text.clone(),
        Value::Bytes(bytes) => format!("{} bytes", bytes.len()),
        Value::Time(ms) => jiff::Timestamp::from_millisecond(*ms)
            .map_or_else(|_| format!("{ms} ms"), |time| time.to_string()),
        Value::List(list) => list.iter().map(in_words).collect::<Vec<_>>().join(", "),
        Value::Map(map) => {
            let entries = map.iter().filter(|(_, value)| !is_empty(value));
            let entries = entries.map(|(name, value)| format!("{name}={}", in_words(value)));
            entries.collect::<Vec<_>>().join(" ")
        }
    }
}
