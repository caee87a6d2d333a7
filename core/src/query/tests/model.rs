//! A kind with a field of every sort, rows of it by chance, and what a query means, said plainly.

use crate::{
    hlc::Hlc,
    id::{EntityId, OriginId, UserId},
    projection::{Content, Part, Projection},
    query::{Filter, Query, Test, backlinks, conflicted, field, is, text},
    record::{Life, Written},
    schema::Schema,
    value::{Finite, Value},
};
use proptest::{collection, option, prelude::*, sample};
use std::{cmp::Ordering, collections::BTreeMap};

const THING: &str = r#"
    kind = "thing"
    version = 1
    [record.fields]
    whole = "lww int"
    float = "lww float"
    name = "lww text"
    level = { rule = "lww", choices = ["low", "mid", "high"] }
    labels = "set text"
    done = "lww bool"
    [record.fields.plan]
    rule = "map"
    [record.fields.plan.fields]
    due = "lww time"
    [part.billing.fields]
    cents = "counter"
    [body]
    layout = "text"
    [log.talk.entry]
    text = "text"
"#;

pub(crate) fn thing() -> Schema {
    Schema::parse(THING).unwrap()
}

pub(crate) fn entity(number: u8) -> EntityId {
    EntityId::new(UserId([number; 16]), "thing", [number; 12])
}

pub(crate) fn part(content: Content) -> Part {
    Part {
        schema_version: 1,
        changes: 1,
        first: None,
        last: None,
        links: [].into(),
        cut: false,
        content,
    }
}

fn words() -> impl Strategy<Value = String> {
    sample::select(vec!["", "weir", "Weir", "a weir", "ä", "mill\0", "mill"])
        .prop_map(str::to_owned)
}

fn floats() -> impl Strategy<Value = Value> {
    (-3i32..3).prop_map(|half| Value::Float(Finite::new(f64::from(half) / 2.0).unwrap()))
}

prop_compose! {
    fn fields()(
        whole in option::of(-2i64..2),
        float in option::of(floats()),
        name in option::of(words()),
        level in option::of(sample::select(vec!["low", "mid", "high", "new"])),
        labels in collection::btree_set(words(), 0..3),
        done in option::of(any::<bool>()),
        due in option::of(0i64..3),
    ) -> BTreeMap<String, Value> {
        let labels = Value::List(labels.into_iter().map(Value::from).collect());
        let due = due.map(|due| ("due".to_owned(), Value::Time(due)));
        let fields = [
            ("whole", whole.map(Value::from)),
            ("float", float),
            ("name", name.map(Value::from)),
            ("level", level.map(Value::from)),
            ("labels", Some(labels)),
            ("done", done.map(Value::from)),
            ("plan", Some(Value::Map(due.into_iter().collect()))),
        ];
        let set = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        set.collect()
    }
}

prop_compose! {
    /// A row of an entity.
    pub(crate) fn row(entity: EntityId)(
        fields in fields(),
        conflicted: bool,
        life in sample::select(vec![Life::Alive, Life::Recovered, Life::Deleted]),
        link in option::of(0u8..3),
        stamp in 0u64..3,
        body in option::of(words()),
        cents in option::of(0i64..3),
        kind in sample::select(vec!["thing", "thing", "thing", "other"]),
    ) -> Projection {
        let conflicts = if conflicted { [vec!["whole".to_owned()]].into() } else { [].into() };
        let written = Written {
            hlc: Hlc::new(stamp, 0),
            origin: OriginId([1; 32]),
            author: UserId([stamp as u8; 16]),
        };
        let mut record = part(Content::Record { life, fields, conflicts });
        record.links.extend(link.map(self::entity));
        record.last = Some(written);
        let mut projection = Projection::new(entity, kind);
        projection.parts.insert("record".into(), record);
        if let Some(text) = body {
            let body = Content::Body { text, addresses: [].into() };
            projection.parts.insert("body".into(), part(body));
        }
        if let Some(cents) = cents {
            let billing = Content::Record {
                life: Life::Alive,
                fields: [("cents".to_owned(), Value::Int(cents))].into(),
                conflicts: [].into(),
            };
            projection.parts.insert("part.billing".into(), part(billing));
        }
        projection
    }
}

