//! The compact form of Automerge changes: unpacking foreign bytes after an honest stream, and
//! packing foreign changes.

use crate::{Reached, Target, meter, stock};
use anabranch_core::{
    limits,
    sim::Rng,
    wire::{
        FormError,
        automerge::{Geneses, Given, Mark, Pen, Tables, pack, unpack},
    },
};
use automerge::Change;

pub(super) const TARGET: Target = Target {
    name: "wire_automerge",
    what: "compact Automerge changes after an honest stream; and any bytes packed come back",
    applies: false,
    run,
    seeds,
    mutate,
    end: super::nothing,
};

/// One end of a stream, and what the next change is known to be.
#[derive(Clone)]
struct End {
    pen: Pen,
    tables: Tables,
    geneses: Geneses,
    prev: Option<Mark>,
    seq: u64,
    time: i64,
}

impl End {
    fn new() -> Self {
        End {
            pen: Pen::default(),
            tables: Tables::default(),
            geneses: Geneses::default(),
            prev: None,
            seq: 0,
            time: 0,
        }
    }

    fn given(&self) -> Given<'static> {
        Given {
            seq: self.seq,
            time: self.time,
            prev: self.prev,
            deps: &[],
            first: self.seq == 1,
        }
    }

    fn pack(&mut self, chunk: &[u8]) -> Vec<u8> {
        let (given, mut budget) = (self.given(), limits::CHANGE_OPS_MAX);
        pack(
            chunk,
            given,
            &mut self.pen,
            &mut self.tables,
            &mut self.geneses,
            &mut budget,
        )
        .0
    }

    fn unpack(&mut self, compact: &[u8]) -> Result<(Vec<u8>, Option<Mark>), FormError> {
        let (given, mut budget) = (self.given(), limits::CHANGE_OPS_MAX);
        unpack(
            compact,
            given,
            &mut self.pen,
            &mut self.tables,
            &mut self.geneses,
            &mut budget,
        )
    }

    /// Gets ready for a change as its header announces it.
    fn expect(&mut self, change: &Change) {
        (self.seq, self.time) = (change.seq(), change.timestamp());
    }
}

thread_local! {
    /// Both ends after part of a chain went over, and the compact forms of the rest.
    static STREAM: (End, Vec<Vec<u8>>, Vec<Vec<u8>>) = stream();
}

fn stream() -> (End, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let chain = stock::record_chain();
    let mut end = End::new();
    let (mut compact, mut chunks) = (Vec::new(), Vec::new());
    for (at, bytes) in chain.iter().enumerate() {
        let change = Change::from_bytes(bytes.clone()).unwrap();
        let mut next = end.clone();
        next.expect(&change);
        let packed = next.pack(bytes);
        if at < chain.len() / 2 {
            end = next;
            end.prev = Some(Mark {
                hash: change.hash().0,
                max_op: change.max_op(),
            });
        } else {
            compact.push(packed);
            chunks.push(bytes.clone());
        }
    }
    (end, compact, chunks)
}

/// The first byte says which way: even, unpack the rest; odd, pack it.
fn seeds() -> Vec<Vec<u8>> {
    STREAM.with(|(_, compact, chunks)| {
        let unpack = compact
            .iter()
            .map(|bytes| [&[0], bytes.as_slice()].concat());
        unpack
            .chain(chunks.iter().map(|bytes| [&[1], bytes.as_slice()].concat()))
            .collect()
    })
}

fn run(input: &[u8]) -> Reached {
    let Some((way, bytes)) = input.split_first() else {
        return Reached::Rejected("empty");
    };
    let here = STREAM.with(|(end, ..)| {
        let mut end = end.clone();
        (end.seq, end.time) = (end.seq + 1, end.time + 7);
        end
    });
    let mut there = here.clone();
    if way & 1 == 1 {
        let mut sender = here;
        let compact = meter::judging(|| sender.pack(bytes));
        if bytes.len() > limits::PAYLOAD_BYTES_MAX {
            return Reached::Rejected("too-long");
        }
        let (back, _) = there
            .unpack(&compact)
            .expect("what was packed here is unpacked there");
        assert_eq!(back, bytes, "any bytes come back as they were");
        assert!(
            compact.len() <= bytes.len() + 1,
            "and grow by one byte at most"
        );
        return Reached::Judged;
    }
    match meter::judging(|| there.unpack(bytes)) {
        Ok((chunk, _)) => {
            assert!(
                chunk.len() <= 64 * bytes.len() + (64 << 10),
                "{} bytes",
                chunk.len()
            );
            // What was rebuilt can be sent on.
            let mut onward = here;
            let mut end = onward.clone();
            let compact = onward.pack(&chunk);
            assert_eq!(end.unpack(&compact).expect("packed").0, chunk);
            Reached::Judged
        }
        Err(error) => Reached::Rejected(stock::form_code(&error)),
    }
}

fn mutate(rng: &mut Rng, input: &[u8]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    crate::bytes::mutate(rng, &mut bytes);
    if let Some(first) = bytes.first_mut() {
        *first = input.first().copied().unwrap_or(0) ^ u8::from(rng.one_in(20));
    }
    bytes
}
