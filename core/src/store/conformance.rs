//! What every store must do, as checks that anyone can run against their own. Each check names the
//! clause of the contract that it holds a store to. A suite that a broken store passes proves nothing,
//! so `tests/` runs this one against stores that break each clause on purpose.

use super::{Change, Entry, Position, Store, StoreError};
use crate::sim::Rng;
use std::collections::BTreeMap;

/// Something that a journal is kept in, such as a file. A store that was dropped can be opened again.
pub trait Ground {
    /// The store on it.
    type Store: Store;

    /// Opens the journal as the last store left it; at first an empty one.
    ///
    /// # Errors
    /// Where it cannot be opened.
    fn open(&mut self) -> Result<Self::Store, StoreError>;

    /// Damages what is derived, while no store is open. `false` where that is not possible, such as in
    /// memory; the clauses about damage are not checked then.
    fn damage_derived(&mut self) -> bool {
        false
    }
}

/// A clause that a store breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// It says one thing and does another.
    #[error("a store must keep this clause: {clause}")]
    Clause {
        /// The clause.
        clause: &'static str,
    },
    /// It failed on sound ground.
    #[error("the store failed where nothing was wrong: {0}")]
    Failed(#[from] StoreError),
}

/// Runs every check on an empty ground; answers how many clauses were held to.
///
/// # Errors
/// The first clause that the store breaks.
pub fn check(ground: &mut impl Ground) -> Result<usize, Broken> {
    let mut checks = Checks { held: 0 };
    let mut expected: Vec<Vec<u8>> = Vec::new();
    let mut store = ground.open()?;
    checks.hold("an empty journal ends at 0", store.end()? == Position(0))?;
    checks.hold(
        "an empty journal has no rows",
        store.read(Position(0), usize::MAX)?.is_empty(),
    )?;
    let mut rng = Rng::new(7);
    for round in 0..24usize {
        let rows = rows(&mut rng, round);
        let at = store.end()?;
        store.append(at, &rows)?;
        expected.extend(rows.iter().cloned());
        checks.hold(
            "after an append the journal ends behind its rows",
            store.end()? == at.after(rows.len()),
        )?;
        if round.is_multiple_of(2) {
            store.append(at, &rows)?;
            checks.hold(
                "the same append again is a success and changes nothing",
                store.end()? == at.after(rows.len()),
            )?;
        }
        checks.same(&store, &expected)?;
        if round.is_multiple_of(3) {
            drop(store);
            store = ground.open()?;
            checks.same(&store, &expected)?;
        }
    }
    let end = store.end()?;
    let moved = |wanted: Position| StoreError::Moved { end, wanted };
    for wanted in [Position(0), Position(3), end.after(1)] {
        checks.hold(
            "an append anywhere but at the end is refused",
            store.append(wanted, &[b"elsewhere".to_vec()]) == Err(moved(wanted)),
        )?;
        checks.hold(
            "an append of nothing anywhere but at the end is refused",
            store.append(wanted, &[]) == Err(moved(wanted)),
        )?;
    }
    checks.same(&store, &expected)?;
    checks.bounded(&store, &expected)?;
    drop(store);
    let store = ground.open()?;
    checks.same(&store, &expected)?;
    drop(store);
    checks.derives(ground, &expected)?;
    checks.outlives_damage(ground, &expected)?;
    Ok(checks.held)
}

/// What is derived, as a store is to show it.
type Expected = BTreeMap<Vec<u8>, Vec<u8>>;

/// Changes of entries with keys and values of all sizes: new, replaced, removed, never there.
fn changes(rng: &mut Rng, round: usize) -> Vec<Change> {
    let many = [0, 1, 7, 60].get(round % 4).copied().unwrap_or(0);
    (0..many)
        .map(|_| {
            let key = match rng.below(8) {
                0 => Vec::new(),
                1 => vec![u8::MAX; 3],
                named => format!("{}/{}", named % 3, rng.below(40)).into_bytes(),
            };
            let len = [0, 1, 90, 5_000].get(rng.below(4)).copied().unwrap_or(0);
            let seed: [u8; 8] = rng.bytes();
            let value = seed.iter().copied().cycle().take(len).collect();
            (key, (!rng.one_in(3)).then_some(value))
        })
        .collect()
}

