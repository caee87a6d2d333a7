//! What every store must do, as checks that anyone can run against their own. Each check names the
//! clause of the contract that it holds a store to. A suite that a broken store passes proves nothing,
//! so `tests/` runs this one against stores that break each clause on purpose.

use super::{Position, Store, StoreError};
use crate::sim::Rng;

/// Something that a journal is kept in, such as a file. A store that was dropped can be opened again.
pub trait Ground {
    /// The store on it.
    type Store: Store;

    /// Opens the journal as the last store left it; at first an empty one.
    ///
    /// # Errors
    /// Where it cannot be opened.
    fn open(&mut self) -> Result<Self::Store, StoreError>;
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
    Ok(checks.held)
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
        for from in [0, 1, expected.len() / 2, expected.len()] {
            let wanted = expected.get(from..).unwrap_or_default();
            let had = store.read(Position(from as u64), usize::MAX)?;
            self.hold(
                "rows are read as they were appended, in order",
                had == wanted,
            )?;
        }
        self.hold(
            "behind the end there is nothing",
            store.read(end.after(1), usize::MAX)?.is_empty(),
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
