//! The table of finished capabilities (`tests/ledger.toml`), and what is wrong with it.
//!
//! Each row names a capability, the test that proves it, how a user reaches it, and what makes the
//! test fail. A capability without a row stands in `pending`, so that a gap is always written down.

use serde::Deserialize;
use std::{collections::BTreeSet, fmt, path::Path};

use crate::repository;

/// The capabilities that must be accounted for so far: ranges of numbers, both ends included.
const REQUIRED: &[(&str, u32, u32)] = &[
    ("M", 9, 14),
    ("M", 21, 25),
    ("M", 26, 60),
    ("M", 61, 69),
    ("M", 72, 72),
    ("M", 78, 85),
    ("M", 106, 106),
    ("M", 117, 119),
    ("M", 122, 122),
    ("M", 133, 142),
    ("M", 158, 158),
    ("M", 162, 162),
    ("T", 1, 5),
    ("T", 14, 28),
    ("T", 30, 30),
    ("T", 35, 35),
    ("T", 40, 40),
    ("O", 1, 5),
    ("O", 7, 10),
    ("O", 20, 26),
    ("O", 34, 43),
    ("O", 57, 60),
    ("O", 73, 73),
    ("O", 75, 76),
    ("R", 1, 1),
    ("R", 11, 13),
    ("R", 18, 25),
    ("R", 52, 54),
    ("C", 1, 1),
    ("C", 6, 16),
    ("TRAP-", 1, 14),
];

/// The ids that must stand in the ledger, in its order.
pub fn required() -> impl Iterator<Item = String> {
    REQUIRED
        .iter()
        .flat_map(|(letter, first, last)| (*first..=*last).map(move |n| format!("{letter}{n}")))
}

/// The whole table.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ledger {
    /// Capabilities that are not finished.
    #[serde(default)]
    pub pending: Vec<String>,
    /// Capabilities that are.
    #[serde(default)]
    pub item: Vec<Item>,
}

/// A finished capability.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// Its id: `M24`, `TRAP-3`.
    pub id: String,
    /// The test that proves it: `core/src/hlc.rs::name`, or `core::name` for any file of a package.
    pub test: String,
    /// The command or API by which a user reaches it.
    pub reach: String,
    /// What makes the test fail.
    pub breaks: String,
}

/// What is wrong with a ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// A required id is neither finished nor pending.
    Missing(String),
    /// An id that nobody asked for.
    Unknown(String),
    /// An id that stands twice.
    Twice(String),
    /// `reach` or `breaks` of this id says nothing.
    Empty(String, &'static str),
    /// The test of this id has not the form `file.rs::name` or `package::name`.
    Form(String, String),
    /// There is no such test, or it is ignored.
    NoTest(String, String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Missing(id) => write!(f, "{id}: no row; add one, or write it under pending"),
            Fault::Unknown(id) => write!(f, "{id}: not an id of the ledger; mend or remove it"),
            Fault::Twice(id) => write!(f, "{id}: stands twice; keep one (a row ends a pending)"),
            Fault::Empty(id, field) => write!(f, "{id}: `{field}` is empty; say it"),
            Fault::Form(id, test) => {
                write!(
                    f,
                    "{id}: test `{test}`: write `path/file.rs::name` or `package::name`"
                )
            }
            Fault::NoTest(id, test) => {
                write!(f, "{id}: test `{test}` does not exist or is ignored")
            }
        }
    }
}

impl Ledger {
    /// Reads the table.
    pub fn parse(text: &str) -> Result<Ledger, toml::de::Error> {
        toml::from_str(text)
    }

    /// Everything that is wrong with it, given the repository at `root`.
    pub fn faults(&self, root: &Path) -> Vec<Fault> {
        let known: BTreeSet<String> = required().collect();
        let mut seen = BTreeSet::new();
        let mut faults = Vec::new();
        let ids = self.item.iter().map(|item| &item.id).chain(&self.pending);
        for id in ids {
            if !known.contains(id) {
                faults.push(Fault::Unknown(id.clone()));
            }
            if !seen.insert(id.clone()) {
                faults.push(Fault::Twice(id.clone()));
            }
        }
        faults.extend(
            required()
                .filter(|id| !seen.contains(id))
                .map(Fault::Missing),
        );
        for item in &self.item {
            faults.extend(item.faults(root));
        }
        faults
    }
}

