//! The compact form of Yrs updates: unpacking foreign bytes after an honest stream, and packing
//! foreign updates.

use crate::{Reached, Target, meter, stock};
use anabranch_core::{
    limits,
    sim::Rng,
    wire::yrs::{Crowd, Pen, pack, unpack},
};

pub(super) const TARGET: Target = Target {
    name: "wire_yrs",
    what: "compact Yrs updates after an honest stream; and any bytes packed come back",
    applies: false,
    run,
    seeds,
    mutate,
    end: super::nothing,
};

thread_local! {
    /// What both ends know after half of a chain, and the rest of it, packed and not.
    static STREAM: (Pen, Crowd, Vec<Vec<u8>>, Vec<Vec<u8>>) = stream();
}

fn stream() -> (Pen, Crowd, Vec<Vec<u8>>, Vec<Vec<u8>>) {
    let (mut pen, mut crowd) = (Pen::default(), Crowd::default());
    let (mut compact, mut updates) = (Vec::new(), Vec::new());
    let chain = stock::body_chain();
    for (at, bytes) in chain.iter().enumerate() {
        if at < chain.len() / 2 {
            pack(bytes, &mut pen, &mut crowd);
        } else {
            compact.push(pack(bytes, &mut pen.clone(), &mut crowd.clone()));
            updates.push(bytes.clone());
        }
    }
    (pen, crowd, compact, updates)
}

/// The first byte says which way: even, unpack the rest; odd, pack it.
fn seeds() -> Vec<Vec<u8>> {
    STREAM.with(|(_, _, compact, updates)| {
        let unpack = compact
            .iter()
            .map(|bytes| [&[0], bytes.as_slice()].concat());
        unpack
            .chain(
                updates
                    .iter()
                    .map(|bytes| [&[1], bytes.as_slice()].concat()),
            )
            .collect()
    })
}

fn run(input: &[u8]) -> Reached {
    let Some((way, bytes)) = input.split_first() else {
        return Reached::Rejected("empty");
    };
    let (pen, crowd) = STREAM.with(|(pen, crowd, ..)| (pen.clone(), crowd.clone()));
    let there = || (pen.clone(), crowd.clone());
    let comes_back = |bytes: &[u8], metered: bool| {
        let ((mut pen, mut crowd), mut end) = (there(), there());
        let mut pack = || pack(bytes, &mut pen, &mut crowd);
        let compact = if metered {
            meter::judging(pack)
        } else {
            pack()
        };
        let back = unpack(&compact, &mut end.0, &mut end.1);
        assert_eq!(
            back.as_deref(),
            Ok(bytes),
            "any bytes come back as they were"
        );
        assert!(
            compact.len() <= bytes.len() + 1,
            "and grow by one byte at most"
        );
    };
    if way & 1 == 1 {
        if bytes.len() > limits::PAYLOAD_BYTES_MAX {
            return Reached::Rejected("too-long");
        }
        comes_back(bytes, true);
        return Reached::Judged;
    }
    let (mut pen, mut crowd) = there();
    match meter::judging(|| unpack(bytes, &mut pen, &mut crowd)) {
        Ok(update) => {
            assert!(
                update.len() <= 16 * bytes.len() + 64,
                "{} bytes",
                update.len()
            );
            comes_back(&update, false);
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
