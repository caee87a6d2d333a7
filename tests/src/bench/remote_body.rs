//! A keystroke of a Yrs body that arrives: from wire bytes to the document, against decoding and
//! applying the same update in bare Yrs.

use super::{
    Options,
    clock::{Clock, Rounds, Spent},
    report::{Figure, Row},
    stage::{Desk, Ear, Line, bare_yrs},
    typing::{FLUSH_EDITS, Typing},
};
use anabranch_core::{
    body::BodyOp,
    changeset::{FlushCache, Verified},
    document::Draft,
    replica::Replica,
    sim::Rng,
};
use yrs::{Doc, Transact, Update, updates::decoder::Decode};

const BEGIN_MS: u64 = 1_767_258_000_000;
/// Keystrokes that one side takes in before the other has its turn. Their signatures must fit into
/// the cache of verified flushes.
const TURN: usize = 16;
/// Characters that one change set of the text before puts in.
const PASTE: usize = 2_000;

/// Measures.
pub fn measure(options: &Options, _: &[Typing]) -> Figure {
    let clock = Clock::measure();
    let mut figure = Figure::new(
        "a keystroke of a Yrs body that arrives: wire bytes, verified, judged, applied, without the check of the flush's signature; CPU against bare Yrs decoding and applying the same update",
        "x",
    );
    for units in [10_000, 200_000] {
        for place in [Place::On, Place::Anywhere] {
            let keys = Keys::typed(units, place, options.pick(2_400, 800));
            let rounds = options.pick(7, 3);
            figure.rows.push(keys.row(1, rounds, &clock));
            figure.rows.push(keys.row(FLUSH_EDITS, rounds, &clock));
        }
    }
    figure
        .note(
            "one at a time: a frame and a flush per keystroke; together: frames and flushes of 100",
        )
        .target("one at a time", 2.0, Some(1.5))
}

#[derive(Clone, Copy)]
enum Place {
    /// Each key after the one before.
    On,
    /// Each key somewhere.
    Anywhere,
}

/// A text and the keystrokes that arrive after it.
struct Keys {
    label: String,
    desk: Desk,
    /// What makes the text.
    text: Vec<Verified>,
    keys: Vec<Verified>,
}

impl Keys {
    fn typed(units: usize, place: Place, count: usize) -> Self {
        let mut rng = Rng::new(11);
        let mut desk = Desk::new("markdown", "body", 1);
        let mut len = 0;
        let mut now_ms = BEGIN_MS;
        let mut write = |desk: &mut Desk, at: usize, insert: String| {
            let at = u32::try_from(at).unwrap();
            now_ms += 120;
            let op = BodyOp::Splice {
                text: Vec::new(),
                at,
                delete: 0,
                insert,
                marks: None,
            };
            desk.write(now_ms, &Draft::Body(&[op]));
        };
        while len < units {
            write(
                &mut desk,
                len,
                "the river bends; ".repeat(PASTE)[..PASTE].to_owned(),
            );
            len += PASTE;
        }
        let text = desk.flush();
        let middle = len / 2;
        for at in 0..count {
            let to = match place {
                Place::On => middle + at,
                Place::Anywhere => rng.below(len + at),
            };
            write(
                &mut desk,
                to,
                char::from(b'a' + rng.below(26) as u8).to_string(),
            );
        }
        // Sealed again in flushes of the right size by each row.
        let keys = desk.flush();
        let place = match place {
            Place::On => "typing on",
            Place::Anywhere => "at random places",
        };
        Keys {
            label: format!("{} characters, {place}", units),
            desk,
            text,
            keys,
        }
    }

    fn row(&self, flush: usize, rounds: usize, clock: &Clock) -> Row {
        let key = &self.desk.lab.stations[0].key;
        let changes = self
            .keys
            .chunks(flush)
            .map(|flush| flush.iter().map(|v| v.change().clone()));
        let flushes: Vec<Vec<Verified>> = changes
            .map(|changes| {
                anabranch_core::changeset::seal_verified(key, changes.collect()).unwrap()
            })
            .collect();
        let mut line = Line::new();
        let before: Vec<Vec<u8>> = line.send(&self.text);
        let frames: Vec<Vec<u8>> = flushes.iter().flat_map(|flush| line.send(flush)).collect();
        assert_eq!(frames.len(), flushes.len(), "a frame per flush");
        let (mut whole, mut parts) = (Rounds::default(), [Rounds::default(), Rounds::default()]);
        let count = self.keys.len() as f64;
        for _ in 0..rounds {
            let [bare, decode, receive] = self
                .round(&before, &frames, &flushes)
                .map(|s| s.nanos(clock) / count);
            whole.push(bare, decode + receive);
            parts[0].push(bare, decode);
            parts[1].push(bare, receive);
        }
        let (low, high) = whole.spread();
        let how = if flush == 1 {
            "one at a time"
        } else {
            "together"
        };
        let label = format!("{how}, {}", self.label);
        let row = if flush == 1 {
            Row::new(label, whole.ratio())
        } else {
            Row::aside(label, whole.ratio())
        };
        row.with("bare_us", whole.bare_us())
            .with("ours_us", whole.ours_us())
            .with("frame_to_change_sets_us", parts[0].ours_us())
            .with("receive_us", parts[1].ours_us())
            .with("lowest_x", low)
            .with("highest_x", high)
    }

    /// Everything once, in turns: bare; frames to change sets; change sets to the document.
    fn round(
        &self,
        before: &[Vec<u8>],
        frames: &[Vec<u8>],
        flushes: &[Vec<Verified>],
    ) -> [Spent; 3] {
        let mut cache = FlushCache::new();
        let (mut scout, mut ear) = (Ear::new(), Ear::new());
        let mut reader = self.desk.reader();
        for frame in before {
            scout.hear(&mut cache, frame);
            reader.receive(BEGIN_MS, ear.hear(&mut cache, frame));
        }
        let (doc, _text) = bare_yrs(1);
        self.text
            .iter()
            .for_each(|change| apply(&doc, payload(change)));
        let mut spent = [Spent::default(); 3];
        for (frames, flushes) in frames.chunks(TURN).zip(flushes.chunks(TURN)) {
            let updates: Vec<&[u8]> = flushes.iter().flatten().map(payload).collect();
            spent[0].on(|| updates.iter().for_each(|update| apply(&doc, update)));
            // The scout has the signatures checked.
            frames
                .iter()
                .for_each(|frame| drop(scout.hear(&mut cache, frame)));
            let checks = cache.checks();
            let mut heard = Vec::with_capacity(frames.len());
            spent[1].on(|| heard.extend(frames.iter().map(|frame| ear.hear(&mut cache, frame))));
            assert_eq!(
                cache.checks(),
                checks,
                "no signature is checked in the timed part"
            );
            let intakes = spent[2].on(|| {
                let intake = heard
                    .into_iter()
                    .map(|changes| reader.receive(BEGIN_MS, changes));
                intake.collect::<Vec<_>>()
            });
            assert!(intakes.iter().all(|intake| !intake.arrivals.is_empty()));
        }
        self.settled(&reader);
        spent
    }

    /// The reader has what the writer has.
    fn settled(&self, reader: &Replica) {
        assert_eq!(reader.digest(), self.desk.lab.stations[0].replica.digest());
    }
}

fn payload(change: &Verified) -> &[u8] {
    change.change().payload().bytes().unwrap()
}

#[inline]
fn apply(doc: &Doc, update: &[u8]) {
    let update = Update::decode_v1(update).unwrap();
    doc.transact_mut().apply_update(update).unwrap();
}
