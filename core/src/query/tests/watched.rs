//! Watched lists, against asking again.

use super::model::{answer, entity, part, query, row, thing};
use crate::{
    id::EntityId,
    limits::WATCH_BEYOND_ROWS_MIN,
    projection::{Content, Projection},
    query::{Difference, Query, Watching},
    record::Life,
};
use proptest::{collection, option, prelude::*};
use std::collections::BTreeMap;

type Rows = BTreeMap<EntityId, Projection>;

fn encoded(rows: &Rows) -> Vec<Vec<u8>> {
    rows.values().map(Projection::encode).collect()
}

/// What the query finds now.
fn shown(query: &Query, rows: &Rows) -> Vec<Projection> {
    let all: Vec<Projection> = rows.values().cloned().collect();
    let mut found = answer(query, &all);
    found.truncate(query.limit.unwrap_or(usize::MAX));
    found
}

/// A change of some entities.
fn change(of: u8) -> impl Strategy<Value = Vec<(EntityId, Option<Projection>)>> {
    let one = (0..of).prop_flat_map(|number| {
        let entity = entity(number);
        option::weighted(0.7, row(entity)).prop_map(move |row| (entity, row))
    });
    collection::vec(one, 0..6)
}

fn take_in(rows: &mut Rows, change: &[(EntityId, Option<Projection>)]) {
    for (entity, row) in change {
        match row {
            Some(row) => rows.insert(*entity, row.clone()),
            None => rows.remove(entity),
        };
    }
}

proptest! {
    #[test]
    fn differences_make_of_the_old_list_what_the_query_finds_now(
        query in query(),
        limit in option::of(0usize..4),
        first in change(30),
        changes in collection::vec(change(30), 1..12),
    ) {
        let query = Query { limit, ..query };
        let mut rows = Rows::new();
        take_in(&mut rows, &first);
        let plan = query.check([&thing()]).unwrap();
        let (mut watching, mut list) = plan.watch(encoded(&rows)).unwrap();
        prop_assert_eq!(&list, &shown(&query, &rows));
        for change in changes {
            take_in(&mut rows, &change);
            let update = watching.update(&change);
            // So few entities are all held.
            prop_assert!(!update.rerun);
            // Nothing is told that does not touch the list.
            if update.differences.is_empty() {
                prop_assert_eq!(&list, &shown(&query, &rows));
            }
            update.differences.into_iter().for_each(|one| one.apply(&mut list));
            prop_assert_eq!(&list, &shown(&query, &rows));
        }
    }

}

proptest! {
    // Each case asks some fifty times over two hundred rows.
    #![proptest_config(ProptestConfig::with_cases(32))]

    #[test]
    fn a_short_list_over_many_rows_asks_for_them_again_and_is_right_then(
        limit in 1usize..4,
        changes in collection::vec(change(200), 40..60),
        falling: bool,
    ) {
        let query = Query::any().deleted().limit(limit);
        let query = if falling { query.order_by_falling("whole") } else { query.order_by("whole") };
        let mut rows: Rows = (0..200).map(|number| {
            let entity = entity(number);
            (entity, Projection::new(entity, "thing"))
        }).collect();
        let plan = query.check([&thing()]).unwrap();
        let (mut watching, mut list) = plan.watch(encoded(&rows)).unwrap();
        for change in changes {
            take_in(&mut rows, &change);
            settle(&mut watching, &mut list, &rows, &change);
            prop_assert_eq!(&list, &shown(&query, &rows));
        }
    }
}

/// Carries an update out; answers whether all rows were asked for.
fn settle(
    watching: &mut Watching,
    list: &mut Vec<Projection>,
    rows: &Rows,
    change: &[(EntityId, Option<Projection>)],
) -> bool {
    let update = watching.update(change);
    update
        .differences
        .into_iter()
        .for_each(|one| one.apply(list));
    if update.rerun {
        let differences = watching.again(encoded(rows)).unwrap();
        differences.into_iter().for_each(|one| one.apply(list));
    }
    update.rerun
}

#[test]
fn rows_that_move_up_are_at_hand_until_as_many_left_as_are_held_beyond() {
    let query = Query::kind("thing").limit(2);
    let mut rows: Rows = (0..250u8)
        .map(|number| (entity(number), Projection::new(entity(number), "thing")))
        .collect();
    let plan = query.check([&thing()]).unwrap();
    let (mut watching, mut list) = plan.watch(encoded(&rows)).unwrap();
    let mut asked = Vec::new();
    for gone in 0..200u8 {
        let change = [(entity(gone), None)];
        take_in(&mut rows, &change);
        if settle(&mut watching, &mut list, &rows, &change) {
            asked.push(usize::from(gone));
        }
        assert_eq!(list, shown(&query, &rows));
    }
    // Two shown and those beyond are held; when one that is shown is missing, all are asked for.
    let every = WATCH_BEYOND_ROWS_MIN + 1;
    assert_eq!(asked, [every - 1, 2 * every - 1, 3 * every - 1]);
}

#[test]
fn each_change_is_told_as_what_it_is() {
    let with = |number: u8, whole: i64| {
        let mut row = Projection::new(entity(number), "thing");
        let record = part(Content::Record {
            life: Life::Alive,
            fields: [("whole".to_owned(), whole.into())].into(),
            conflicts: [].into(),
        });
        row.parts.insert("record".into(), record);
        row
    };
    let plan = Query::kind("thing").order_by("whole").limit(2);
    let rows: Vec<_> = [with(1, 1), with(2, 2), with(3, 3)]
        .iter()
        .map(Projection::encode)
        .collect();
    let (mut watching, _) = plan.check([&thing()]).unwrap().watch(rows).unwrap();
    let mut told =
        |number: u8, row: Option<Projection>| watching.update(&[(entity(number), row)]).differences;
    let (at, row) = (0, with(1, 0));
    assert_eq!(
        told(1, Some(row.clone())),
        [Difference::Changed { at, row }]
    );
    // Equal to the second now, and before it by its entity: it stays.
    let (at, row) = (0, with(1, 2));
    assert_eq!(
        told(1, Some(row.clone())),
        [Difference::Changed { at, row }]
    );
    let (from, to, row) = (1, 0, with(2, 1));
    assert_eq!(
        told(2, Some(row.clone())),
        [Difference::Moved { from, to, row }]
    );
    assert_eq!(told(3, Some(with(3, 4))), []); // beyond the limit
    assert_eq!(
        told(2, None),
        [
            Difference::Removed {
                at: 0,
                entity: entity(2)
            },
            Difference::Inserted {
                at: 1,
                row: with(3, 4)
            },
        ]
    );
    assert_eq!(
        told(4, Some(with(4, 0))),
        [
            Difference::Inserted {
                at: 0,
                row: with(4, 0)
            },
            Difference::Removed {
                at: 2,
                entity: entity(3)
            },
        ]
    );
}
