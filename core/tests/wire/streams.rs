//! Change sets carried over streams come out as they went in.

use crate::workload::{
    Author, Body, Field, Record, Rng, START_MS, Typist, filling, flushes, typing,
};
use anabranch_core::{
    changeset::{ChangeSet, EngineKind, FlushCache, Payload, Signed, Verified},
    hlc::Hlc,
    id::{ChangeSetId, UserId},
    value::Value,
    wire::{Cause, Decoder, Encoder, FrameError, Press, Received, frame_len},
};

/// Two ends of a stream and the direction from one to the other.
#[derive(Default)]
pub struct Stream {
    pub press: Press,
    pub flushes: FlushCache,
    pub encoder: Encoder,
    pub decoder: Decoder,
}

impl Stream {
    pub fn carry(&mut self, changes: &[Verified]) -> Vec<Vec<u8>> {
        let frames = self.encoder.encode(&mut self.press, changes, None);
        let mut got = Vec::new();
        for frame in &frames {
            assert_eq!(frame_len(frame), Ok(Some(frame.len())));
            match self.decode(frame) {
                Ok(Received::Rebuilt(verified)) => got.extend(verified),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(got, changes);
        frames
    }

    pub fn decode(&mut self, frame: &[u8]) -> Result<Received, FrameError> {
        self.decoder
            .decode(&mut self.press, &mut self.flushes, frame, None)
    }
}

#[test]
fn typing_and_records_come_out_as_they_went_in_alone_and_in_batches() {
    for size in [1, 7, 100] {
        let mut rng = Rng(size as u64);
        let mut stream = Stream::default();
        let (body, changes) = typing(Typist::prose(3), &mut rng, 300);
        for flush in flushes(&body.author.key, changes, size) {
            stream.carry(&flush);
        }
        let (key, changes) = filling(&mut rng, 9, 300);
        for flush in flushes(&key, changes, size) {
            stream.carry(&flush);
        }
    }
}

#[test]
fn live_keys_and_fields_keep_their_budget() {
    let mut rng = Rng(5);
    let mut stream = Stream::default();
    let (body, changes) = typing(Typist::prose(3), &mut rng, 200);
    let mut sizes = Vec::new();
    for flush in flushes(&body.author.key, changes, 1) {
        sizes.push(stream.carry(&flush)[0].len() - 64);
    }
    sizes.sort_unstable();
    assert!(sizes[100] <= 7, "half of the keys of a body: {sizes:?}");
    let author = Author::new(&mut rng, "record", EngineKind::Automerge);
    let mut record = Record::new(author, &mut rng, true);
    for (field, budget) in [(Field::Key, 9), (Field::Status, 20)] {
        let mut last = 0;
        for at in 0..20 {
            let change = record.edit(field, &mut rng, START_MS + at * 173);
            let flush = record.author.seal(vec![change]);
            last = stream.carry(&flush)[0].len() - 64;
        }
        assert!(last <= budget, "{last} bytes");
    }
}

#[test]
fn authors_who_take_turns_need_no_dependencies_written_out() {
    let mut rng = Rng(8);
    let mut one = Body::new(&mut rng);
    let mut stream = Stream::default();
    let mut other = one.author.beside(&mut rng);
    let mut sizes = Vec::new();
    for turn in 0..20u64 {
        let first = one.edit(&[(0, 0, "x".into())], START_MS + turn * 300);
        other.sees(&first);
        let second = other.change(vec![0, 0], START_MS + turn * 300 + 100, Vec::new());
        one.author.sees(&second);
        for (author, change) in [(&one.author, first), (&other, second)] {
            let flush = author.seal(vec![change]);
            sizes.push(stream.carry(&flush)[0].len() - 64);
        }
    }
    assert!(sizes[10..].iter().all(|size| *size <= 10), "{sizes:?}");
}

/// A dependency that has seen `prev` hides it from the engine, which then names one hash, not two.
#[test]
fn authors_who_take_turns_in_a_record_or_write_at_once_stay_compact() {
    let mut rng = Rng(21);
    let author = Author::new(&mut rng, "record", EngineKind::Automerge);
    let mut one = Record::new(author, &mut rng, true);
    let mut two = one.beside(&mut rng);
    let mut stream = Stream::default();
    let mut sizes = Vec::new();
    for turn in 0..24u64 {
        let now = START_MS + turn * 400;
        let first = one.edit(Field::Key, &mut rng, now);
        // Every third time both write before they see each other.
        let at_once = turn % 3 == 2;
        if !at_once {
            two.sees(&first);
        }
        let second = two.edit(Field::Status, &mut rng, now + 150);
        if at_once {
            two.sees(&first);
        }
        one.sees(&second);
        for (author, change) in [(&one.author, first), (&two.author, second)] {
            let flush = author.seal(vec![change]);
            sizes.push(stream.carry(&flush)[0].len() - 64);
        }
    }
    assert!(sizes[8..].iter().all(|size| *size <= 26), "{sizes:?}");
}

#[test]
fn what_the_other_direction_carried_is_named_not_repeated() {
    let mut rng = Rng(9);
    let mut mine = Body::new(&mut rng);
    let mut theirs = mine.author.beside(&mut rng);
    let (mut press, mut cache) = (Press::new(), FlushCache::new());
    let (mut my_out, mut my_in) = (Encoder::new(), Decoder::new());
    let (mut their_out, mut their_in) = (Encoder::new(), Decoder::new());
    let mut last = 0;
    for turn in 0..6u64 {
        let change = theirs.change(vec![0, 0], START_MS + turn * 500, Vec::new());
        mine.author.sees(&change);
        let sealed = theirs.seal(vec![change]);
        for frame in their_out.encode(&mut press, &sealed, Some(&their_in)) {
            my_in
                .decode(&mut press, &mut cache, &frame, Some(&my_out))
                .unwrap();
        }
        let change = mine.edit(&[(0, 0, "y".into())], START_MS + turn * 500 + 99);
        assert_eq!(change.header().deps.len(), 1);
        let sealed = mine.author.seal(vec![change]);
        for frame in my_out.encode(&mut press, &sealed, Some(&my_in)) {
            last = frame.len() - 64;
            let got = their_in.decode(&mut press, &mut cache, &frame, Some(&their_out));
            assert_eq!(got, Ok(Received::Rebuilt(sealed.clone())));
        }
    }
    assert!(last <= 16, "{last} bytes");
}

#[test]
fn every_field_of_the_header_can_change_and_comes_back() {
    let mut rng = Rng(10);
    let mut author = Author::new(&mut rng, "log.comments", EngineKind::Log);
    let strangers: Vec<Author> = (0..3).map(|_| author.beside(&mut rng)).collect();
    let mut stream = Stream::default();
    let mut changes = Vec::new();
    for at in 0..40u64 {
        let header = &mut author.header;
        header.on_behalf_of = (at % 3 == 0).then(|| UserId(rng.bytes()));
        header.schema_version += u32::from(at % 5 == 0);
        header.control.number += at % 4;
        header.key_epoch = (at % 7 > 3).then_some(2);
        header.extension = vec![7; (at % 3) as usize];
        header.replaces = (at % 6 == 1).then(|| ChangeSetId(rng.bytes()));
        header.rules = 1 + (at % 2) as u16;
        for (seen, stranger) in strangers.iter().enumerate() {
            if at % (seen as u64 + 2) == 0 {
                author.deps.push(anabranch_core::changeset::Dep {
                    chain: stranger.header.chain,
                    seq: at + 1,
                    id: ChangeSetId(rng.bytes()),
                });
            }
        }
        author.hlc = Hlc(author.hlc.0 + (rng.next() >> rng.below(40).max(20)) % (1 << 40));
        let route = vec![
            ("a".to_owned(), Value::Null),
            ("b".to_owned(), Value::Bool(at % 2 == 0)),
            ("c".to_owned(), Value::Int(-(at as i64))),
            ("d".to_owned(), Value::Bytes(rng.bytes::<9>().to_vec())),
            ("e".to_owned(), Value::Time(at as i64)),
            ("f".to_owned(), Value::from("é")),
        ];
        author.hlc = Hlc(author.hlc.0 + 1);
        changes.push(author.stamped(rng.bytes::<5>().to_vec(), route));
    }
    stream.carry(&author.seal(changes));
}

#[test]
fn husks_travel_as_husks() {
    let mut rng = Rng(11);
    let (body, changes) = typing(Typist::prose(1), &mut rng, 6);
    let mut sealed = body.author.seal(changes);
    sealed[1].erase();
    let absent = Signed {
        change: sealed[3].change().husk(),
        proof: sealed[3].proof().clone(),
    };
    sealed[3] = absent.verify(&mut FlushCache::new()).unwrap();
    assert_eq!(*sealed[3].change().payload(), Payload::Absent);
    Stream::default().carry(&sealed);
}

#[test]
fn parts_of_flushes_carry_only_the_tree_nodes_they_need() {
    let mut rng = Rng(12);
    for count in [2usize, 3, 9, 100] {
        let (body, changes) = typing(Typist::prose(1), &mut rng, count);
        let sealed = body.author.seal(changes);
        for part in 0..8 {
            let some: Vec<Verified> = sealed
                .iter()
                .filter(|_| part == 0 || rng.one_in(part))
                .cloned()
                .collect();
            if !some.is_empty() {
                Stream::default().carry(&some);
            }
        }
        let mut backwards = sealed.clone();
        backwards.reverse();
        Stream::default().carry(&backwards);
    }
}

#[test]
fn forged_signatures_give_no_verdict() {
    let mut rng = Rng(13);
    let (body, changes) = typing(Typist::prose(1), &mut rng, 2);
    let mut stream = Stream::default();
    let sealed: Vec<Verified> = changes
        .into_iter()
        .flat_map(|c| body.author.seal(vec![c]))
        .collect();
    let mut frames = stream.encoder.encode(&mut stream.press, &sealed[..1], None);
    let signature = sealed[0].proof().signature.0;
    let at = frames[0]
        .windows(64)
        .position(|bytes| bytes == signature)
        .unwrap();
    frames[0][at + 40] ^= 1;
    let error = stream.decode(&frames[0]);
    let Err(FrameError::SendExplicitly {
        cause: Cause::Rebuilt(_),
    }) = error
    else {
        panic!("{error:?}");
    };
    let next = stream.encoder.encode(&mut stream.press, &sealed[1..], None);
    let error = stream.decode(&next[0]);
    assert_eq!(
        error,
        Err(FrameError::SendExplicitly {
            cause: Cause::NoContext
        })
    );
}

/// Trap 19: the receiving end lost its table; the change sets are honest and must not be called
/// forged.
#[test]
fn a_lost_interning_table_asks_for_explicit_frames_and_recovers() {
    let mut rng = Rng(14);
    let (body, changes) = typing(Typist::prose(1), &mut rng, 60);
    let flushes = flushes(&body.author.key, changes, 10);
    let mut stream = Stream::default();
    stream.carry(&flushes[0]);
    // A frame gets lost: the tables at both ends differ from now on.
    stream.encoder.encode(&mut stream.press, &flushes[1], None);
    let frames = stream.encoder.encode(&mut stream.press, &flushes[2], None);
    let error = stream.decode(&frames[0]);
    assert!(
        matches!(error, Err(FrameError::SendExplicitly { .. })),
        "{error:?}"
    );
    // Another end altogether, with no table at all.
    let mut blank = Stream::default();
    let error = blank.decode(&frames[0]);
    assert_eq!(
        error,
        Err(FrameError::SendExplicitly {
            cause: Cause::NoContext
        })
    );
    // The sender answers.
    stream.encoder.reset();
    for frame in Encoder::explicit(&mut stream.press, &flushes[2]) {
        let Ok(Received::Explicit(signed)) = stream.decode(&frame) else {
            panic!("explicit frames need no context");
        };
        for (signed, verified) in signed.into_iter().zip(&flushes[2]) {
            assert_eq!(
                signed.unwrap().verify(&mut stream.flushes).as_ref(),
                Ok(verified)
            );
        }
    }
    stream.carry(&flushes[3]);
    stream.carry(&flushes[4]);
}

#[test]
fn large_flushes_are_split_into_frames_within_every_bound() {
    let mut rng = Rng(15);
    let mut author = Author::new(&mut rng, "log.events", EngineKind::Log);
    let changes: Vec<ChangeSet> = (0..512)
        .map(|at| {
            let payload: Vec<u8> = (0..9_000).map(|_| rng.next() as u8).collect();
            author.change(payload, START_MS + at, Vec::new())
        })
        .collect();
    let frames = Stream::default().carry(&author.seal(changes));
    assert!(frames.len() >= 5 && frames.iter().all(|frame| frame.len() <= (1 << 20) + 4));
}

#[test]
fn more_documents_than_a_context_holds_begin_it_anew() {
    let mut rng = Rng(16);
    let first = Author::new(&mut rng, "log.events", EngineKind::Log);
    let changes: Vec<ChangeSet> = (0..5_000)
        .map(|at| {
            let mut author = first.elsewhere(&mut rng);
            author.change(vec![1, 2, 3], START_MS + at, Vec::new())
        })
        .collect();
    let mut stream = Stream::default();
    for flush in flushes(&first.key, changes, 500) {
        stream.carry(&flush);
    }
}
