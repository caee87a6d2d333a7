//! Making a recorded session of two people typing at once from the history of documents.
//!
//! Each of two documents is known in several versions, as a repository keeps them. What leads from
//! one to the next is typed again, key by key: words that went are deleted, words that came are
//! typed. Both documents lie in one text, one above the other, and while one person types in the
//! upper the other types in the lower; from version to version they change places, so that in the
//! end each paragraph has words of both. Every now and then one takes in what the other did. The
//! words and their order are real; the pace is made up from a seed, about 120 ms a key.
//!
//! The result is a concurrent trace, as [`anabranch::trace`] describes it.
#![expect(
    clippy::indexing_slicing,
    reason = "two people, two documents: every index is 0 or 1, or was handed out by a push"
)]

use anabranch_core::sim::Rng;
use serde::Serialize;
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// What stands between the two documents, so that the two never type at the same place.
const BETWEEN: &str = "\n\n* * *\n\n";
/// Longer deletions are made by selecting, shorter ones key by key.
const BACKSPACES_MAX: usize = 24;
/// When the session begins: 2026-01-01T09:00:00Z.
const BEGIN_MS: i64 = 1_767_258_000_000;

/// One patch of a trace: position, how much goes, what comes; in code points.
pub type Patch = (usize, usize, String);

/// A session in the form that is written to a file.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Session {
    kind: &'static str,
    end_content: String,
    num_agents: usize,
    txns: Vec<Txn>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Txn {
    parents: Vec<usize>,
    num_children: usize,
    agent: usize,
    time: String,
    patches: Vec<Patch>,
}

/// The keys that lead from one text to another.
pub fn keys(from: &str, to: &str) -> Vec<Patch> {
    let (from, to) = (words(from), words(to));
    let mut keys = Vec::new();
    let mut at = 0;
    for op in capture_diff_slices(Algorithm::Myers, &from, &to) {
        if let DiffOp::Equal { .. } = op {
            at += length(&from, op.old_range());
            continue;
        }
        let gone = length(&from, op.old_range());
        if gone > BACKSPACES_MAX {
            keys.push((at, gone, String::new()));
        } else {
            keys.extend((at..at + gone).rev().map(|at| (at, 1, String::new())));
        }
        for char in to.get(op.new_range()).unwrap_or_default().concat().chars() {
            keys.push((at, 0, char.to_string()));
            at += 1;
        }
    }
    keys
}

/// Words, and what stands between them, character by character.
fn words(text: &str) -> Vec<&str> {
    let mut words = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = if first.is_alphanumeric() {
            rest.find(|char: char| !char.is_alphanumeric())
        } else {
            Some(first.len_utf8())
        };
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        words.push(word);
        rest = after;
    }
    words
}

fn length(words: &[&str], range: std::ops::Range<usize>) -> usize {
    let words = words.get(range).unwrap_or_default();
    words.iter().map(|word| word.chars().count()).sum()
}

/// Records a session from the versions of an upper and a lower document, oldest first.
pub fn record(upper: &[String], lower: &[String], seed: u64) -> Session {
    let mut recorder = Recorder::new(seed);
    recorder.put(0, (0, 0, BETWEEN.to_owned()));
    for round in 0..upper.len().max(lower.len()) {
        recorder.meet(round);
        let mut todo = [step(upper, round), step(lower, round)].map(Vec::into_iter);
        while let Some(agent) = recorder.next_to_type(&todo) {
            let document = recorder.people[agent].document;
            if let Some(key) = todo[document].next() {
                recorder.press(agent, key);
            }
        }
    }
    recorder.meet(0);
    let last = |versions: &[String]| versions.last().cloned().unwrap_or_default();
    Session {
        kind: "concurrent",
        end_content: format!("{}{BETWEEN}{}", last(upper), last(lower)),
        num_agents: 2,
        txns: recorder.txns,
    }
}

/// The keys of one round: what leads from the version before to this one.
fn step(versions: &[String], round: usize) -> Vec<Patch> {
    let before = match round.checked_sub(1) {
        Some(before) => versions.get(before).map(String::as_str),
        None => Some(""),
    };
    let now = versions.get(round);
    before
        .zip(now)
        .map_or(Vec::new(), |(before, now)| keys(before, now))
}

/// One of the two people.
#[derive(Default)]
struct Person {
    /// The document that they type in this round: 0 the upper, 1 the lower.
    document: usize,
    /// When they pressed their last key, in milliseconds since the session began.
    now_ms: i64,
    /// Their last transaction.
    last: Option<usize>,
    /// The other's last one that they have taken in.
    seen: Option<usize>,
    /// How long each document is, as far as they know.
    lengths: [usize; 2],
}

struct Recorder {
    people: [Person; 2],
    txns: Vec<Txn>,
    /// Of each transaction, what its author had taken in of the other.
    seen: Vec<Option<usize>>,
    pace: Rng,
}

