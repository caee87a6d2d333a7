//! A query's filter as a person writes it.
//!
//! ```text
//! status=open due<2026-12-01 labels~river text:"weir"
//! not status=done (priority=urgent or set:due)
//! ```
//!
//! Conditions side by side must all hold; `or`, `not` and brackets do what they say, and `and` may be
//! written. A condition is `FIELD OPERATOR VALUE` without blanks, the operator one of `=`, `!=`, `<`,
//! `<=`, `>`, `>=` and `~`: a set or list contains the value, or a text contains it as a part. Or it
//! is `text:PART` (any text), `set:FIELD`, `links:ENTITY`, `is:conflicted`, `is:deleted`,
//! `is:recovered` or `is:alive`. A value with blanks or brackets stands in quotes, within which `\"`
//! and `\\` stand for themselves.
#![deny(clippy::arithmetic_side_effects)]

use super::{
    Filter, Query, Test, WordsError, WordsFault, backlinks,
    columns::{Holds, Scope},
    conflicted, field, is, literal, text,
};
use crate::{
    id::EntityId,
    limits::DEPTH_MAX,
    record::Life,
    schema::{Schema, nearest},
};

impl Query {
    /// Also filtered by words, whose values are read as the fields' types say. Words that ask for
    /// deleted entities show them. No words filter nothing.
    ///
    /// # Errors
    /// What is wrong with the words, and where.
    pub fn words<'s>(
        self,
        words: &str,
        schemas: impl IntoIterator<Item = &'s Schema>,
    ) -> Result<Query, WordsError> {
        let scope = Scope::of(&self.kinds, schemas);
        let scope = scope.map_err(|error| WordsError {
            at: 0,
            fault: error.into(),
        })?;
        let mut reader = Reader {
            words,
            at: 0,
            scope: &scope,
            deleted: false,
        };
        reader.blanks();
        if reader.rest().is_empty() {
            return Ok(self);
        }
        let filter = reader.any(0)?;
        if !reader.rest().is_empty() {
            return Err(reader.wrong(WordsFault::Bracket));
        }
        let query = match reader.deleted {
            true => self.deleted(),
            false => self,
        };
        Ok(query.filter(filter))
    }
}

struct Reader<'w> {
    words: &'w str,
    at: usize,
    scope: &'w Scope<'w>,
    /// Whether deleted entities are asked for.
    deleted: bool,
}

const OPERATORS: [(&str, Operator); 7] = [
    // Longer ones first.
    ("!=", Operator::Ne),
    ("<=", Operator::Test(Test::AtMost)),
    (">=", Operator::Test(Test::AtLeast)),
    ("=", Operator::Test(Test::Eq)),
    ("<", Operator::Test(Test::Below)),
    (">", Operator::Test(Test::Above)),
    ("~", Operator::Contains),
];

#[derive(Clone, Copy)]
enum Operator {
    Test(Test),
    Ne,
    Contains,
}

