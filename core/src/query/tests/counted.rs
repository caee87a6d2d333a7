//! Counters that are kept, against counting.

use super::model::{answer, compare, entity, query, row, thing, value_of};
use crate::{
    id::EntityId,
    projection::{Projection, ProjectionError},
    query::{Aggregate, Figures, Query},
    value::{Finite, Value},
};
use proptest::{collection, option, prelude::*, sample};
use std::collections::BTreeMap;

/// The figures by decoding and counting everything.
fn counted(query: &Query, by: Option<&str>, of: &str, rows: &[Projection]) -> Vec<Figures> {
    let found = answer(query, rows);
    let mut values: Vec<Option<Value>> = Vec::new();
    let groups_of = |row: &Projection| match by.and_then(|by| value_of(row, by)) {
        Some(Value::List(members)) if members.is_empty() => vec![None],
        Some(Value::List(members)) => members.into_iter().map(Some).collect(),
        one => vec![one],
    };
    for value in found.iter().flat_map(groups_of) {
        if !values.contains(&value) {
            values.push(value);
        }
    }
    values.sort_by(|one, other| match (one, other) {
        (Some(one), Some(other)) => compare(by.unwrap_or_default(), one, other),
        (one, other) => other.is_some().cmp(&one.is_some()),
    });
    let figures = values.into_iter().map(|value| {
        let rows: Vec<_> = found
            .iter()
            .filter(|row| groups_of(row).contains(&value))
            .collect();
        let mut had: Vec<Value> = rows.iter().filter_map(|row| value_of(row, of)).collect();
        had.sort_by(|one, other| compare(of, one, other));
        let whole = had.iter().filter_map(|one| match one {
            Value::Int(number) => Some(i128::from(*number)),
            _ => None,
        });
        let float = had.iter().filter_map(|one| match one {
            Value::Float(number) => Some(number.as_f64()),
            _ => None,
        });
        Figures {
            value,
            rows: rows.len() as u64,
            values: had.len() as u64,
            whole: whole.sum(),
            float: float.sum::<f64>() + 0.0, // halves add up exactly
            min: had.first().cloned(),
            max: had.last().cloned(),
        }
    });
    figures.collect()
}

proptest! {
    #[test]
    fn counters_kept_are_those_counted(
        query in query(),
        by in option::of(sample::select(
            vec!["level", "done", "labels", "name", "plan.due", "@updated", "@part.billing.cents"],
        )),
        of in sample::select(
            vec!["whole", "float", "level", "plan.due", "@part.billing.cents", "@body"],
        ),
        changes in collection::vec((0u8..12).prop_flat_map(|number| {
            let entity = entity(number);
            option::weighted(0.8, row(entity)).prop_map(move |row| (entity, row))
        }), 0..40),
    ) {
        let mut kept = query.aggregate(by, Some(of), [&thing()]).unwrap();
        let mut rows: BTreeMap<EntityId, Projection> = BTreeMap::new();
        for (entity, new) in changes {
            let old = match &new {
                Some(new) => rows.insert(entity, new.clone()),
                None => rows.remove(&entity),
            };
            let [old, new] = [old, new].map(|row| row.map(|row| row.encode()));
            kept.update(old.as_deref(), new.as_deref()).unwrap();
            let now: Vec<Projection> = rows.values().cloned().collect();
            prop_assert_eq!(kept.figures().collect::<Vec<_>>(), counted(&query, by, of, &now));
        }
    }
}

fn aggregate(by: Option<&str>) -> Aggregate {
    let query = Query::kind("thing");
    query.aggregate(by, Some("float"), [&thing()]).unwrap()
}

#[test]
fn a_row_that_is_none_counts_for_nothing() {
    let mut kept = aggregate(None);
    let row = Projection::new(entity(1), "thing").encode();
    kept.update(None, Some(&row)).unwrap();
    let before: Vec<Figures> = kept.figures().collect();
    let wrong = ProjectionError::Form { had: row.len() - 1 };
    assert_eq!(
        kept.update(Some(&row), Some(&row[..row.len() - 1])),
        Err(wrong)
    );
    assert_eq!(kept.figures().collect::<Vec<_>>(), before);
    kept.update(Some(&row), None).unwrap();
    assert_eq!(kept.figures().count(), 0);
}

#[test]
fn what_has_no_one_value_is_not_counted_by_nor_summed() {
    let query = Query::kind("thing");
    let code = |by, of| match query.aggregate(by, of, [&thing()]) {
        Ok(_) => "fine",
        Err(error) => error.code(),
    };
    assert_eq!(code(Some("labels"), None), "fine");
    assert_eq!(code(Some("plan"), None), "query-several");
    assert_eq!(code(None, Some("labels")), "query-several");
    assert_eq!(code(Some("levle"), None), "query-field-unknown");
}

#[test]
fn a_sum_of_floats_has_no_rest_after_they_left() {
    use crate::{projection::Content, record::Life};
    let with = |number: u8, float: f64| {
        let mut row = Projection::new(entity(number), "thing");
        let fields = [(
            "float".to_owned(),
            Value::Float(Finite::new(float).unwrap()),
        )]
        .into();
        let content = Content::Record {
            life: Life::Alive,
            fields,
            conflicts: [].into(),
        };
        row.parts
            .insert("record".into(), super::model::part(content));
        row.encode()
    };
    let mut kept = aggregate(None);
    let (small, large) = (with(1, 0.1), with(2, 1e300));
    kept.update(None, Some(&small)).unwrap();
    kept.update(None, Some(&large)).unwrap();
    kept.update(Some(&large), None).unwrap();
    assert_eq!(kept.figures().next().unwrap().float, 0.1);
}