/// Rows of different entities.
pub(crate) fn rows() -> impl Strategy<Value = Vec<Projection>> {
    collection::btree_set(0u8..60, 0..40).prop_flat_map(|numbers| {
        let rows: Vec<_> = numbers
            .into_iter()
            .map(|number| row(entity(number)))
            .collect();
        rows
    })
}

/// What can be compared, and values to compare it to.
fn compared() -> impl Strategy<Value = (&'static str, Value)> {
    let (whole, floats) = ((-2i64..2).prop_map(Value::from), floats());
    let numbers = || prop_oneof![(-2i64..2).prop_map(Value::from), self::floats()];
    let times = || (0i64..3).prop_map(Value::Time);
    prop_oneof![
        (Just("whole"), numbers()),
        (Just("float"), numbers()),
        (Just("whole"), whole),
        (Just("float"), floats),
        (Just("name"), words().prop_map(Value::from)),
        (
            Just("level"),
            sample::select(vec!["low", "mid", "high"]).prop_map(Value::from)
        ),
        (Just("done"), any::<bool>().prop_map(Value::from)),
        (Just("plan.due"), times()),
        (Just("@part.billing.cents"), numbers()),
        (Just("@updated"), times()),
        (Just("@body"), words().prop_map(Value::from)),
    ]
}

pub(crate) fn filter() -> impl Strategy<Value = Filter> {
    let tests = vec![
        Test::Eq,
        Test::Below,
        Test::AtMost,
        Test::Above,
        Test::AtLeast,
    ];
    let names = vec![
        "whole", "name", "labels", "plan", "plan.due", "@body", "@updated",
    ];
    let texts = vec!["name", "labels", "level", "@body"];
    let one = prop_oneof![
        4 => (compared(), sample::select(tests)).prop_map(|((field, value), test)| {
            Filter::Compare { field: field.into(), test, value }
        }),
        1 => sample::select(names).prop_map(|name| field(name).is_set()),
        1 => words().prop_map(|word| field("labels").contains(word)),
        1 => (sample::select(texts), words()).prop_map(|(name, part)| field(name).has_text(&part)),
        1 => words().prop_map(|part| text(&part)),
        1 => (0u8..3).prop_map(|number| backlinks(entity(number))),
        1 => Just(conflicted()),
        1 => sample::select(vec![Life::Alive, Life::Recovered, Life::Deleted]).prop_map(is),
    ];
    one.prop_recursive(3, 8, 3, |inner| {
        prop_oneof![
            collection::vec(inner.clone(), 0..3).prop_map(Filter::All),
            collection::vec(inner.clone(), 0..3).prop_map(Filter::Any),
            inner.prop_map(|one| !one),
        ]
    })
}

prop_compose! {
    /// A query with its filter and order, without a limit.
    pub(crate) fn query()(
        filter in option::of(filter()),
        order in collection::vec((compared(), any::<bool>()), 0..3),
        one_kind: bool,
        deleted: bool,
    ) -> Query {
        let mut query = if one_kind { Query::kind("thing") } else { Query::any() };
        query.filter = filter;
        for ((name, _), falling) in order {
            query = if falling { query.then_falling(name) } else { query.then(name) };
        }
        if deleted { query.deleted() } else { query }
    }
}

/// A field as a query names it.
pub(crate) fn value_of(row: &Projection, name: &str) -> Option<Value> {
    match name {
        "@updated" => row
            .updated()
            .map(|last| Value::Time(last.hlc.millis() as i64)),
        "@body" => match &row.parts.get("body")?.content {
            Content::Body { text, .. } => Some(Value::from(text.as_str())),
            _ => None,
        },
        "@part.billing.cents" => match &row.parts.get("part.billing")?.content {
            Content::Record { fields, .. } => fields.get("cents").cloned(),
            _ => None,
        },
        name => row.field(&name.split('.').collect::<Vec<_>>()).cloned(),
    }
}