impl Recorder {
    fn new(seed: u64) -> Self {
        Recorder {
            people: Default::default(),
            txns: Vec::new(),
            seen: Vec::new(),
            pace: Rng::new(seed),
        }
    }

    /// Both take in everything and begin the round at one time, in the other document.
    fn meet(&mut self, round: usize) {
        let now_ms = self.people.iter().map(|person| person.now_ms).max();
        for agent in 0..2 {
            self.take_in(agent);
            self.people[agent].now_ms = now_ms.unwrap_or_default() + 1_000;
        }
        for (agent, person) in self.people.iter_mut().enumerate() {
            person.document = (agent + round) % 2;
        }
    }

    /// Who presses the next key: of those who have something to type, who is earlier.
    fn next_to_type(&self, todo: &[std::vec::IntoIter<Patch>; 2]) -> Option<usize> {
        (0..2)
            .filter(|agent| todo[self.people[*agent].document].len() > 0)
            .min_by_key(|agent| self.people[*agent].now_ms)
    }

    /// One takes in all that the other did.
    fn take_in(&mut self, agent: usize) {
        let there = &self.people[1 - agent];
        let (last, document) = (there.last, there.document);
        let length = there.lengths[document];
        let here = &mut self.people[agent];
        here.seen = last;
        // They type in different documents, so each knows best how long their own is.
        here.lengths[document] = length;
    }

    /// One presses a key in the document that they type in.
    fn press(&mut self, agent: usize, (at, delete, insert): Patch) {
        if self.pace.one_in(60) {
            self.take_in(agent);
        }
        let pause = if self.pace.one_in(40) { 2_000 } else { 1 };
        let took_ms = 60 + self.pace.below(120) + self.pace.below(pause);
        let person = &mut self.people[agent];
        person.now_ms += i64::try_from(took_ms).unwrap_or_default();
        let length = &mut person.lengths[person.document];
        *length = *length + insert.chars().count() - delete;
        let above = match person.document {
            0 => 0,
            _ => person.lengths[0] + BETWEEN.chars().count(),
        };
        self.put(agent, (above + at, delete, insert));
    }

    /// Adds a transaction. Its parents are its author's last one and the other's last that they
    /// have taken in, but for one that the other has in its past.
    fn put(&mut self, agent: usize, patch: Patch) {
        let Person {
            now_ms, last, seen, ..
        } = self.people[agent];
        let past = |txn: Option<usize>| txn.and_then(|txn| self.seen[txn]);
        let mut parents: Vec<usize> = [
            last.filter(|_| past(seen) < last),
            seen.filter(|_| past(last) < seen),
        ]
        .into_iter()
        .flatten()
        .collect();
        parents.sort_unstable();
        for parent in &parents {
            self.txns[*parent].num_children += 1;
        }
        let time = jiff::Timestamp::from_millisecond(BEGIN_MS + now_ms).unwrap_or_default();
        self.people[agent].last = Some(self.txns.len());
        self.seen.push(seen);
        self.txns.push(Txn {
            parents,
            num_children: 0,
            agent,
            time: time.to_string(),
            patches: vec![patch],
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anabranch::trace::{CharSplice, Mirror, Trace};

    fn typed(keys: Vec<Patch>, from: &str) -> String {
        let mut text = Mirror::new(from);
        for (at, delete, insert) in keys {
            let (at, delete) = (at as u32, delete as u32);
            text.edit(&CharSplice { at, delete, insert }).unwrap();
        }
        text.text()
    }

    #[test]
    fn the_keys_lead_from_one_text_to_the_other() {
        let (from, to) = ("one two, thrée four", "one zwei, thrée\nand four 🦀");
        let keys = keys(from, to);
        assert_eq!(typed(keys.clone(), from), to);
        assert_eq!(
            keys[0],
            (6, 1, String::new()),
            "the last letter of `two` goes first"
        );
    }

    #[test]
    fn a_recorded_session_is_a_trace_of_two_who_type_at_once() {
        let versions =
            |texts: &[&str]| -> Vec<String> { texts.iter().map(|t| t.to_string()).collect() };
        let upper = versions(&[
            "a river",
            "a river leaves its bed",
            "a river left and came back",
        ]);
        let lower = versions(&["the bank", "the far bank"]);
        let session = record(&upper, &lower, 7);
        let again = record(&upper, &lower, 7);
        let json = serde_json::to_vec(&session).unwrap();
        assert_eq!(
            json,
            serde_json::to_vec(&again).unwrap(),
            "one seed, one session"
        );
        let Trace::Concurrent(trace) = anabranch::trace::parse(&json).unwrap() else {
            panic!("not concurrent");
        };
        assert_eq!(
            trace.end,
            format!("a river left and came back{BETWEEN}the far bank")
        );
        let unseen = |agent: usize| {
            let mine = trace.txns.iter().filter(|txn| txn.agent == agent);
            mine.filter(|txn| txn.seen[1 - agent] < 5).count()
        };
        assert!(
            unseen(0) > 3 && unseen(1) > 3,
            "both type before they see the other"
        );
    }
}
