//! Frames of a stream: foreign bytes against a context that honest frames have built, and change
//! sets of hostile authors carried from end to end.

use crate::{Reached, Target, change_set, meter, stock};
use anabranch_core::{
    changeset::{FlushCache, Signed, Verified},
    sim::Rng,
    wire::{Cause, Decoder, Encoder, FrameError, Press, Received, frame_len},
};
use std::cell::RefCell;

pub(super) const TARGET: Target = Target {
    name: "wire_frame",
    what: "a frame read against a stream's context; and any sealed change set carried comes back",
    applies: false,
    run,
    seeds,
    mutate,
    end: super::nothing,
};

/// Both ends of a stream after some frames went over it, and the frames that follow.
struct Stream {
    here: Encoder,
    there: Decoder,
    press: Press,
    frames: Vec<Vec<u8>>,
}

thread_local! {
    static STREAM: RefCell<Stream> = RefCell::new(stream());
}

fn verified() -> Vec<Verified> {
    let signed = stock::signed()
        .into_iter()
        .map(|bytes| Signed::decode(&bytes).expect("stored"));
    signed
        .map(|signed| signed.verify(&mut FlushCache::new()).expect("signed"))
        .collect()
}

fn stream() -> Stream {
    let (all, mut press) = (verified(), Press::new());
    let (mut here, mut there) = (Encoder::new(), Decoder::new());
    let (before, after) = all.split_at(all.len() / 2);
    for frame in here.encode(&mut press, before, None) {
        there
            .decode(&mut press, &mut FlushCache::new(), &frame, None)
            .expect("an honest stream");
    }
    let mut frames = Encoder::explicit(&mut press, &all[..4]);
    frames.extend(Encoder::explicit(&mut Press::plain(), &all[..2]));
    frames.extend(Encoder::new().encode(&mut press, &all, None));
    for size in [1, 3, after.len()] {
        let mut onward = here.clone();
        frames.extend(
            after
                .chunks(size)
                .take(6)
                .flat_map(|some| onward.encode(&mut press, some, None)),
        );
        let mut onward = here.clone();
        frames.extend(onward.encode(&mut Press::plain(), &after[..size.min(after.len())], None));
    }
    Stream {
        here,
        there,
        press,
        frames,
    }
}

/// The first byte says which way: even, a frame to be read; odd, an input of the target
/// `change_set`, whose change set goes over the stream.
fn seeds() -> Vec<Vec<u8>> {
    let frames = STREAM.with_borrow(|stream| stream.frames.clone());
    let frames = frames
        .into_iter()
        .map(|frame| [&[0], frame.as_slice()].concat());
    let sealed = (change_set::TARGET.seeds)()
        .into_iter()
        .step_by(5)
        .map(|input| [&[1], input.as_slice()].concat());
    frames.chain(sealed).collect()
}

fn run(input: &[u8]) -> Reached {
    match input.split_first() {
        Some((way, input)) if way & 1 == 1 => carry(input),
        Some((_, frame)) => STREAM.with_borrow_mut(|stream| read(stream, frame)),
        None => Reached::Rejected("empty"),
    }
}

fn read(Stream { there, press, .. }: &mut Stream, frame: &[u8]) -> Reached {
    let mut there = there.clone();
    let flushes = &mut FlushCache::new();
    let (whole, decoded) =
        meter::judging(|| (frame_len(frame), there.decode(press, flushes, frame, None)));
    match decoded {
        Ok(received) => {
            assert_eq!(
                whole,
                Ok(Some(frame.len())),
                "a frame that is read has its whole length"
            );
            match received {
                Received::Rebuilt(changes) => {
                    for change in changes {
                        change
                            .into_signed()
                            .verify(&mut FlushCache::new())
                            .expect("rebuilt means proven");
                    }
                    Reached::Judged
                }
                Received::Explicit(changes) => {
                    let refused = changes.into_iter().find_map(Result::err);
                    refused.map_or(Reached::Judged, |rule| Reached::Rejected(rule.code()))
                }
            }
        }
        Err(error) => Reached::Rejected(match &error {
            FrameError::SendExplicitly {
                cause: Cause::NoContext,
            } => "frame-no-context",
            FrameError::SendExplicitly {
                cause: Cause::Form(form),
            } => stock::form_code(form),
            FrameError::SendExplicitly {
                cause: Cause::Rebuilt(rule),
            } => rule.code(),
            FrameError::Version { .. } => "frame-version",
            FrameError::TooLong { .. } => "frame-too-long",
            FrameError::Malformed(_) => "frame-malformed",
            FrameError::Packing { .. } => "frame-packing",
        }),
    }
}

fn carry(input: &[u8]) -> Reached {
    let Some((_, stored)) = change_set::sealed(input) else {
        return Reached::Rejected("no-input");
    };
    let signed =
        match Signed::decode(&stored).and_then(|signed| signed.verify(&mut FlushCache::new())) {
            Ok(verified) => verified,
            Err(rule) => return Reached::Rejected(rule.code()),
        };
    STREAM.with_borrow_mut(
        |Stream {
             here, there, press, ..
         }| {
            let (mut here, mut there) = (here.clone(), there.clone());
            let mut back = Vec::new();
            for frame in here.encode(press, std::slice::from_ref(&signed), None) {
                match there.decode(press, &mut FlushCache::new(), &frame, None) {
                    Ok(Received::Rebuilt(changes)) => back.extend(changes),
                    other => panic!("an honest sender's frame is not read: {other:?}"),
                }
            }
            assert_eq!(back, [signed], "what is carried comes back");
        },
    );
    Reached::Judged
}

fn mutate(rng: &mut Rng, input: &[u8]) -> Vec<u8> {
    match input.split_first() {
        Some((way, input)) if way & 1 == 1 => {
            [&[1], (change_set::TARGET.mutate)(rng, input).as_slice()].concat()
        }
        _ => {
            let mut bytes = super::bytewise(rng, input);
            if let Some(first) = bytes.first_mut() {
                *first = 0;
            }
            bytes
        }
    }
}