pub(crate) fn compare(name: &str, one: &Value, other: &Value) -> Ordering {
    let number = |value: &Value| match value {
        Value::Int(number) => Some(*number as f64),
        Value::Float(number) => Some(number.as_f64()),
        _ => None,
    };
    if let (Some(one), Some(other)) = (number(one), number(other)) {
        return one.total_cmp(&other);
    }
    if name == "level" {
        let rank = |value: &Value| {
            let words = ["low", "mid", "high"].map(Value::from);
            words.iter().position(|word| word == value).unwrap_or(3)
        };
        return rank(one).cmp(&rank(other)).then_with(|| one.cmp(other));
    }
    one.cmp(other)
}

fn lower(text: &str) -> String {
    text.to_lowercase()
}

fn texts_in(value: &Value) -> Vec<&str> {
    match value {
        Value::Text(text) => vec![text],
        Value::List(items) => items.iter().flat_map(texts_in).collect(),
        Value::Map(items) => items.values().flat_map(texts_in).collect(),
        _ => Vec::new(),
    }
}

pub(crate) fn passes(row: &Projection, filter: &Filter) -> bool {
    match filter {
        Filter::Compare { field, test, value } => value_of(row, field).is_some_and(|had| {
            let order = compare(field, &had, value);
            match test {
                Test::Eq => order.is_eq(),
                Test::Below => order.is_lt(),
                Test::AtMost => order.is_le(),
                Test::Above => order.is_gt(),
                Test::AtLeast => order.is_ge(),
            }
        }),
        Filter::Set { field } => match value_of(row, field) {
            None => false,
            Some(Value::Text(text)) => !text.is_empty(),
            Some(Value::List(items)) => !items.is_empty(),
            Some(Value::Map(items)) => !items.is_empty(),
            Some(_) => true,
        },
        Filter::Contains { field, value } => match value_of(row, field) {
            Some(Value::List(items)) => items.contains(value),
            _ => false,
        },
        Filter::HasText { field, part } => {
            let has = |value: &Value| {
                let mut texts = texts_in(value).into_iter();
                texts.any(|text| lower(text).contains(&lower(part)))
            };
            match field {
                Some(field) => value_of(row, field).is_some_and(|value| has(&value)),
                None => {
                    value_of(row, "@body").is_some_and(|value| has(&value))
                        || row.fields().values().any(has)
                }
            }
        }
        Filter::Links(entity) => row.links().any(|link| link == *entity),
        Filter::Conflicted => row.conflicts().count() > 0,
        Filter::Is(life) => row.life() == *life,
        Filter::All(all) => all.iter().all(|one| passes(row, one)),
        Filter::Any(any) => any.iter().any(|one| passes(row, one)),
        Filter::Not(one) => !passes(row, one),
    }
}

/// The answer, without bounds, by decoding, looking at and sorting everything.
pub(crate) fn answer(query: &Query, rows: &[Projection]) -> Vec<Projection> {
    let mut found: Vec<Projection> = rows
        .iter()
        .filter(|row| query.kinds.is_empty() || query.kinds.contains(&row.kind))
        .filter(|row| query.deleted || row.life() != Life::Deleted)
        .filter(|row| {
            query
                .filter
                .as_ref()
                .is_none_or(|filter| passes(row, filter))
        })
        .cloned()
        .collect();
    found.sort_by(|one, other| {
        let by_fields = query.order.iter().map(|order| {
            let values = [one, other].map(|row| value_of(row, &order.field));
            match values {
                [Some(one), Some(other)] => {
                    let order_of = compare(&order.field, &one, &other);
                    if order.descending {
                        order_of.reverse()
                    } else {
                        order_of
                    }
                }
                // Without a value: last, either way round.
                [one, other] => other.is_some().cmp(&one.is_some()),
            }
        });
        let by_fields = by_fields.fold(Ordering::Equal, Ordering::then);
        by_fields.then_with(|| one.entity.cmp(&other.entity))
    });
    found
}