/// Rows of all sizes: empty, of one byte, repeated, up to the largest change set.
fn rows(rng: &mut Rng, round: usize) -> Vec<Vec<u8>> {
    let many = match round % 4 {
        0 => 1,
        1 => 2,
        2 => 7,
        _ => 40,
    };
    (0..many)
        .map(|at| {
            let lens = [0, 1, 32, 200, 4_096, 70_000];
            let len = lens.get(rng.below(lens.len())).copied().unwrap_or(0);
            let seed: [u8; 8] = if at == 1 { [7; 8] } else { rng.bytes() };
            seed.iter().copied().cycle().take(len).collect()
        })
        .collect()
}

struct Checks {
    held: usize,
}

impl Checks {
    fn hold(&mut self, clause: &'static str, held: bool) -> Result<(), Broken> {
        self.held = self.held.saturating_add(usize::from(held));
        held.then_some(()).ok_or(Broken::Clause { clause })
    }

    /// Everything that was appended, read from the start and from within.
    fn same(&mut self, store: &impl Store, expected: &[Vec<u8>]) -> Result<(), Broken> {
        let end = Position(expected.len() as u64);
        self.hold("no row is lost or added", store.end()? == end)?;
        let at = |at: usize| Position(at as u64);
        for from in [0, 1, expected.len() / 2, expected.len()] {
            let wanted = expected.get(from..).unwrap_or_default();
            let had = store.read(at(from), usize::MAX)?;
            self.hold(
                "rows are read as they were appended, in order",
                had == wanted,
            )?;
        }
        self.hold(
            "behind the end there is nothing",
            store.read(end.after(1), usize::MAX)?.is_empty(),
        )?;
        let places: Vec<Position> = (0..expected.len()).rev().step_by(3).map(at).collect();
        let places = [places.as_slice(), places.get(..1).unwrap_or_default()].concat();
        let named = places
            .iter()
            .map_while(|at| expected.get(usize::try_from(at.0).ok()?));
        self.hold(
            "rows are given in the order in which they are named",
            store.rows(&places)?.iter().eq(named),
        )?;
        self.hold(
            "a row that is not there is an error",
            store.rows(&[end]).is_err(),
        )
    }

    /// Derived entries, put, replaced, removed, forgotten; and there again when the store is opened.
    fn derives(&mut self, ground: &mut impl Ground, rows: &[Vec<u8>]) -> Result<(), Broken> {
        let mut rng = Rng::new(8);
        let mut store = ground.open()?;
        let end = store.end()?;
        let mut expected = Expected::new();
        self.shows(&store, Position(0), &expected)?;
        for round in 0..24usize {
            let changes = changes(&mut rng, round);
            let upto = Position(rng.below(rows.len()) as u64);
            store.derive(upto, &changes)?;
            if round.is_multiple_of(2) {
                store.derive(upto, &changes)?;
            }
            for (key, value) in changes {
                match value {
                    Some(value) => expected.insert(key, value),
                    None => expected.remove(&key),
                };
            }
            self.shows(&store, upto, &expected)?;
            if round.is_multiple_of(3) {
                drop(store);
                store = ground.open()?;
                self.shows(&store, upto, &expected)?;
            }
            if round % 10 == 9 {
                store.forget_derived()?;
                store.forget_derived()?;
                expected.clear();
                self.shows(&store, Position(0), &expected)?;
            }
        }
        let upto = store.derived_upto()?;
        let wanted = end.after(1);
        self.hold(
            "nothing is derived from rows that are not there",
            store.derive(wanted, &[(Vec::new(), None)]) == Err(StoreError::Moved { end, wanted }),
        )?;
        self.shows(&store, upto, &expected)?;
        self.same(&store, rows)
    }

