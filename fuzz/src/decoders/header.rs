//! The canonical bytes of a header.

use crate::{Reached, Target, meter, stock};
use anabranch_core::{changeset::Header, sim::Rng};

pub(super) const TARGET: Target = Target {
    name: "header",
    what: "the header of a change set, read from canonical bytes",
    applies: false,
    run,
    seeds: stock::headers,
    mutate,
    end: super::nothing,
};

fn run(input: &[u8]) -> Reached {
    match meter::judging(|| Header::decode(input)) {
        Ok(header) => {
            assert_eq!(
                header.encode(),
                input,
                "a header is written in one way only"
            );
            Reached::Judged
        }
        Err(rule) => Reached::Rejected(rule.code()),
    }
}

/// Half of them keep the form: a field of the header says something else.
fn mutate(rng: &mut Rng, input: &[u8]) -> Vec<u8> {
    match postcard::from_bytes::<Header>(input) {
        Ok(mut header) if rng.one_in(2) => {
            stock::bend_header(rng, &mut header);
            header.encode()
        }
        _ => super::bytewise(rng, input),
    }
}
