//! Typed reading of a TOML table: each step notes where a thing stands, and what is wrong with it,
//! and goes on.

use crate::schema::{
    SchemaFault,
    check::out_of_range,
    words::{Word, meant},
};
use std::collections::{BTreeMap, BTreeSet};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// What was noted while reading a schema text.
#[derive(Default)]
pub(crate) struct Reader {
    /// Byte offset, path and fault.
    pub(crate) faults: Vec<(usize, String, SchemaFault)>,
    /// The byte offset of everything read, by path: the invariants name paths alone.
    pub(crate) places: BTreeMap<String, usize>,
    /// Fields that could not be read and are stood in for.
    pub(crate) broken: BTreeSet<String>,
}

/// A table and where it stands.
pub(crate) struct Spot<'a, 't> {
    pub(crate) path: String,
    pub(crate) at: usize,
    pub(crate) table: &'a DeTable<'t>,
}

impl Spot<'_, '_> {
    /// The path of a key in it.
    pub(crate) fn path_of(&self, key: &str) -> String {
        join(&self.path, key)
    }

    pub(crate) fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }
}

/// A path one step longer.
pub(crate) fn join(path: &str, key: &str) -> String {
    if path.is_empty() {
        key.to_owned()
    } else {
        format!("{path}.{key}")
    }
}

impl Reader {
    pub(crate) fn fault(&mut self, at: usize, path: &str, fault: SchemaFault) {
        self.faults.push((at, path.to_owned(), fault));
    }

    /// Where a path stands, or the nearest thing around it that was read.
    pub(crate) fn place(&self, path: &str) -> usize {
        let mut path = path;
        loop {
            if let Some(at) = self.places.get(path) {
                return *at;
            }
            match path.rsplit_once('.') {
                Some((around, _)) => path = around,
                None => return 0,
            }
        }
    }

    /// Reports every key that is none of `known`.
    pub(crate) fn only(&mut self, spot: &Spot<'_, '_>, known: &'static [&'static str]) {
        for key in spot.table.keys() {
            let word = key.get_ref().as_ref();
            if !known.contains(&word) {
                let nearest = meant(word, known);
                let fault = SchemaFault::UnknownKey { nearest, known };
                self.fault(key.span().start, &spot.path_of(word), fault);
            }
        }
    }

    /// A setting's value, its place noted.
    fn setting<'a, 't>(
        &mut self,
        spot: &Spot<'a, 't>,
        key: &str,
    ) -> Option<&'a Spanned<DeValue<'t>>> {
        let value = spot.table.get(key)?;
        self.places.insert(spot.path_of(key), value.span().start);
        Some(value)
    }

    /// Reports that `value` is of another type, and gives nothing.
    pub(crate) fn wrong<T>(
        &mut self,
        path: &str,
        value: &Spanned<DeValue<'_>>,
        wanted: &'static str,
    ) -> Option<T> {
        let found = found(value.get_ref());
        let fault = SchemaFault::WrongType { wanted, found };
        self.fault(value.span().start, path, fault);
        None
    }

    pub(crate) fn missing(
        &mut self,
        spot: &Spot<'_, '_>,
        key: &'static str,
        example: &'static str,
    ) {
        self.fault(spot.at, &spot.path, SchemaFault::Missing { key, example });
    }

    pub(crate) fn text(&mut self, spot: &Spot<'_, '_>, key: &str) -> Option<String> {
        let value = self.setting(spot, key)?;
        match value.get_ref().as_str() {
            Some(text) => Some(text.to_owned()),
            None => self.wrong(&spot.path_of(key), value, "a string in quotes"),
        }
    }

    pub(crate) fn truth(&mut self, spot: &Spot<'_, '_>, key: &str) -> Option<bool> {
        let value = self.setting(spot, key)?;
        match value.get_ref().as_bool() {
            Some(truth) => Some(truth),
            None => self.wrong(&spot.path_of(key), value, "true or false"),
        }
    }

    pub(crate) fn number(
        &mut self,
        spot: &Spot<'_, '_>,
        key: &str,
        min: i64,
        max: i64,
    ) -> Option<i64> {
        let value = self.setting(spot, key)?;
        let Some(number) = integer(value.get_ref()) else {
            return self.wrong(&spot.path_of(key), value, "a whole number");
        };
        if (min..=max).contains(&number) {
            return Some(number);
        }
        let fault = out_of_range(number, min, max);
        self.fault(value.span().start, &spot.path_of(key), fault);
        None
    }

    /// A number from 1 to `max`.
    pub(crate) fn count(&mut self, spot: &Spot<'_, '_>, key: &str, max: u32) -> Option<u32> {
        let number = self.number(spot, key, 1, i64::from(max))?;
        u32::try_from(number).ok()
    }

    pub(crate) fn word<W: Word>(&mut self, spot: &Spot<'_, '_>, key: &str) -> Option<W> {
        let word = self.text(spot, key)?;
        match W::of(&word) {
            Some(setting) => Some(setting),
            None => {
                self.unknown_word(spot, key, word, W::KNOWN);
                None
            }
        }
    }

    pub(crate) fn unknown_word(
        &mut self,
        spot: &Spot<'_, '_>,
        key: &str,
        word: String,
        known: &'static [&'static str],
    ) {
        let path = spot.path_of(key);
        let at = self.place(&path);
        let nearest = meant(&word, known);
        let fault = SchemaFault::UnknownWord {
            word,
            nearest,
            known,
        };
        self.fault(at, &path, fault);
    }

    /// A list of strings, as written.
    pub(crate) fn texts(&mut self, spot: &Spot<'_, '_>, key: &str) -> Option<Vec<String>> {
        let wanted = "a list of strings";
        let value = self.setting(spot, key)?;
        let Some(items) = value.get_ref().as_array() else {
            return self.wrong(&spot.path_of(key), value, wanted);
        };
        let mut texts = Vec::new();
        for item in items.iter() {
            match item.get_ref().as_str() {
                Some(text) => texts.push(text.to_owned()),
                None => return self.wrong(&spot.path_of(key), item, wanted),
            }
        }
        Some(texts)
    }

    /// A list of names whose order says nothing, sorted; repetition is a fault.
    pub(crate) fn names(&mut self, spot: &Spot<'_, '_>, key: &str) -> Vec<String> {
        let mut names = self.texts(spot, key).unwrap_or_default();
        let written = names.len();
        names.sort();
        names.dedup();
        if names.len() < written {
            let path = spot.path_of(key);
            let at = self.place(&path);
            self.fault(at, &path, SchemaFault::Duplicate);
        }
        names
    }

    /// A table within, its place noted.
    pub(crate) fn table<'a, 't>(&mut self, spot: &Spot<'a, 't>, key: &str) -> Option<Spot<'a, 't>> {
        let value = self.setting(spot, key)?;
        match value.get_ref().as_table() {
            Some(table) => Some(Spot {
                path: spot.path_of(key),
                at: value.span().start,
                table,
            }),
            None => self.wrong(&spot.path_of(key), value, "a table"),
        }
    }
}

/// A TOML integer, if it is one that fits.
pub(crate) fn integer(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}

fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a float",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}