    /// Everything that is derived, at once, key by key and page by page.
    fn shows(
        &mut self,
        store: &impl Store,
        upto: Position,
        expected: &Expected,
    ) -> Result<(), Broken> {
        self.hold(
            "a store knows up to where it has derived",
            store.derived_upto()? == upto,
        )?;
        for (key, value) in expected {
            self.hold(
                "an entry is what was put",
                store.derived(key)?.as_ref() == Some(value),
            )?;
        }
        self.hold(
            "what was never put or was removed is not there",
            store.derived(b"0/40")?.is_none(),
        )?;
        let ranges: [(&[u8], &[u8]); 5] = [
            (b"", &[u8::MAX; 4]),
            (b"0/", b"1/"),
            (b"1/7", b"1/7"),
            (b"2/", b"0/"),
            (b"", b"1/2"),
        ];
        for (from, until) in ranges {
            let within = |key: &&Vec<u8>| from <= key.as_slice() && key.as_slice() < until;
            let wanted: Vec<Entry> = expected
                .iter()
                .filter(|(key, _)| within(key))
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect();
            for bytes_max in [0, 1, 700, usize::MAX] {
                let (mut had, mut next) = (Vec::new(), from.to_vec());
                loop {
                    let page = store.derived_range(&next, until, bytes_max)?;
                    let before_last = page.iter().rev().skip(1).map(|(k, v)| k.len() + v.len());
                    self.hold(
                        "a range gives no more entries once they hold what was asked for",
                        before_last.sum::<usize>() < bytes_max.max(1) || page.len() < 2,
                    )?;
                    let Some(last) = page.last() else { break };
                    next = [last.0.as_slice(), &[0]].concat();
                    had.extend(page);
                }
                self.hold("pages together are the range, in order", had == wanted)?;
            }
        }
        Ok(())
    }

    /// Damage to what is derived harms nothing else, and it can be made again.
    fn outlives_damage(
        &mut self,
        ground: &mut impl Ground,
        rows: &[Vec<u8>],
    ) -> Result<(), Broken> {
        let store = ground.open()?;
        let end = store.end()?;
        let put: Expected = (0..200u8).map(|at| (vec![at], vec![at; 100])).collect();
        let changes: Vec<Change> = put
            .iter()
            .map(|(key, value)| (key.clone(), Some(value.clone())))
            .collect();
        store.forget_derived()?;
        store.derive(end, &changes)?;
        drop(store);
        if !ground.damage_derived() {
            return Ok(());
        }
        let store = ground.open()?;
        self.same(&store, rows)?;
        for (key, value) in &put {
            let had = store.derived(key);
            self.hold(
                "a damaged entry is never handed out",
                had == Err(StoreError::Derived)
                    || had == Ok(Some(value.clone()))
                    || had == Ok(None),
            )?;
        }
        store.append(end, &[b"after the damage".to_vec()])?;
        store.forget_derived()?;
        store.derive(end, &changes)?;
        drop(store);
        let store = ground.open()?;
        self.shows(&store, end, &put)?;
        self.hold(
            "the journal goes on after damage to what is derived",
            store.rows(&[end])? == [b"after the damage".to_vec()],
        )
    }

    /// A reader with little room comes to the end all the same.
    fn bounded(&mut self, store: &impl Store, expected: &[Vec<u8>]) -> Result<(), Broken> {
        for bytes_max in [0, 1, 5_000] {
            let mut read: Vec<Vec<u8>> = Vec::new();
            while read.len() < expected.len() {
                let page = store.read(Position(read.len() as u64), bytes_max)?;
                self.hold(
                    "a read gives at least one row if there is one",
                    !page.is_empty(),
                )?;
                let before_last = page.iter().rev().skip(1).map(Vec::len);
                self.hold(
                    "a read gives no more rows once they hold what was asked for",
                    before_last.sum::<usize>() < bytes_max.max(1),
                )?;
                read.extend(page);
            }
            self.hold("pages together are the journal", read == expected)?;
        }
        Ok(())
    }
}
