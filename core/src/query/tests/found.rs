//! What a plan finds, against the plain meaning of its query.

use super::model::{answer, entity, part, query, row, rows, thing};
use crate::{
    projection::{Content, Projection, ProjectionError},
    query::{Query, QueryError, backlinks},
};
use proptest::{collection, prelude::*, sample::Index};

fn encoded(rows: &[Projection]) -> Vec<Vec<u8>> {
    rows.iter().map(Projection::encode).collect()
}

proptest! {
    #[test]
    fn a_plan_finds_what_its_query_means_in_its_order(query in query(), rows in rows()) {
        let plan = query.check([&thing()]).unwrap();
        let page = plan.run(encoded(&rows)).unwrap();
        let wanted = answer(&query, &rows);
        prop_assert_eq!(page.total, wanted.len() as u64);
        prop_assert_eq!(plan.count(encoded(&rows)), Ok(page.total));
        prop_assert_eq!(page.next.clone(), None);
        prop_assert_eq!(page.projections().unwrap(), wanted);
    }

    #[test]
    fn pages_follow_each_other_without_gap_or_repetition_whatever_comes_and_goes(
        query in query(),
        rows in rows(),
        limit in 1usize..5,
        gone in collection::vec(any::<Index>(), 8),
        come in collection::vec((60u8..200).prop_flat_map(|number| row(entity(number))), 8),
    ) {
        let schema = thing();
        let mut now = rows.clone();
        let mut seen: Vec<Projection> = Vec::new();
        let mut asked = query.clone().limit(limit);
        let mut turns = gone.into_iter().zip(come);
        loop {
            let page = asked.check([&schema]).unwrap().run(encoded(&now)).unwrap();
            let found = page.projections().unwrap();
            prop_assert_eq!(page.total, answer(&query, &now).len() as u64);
            prop_assert!(found.len() == limit || page.next.is_none());
            seen.extend(found);
            let Some(next) = page.next else { break };
            let next = crate::query::PageEnd::parse(&next.to_string()).unwrap();
            asked = query.clone().limit(limit).after(next);
            if let Some((gone, come)) = turns.next() && !now.is_empty() {
                now.swap_remove(gone.index(now.len()));
                now.retain(|row| row.entity != come.entity);
                now.push(come);
            }
        }
        // What was there all along is seen once, and everything is seen in order.
        let stayed = |row: &&Projection| now.contains(row);
        for row in answer(&query, &rows).iter().filter(stayed) {
            prop_assert_eq!(seen.iter().filter(|one| *one == row).count(), 1);
        }
        prop_assert_eq!(answer(&query, &seen).len(), seen.len());
        prop_assert_eq!(answer(&query, &seen), seen);
    }

    #[test]
    fn altered_rows_end_in_an_error_or_an_answer(
        query in query(),
        row in row(entity(1)),
        flips in collection::vec((any::<Index>(), any::<u8>()), 1..4),
        cut in any::<Index>(),
    ) {
        let plan = query.check([&thing()]).unwrap();
        let mut bytes = row.encode();
        for (at, value) in flips {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        plan.run([&bytes]).ok();
        bytes.truncate(cut.index(bytes.len()));
        plan.run([bytes]).ok();
    }

    #[test]
    fn hostile_rows_end_in_an_error_or_an_answer(
        query in query(),
        mut bytes in collection::vec(any::<u8>(), 0..200),
    ) {
        if let Some(first) = bytes.first_mut() {
            *first = 1;
        }
        query.check([&thing()]).unwrap().run([bytes]).ok();
    }
}

#[test]
fn a_row_that_is_cut_off_is_no_answer() {
    let plan = Query::kind("thing").check([&thing()]).unwrap();
    let bytes = Projection::new(entity(1), "thing").encode();
    for cut in 0..bytes.len() {
        let wrong = ProjectionError::Form { had: cut };
        assert_eq!(plan.run([&bytes[..cut]]), Err(wrong), "{cut}");
    }
    let other = [&[2][..], &bytes[1..]].concat();
    assert_eq!(plan.run([other]), Err(ProjectionError::Version { had: 2 }));
}

#[test]
fn a_nesting_without_end_is_an_error() {
    let plan = Query::any()
        .filter(crate::query::text("x"))
        .check([])
        .unwrap();
    let head = [&[1][..], &[0; 32], &[0, 1]].concat();
    let record = b"\x06record\x01\x00\x00\x00\x00\x00\x00\x00\x01\x01f";
    let deep = [&head[..], record, &b"\x07\x01".repeat(100_000), &[0, 0]].concat();
    let wrong = ProjectionError::Form { had: deep.len() };
    assert_eq!(plan.run([&deep]), Err(wrong));
}

#[test]
fn backlinks_are_found_in_every_kind() {
    let mut row = Projection::new(entity(1), "other");
    let mut talk = part(Content::Log { entries: 1 });
    let mut other = Projection::new(entity(2), "thing");
    other.parts.insert("log.talk".into(), talk.clone());
    talk.links.insert(entity(7));
    row.parts.insert("log.talk".into(), talk);
    let plan = Query::any().filter(backlinks(entity(7))).check([]).unwrap();
    let page = plan.run(encoded(&[row.clone(), other])).unwrap();
    assert_eq!(page.projections(), Ok(vec![row]));
}

#[test]
fn a_page_s_end_means_nothing_in_another_order() {
    let schema = thing();
    let rows = [1, 2].map(|number| Projection::new(entity(number), "thing").encode());
    let asked = |field| Query::kind("thing").order_by(field).limit(1);
    let page = asked("name").check([&schema]).unwrap().run(rows).unwrap();
    let next = page.next.unwrap();
    assert!(asked("name").after(next.clone()).check([&schema]).is_ok());
    let others = [
        asked("whole"),
        asked("name").then("whole"),
        Query::kind("thing").order_by_falling("name"),
    ];
    for other in others {
        let wrong = other.after(next.clone()).check([&schema]);
        assert_eq!(wrong, Err(QueryError::ForeignPageEnd));
    }
}

#[test]
fn no_rows_are_asked_for_but_counted() {
    let plan = Query::kind("thing").limit(0).check([&thing()]).unwrap();
    let page = plan
        .run([Projection::new(entity(1), "thing").encode()])
        .unwrap();
    assert_eq!((page.rows.len(), page.total, page.next), (0, 1, None));
}
