//! Automerge changes against records.
//!
//! An input is a world, a form and bytes. The form says what is repaired before they are judged, as
//! an author would who has a valid key and wants them to come far.

use super::twist;
use crate::{
    Reached, Target, bytes,
    form::chunk::{self, Chunk},
    harmless,
    world::{Judging, World},
};
use anabranch_core::sim::Rng;
use std::cell::RefCell;

/// The target.
pub const TARGET: Target = Target {
    name: "record",
    what: "an Automerge change, judged, applied, saved, loaded, edited and saved again",
    applies: true,
    run,
    seeds,
    mutate,
    end,
};

/// The bytes are a chunk's body: length and checksum are written before it.
pub const FRAMED: u8 = 1;
/// Actor, number, time, dependencies and first counter become those of the place.
pub const DRESSED: u8 = 2;
/// The other actors become those that the document knows.
pub const ACQUAINTED: u8 = 4;

/// How many worlds there are.
pub const WORLDS: usize = 4;

thread_local! {
    static STAND: RefCell<Vec<Stand>> = RefCell::new(stands());
}

struct Stand {
    judging: Judging,
    /// An honest change at the place.
    honest: Chunk,
    /// Every actor that the document knows, sorted, the author left out.
    actors: Vec<Vec<u8>>,
}

fn stands() -> Vec<Stand> {
    // Nothing written yet; little; more, with concurrent work that the author has not seen.
    let rounds: [usize; WORLDS] = [0, 4, 12, 16];
    (0u64..)
        .zip(rounds)
        .map(|(seed, rounds)| {
            let mut rng = Rng::new(31 + seed);
            let judging = Judging::new(World::new(seed, "sampler", "record"), &mut rng, rounds, 80);
            let parse = |payload: &Vec<u8>| Chunk::parse(chunk::body(payload)?);
            let honest = judging
                .honest
                .iter()
                .find_map(parse)
                .expect("an honest change");
            let mut actors: Vec<Vec<u8>> = vec![anabranch_core::record::GENESIS_ACTOR.to_vec()];
            for kept in &judging.world.base {
                let chunk = kept
                    .change
                    .payload()
                    .bytes()
                    .and_then(|payload| Chunk::parse(chunk::body(payload)?));
                actors.extend(chunk.map(|chunk| chunk.actor));
            }
            actors.sort_unstable();
            actors.dedup();
            actors.retain(|actor| *actor != honest.actor);
            Stand {
                judging,
                honest,
                actors,
            }
        })
        .collect()
}

/// What an input sends, and in which world.
pub fn payload(input: &[u8]) -> Option<(usize, Vec<u8>)> {
    let [world, form, bytes @ ..] = input else {
        return None;
    };
    let at = usize::from(*world) % WORLDS;
    let payload = STAND.with_borrow(|stands| repaired(&stands[at], *form, bytes));
    Some((at, payload))
}

fn repaired(stand: &Stand, form: u8, bytes: &[u8]) -> Vec<u8> {
    if form & FRAMED == 0 {
        return bytes.to_vec();
    }
    let Some(mut chunk) = Chunk::parse(bytes).filter(|_| form & (DRESSED | ACQUAINTED) != 0) else {
        return chunk::frame(chunk::CHANGE, bytes);
    };
    if form & DRESSED != 0 {
        chunk.dress(&stand.honest);
    }
    if form & ACQUAINTED != 0 {
        let known = stand
            .actors
            .iter()
            .cycle()
            .take(chunk.others.len().min(stand.actors.len()));
        chunk.others = known.cloned().collect();
        chunk.others.sort_unstable();
    }
    chunk::frame(chunk::CHANGE, &chunk.body())
}

/// Every form in which bytes are sent: as they are and, where they are a chunk, with its header
/// repaired less or more; in every world.
pub fn sending(bytes: &[u8]) -> Vec<Vec<u8>> {
    let mut inputs = Vec::new();
    for world in 0..WORLDS as u8 {
        inputs.push([&[world, 0], bytes].concat());
        for form in [FRAMED, FRAMED | DRESSED, FRAMED | DRESSED | ACQUAINTED] {
            inputs.extend(chunk::body(bytes).map(|body| [&[world, form], body].concat()));
        }
    }
    inputs
}

