//! `anabranch list`: entities of a kind, answered from projections.

use super::{at::At, desk::Desk, words::in_words};
use crate::{
    answer::{Answer, Failure},
    page::{Page, Tone},
};
use anabranch::core::{
    projection::Projection,
    query::{PageEnd, Query},
    record::Life,
    value::Value,
};
use clap::Args;
use serde_json::{Value as Json, json};

/// List entities: `anabranch list task status=open 'timeline.due<2027-01-01' --order -timeline.due`.
///
/// Conditions stand side by side: `field=value`, `!=`, `<`, `<=`, `>`, `>=`, `field~part` (a set's member, a
/// part of a text), `text:words`, `set:field`, `links:ID`, `is:conflicted`.
#[derive(Args)]
pub struct List {
    /// Of this kind; without it, of every kind.
    kind: Option<String>,
    /// Only those of which this holds.
    conditions: Vec<String>,
    /// Only those of which this holds, in whole sentences: `not status=done (a=1 or b=2)`.
    #[arg(long = "where", value_name = "SENTENCE")]
    sentences: Vec<String>,
    /// Ordered by this field, falling with a `-` before it. May be given again for what is equal.
    #[arg(long, value_name = "FIELD", allow_hyphen_values = true)]
    order: Vec<String>,
    /// At most so many.
    #[arg(long)]
    limit: Option<usize>,
    /// Go on behind the last page, whose `next` this is.
    #[arg(long, value_name = "NEXT")]
    after: Option<String>,
    /// Deleted ones too.
    #[arg(long)]
    deleted: bool,
    #[command(flatten)]
    at: At,
}

impl List {
    pub(super) fn run(self) -> Result<Answer, Failure> {
        let desk = self.at.open()?;
        if let Some(kind) = &self.kind {
            desk.schema(kind)?;
        }
        let found = desk.find(self.query(&desk)?)?;
        desk.close()?;
        let rows: Vec<[String; 3]> = found.rows.iter().map(row).collect();
        let mut page = match rows.is_empty() {
            true => Page::new().line(
                Tone::Faint,
                "nothing of this kind is here: see `anabranch new --help`",
            ),
            false => Page::new().table(&rows),
        };
        let next = found.next.as_ref().map(ToString::to_string);
        if let Some(next) = &next {
            page = page.line(
                Tone::Faint,
                format!(
                    "{} of {}; go on with --after {next}",
                    rows.len(),
                    found.total
                ),
            );
        }
        let all: Vec<Json> = found.rows.iter().map(as_json).collect();
        Ok(Answer {
            page,
            json: json!({ "entities": all, "total": found.total, "next": next }),
            holds: true,
        })
    }

    fn query(&self, desk: &Desk) -> Result<Query, Failure> {
        let mut query = self
            .kind
            .as_ref()
            .map_or_else(Query::any, |kind| Query::kind(kind));
        if self.deleted {
            query = query.deleted();
        }
        let conditions = self.conditions.iter().map(|one| quoted(one));
        let sentences = self.sentences.iter().map(|one| format!("({one})"));
        let words: Vec<String> = conditions.chain(sentences).collect();
        let mut query = desk.in_words(query, &words.join(" "))?;
        for field in &self.order {
            query = match field.strip_prefix('-') {
                Some(field) => query.order_by_falling(field),
                None => query.order_by(field),
            };
        }
        if let Some(limit) = self.limit {
            query = query.limit(limit);
        }
        if let Some(after) = &self.after {
            query = query.after(PageEnd::parse(after).ok_or_else(|| desk.no_page(after))?);
        }
        Ok(query)
    }
}

/// A condition whose value is put in quotes where it has blanks: the shell took those that stood there.
fn quoted(condition: &str) -> String {
    let operator = condition.find(|letter| "=<>~:".contains(letter));
    let split = operator.map(|at| {
        let rest = condition.get(at..).unwrap_or_default();
        let len = rest.find(|letter| !"=<>~:".contains(letter));
        condition.split_at(at.saturating_add(len.unwrap_or(rest.len())))
    });
    match split {
        Some((name, value)) if value.contains(char::is_whitespace) && !value.starts_with('"') => {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"");
            format!("{name}\"{value}\"")
        }
        _ => condition.to_owned(),
    }
}

fn row(one: &Projection) -> [String; 3] {
    let id = one.entity.to_string();
    [
        id[id.len() - 8..].to_owned(),
        one.kind.clone(),
        headline(one),
    ]
}

fn as_json(one: &Projection) -> Json {
    let fields = one.fields().iter();
    let fields = fields.map(|(name, value)| (name.clone(), value.to_json()));
    json!({
        "id": one.entity.to_string(),
        "kind": one.kind,
        "deleted": one.life() == Life::Deleted,
        "fields": fields.collect::<serde_json::Map<_, _>>(),
        "conflicts": one.conflicts().map(|(_, field)| field.join(".")).collect::<Vec<_>>(),
    })
}

/// What a person would know an entity by.
fn headline(one: &Projection) -> String {
    let named = ["title", "name", "subject", "summary", "label"];
    let field = named.iter().find_map(|name| one.field(&[name]));
    let any = || {
        one.fields()
            .values()
            .find(|value: &&Value| value.as_text().is_some())
    };
    field.or_else(any).map(in_words).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_value_with_blanks_is_put_in_quotes() {
        assert_eq!(
            quoted("title=Count the herons"),
            "title=\"Count the herons\""
        );
        assert_eq!(quoted("a<=b c"), "a<=\"b c\"");
        assert_eq!(quoted("status=open"), "status=open");
        assert_eq!(quoted("text:say \"hi\" \\"), "text:\"say \\\"hi\\\" \\\\\"");
        assert_eq!(quoted("text:\"the weir\""), "text:\"the weir\"");
    }
}