impl<'w> Reader<'w> {
    fn rest(&self) -> &'w str {
        self.words.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self, fault: impl Into<WordsFault>) -> WordsError {
        wrong(self.at, fault)
    }

    fn skip(&mut self, bytes: usize) {
        self.at = self.at.saturating_add(bytes);
    }

    fn blanks(&mut self) {
        let blanks = self
            .rest()
            .len()
            .saturating_sub(self.rest().trim_start().len());
        self.skip(blanks);
    }

    /// What stands here up to a blank, bracket or operator.
    fn name(&mut self) -> &'w str {
        let ends = |letter: char| letter.is_whitespace() || "()=!<>~:\"".contains(letter);
        let rest = self.rest();
        let len = rest.find(ends).unwrap_or(rest.len());
        self.skip(len);
        rest.get(..len).unwrap_or_default()
    }

    /// Takes a word that stands alone.
    fn word(&mut self, word: &str) -> bool {
        let Some(behind) = self.rest().strip_prefix(word) else {
            return false;
        };
        let ends = |letter: char| letter.is_whitespace() || "()".contains(letter);
        let stands_alone = behind.chars().next().is_none_or(ends);
        if stands_alone {
            self.skip(word.len());
            self.blanks();
        }
        stands_alone
    }

    fn any(&mut self, depth: usize) -> Result<Filter, WordsError> {
        let mut any = self.all(depth)?;
        while self.word("or") {
            any = any | self.all(depth)?;
        }
        Ok(any)
    }

    fn all(&mut self, depth: usize) -> Result<Filter, WordsError> {
        let mut all = self.one(depth)?;
        loop {
            let more = self.word("and");
            let ahead = self.at;
            let is_end = self.rest().is_empty() || self.rest().starts_with(')') || self.word("or");
            self.at = ahead;
            if is_end && !more {
                return Ok(all);
            }
            all = all & self.one(depth)?;
        }
    }

    fn one(&mut self, depth: usize) -> Result<Filter, WordsError> {
        let deeper = depth.saturating_add(1);
        if deeper > DEPTH_MAX {
            return Err(self.wrong(WordsFault::TooDeep));
        }
        if self.word("not") {
            return Ok(!self.one(deeper)?);
        }
        let start = self.at;
        if self.rest().starts_with('(') {
            self.skip(1);
            self.blanks();
            let within = self.any(deeper)?;
            if !self.rest().starts_with(')') {
                return Err(wrong(start, WordsFault::Bracket));
            }
            self.skip(1);
            self.blanks();
            return Ok(within);
        }
        let condition = self.condition()?;
        self.blanks();
        Ok(condition)
    }

    fn condition(&mut self) -> Result<Filter, WordsError> {
        let start = self.at;
        let name = self.name();
        if name.is_empty() {
            return Err(self.wrong(WordsFault::NoCondition));
        }
        if self.rest().starts_with(':') {
            self.skip(1);
            return self.about(name, start);
        }
        let rest = self.rest();
        let operator = OPERATORS.iter().find(|(sign, _)| rest.starts_with(sign));
        let column = self.scope.column(name).map_err(|error| wrong(start, error));
        let Some((sign, operator)) = operator else {
            // A misspelt field without operator is most likely a word of something else.
            return Err(self.wrong(WordsFault::NoOperator));
        };
        let (_, holds) = column?;
        self.skip(sign.len());
        let at = self.at;
        let value = self.value()?;
        let typed = |of| literal::from_word(name, of, &value).map_err(|error| wrong(at, error));
        let one = || holds.one(name).map_err(|error| wrong(start, error));
        let compare = |test| {
            Ok(Filter::Compare {
                field: name.to_owned(),
                test,
                value: typed(one()?)?,
            })
        };
        match (operator, &holds) {
            (Operator::Test(test), _) => compare(*test),
            (Operator::Ne, _) => compare(Test::Eq).map(|filter| !filter),
            (Operator::Contains, Holds::Many(of)) => Ok(field(name).contains(typed(of)?)),
            (Operator::Contains, Holds::One(_) | Holds::Nested) => {
                super::plan::text_column(self.scope, name).map_err(|error| wrong(start, error))?;
                Ok(field(name).has_text(&value))
            }
        }
    }

    /// What stands behind `text:`, `set:`, `links:` or `is:`.
    fn about(&mut self, name: &str, start: usize) -> Result<Filter, WordsError> {
        let at = self.at;
        match name {
            "text" => Ok(text(&self.value()?)),
            "links" => {
                let id = EntityId::parse(&self.value()?);
                Ok(backlinks(id.ok_or(wrong(at, WordsFault::NotAnEntity))?))
            }
            "set" => {
                let name = self.value()?;
                self.scope.column(&name).map_err(|error| wrong(at, error))?;
                Ok(field(&name).is_set())
            }
            "is" => {
                let word = self.value()?;
                let life = match word.as_str() {
                    "conflicted" => return Ok(conflicted()),
                    "alive" => Life::Alive,
                    "recovered" => Life::Recovered,
                    "deleted" => Life::Deleted,
                    _ => {
                        let known = ["alive", "recovered", "deleted", "conflicted"];
                        let nearest = known
                            .into_iter()
                            .find(|one| nearest(&word, [*one]).is_some());
                        return Err(wrong(at, WordsFault::UnknownState { word, nearest }));
                    }
                };
                self.deleted |= life == Life::Deleted;
                Ok(is(life))
            }
            _ => Err(wrong(
                start.saturating_add(name.len()),
                WordsFault::NoOperator,
            )),
        }
    }

    /// A value, in quotes or up to a blank or closing bracket.
    fn value(&mut self) -> Result<String, WordsError> {
        if self.rest().starts_with('"') {
            return self.quoted();
        }
        let rest = self.rest();
        let ends = |letter: char| letter.is_whitespace() || letter == ')';
        let len = rest.find(ends).unwrap_or(rest.len());
        if len == 0 {
            return Err(self.wrong(WordsFault::NoValue));
        }
        self.skip(len);
        Ok(rest.get(..len).unwrap_or_default().to_owned())
    }

    fn quoted(&mut self) -> Result<String, WordsError> {
        let start = self.at;
        self.skip(1);
        let mut value = String::new();
        let mut letters = self.rest().char_indices();
        while let Some((at, letter)) = letters.next() {
            let letter = match letter {
                '"' => {
                    self.skip(at.saturating_add(1));
                    let next = self.rest().chars().next();
                    return match next {
                        Some(next) if !next.is_whitespace() && next != ')' => {
                            Err(self.wrong(WordsFault::BehindQuotes))
                        }
                        Some(_) | None => Ok(value),
                    };
                }
                '\\' => match letters.next() {
                    Some((_, escaped)) => escaped,
                    None => break,
                },
                plain => plain,
            };
            value.push(letter);
        }
        Err(wrong(start, WordsFault::OpenQuotes))
    }
}

fn wrong(at: usize, fault: impl Into<WordsFault>) -> WordsError {
    WordsError {
        at,
        fault: fault.into(),
    }
}