/// An honest change of the author of each world, as far as its columns.
pub(crate) fn honest() -> Vec<Chunk> {
    STAND.with_borrow(|stands| stands.iter().map(|stand| stand.honest.clone()).collect())
}

fn run(input: &[u8]) -> Reached {
    let Some((at, payload)) = payload(input) else {
        return Reached::Rejected("no-input");
    };
    STAND.with_borrow_mut(|stands| super::pass(&mut stands[at].judging, &payload))
}

fn end() {
    let all = STAND.with_borrow_mut(std::mem::take);
    all.into_iter()
        .for_each(|stand| harmless::untouched(stand.judging));
    STAND.set(stands());
}

fn seeds() -> Vec<Vec<u8>> {
    STAND.with_borrow(|stands| {
        let all = stands.iter().enumerate().flat_map(|(at, stand)| {
            stand.judging.honest.iter().filter_map(move |payload| {
                Some([&[at as u8, FRAMED], chunk::body(payload)?].concat())
            })
        });
        all.collect()
    })
}

/// Of ten, four keep the operations in shape, four change columns, two change bytes.
fn mutate(rng: &mut Rng, input: &[u8]) -> Vec<u8> {
    let (world, form, body) = match input {
        [world, form, body @ ..] => (*world, *form, body),
        _ => (0, FRAMED, input),
    };
    let framed = form & FRAMED != 0;
    let made = match rng.below(10) {
        0..4 if framed => twist::operations(rng, body).map(|body| (form | DRESSED, body)),
        4..8 if framed => Chunk::parse(body).map(|mut chunk| {
            columns(rng, &mut chunk);
            (
                form | [0, DRESSED, DRESSED | ACQUAINTED][rng.below(3)],
                chunk.body(),
            )
        }),
        _ => None,
    };
    let (form, body) = made.unwrap_or_else(|| {
        let mut body = body.to_vec();
        bytes::mutate(rng, &mut body);
        let form = if rng.one_in(30) { form ^ FRAMED } else { form };
        (form, body)
    });
    let world = if rng.one_in(20) {
        rng.next() as u8
    } else {
        world
    };
    [&[world, form], body.as_slice()].concat()
}

/// Another column, another header.
fn columns(rng: &mut Rng, chunk: &mut Chunk) {
    for _ in 0..1 + rng.below(3) {
        let count = chunk.columns.len();
        match rng.below(14) {
            0 => chunk.seq = [0, 1, 2, u64::MAX, chunk.seq.wrapping_add(1)][rng.below(5)],
            1 => {
                chunk.start_op = [
                    0,
                    1,
                    (1 << 32) - 2,
                    1 << 31,
                    1 << 62,
                    chunk.start_op.wrapping_add(1),
                ][rng.below(6)]
            }
            2 => {
                chunk.time = [
                    vec![0],
                    vec![0xff; 10],
                    [vec![0x80; 9], vec![0x7f]].concat(),
                ][rng.below(3)]
                .clone()
            }
            3 => chunk.message = vec![b'm'; rng.below(4)],
            4 => chunk.others.push(rng.bytes::<16>().to_vec()),
            5 => drop(chunk.others.pop()),
            6 => drop(chunk.deps.pop()),
            7 => chunk.extra = vec![0; rng.below(8)],
            8 if count > 0 => drop(chunk.columns.remove(rng.below(count))),
            9 if count > 0 => chunk.columns.swap(rng.below(count), rng.below(count)),
            10 => {
                let spec = [
                    0x01, 0x02, 0x11, 0x13, 0x15, 0x34, 0x42, 0x56, 0x57, 0x70, 0x71, 0x73, 0x94,
                    0xa5, 0x0a, 0x99,
                ];
                chunk
                    .columns
                    .push((spec[rng.below(spec.len())], vec![1, 0]));
                chunk.columns.sort_unstable();
            }
            _ if count > 0 => {
                let at = rng.below(count);
                bytes::mutate(rng, &mut chunk.columns[at].1);
            }
            _ => {}
        }
    }
}