impl Item {
    fn faults(&self, root: &Path) -> Vec<Fault> {
        let mut faults = Vec::new();
        for (field, text) in [("reach", &self.reach), ("breaks", &self.breaks)] {
            if text.trim().is_empty() {
                faults.push(Fault::Empty(self.id.clone(), field));
            }
        }
        match self.test.rsplit_once("::") {
            Some((place, name)) if !place.is_empty() && is_name(name) => {
                if !test_exists(&root.join(place), name) {
                    faults.push(Fault::NoTest(self.id.clone(), self.test.clone()));
                }
            }
            _ => faults.push(Fault::Form(self.id.clone(), self.test.clone())),
        }
        faults
    }
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// Whether a Rust file, or any below a folder, holds a test of that name.
fn test_exists(place: &Path, name: &str) -> bool {
    let files = if place.is_file() {
        vec![place.to_owned()]
    } else {
        repository::rust_files(place).unwrap_or_default()
    };
    files
        .iter()
        .filter_map(|file| std::fs::read_to_string(file).ok())
        .any(|source| has_test(&source, name))
}

/// Whether `fn name(` stands in a source right below `#[test]` and not below `#[ignore]`. In a
/// `proptest!` block tests are written the same way.
fn has_test(source: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let mut above: Vec<&str> = Vec::new();
    for line in source.lines().map(str::trim) {
        if line.starts_with(&head) {
            let is = |start: &str| above.iter().any(|line| line.starts_with(start));
            if is("#[test]") && !is("#[ignore") {
                return true;
            }
        }
        if line.starts_with("#[") || line.starts_with("///") {
            above.push(line);
        } else {
            above.clear();
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const HERE: &str = "tests/src/ledger.rs";

    fn item(id: &str, test: &str) -> Item {
        Item {
            id: id.into(),
            test: test.into(),
            reach: "cargo test".into(),
            breaks: "taking it out".into(),
        }
    }

    fn whole() -> Ledger {
        Ledger {
            pending: required().collect(),
            item: Vec::new(),
        }
    }

    fn check(change: impl FnOnce(&mut Ledger)) -> Vec<Fault> {
        let mut ledger = whole();
        change(&mut ledger);
        ledger.faults(&repository::root())
    }

    #[test]
    fn a_ledger_with_every_id_pending_has_no_fault() {
        assert_eq!(check(|_| ()), []);
        assert_eq!(required().count(), 178);
    }

    #[test]
    fn a_row_takes_its_id_out_of_pending() {
        let row = item("M22", &format!("{HERE}::a_row_takes_its_id_out_of_pending"));
        assert_eq!(
            check(|ledger| ledger.item.push(row.clone())),
            [Fault::Twice("M22".into())]
        );
        let faults = check(|ledger| {
            ledger.pending.retain(|id| id != "M22");
            ledger.item.push(row);
        });
        assert_eq!(faults, []);
    }

    #[test]
    fn a_missing_and_an_unknown_id_are_faults() {
        let faults = check(|ledger| {
            ledger.pending.retain(|id| id != "C7");
            ledger.pending.push("Z1".into());
        });
        assert_eq!(
            faults,
            [Fault::Unknown("Z1".into()), Fault::Missing("C7".into())]
        );
    }

    #[test]
    fn a_row_without_its_test_or_its_words_is_a_fault() {
        let faults = check(|ledger| {
            ledger.pending.retain(|id| id != "M22");
            let mut row = item("M22", "tests::no_test_has_this_name");
            row.breaks = " ".into();
            ledger.item.push(row);
        });
        let test = "tests::no_test_has_this_name".into();
        assert_eq!(
            faults,
            [
                Fault::Empty("M22".into(), "breaks"),
                Fault::NoTest("M22".into(), test)
            ]
        );
        let faults = check(|ledger| {
            ledger.pending.retain(|id| id != "M22");
            ledger.item.push(item("M22", "prose"));
        });
        assert_eq!(faults, [Fault::Form("M22".into(), "prose".into())]);
    }

    #[test]
    fn only_a_living_test_counts() {
        assert!(has_test("#[test]\n/// Why.\nfn one(\n", "one"));
        assert!(has_test(
            "proptest! {\n    #[test]\n    fn one(x in 0..1) {",
            "one"
        ));
        assert!(!has_test("fn one() {}", "one"));
        assert!(!has_test("#[test]\n// fn one() {}", "one"));
        assert!(!has_test("#[test]\n#[ignore]\nfn one() {}", "one"));
        assert!(!has_test("#[test]\nfn two() {}\nfn one() {}", "one"));
        assert!(!has_test("#[test]\nfn one_more() {}", "one"));
    }
}
